// The vCPUs' TLBs, first and second level, for data and for instructions, against what the
// architecture lets them hold (tlb_model.h).  Random software maps and unmaps with and without
// break-before-make, switches tables and ASIDs with and without TLBI, invalidates in every way from
// this and from other vCPUs, and looks at memory from EL0 and EL1, with and without PAN.
#include <fmt/core.h>

#include <cstdlib>
#include <string>

#include "tests/unit/cpu/mmu/made_up_tables.h"
#include "tests/unit/cpu/mmu/stage1_model.h"
#include "tests/unit/cpu/tlb/tlb_bench.h"
#include "tests/unit/cpu/tlb/tlb_model.h"

namespace quince::cpu::test {
namespace {

constexpr u64 kTableDescriptor = 3, kAF = 1 << 10;
/// LDR X0, [X1]; LDTR X0, [X1]; STR X2, [X1]; STTR X2, [X1].
constexpr u32 kLdr = 0xf940'0020, kLdtr = 0xf840'0820, kStr = 0xf900'0022, kSttr = 0xf800'0822;
constexpr u32 kLdxr = 0xc85f'7c20;
constexpr u64 kTlbCode = 0x2000;

/// The tables as the model's walker reads them.
class RamTables final : public PhysMemory {
 public:
  explicit RamTables(const TlbBench& b) : b_(b) {}
  bool read64(PhysAddr a, u64& out) override {
    out = b_.entry(a.raw());
    return true;
  }
  bool cas64(PhysAddr, u64, u64, bool& swapped) override { return swapped = false; }

 private:
  const TlbBench& b_;
};

/// Tables that lead to one leaf.
class OneLeaf final : public PhysMemory {
 public:
  explicit OneLeaf(const LeafEntry& e) : page_(e.log2_size == 12), leaf_(e.descriptor) {}
  bool read64(PhysAddr, u64& out) override {
    out = page_ && reads_++ == 0 ? kTlbTables | kTableDescriptor : leaf_;
    return true;
  }
  bool cas64(PhysAddr, u64, u64, bool& swapped) override { return swapped = false; }

 private:
  bool page_;
  u64 leaf_;
  unsigned reads_ = 0;
};

/// What an access came to.
struct Outcome {
  u8 fsc = 0;  ///< 0: no fault
  bool write = false;
  u64 page = 0;  ///< physical, without a fault
  bool operator==(const Outcome&) const = default;
  std::string text() const {
    return fsc == 0 ? fmt::format("page {:#x}", page)
                    : fmt::format("fault {:#x} WnR {}", fsc, write);
  }
};

Outcome outcome(const ModelResult& r) {
  if (r.fault) return {r.fault.fsc(), r.fault.write, 0};
  return {0, false, r.pa >> 12};
}

class Software {
 public:
  Software(unsigned cpus, u64 seed) : b_(cpus), random_(seed), models_(cpus) {
    for (const u64 half : {u64{0}, kUpper})
      for (const u64 slot : {1, 3})  // they displace each other in the first level
        for (const u64 page : {0, 1, 5}) vas_.push_back(half + (slot << 21) + (page << 12));
    for (const u32 insn : {kLdr, kLdtr, kStr, kSttr}) {
      store_le(b_.ram->data() + code_of(insn), insn);
      store_le(b_.ram->data() + code_of(insn) + 4, u32{0x1400'0000});  // B .
    }
    // ASIDs of 16 bits in half of the runs: otherwise 0x101 is 1.
    if (random_.once_in(2))
      for (const auto& c : b_.cpu) TlbBench::write(*c, "TCR_EL1", c->s.sys.tcr_el1 | u64{1} << 36);
    remember();
  }

  /// One step; false when an access saw what it must not see.
  bool step() {
    ++now_;
    bool good = true;
    const u64 what = random_.below(100);
    if (what < 48)
      good = access();
    else if (what < 60)
      map_page(any_va(), any_page());
    else if (what < 66)
      map_page(any_va(), 0);
    else if (what < 71)
      map_level2();
    else if (what < 76)
      change_properly();
    else if (what < 88)
      invalidate();
    else if (what < 91)
      barrier(any_cpu());
    else if (what < 96)
      switch_tables();
    else if (what < 97)
      swap_asid_register();
    else if (what < 98)
      b_.cpu[any_cpu()]->apply_maintenance();
    else
      good = access_with_mmu_off();
    remember();
    return good;
  }

  u64 accesses = 0, stale = 0, faults = 0;

 private:
  struct Pending {
    Invalidation what;
    u64 issued = 0;
    bool everywhere = false;
  };

  unsigned any_cpu() { return static_cast<unsigned>(random_.below(b_.cpu.size())); }
  u64 any_va() { return vas_[random_.below(vas_.size())]; }
  u16 any_asid() { return random_.of<u16>({1, 2, 0x101}); }
  u64 any_attributes() {
    u64 d = random_() & (3 << 6 | 1 << 11);  // AP, nG
    if (!random_.once_in(8)) d |= kAF;
    if (random_.once_in(4)) d |= u64{1} << 53;
    if (random_.once_in(4)) d |= u64{1} << 54;
    if (random_.once_in(8)) d |= u64{1} << 52;  // Contiguous, which nothing else is here
    return d;
  }
  u64 any_page() { return (kTlbData + (random_.below(16) << 12)) | any_attributes() | 3; }
  u64 any_block() { return (kTlbBlocks + (random_.below(2) << 21)) | any_attributes() | 1; }
  unsigned any_root(u64 va) {
    return static_cast<unsigned>(random_.below(2)) + (va >= kUpper ? 2 : 0);
  }

  u16 asid_of(const Vcpu& c) const {
    const SysRegs& r = c.s.sys;
    const u64 ttbr = (r.tcr_el1 >> 22 & 1) != 0 ? r.ttbr1_el1 : r.ttbr0_el1;
    return static_cast<u16>(ttbr >> 48 & ((r.tcr_el1 >> 36 & 1) != 0 ? 0xffff : 0xff));
  }

  /// Everything that each vCPU can walk to now may be in its TLB.
  void remember() {
    for (std::size_t n = 0; n < b_.cpu.size(); ++n) {
      const Vcpu& c = *b_.cpu[n];
      for (const u64 va : vas_) {
        const u64 ttbr = va >= kUpper ? c.s.sys.ttbr1_el1 : c.s.sys.ttbr0_el1;
        const u64 root = ttbr & low_mask(48);
        LeafEntry e{.va = va, .log2_size = 12, .descriptor = 0, .asid = asid_of(c)};
        u64 d = b_.entry(root + 8 * (va >> 21 & 511));
        if ((d & 3) == 3)
          d = b_.entry((d & low_mask(48) & ~low_mask(12)) + 8 * (va >> 12 & 511));
        else
          e.va = va & ~low_mask(21), e.log2_size = 21;
        if ((d & 1) == 0 || (d & kAF) == 0) continue;  // a fault, which is never kept
        e.descriptor = d;
        if (e.global()) e.asid = 0;
        models_[n].walkable(e, now_);
      }
    }
  }

  // ---- Changes

  void map_page(u64 va, u64 entry) { b_.write_entry(TlbBench::level3_at(any_root(va), va), entry); }
  void map_level2() {
    const u64 va = any_va();
    const unsigned root = any_root(va);
    const u64 entry = random_.of<u64>({0, any_block(), TlbBench::level3_table(root, va) | 3,
                                       TlbBench::level3_table(root, va) | 3});
    b_.write_entry(TlbBench::level2_at(root, va), entry);
  }
  /// Break before make, by one vCPU: afterwards there is only the new one, everywhere.
  void change_properly() {
    const u64 va = any_va();
    const unsigned root = any_root(va), who = any_cpu();
    b_.write_entry(TlbBench::level3_at(root, va), 0);
    remember();
    ++now_;
    tlbi(who, "tlbi vaae1is", {Invalidation::What::VaAllAsids, va, va | 0xfff, 0, 0},
         va >> 12 & low_mask(44), true);
    barrier(who);
    ++now_;
    b_.write_entry(TlbBench::level3_at(root, va), any_page());
  }
  void switch_tables() {
    Vcpu& c = at_el1(any_cpu());
    const u64 value = (kTlbRoots + random_.below(2) * 0x1000) | u64{any_asid()} << 48;
    if (random_.once_in(2))
      TlbBench::write(c, "TTBR0_EL1", value);
    else
      TlbBench::write(c, "TTBR1_EL1", value + 0x2000);
  }
  void swap_asid_register() {
    Vcpu& c = at_el1(any_cpu());
    TlbBench::write(c, "TCR_EL1", c.s.sys.tcr_el1 ^ u64{1} << 22);
  }

  // ---- Maintenance

  Vcpu& at_el1(unsigned n) {
    TlbBench::go_to(*b_.cpu[n], 1, false, 0x1000);
    return *b_.cpu[n];
  }
  void tlbi(unsigned who, const std::string& name, const Invalidation& what, u64 xt,
            bool everywhere) {
    TlbBench::write(at_el1(who), name, xt);
    pending_.push_back({{what, now_, everywhere}, who});
  }
  void invalidate() {
    const unsigned who = any_cpu();
    const std::string domain = random_.of<const char*>({"", "is", "os"});
    const bool wide = (b_.cpu[who]->s.sys.tcr_el1 >> 36 & 1) != 0;
    const u16 asid = any_asid();
    const u16 effective = static_cast<u16>(asid & (wide ? 0xffff : 0xff));
    const u64 va = any_va(), page = va >> 12;
    // TTL: 4 KiB granule, level 2 or 3.
    const unsigned level = random_.once_in(4) ? 2 + static_cast<unsigned>(random_.below(2)) : 0;
    const bool by_asid = random_.once_in(2), last = random_.once_in(2);
    Invalidation what{by_asid ? Invalidation::What::Va : Invalidation::What::VaAllAsids, va,
                      va | 0xfff, effective, level};
    std::string name = std::string("va") + (by_asid ? "" : "a");
    u64 xt = u64{asid} << 48 | (page & low_mask(44));
    if (level != 0) xt |= u64{4 | level} << 44;
    switch (random_.below(5)) {
      case 0:
        what = {.what = Invalidation::What::All};
        name = "vmalle1";
        break;
      case 1:
        what = {.what = Invalidation::What::Asid, .asid = effective};
        name = "aside1";
        break;
      case 2: {  // a range around the address
        const u64 scale = random_.below(3);
        const u64 num = random_.once_in(2) ? random_.below(4) : random_.below(32);
        const u64 pages = (num + 1) << (5 * scale + 1);
        // Often the address is the first page, the last, or the one behind that.
        const u64 before =
            random_.of<u64>({0, pages - 1, pages, random_.below(pages)}) & low_mask(8);
        what.first = va - (before << 12);
        const u64 left = (~u64{0} - what.first) >> 12;  // the end of the address space
        what.last = pages > left ? ~u64{0} : what.first + (pages << 12) - 1;
        if (va < kUpper && pages - 1 > (low_mask(52) - what.first) >> 12) what.last = low_mask(52);
        xt = u64{asid} << 48 | u64{1} << 46 | scale << 44 | num << 39 | u64{level} << 37 |
             ((page - before) & low_mask(37));
        name = "r" + name;
        [[fallthrough]];
      }
      default:
        name += last ? "le1" : "e1";
    }
    const bool no_register = name == "vmalle1";
    tlbi(who, "tlbi " + name + domain + (no_register ? "*" : ""), what, xt, !domain.empty());
    if (random_.once_in(2)) barrier(who);
  }
  /// DSB: what `who` asked for is done.
  void barrier(unsigned who) {
    b_.cpu[who]->data_barrier();
    std::erase_if(pending_, [&](const std::pair<Pending, unsigned>& p) {
      if (p.second != who) return false;
      for (std::size_t n = 0; n < models_.size(); ++n)
        if (p.first.everywhere || n == who) models_[n].completed(p.first.what, p.first.issued);
      return true;
    });
  }

  // ---- Accesses

  Outcome fault_of(const Vcpu& c, u64 va, bool& good) {
    const u64 esr = c.s.sys.esr_el1;
    good = good && c.s.sys.far_el1 == va;
    return {static_cast<u8>(esr & 63), (esr >> 6 & 1) != 0, 0};
  }
  /// Where it is; B . follows.
  static u64 code_of(u32 insn) { return kTlbCode + (insn >> 22 & 1) * 16 + (insn >> 24 & 1) * 32; }
  /// One instruction of guests, `LDR X0, [X1]` or its like, at EL1. False: it took an exception.
  bool run_access(Vcpu& c, u32 insn, u64 va, bool pan) {
    const u64 at = code_of(insn);
    TlbBench::go_to(c, 1, pan, at);
    c.s.x[1] = va;
    c.run(2);
    return c.s.pc == at + 4;
  }
  /// `how`: by an instruction, or as its handler does it.
  Outcome load(Vcpu& c, u64 va, const Stage1Access* how, bool& good) {
    u64 data = 0;
    const bool done =
        how != nullptr ? run_access(c, how->el0 ? kLdtr : kLdr, va, how->pan) : c.load(va, data);
    if (!done) return fault_of(c, va, good);
    if (how != nullptr) data = c.s.x[0];
    return {0, false, data >> 5 & 0xffff};
  }
  /// Where a store went: no page but one may have changed.
  Outcome store(Vcpu& c, u64 va, const Stage1Access* how, bool& good) {
    const u64 nonce = c.s.x[2] = random_();
    const bool done = how != nullptr ? run_access(c, how->el0 ? kSttr : kStr, va + 8, how->pan)
                                     : c.store(va + 8, nonce);
    if (!done) return fault_of(c, va + 8, good);
    Outcome out{};
    for (u64 pa = 0; pa < kTlbRam; pa += 0x1000) {
      if (pa == kTlbData + 0x10000) pa = kTlbBlocks;
      if (pa == 0) pa = kTlbData;
      if (b_.entry(pa + 8) == nonce) out.page = pa >> 12;
    }
    return out;
  }
  Outcome fetch(Vcpu& c, u64 va, bool& good) {
    c.s.x[0] = ~u64{0};
    c.run(2);
    if (c.s.pc == va + 4) return {0, false, c.s.x[0]};
    good = good && c.s.sys.elr_el1 == va && (c.s.sys.esr_el1 >> 27) == 0x20 >> 1;
    return fault_of(c, va, good);
  }

  /// AT: PAR_EL1 as a walk or a TLB has it; an AT never takes one of these faults.
  Outcome at(Vcpu& c, u64 va, const Stage1Access& a, bool& good) {
    const bool write = a.kind == AccessKind::Write;
    TlbBench::write(c,
                    std::string("at s1e") + (a.el0 ? "0" : "1") + (write ? "w" : "r") +
                        (a.el0 || !a.pan ? "" : "p"),
                    va);
    const u64 par = c.s.sys.par_el1;
    good = good && c.s.pc == 0x1000 && (par >> 11 & 1) != 0;
    if ((par & 1) != 0) return {static_cast<u8>(par >> 1 & 63), true, 0};
    good = good && par >> 56 == 0xff && (par >> 7 & 3) == 0;
    return {0, false, par >> 12 & low_mask(36)};
  }

  bool access() {
    ++accesses;
    const unsigned n = any_cpu();
    Vcpu& c = *b_.cpu[n];
    const u64 va = any_va();
    const unsigned el = static_cast<unsigned>(random_.below(2));
    const bool pan = random_.once_in(2);
    const AccessKind kind =
        random_.of({AccessKind::Read, AccessKind::Read, AccessKind::Write, AccessKind::Execute});
    const bool translate = kind != AccessKind::Execute && random_.once_in(6);
    const Stage1Access a{.kind = kind, .el0 = el == 0, .pan = pan, .at_instruction = translate};
    TlbBench::go_to(c, translate ? 1 : el, pan, kind == AccessKind::Execute ? va : 0x1000);
    const Stage1Access* const how = random_.once_in(2) ? &a : nullptr;
    bool good = true;
    const Outcome got = translate                   ? at(c, va, a, good)
                        : kind == AccessKind::Read  ? load(c, va, how, good)
                        : kind == AccessKind::Write ? store(c, va, how, good)
                                                    : fetch(c, va, good);
    if (got.fsc != 0) ++faults;
    RamTables tables(b_);
    const auto now = outcome(model_translate(c.stage1_regs(), c.stage1_features(), va, a, tables));
    if (got == now && good) return true;
    std::string others;
    bool permitted = false;
    models_[n].each(va, asid_of(c), [&](const LeafEntry& e) {
      OneLeaf leaf(e);
      const Outcome may =
          outcome(model_translate(c.stage1_regs(), c.stage1_features(), va, a, leaf));
      permitted |= got == may;
      others += fmt::format("\n  or {} by {:#x}", may.text(), e.descriptor);
    });
    ++stale;
    if (permitted && good) return true;
    ADD_FAILURE() << fmt::format("cpu{} va {:#x} kind {} EL{} PAN {} ASID {}: {}{}\n  not {}", n,
                                 va, static_cast<int>(kind), el, pan, asid_of(c), got.text(),
                                 good ? "" : " with a wrong address", now.text())
                  << others;
    return false;
  }

  /// With the MMU off no TLB is asked; on again, what was in it may be.
  bool access_with_mmu_off() {
    Vcpu& c = at_el1(any_cpu());
    const u64 va = any_va() & low_mask(30);
    TlbBench::write(c, "SCTLR_EL1", c.s.sys.sctlr_el1 & ~u64{1});
    bool good = true;
    const Outcome got = load(c, va, nullptr, good);
    TlbBench::write(c, "SCTLR_EL1", c.s.sys.sctlr_el1 | 1);
    EXPECT_EQ(got, (Outcome{0, false, va >> 12})) << got.text();
    return good && got == Outcome{0, false, va >> 12};
  }

  TlbBench b_;
  Random random_;
  std::vector<TlbModel> models_;
  std::vector<u64> vas_;
  std::vector<std::pair<Pending, unsigned>> pending_;
  u64 now_ = 0;
};

/// A page that comes back into the first level because its address space did leaves with it again.
TEST(TlbSpaces, PagesThatAreBackGoWithTheirSpace) {
  constexpr u64 kVa = 0x20'0000, kOther = 0x20'1000, kAt = 0x2000;
  constexpr u64 kEl1Private = 3 | kAF | 1 << 11;
  TlbBench b(1);
  Vcpu& c = *b.cpu[0];
  store_le(b.ram->data() + kAt, kLdr);
  store_le(b.ram->data() + kAt + 4, u32{0x1400'0000});  // B .
  for (unsigned root = 0; root < 2; ++root) {
    b.write_entry(TlbBench::level2_at(root, kVa),
                  TlbBench::level3_table(root, kVa) | kTableDescriptor);
    b.write_entry(TlbBench::level3_at(root, kVa), (kTlbData + root * 0x1000) | kEl1Private);
    b.write_entry(TlbBench::level3_at(root, kOther), (kTlbData + 0x2000) | kEl1Private);
  }
  for (unsigned turn = 0; turn < 10; ++turn)
    for (unsigned space = 0; space < 2; ++space) {
      TlbBench::write(c, "TTBR0_EL1", (kTlbRoots + space * 0x1000) | u64{space + 1} << 48);
      u64 other = 0;
      ASSERT_TRUE(c.load(kOther, other));
      for (unsigned n = 0; n < 20; ++n) {
        TlbBench::go_to(c, 1, false, kAt);
        c.s.x[1] = kVa;
        c.run(2);
        ASSERT_EQ(c.s.pc, kAt + 4);
        ASSERT_EQ(c.s.x[0] >> 5 & 0xffff, (kTlbData >> 12) + space) << "turn " << turn;
      }
    }
}

/// Pages of blocks that displace each other in the first level come back into it with their own physical address, which
/// a load exclusive shows, and for reads alone.
TEST(TlbBlocks, PagesThatAreBackKnowWhereTheyAre) {
  constexpr u64 kVa = 0x20'5000, kOther = kVa + FirstLevel::kEntries * 0x1000, kAt = 0x2000;
  constexpr u64 kReadOnlyBlock = u64{1} << 7 | kAF | 1;
  static_assert(FirstLevel::index(kVa) == FirstLevel::index(kOther));
  TlbBench b(1);
  Vcpu& c = *b.cpu[0];
  const auto runs = [&](unsigned n, u32 insn, u64 va) {
    const u64 at = kAt + 16 * n;
    store_le(b.ram->data() + at, insn);
    store_le(b.ram->data() + at + 4, u32{0x1400'0000});  // B .
    TlbBench::go_to(c, 1, false, at);
    c.s.x[1] = va;
    c.run(2);
    return c.s.pc == at + 4;
  };
  b.write_entry(TlbBench::level2_at(0, kVa), kTlbBlocks | kReadOnlyBlock);
  b.write_entry(TlbBench::level2_at(0, kOther), (kTlbBlocks + 0x20'0000) | kReadOnlyBlock);
  for (unsigned turn = 0; turn < 200; ++turn)
    for (const u64 va : {kVa, kOther}) {
      ASSERT_TRUE(runs(0, kLdr, va));
      ASSERT_TRUE(runs(1, kLdxr, va));
      ASSERT_EQ(c.s.excl_pa >> 12, c.s.x[0] >> 5 & 0xffff) << "turn " << turn;
      ASSERT_FALSE(runs(2, kStr, va));
    }
}

u64 number_from(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

TEST(TlbModel, OnlyWhatTheArchitecturePermits) {
  const u64 steps = number_from("QUINCE_TLB_STEPS", 5'000);
  const u64 seed = number_from("QUINCE_TLB_SEED", 1);
  u64 accesses = 0, stale = 0, faults = 0;
  for (const unsigned cpus : {1u, 2u, 4u})
    for (u64 run = 0; run < 8; ++run) {
      const u64 run_seed = seed * 1000 + cpus * 100 + run;
      Software software(cpus, run_seed);
      for (u64 n = 0; n < steps; ++n)
        ASSERT_TRUE(software.step()) << "seed " << run_seed << " step " << n;
      accesses += software.accesses, stale += software.stale, faults += software.faults;
    }
  // It was worth it: mappings that worked, faults, and old entries that were still used.
  EXPECT_GT(faults, accesses / 10);
  EXPECT_LT(faults, accesses / 10 * 9);
  EXPECT_GT(stale, accesses / 200);
  RecordProperty("accesses", std::to_string(accesses));
  RecordProperty("stale", std::to_string(stale));
}

}  // namespace
}  // namespace quince::cpu::test
