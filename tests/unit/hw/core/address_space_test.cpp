#include "hw/core/address_space.h"

#include <gtest/gtest.h>

#include "hw/core/dma.h"

namespace quince::hw {
namespace {

/// Remembers its last access; refuses offset 0x40.
class Probe final : public MmioDevice {
 public:
  using MmioDevice::MmioDevice;
  void reset() override {}
  void restored() override {}
  void snapshot(Archive&) override {}
  Bus read(u64 off, Access a, u64& out) override {
    if (off == 0x40) return Bus::BadRegister;
    sizes += std::to_string(a.size);
    out = off;
    return Bus::Ok;
  }
  Bus write(u64 off, Access a, u64 in) override {
    if (off == 0x40) return Bus::BadRegister;
    sizes += std::to_string(a.size);
    last = in;
    return Bus::Ok;
  }
  std::string sizes;
  u64 last = 0;
};

struct AddressSpaceTest : ::testing::Test {
  Log log;
  AddressSpace space{log};
  Probe probe{"probe"};
  std::unique_ptr<GuestRam> ram = std::move(*GuestRam::create("ram", 64 * KiB));
  IoLock lock;
  IoLock::Guard held{lock};
  using Out = AddressSpace::Outcome;
};

TEST_F(AddressSpaceTest, OverlapIsAnErrorThatNamesBoth) {
  ASSERT_TRUE(space.map_ram(PhysAddr(0x10000), *ram));
  const auto r = space.map(PhysAddr(0x1f000), 0x2000, probe);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().message(), "'probe' at 0x1f000 overlaps 'ram' at 0x10000");
  EXPECT_FALSE(space.map(PhysAddr(0x1000), 0, probe));
  EXPECT_FALSE(space.map(PhysAddr(~u64{0}), 2, probe));
  EXPECT_TRUE(space.map(PhysAddr(0x20000), 0x1000, probe));
}

TEST_F(AddressSpaceTest, ViewsAreImmutableAndChangesMakeNewOnes) {
  ASSERT_TRUE(space.map_ram(PhysAddr(0x10000), *ram));
  const auto before = space.view();
  const u64 generation = space.generation();
  ASSERT_TRUE(space.map(PhysAddr(0x20000), 0x1000, probe));
  EXPECT_NE(space.generation(), generation);
  EXPECT_EQ(before->find(PhysAddr(0x20000)), nullptr);
  EXPECT_NE(space.view()->find(PhysAddr(0x20fff)), nullptr);
  EXPECT_EQ(space.view()->find(PhysAddr(0x21000)), nullptr);
  EXPECT_EQ(space.view()->find(PhysAddr(0xffff)), nullptr);
}

TEST_F(AddressSpaceTest, UnalignedDeviceAccessesAreSplit) {
  ASSERT_TRUE(space.map(PhysAddr(0x1000), 0x1000, probe));
  u64 v = 0;
  EXPECT_EQ(space.read(held, PhysAddr(0x1002), {8}, v), Out::Ok);
  EXPECT_EQ(probe.sizes, "242");
}

TEST_F(AddressSpaceTest, ErrorPolicyIsPerWindowAndUnassignedAborts) {
  ASSERT_TRUE(space.map(PhysAddr(0x1000), 0x1000, probe));
  Probe strict{"strict"};
  ASSERT_TRUE(space.map(PhysAddr(0x3000), 0x1000, strict, OnError::Abort));
  u64 v = 1;
  EXPECT_EQ(space.read(held, PhysAddr(0x1040), {4}, v), Out::Ok);
  EXPECT_EQ(v, 0u);
  EXPECT_EQ(space.read(held, PhysAddr(0x3040), {4}, v), Out::ExternalAbort);
  EXPECT_EQ(space.write(held, PhysAddr(0x9000), {4}, v), Out::ExternalAbort);
}

TEST_F(AddressSpaceTest, DmaIsBoundedAndAllOrNothing) {
  ASSERT_TRUE(space.map_ram(PhysAddr(0x10000), *ram));
  DmaPort dma(space, 0);
  const std::array<u8, 8> data{1, 2, 3, 4, 5, 6, 7, 8};
  std::array<u8, 8> back{};
  EXPECT_TRUE(dma.write(PhysAddr(0x10ffc), data));
  EXPECT_TRUE(dma.read(PhysAddr(0x10ffc), back));
  EXPECT_EQ(back, data);
  EXPECT_TRUE(ram->test_and_clear_dirty(0));
  EXPECT_TRUE(ram->dirty(1));
  EXPECT_FALSE(dma.write(PhysAddr(0x1fffc), data));
  EXPECT_EQ(ram->data()[0xfffc], 0);
  EXPECT_EQ(dma.map_read(PhysAddr(0x1fff0), 4096).size(), 16u);
  dma.set_enabled(false);
  EXPECT_FALSE(dma.read(PhysAddr(0x10000), back));
  EXPECT_TRUE(dma.map_write(PhysAddr(0x10000), 4).empty());
}

TEST_F(AddressSpaceTest, DmaIntoCodeIsReported) {
  ASSERT_TRUE(space.map_ram(PhysAddr(0x10000), *ram));
  DmaPort dma(space, 0);
  u64 told = 0;
  space.on_code_written([](void* p, PhysAddr a) { *static_cast<u64*>(p) = a.raw(); }, &told);
  const std::array<u8, 4> data{};
  EXPECT_TRUE(dma.write(PhysAddr(0x12000), data));
  EXPECT_EQ(told, 0u);
  ram->add_code(0x2000);
  EXPECT_TRUE(dma.write(PhysAddr(0x12ff0), data));
  EXPECT_EQ(told, 0x12000u);
}

}  // namespace
}  // namespace quince::hw
