// The product's walker against a second model of the architecture (stage1_model.h): millions of
// random worlds in a long run, and every combination of what decides permissions and geometry.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/unit/cpu/mmu/made_up_tables.h"
#include "tests/unit/cpu/mmu/stage1_model.h"

namespace quince::cpu::test {
namespace {

struct World {
  Stage1Regs regs;
  Stage1Features features;
  u64 va = 0;
  MadeUpTables::Kind tables;
};

std::string text(const World& w) {
  const Stage1Features& f = w.features;
  return fmt::format(
      "va {:#x} sctlr {:#x} tcr {:#x} ttbr0 {:#x} ttbr1 {:#x} mair {:#x} seed {:#x} PA {} granules "
      "{}{}{} ttst {} hafdbs {}{} races {} aborts {}",
      w.va, w.regs.sctlr, w.regs.tcr, w.regs.ttbr0, w.regs.ttbr1, w.regs.mair, w.tables.seed,
      f.pa_bits, f.gran4, f.gran16, f.gran64, f.ttst, f.hafdbs_af, f.hafdbs_dbm, w.tables.races,
      w.tables.aborts);
}

std::string text(const Stage1Access& a) {
  return fmt::format(" kind {} el0 {} pan {} atomic {} CM {} AT {} aligned {}",
                     static_cast<int>(a.kind), a.el0, a.pan, a.atomic, a.cache_maintenance,
                     a.at_instruction, a.aligned);
}

std::string text(const Fault& f) {
  return fmt::format("{} level {} write {}", to_string(f.kind), f.level, f.write);
}

/// Every access that the product makes.
const std::vector<Stage1Access>& accesses() {
  static const std::vector<Stage1Access> all = [] {
    std::vector<Stage1Access> v;
    for (const bool el0 : {false, true}) {
      for (const bool pan : {false, true}) {
        if (el0 && pan) continue;
        for (const AccessKind kind : {AccessKind::Read, AccessKind::Write}) {
          v.push_back({.kind = kind, .el0 = el0, .pan = pan, .at_instruction = true});
          for (const bool aligned : {true, false})
            v.push_back({.kind = kind, .el0 = el0, .pan = pan, .aligned = aligned});
        }
        v.push_back({.kind = AccessKind::Write, .el0 = el0, .pan = pan, .atomic = true});
      }
      v.push_back({.kind = AccessKind::Execute, .el0 = el0, .pan = !el0});
      v.push_back({.kind = AccessKind::Read, .el0 = el0, .cache_maintenance = true});
      v.push_back({.kind = AccessKind::Write, .el0 = el0, .cache_maintenance = true});
    }
    return v;
  }();
  return all;
}

/// How the outcomes of a run were, so that a test can say that it saw enough of each.
struct Seen {
  u64 fine = 0, updated = 0;
  std::array<std::array<u64, 4>, 16> faults{};
};

/// One access on fresh copies of the tables: the same outcome and the same changes.
ModelResult compare(const World& w, const Stage1Access& a, WalkResult& got, Seen& seen) {
  MadeUpTables for_product(w.tables), for_model(w.tables);
  got = stage1_walk(w.regs, w.features, VirtAddr(w.va), a, for_product);
  const ModelResult want = model_translate(w.regs, w.features, w.va, a, for_model);
  const VirtAddr stripped = strip_tag(w.regs, w.features, VirtAddr(w.va), a.kind);
  bool same = got.fault == want.fault && for_product.same_changes(for_model);
  if (same && !want.fault) {
    const Translation& t = got.t;
    const MemoryAttributes memory = a.kind == AccessKind::Execute
                                        ? MemoryAttributes{t.attr, t.sh}
                                        : data_attributes(w.regs.sctlr, t);
    same = t.output(stripped).raw() == want.pa && memory.attr == want.attr &&
           memory.sh == want.sh && t.device == want.device;
    if ((w.regs.sctlr & 1) != 0)
      same = same && t.ng == want.ng && t.guarded == want.guarded && t.level == want.level &&
             t.log2_size == want.page_bits;
  }
  if (!same) {
    ADD_FAILURE() << text(w) << text(a)
                  << fmt::format(
                         "\n got {} pa {:#x} attr {:#x} sh {} swaps {}\nwant {} pa {:#x} "
                         "attr {:#x} sh {} swaps {}",
                         text(got.fault), got.t.output(stripped).raw(), got.t.attr, got.t.sh,
                         for_product.swaps, text(want.fault), want.pa, want.attr, want.sh,
                         for_model.swaps);
  }
  EXPECT_LE(for_product.reads, 4 * (1 + for_product.swaps));
  if (want.fault)
    ++seen.faults[static_cast<std::size_t>(want.fault.kind)][want.fault.level];
  else
    ++seen.fine;
  if (for_model.swaps != 0) ++seen.updated;
  return want;
}

/// A translation that one access made must judge every other as the tables would: that is what a
/// TLB does with it.
void compare_hits(const World& w, const Translation& t) {
  for (const Stage1Access& a : accesses()) {
    if (a.kind == AccessKind::Write && t.dirty_needs_update) continue;  // Tlb2 has none then
    if (a.at_instruction || a.cache_maintenance) continue;              // these always walk
    // TBID: for another kind of access this may be another address.
    const VirtAddr va(w.va);
    if (strip_tag(w.regs, w.features, va, a.kind) !=
        strip_tag(w.regs, w.features, va, AccessKind::Read))
      continue;
    MadeUpTables tables(w.tables);
    const ModelResult want = model_translate(w.regs, w.features, w.va, a, tables);
    const Fault got = check_permission(t, a);
    if (got != want.fault)
      ADD_FAILURE() << text(w) << text(a) << "\nhit: " << text(got)
                    << ", walk: " << text(want.fault);
  }
}

World random_world(u64 seed) {
  Random random(seed);
  World w;
  Stage1Features& f = w.features;
  f.pa_bits = random.of<u8>({32, 36, 40, 42, 44, 48, 48, 48});
  const u64 granules = random.of<u64>({7, 7, 7, 1, 2, 4, 3, 5, 6});
  f.gran4 = (granules & 1) != 0;
  f.gran16 = (granules & 2) != 0;
  f.gran64 = (granules & 4) != 0;
  for (bool* flag : {&f.asid16, &f.mixed_endian, &f.hpds, &f.pan, &f.epan, &f.e0pd, &f.ttst,
                     &f.tbid, &f.bti, &f.hafdbs_af})
    *flag = !random.once_in(3);
  f.hafdbs_dbm = f.hafdbs_af && !random.once_in(3);

  w.regs = {.sctlr = random() | 1,
            .tcr = random(),
            .ttbr0 = random(),
            .ttbr1 = random(),
            .mair = random()};
  if (random.once_in(40)) w.regs.sctlr &= ~u64{1};
  if (!random.once_in(8)) w.regs.tcr &= ~(u64{1} << 7 | u64{1} << 23);   // EPD
  if (!random.once_in(6)) w.regs.tcr &= ~(u64{1} << 55 | u64{1} << 56);  // E0PD
  if (!random.once_in(4)) w.regs.tcr = (w.regs.tcr & ~(u64{7} << 32)) | u64{5} << 32;
  for (const unsigned at : {0u, 16u})
    if (!random.once_in(4))
      w.regs.tcr = (w.regs.tcr & ~(u64{63} << at)) | (16 + random.below(33)) << at;
  for (u64* ttbr : {&w.regs.ttbr0, &w.regs.ttbr1})
    if (!random.once_in(8)) *ttbr &= ~(low_mask(48) & ~low_mask(f.pa_bits));
  if (random.once_in(2)) w.regs.mair &= random();  // more Device memory

  // The address: inside what TxSZ maps, at its edges, or anywhere.
  const bool upper = random.once_in(2);
  const u64 txsz = bits(w.regs.tcr, upper ? 21 : 5, upper ? 16 : 0);
  const unsigned ia = txsz < 16 ? 48 : txsz > 48 ? 16 : 64 - static_cast<unsigned>(txsz);
  w.va = random();
  const u64 inside = w.va & low_mask(ia);
  if (!random.once_in(16)) w.va = upper ? inside | ~low_mask(ia) : inside;
  if (random.once_in(16)) w.va ^= u64{1} << ia;
  if (random.once_in(3)) w.va = (w.va & low_mask(56)) | random() << 56;  // a tag

  w.tables = {.seed = random(),
              .big_endian = f.mixed_endian && bit(w.regs.sctlr, 25),
              .address_bits = f.pa_bits,
              .races = random.once_in(4) ? static_cast<unsigned>(random.below(4)) : 0,
              .aborts = random.once_in(8)};
  return w;
}

u64 number_from(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// Registers, features, tables, address and access at random.
TEST(WalkModel, RandomWorlds) {
  const u64 cases = number_from("QUINCE_WALK_CASES", 150'000);
  const u64 seed = number_from("QUINCE_WALK_SEED", 1);
  Seen seen;
  for (u64 n = 0; n < cases && !HasFailure(); ++n) {
    const World w = random_world(seed * 1'000'000'007 + n);
    for (const Stage1Access& a : accesses()) {
      WalkResult got;
      const ModelResult want = compare(w, a, got, seen);
      const bool plain = a.kind == AccessKind::Read && a.aligned && !a.cache_maintenance;
      if (plain && !a.at_instruction && !want.fault && got.t.cacheable && w.tables.races == 0)
        compare_hits(w, got.t);
    }
  }
  // It went everywhere.
  EXPECT_GT(seen.fine, cases);
  EXPECT_GT(seen.updated, cases / 20);
  const auto count = [&](FaultKind kind, unsigned level) {
    return seen.faults[static_cast<std::size_t>(kind)][level];
  };
  for (unsigned level = 0; level < 4; ++level) {
    EXPECT_GT(count(FaultKind::Translation, level), 0u) << level;
    EXPECT_GT(count(FaultKind::AddressSize, level), 0u) << level;
    EXPECT_GT(count(FaultKind::ExternalOnWalk, level), 0u) << level;
    if (level == 0) continue;
    EXPECT_GT(count(FaultKind::AccessFlag, level), 0u) << level;
    EXPECT_GT(count(FaultKind::Permission, level), 0u) << level;
    EXPECT_GT(count(FaultKind::Alignment, level), 0u) << level;
  }
}

/// A page behind one table: every combination of what decides permissions, for every access.
class Permissions : public PhysMemory {
 public:
  static constexpr u64 kTable = 0x4000, kPage = 0x8000;
  bool read64(PhysAddr a, u64& out) override {
    out = a.raw() < kTable ? table : leaf;
    return true;
  }
  bool cas64(PhysAddr a, u64 expected, u64 desired, bool& swapped) override {
    swapped = a.raw() >= kTable && leaf == expected;
    if (swapped) leaf = desired;
    return true;
  }
  u64 table = 0, leaf = 0;
};

TEST(WalkModel, EveryPermission) {
  World w;
  w.features = {.pa_bits = 48, .hafdbs_af = true, .hafdbs_dbm = true, .epan = true, .e0pd = true};
  w.regs.ttbr0 = 0x1000;
  w.regs.mair = 0xff;
  u64 cases = 0;
  // 2^17 worlds: AP, UXN/PXN, DBM, AF | APTable, UXNTable/PXNTable | HA/HD, HPD, WXN, EPAN, GP, nG.
  for (u64 n = 0; n < u64{1} << 17 && !HasFailure(); ++n) {
    const u64 attributes = (n & 3) << 6 | (n >> 2 & 3) << 53 | (n >> 4 & 1) << 51 |
                           (n >> 5 & 1) << 10 | (n >> 15 & 1) << 50 | (n >> 16 & 1) << 11;
    const u64 hierarchy = (n >> 6 & 15) << 59;
    const u64 managed = n >> 10 & 3;
    w.regs.tcr = 34 | u64{5} << 32 | managed << 39 | (n >> 12 & 1) << 41;  // levels 2 and 3
    w.regs.sctlr = 1 | (n >> 13 & 1) << 19 | (n >> 14 & 1) << 57;
    // All accesses on one in 13 worlds, else two of them: each pair comes up many times.
    const std::size_t step = n % 13 == 0 ? 1 : accesses().size() / 2;
    for (std::size_t i = n % step; i < accesses().size(); i += step) {
      const Stage1Access& a = accesses()[i];
      Permissions product, model;
      product.table = model.table = Permissions::kTable | hierarchy | 3;
      product.leaf = model.leaf = Permissions::kPage | attributes | 3;
      const WalkResult got = stage1_walk(w.regs, w.features, VirtAddr(0x1234), a, product);
      const ModelResult want = model_translate(w.regs, w.features, 0x1234, a, model);
      if (got.fault != want.fault || product.leaf != model.leaf)
        ADD_FAILURE() << n << text(w) << text(a) << " got " << text(got.fault) << " want "
                      << text(want.fault)
                      << fmt::format(" leaf {:#x} {:#x}", product.leaf, model.leaf);
      ++cases;
    }
  }
  EXPECT_GT(cases, 400'000u);
}

/// Every granule, size of input, output and implemented addresses, and tag setting, at the edges of
/// what each level resolves.
TEST(WalkModel, EveryGeometry) {
  Seen seen;
  u64 cases = 0;
  for (u64 n = 0; n < 4 * 64 * 8 && !HasFailure(); ++n) {
    const u64 tg = n & 3, txsz = n >> 2 & 63, ips = n >> 8;
    for (const u8 pa_bits : {u8{32}, u8{40}, u8{48}}) {
      World w;
      w.features = {.pa_bits = pa_bits, .ttst = n % 3 != 0};
      w.regs.sctlr = 1;
      w.regs.mair = 0xff;
      w.regs.tcr = txsz | txsz << 16 | tg << 14 | tg << 30 | ips << 32 | (n % 5 & 3) << 37 |
                   (n % 7 & 3) << 51;
      w.tables = {.seed = n, .address_bits = pa_bits};
      w.regs.ttbr0 = Random(n)() & low_mask(pa_bits);
      w.regs.ttbr1 = Random(n + 1)() & low_mask(pa_bits);
      for (unsigned edge = 12; edge < 57; ++edge) {
        for (const u64 va :
             {u64{1} << edge, (u64{1} << edge) - 1, ~u64{0} << edge, (~u64{0} << edge) - 1}) {
          w.va = va;
          WalkResult got;
          compare(w, accesses()[edge % 2], got, seen);
          ++cases;
        }
      }
    }
  }
  EXPECT_GT(seen.fine, cases / 20);
}

}  // namespace
}  // namespace quince::cpu::test
