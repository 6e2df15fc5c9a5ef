#include "tests/support/vcpu_harness.h"

#include "tests/support/engine.h"

#include "base/assert.h"

namespace quince::test {

namespace {

constexpr u64 kLevel0 = VcpuHarness::kBase, kLevel1 = kLevel0 + 0x1000, kLevel2 = kLevel0 + 0x2000,
              kLevel3 = kLevel0 + 0x3000;

// Descriptors (Arm ARM D8.3): valid table or page, valid block, AF, inner shareable, MAIR index 0.
constexpr u64 kTable = 3, kPage = 3 | 1 << 10 | 3 << 8, kBlockDescriptor = 1 | 1 << 10 | 3 << 8;
constexpr u64 kUser = 1 << 6;  // AP[1]: EL0 too
constexpr u64 kUserNoExecute = u64{1} << 54;
constexpr u64 kGuarded = u64{1} << 50;

// SCTLR_EL1 as Linux has it: M C I, SA SA0, EOS EIS, DZE UCT nTWI nTWE, SPAN, UCI, nTLSMD LSMAOE,
// EnIA EnIB EnDA EnDB.
constexpr u64 kSctlr = 1 | 1 << 2 | 1 << 12 | 1 << 3 | 1 << 4 | 1 << 11 | 1 << 22 | 1 << 14 |
                       1 << 15 | 1 << 16 | 1 << 18 | 1 << 23 | 1 << 26 | 1 << 28 | 1 << 29 |
                       u64{1} << 31 | 1 << 30 | 1 << 27 | 1 << 13;
// 48 bits for both halves, write-back walks, no TTBR1, TBI0: what Linux programs live in.
constexpr u64 kTcr =
    16 | 1 << 8 | 1 << 10 | 3 << 12 | 16 << 16 | 1 << 23 | u64{2} << 32 | u64{1} << 37;
constexpr u64 kCpacr = 3 << 20;
constexpr u64 kMair = 0xff;

}  // namespace

VcpuHarness::VcpuHarness(const cpu::CpuModel& model, u64 data, u64 data_size,
                         const Translation* translation)
    : model_(model) {
  company_.several = translation != nullptr ? translation->several : test_multiprocessor();
  auto ram = hw::GuestRam::create("ram", 3 * kBlock);
  QUINCE_ASSERT(ram);
  ram_ = std::move(*ram);
  QUINCE_ASSERT(space_.map_ram(PhysAddr(kBase), *ram_));
  vcpu_ = std::make_unique<cpu::Vcpu>(
      0, u64{1} << 31, model_,
      cpu::VcpuPorts{.space = &space_,
                     .io_lock = &io_lock_,
                     .clock = &clock_,
                     .siblings = &company_,
                     .track_code = translation != nullptr && translation->track_code,
                     .log = &log_,
                     .code_observer = translation != nullptr ? translation->observer : nullptr});
  if (translation != nullptr)
    QUINCE_ASSERT(vcpu_->use_jit({.threshold = translation->threshold}));
  else
    use_test_engine(*vcpu_);
  const auto level2 = [](u64 va) { return kLevel2 + 8 * ((va >> 21) & 511); };
  store_le<u64>(host(kLevel0), kLevel1 | kTable);
  store_le<u64>(host(kLevel1 + 8 * (kBase >> 30)), kLevel2 | kTable);
  store_le<u64>(host(level2(kBase)), kBase | kBlockDescriptor | kUserNoExecute);
  store_le<u64>(host(level2(kDataBlock)), kLevel3 | kTable);
  for (u64 va = data; va < data + data_size; va += 0x1000)
    store_le<u64>(host(kLevel3 + 8 * ((va >> 12) & 511)), va | kPage | kUser | kUserNoExecute);
  map_code(false);
  for (u64 at = kVectors; at < kVectors + 0x800; at += 4) write_insn(at, 0x1400'0000);  // b .
  for (u64 at = kCode; at < kCode + kBlock; at += 4) write_insn(at, kBrk);

  vcpu_->reset(0, true);
  cpu::SysRegs& r = vcpu_->s.sys;
  r.sctlr_el1 = kSctlr;
  r.tcr_el1 = kTcr;
  r.ttbr0_el1 = kLevel0;
  r.mair_el1 = kMair;
  r.cpacr_el1 = kCpacr;
  r.vbar_el1 = kVectors;
  for (unsigned i = 0; i < r.apkeys.size(); ++i) r.apkeys[i] = 0x9e37'79b9'7f4a'7c15 * (i + 1);
  vcpu_->s.pstate.el = 0;
  vcpu_->s.pstate.spsel = 0;
  vcpu_->s.pstate.daif = 0;
  fresh_ = vcpu_->s;
}

void VcpuHarness::write_insn(u64 va, u32 insn) { store_le<u32>(host(va), insn); }

void VcpuHarness::map_code(bool guarded) {
  store_le<u64>(host(kLevel2 + 8 * ((kCode >> 21) & 511)),
                kCode | kBlockDescriptor | kUser | (guarded ? kGuarded : 0));
}

void VcpuHarness::set_guarded(bool guarded) {
  map_code(guarded);
  vcpu_->restored();  // drops the TLBs
}

void VcpuHarness::prepare(u64 pc) {
  vcpu_->s = fresh_;
  vcpu_->s.pc = pc;
  vcpu_->context_changed();
}

bool VcpuHarness::run_to_exception(u64 budget) {
  // Taken branches and exceptions are what the budget counts at once.
  QUINCE_ASSERT(vcpu_->run(budget) != cpu::RunExit::Differs);
  return vcpu_->s.pstate.el == 1;
}

}  // namespace quince::test
