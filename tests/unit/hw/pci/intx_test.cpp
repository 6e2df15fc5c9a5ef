// Interrupt pins: the swizzle, shared wires, Interrupt Disable and Interrupt Status.
#include <gtest/gtest.h>

#include "pci_bench.h"

namespace quince::test {
namespace {

u16 status(PciBench& b, unsigned slot) {
  return static_cast<u16>(b.read(PciBench::cfg(slot, 6), 2));
}

TEST(PciIntx, PinsAreSwizzledOverTheWires) {
  for (const unsigned wires : {4u, 16u}) {
    PciBench b(wires);
    for (unsigned slot = 1; slot < 32; ++slot)
      for (u8 pin = 1; pin <= 4; ++pin) {
        auto identity = PciBench::kIdentity;
        identity.interrupt_pin = pin;
        PlainFunction& f = b.plug(slot, 0, identity);
        f.set_intx(true);
        for (unsigned w = 0; w < wires; ++w)
          EXPECT_EQ(b.pins[w].high, w == (slot + pin - 1) % wires) << slot << " " << int{pin};
        b.functions.clear();  // takes its level away
        for (const Pin& p : b.pins) EXPECT_FALSE(p.high);
      }
  }
}

TEST(PciIntx, ASharedWireIsHighWhileAnyDriverIs) {
  PciBench b(4);
  PlainFunction& x = b.plug(1);
  PlainFunction& y = b.plug(5);
  x.set_intx(true);
  y.set_intx(true);
  x.set_intx(false);
  EXPECT_TRUE(b.pins[1].high);
  EXPECT_EQ(b.pins[1].edges, 1);
  y.set_intx(false);
  EXPECT_FALSE(b.pins[1].high);
}

TEST(PciIntx, InterruptDisableHidesTheLevelButNotTheStatus) {
  PciBench b;
  PlainFunction& f = b.plug(1);
  f.set_intx(true);
  EXPECT_EQ(status(b, 1) & 8, 8);
  b.command(1, 0x400);
  EXPECT_FALSE(b.pins[1].high);
  EXPECT_EQ(status(b, 1) & 8, 8);
  b.command(1, 0);
  EXPECT_TRUE(b.pins[1].high);
  f.set_intx(false);
  EXPECT_EQ(status(b, 1) & 8, 0);
  EXPECT_FALSE(f.notify(0));  // neither MSI nor MSI-X: the device must use the level
}

// 004e: intx=off leaves a function without a pin.
TEST(PciIntx, OffMeansThatThereIsNoPin) {
  PciBench b;
  auto ports = *b.host->root().claim(1);
  ports.intx = false;
  PlainFunction f("f", PciBench::kIdentity, ports);
  EXPECT_EQ(b.read(PciBench::cfg(1, 0x3d), 1), 0u);
  f.set_intx(true);
  for (const Pin& p : b.pins) EXPECT_FALSE(p.high);
}

TEST(PciIntx, TheLevelIsRestored) {
  PciBench b;
  PlainFunction& f = b.plug(1);
  f.set_intx(true);
  Archive ar(Archive::Mode::Save);
  f.snapshot(ar);
  f.reset();
  EXPECT_FALSE(b.pins[1].high);
  ar.set_mode(Archive::Mode::Load);
  f.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  f.restored();
  EXPECT_TRUE(b.pins[1].high);
}

}  // namespace
}  // namespace quince::test
