// Exclusives of one of two vCPUs, while the other one writes: which pages are watched, and for how long.
// What every kind of write does is shown from inside (tests/guest/programs/exclusives.c).
#include <memory>

#include "hw/core/dma.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu::test {
namespace {

constexpr u64 kAt = 0x20'0040;
constexpr u32 kLdxr = 0xc85f'7c01;  // LDXR X1, [X0]
constexpr u32 kStxr = 0xc802'7c01;  // STXR W2, X1, [X0]
constexpr u32 kStr = 0xf900'0003;   // STR X3, [X0]
constexpr u32 kLdr = 0xf940'0004;   // LDR X4, [X0]

/// The other vCPU stands still, and applies its mail before it goes on.
class Pair final : public Bench, public Siblings {
 public:
  Pair() {
    ports.siblings = this;
    reconnect();
    other_ = std::make_unique<Vcpu>(1, 1, model, ports);
    quince::test::use_test_engine(*other_);
    other_->reset(kCode, true);
    other_->s.sys.cpacr_el1 = u64{3} << 20;
  }
  void broadcast(Vcpu& from, const Maintenance& m) override {
    ++broadcasts;
    (&from == c.get() ? *other_ : *c).post_maintenance(m);
  }
  void complete(Vcpu&) override {}
  bool completed(Vcpu&) override { return ready; }
  void send_event(Vcpu&) override {}
  bool multiprocessor() const override { return two; }

  /// One instruction, with X0 = kAt, by this vCPU or by the other one.
  void here(u32 insn) {
    c->s.x[0] = kAt;
    run({insn});
  }
  void there(u32 insn) {
    std::swap(c, other_);
    here(insn);
    std::swap(c, other_);
  }
  bool store_fails() {
    here(kStxr);
    return c->s.x[2] != 0;
  }
  bool watched() const { return ram->watched(kAt); }

  /// The first pair in a page, whose store fails.
  void first() {
    here(kLdxr);
    EXPECT_TRUE(store_fails());
    EXPECT_TRUE(watched());
  }

  bool two = true, ready = true;
  unsigned broadcasts = 0;

 private:
  std::unique_ptr<Vcpu> other_;
};

TEST(ExclusivePair, AWriteOfTheSameValueIsAWrite) {
  Pair p;
  p.there(kLdr);
  p.there(kStr);  // it has a fast way to write there
  p.first();
  p.here(kLdxr);
  p.there(kStr);
  EXPECT_TRUE(p.store_fails());
  p.here(kLdxr);
  EXPECT_FALSE(p.store_fails());
}

TEST(ExclusivePair, AWriteBesideItIsNone) {
  Pair p;
  p.first();
  p.here(kLdxr);
  p.there(0xf900'0803);  // STR X3, [X0, #16]
  EXPECT_FALSE(p.store_fails());
}

TEST(ExclusivePair, AnotherStoreExclusiveLosesTheRace) {
  Pair p;
  p.first();
  p.here(kLdxr);
  p.there(kLdxr);
  p.there(kStxr);
  EXPECT_TRUE(p.store_fails());
  p.here(kLdxr);
  p.there(kStxr);  // fails, and so writes nothing
  EXPECT_FALSE(p.store_fails());
}

TEST(ExclusivePair, LoadsAloneWatchNothing) {
  Pair p;
  for (int i = 0; i < 3; ++i) p.here(kLdxr);
  EXPECT_FALSE(p.watched());
  EXPECT_EQ(p.broadcasts, 0u);
}

/// Until each CPU has lost its fast way to write there, a store exclusive fails, and lets them go on.
TEST(ExclusivePair, FailsUntilEveryOneKnows) {
  Pair p;
  p.ready = false;
  p.first();
  for (int i = 0; i < 3; ++i) {
    p.here(kLdxr);
    p.c->s.x[0] = kAt;
    EXPECT_EQ(p.run({kStxr}), RunExit::Yield);
    EXPECT_EQ(p.c->s.x[2], 1u);
  }
  EXPECT_EQ(p.broadcasts, 1u);
  p.ready = true;
  p.here(kStxr);  // with the monitor of a load exclusive from before: there is none
  EXPECT_NE(p.c->s.x[2], 0u);
  p.here(kLdxr);
  EXPECT_FALSE(p.store_fails());
}

TEST(ExclusivePair, AnIdlePageIsWatchedNoLonger) {
  Pair p;
  p.first();
  EXPECT_EQ(p.broadcasts, 1u);
  p.here(kLdxr);
  for (u32 i = 0; i < hw::ExclusiveMonitors::kIdleWrites; ++i) p.there(kStr);
  EXPECT_FALSE(p.watched());
  p.there(kStr);
  EXPECT_TRUE(p.store_fails());
  EXPECT_FALSE(p.watched()) << "its monitor is lost, and nothing else is known";
  p.first();
  EXPECT_EQ(p.broadcasts, 2u);
  p.here(kLdxr);
  p.there(kStr);
  EXPECT_TRUE(p.store_fails());
  for (u32 i = 0; i < hw::ExclusiveMonitors::kIdleWrites; ++i) p.there(kStr);
  EXPECT_TRUE(p.watched()) << "the second time takes longer";
}

TEST(ExclusivePair, ABusMastersWriteIsOne) {
  Pair p;
  hw::DmaPort dma(p.space, 0);
  const u8 zeros[8] = {};
  p.first();
  p.here(kLdxr);
  ASSERT_TRUE(dma.write(PhysAddr(kAt), zeros));
  EXPECT_TRUE(p.store_fails());
}

TEST(ExclusivePair, AloneNothingIsWatched) {
  Pair p;
  p.two = false;
  p.here(kLdxr);
  EXPECT_FALSE(p.store_fails());
  EXPECT_FALSE(p.watched());
  EXPECT_EQ(p.broadcasts, 0u);
}

}  // namespace
}  // namespace quince::cpu::test
