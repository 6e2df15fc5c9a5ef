#include <gtest/gtest.h>

#include <string>

#include "rom_ui.h"

namespace {

std::u32string decode(const char* text) {
  std::u32string codes;
  while (const u32 code = utf8_next(&text)) codes += static_cast<char32_t>(code);
  EXPECT_EQ(*text, 0);
  EXPECT_EQ(utf8_next(&text), 0u);  // it stays at the end
  return codes;
}

TEST(Utf8, ReadsWhatItWrites) {
  for (u32 code = 1; code < 0x10000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    char bytes[4] = {};
    const u32 count = utf8_put(bytes, code);
    const char* at = bytes;
    ASSERT_EQ(utf8_next(&at), code);
    ASSERT_EQ(at, bytes + count);
  }
}

TEST(Utf8, ReadsTheExamplesOfTheRfc) {
  EXPECT_EQ(decode("A\xe2\x89\xa2\xce\x91."), U"A≢Α.");  // RFC 3629, 7
  EXPECT_EQ(decode("\xf0\xa3\x8e\xb4"), U"\ufffd");      // above U+FFFF
}

TEST(Utf8, WhatIsNoUtf8BecomesAReplacement) {
  EXPECT_EQ(decode("a\x80z"), U"a\ufffdz");
  EXPECT_EQ(decode("\xc3"), U"\ufffd");
  EXPECT_EQ(decode("\xe2\x82z"), U"\ufffdz");
  EXPECT_EQ(decode("\xc0\xafz"), U"\ufffd\ufffdz");                      // too long
  EXPECT_EQ(decode("\xe0\x80\xafz"), U"\ufffd\ufffd\ufffdz");            // too long
  EXPECT_EQ(decode("\xed\xa0\x80z"), U"\ufffd\ufffd\ufffdz");            // a surrogate
  EXPECT_EQ(decode("\xf4\x90\x80\x80z"), U"\ufffd\ufffd\ufffd\ufffdz");  // above U+10FFFF
  EXPECT_EQ(decode("\xf0\x80\x80\xafz"), U"\ufffd\ufffd\ufffd\ufffdz");
  EXPECT_EQ(decode("\xff\xfez"), U"\ufffd\ufffdz");
}

TEST(Utf8, CountsCodePoints) {
  EXPECT_EQ(utf8_length("Gr\xc3\xb6\xc3\x9f"
                        "e \xe2\x82\xac"),
            7u);
}

}  // namespace
