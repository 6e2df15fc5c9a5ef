#include "hw/pci/config_space.h"

#include <gtest/gtest.h>

#include "pci_bench.h"

namespace quince::test {
namespace {

using hw::ConfigSpace;

TEST(ConfigSpace, EachBitHasItsRule) {
  ConfigSpace c(256);
  c.set<u32>(0x40, 0x1111'1111);
  c.writable<u32>(0x40, 0x0000'ffff);
  c.write_one_to_clear<u32>(0x40, 0x0f00'0000);
  c.update<u32>(0x40, 0x0f00'0000, 0x0f00'0000);
  EXPECT_EQ(c.read(0x40, 4), 0x1f11'1111u);
  c.write(0x40, 4, 0xf3ff'abcd);
  EXPECT_EQ(c.read(0x40, 4), 0x1c11'abcdu);
  c.write(0x41, 1, 0x77);
  EXPECT_EQ(c.read(0x40, 2), 0x77cdu);
  c.write(0x42, 2, 0xff00);  // clears the other half's bits only where they are written as one
  EXPECT_EQ(c.read(0x40, 4), 0x1011'77cdu);
  c.reset();
  EXPECT_EQ(c.read(0x40, 4), 0x1111'1111u);
}

TEST(ConfigSpace, NothingIsBehindTheEnd) {
  ConfigSpace c(256);
  EXPECT_EQ(c.read(256, 4), 0xffff'ffffu);
  EXPECT_EQ(c.read(4092, 1), 0xffu);
  c.write(256, 4, 1);
  EXPECT_EQ(c.read(252, 4), 0u);
  EXPECT_EQ(ConfigSpace(4096).read(4092, 4), 0u);
}

TEST(ConfigSpace, CapabilitiesMakeALinkedList) {
  ConfigSpace c(4096);
  const unsigned a = c.add_capability(0x05, 14), b = c.add_capability(0x11, 12);
  EXPECT_EQ(a, 0x40u);
  EXPECT_EQ(b, 0x50u);
  EXPECT_EQ(c.read(0x34, 1), a);
  EXPECT_EQ(c.read(a, 2), 0x5005u);
  EXPECT_EQ(c.read(b, 2), 0x0011u);
  EXPECT_EQ(c.read(0x06, 2) & 0x10, 0x10u);
  EXPECT_EQ(c.find_capability(0x11), b);
  EXPECT_EQ(c.find_capability(0x10), 0u);
  const unsigned x = c.add_extended_capability(0x0b, 1, 8);
  const unsigned y = c.add_extended_capability(0x01, 2, 0x48);
  EXPECT_EQ(x, 0x100u);
  EXPECT_EQ(c.read(x, 4), 0x1081'000bu);
  EXPECT_EQ(c.read(y, 4), 0x0002'0001u);
}

TEST(ConfigSpace, ASnapshotOfAnotherFunctionIsRefused) {
  ConfigSpace a(256), b(256), big(4096);
  for (ConfigSpace* c : {&a, &b}) c->writable<u32>(0x10, 0xffff'0000);
  b.set<u16>(0x00, 0x1234);
  a.write(0x10, 4, 0xaaaa'aaaa);
  const auto saved = [&] {
    Archive ar(Archive::Mode::Save);
    a.snapshot(ar, "config");
    ar.set_mode(Archive::Mode::Load);
    return ar;
  };
  Archive ar = saved();
  a.reset();
  a.snapshot(ar, "config");
  ASSERT_TRUE(ar.finish());
  EXPECT_EQ(a.read(0x10, 4), 0xaaaa'0000u);
  for (ConfigSpace* other : {&b, &big}) {
    Archive again = saved();
    other->snapshot(again, "config");
    const auto r = again.finish();
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message().find("config"), std::string::npos);
  }
}

TEST(PciConfig, TheHeaderSaysWhatTheFunctionIs) {
  PciBench b;
  b.plug(1);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x00)), 0x5678'1234u);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x08)), 0xff01'0207u);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x2c)), 0xdef0'9abcu);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x3d), 1), 1u);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x00), 8), u64{0x5678'1234});
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x02), 1), 0x78u);
  b.write(PciBench::cfg(1, 0x00), 0, 4);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x00)), 0x5678'1234u);
}

TEST(PciConfig, TheHostBridgeIsFunctionZero) {
  PciBench b;
  EXPECT_EQ(b.read(PciBench::cfg(0, 0x00)), 0x0008'1b36u);
  EXPECT_EQ(b.read(PciBench::cfg(0, 0x08)), 0x0600'0000u);
  EXPECT_EQ(b.read(PciBench::cfg(0, 0x3c), 2), 0u);
}

TEST(PciConfig, WhoIsNotThereReadsAllOnes) {
  PciBench b;
  for (const unsigned size : {1u, 2u, 4u, 8u}) {
    EXPECT_EQ(b.read(PciBench::cfg(3, 0), size), low_mask(8 * size));
    EXPECT_EQ(b.read(PciBench::cfg(0, 0, 0, 255), size), low_mask(8 * size));
    b.write(PciBench::cfg(3, 0), 0, size);
  }
  // A conventional function ends after 256 bytes.
  EXPECT_EQ(b.read(PciBench::cfg(0, 0x100)), 0xffff'ffffu);
}

TEST(PciConfig, SeveralFunctionsSayThatTheyAreSeveral) {
  PciBench b;
  b.plug(2);
  EXPECT_EQ(b.read(PciBench::cfg(2, 0x0e), 1), 0u);
  b.plug(2, 3);
  EXPECT_EQ(b.read(PciBench::cfg(2, 0x0e), 1), 0x80u);
  EXPECT_EQ(b.read(PciBench::cfg(2, 0x0e, 3), 1), 0x80u);
  b.functions.pop_back();
  EXPECT_EQ(b.read(PciBench::cfg(2, 0x0e), 1), 0u);
  EXPECT_EQ(b.read(PciBench::cfg(2, 0x00, 3)), 0xffff'ffffu);
}

TEST(PciBus, SlotsAreClaimedInOrderAndOnce) {
  PciBench b;
  b.plug(1);
  EXPECT_EQ(b.host->root().claim()->devfn, 2 * 8);
  const auto taken = b.host->root().claim(1);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message(), "slot 0x1.0 of bus 'pcie.0' is taken by 'f0'");
  EXPECT_FALSE(b.host->root().claim(32));
  EXPECT_FALSE(b.host->root().claim(3, 8));
  for (unsigned slot = 2; slot < 32; ++slot) b.plug(slot);
  const auto full = b.host->root().claim();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message(), "bus 'pcie.0' has no free slot");
}

}  // namespace
}  // namespace quince::test
