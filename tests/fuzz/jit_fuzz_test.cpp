// Arbitrary words as a program, by translated code and by the interpreter: both end in the same state.
//
// A program is two pages of words, mostly of rows of the instruction table, and runs round and round.  Exceptions go
// to a handler that goes on behind the instruction.  Memory is RAM alone; instructions that change how addresses are
// translated are left out, because software must tell the CPU of such changes, and random words do not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <sstream>

#include "cpu/a64/table.h"
#include "cpu/vcpu.h"
#include "hw/core/address_space.h"
#include "hw/core/archive.h"
#include "hw/core/io_lock.h"
#include "hw/core/ram.h"
#include "hw/core/timer.h"
#include "machine/listing/host_code.h"
#include "machine/listing/listing.h"

namespace quince::test {
namespace {

constexpr u64 kBase = 0x4000'0000, kSize = 2 * MiB;
constexpr u64 kLevel0 = kBase, kLevel1 = kBase + 0x1000, kLevel2 = kBase + 0x2000,
              kLevel3 = kBase + 0x3000;
constexpr u64 kVectors = kBase + 0x8000;
constexpr u64 kCode = kBase + 0x10'0000, kCodeWords = 2048;
/// Of a program that writes to itself, what it writes to: the second page, of which the begin runs.
constexpr u64 kWritten = 1024, kWrittenWords = 64;
constexpr u64 kData = kBase + 0x18'0000, kDataSize = 0x1'0000;

u64 from_environment(const char* name, u64 otherwise) {
  const char* v = std::getenv(name);
  return v == nullptr ? otherwise : std::strtoull(v, nullptr, 0);
}

/// What a program runs in.
enum class Place : u8 { MmuOff, El1, El0 };
/// Whether writes to instructions are tracked (VcpuPorts::track_code).
enum class Writes : u8 { Untracked, Tracked };

/// Every region is code that an independent disassembler knows.
class Checker final : public cpu::jit::CodeObserver {
 public:
  void shared_code(unsigned, const cpu::jit::CodeNames&) override {}
  void translated(const cpu::jit::TranslatedCode& code) override {
    ++regions;
    if (regions % 16 != 1) return;
    for (const machine::HostLine& l : host_lines(code, machine::Addresses::Real))
      EXPECT_TRUE(l.known) << fmt::format("region {:#x}: {} at {:#x}", code.pc, l.text, l.offset);
  }
  u64 regions = 0;
};

constexpr u32 kNop = 0xd503'201f;
constexpr u32 branch(u64 from, u64 to) {
  return 0x1400'0000 | (static_cast<u32>(to - from) & 0x3ff'ffff);
}
constexpr u32 kBranchToNext = branch(0, 1);

/// By its place in the encoding (C4.1); data processing of the vector unit is among the others.
bool loads_or_stores(u32 w) { return (w & 0x0a00'0000) == 0x0800'0000; }

class Words {
 public:
  explicit Words(u64 seed) : random_(seed) {}
  std::vector<u32> program();
  std::vector<u32> program_that_writes();
  u32 written_word();

 private:
  u32 word();
  u32 aimed(u32 w);
  bool left_out(u32 w) const;
  bool one_in(u64 n) { return random_() % n == 0; }

  std::mt19937_64 random_;
};

/// Changes what translation or the sleep of the vCPU depends on, or ends the world's story.
bool Words::left_out(u32 w) const {
  const int row = a64::decode_row(w);
  if (row < 0) return false;
  const std::string_view id = a64::rows()[static_cast<std::size_t>(row)].id;
  static const std::set<std::string_view> kOut = {"WFI", "WFE", "WFIT", "WFET",   "YIELD",  "HVC",
                                                  "SMC", "HLT", "ERET", "ERETAA", "ERETAB", "DRPS"};
  if (kOut.contains(id)) return true;
  if (id == "MSR_reg") {  // SCTLR, CPACR; TTBR, TCR; MAIR; VBAR; debug and PMU
    const u32 op0 = 2 + ((w >> 19) & 1), crn = (w >> 12) & 15;
    return op0 == 2 || crn == 1 || crn == 2 || crn == 10 || crn == 12 || crn == 9 || crn == 14;
  }
  if (id == "MRS") {  // counters of instructions may be read in the middle of a block
    const u32 crn = (w >> 12) & 15;
    return crn == 9 || crn == 14;
  }
  return false;
}

/// Registers and distances that lead somewhere, most of the time.
u32 Words::aimed(u32 w) {
  const u32 r = static_cast<u32>(random_());
  if (loads_or_stores(w) && !one_in(4)) w = (w & ~(31u << 5)) | (24 + r % 5) << 5;
  if (!one_in(4) && (w & 31) >= 24) w &= ~16u;  // pointers stay
  const u32 near = (r >> 8) % 61 - 30;
  if ((w & 0x7c00'0000) == 0x1400'0000) return (w & ~0x3ff'ffffu) | (near & 0x3ff'ffff);
  if ((w & 0xff00'0000) == 0x5400'0000 || (w & 0x7e00'0000) == 0x3400'0000)
    return (w & ~(0x7ffffu << 5)) | (near & 0x7ffff) << 5;
  if ((w & 0x7e00'0000) == 0x3600'0000) return (w & ~(0x3fffu << 5)) | (near & 0x3fff) << 5;
  return w;
}

u32 Words::word() {
  for (;;) {
    u32 w = static_cast<u32>(random_());
    if (!one_in(10)) {
      const auto rows = a64::rows();
      const a64::RowInfo& row = rows[random_() % rows.size()];
      // Half of all: what programs are mostly made of.
      const std::string_view group = row.group;
      if (one_in(2) && group != "dp_imm" && group != "dp_reg" && group != "branch" &&
          group != "ldst")
        continue;
      w = (w & ~row.enc.mask) | row.enc.value;
    }
    w = aimed(w);
    if (!left_out(w)) return w;
  }
}

std::vector<u32> Words::program() {
  std::vector<u32> words(kCodeWords);
  // Short programs run round often, long ones get through more words.
  const u64 length = one_in(2) ? 8 + random_() % 60 : kCodeWords - 1;
  for (u64 n = 0; n < length; ++n) words[n] = word();
  for (u64 n = length; n < kCodeWords; ++n) words[n] = branch(n, 0);
  return words;
}

/// What runs until the next branch behind a write may be either, so who writes has one there, and what is written to
/// does not write.
std::vector<u32> Words::program_that_writes() {
  std::vector<u32> words(kCodeWords);
  const u64 length = 8 + random_() % 60;
  u64 n = 0;
  while (n < length) {
    words[n++] = word();
    if (loads_or_stores(words[n - 1])) words[n++] = kBranchToNext;
  }
  for (; n < kWritten; ++n) words[n] = branch(n, kWritten + random_() % 16);
  for (; n < kWritten + kWrittenWords; ++n) words[n] = written_word();
  for (; n < kCodeWords; ++n) words[n] = branch(n, 0);
  return words;
}

u32 Words::written_word() {
  for (;;)
    if (const u32 w = word(); !loads_or_stores(w)) return w;
}

/// One vCPU with its memory.
class World {
 public:
  World(cpu::jit::CodeObserver* observer, bool translate, Writes writes);

  void prepare(Place place, std::span<const u32> words, u64 seed);
  /// That many instructions, and those up to where it looks at its budget.
  void run(u64 instructions);
  cpu::Vcpu& vcpu() { return *vcpu_; }
  std::span<const u8> ram() const { return {ram_->data(), kSize}; }
  u8* host(u64 va) { return ram_->data() + (va - kBase); }

 private:
  void map(u64 va, u64 bytes, u64 attributes);

  const bool translates_;
  const Writes writes_;
  Log log_;
  hw::AddressSpace space_{log_};
  hw::IoLock io_lock_;
  hw::ManualClock clock_;
  std::unique_ptr<hw::GuestRam> ram_;
  std::unique_ptr<cpu::Vcpu> vcpu_;
  cpu::CpuModel model_;
  u64 random_ = 0;
};

World::World(cpu::jit::CodeObserver* observer, bool translate, Writes writes)
    : translates_(translate),
      writes_(writes),
      ram_(std::move(*hw::GuestRam::create("ram", kSize))) {
  EXPECT_TRUE(space_.map_ram(PhysAddr(kBase), *ram_));
  model_.name = "everything";
  model_.features.set();
  cpu::VcpuPorts ports{.space = &space_, .io_lock = &io_lock_, .clock = &clock_, .log = &log_};
  ports.random = {[](void* p) { return ++*static_cast<u64*>(p) * 0x9e37'79b9'7f4a'7c15; },
                  &random_};
  ports.code_observer = observer;
  ports.track_code = translate && writes == Writes::Tracked;
  vcpu_ = std::make_unique<cpu::Vcpu>(0, u64{1} << 31, model_, ports);
  if (!translate) return;
  EXPECT_TRUE(vcpu_->use_jit({.bytes = 8 * MiB, .threshold = 1}));
}

void World::run(u64 instructions) {
  if (translates_ || writes_ == Writes::Untracked) {
    vcpu_->run(instructions);
    return;
  }
  // As somebody who knows nothing of tracking: whatever may have been written is looked at behind each branch.
  const u64 end = vcpu_->instructions() + instructions;
  while (vcpu_->instructions() < end) {
    vcpu_->invalidate_all_code(false);
    vcpu_->run(1);
  }
}

void World::map(u64 va, u64 bytes, u64 attributes) {
  constexpr u64 kPage = 3 | 1 << 10 | 3 << 8;  // AF, inner shareable
  for (u64 at = va; at < va + bytes; at += 0x1000)
    store_le<u64>(host(kLevel3 + 8 * ((at >> 12) & 511)), at | kPage | attributes);
}

void World::prepare(Place place, std::span<const u32> words, u64 seed) {
  std::memset(ram_->data(), 0, kSize);
  // Arm ARM D8.3: tables, and pages that EL0 may read and write, or only read.
  constexpr u64 kTable = 3, kUser = 1 << 6, kReadOnly = 1 << 7;
  store_le<u64>(host(kLevel0), kLevel1 | kTable);
  store_le<u64>(host(kLevel1 + 8 * (kBase >> 30)), kLevel2 | kTable);
  store_le<u64>(host(kLevel2 + 8 * ((kBase >> 21) & 511)), kLevel3 | kTable);
  const bool el0 = place == Place::El0;
  map(kVectors, 0x1000, kReadOnly);
  const bool tracked = writes_ == Writes::Tracked;
  map(kCode, 4 * kWritten, kReadOnly | (el0 ? kUser : 0));
  map(kCode + 4 * kWritten, 4 * (kCodeWords - kWritten),
      (tracked ? 0 : kReadOnly) | (el0 ? kUser : 0));
  map(kData, kDataSize, el0 ? kUser : 0);
  // The handler: behind the instruction, or somewhere in the program.
  constexpr u32 kHandler[] = {
      0xd518'd080,  // msr tpidr_el1, x0
      0xd538'4020,  // mrs x0, elr_el1
      0x9100'1000,  // add x0, x0, #4
      0x927e'2800,  // and x0, x0, #0x1ffc
      0xf2a8'0200,  // movk x0, #0x4010, lsl #16
      0xd518'4020,  // msr elr_el1, x0
      0xd538'd080,  // mrs x0, tpidr_el1
      0xd69f'03e0,  // eret
  };
  for (u64 vector = kVectors; vector < kVectors + 0x800; vector += 0x80)
    for (std::size_t n = 0; n < std::size(kHandler); ++n)
      store_le<u32>(host(vector + 4 * n), kHandler[n]);
  for (std::size_t n = 0; n < words.size(); ++n) store_le<u32>(host(kCode + 4 * n), words[n]);

  random_ = 0;
  vcpu_->reset(kCode, true);
  cpu::CpuState& s = vcpu_->s;
  std::mt19937_64 random(seed);
  for (unsigned r = 0; r < 31; ++r) s.x[r] = random() >> (random() & 63);
  for (unsigned r = 24; r < 29; ++r) s.x[r] = kData + (random() & 0xfff8);
  if (tracked) {
    for (unsigned r = 0; r < 16; ++r) s.x[r] = Words(random()).written_word();
    for (unsigned r = 24; r < 28; ++r) s.x[r] = kCode + 4 * (kWritten + random() % kWrittenWords);
  }
  for (auto& v : s.v) v = {{random(), random() >> (random() & 63)}};
  for (unsigned n = 0; n < kDataSize; n += 8) store_le<u64>(host(kData + n), random());
  cpu::SysRegs& r = s.sys;
  r.vbar_el1 = kVectors;
  r.cpacr_el1 = 3 << 20;
  r.oslar_locked = 0;
  r.mair_el1 = 0xff;
  r.tcr_el1 = 16 | 1 << 8 | 1 << 10 | 3 << 12 | 16 << 16 | 1 << 23 | u64{2} << 32;
  r.ttbr0_el1 = kLevel0;
  r.sctlr_el1 = (place == Place::MmuOff ? 0 : 1) | 1 << 2 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 26 |
                1 << 11 | 1 << 22 | 1 << 23 | 1 << 29 | 1 << 28;
  s.pstate.el = el0 ? 0 : 1;
  s.pstate.spsel = el0 ? 0 : 1;
  s.sp = kData + 0x8000;
  s.sp_bank = {kData + 0x8000, kData + 0x8000};
  vcpu_->restored();
}

/// Runs both to the same number of instructions; false when they do not stop at one.
bool run_together(World& a, World& b, u64 budget) {
  const u64 a0 = a.vcpu().instructions(), b0 = b.vcpu().instructions();
  const auto done_a = [&] { return a.vcpu().instructions() - a0; };
  const auto done_b = [&] { return b.vcpu().instructions() - b0; };
  while (done_a() < budget) a.run(budget - done_a());
  for (unsigned tries = 0; tries < 400; ++tries) {
    if (done_b() < done_a())
      b.run(done_a() - done_b());
    else if (done_a() < done_b())
      a.run(done_b() - done_a());
    else
      return true;
  }
  return false;
}

/// What a program came to; ChangedCode: where that is not tracked.
enum class End : u8 { Equal, Different, Apart, ChangedCode };

/// Both worlds, and what they make of programs.
class Pair {
 public:
  explicit Pair(Writes writes) : writes_(writes) { begin(); }
  End run(Place place, std::span<const u32> program, u64 seed, std::string& difference);
  /// Makes NOPs of what a difference does not need.
  void shrink(Place place, std::vector<u32>& program, u64 seed);
  u64 regions() const { return checker_.regions; }
  u64 changed_code() const { return changed_code_; }

 private:
  void begin() {
    translated_.emplace(&checker_, true, writes_);
    interpreted_.emplace(nullptr, false, writes_);
  }

  static constexpr u64 kBudget = 20'000;
  const Writes writes_;
  Checker checker_;
  std::optional<World> translated_, interpreted_;
  u64 changed_code_ = 0;
};

End Pair::run(Place place, std::span<const u32> program, u64 seed, std::string& difference) {
  translated_->prepare(place, program, seed);
  interpreted_->prepare(place, program, seed);
  if (!run_together(*translated_, *interpreted_, kBudget)) {
    begin();  // as many instructions again
    return End::Apart;
  }
  bool changed = false;
  for (World* w : {&*translated_, &*interpreted_})
    changed |= std::memcmp(w->host(kCode), program.data(), 4 * program.size()) != 0;
  changed_code_ += changed;
  // What changes its own code without telling the CPU may get any of both.
  if (changed && writes_ == Writes::Untracked) return End::ChangedCode;
  Archive a(Archive::Mode::Save), b(Archive::Mode::Save);
  translated_->vcpu().snapshot(a);
  interpreted_->vcpu().snapshot(b);
  if (const auto d = Archive::diff(a, b)) {
    difference = *d;
    std::istringstream x(a.dump()), y(b.dump());
    for (std::string p, q; std::getline(x, p) && std::getline(y, q);)
      if (p != q) difference += fmt::format("\n  translated {}; interpreted {}", p, q);
    return End::Different;
  }
  if (std::memcmp(translated_->ram().data(), interpreted_->ram().data(), kSize) != 0) {
    difference = "memory differs";
    return End::Different;
  }
  return End::Equal;
}

void Pair::shrink(Place place, std::vector<u32>& program, u64 seed) {
  std::string unused;
  for (std::size_t piece = 512; piece > 0; piece /= 2)
    for (std::size_t at = 0; at < program.size(); at += piece) {
      std::vector<u32> less = program;
      for (std::size_t n = at; n < std::min(at + piece, less.size()); ++n)
        if (less[n] != kBranchToNext) less[n] = kNop;
      if (less != program && run(place, less, seed, unused) == End::Different) program = less;
    }
}

std::string listing(std::span<const u32> program) {
  std::string out;
  for (std::size_t n = 0; n < program.size(); ++n)
    if (program[n] != kNop && (n < 4 || program[n] >> 26 != 5))
      out += fmt::format("  {:#x}: {:#010x} {}\n", kCode + 4 * n, program[n],
                         machine::guest_text(program[n]));
  return out;
}

class JitFuzz : public testing::TestWithParam<Writes> {};

TEST_P(JitFuzz, EndsLikeTheInterpreter) {
  if (!cpu::translation_supported()) GTEST_SKIP() << "nothing is translated on this host";
  const u64 seed = from_environment("QUINCE_FUZZ_SEED", 1);
  const u64 programs = from_environment("QUINCE_FUZZ_PROGRAMS", 300);
  const u64 first = from_environment("QUINCE_FUZZ_FIRST", 0);
  fmt::print("{} programs, seed {}\n", programs, seed);
  const bool tracked = GetParam() == Writes::Tracked;
  Pair pair(GetParam());
  u64 ends[4] = {};
  for (u64 n = first; n < first + programs; ++n) {
    // Without an MMU nothing keeps writers from what they run.
    const auto place = static_cast<Place>(tracked ? 1 + n % 2 : n % 3);
    Words words(seed + n * 0x9e37'79b9);
    std::vector<u32> program = tracked ? words.program_that_writes() : words.program();
    std::string difference;
    const End end = pair.run(place, program, seed + n, difference);
    ++ends[static_cast<unsigned>(end)];
    if (end != End::Different) continue;
    pair.shrink(place, program, seed + n);
    (void)pair.run(place, program, seed + n, difference);
    ADD_FAILURE() << "seed " << seed << ", QUINCE_FUZZ_FIRST=" << n << ", place "
                  << static_cast<unsigned>(place) << ": " << difference << "\n"
                  << listing(program);
    if (ends[1] == 5) break;
  }
  fmt::print("{} equal, {} different, {} never together, {} changed their code, {} regions\n",
             ends[0], ends[1], ends[2], pair.changed_code(), pair.regions());
  EXPECT_GT(ends[0], programs * 2 / 3);
  if (tracked) {
    EXPECT_GT(pair.changed_code(), programs / 4);
  }
  EXPECT_GT(pair.regions(), programs);
}

INSTANTIATE_TEST_SUITE_P(Writes, JitFuzz, testing::Values(Writes::Untracked, Writes::Tracked),
                         [](const auto& tested) {
                           return tested.param == Writes::Tracked ? "tracked" : "untracked";
                         });

}  // namespace
}  // namespace quince::test
