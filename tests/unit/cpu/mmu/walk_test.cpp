// What the walk finds: every granule, input size, level and half; attributes; the MMU off.
#include "cpu/mmu/walk.h"

#include <gtest/gtest.h>

#include "tests/unit/cpu/mmu/page_tables.h"

namespace quince::cpu::test {
namespace {

TEST(Walk, EveryGranuleSizeLevelAndHalf) {
  unsigned mapped = 0;
  for (const Granule& g : kGranules)
    for (unsigned txsz = 16; txsz <= 39; ++txsz)
      for (unsigned half = 0; half < 2; ++half)
        for (unsigned level = 0; level <= 3; ++level) {
          World w(g, txsz, half);
          if (level < w.start() || !g.is_leaf_level(level)) continue;
          SCOPED_TRACE(testing::Message()
                       << g.name << " TxSZ " << txsz << " half " << half << " level " << level);
          const unsigned log2 = w.leaf_log2(level);
          const u64 size = u64{1} << log2;
          // The first, the last, and one in the middle with a mixed pattern.
          const u64 span = low_mask(64 - txsz);
          const u64 vas[] = {0, span & ~(size - 1), 0x5a5a'5a5a'5a5a'5a5a & span & ~(size - 1)};
          u64 pa = u64{1} << 40;
          for (const u64 low : vas) {
            const u64 va = w.high() | low;
            if (w.mem.word(w.descriptor_at(va, level)) != 0) continue;  // a small space
            pa += size;
            w.map(va, align_down(pa, size), level);
            ExpectMapped(w, va, align_down(pa, size));
            ExpectMapped(w, va + size - 1, align_down(pa, size) + size - 1);
            const Translation t = w.walk(va + size / 2).t;
            EXPECT_EQ(t.log2_size, log2);
            EXPECT_EQ(t.level, level);
            EXPECT_TRUE(t.cacheable);
            ++mapped;
          }
        }
  EXPECT_GT(mapped, 700u);
}

TEST(Walk, ReadsOneDescriptorPerLevel) {
  struct Row {
    const Granule& g;
    unsigned txsz, reads;
  };
  for (const Row& r :
       {Row{k4K, 16, 4}, Row{k4K, 24, 4}, Row{k4K, 25, 3}, Row{k4K, 33, 3}, Row{k4K, 34, 2},
        Row{k4K, 39, 2}, Row{k16K, 16, 4}, Row{k16K, 17, 3}, Row{k16K, 27, 3}, Row{k16K, 28, 2},
        Row{k16K, 38, 2}, Row{k16K, 39, 1}, Row{k64K, 16, 3}, Row{k64K, 21, 3}, Row{k64K, 22, 2},
        Row{k64K, 34, 2}, Row{k64K, 35, 1}, Row{k64K, 39, 1}}) {
    World w(r.g, r.txsz);
    w.map(0, 0x8000'0000);
    ExpectMapped(w, 0, 0x8000'0000);
    EXPECT_EQ(w.mem.reads, r.reads) << r.g.name << " " << r.txsz;
  }
}

TEST(Walk, TxSzIsClamped) {
  World low(k4K, 16);
  low.map(0x1234'5678'9000, 0x8000'0000);
  low.regs.tcr &= ~u64{0x3f};  // T0SZ = 0 acts as 16
  ExpectMapped(low, 0x1234'5678'9abc, 0x8000'0abc);
  ExpectFault(low, u64{1} << 48, FaultKind::Translation, 0);

  World high(k4K, 39);
  high.map(0x1ff'f000, 0x8000'0000);
  high.regs.tcr |= 0x3f;  // T0SZ = 63 acts as 39
  ExpectMapped(high, 0x1ff'f123, 0x8000'0123);
  ExpectFault(high, 0x200'0000, FaultKind::Translation, 0);
}

TEST(Walk, SmallTranslationTables) {
  for (const Granule& g : kGranules) {
    const unsigned txsz = g.bits == 16 ? 47 : 48;
    World w(g, txsz);
    w.features.ttst = true;
    w.map(0, 0x8000'0000);
    w.regs.tcr |= 0x3f;  // 63, clamped
    ExpectMapped(w, 1, 0x8000'0001);
    EXPECT_EQ(w.mem.reads, 1u);
    ExpectFault(w, u64{1} << (64 - txsz), FaultKind::Translation, 0);
  }
}

TEST(Walk, GranuleChoice) {
  World w(k4K, 25);
  w.map(0x1000, 0x8000'0000);
  w.regs.tcr |= 3 << 14;  // TG0 = 0b11 is reserved: the smallest granule
  ExpectMapped(w, 0x1000, 0x8000'0000);
  World v(k16K, 25);
  v.map(0x4000, 0x8000'0000);
  v.features.gran4 = false;
  v.regs.tcr &= ~(u64{3} << 14);  // 4 KiB, which is not implemented
  ExpectMapped(v, 0x4000, 0x8000'0000);
  World u(k64K, 25);
  u.map(0x1'0000, 0x8000'0000);
  u.features.gran4 = u.features.gran16 = false;
  u.regs.tcr &= ~(u64{3} << 14);
  ExpectMapped(u, 0x1'0000, 0x8000'0000);
  World t(k4K, 25, 1);
  t.map(t.high() | 0x1000, 0x8000'0000);
  t.regs.tcr &= ~(u64{3} << 30);  // TG1 = 0b00 is reserved
  ExpectMapped(t, t.high() | 0x1000, 0x8000'0000);
}

TEST(Walk, TheTwoHalvesAreIndependent) {
  World w(k16K, 17, 1);
  const u64 kernel = w.high() | 0x70'0000'0000;
  w.map(kernel, 0x8000'0000);
  w.regs.tcr |= 39;  // the lower half: 4 KiB with a table of its own
  w.regs.tcr &= ~(u64{3} << 14);
  w.regs.ttbr0 = 0x9000'0000;
  w.mem.words[0x9000'0000] = 0x9000'1000 | 3;
  w.mem.words[0x9000'1008] = 0xa000'0000 | kOpen | 3;
  ExpectMapped(w, kernel, 0x8000'0000);
  ExpectMapped(w, 0x1008, 0xa000'0008);
  EXPECT_EQ(w.walk(0x1008).t.log2_size, 12);
  EXPECT_EQ(w.walk(kernel).t.log2_size, 14);
}

TEST(Walk, XnuKernelBlocksAndTaggedPointers) {
  World w(k16K, 17, 1);
  w.features.pa_bits = 40;
  w.regs.sctlr = 0x0000'1000'FC14'713D;
  w.regs.tcr = 0x0008'0022'6511'A511;
  const u64 va = 0xFFFF'FE00'0700'0000;
  w.map(align_down(va, 32 * MiB), 0x8200'0000, 2, kAF | kUXN | kPXN);
  ExpectMapped(w, va, 0x8300'0000);
  EXPECT_EQ(w.walk(va).t.log2_size, 25);

  World u(k16K, 17, 0);
  u.features.pa_bits = 40;
  u.regs.sctlr = w.regs.sctlr;
  u.regs.tcr = w.regs.tcr;
  u.map(0x1'0000'4000, 0x8001'0000, 3, kOpen | kNG);
  ExpectMapped(u, 0xab00'0001'0000'4008, 0x8001'0008, as_el0(read_access()));
  ExpectFault(u, 0xab00'0001'0000'4008, FaultKind::Translation, 0, as_el0(fetch_access()));
}

TEST(Walk, UnusedLowBitsAreIgnored) {
  World w(k4K, 17);
  w.map(0x4000'0000, 0x1'4000'0000, 1, kOpen | 0x1000 | 0x1'0000 | 0x2000'0000);
  ExpectMapped(w, 0x4000'0123, 0x1'4000'0123);  // OA bits below the block, and nT
  w.regs.ttbr0 |= 1;                            // CnP
  ExpectMapped(w, 0x4000'0123, 0x1'4000'0123);
  w.regs.ttbr0 |= 0x7fe;  // below the table's alignment
  ExpectMapped(w, 0x4000'0123, 0x1'4000'0123);
  w.regs.ttbr0 |= u64{0xffff} << 48;  // the ASID
  ExpectMapped(w, 0x4000'0123, 0x1'4000'0123);

  World v(k64K, 17);
  v.map(0x1'0000, 0x8000'0000, 3, kOpen | 0xf000);  // OA<51:48> with FEAT_LPA only
  ExpectMapped(v, 0x1'0008, 0x8000'0008);

  World small(k16K, 16);  // a table of two entries may lie on any 16 bytes
  small.map(0, 0x8000'0000);
  small.mem.words[0x4000'0010] = small.mem.word(0x4000'0000);
  small.mem.words.erase(0x4000'0000);
  small.regs.ttbr0 = 0x4000'0018;
  ExpectMapped(small, 8, 0x8000'0008);
}

TEST(Walk, ContiguousEntriesSpeakForThemselves) {
  World w(k16K, 17);
  w.map(0x20'0000, 0x8000'0000, 3, kOpen | kContiguous);
  w.map(0x20'4000, 0x9abc'c000, 3, kOpen | kContiguous);  // not where the group would put it
  ExpectMapped(w, 0x20'0000, 0x8000'0000);
  ExpectMapped(w, 0x20'4004, 0x9abc'c004);
  EXPECT_EQ(w.walk(0x20'4004).t.log2_size, 14);
  ExpectFault(w, 0x20'8000, FaultKind::Translation, 3);
}

TEST(Walk, MemoryAttributes) {
  struct Row {
    u8 attr;
    u64 sh;
    bool device;
    u8 effective_sh;
  };
  for (const Row& r : {Row{0xff, 0, false, 0}, Row{0xff, 2, false, 2}, Row{0xff, 3, false, 3},
                       Row{0xff, 1, false, 2}, Row{0x44, 0, false, 2}, Row{0x44, 3, false, 2},
                       Row{0xbb, 3, false, 3}, Row{0x4f, 3, false, 3}, Row{0x00, 0, true, 2},
                       Row{0x04, 3, true, 2}, Row{0x08, 0, true, 2}, Row{0x0c, 3, true, 2}})
    for (unsigned index = 0; index < 8; ++index) {
      World w(k4K, 25);
      w.regs.mair = ~(u64{0xff} << (8 * index)) | (u64{r.attr} << (8 * index));
      w.map(0, 0x8000'0000, 3, kOpen | (u64{index} << 2) | (r.sh << 8));
      const Translation t = w.walk(0).t;
      EXPECT_EQ(t.attr, r.attr);
      EXPECT_EQ(t.device, r.device) << +r.attr;
      EXPECT_EQ(t.sh, r.effective_sh) << +r.attr << " SH " << r.sh;
    }
}

TEST(Walk, GlobalAndGuardedBits) {
  World w(k4K, 25);
  w.map(0, 0x8000'0000, 3, kOpen);
  w.map(0x1000, 0x8000'1000, 3, kOpen | kNG | kGP);
  EXPECT_FALSE(w.walk(0).t.ng);
  EXPECT_FALSE(w.walk(0).t.guarded);
  EXPECT_TRUE(w.walk(0x1000).t.ng);
  EXPECT_TRUE(w.walk(0x1000).t.guarded);
  w.features.bti = false;
  EXPECT_FALSE(w.walk(0x1000).t.guarded);
}

TEST(Walk, DeviceMemoryDemandsAlignment) {
  World w(k4K, 25);
  w.map(0, 0x8000'0000, 3, kAF | (3 << 2));  // MAIR index 3: nGnRnE, EL1 only
  w.map(0x1000, 0x8000'1000, 3, kAF | kAP2);
  Stage1Access a = read_access();
  a.aligned = false;
  ExpectFault(w, 1, FaultKind::Alignment, 3, a);
  ExpectMapped(w, 0x1001, 0x8000'1001, a);
  a.el0 = true;  // Alignment comes before Permission
  ExpectFault(w, 1, FaultKind::Alignment, 3, a);
  ExpectFault(w, 0x1001, FaultKind::Permission, 3, a);
}

TEST(Walk, BigEndianTables) {
  World w(k4K, 25);
  w.features.hafdbs_af = w.features.mixed_endian = true;
  w.regs.tcr |= kHA;
  const u64 at = w.map(0x1000, 0x8000'0000, 3, kAP1);
  for (auto& [a, v] : w.mem.words) v = __builtin_bswap64(v);
  w.regs.sctlr |= kEE;
  ExpectMapped(w, 0x1000, 0x8000'0000);
  EXPECT_EQ(w.mem.word(at), __builtin_bswap64(0x8000'0000 | kAP1 | kAF | 3));
  w.features.mixed_endian = false;
  EXPECT_NE(w.walk(0x1000).fault.kind, FaultKind::None);
}

TEST(WalkDisabled, IdentityWithFixedAttributes) {
  World w(k16K, 17);
  w.regs.sctlr = 0;
  w.features.pa_bits = 40;
  const u64 va = 0xff'1234'5678;
  ExpectMapped(w, va, va);
  ExpectMapped(w, va, va, as_el0(write_access()));
  const Translation data = w.walk(va).t;
  EXPECT_TRUE(data.device);
  EXPECT_EQ(data.attr, 0x00);
  EXPECT_FALSE(data.cacheable);
  EXPECT_FALSE(data.guarded);
  EXPECT_EQ(w.walk(va, fetch_access()).t.attr, 0x44);
  w.regs.sctlr = kI | kWXN;  // WXN means nothing here
  EXPECT_EQ(w.walk(va, fetch_access()).t.attr, 0xaa);
  EXPECT_FALSE(w.walk(va, fetch_access()).t.device);
  EXPECT_EQ(w.mem.reads, 0u);
  Stage1Access pan = read_access();
  pan.pan = true;
  ExpectMapped(w, va, va, pan);
  Stage1Access unaligned = read_access();
  unaligned.aligned = false;
  ExpectFault(w, va + 1, FaultKind::Alignment, 0, unaligned);
}

TEST(WalkDisabled, AddressSize) {
  World w(k16K, 17);
  w.regs.sctlr = 0;
  w.regs.tcr &= ~(u64{7} << 32);  // IPS does not matter
  for (unsigned pa_bits : {32u, 36u, 40u, 48u}) {
    w.features.pa_bits = static_cast<u8>(pa_bits);
    w.regs.tcr &= ~(kTBI0 | kTBI1 | kTBID0);
    ExpectMapped(w, low_mask(pa_bits), low_mask(pa_bits));
    ExpectFault(w, u64{1} << pa_bits, FaultKind::AddressSize, 0);
    ExpectFault(w, u64{1} << 63, FaultKind::AddressSize, 0);
    ExpectFault(w, u64{1} << 55, FaultKind::AddressSize, 0);
    w.regs.tcr |= kTBI0 | kTBI1;
    ExpectMapped(w, 0xab00'0000'0000'1000, 0x1000);
    ExpectMapped(w, 0xab00'0000'0000'1000, 0x1000, fetch_access());
    ExpectFault(w, u64{1} << 55, FaultKind::AddressSize, 0);
    w.regs.tcr |= kTBID0;
    ExpectMapped(w, 0xab00'0000'0000'1000, 0x1000);
    ExpectFault(w, 0xab00'0000'0000'1000, FaultKind::AddressSize, 0, fetch_access());
  }
}

TEST(Asid, RegisterAndWidth) {
  Stage1Regs r;
  Stage1Features f;
  r.ttbr0 = u64{0x1234} << 48;
  r.ttbr1 = u64{0x5678} << 48;
  EXPECT_EQ(current_asid(r, f), 0x34);
  r.tcr = kAS;
  EXPECT_EQ(current_asid(r, f), 0x34) << "16 bits are not implemented";
  f.asid16 = true;
  EXPECT_EQ(current_asid(r, f), 0x1234);
  r.tcr = kAS | kA1;
  EXPECT_EQ(current_asid(r, f), 0x5678);
  r.tcr = kA1;
  EXPECT_EQ(current_asid(r, f), 0x78);
}

TEST(StripTag, FollowsTbi) {
  Stage1Regs r;
  Stage1Features f;
  const VirtAddr low(0xab00'1234'5678'9abc), high(0xab80'1234'5678'9abc);
  EXPECT_EQ(strip_tag(r, f, low, AccessKind::Read), low);
  r.tcr = kTBI0 | kTBID0;
  EXPECT_EQ(strip_tag(r, f, low, AccessKind::Write).raw(), 0x0000'1234'5678'9abcu);
  EXPECT_EQ(strip_tag(r, f, low, AccessKind::Execute), low);
  EXPECT_EQ(strip_tag(r, f, high, AccessKind::Read), high);
  r.tcr = kTBI1;
  EXPECT_EQ(strip_tag(r, f, high, AccessKind::Read).raw(), 0xff80'1234'5678'9abcu);
  EXPECT_EQ(strip_tag(r, f, high, AccessKind::Execute).raw(), 0xff80'1234'5678'9abcu);
  r.tcr = kTBI1 | kTBID1;
  f.tbid = false;
  EXPECT_EQ(strip_tag(r, f, high, AccessKind::Execute).raw(), 0xff80'1234'5678'9abcu);
}

}  // namespace
}  // namespace quince::cpu::test
