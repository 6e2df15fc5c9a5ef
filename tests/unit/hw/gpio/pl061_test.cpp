#include "hw/gpio/pl061.h"

#include <gtest/gtest.h>

#include "hw/core/archive.h"
#include "tests/support/pin.h"

namespace quince::hw {
namespace {

using test::Pin;

constexpr u64 kAll = 0x3fc, kDIR = 0x400, kIS = 0x404, kIBE = 0x408, kIEV = 0x40c, kIE = 0x410,
              kRIS = 0x414, kMIS = 0x418, kIC = 0x41c, kAFSEL = 0x420;

/// GPIODATA at the address that touches the lines of `mask`.
constexpr u64 masked(unsigned mask) { return u64{mask} << 2; }

struct Pl061Test : ::testing::Test {
  Pin irq, out[8];
  Pl061 gpio{"gpio", irq.wire()};
  u32 rd(u64 off, unsigned size = 4) {
    u64 v = 0;
    EXPECT_EQ(gpio.read(off, {size}, v), Bus::Ok) << std::hex << off;
    return static_cast<u32>(v);
  }
  void wr(u64 off, u32 v, unsigned size = 4) {
    EXPECT_EQ(gpio.write(off, {size}, v), Bus::Ok) << std::hex << off;
  }
  void drive(unsigned line, bool high) { gpio.inputs().set_line(line, high); }
};

TEST_F(Pl061Test, AddressBitsMaskReadsAndWrites) {
  wr(kDIR, 0xff);
  wr(kAll, 0xa5);
  EXPECT_EQ(rd(kAll), 0xa5u);
  EXPECT_EQ(rd(masked(0x0f)), 0x05u);
  EXPECT_EQ(rd(masked(0)), 0u);
  wr(masked(0xf0), 0xff);
  EXPECT_EQ(rd(kAll), 0xf5u);
  wr(masked(0x01), 0);
  EXPECT_EQ(rd(kAll), 0xf4u);
}

TEST_F(Pl061Test, InputsReadTheirLevelAndTakeNoWrites) {
  drive(1, true);
  drive(6, true);
  wr(kAll, 0xff);
  EXPECT_EQ(rd(kAll), 0x42u);
  wr(kDIR, 0xf0);  // a write before the direction changed did not reach the outputs
  EXPECT_EQ(rd(kAll), 0x02u);
  wr(kDIR, 0);
  EXPECT_EQ(rd(kAll), 0x42u);
}

TEST_F(Pl061Test, OutputsDriveTheirWires) {
  for (unsigned n = 0; n < 8; ++n) gpio.connect_output(n, out[n].wire());
  wr(kDIR, 0x0f);
  wr(kAll, 0xff);
  for (unsigned n = 0; n < 8; ++n) EXPECT_EQ(out[n].high, n < 4) << n;
  wr(masked(1 << 2), 0);
  EXPECT_FALSE(out[2].high);
  wr(kDIR, 0x0e);  // no longer driven: pulled down
  EXPECT_FALSE(out[0].high);
  gpio.reset();
  for (const Pin& p : out) EXPECT_FALSE(p.high);
  EXPECT_EQ(out[1].edges, 1);
}

TEST_F(Pl061Test, EdgesAreLatchedBySense) {
  wr(kIE, 0xff);
  wr(kIEV, 0x01);  // line 0 rising, line 1 falling, line 2 both
  wr(kIBE, 0x04);
  drive(0, true);
  drive(1, true);
  drive(2, true);
  EXPECT_EQ(rd(kRIS), 0x05u);
  EXPECT_TRUE(irq.high);
  wr(kIC, 0x05);
  EXPECT_FALSE(irq.high);
  drive(0, false);
  drive(1, false);
  drive(2, false);
  EXPECT_EQ(rd(kRIS), 0x06u);
  wr(kIC, 0x02);
  EXPECT_EQ(rd(kRIS), 0x04u);
  drive(2, false);  // no change, no edge
  wr(kIC, 0xff);
  EXPECT_EQ(rd(kRIS), 0u);
}

TEST_F(Pl061Test, LevelsFollowTheLineAndCannotBeCleared) {
  wr(kIS, 0x03);
  wr(kIEV, 0x01);  // line 0 high, line 1 low
  wr(kIE, 0x01);
  EXPECT_EQ(rd(kRIS), 0x02u);
  EXPECT_EQ(rd(kMIS), 0u);
  drive(0, true);
  EXPECT_TRUE(irq.high);
  wr(kIC, 0x03);
  EXPECT_EQ(rd(kRIS), 0x03u);
  EXPECT_EQ(rd(kMIS), 0x01u);
  drive(0, false);
  EXPECT_FALSE(irq.high);
  wr(kIE, 0x02);
  EXPECT_TRUE(irq.high);
}

TEST_F(Pl061Test, OutputsMakeNoInterrupts) {
  wr(kIE, 0xff);
  wr(kIBE, 0x0f);
  wr(kIS, 0xf0);
  wr(kDIR, 0xff);
  drive(0, true);
  wr(kAll, 0xff);
  EXPECT_EQ(rd(kRIS), 0u);
}

TEST_F(Pl061Test, MaskHidesALatchedEdge) {
  wr(kIEV, 0x08);
  drive(3, true);
  EXPECT_EQ(rd(kRIS), 0x08u);
  EXPECT_EQ(rd(kMIS), 0u);
  EXPECT_FALSE(irq.high);
  wr(kIE, 0x08);
  EXPECT_EQ(rd(kMIS), 0x08u);
  EXPECT_TRUE(irq.high);
}

TEST_F(Pl061Test, ByteAccessesAsDriversMakeThem) {
  wr(kDIR, 0x81, 1);
  EXPECT_EQ(rd(kDIR, 1), 0x81u);
  wr(masked(0x80), 0xff, 1);
  EXPECT_EQ(rd(kAll, 1), 0x80u);
  wr(kAFSEL, 0x55, 1);
  EXPECT_EQ(rd(kAFSEL), 0x55u);
  wr(kDIR + 1, 0xff, 1);  // nothing there
  EXPECT_EQ(rd(kDIR), 0x81u);
}

TEST_F(Pl061Test, Identification) {
  const u32 id[] = {0, 0, 0, 0, 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
  for (unsigned i = 0; i < 12; ++i) EXPECT_EQ(rd(0xfd0 + 4 * i), id[i]);
}

TEST_F(Pl061Test, GuestErrorsAreAnsweredNotFatal) {
  u64 v = 0;
  EXPECT_EQ(gpio.read(kIC, {4}, v), Bus::WriteOnly);
  EXPECT_EQ(gpio.write(kRIS, {4}, 1), Bus::ReadOnly);
  EXPECT_EQ(gpio.write(kMIS, {4}, 1), Bus::ReadOnly);
  EXPECT_EQ(gpio.read(0x424, {4}, v), Bus::BadRegister);
  EXPECT_EQ(gpio.read(kAll, {8}, v), Bus::BadSize);
}

TEST_F(Pl061Test, ResetKeepsWhatOthersDrive) {
  wr(kIEV, 0xff);
  wr(kIE, 0xff);
  drive(3, true);
  gpio.reset();
  EXPECT_FALSE(irq.high);
  EXPECT_EQ(rd(kAll), 0x08u);
  for (const u64 r : {kDIR, kIS, kIBE, kIEV, kIE, kRIS, kMIS, kAFSEL}) EXPECT_EQ(rd(r), 0u);
}

TEST_F(Pl061Test, SnapshotRestoresLinesWithoutEdges) {
  wr(kIEV, 0x08);
  wr(kIE, 0x08);
  wr(kDIR, 0x10);
  wr(masked(0x10), 0x10);
  drive(3, true);
  Archive ar(Archive::Mode::Save);
  gpio.snapshot(ar);

  Pin irq2, out4;
  Pl061 copy{"gpio", irq2.wire()};
  copy.connect_output(4, out4.wire());
  ar.set_mode(Archive::Mode::Load);
  copy.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  copy.restored();
  EXPECT_TRUE(irq2.high);
  EXPECT_TRUE(out4.high);
  EXPECT_EQ(copy.write(kIC, {4}, 0x08), Bus::Ok);
  EXPECT_FALSE(irq2.high);
  copy.inputs().set_line(3, true);  // the driver says again what it said before
  EXPECT_FALSE(irq2.high);
}

}  // namespace
}  // namespace quince::hw
