#include "hw/input/key_codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace quince::hw {
namespace {

// 003x: keys by the names that control protocols give them, with the numbers of both sides, from the
// HID tables and from Linux's evdev, not from the table under test.
struct Key {
  const char* qcode;
  u8 usage;
  u16 evdev;
};
constexpr Key kKeys[] = {
    {"a", 0x04, 30},         {"b", 0x05, 48},          {"c", 0x06, 46},
    {"d", 0x07, 32},         {"e", 0x08, 18},          {"f", 0x09, 33},
    {"g", 0x0a, 34},         {"h", 0x0b, 35},          {"i", 0x0c, 23},
    {"j", 0x0d, 36},         {"k", 0x0e, 37},          {"l", 0x0f, 38},
    {"m", 0x10, 50},         {"n", 0x11, 49},          {"o", 0x12, 24},
    {"p", 0x13, 25},         {"q", 0x14, 16},          {"r", 0x15, 19},
    {"s", 0x16, 31},         {"t", 0x17, 20},          {"u", 0x18, 22},
    {"v", 0x19, 47},         {"w", 0x1a, 17},          {"x", 0x1b, 45},
    {"y", 0x1c, 21},         {"z", 0x1d, 44},          {"1", 0x1e, 2},
    {"9", 0x26, 10},         {"0", 0x27, 11},          {"ret", 0x28, 28},
    {"esc", 0x29, 1},        {"backspace", 0x2a, 14},  {"tab", 0x2b, 15},
    {"spc", 0x2c, 57},       {"minus", 0x2d, 12},      {"equal", 0x2e, 13},
    {"bracket_left", 0x2f, 26}, {"bracket_right", 0x30, 27}, {"backslash", 0x31, 43},
    {"semicolon", 0x33, 39}, {"apostrophe", 0x34, 40}, {"grave_accent", 0x35, 41},
    {"comma", 0x36, 51},     {"dot", 0x37, 52},        {"slash", 0x38, 53},
    {"caps_lock", 0x39, 58}, {"f1", 0x3a, 59},         {"f10", 0x43, 68},
    {"f11", 0x44, 87},       {"f12", 0x45, 88},        {"sysrq", 0x46, 99},
    {"scroll_lock", 0x47, 70}, {"pause", 0x48, 119},   {"insert", 0x49, 110},
    {"home", 0x4a, 102},     {"pgup", 0x4b, 104},      {"delete", 0x4c, 111},
    {"end", 0x4d, 107},      {"pgdn", 0x4e, 109},      {"right", 0x4f, 106},
    {"left", 0x50, 105},     {"down", 0x51, 108},      {"up", 0x52, 103},
    {"num_lock", 0x53, 69},  {"kp_divide", 0x54, 98},  {"kp_multiply", 0x55, 55},
    {"kp_subtract", 0x56, 74}, {"kp_add", 0x57, 78},   {"kp_enter", 0x58, 96},
    {"kp_1", 0x59, 79},      {"kp_5", 0x5d, 76},       {"kp_9", 0x61, 73},
    {"kp_0", 0x62, 82},      {"kp_decimal", 0x63, 83}, {"less", 0x64, 86},
    {"compose", 0x65, 127},  {"power", 0x66, 116},     {"kp_equals", 0x67, 117},
    {"f13", 0x68, 183},      {"f24", 0x73, 194},       {"open", 0x74, 134},
    {"help", 0x75, 138},     {"stop", 0x78, 128},      {"again", 0x79, 129},
    {"undo", 0x7a, 131},     {"cut", 0x7b, 137},       {"copy", 0x7c, 133},
    {"paste", 0x7d, 135},    {"find", 0x7e, 136},      {"audiomute", 0x7f, 113},
    {"volumeup", 0x80, 115}, {"volumedown", 0x81, 114}, {"kp_comma", 0x85, 121},
    {"ro", 0x87, 89},        {"katakanahiragana", 0x88, 93}, {"yen", 0x89, 124},
    {"henkan", 0x8a, 92},    {"muhenkan", 0x8b, 94},   {"lang1", 0x90, 122},
    {"lang2", 0x91, 123},    {"hiragana", 0x93, 91},   {"ctrl", 0xe0, 29},
    {"shift", 0xe1, 42},     {"alt", 0xe2, 56},        {"meta_l", 0xe3, 125},
    {"ctrl_r", 0xe4, 97},    {"shift_r", 0xe5, 54},    {"alt_r", 0xe6, 100},
    {"meta_r", 0xe7, 126},
};

TEST(KeyCodes, EveryKeyHasItsCode) {  // 003x
  for (const Key& k : kKeys) EXPECT_EQ(linux_key(k.usage), k.evdev) << k.qcode;
}

TEST(KeyCodes, TheTableIsSortedAndNoTwoKeysAreOne) {
  const auto all = key_codes();
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const KeyCode& a, const KeyCode& b) {
    return a.usage < b.usage;
  }));
  std::map<u16, u8> seen;
  for (const KeyCode& k : all) {
    EXPECT_NE(k.linux, 0);
    EXPECT_EQ(linux_key(k.usage), k.linux);
    if (k.usage == 0x32) continue;  // no keyboard has both this and 0x31
    EXPECT_TRUE(seen.emplace(k.linux, k.usage).second) << int{k.usage};
  }
}

TEST(KeyCodes, NoKeyWithoutACode) {
  for (unsigned usage = 0x04; usage <= 0x94; ++usage) {
    const bool gap = (usage >= 0x82 && usage <= 0x84) || usage == 0x86 ||
                     (usage >= 0x8d && usage <= 0x8f);  // locking keys; reserved
    EXPECT_EQ(linux_key(static_cast<u8>(usage)) == 0, gap) << usage;
  }
  for (unsigned usage = 0; usage < 4; ++usage) EXPECT_EQ(linux_key(static_cast<u8>(usage)), 0);
  EXPECT_EQ(linux_key(0xe8), 0);
}

}  // namespace
}  // namespace quince::hw
