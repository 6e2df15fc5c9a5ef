// How long a table walk and a TLB operation take, in nanoseconds.  Run a release build; the figures
// of other builds mean nothing.
#include <fmt/core.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "base/bits.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/walk.h"

namespace quince::cpu {
namespace {

constexpr u64 kTables = 0x4000'0000;
constexpr u64 kPages = 4096;  // one page of this many is used at a time

class FlatMemory final : public PhysMemory {
 public:
  explicit FlatMemory(std::size_t words) : words_(words) {}
  bool read64(PhysAddr a, u64& out) override {
    const u64 i = (a.raw() - kTables) / 8;
    if (i >= words_.size()) return false;
    out = words_[i];
    return true;
  }
  bool cas64(PhysAddr a, u64 expected, u64 desired, bool& swapped) override {
    u64& word = words_[(a.raw() - kTables) / 8];
    swapped = word == expected;
    if (swapped) word = desired;
    return true;
  }
  void put(u64 a, u64 v) { words_[(a - kTables) / 8] = v; }

 private:
  std::vector<u64> words_;
};

/// Runs `operation(i)` often enough and prints the time of one.
template <class Operation>
void measure(const char* name, Operation operation) {
  constexpr u64 kRounds = 1 << 22;
  u64 sum = 0;
  for (u64 i = 0; i < kRounds / 8; ++i) sum += operation(i);
  const auto start = std::chrono::steady_clock::now();
  for (u64 i = 0; i < kRounds; ++i) sum += operation(i);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  [[maybe_unused]] volatile const u64 sink = sum;  // so that the work cannot be left out
  fmt::print("{:<32} {:7.2f} ns\n", name, took.count() / kRounds);
}

/// Tables of 4 KiB granule, four levels, that map kPages pages from address 0.
void build(FlatMemory& m) {
  u64 level3 = kTables + 0x3000;
  m.put(kTables, (kTables + 0x1000) | 3);
  m.put(kTables + 0x1000, (kTables + 0x2000) | 3);
  for (u64 n = 0; n < kPages; ++n) {
    if (n % 512 == 0) m.put(kTables + 0x2000 + n / 512 * 8, level3 | 3);
    m.put(level3 + n % 512 * 8, (0x8000'0000 + n * 4096) | (1 << 11) | (1 << 10) | (1 << 6) | 3);
    if (n % 512 == 511) level3 += 0x1000;
  }
}

int run() {
  FlatMemory m(std::size_t{(3 + kPages / 512) * 512});
  build(m);
  Stage1Regs regs{.sctlr = 1, .tcr = 16 | (u64{2} << 32), .ttbr0 = kTables, .mair = 0xff};
  const Stage1Features features;
  Tlb2 tlb;
  const Stage1Access read;
  // A page order that no prefetcher likes and that visits every page.
  const auto va = [](u64 i) { return VirtAddr((i * 1571 % kPages) << 12 | 8); };
  const auto walk = [&](u64 i) { return stage1_walk(regs, features, va(i), read, m).t; };

  measure("walk, four levels", [&](u64 i) { return walk(i).pa.raw(); });
  for (u64 i = 0; i < kPages; ++i) tlb.insert(va(i), 1, walk(i));
  fmt::print("{} of {} pages are in the TLB\n", tlb.size(), kPages);
  measure("Tlb2 hit, one page size in use", [&](u64 i) {
    const Translation* t = tlb.lookup(va(i), 1, AccessKind::Read);
    return t != nullptr ? t->output(va(i)).raw() : 0;
  });
  measure("Tlb2 hit and permission check", [&](u64 i) {
    const Translation* t = tlb.lookup(va(i), 1, AccessKind::Read);
    return t != nullptr && !check_permission(*t, read) ? t->output(va(i)).raw() : 0;
  });
  measure("Tlb2 hit among 256 pages", [&](u64 i) {
    const Translation* t = tlb.lookup(va(i % 256), 1, AccessKind::Read);
    return t != nullptr ? t->output(va(i)).raw() : 0;
  });
  measure("Tlb2 miss",
          [&](u64 i) { return u64{tlb.lookup(va(i), 2, AccessKind::Read) != nullptr}; });
  const Translation t = walk(0);
  measure("Tlb2 insert, replacing", [&](u64 i) {
    tlb.insert(va(i), 1, t);
    return i;
  });
  measure("TLBI VAE1 of an absent page", [&](u64 i) {
    tlb.invalidate(decode_tlbi(TlbiOp::VAE1, (i & 0xfff) | (u64{2} << 48), true));
    return i;
  });
  measure("TLBI ASIDE1 of an unused ASID", [&](u64 i) {
    tlb.invalidate(decode_tlbi(TlbiOp::ASIDE1, u64{7} << 48, true));
    return i;
  });
  return 0;
}

}  // namespace
}  // namespace quince::cpu

int main() { return quince::cpu::run(); }
