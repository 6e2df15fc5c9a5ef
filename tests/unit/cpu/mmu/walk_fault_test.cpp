// How the walk fails: every fault kind at every level, its status code, and WnR.
#include <gtest/gtest.h>

#include "tests/unit/cpu/mmu/page_tables.h"

namespace quince::cpu::test {
namespace {

/// Runs `check(world, va, level)` for every granule, half and level from the start level on.
template <class Check>
void for_every_level(Check check) {
  for (const Granule& g : kGranules)
    for (const unsigned txsz : {16u, 17u, 25u, 30u})
      for (unsigned half = 0; half < 2; ++half)
        for (unsigned level = 0; level <= 3; ++level) {
          World w(g, txsz, half);
          if (level < w.start()) continue;
          SCOPED_TRACE(testing::Message()
                       << g.name << " TxSZ " << txsz << " half " << half << " level " << level);
          check(w, g, w.high() | (0x1234'5678'9abc & low_mask(64 - txsz)), level);
        }
}

TEST(WalkFault, StatusCodes) {
  struct Row {
    FaultKind kind;
    u8 level, fsc;
  };
  const Row rows[] = {
      {FaultKind::AddressSize, 0, 0b000000},    {FaultKind::AddressSize, 1, 0b000001},
      {FaultKind::AddressSize, 2, 0b000010},    {FaultKind::AddressSize, 3, 0b000011},
      {FaultKind::Translation, 0, 0b000100},    {FaultKind::Translation, 1, 0b000101},
      {FaultKind::Translation, 2, 0b000110},    {FaultKind::Translation, 3, 0b000111},
      {FaultKind::AccessFlag, 1, 0b001001},     {FaultKind::AccessFlag, 2, 0b001010},
      {FaultKind::AccessFlag, 3, 0b001011},     {FaultKind::Permission, 1, 0b001101},
      {FaultKind::Permission, 2, 0b001110},     {FaultKind::Permission, 3, 0b001111},
      {FaultKind::External, 2, 0b010000},       {FaultKind::ExternalOnWalk, 0, 0b010100},
      {FaultKind::ExternalOnWalk, 1, 0b010101}, {FaultKind::ExternalOnWalk, 2, 0b010110},
      {FaultKind::ExternalOnWalk, 3, 0b010111}, {FaultKind::Alignment, 3, 0b100001},
      {FaultKind::TlbConflict, 0, 0b110000},    {FaultKind::UnsupportedAtomic, 1, 0b110101},
  };
  for (const Row& r : rows)
    EXPECT_EQ((Fault{.kind = r.kind, .level = r.level}.fsc()), r.fsc)
        << to_string(r.kind) << " " << +r.level;
}

TEST(WalkFault, InvalidDescriptors) {
  for_every_level([](World& w, const Granule&, u64 va, unsigned level) {
    const u64 at = w.descriptor_at(va, level);
    ExpectFault(w, va, FaultKind::Translation, level);
    w.mem.words[at] = ~u64{1};  // bit 0 alone decides
    ExpectFault(w, va, FaultKind::Translation, level);
  });
}

TEST(WalkFault, BlocksWhereNoneExist) {
  unsigned reserved = 0;
  for_every_level([&](World& w, const Granule& g, u64 va, unsigned level) {
    const u64 at = w.descriptor_at(va, level);
    w.mem.words[at] = kOpen | kValid;  // 0b01
    if (level != 3 && g.is_leaf_level(level)) {
      EXPECT_FALSE(w.walk(va).fault);
    } else {
      ExpectFault(w, va, FaultKind::Translation, level);
      ++reserved;
    }
  });
  EXPECT_GT(reserved, 20u);
}

TEST(WalkFault, ExternalAborts) {
  for_every_level([](World& w, const Granule&, u64 va, unsigned level) {
    w.mem.bad_reads.insert(w.descriptor_at(va, level));
    ExpectFault(w, va, FaultKind::ExternalOnWalk, level);
    EXPECT_EQ(w.walk(va).fault.fsc(), 0x14 + level);
  });
}

TEST(WalkFault, OutputAddressSize) {
  struct Row {
    unsigned ips, pa_bits, limit;
  };
  for (const Row& r : {Row{0, 48, 32}, Row{1, 48, 36}, Row{2, 48, 40}, Row{3, 48, 42},
                       Row{4, 48, 44}, Row{5, 40, 40}, Row{6, 40, 40}, Row{7, 36, 36}})
    for_every_level([&](World& w, const Granule& g, u64 va, unsigned level) {
      w.features.pa_bits = static_cast<u8>(r.pa_bits);
      w.regs.tcr = with_bits(w.regs.tcr, 34, 32, r.ips);
      const u64 at = w.descriptor_at(va, level);
      if (level != 3) {  // a table
        w.mem.words[at] = (u64{1} << r.limit) | kTableBit | kValid;
        ExpectFault(w, va, FaultKind::AddressSize, level);
      }
      if (!g.is_leaf_level(level)) return;
      const u64 type = level == 3 ? kTableBit | kValid : kValid;
      const u64 size = u64{1} << w.leaf_log2(level);
      w.mem.words[at] = (u64{1} << r.limit) | kOpen | type;
      ExpectFault(w, va, FaultKind::AddressSize, level);
      w.mem.words[at] = (u64{1} << r.limit) | type;  // before the access flag
      ExpectFault(w, va, FaultKind::AddressSize, level);
      const u64 highest = (u64{1} << r.limit) - size;
      w.mem.words[at] = highest | kOpen | type;
      ExpectMapped(w, va, highest + (va & (size - 1)));
    });
}

TEST(WalkFault, TableBaseAddressSize) {
  for (unsigned half = 0; half < 2; ++half) {
    World w(k16K, 17, half);
    w.features.pa_bits = 40;
    (half == 0 ? w.regs.ttbr0 : w.regs.ttbr1) |= u64{1} << 40;
    ExpectFault(w, w.high() | 0x1000, FaultKind::AddressSize, 0);
    EXPECT_EQ(w.mem.reads, 0u);
  }
}

TEST(WalkFault, FortyEightBitsNeverOverflow) {
  World w(k4K, 16);
  w.map(0, 0xffff'ffff'f000);
  ExpectMapped(w, 0xfff, 0xffff'ffff'ffff);
}

TEST(WalkFault, AccessFlagAndPermission) {
  for_every_level([](World& w, const Granule& g, u64 va, unsigned level) {
    if (!g.is_leaf_level(level)) return;
    const u64 size = u64{1} << w.leaf_log2(level);
    const u64 at = w.map(va, align_down(0x12'3456'7890, size), level, kAP2 | kPXN);
    ExpectFault(w, va, FaultKind::AccessFlag, level);
    ExpectFault(w, va, FaultKind::AccessFlag, level, as_el0(write_access()));  // comes first
    w.mem.words[at] |= kAF;
    ExpectReadOnly(w, va, align_down(0x12'3456'7890, size) + (va & (size - 1)), level);
    ExpectFault(w, va, FaultKind::Permission, level, as_el0(read_access()));
    ExpectFault(w, va, FaultKind::Permission, level, fetch_access());
    w.mem.words[at] |= kAP1;
    ExpectReadOnly(w, va, align_down(0x12'3456'7890, size) + (va & (size - 1)), level, true);
  });
}

TEST(WalkFault, VirtualAddressRange) {
  for (const Granule& g : kGranules)
    for (unsigned txsz = 16; txsz <= 39; ++txsz) {
      SCOPED_TRACE(testing::Message() << g.name << " TxSZ " << txsz);
      const unsigned ia = 64 - txsz;
      World lower(g, txsz, 0), upper(g, txsz, 1);
      lower.regs.tcr |= u64{txsz} << 16;
      upper.regs.tcr |= txsz;
      // The outermost addresses of both halves walk; their tables are empty.
      ExpectFault(lower, low_mask(ia), FaultKind::Translation, lower.start());
      ExpectFault(upper, ~low_mask(ia), FaultKind::Translation, upper.start());
      EXPECT_EQ(lower.mem.reads + upper.mem.reads, 2u);
      // Anything between them does not.
      for (unsigned n = ia; n < 64; ++n) {
        ExpectFault(lower, u64{1} << n, FaultKind::Translation, 0);
        ExpectFault(upper, ~(u64{1} << n), FaultKind::Translation, 0);
      }
      EXPECT_EQ(lower.mem.reads + upper.mem.reads, 2u);
    }
}

TEST(WalkFault, TopByteIgnore) {
  for (unsigned half = 0; half < 2; ++half) {
    World w(k16K, 17, half);
    const u64 va = w.high() | 0x1'0000'4000;
    w.map(va, 0x8000'0000);
    const u64 tagged = va ^ 0x5a00'0000'0000'0000;
    ExpectFault(w, tagged, FaultKind::Translation, 0);
    w.regs.tcr |= half == 0 ? kTBI1 : kTBI0;  // the other half's
    ExpectFault(w, tagged, FaultKind::Translation, 0);
    w.regs.tcr |= kTBI0 | kTBI1;
    ExpectMapped(w, tagged, 0x8000'0000);
    ExpectMapped(w, tagged, 0x8000'0000, write_access());
    w.mem.words[w.descriptor_at(va, 3)] &= ~kAP1;  // writable by EL0 would not execute at EL1
    ExpectMapped(w, tagged, 0x8000'0000, fetch_access());
    w.regs.tcr |= half == 0 ? kTBID0 : kTBID1;
    ExpectMapped(w, tagged, 0x8000'0000);
    ExpectFault(w, tagged, FaultKind::Translation, 0, fetch_access());
    ExpectMapped(w, va, 0x8000'0000, fetch_access());
    w.features.tbid = false;
    ExpectMapped(w, tagged, 0x8000'0000, fetch_access());
    w.features.tbid = true;
    for (unsigned n = 47; n <= 55; ++n)  // only the top byte
      ExpectFault(w, va ^ (u64{1} << n), FaultKind::Translation, 0);
  }
}

TEST(WalkFault, WalksDisabled) {
  for (unsigned half = 0; half < 2; ++half) {
    World w(k4K, 25, half);
    const u64 va = w.high() | 0x1000;
    w.map(va, 0x8000'0000);
    w.regs.tcr |= half == 0 ? kEPD1 : kEPD0;
    ExpectMapped(w, va, 0x8000'0000);
    w.regs.tcr |= half == 0 ? kEPD0 : kEPD1;
    w.mem.reads = 0;
    ExpectFault(w, va, FaultKind::Translation, 0);
    EXPECT_EQ(w.mem.reads, 0u);
  }
}

TEST(WalkFault, E0PD) {
  for (unsigned half = 0; half < 2; ++half) {
    World w(k4K, 25, half);
    w.features.e0pd = true;
    const u64 va = w.high() | 0x1000;
    w.map(va, 0x8000'0000);
    w.regs.tcr |= half == 0 ? kE0PD1 : kE0PD0;
    ExpectMapped(w, va, 0x8000'0000, as_el0(read_access()));
    w.regs.tcr |= half == 0 ? kE0PD0 : kE0PD1;
    ExpectMapped(w, va, 0x8000'0000);
    w.mem.reads = 0;
    for (const Stage1Access& a : {read_access(), write_access(), fetch_access()})
      ExpectFault(w, va, FaultKind::Translation, 0, as_el0(a));
    EXPECT_EQ(w.mem.reads, 0u);
    // What EL1 put into a TLB answers EL0 in the same way.
    const Translation t = w.walk(va).t;
    const Fault hit = check_permission(t, as_el0(read_access()));
    EXPECT_EQ(hit, w.walk(va, as_el0(read_access())).fault);
    w.features.e0pd = false;
    ExpectMapped(w, va, 0x8000'0000, as_el0(read_access()));
  }
}

TEST(WalkFault, WnR) {
  World w(k4K, 25);
  w.map(0x1000, 0x8000'0000, 3, kAF | kAP1 | kAP2);
  w.map(0x2000, 0x8000'0000, 3, kAF);
  w.map(0x3000, 0x8000'0000, 3, kAP1);
  struct Row {
    u64 va;
    Stage1Access access;
    FaultKind kind;
    bool write;
  };
  Stage1Access atomic = write_access(), clean = read_access(), at = read_access();
  atomic.atomic = clean.cache_maintenance = at.at_instruction = true;
  const Row rows[] = {
      {0x0000, read_access(), FaultKind::Translation, false},
      {0x0000, write_access(), FaultKind::Translation, true},
      {0x0000, atomic, FaultKind::Translation, false},
      {0x0000, clean, FaultKind::Translation, true},
      {0x0000, at, FaultKind::Translation, true},
      {0x3000, atomic, FaultKind::AccessFlag, false},
      {0x3000, write_access(), FaultKind::AccessFlag, true},
      {0x1000, write_access(), FaultKind::Permission, true},
      {0x1000, atomic, FaultKind::Permission, true},           // the read would have worked
      {0x2000, as_el0(atomic), FaultKind::Permission, false},  // the read fails too
      {0x2000, as_el0(clean), FaultKind::Permission, true},
      {0x2000, as_el0(write_access()), FaultKind::Permission, true},
  };
  for (const Row& r : rows) {
    const Fault f = w.walk(r.va, r.access).fault;
    EXPECT_EQ(f.kind, r.kind) << &r - rows;
    EXPECT_EQ(f.write, r.write) << &r - rows;
  }
}

}  // namespace
}  // namespace quince::cpu::test
