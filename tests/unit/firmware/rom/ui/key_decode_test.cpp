#include <gtest/gtest.h>

#include <array>
#include <string_view>
#include <vector>

extern "C" {
#include "firmware/rom/ui/key_decode.h"
}

namespace {

using Keys = std::vector<u32>;

/// The keys of some bytes, and at the end what a pause makes of them.
Keys typed(std::string_view bytes) {
  KeyBytes k{};
  Keys keys;
  for (const char byte : bytes)
    if (const u32 key = key_byte(&k, static_cast<u8>(byte))) keys.push_back(key);
  if (key_open(&k))
    if (const u32 key = key_timeout(&k)) keys.push_back(key);
  EXPECT_FALSE(key_open(&k));
  return keys;
}

TEST(KeyBytes, CharactersAreThemselves) {
  EXPECT_EQ(typed("aZ1 ~"), (Keys{'a', 'Z', '1', ' ', '~'}));
  EXPECT_EQ(typed("\t\b\x7f"), (Keys{kKeyTab, kKeyBackspace, kKeyBackspace}));
  EXPECT_EQ(typed("\xc3\xa4"), Keys{});
}

TEST(KeyBytes, EnterIsOneKeyHoweverItIsSent) {
  EXPECT_EQ(typed("\r"), Keys{kKeyEnter});
  EXPECT_EQ(typed("\n"), Keys{kKeyEnter});
  EXPECT_EQ(typed("\r\n"), Keys{kKeyEnter});
  EXPECT_EQ(typed("\r\r"), (Keys{kKeyEnter, kKeyEnter}));
  EXPECT_EQ(typed("\n\n"), (Keys{kKeyEnter, kKeyEnter}));
}

TEST(KeyBytes, SequencesOfTheVt100AndXterm) {
  EXPECT_EQ(typed("\x1b[A\x1b[B\x1b[C\x1b[D"), (Keys{kKeyUp, kKeyDown, kKeyRight, kKeyLeft}));
  EXPECT_EQ(typed("\x1bOA\x1bOB\x1bOH\x1bOF\x1bOM"),
            (Keys{kKeyUp, kKeyDown, kKeyHome, kKeyEnd, kKeyEnter}));
  EXPECT_EQ(typed("\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~"),
            (Keys{kKeyHome, kKeyEnd, kKeyHome, kKeyEnd, kKeyHome, kKeyEnd}));
  EXPECT_EQ(typed("\x1b[5~\x1b[6~\x1b[3~"), (Keys{kKeyPageUp, kKeyPageDown, kKeyDelete}));
  EXPECT_EQ(typed("\x1b[1;5A\x1b[3;2~"), (Keys{kKeyUp, kKeyDelete}));  // with Ctrl, with Shift
}

TEST(KeyBytes, WhatIsUnknownIsNoKey) {
  EXPECT_EQ(typed("\x1b[15~\x1b[99999999999999999999~\x1b[Mx"), Keys{'x'});
  EXPECT_EQ(typed("\x1b[?25;1hx"), Keys{'x'});
  EXPECT_EQ(typed("\x1b[2\rx"), (Keys{kKeyEnter, 'x'}));  // a sequence that was broken off
}

TEST(KeyBytes, EscIsAKeyWhenNothingFollows) {
  EXPECT_EQ(typed("\x1b"), Keys{kKeyEscape});
  EXPECT_EQ(typed("\x1b\x1b"), (Keys{kKeyEscape, kKeyEscape}));
  EXPECT_EQ(typed("\x1b\x1b[A"), (Keys{kKeyEscape, kKeyUp}));
  EXPECT_EQ(typed("\x1bx"), Keys{'x'});
  EXPECT_EQ(typed("\x1b["), Keys{});  // it is longer than that, and its end is lost
}

// ---- USB ---------------------------------------------------------------------------------------

using Report = std::array<u8, kReportLength>;

Keys pressed(KeyReports& k, const Report& report) {
  u32 keys[kReportUsages];
  const u32 count = key_report(&k, report.data(), keys);
  return {keys, keys + count};
}

/// One key, pressed and released.
u32 key_of(u8 usage, u8 modifiers = 0) {
  KeyReports k{};
  const Keys keys = pressed(k, {modifiers, 0, usage});
  EXPECT_EQ(pressed(k, {}), Keys{});
  return keys.empty() ? u32{kKeyNone} : keys[0];
}

TEST(KeyReports, LettersAndFigures) {
  EXPECT_EQ(key_of(0x04), 'a');
  EXPECT_EQ(key_of(0x1d), 'z');
  EXPECT_EQ(key_of(0x04, 0x02), 'A');
  EXPECT_EQ(key_of(0x1d, 0x20), 'Z');
  EXPECT_EQ(key_of(0x1e), '1');
  EXPECT_EQ(key_of(0x27), '0');
  EXPECT_EQ(key_of(0x1f, 0x02), '@');
  EXPECT_EQ(key_of(0x06, 0x01), 3u);  // Ctrl-C
  EXPECT_EQ(key_of(0x06, 0x04), kKeyNone + 0u);
}

TEST(KeyReports, TheUsLayout) {
  const std::string_view plain = "\r\x1b\b\t -=[]\\\\;'`,./";
  const std::string_view shifted = "\r\x1b\b\t _+{}||:\"~<>?";
  for (u8 i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(key_of(static_cast<u8>(0x28 + i)), static_cast<u8>(plain[i])) << i;
    EXPECT_EQ(key_of(static_cast<u8>(0x28 + i), 0x20), static_cast<u8>(shifted[i])) << i;
  }
  EXPECT_EQ(key_of(0x39), kKeyNone + 0u);  // Caps Lock
}

TEST(KeyReports, CursorKeysAndTheKeypad) {
  EXPECT_EQ(key_of(0x52), kKeyUp + 0u);
  EXPECT_EQ(key_of(0x51), kKeyDown + 0u);
  EXPECT_EQ(key_of(0x50), kKeyLeft + 0u);
  EXPECT_EQ(key_of(0x4f), kKeyRight + 0u);
  EXPECT_EQ(key_of(0x4a), kKeyHome + 0u);
  EXPECT_EQ(key_of(0x4d), kKeyEnd + 0u);
  EXPECT_EQ(key_of(0x4b), kKeyPageUp + 0u);
  EXPECT_EQ(key_of(0x4e), kKeyPageDown + 0u);
  EXPECT_EQ(key_of(0x4c), kKeyDelete + 0u);
  EXPECT_EQ(key_of(0x58), kKeyEnter + 0u);
  EXPECT_EQ(key_of(0x59), '1');
  EXPECT_EQ(key_of(0x62), '0');
  EXPECT_EQ(key_of(0x64), kKeyNone + 0u);
  EXPECT_EQ(key_of(0xff), kKeyNone + 0u);
}

TEST(KeyReports, OnlyWhatGoesDownIsAKey) {
  KeyReports k{};
  EXPECT_EQ(pressed(k, {0, 0, 0x04}), Keys{'a'});
  EXPECT_EQ(pressed(k, {0, 0, 0x04, 0x05}), Keys{'b'});
  EXPECT_EQ(pressed(k, {0, 0, 0x05}), Keys{});
  EXPECT_EQ(pressed(k, {0, 0, 0x05, 0x04, 0x06}), (Keys{'a', 'c'}));
  // Too many at once: everything is as it was.
  EXPECT_EQ(pressed(k, {0, 0, 1, 1, 1, 1, 1, 1}), Keys{});
  EXPECT_EQ(pressed(k, {0, 0, 0x05, 0x04, 0x06}), Keys{});
}

TEST(KeyReports, TheLastKeyRepeatsWhileItIsDown) {
  KeyReports k{};
  EXPECT_EQ(key_repeated(&k), kKeyNone + 0u);
  pressed(k, {0, 0, 0x51});
  EXPECT_EQ(key_repeated(&k), kKeyDown + 0u);
  pressed(k, {0, 0, 0x51, 0x52});
  EXPECT_EQ(key_repeated(&k), kKeyUp + 0u);
  pressed(k, {0, 0, 0x51});
  EXPECT_EQ(key_repeated(&k), kKeyNone + 0u);
  pressed(k, {0, 0, 0x51, 0x28});
  EXPECT_EQ(key_repeated(&k), kKeyNone + 0u);  // Enter
  pressed(k, {0, 0, 0x51, 0x04});
  pressed(k, {0x02, 0, 0x51, 0x04});
  EXPECT_EQ(key_repeated(&k), 'A');
  pressed(k, {});
  EXPECT_EQ(key_repeated(&k), kKeyNone + 0u);
}

}  // namespace
