#include "hw/display/edid.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <numeric>
#include <span>
#include <string>

#include "base/bits.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

namespace quince::hw {
namespace {

unsigned sum(std::span<const u8> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0u) % 256;
}

std::vector<DisplayMode> modes(std::initializer_list<const char*> texts) {
  std::vector<DisplayMode> all;
  for (const char* t : texts) all.push_back(*parse_display_mode(t));
  return all;
}

// ---- Modes -------------------------------------------------------------------------------------

TEST(DisplayMode, IsASizeAndPerhapsARate) {
  EXPECT_EQ(*parse_display_mode("1920x1080"), (DisplayMode{1920, 1080, 60}));
  EXPECT_EQ(*parse_display_mode("1440x900@75"), (DisplayMode{1440, 900, 75}));
  for (const char* bad : {"", "x", "1920", "1920x", "1920x1080@", "1920x1080@60x", "1920x1080x60",
                          "-1x5", "1920 x1080", "99999999999x5", "63x600", "9000x600", "640x480@1"})
    EXPECT_FALSE(parse_display_mode(bad)) << bad;
}

// VESA's tables have these modes with reduced blanking.
TEST(DisplayMode, TimingsAreThoseOfTheVesa) {
  const DisplayTiming a = cvt_reduced({1920, 1200, 60});
  EXPECT_EQ(a.clock_khz, 154'000u);
  EXPECT_EQ(a.h_total, 2080u);
  EXPECT_EQ(a.v_total, 1235u);
  EXPECT_EQ(a.v_sync, 6u);
  const DisplayTiming b = cvt_reduced({1400, 1050, 60});
  EXPECT_EQ(b.clock_khz, 101'000u);
  EXPECT_EQ(b.h_total, 1560u);
  EXPECT_EQ(b.v_total, 1080u);
  EXPECT_EQ(b.v_sync, 4u);
  const DisplayTiming c = cvt_reduced({1280, 1024, 120});
  EXPECT_EQ(c.clock_khz, 187'250u);
  EXPECT_EQ(c.v_total, 1084u);
}

// ---- The block ---------------------------------------------------------------------------------

TEST(Edid, TheFirstTimingIsThePreferredMode) {
  const std::vector<u8> e = make_edid({.modes = modes({"1280x800"}), .name = "A", .serial = "77"});
  ASSERT_EQ(e.size(), 128u);
  EXPECT_EQ(load_le<u64>(e.data()), 0x00ff'ffff'ffff'ff00u);
  EXPECT_EQ(sum(e), 0u);
  EXPECT_EQ(load_le<u32>(&e[12]), 77u);
  EXPECT_EQ(e[54 + 2] | (e[54 + 4] >> 4) << 8, 1280);
  EXPECT_EQ(e[54 + 5] | (e[54 + 7] >> 4) << 8, 800);
  EXPECT_EQ(load_le<u16>(&e[54]), 7100u);  // 71 MHz
}

TEST(Edid, HeadsDifferByTheirSerials) {  // 001k
  const EdidConfig a{.name = "Quince 1", .serial = "abc-1"},
      b{.name = "Quince 2", .serial = "abc-2"};
  const auto one = make_edid(a), two = make_edid(b);
  EXPECT_NE(load_le<u32>(&one[12]), load_le<u32>(&two[12]));
  EXPECT_EQ(std::string(&one[77], &one[83]), "abc-1\n");
  EXPECT_EQ(std::string(&two[95], &two[104]), "Quince 2\n");
}

TEST(Edid, WhatIsWrongIsNamed) {
  EXPECT_TRUE(EdidConfig{}.check());
  EXPECT_FALSE(EdidConfig{.modes = {}}.check());
  EXPECT_FALSE(EdidConfig{.modes = std::vector<DisplayMode>(9)}.check());
  EXPECT_FALSE(EdidConfig{.serial = ""}.check());
  EXPECT_FALSE(EdidConfig{.serial = "12345678901234"}.check());
  EXPECT_FALSE(EdidConfig{.serial = "a\n"}.check());
}

// ---- Another reader ----------------------------------------------------------------------------

struct Decoded : ::testing::Test {
  test::TempDir dir;
  void SetUp() override {
    if (!test::have_command("edid-decode")) GTEST_SKIP() << "edid-decode is not installed";
  }
  /// What edid-decode says, and that it finds nothing wrong.
  std::string decode(const EdidConfig& c) {
    EXPECT_TRUE(c.check());
    const std::string path = dir.path() + "/edid";
    const auto bytes = make_edid(c);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<long>(bytes.size()));
    const auto r = test::run_command("edid-decode --check '" + path + "'");
    EXPECT_EQ(r.status, 0) << r.output;
    EXPECT_NE(r.output.find("EDID conformity: PASS"), std::string::npos) << r.output;
    return r.output;
  }
  static void expect(const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* p : parts) EXPECT_NE(text.find(p), std::string::npos) << p << " in\n" << text;
  }
};

TEST_F(Decoded, AnUsualDisplay) {
  expect(decode({.modes = modes({"1920x1080"}), .name = "Quince 1", .serial = "S-12"}),
         {"EDID Structure Version & Revision: 1.4", "1920x1080   59.93", "138.500000 MHz",
          "Display Product Name: 'Quince 1'", "Display Product Serial Number: 'S-12'",
          "First detailed timing includes the native"});
}

TEST_F(Decoded, TheUsualModesAreOfferedWhereThereIsRoom) {
  expect(decode({.modes = modes({"1600x1000"})}),
         {"1920x1080   60", "1280x800    59", "1280x720    60", "1440x900    59", "1600x900    60",
          "1680x1050   59", "1280x1024   60", "1920x1200   59"});
  // Not one twice, and none that nobody asked for.
  const std::string once = decode({.modes = modes({"1280x800"})});
  EXPECT_EQ(once.find("1280x800"), once.rfind("1280x800")) << once;
  const std::string only = decode({.modes = modes({"1280x800"}), .usual_modes = false});
  EXPECT_EQ(only.find("1920x1080"), only.npos) << only;
}

TEST_F(Decoded, SeveralModes) {
  const std::string text =
      decode({.modes = modes({"1440x900", "1280x1024", "1920x1080@75", "1366x768", "1000x1000"})});
  expect(text,
         {"1440x900", "1280x1024   60.019", "1920x1080   75.00", "1366x768    59.", "1000x1000"});
}

TEST_F(Decoded, DisplaysThatAreTooLargeForTheBaseBlock) {
  const std::string text = decode({.modes = modes({"7680x4320", "5120x2880@120"})});
  expect(text, {"7680x4320", "5120x2880", "DisplayID", "preferred", "3840x2160"});
}

TEST_F(Decoded, AsManyModesAsThereMayBe) {
  const EdidConfig c{.modes = modes({"8000x5000", "7000x5000", "6000x5000", "5000x5000",
                                     "5000x4000", "5000x3000", "5000x2000", "5000x1000"})};
  EXPECT_EQ(make_edid(c).size(), kMaxEdid);
  expect(decode(c), {"8000x5000", "7000x5000", "5000x3000", "5000x1000"});
}

TEST_F(Decoded, EverySizeOfAWindow) {
  for (const char* size : {"64x64", "801x601", "1279x719", "4095x64", "4096x64", "64x4096",
                           "8192x8192", "3840x2160@120", "2560x1600@24"})
    expect(decode({.modes = modes({size})}), {std::string(size, strcspn(size, "@")).c_str()});
}

}  // namespace
}  // namespace quince::hw
