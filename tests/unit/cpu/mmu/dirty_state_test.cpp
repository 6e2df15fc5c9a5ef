// Hardware management of the access flag and dirty state, alone and against another observer.
#include <gtest/gtest.h>

#include "tests/unit/cpu/mmu/page_tables.h"

namespace quince::cpu::test {
namespace {

constexpr u64 kVa = 0x1000, kPa = 0x8000'0000;

/// One page at kVa, with hardware management of both bits implemented and on.
struct Managed : World {
  explicit Managed(u64 attributes, const Granule& g = k4K, unsigned level = 3) : World(g, 25) {
    features.hafdbs_af = features.hafdbs_dbm = true;
    regs.tcr |= kHA | kHD;
    at = map(0, kPa, level, attributes);
    if (level == 3 && g.bits == 12) {
      mem.words.erase(at);
      at = map(kVa, kPa, level, attributes);
    }
  }
  u64 descriptor() const { return mem.word(at); }
  bool af() const { return (descriptor() & kAF) != 0; }
  bool ap2() const { return (descriptor() & kAP2) != 0; }
  u64 at = 0;
};

TEST(AccessFlag, IsSetByAnyAccess) {
  for (const Stage1Access& a : {read_access(), write_access(), fetch_access()}) {
    Managed w(0);
    const WalkResult r = w.walk(kVa, a);
    EXPECT_FALSE(r.fault);
    EXPECT_TRUE(r.t.cacheable);
    EXPECT_TRUE(w.af());
    EXPECT_EQ(w.mem.swaps, 1u);
    w.walk(kVa, a);
    EXPECT_EQ(w.mem.swaps, 1u) << "nothing left to do";
  }
}

TEST(AccessFlag, IsSetInBlocks) {
  for (const Granule& g : kGranules) {
    Managed w(0, g, 2);
    EXPECT_FALSE(w.walk(0).fault);
    EXPECT_TRUE(w.af());
  }
}

TEST(AccessFlag, IsNotSetByAccessesThatFault) {
  Managed w(kAP2);
  ExpectFault(w, kVa, FaultKind::Permission, 3, write_access());
  ExpectFault(w, kVa, FaultKind::Permission, 3, as_el0(read_access()));
  EXPECT_FALSE(w.af());
  EXPECT_EQ(w.mem.swaps, 0u);
}

TEST(AccessFlag, NeedsTheFeatureAndTheBit) {
  Managed w(0);
  w.features.hafdbs_af = false;
  ExpectFault(w, kVa, FaultKind::AccessFlag, 3);
  w.features.hafdbs_af = true;
  w.regs.tcr &= ~kHA;
  ExpectFault(w, kVa, FaultKind::AccessFlag, 3);
  EXPECT_EQ(w.mem.swaps, 0u);
}

TEST(AccessFlag, AddressTranslationAndMaintenanceLeaveItAlone) {
  Stage1Access at = write_access(), dc = read_access();
  at.at_instruction = dc.cache_maintenance = true;
  for (const Stage1Access& a : {at, dc}) {
    Managed w(kDBM | kAP2);
    const u64 before = w.descriptor();
    const WalkResult r = w.walk(kVa, a);
    EXPECT_FALSE(r.fault);
    EXPECT_FALSE(r.t.cacheable) << "a TLB never holds AF clear";
    EXPECT_TRUE(r.t.dirty_needs_update);
    EXPECT_EQ(w.descriptor(), before);
    w.regs.tcr &= ~kHA;
    ExpectFault(w, kVa, FaultKind::AccessFlag, 3, a);
  }
}

TEST(DirtyState, ReadKeepsItClean) {
  Managed w(kAF | kDBM | kAP2);
  const WalkResult r = w.walk(kVa);
  EXPECT_FALSE(r.fault);
  EXPECT_TRUE(r.t.el1_w);
  EXPECT_TRUE(r.t.dirty_needs_update);
  EXPECT_TRUE(r.t.cacheable);
  EXPECT_TRUE(w.ap2());
  EXPECT_EQ(w.mem.swaps, 0u);
}

TEST(DirtyState, WriteAndAtomicMarkIt) {
  Stage1Access atomic = write_access();
  atomic.atomic = true;
  for (const Stage1Access& a : {write_access(), atomic, as_el0(write_access())}) {
    Managed w(kDBM | kAP2 | kAP1);  // and AF with the same swap
    const WalkResult r = w.walk(kVa, a);
    EXPECT_FALSE(r.fault);
    EXPECT_FALSE(r.t.dirty_needs_update);
    EXPECT_FALSE(w.ap2());
    EXPECT_TRUE(w.af());
    EXPECT_EQ(w.mem.swaps, 1u);
    EXPECT_EQ(w.descriptor(), kPa | kDBM | kAP1 | kAF | 3);
  }
}

TEST(DirtyState, NeedsEveryCondition) {
  for (unsigned without = 0; without < 5; ++without) {
    Managed w(kAF | kAP2 | (without == 0 ? 0 : kDBM));
    if (without == 1) w.regs.tcr &= ~kHD;
    if (without == 2) w.regs.tcr &= ~kHA;  // HD alone does nothing
    if (without == 3) w.features.hafdbs_dbm = false;
    if (without == 4) w.mem.words[w.descriptor_at(kVa, 2)] |= u64{2} << 61;  // APTable
    ExpectReadOnly(w, kVa, kPa, 3);
    EXPECT_TRUE(w.ap2()) << without;
    EXPECT_EQ(w.mem.swaps, 0u);
  }
}

TEST(DirtyState, CleanCountsAsWritableForExecution) {
  Managed w(kAF | kDBM | kAP2 | kAP1);  // EL0 may write it, so EL1 does not execute it
  ExpectFault(w, kVa, FaultKind::Permission, 3, fetch_access());
  ExpectMapped(w, kVa, kPa, as_el0(fetch_access()));
  w.regs.sctlr |= kWXN;
  ExpectFault(w, kVa, FaultKind::Permission, 3, as_el0(fetch_access()));
  w.regs.tcr &= ~kHD;
  ExpectMapped(w, kVa, kPa, fetch_access());
}

TEST(DirtyState, DescriptorWithoutDbmIsNotWritten) {
  Managed w(kAF);
  ExpectMapped(w, kVa, kPa, write_access());
  EXPECT_EQ(w.mem.swaps, 0u);
}

TEST(Race, AnotherObserverSetsTheFlagFirst) {
  Managed w(0);
  w.mem.race = [](SparseMemory& m, u64 a) { m.words[a] |= kAF; };
  ExpectMapped(w, kVa, kPa);
  EXPECT_EQ(w.mem.swaps, 1u) << "the second walk found it set";
  EXPECT_EQ(w.mem.reads, 6u);  // three levels, twice
}

TEST(Race, PageGoesAway) {
  Managed w(0);
  w.mem.race = [](SparseMemory& m, u64 a) { m.words[a] = 0; };
  ExpectFault(w, kVa, FaultKind::Translation, 3, write_access());
  EXPECT_EQ(w.descriptor(), 0u) << "nothing is resurrected";
}

TEST(Race, PageBecomesReadOnly) {
  Managed w(kDBM | kAP2 | kAF);
  w.mem.race = [](SparseMemory& m, u64 a) { m.words[a] &= ~kDBM; };
  ExpectFault(w, kVa, FaultKind::Permission, 3, write_access());
  EXPECT_TRUE(w.ap2());
}

TEST(Race, PageMoves) {
  Managed w(0);
  w.mem.race = [](SparseMemory& m, u64 a) {
    m.words[a] = 0x9000'0000 | kAF | 3;
    m.race = nullptr;
  };
  ExpectMapped(w, kVa, 0x9000'0000);
}

TEST(Race, OneLossThenTheSwapSucceeds) {
  Managed w(kDBM | kAP2);
  w.mem.race = [](SparseMemory& m, u64 a) {
    m.words[a] |= kUXN;
    m.race = nullptr;
  };
  ExpectMapped(w, kVa, kPa, write_access());
  EXPECT_EQ(w.descriptor(), kPa | kDBM | kUXN | kAF | 3);
  EXPECT_EQ(w.mem.swaps, 2u);
}

TEST(Race, EndlessLossEndsAsASoftwareFault) {
  const auto churn = [](SparseMemory& m, u64 a) { m.words[a] ^= u64{1} << 55; };
  Managed w(0);
  w.mem.race = churn;
  ExpectFault(w, kVa, FaultKind::AccessFlag, 3);
  EXPECT_LE(w.mem.swaps, 100u);
  EXPECT_FALSE(w.af());

  Managed v(kAF | kDBM | kAP2);
  v.mem.race = churn;
  Stage1Access atomic = write_access();
  atomic.atomic = true;
  ExpectFault(v, kVa, FaultKind::Permission, 3, atomic);
  EXPECT_TRUE(v.walk(kVa, atomic).fault.write);
  EXPECT_TRUE(v.ap2());
}

TEST(Race, UpdateThatAborts) {
  Managed w(0);
  w.mem.bad_writes.insert(w.at);
  ExpectFault(w, kVa, FaultKind::ExternalOnWalk, 3);
}

}  // namespace
}  // namespace quince::cpu::test
