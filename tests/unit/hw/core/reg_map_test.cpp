#include "hw/core/reg_map.h"

#include <gtest/gtest.h>

namespace quince::hw {
namespace {

class Toy final : public RegMapDevice<Toy> {
 public:
  using RegMapDevice::RegMapDevice;
  void reset() override { s_ = {}; }
  void restored() override {}
  void snapshot(Archive&) override {}
  static std::span<const Reg<Toy>> regs();
  void sync() { ++syncs; }
  int syncs = 0;

 private:
  friend RegOps<Toy>;
  struct State {
    u32 plain = 0, flags = 0xff;
    std::array<u8, 8> prio{};
    u64 wide = 0;
    u32 popped = 0, pushed = 0;
  };
  u32 ident() const { return 0x1234; }
  u32 pop() { return ++s_.popped; }
  using Op = RegOps<Toy>;
  static const std::array<Reg<Toy>, 6> kRegs;
  State s_;
};

constexpr std::array<Reg<Toy>, 6> Toy::kRegs{{
    {{.offset = 0x00, .name = "PLAIN"}, Op::get<&State::plain>, Op::set_masked<&State::plain, 0xff>},
    {{.offset = 0x04, .name = "FLAGS"}, Op::get<&State::flags>, Op::w1c<&State::flags>},
    {{.offset = 0x08, .name = "ID"}, Op::get<&Toy::ident>, nullptr},
    {{.offset = 0x10, .name = "PRIO", .size = 1, .access = 1 | 4, .count = 8},
     Op::get<&State::prio>,
     Op::set<&State::prio>},
    {{.offset = 0x20, .name = "WIDE", .size = 8, .access = 4 | 8},
     Op::get<&State::wide>,
     Op::set<&State::wide>},
    {{.offset = 0x30, .name = "FIFO", .access = 1 | 4, .read_effect = true},
     Op::get<&Toy::pop>,
     Op::set<&State::pushed>},
}};
std::span<const Reg<Toy>> Toy::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

struct RegMapTest : ::testing::Test {
  Toy toy{"toy"};
  u64 rd(u64 off, unsigned size) {
    u64 v = ~u64{0};
    EXPECT_EQ(toy.read(off, {size}, v), Bus::Ok);
    return v;
  }
  void wr(u64 off, unsigned size, u64 v) { EXPECT_EQ(toy.write(off, {size}, v), Bus::Ok); }
};

TEST_F(RegMapTest, FieldModes) {
  wr(0, 4, 0x1234);
  EXPECT_EQ(rd(0, 4), 0x34u);
  wr(4, 4, 0x0f);
  EXPECT_EQ(rd(4, 4), 0xf0u);
  EXPECT_EQ(toy.syncs, 2);
}

TEST_F(RegMapTest, WideAccessesSpanElementsAndNarrowOnesMerge) {
  wr(0x14, 4, 0x44332211);
  EXPECT_EQ(rd(0x15, 1), 0x22u);
  wr(0x16, 1, 0x99);
  EXPECT_EQ(rd(0x14, 4), 0x44992211u);
  wr(0x20, 8, 0x1122334455667788);
  wr(0x24, 4, 0xaabbccdd);
  EXPECT_EQ(rd(0x20, 8), 0xaabbccdd55667788u);
  EXPECT_EQ(rd(0x24, 4), 0xaabbccddu);
}

TEST_F(RegMapTest, ARegisterWithAReadEffectIsNeverReadOnTheSide) {
  u64 v = 0;
  EXPECT_EQ(toy.read(0x30, {.size = 4, .debug = true}, v), Bus::WriteOnly);
  wr(0x30, 1, 0x55);
  EXPECT_EQ(rd(0x30, 4), 1u);  // neither of them popped
}

TEST_F(RegMapTest, WrongAccessesAreAnsweredByKind) {
  u64 v = 0;
  EXPECT_EQ(toy.write(0x08, {4}, 0), Bus::ReadOnly);
  EXPECT_EQ(toy.read(0x0c, {4}, v), Bus::BadRegister);
  EXPECT_EQ(toy.read(0x00, {1}, v), Bus::BadSize);
  EXPECT_EQ(toy.read(0x14, {8}, v), Bus::BadSize);
  EXPECT_EQ(toy.reg_name(0x13), "PRIO[3]");
  EXPECT_EQ(toy.reg_name(0x0c), "+0xc");
}

}  // namespace
}  // namespace quince::hw
