// 001j: the register by which a guest says that it has crashed.
#include "hw/pvpanic/pvpanic.h"

#include <gtest/gtest.h>

#include "tests/unit/hw/pci/pci_bench.h"

namespace quince::hw {
namespace {

struct Told final : PvpanicHost {
  void pvpanic(u8 events) override { all.push_back(events); }
  std::vector<u8> all;
};

TEST(Pvpanic, SaysWhatItOffersAndPassesItOn) {
  Log log;
  Told told;
  Pvpanic p("pvpanic", kPvpanicPanicked | kPvpanicCrashLoaded, told, log);
  u64 v = 0;
  for (const u64 off : {0u, 1u}) {
    EXPECT_EQ(p.read(off, {1}, v), Bus::Ok);
    EXPECT_EQ(v, 3u);
    EXPECT_EQ(p.write(off, {1}, 1), Bus::Ok);
  }
  EXPECT_EQ(p.write(0, {1}, 2), Bus::Ok);
  EXPECT_EQ(p.write(0, {1}, 4), Bus::Ok);  // not offered
  EXPECT_EQ(p.write(0, {1}, 0), Bus::Ok);
  EXPECT_EQ(p.write(0, {1}, 0xff), Bus::Ok);
  EXPECT_EQ(told.all, (std::vector<u8>{1, 1, 2, 3}));
  EXPECT_EQ(p.read(0, {2}, v), Bus::Ok);
  EXPECT_EQ(v, 0x0303u);
  EXPECT_EQ(p.write(0, {2}, 0x0201), Bus::Ok);
  EXPECT_EQ(told.all.size(), 6u);
}

TEST(Pvpanic, AsAPciFunction) {
  test::PciBench b;
  Told told;
  PvpanicPci p("pvpanic", *b.host->root().claim(1), kPvpanicAll, told);
  EXPECT_EQ(b.read(test::PciBench::cfg(1, 0)), 0x0011'1b36u);
  EXPECT_EQ(b.read(test::PciBench::cfg(1, 8)) >> 8, 0x08'8000u);
  b.write(test::PciBench::cfg(1, 0x10), test::PciBench::kMmio);
  b.command(1, 2);
  EXPECT_EQ(b.read(test::PciBench::kMmio, 1), 7u);
  b.write(test::PciBench::kMmio, 4, 1);
  EXPECT_EQ(told.all, (std::vector<u8>{4}));
}

}  // namespace
}  // namespace quince::hw
