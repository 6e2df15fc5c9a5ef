// The second-level TLB: what it finds, what it forgets, and random operations against a list.
#include "cpu/mmu/tlb.h"

#include <gtest/gtest.h>

#include <random>

#include "base/bits.h"
#include "tests/unit/cpu/mmu/page_tables.h"

namespace quince::cpu {
namespace {

using Kind = TlbInvalidation::Kind;

Translation entry(u64 pa, unsigned log2_size = 12, bool ng = true) {
  Translation t;
  t.log2_size = static_cast<u8>(log2_size);
  t.pa = PhysAddr(align_down(pa, t.size()));
  t.ng = ng;
  return t;
}

TlbInvalidation by_va(u64 first, u64 last, u16 asid) {
  return {.kind = Kind::Va, .first = VirtAddr(first), .last = VirtAddr(last), .asid = asid};
}

struct Tlb2Test : ::testing::Test {
  void put(u64 va, u16 asid, const Translation& t) { tlb.insert(VirtAddr(va), asid, t); }
  const Translation* get(u64 va, u16 asid, AccessKind kind = AccessKind::Read) {
    return tlb.lookup(VirtAddr(va), asid, kind);
  }
  Tlb2 tlb;
};

TEST_F(Tlb2Test, EverySizeInBothHalves) {
  for (const unsigned log2 : {12u, 14u, 16u, 21u, 25u, 29u, 30u})
    for (const u64 half : {u64{0}, ~low_mask(48)}) {
      const u64 va = half | (u64{5} << log2), size = u64{1} << log2;
      put(va + size / 2, 1, entry(u64{9} << log2, log2));
      for (const u64 inside : {va, va + size / 2, va + size - 1}) {
        const Translation* t = get(inside, 1);
        ASSERT_NE(t, nullptr) << log2;
        EXPECT_EQ(t->output(VirtAddr(inside)).raw(), (u64{9} << log2) + (inside - va));
      }
      EXPECT_EQ(get(va - 1, 1), nullptr);
      EXPECT_EQ(get(va + size, 1), nullptr);
      EXPECT_EQ(get(va ^ (u64{1} << 47), 1), nullptr);
      EXPECT_EQ(get(va, 2), nullptr);
      tlb.invalidate_all();
      EXPECT_EQ(get(va, 1), nullptr);
    }
  EXPECT_EQ(tlb.size(), 0u);
}

TEST_F(Tlb2Test, AsidsAndGlobalEntries) {
  put(0x1000, 1, entry(0xa000));
  put(0x1000, 2, entry(0xb000));
  put(0x2000, 1, entry(0xc000, 12, false));
  EXPECT_EQ(get(0x1000, 1)->pa.raw(), 0xa000u);
  EXPECT_EQ(get(0x1000, 2)->pa.raw(), 0xb000u);
  EXPECT_EQ(get(0x1000, 3), nullptr);
  EXPECT_EQ(get(0x2000, 0xffff)->pa.raw(), 0xc000u);
}

TEST_F(Tlb2Test, InsertReplacesWhateverAnswered) {
  put(0x1000, 1, entry(0xa000));
  put(0x1000, 1, entry(0xb000));
  EXPECT_EQ(tlb.size(), 1u);
  EXPECT_EQ(get(0x1000, 1)->pa.raw(), 0xb000u);
  put(0x1000, 1, entry(0x20'0000, 21, false));  // a global block takes the place of the page
  EXPECT_EQ(tlb.size(), 1u);
  EXPECT_EQ(get(0x1000, 7)->pa.raw(), 0x20'0000u);
  put(0x1000, 1, entry(0xc000));
  EXPECT_EQ(tlb.size(), 1u);
  EXPECT_EQ(get(0x1000, 7), nullptr);
}

TEST_F(Tlb2Test, NonCanonicalAddressesAreNotFound) {
  put(0x1000, 1, entry(0xa000));
  put(~low_mask(48) | 0x1000, 1, entry(0xb000));
  for (unsigned n = 48; n < 64; ++n) {
    EXPECT_EQ(get(0x1000 | (u64{1} << n), 1), nullptr) << n;
    EXPECT_EQ(get((~low_mask(48) | 0x1000) ^ (u64{1} << n), 1), nullptr) << n;
  }
  put(u64{1} << 60, 1, entry(0xa000));
  EXPECT_EQ(tlb.size(), 2u);
}

TEST_F(Tlb2Test, WhatMustNotBeKept) {
  Translation t = entry(0xa000);
  t.cacheable = false;
  put(0x1000, 1, t);
  put(0x1000, 1, entry(0xa000, 13));  // no granule has such pages
  put(0x1000, 1, entry(0, 40));
  EXPECT_EQ(tlb.size(), 0u);
}

TEST_F(Tlb2Test, FirstWriteToACleanPageWalks) {
  test::World w(test::k16K, 17);
  w.features.hafdbs_af = w.features.hafdbs_dbm = true;
  w.regs.tcr |= test::kHA | test::kHD;
  const u64 va = 0x4000;
  const u64 at = w.map(va, 0x8000'0000, 3, test::kDBM | test::kAP2);
  put(va, 1, w.walk(va).t);
  EXPECT_NE(get(va, 1), nullptr);
  EXPECT_NE(get(va, 1, AccessKind::Execute), nullptr);
  EXPECT_EQ(get(va, 1, AccessKind::Write), nullptr);
  put(va, 1, w.walk(va, test::write_access()).t);
  EXPECT_EQ(w.mem.word(at) & test::kAP2, 0u);
  EXPECT_NE(get(va, 1, AccessKind::Write), nullptr);
  EXPECT_EQ(tlb.size(), 1u);
}

TEST_F(Tlb2Test, HoldsItsReach) {
  constexpr u64 kPages = 16384, kBlocks = 256, kMore = kPages + 900;
  for (u64 n = 0; n < kPages; ++n) put(n << 14, 1, entry(n << 14, 14));
  EXPECT_EQ(tlb.size(), kPages) << "consecutive pages fill it";
  for (u64 n = 0; n < kPages; ++n) ASSERT_NE(get(n << 14, 1), nullptr) << n;
  for (u64 n = 0; n < kBlocks; ++n) put(~low_mask(48) | n << 25, 1, entry(n << 25, 25));
  EXPECT_EQ(tlb.size(), kPages + kBlocks) << "blocks do not displace pages";
  for (u64 n = kPages; n < kMore; ++n) put(n << 14, 1, entry(n << 14, 14));
  EXPECT_EQ(tlb.size(), kPages + kBlocks);
  for (u64 n = kPages; n < kMore; ++n) ASSERT_NE(get(n << 14, 1), nullptr) << n;
}

TEST_F(Tlb2Test, InvalidateByAddress) {
  put(0x1000, 1, entry(0xa000));
  put(0x1000, 2, entry(0xb000));
  put(0x2000, 1, entry(0xc000, 12, false));
  put(0x4000'0000, 1, entry(0x4000'0000, 30));
  tlb.invalidate(decode_tlbi(TlbiOp::VAE1, (u64{1} << 48) | 1, true));
  EXPECT_EQ(get(0x1000, 1), nullptr);
  EXPECT_NE(get(0x1000, 2), nullptr);
  tlb.invalidate(decode_tlbi(TlbiOp::VALE1, (u64{9} << 48) | 2, true));
  EXPECT_EQ(get(0x2000, 1), nullptr) << "global entries go for any ASID";
  tlb.invalidate(decode_tlbi(TlbiOp::VAALE1, (u64{9} << 48) | 1, true));
  EXPECT_EQ(get(0x1000, 2), nullptr);
  tlb.invalidate(decode_tlbi(TlbiOp::VAAE1, 0x7'ffff, true));
  EXPECT_EQ(tlb.size(), 0u) << "any address of a block";
}

TEST_F(Tlb2Test, InvalidateByAsid) {
  put(0x1000, 0x101, entry(0xa000));
  put(0x1000, 0x201, entry(0xb000));  // shares the low byte
  put(0x2000, 0x101, entry(0xc000, 12, false));
  put(0x4000'0000, 0x101, entry(0, 21));
  tlb.invalidate(decode_tlbi(TlbiOp::ASIDE1, u64{0x101} << 48, true));
  EXPECT_EQ(get(0x1000, 0x101), nullptr);
  EXPECT_EQ(get(0x4000'0000, 0x101), nullptr);
  EXPECT_NE(get(0x1000, 0x201), nullptr);
  EXPECT_NE(get(0x2000, 0x101), nullptr) << "global";
  tlb.invalidate(decode_tlbi(TlbiOp::ASIDE1, u64{0x55} << 48, true));
  EXPECT_EQ(tlb.size(), 2u);
}

TEST_F(Tlb2Test, InvalidateRanges) {
  for (u64 n = 0; n < 64; ++n) put(n << 14, 1, entry(n << 14, 14));
  put(0x4000'0000, 1, entry(0, 25));
  // 16 KiB, SCALE 0, NUM 3: eight pages from page 8.
  tlb.invalidate(
      decode_tlbi(TlbiOp::RVAE1, (u64{1} << 48) | (u64{2} << 46) | (u64{3} << 39) | 8, true));
  for (u64 n = 0; n < 64; ++n) EXPECT_EQ(get(n << 14, 1) == nullptr, n >= 8 && n < 16) << n;
  tlb.invalidate(by_va(0, low_mask(52), 2));
  EXPECT_EQ(tlb.size(), 57u) << "another ASID";
  tlb.invalidate(by_va(~low_mask(52), ~u64{0}, 1));
  EXPECT_EQ(tlb.size(), 57u) << "the other half";
  tlb.invalidate(by_va(u64{1} << 49, u64{1} << 50, 1));
  EXPECT_EQ(tlb.size(), 57u) << "between the halves";
  tlb.invalidate(by_va(0x4100'0000, 0x4100'0fff, 1));
  EXPECT_EQ(tlb.size(), 56u) << "the inside of a block";
  tlb.invalidate(by_va(0, low_mask(52), 1));
  EXPECT_EQ(tlb.size(), 0u);
  tlb.invalidate({});
}

/// What a TLB without limits would hold, found by looking at everything.
class NaiveTlb {
 public:
  struct Entry {
    u64 first, last;
    u16 asid;
    Translation t;
  };
  void insert(u64 va, u16 asid, const Translation& t) {
    const u64 first = align_down(va, t.size());
    entries_.push_back({first, first + (t.size() - 1), asid, t});
  }
  /// Whether a hit may give `t`.
  bool may_hit(u64 va, u16 asid, const Translation& t) const {
    for (const Entry& e : entries_)
      if (va >= e.first && va <= e.last && (!e.t.ng || e.asid == asid) && e.t == t) return true;
    return false;
  }
  template <class Doomed>
  void erase(Doomed doomed) {
    std::erase_if(entries_, doomed);
  }

 private:
  std::vector<Entry> entries_;
};

/// The operand of a random TLBI and its meaning for the naive model, in its own words.
void random_tlbi(std::mt19937_64& rng, u64 va, u16 asid, Tlb2& tlb, NaiveTlb& naive) {
  const auto op = static_cast<TlbiOp>(rng() % 10);
  const bool ranged = op >= TlbiOp::RVAE1;
  const u64 tg = 1 + rng() % 3, scale = rng() % 4, num = rng() % 32;
  const unsigned granule = tg == 1 ? 12 : tg == 2 ? 14 : 16;
  const u64 field = ranged ? tg << 46 | scale << 44 | num << 39 | ((va >> granule) & low_mask(37))
                           : (va >> 12) & low_mask(44);
  tlb.invalidate(decode_tlbi(op, u64{asid} << 48 | field, true));

  const u64 from = ranged ? align_down(va, u64{1} << granule) : align_down(va, 4096);
  u64 bytes = ranged ? (num + 1) * (u64{1} << (5 * scale + 1)) * (u64{1} << granule) : 4096;
  if (from + (bytes - 1) < from) bytes = 0 - from;
  naive.erase([&](const NaiveTlb::Entry& e) {
    const bool mine = e.t.ng && e.asid == asid;
    const bool here = e.last >= from && e.first <= from + (bytes - 1);
    switch (op) {
      case TlbiOp::VMALLE1:
        return true;
      case TlbiOp::ASIDE1:
        return mine;
      case TlbiOp::VAE1:
      case TlbiOp::VALE1:
      case TlbiOp::RVAE1:
      case TlbiOp::RVALE1:
        return here && (mine || !e.t.ng);
      default:
        return here;
    }
  });
}

TEST_F(Tlb2Test, RandomOperationsAgainstAList) {
  std::mt19937_64 rng(20240607);
  NaiveTlb naive;
  const u16 asids[] = {1, 2, 0x101, 0xffff};
  const unsigned sizes[] = {12, 12, 14, 14, 16, 21, 25, 29, 30};
  const auto address = [&] {  // few bits set, so that things meet
    const u64 low = (rng() & 0xff'f000) | ((rng() & 7) << 24) | ((rng() & 3) << 46);
    return (rng() & 1) != 0 ? low : ~low_mask(48) | low;
  };
  u64 serial = 1;
  unsigned hits = 0, invalidations = 0;
  for (unsigned step = 0; step < 60'000; ++step) {
    const u64 va = address();
    const u16 asid = asids[rng() % 4];
    const unsigned what = static_cast<unsigned>(rng() % 64);
    if (what == 0) {
      random_tlbi(rng, va, asid, tlb, naive);
      ++invalidations;
    } else if (what < 24) {
      const unsigned log2 = sizes[rng() % std::size(sizes)];
      const Translation t = entry(serial++ << 30, log2, rng() % 4 != 0);
      put(va, asid, t);
      naive.insert(va, asid, t);
      const Translation* back = get(va, asid);
      ASSERT_NE(back, nullptr) << step;
      ASSERT_EQ(*back, t) << step;
    } else if (const Translation* t = get(va, asid)) {
      ASSERT_TRUE(naive.may_hit(va, asid, *t)) << "step " << step << " hit what was invalidated";
      ++hits;
    }
  }
  EXPECT_GT(hits, 2'000u);
  EXPECT_GT(invalidations, 500u);
  tlb.invalidate_all();
  EXPECT_EQ(tlb.size(), 0u);
}

TEST_F(Tlb2Test, CountsStayRightUnderChurn) {
  std::mt19937_64 rng(7);
  for (unsigned round = 0; round < 50; ++round) {
    for (unsigned n = 0; n < 6000; ++n)
      put((rng() & 0xff'ffff) << 12, static_cast<u16>(rng() % 300),
          entry(0,
                n % 3 == 0   ? 12
                : n % 3 == 1 ? 14
                             : 25,
                n % 5 != 0));
    // Each ASID's entries, then the global ones: nothing may be left over.
    for (unsigned asid = 0; asid < 300; ++asid)
      tlb.invalidate(decode_tlbi(TlbiOp::ASIDE1, u64{asid} << 48, true));
    tlb.invalidate(by_va(0, low_mask(48), 0));
    ASSERT_EQ(tlb.size(), 0u) << round;
  }
}

}  // namespace
}  // namespace quince::cpu
