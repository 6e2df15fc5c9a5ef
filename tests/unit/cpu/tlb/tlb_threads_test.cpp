// TLB maintenance between threads: each vCPU runs on a thread of its own, changes its own mappings
// with break-before-make and reads everybody's.  Once TLBI and DSB are done, no vCPU may use what
// was there before (Arm ARM DDI 0487, D8.16).  Under ThreadSanitizer this is also the proof that
// tables, memory and mail are shared without a race.
#include <array>
#include <atomic>
#include <latch>
#include <thread>

#include "tests/unit/cpu/mmu/made_up_tables.h"
#include "tests/unit/cpu/tlb/tlb_bench.h"

namespace quince::cpu::test {
namespace {

constexpr unsigned kCpus = 4, kChangers = 3, kChanges = 1000;

/// What one vCPU maps: its page moves on to the next of 16 physical pages with each generation.
struct Mapping {
  u64 va = 0;
  std::atomic<u64> begun{0};  ///< the generation whose change has begun
  std::atomic<u64> done{0};   ///< the generation that everybody sees at least
};

class Threads {
 public:
  Threads() : b_(kCpus, true) {
    for (unsigned n = 0; n < kCpus; ++n) {
      // Every second one is in the upper half, every other pair in the same 2 MiB.
      Mapping& m = mappings_[n];
      m.va = (n % 2 != 0 ? kUpper : 0) + (u64{1 + n / 2} << 21) + (n << 12);
      for (const unsigned root : {n % 2 * 2, n % 2 * 2 + 1}) {
        b_.write_entry(TlbBench::level2_at(root, m.va), TlbBench::level3_table(root, m.va) | 3);
        b_.write_entry(TlbBench::level3_at(root, m.va), leaf(0));
      }
    }
  }

  void run() {
    std::vector<std::jthread> threads;
    for (unsigned n = 0; n < kCpus; ++n) threads.emplace_back([this, n] { work(n); });
    threads.clear();
    EXPECT_EQ(wrong_.load(), 0u);
    EXPECT_GT(reads_.load(), u64{kChangers} * kChanges);
    for (unsigned n = 0; n < kChangers; ++n) EXPECT_EQ(mappings_[n].done.load(), kChanges);
  }

 private:
  static u64 page(u64 generation) { return kTlbData + (generation % 16 << 12); }
  static u64 leaf(u64 generation) { return page(generation) | 0x703 | 1 << 6 | 1 << 11; }

  /// The last vCPU changes nothing, so that its first level is emptied by the others only.
  bool ended(unsigned n) const {
    if (n < kChangers) return mappings_[n].done.load() == kChanges;
    for (unsigned i = 0; i < kChangers; ++i)
      if (!ended(i)) return false;
    return true;
  }

  void work(unsigned n) {
    Vcpu& c = *b_.cpu[n];
    b_.set_parked(c, false);
    ready_.arrive_and_wait();
    Random random(n);
    while (!ended(n)) {
      b_.serve(c);
      if (n == kChangers) {
        for (unsigned i = 0; i < 20; ++i) look(c, mappings_[random.below(kChangers)], random);
        b_.rest(c, [&] { return ended(n); });
      } else if (random.once_in(16)) {
        change(c, mappings_[n], n, random);
      } else {
        switch_tables(c, random);
        look(c, mappings_[random.below(kChangers)], random);
      }
    }
    b_.set_parked(c, true);
  }

  /// Break before make, with a TLBI that names the page in one of many ways.
  void change(Vcpu& c, Mapping& m, unsigned n, Random& random) {
    const u64 next = m.done.load() + 1;
    TlbBench::go_to(c, 1, false, 0x1000);
    m.begun.store(next);
    for (const unsigned root : {n % 2 * 2, n % 2 * 2 + 1})
      b_.write_entry(TlbBench::level3_at(root, m.va), 0);
    const u64 number = m.va >> 12;
    switch (random.below(5)) {
      case 0:
        TlbBench::write(c, "tlbi vmalle1is*", 0);
        break;
      case 1:
        TlbBench::write(c, "tlbi vaae1is", number & low_mask(44));
        break;
      case 2:
        TlbBench::write(c, "tlbi vaale1os", number & low_mask(44));
        break;
      case 3:
        TlbBench::write(c, "tlbi rvaae1is", u64{1} << 46 | (number & low_mask(37)));
        break;
      default:
        for (const u64 asid : {0, 1}) TlbBench::write(c, "tlbi aside1is", asid << 48);
    }
    c.data_barrier();
    for (const unsigned root : {n % 2 * 2, n % 2 * 2 + 1})
      b_.write_entry(TlbBench::level3_at(root, m.va), leaf(next));
    m.done.store(next);
  }

  /// The other table or another ASID now and then: the same mappings, cached or not.
  void switch_tables(Vcpu& c, Random& random) {
    if (!random.once_in(64)) return;
    TlbBench::go_to(c, 1, false, 0x1000);
    TlbBench::write(c, "TTBR0_EL1", (kTlbRoots + random.below(2) * 0x1000) | random.below(2) << 48);
  }

  /// A read is of a generation between the one that was complete before and the one that had begun
  /// after; a fault is one while a change goes on.
  void look(Vcpu& c, const Mapping& m, Random& random) {
    const bool el0 = random.once_in(2);
    TlbBench::go_to(c, el0 ? 0 : 1, false, 0x1000);
    const u64 before = m.done.load();
    u64 data = 0;
    const bool fine = c.load(m.va, data);
    const u64 after = m.begun.load();
    ++reads_;
    bool good = false;
    if (fine) {
      for (u64 g = before; g <= after && g < before + 16; ++g)
        good |= (data >> 5 & 0xffff) == page(g) >> 12;
    } else {
      good = after > before && (c.s.sys.esr_el1 & 63) == 0x07;
    }
    if (!good) ++wrong_;
  }

  TlbBench b_;
  std::array<Mapping, kCpus> mappings_;
  std::latch ready_{kCpus};
  std::atomic<u64> reads_{0}, wrong_{0};
};

TEST(TlbThreads, NothingOldAfterDsb) { Threads().run(); }

}  // namespace
}  // namespace quince::cpu::test
