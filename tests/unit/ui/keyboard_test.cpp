#include "ui/keyboard.h"

#include <gtest/gtest.h>

#include <set>

namespace quince::ui {
namespace {

using Events = std::vector<InputEvent>;

constexpr u8 kCtrl = key::kLeftControl, kAlt = key::kLeftAlt, kF = 0x09;

Events one(u8 usage, bool down) { return {KeyInput{usage, down}}; }

TEST(Keyboard, EachChangeIsToldOnce) {
  Keyboard k(HotKeyModifier::LeftCtrlAlt);
  EXPECT_EQ(k.key(key::kA, true).events, one(key::kA, true));
  EXPECT_EQ(k.key(key::kA, true).events, Events{});  // a repeat
  EXPECT_EQ(k.key(key::kA, false).events, one(key::kA, false));
  EXPECT_EQ(k.key(key::kA, false).events, Events{});
  EXPECT_EQ(k.key(0x88, false).events, Events{});  // it was pressed in another window
}

TEST(Keyboard, AHotKeyIsNotTheGuestsAndLeavesNothingPressed) {
  Keyboard k(HotKeyModifier::LeftCtrlAlt);
  k.key(kCtrl, true);
  k.key(kAlt, true);
  const Keyboard::Outcome o = k.key(kF, true);
  EXPECT_EQ(o.hot_key, HotKey::FullScreen);
  EXPECT_EQ(o.events, (Events{KeyInput{kCtrl, false}, KeyInput{kAlt, false}}));
  EXPECT_EQ(k.key(kF, true).hot_key, HotKey::None);  // it repeats
  EXPECT_EQ(k.key(kF, false).events, Events{});
  // The modifier is still held: the next hot key works, and another key is plain.
  EXPECT_EQ(k.key(kF, true).hot_key, HotKey::FullScreen);
  EXPECT_EQ(k.key(key::kA, true).events, one(key::kA, true));
  EXPECT_EQ(k.key(kCtrl, false).events, Events{});
  EXPECT_EQ(k.key(kF, false).hot_key, HotKey::None);
  EXPECT_EQ(k.key(kF, true).events, one(kF, true));
}

TEST(Keyboard, AnotherModifierMakesItAKeyOfTheGuest) {
  Keyboard k(HotKeyModifier::LeftCtrlAlt);
  for (const u8 m : {kCtrl, kAlt, key::kLeftShift}) k.key(m, true);
  EXPECT_EQ(k.key(kF, true).hot_key, HotKey::None);
  k.release_all();
  k.key(kCtrl, true);
  EXPECT_EQ(k.key(kF, true).hot_key, HotKey::None);
  k.release_all();
  k.key(kCtrl, true);
  k.key(key::kRightAlt, true);  // AltGr, with which people type
  EXPECT_EQ(k.key(kF, true).hot_key, HotKey::None);
}

TEST(Keyboard, TheModifierIsAChoice) {
  Keyboard right(HotKeyModifier::RightCtrl), three(HotKeyModifier::LeftShiftCtrlAlt);
  right.key(key::kRightControl, true);
  EXPECT_EQ(right.key(kF, true).hot_key, HotKey::FullScreen);
  for (const u8 m : {kCtrl, kAlt}) three.key(m, true);
  EXPECT_EQ(three.key(kF, true).hot_key, HotKey::None);
  three.key(kF, false);
  three.key(key::kLeftShift, true);
  EXPECT_EQ(three.key(kF, true).hot_key, HotKey::FullScreen);
  EXPECT_EQ(name_of(HotKey::Grab, HotKeyModifier::RightCtrl), "Right Ctrl+G");
}

TEST(Keyboard, LosingTheFocusReleasesWhatIsHeld) {
  Keyboard k(HotKeyModifier::LeftCtrlAlt);
  k.key(0x90, true);  // Hangul
  k.key(key::kRightGui, true);
  EXPECT_EQ(k.release_all(), (Events{KeyInput{0x90, false}, KeyInput{key::kRightGui, false}}));
  EXPECT_EQ(k.release_all(), Events{});
  EXPECT_EQ(k.key(0x90, false).events, Events{});
}

TEST(Keyboard, CtrlAltDelIsThreeKeys) {
  EXPECT_EQ(Keyboard::ctrl_alt_del(true),
            (Events{KeyInput{kCtrl, true}, KeyInput{kAlt, true}, KeyInput{key::kDelete, true}}));
}

TEST(Keyboard, EveryHotKeyHasAKeyAndALineOfHelp) {
  std::set<u8> usages;
  for (const HotKeyInfo& k : hot_keys()) {
    EXPECT_TRUE(usages.insert(k.usage).second) << k.key;
    EXPECT_NE(hot_keys_help().find(k.does), std::string::npos);
  }
  EXPECT_EQ(usages.size(), static_cast<std::size_t>(HotKey::Quit));
}

}  // namespace
}  // namespace quince::ui
