// Save and load: equal bytes, equal behaviour, and no event from restoring.
#include <random>

#include "base/bits.h"
#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

Archive save(GicRig& r) {
  Archive ar(Archive::Mode::Save);
  r.gic.snapshot(ar);
  return ar;
}

Result<void> load(GicRig& r, Archive ar) {
  ar.set_mode(Archive::Mode::Load);
  r.gic.mute(true);
  r.gic.snapshot(ar);
  r.gic.restored();
  r.gic.mute(false);
  return ar.finish();
}

TEST(GicSnapshot, SaveLoadSaveIsEqualWhateverWasWritten) {
  std::mt19937 rng(1);
  GicRig a(3, 100, true);
  a.open(3);
  for (int n = 0; n < 3000; ++n) {
    const u32 v = static_cast<u32>(rng());
    const u32 data = static_cast<u32>(rng());
    (void)a.gic.distributor().write(v % 0x8000 / 4 * 4, {4}, data);
    (void)a.gic.redistributors().write(v % 3 * 0x20000 + kSgiBase + data % 0x1000 / 4 * 4, {4}, v);
    a.line(16 + v % 120, (v >> 20 & 1) != 0, v % 3);
    (void)a.icc(v % 3, v & 64 ? kIar0 : kIar1);
  }
  Archive first = save(a);
  GicRig b(3, 100, true);
  ASSERT_TRUE(load(b, first));
  Archive second = save(b);
  EXPECT_EQ(Archive::diff(first, second), std::nullopt);
  EXPECT_EQ(first.encode(), second.encode());
  for (unsigned c = 0; c < 3; ++c) {
    EXPECT_EQ(a.irq[c].high, b.irq[c].high);
    EXPECT_EQ(a.fiq[c].high, b.fiq[c].high);
    EXPECT_EQ(a.icc(c, kHppir1), b.icc(c, kHppir1));
  }
}

TEST(GicSnapshot, RestoringIsNoEdge) {
  GicRig a;
  a.open(2);
  a.set_edge(40, true);
  a.put_bit(kIsenabler, 40);
  a.put_bit(kIsenabler, 41);
  a.line(40, true);  // an edge, taken; the wire stays high
  EXPECT_EQ(a.ack(), 40u);
  a.eoi(40);
  GicRig b;
  Archive ar = save(a);
  ar.set_mode(Archive::Mode::Load);
  b.gic.mute(true);
  b.line(40, true);  // the device derives its wire before or after the GIC loads
  b.gic.snapshot(ar);
  b.line(41, true);
  b.gic.restored();
  b.gic.mute(false);
  ASSERT_TRUE(ar.finish());
  EXPECT_EQ(b.irq[0].edges, 0);
  EXPECT_EQ(b.hash(), a.hash());
  b.line(40, false);
  b.line(40, true);
  EXPECT_EQ(b.ack(), 40u) << "a real edge afterwards is one";
}

TEST(GicSnapshot, APendingInterruptComesBackAsPending) {
  GicRig a;
  a.open(2);
  a.put_bit(kIsenabler, 40);
  a.set_route(40, 1);
  a.line(40, true);
  GicRig b;
  ASSERT_TRUE(load(b, save(a)));
  EXPECT_TRUE(b.irq[1].high);
  EXPECT_EQ(b.ack(1), 40u);
  b.line(40, false);
  b.eoi(40, 1);
  EXPECT_FALSE(b.irq[1].high) << "the level came with the snapshot";
}

TEST(GicSnapshot, LoadingOverARunningMachineDropsItsOutputs) {
  GicRig a, quiet;
  a.open(2);
  a.put_bit(kIsenabler, 40);
  a.line(40, true);
  EXPECT_TRUE(a.irq[0].high);
  ASSERT_TRUE(load(a, save(quiet)));
  EXPECT_FALSE(a.irq[0].high);
}

TEST(GicSnapshot, AnotherShapeIsRefused) {
  GicRig two(2), three(3), small(2, 64);
  EXPECT_FALSE(load(two, save(three)));
  EXPECT_FALSE(load(two, save(small)));
}

/// The image with every byte of every value set, but those of the two fields that are checked.
std::vector<u8> all_ones(std::vector<u8> image) {
  std::size_t pos = 8;
  const auto number = [&] {
    const u64 v = load_le<u64>(image.data() + pos);
    pos += 8;
    return v;
  };
  for (u64 left = number(); left != 0; --left) {
    u64 n = number();
    const std::string name(reinterpret_cast<const char*>(image.data() + pos), n);
    pos += n;
    n = number();
    pos += n;
    n = number();
    if (name != "cpus" && name != "words")
      std::fill_n(image.begin() + static_cast<std::ptrdiff_t>(pos), n, u8{0xff});
    pos += n;
  }
  return image;
}

TEST(GicSnapshot, ImpossibleValuesAreCutDown) {
  GicRig a(2, 40);
  auto bad = Archive::decode(all_ones(save(a).encode()));
  ASSERT_TRUE(bad);
  ASSERT_TRUE(load(a, *bad));
  EXPECT_EQ(a.rd(0), 0x53u);
  EXPECT_EQ(a.rd(kIsenabler + 4), 0xffffffffu);
  EXPECT_EQ(a.rd(kIsenabler + 8), 0xffu) << "40 SPIs";
  EXPECT_EQ(a.rd(kIpriorityr + 40), 0xf8f8f8f8u);
  EXPECT_EQ(a.rd(kIrouter + 8 * 40, 8), kRouteAffinity);
  EXPECT_EQ(a.icc(0, kPmr), 0xf8u);
  EXPECT_EQ(a.icc(1, kIgrpen1), 1u);
  EXPECT_EQ(a.icc(1, kIar1), kSpurious) << "everything is active";
  a.icc(1, kEoir1, 70);
  a.icc(1, kEoir0, 71);
  a.rwr(0, kSgiBase + kIcactiver, 1);
  a.rwr(0, kSgiBase + kIcpendr, 0xffff);
  EXPECT_EQ(a.rrd(0, kSgiBase + kIspendr) & 0xffff, 0u) << "SGIs have no wire";
}

}  // namespace
}  // namespace quince::hw::test
