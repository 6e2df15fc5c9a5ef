// The configuration block and the paravirtual clock.
#include <gtest/gtest.h>

#include "hw/vmapple/avp_rtc.h"
#include "hw/vmapple/cfg.h"
#include "tests/support/pin.h"

namespace quince::hw {
namespace {

struct VmappleCfgTest : ::testing::Test {
  std::unique_ptr<GuestRam> ram = std::move(GuestRam::create("cfg", VmappleCfg::kSize).value());
  u32 word(u64 at) const { return load_le<u32>(ram->data() + at); }
  std::string text(u64 at) const { return reinterpret_cast<const char*>(ram->data() + at); }
};

// 001i: the layout that guests boot with, field by field.
TEST_F(VmappleCfgTest, TheCompiledLayout) {
  VmappleCfgConfig c{.cpus = 3, .ram_bytes = 0x1'2345'0000, .ecid = 0x8877'6655'4433'2211};
  c.random = 0xabcd;
  c.mac_en0 = {1, 2, 3, 4, 5, 6};
  c.mac_bt0 = {6, 5, 4, 3, 2, 1};
  c.seed[0] = 9;
  c.seed[63] = 8;
  c.serial = std::string(31, 'x');
  ASSERT_TRUE(c.check());
  const VmappleCfg cfg("cfg", c, *ram);
  const std::pair<u64, u32> words[] = {
      {0x00, 2},  {0x04, 3},          {0x08, 1},          {0x0c, 1},          {0x10, 0x20},
      {0x14, 0},  {0x18, 0x44332211}, {0x1c, 0x88776655}, {0x20, 0x23450000}, {0x24, 1},
      {0x28, 0},  {0x2c, 1},          {0x30, 1},          {0x34, 0},          {0x38, 0xabcd},
      {0x3c, 0},  {0x40, 0x04030201}, {0x44, 0x0605},     {0x48, 0},          {0x58, 0x03040506},
      {0x100, 0}, {0x104, 1},         {0x108, 2},         {0x10c, 0},         {0x300, 0},
      {0x580, 1}, {0x5a4, 0},         {0x5c8, 9},         {0x604, 8u << 24},  {0x608, 0}};
  for (const auto& [at, value] : words) EXPECT_EQ(word(at), value) << std::hex << at;
  EXPECT_EQ(text(0x500), std::string(31, 'x'));
  EXPECT_EQ(text(0x520), "D/A");
  EXPECT_EQ(text(0x540), "VM0001");
  EXPECT_EQ(text(0x560), "");
  EXPECT_EQ(text(0x584), "Apple M1 (Virtual)");
}

TEST_F(VmappleCfgTest, AResetWritesItAnew) {
  VmappleCfg cfg("cfg", {.cpus = 1}, *ram);
  std::fill_n(ram->data(), VmappleCfg::kSize, u8{0xff});
  cfg.reset();
  EXPECT_EQ(word(0), 2u);
  EXPECT_EQ(word(VmappleCfg::kSize - 4), 0u);
}

// 001i
TEST_F(VmappleCfgTest, ValuesThatAreTooLongAreRefusedByName) {
  const auto error = [](VmappleCfgConfig c) {
    const auto r = c.check();
    return r ? std::string() : r.error().message();
  };
  const std::string at_most(31, 'a'), too_long(32, 'a');
  EXPECT_EQ(error({.serial = at_most, .model = at_most, .soc_name = at_most}), "");
  EXPECT_EQ(error({.serial = too_long}), "serial= has 32 bytes, and the platform has room for 31");
  EXPECT_EQ(error({.model = too_long}), "model= has 32 bytes, and the platform has room for 31");
  EXPECT_EQ(error({.soc_name = too_long}),
            "soc-name= has 32 bytes, and the platform has room for 31");
  EXPECT_EQ(error({.cpus = 129}), "129 CPUs are too many: the platform names at most 128");
}

TEST(AvpRtc, TimeAndRegisters) {
  ManualClock clock;
  TimerQueue timers(clock);
  test::Pin pin;
  AvpRtc rtc("avp-rtc", pin.wire(), timers, 5'000'000);
  const auto rd = [&](u64 off, unsigned size = 8) {
    u64 v = 99;
    EXPECT_EQ(rtc.read(off, {size}, v), Bus::Ok) << off;
    return v;
  };
  EXPECT_EQ(rd(0x00), 5'000'000u);
  clock.set(1'234'567'000);
  EXPECT_EQ(rd(0x00), 6'234'567u);
  EXPECT_EQ(rd(0x40, 4), 0xf001u);
  EXPECT_EQ(rd(0x08), 0u);
  EXPECT_EQ(rd(0x38), 0u);
  EXPECT_EQ(rtc.write(0x18, {8}, 1), Bus::Ok);
  EXPECT_EQ(rtc.write(0x20, {4}, 6), Bus::Ok);
  EXPECT_EQ(rtc.write(0x38, {8}, 0xff'ffff'ffff'ffff), Bus::Ok);
  EXPECT_EQ(rtc.write(0x00, {8}, 7), Bus::Ok);
  EXPECT_EQ(rd(0x18), 1u);
  EXPECT_EQ(rd(0x20), 6u);
  EXPECT_EQ(rd(0x30), 0u);
  EXPECT_FALSE(pin.high);
  rtc.reset();
  EXPECT_EQ(rd(0x18), 0u);
  EXPECT_EQ(rd(0x00), 6'234'567u);
}

}  // namespace
}  // namespace quince::hw
