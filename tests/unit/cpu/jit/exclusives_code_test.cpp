// LDXR and STXR as code (cpu/jit/x64/exclusives.cpp): that they are in line, and that they are exclusive. What they do beside
// the interpreter is judged by tests/diff; by all kinds of writes, tests/guest/programs/exclusives.c.
#include <map>
#include <thread>

#include "cpu/jit/jit.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu::test {
namespace {

constexpr u64 kAt = 0x20'0040, kElsewhere = 0x20'1040;
constexpr u64 kTable = 0x3f'0000, kPlaces = 0x10'0000;
constexpr u32 ldxr(u32 log2) { return 0x085f'7c01 | log2 << 30; }  // X1, [X0]
constexpr u32 stxr(u32 log2) { return 0x0802'7c01 | log2 << 30; }  // W2, X1, [X0]
constexpr u32 kStr = 0xf900'0003;                                  // X3, [X0]
constexpr u32 kStrBeside = 0xf900'0803;                            // X3, [X0, #16]
constexpr u32 kLdr = 0xf940'0004;                                  // X4, [X0]

/// Two vCPUs with the MMU on, where virtual addresses are physical ones, whose code is translated. Each instruction has a
/// place of its own, so that it is translated once.
class Two final : public Bench, public Siblings {
 public:
  explicit Two(bool several) : several_(several) {
    ports.siblings = this;
    constexpr u64 kBlock = 1 | 3u << 8 | 1u << 10;  // inner shareable, accessed
    store64(kTable, kBlock);
    for (auto& v : cpus) {
      v = std::make_unique<Vcpu>(static_cast<unsigned>(&v - cpus.data()), 0, model, ports);
      EXPECT_TRUE(v->use_jit({.threshold = 1}));
      v->reset(kPlaces, true);
      SysRegs& r = v->s.sys;
      r.mair_el1 = 0xff;
      r.tcr_el1 = 25 | 1u << 23;  // T0SZ, EPD1
      r.ttbr0_el1 = kTable;
      r.sctlr_el1 |= 5;  // M, C
      v->context_changed();
    }
  }
  void broadcast(Vcpu& from, const Maintenance& m) override {
    for (auto& v : cpus)
      if (v.get() != &from) v->post_maintenance(m);
  }
  void complete(Vcpu&) override {}
  bool completed(Vcpu&) override {
    for (const auto& v : cpus)
      if (v->maintenance_applied() < v->maintenance_posted() && !v->parked()) return false;
    return true;
  }
  void send_event(Vcpu&) override {}
  bool multiprocessor() const override { return several_; }

  /// Instructions, a branch to them in front, and one to itself behind.
  u64 place(const std::vector<u32>& code) {
    const auto [it, fresh] = places_.emplace(code, kPlaces + 0x100 * places_.size());
    if (fresh) {
      u8* p = ram->data() + it->second;
      store_le(p, u32{0x1400'0001});
      for (const u32 insn : code) store_le(p += 4, insn);
      store_le(p + 4, u32{0x1400'0000});
    }
    return it->second;
  }
  u64 step(unsigned cpu, u32 insn, u64 at = kAt) {
    Vcpu& v = *cpus[cpu];
    v.s.x[0] = at;
    v.s.pc = place({insn});
    v.set_parked(false);
    (void)v.run(8);
    v.set_parked(true);
    return v.s.x[2];
  }
  /// Everything has run often enough to be translated, and the page is watched.
  void warm_up() {
    for (int n = 0; n < 6; ++n)
      for (const unsigned cpu : {0u, 1u})
        for (u32 log2 = 0; log2 < 4; ++log2) {
          for (const u64 at : {kAt, kElsewhere}) {
            step(cpu, ldxr(log2), at);
            step(cpu, stxr(log2), at);
          }
          for (const u32 insn : {kStr, kStrBeside, kLdr}) step(cpu, insn);
        }
    store64(kAt, 0);
  }
  u64 calls(unsigned cpu) const { return cpus[cpu]->translator()->counters().calls; }

  std::array<std::unique_ptr<Vcpu>, 2> cpus;

 private:
  const bool several_;
  std::map<std::vector<u32>, u64> places_;
};

class ExclusiveCode : public testing::TestWithParam<bool> {
 protected:
  ExclusiveCode() { two_.warm_up(); }
  u64 load(u32 log2, u64 at = kAt) { return two_.step(0, ldxr(log2), at), two_.cpus[0]->s.x[1]; }
  u64 store(u32 log2, u64 v, u64 at = kAt) {
    two_.cpus[0]->s.x[1] = v;
    return two_.step(0, stxr(log2), at);
  }
  Two two_{GetParam()};
};

TEST_P(ExclusiveCode, IsInLine) {
  const u64 before = two_.calls(0);
  for (u32 log2 = 0; log2 < 4; ++log2) {
    const u64 old = 0x8182'8384'8586'8788,
              mask = log2 == 3 ? ~u64{0} : (u64{1} << (8u << log2)) - 1;
    two_.store64(kAt, old);
    EXPECT_EQ(load(log2), old & mask);
    EXPECT_EQ(store(log2, 0x1111'2222'3333'4444), 0u);
    EXPECT_EQ(two_.load64(kAt), (old & ~mask) | (0x1111'2222'3333'4444 & mask)) << log2;
    EXPECT_EQ(store(log2, 5), 1u) << "there is no monitor any more";
    EXPECT_EQ(two_.load64(kAt), (old & ~mask) | (0x1111'2222'3333'4444 & mask)) << log2;
  }
  EXPECT_EQ(two_.calls(0), before);
}

TEST_P(ExclusiveCode, SizeAndAddressAreThoseOfTheLoad) {
  for (u32 log2 = 0; log2 < 4; ++log2)
    for (u32 other = 0; other < 4; ++other) {
      load(log2);
      EXPECT_EQ(store(other, 7), log2 == other ? 0u : 1u) << log2 << " " << other;
      load(log2);
      EXPECT_EQ(store(log2, 7, kElsewhere), 1u);
    }
}

TEST_P(ExclusiveCode, AnotherValueIsSeen) {
  load(3);
  two_.store64(kAt, 99);  // by nobody who says so
  EXPECT_EQ(store(3, 7), 1u);
  EXPECT_EQ(two_.load64(kAt), 99u);
}

TEST_P(ExclusiveCode, MisalignedIsAnException) {
  two_.cpus[0]->s.sys.vbar_el1 = kPlaces + 0x8000;
  for (u64 v = 0; v < 0x800; v += 0x80)
    store_le(two_.ram->data() + kPlaces + 0x8000 + v, u32{0x1400'0000});
  two_.step(0, ldxr(3), kAt + 12);
  EXPECT_EQ(two_.cpus[0]->s.sys.esr_el1 >> 26, 0x25u);
  EXPECT_EQ(two_.cpus[0]->s.sys.far_el1, kAt + 12);
}

INSTANTIATE_TEST_SUITE_P(Cpus, ExclusiveCode, testing::Bool(),
                         [](const auto& cpus) { return cpus.param ? "Several" : "One"; });

class ExclusiveCodeOfTwo : public ExclusiveCode {};
INSTANTIATE_TEST_SUITE_P(Cpus, ExclusiveCodeOfTwo, testing::Values(true));

TEST_P(ExclusiveCodeOfTwo, AWriteOfTheSameValueIsAWrite) {
  const u64 before = two_.calls(0);
  two_.cpus[1]->s.x[3] = 0;
  load(3);
  two_.step(1, kStr);
  EXPECT_EQ(store(3, 7), 1u);
  load(3);
  two_.step(1, kStrBeside);
  EXPECT_EQ(store(3, 7), 0u);
  load(3);
  two_.step(1, ldxr(2));
  two_.cpus[1]->s.x[1] = 7;
  EXPECT_EQ(two_.step(1, stxr(2)), 0u);
  EXPECT_EQ(store(3, 8), 1u);
  EXPECT_EQ(two_.calls(0), before) << "not in line";
}

/// The page is watched no longer, by the other vCPU's doing: this one's monitor is lost, and begins anew.
TEST_P(ExclusiveCodeOfTwo, APageThatIsWatchedNoLonger) {
  two_.cpus[1]->s.x[3] = 0;
  load(3);
  while (two_.ram->watched(kAt)) two_.step(1, kStr);
  two_.step(1, kStr);
  EXPECT_EQ(store(3, 7), 1u);
  load(3);
  two_.step(1, kStr);  // unseen: the page is not watched
  EXPECT_EQ(store(3, 7), 1u);
  EXPECT_TRUE(two_.ram->watched(kAt));
  two_.step(1, kLdr);
  load(3);
  two_.step(1, kStr);
  EXPECT_EQ(store(3, 7), 1u);
  load(3);
  EXPECT_EQ(store(3, 7), 0u);
}

/// It has to wait for the other vCPU, and lets it have its turn: the status is there all the same.
TEST_P(ExclusiveCodeOfTwo, TheFirstStoreToAPageFailsAndLeaves) {
  const u64 at =
      two_.place({0x5280'0002, ldxr(3), stxr(3), 0x9100'0442});  // MOV W2, #0; ADD X2, X2, #1
  Vcpu& v = *two_.cpus[0];
  const auto run = [&](u64 page) {
    v.s.x[0] = page;
    v.s.pc = at;
    v.set_parked(false);
    const RunExit why = v.run(8);
    v.set_parked(true);
    return why;
  };
  for (int n = 0; n < 6; ++n) run(kAt);
  EXPECT_EQ(v.s.x[2], 1u);
  two_.cpus[1]->set_parked(false);
  for (u64 n = 0; n < 3; ++n) {
    EXPECT_EQ(run(kElsewhere + 0x1000), RunExit::Yield);
    EXPECT_EQ(v.s.x[2], 1u);
    EXPECT_EQ(v.s.pc, at + 4 * 4);
  }
  two_.cpus[1]->set_parked(true);
}

/// Both count the same number up, by loops that are code, and plain stores beside it.
TEST_P(ExclusiveCodeOfTwo, NoIncrementIsLost) {
  constexpr u64 kTimes = 20'000;
  const u64 at = two_.place({0xc85f'7c01, 0x9100'0421, 0xc802'7c01,  // LDXR, ADD #1, STXR
                             0x35ff'ffa2, 0xf900'0401, 0xf100'0463,  // CBNZ, STR [X0, #8], SUBS
                             0x54ff'ff41});                          // B.NE
  const auto count = [&](Vcpu& v) {
    v.s.x[0] = kAt;
    v.s.x[3] = kTimes;
    v.s.pc = at;
    v.set_parked(false);
    while (v.s.x[3] != 0) (void)v.run(1000);
    v.set_parked(true);
  };
  {
    const std::jthread other([&] { count(*two_.cpus[1]); });
    count(*two_.cpus[0]);
  }
  EXPECT_EQ(two_.load64(kAt), 2 * kTimes);
}

}  // namespace
}  // namespace quince::cpu::test
