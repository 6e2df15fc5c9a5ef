// The GICv2m frame in front of a real GIC.
#include "hw/gic/gicv2m.h"

#include "hw/core/address_space.h"
#include "hw/pci/host_bridge.h"
#include "hw/pci/irq_testdev.h"
#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

struct Gicv2mTest : ::testing::Test, GicRig {
  // As on vmapple: INTIDs 160 to 287.
  Gicv2m frame{"msi-frame", gic.spi_sink(), {.first_spi = 0x80, .spis = 128, .valid_bit = true}};

  void send(u64 data, unsigned size = 4, Bus expected = Bus::Ok, u64 off = Gicv2m::kSetSpi) {
    EXPECT_EQ(frame.write(off, {size}, data), expected) << off << " " << size;
  }
  u64 value(u64 off) {
    u64 v = ~u64{0};
    EXPECT_EQ(frame.read(off, {4}, v), Bus::Ok) << off;
    return v;
  }
  /// INTIDs that are pending, by the distributor.
  std::vector<u32> pending() {
    std::vector<u32> found;
    for (u32 n = 32; n < 288; ++n)
      if (bit(rd(kIspendr + n / 32 * 4), n % 32)) {
        found.push_back(n);
        wr(kIcpendr + n / 32 * 4, u64{1} << (n % 32));
      }
    return found;
  }
  Gicv2mTest() {
    for (u32 n = 32; n < 288; n += 16) wr(kIcfgr + n / 16 * 4, 0xaaaa'aaaa);  // edge-triggered
  }
};

TEST_F(Gicv2mTest, TyperDescribesTheRange) {
  EXPECT_EQ(value(0x008), 0x80a0'0080u);
  Gicv2m virt("msi-frame", gic.spi_sink(), {.first_spi = 48, .spis = 64});
  u64 v = 0;
  ASSERT_EQ(virt.read(0x008, {4}, v), Bus::Ok);
  EXPECT_EQ(v, 0x0050'0040u);
  EXPECT_EQ(value(0xfcc), 0x0510'0000u);
  for (u64 off = 0xfd0; off < 0x1000; off += 4) EXPECT_EQ(value(off), 0u);
}

// 004a: a message makes exactly the SPI that it names pending.
TEST_F(Gicv2mTest, AMessagePulsesItsSpi) {
  for (u32 n = 0; n < 1024; ++n) {
    send(n);
    const bool ours = n >= 160 && n < 288;
    EXPECT_EQ(pending(), ours ? std::vector<u32>{n} : std::vector<u32>{}) << n;
  }
  send(0xffff'fc00 | 200);  // bits 9:0 only
  EXPECT_EQ(pending(), std::vector<u32>{200});
  send(201, 2);
  EXPECT_EQ(pending(), std::vector<u32>{201});
}

// 004d: what is not a write of two or four bytes to the register is refused and changes nothing.
TEST_F(Gicv2mTest, SizesAndOffsetsAreChecked) {
  send(200, 1, Bus::BadSize);
  send(200, 8, Bus::BadSize);
  send(200, 4, Bus::BadRegister, 0x44);
  send(200, 4, Bus::ReadOnly, 0x08);
  send(200, 4, Bus::BadRegister, 0x1040);
  send(200, 2, Bus::Ok, 0x42);  // the upper half: no INTID is there
  EXPECT_EQ(pending(), std::vector<u32>{});
  u64 v = 0;
  EXPECT_EQ(frame.read(Gicv2m::kSetSpi, {4}, v), Bus::WriteOnly);
}

TEST_F(Gicv2mTest, AMessageIsAnInterruptOnce) {
  open(2);
  put_bit(kIsenabler, 170);
  send(170);
  send(170);  // before it is taken: one edge
  EXPECT_EQ(ack(), 170u);
  send(170);  // while it is active: one more
  eoi(170);
  EXPECT_EQ(ack(), 170u);
  eoi(170);
  EXPECT_EQ(ack(), kSpurious);
}

// The whole way of a message, from a function's register to the CPU's acknowledge (004a, 004b).
TEST_F(Gicv2mTest, APciFunctionInterruptsACpu) {
  constexpr u64 kFrame = 0x1fff'0000;
  AddressSpace space(log);
  ASSERT_TRUE(space.map_doorbell(PhysAddr(kFrame), 0x10000, frame));
  PciHostBridge host("pcie", space, std::vector<IrqLine>(16));
  IrqTestdev dev("irq-testdev", *host.root().claim(4));
  MmioDevice& regs = *dev.bar_target(0, 0).device;
  const auto poke = [&](u64 off, u64 v) { EXPECT_EQ(regs.write(off, {4}, v), Bus::Ok); };
  open(2);
  for (u32 n = 160; n < 288; ++n) put_bit(kIsenabler, n);
  dev.config_write(pci::kCommand, 2, pci::kBusMasterEnable);
  const unsigned msi = dev.config().find_capability(pci::kCapMsi);
  dev.config_write(msi + pci::kMsiAddress, 4, kFrame + Gicv2m::kSetSpi);
  dev.config_write(msi + pci::kMsiData, 2, 192);
  dev.config_write(msi + pci::kMsiControl, 2, pci::kMsiEnable | 5u << pci::kMsiMultipleEnable);
  for (u32 v = 0; v < 32; ++v) {
    poke(0x08, v);
    EXPECT_EQ(ack(), 192 + v);
    eoi(192 + v);
    EXPECT_EQ(ack(), kSpurious);
  }
  poke(0x100, kFrame + Gicv2m::kSetSpi);  // a shadow slot
  poke(0x180, 287);
  poke(0x1c0, 1);
  poke(0x200, 0);
  EXPECT_EQ(ack(), 287u);
}

}  // namespace
}  // namespace quince::hw::test
