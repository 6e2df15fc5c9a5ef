#include "tests/diff/quince_engine.h"

namespace quince::test {

static_assert(ORACLE_CODE == VcpuHarness::kCode && ORACLE_CODE_SIZE == VcpuHarness::kBlock);
static_assert(ORACLE_BRK == VcpuHarness::kBrk);

namespace {

using cpu::ExceptionClass;

/// How often a case is let run on for a few instructions; blocks with loops stay far below.
constexpr unsigned kRuns = 50;

/// What Linux makes of an exception from EL0.
u32 signal_of(ExceptionClass ec, u32 iss) {
  constexpr u32 kAlignmentFault = 0x21;
  switch (ec) {
    case ExceptionClass::Brk:
      return kSigtrap;
    case ExceptionClass::PcAlignment:
    case ExceptionClass::SpAlignment:
      return kSigbus;
    case ExceptionClass::InstructionAbortLower:
      return kSigsegv;
    case ExceptionClass::DataAbortLower:
      return (iss & 0x3f) == kAlignmentFault ? kSigbus : kSigsegv;
    default:
      return kSigill;
  }
}

}  // namespace

cpu::CpuModel full_model() {
  cpu::CpuModel m;
  m.name = "everything";
  m.features.set();
  return m;
}

QuinceEngine::QuinceEngine() : harness_(full_model(), ORACLE_DATA, ORACLE_DATA_SIZE) {
  results_.reserve(ORACLE_BATCH);
}

void QuinceEngine::set_guarded(bool guarded) {
  if (guarded == guarded_) return;
  guarded_ = guarded;
  harness_.set_guarded(guarded);
}

void QuinceEngine::place(std::span<const OracleCase> cases) {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const OracleCase& c = cases[i];
    if (i != 0 && c.slot == cases[i - 1].slot) continue;
    const u64 at = slot_address(c.slot);
    harness_.write_insn(at - 4, ORACLE_ENTRY);
    for (u32 n = 0; n < ORACLE_INSNS; ++n) harness_.write_insn(at + 4 * n, c.insn[n]);
  }
  harness_.code_changed();
}

Result<void> QuinceEngine::start(std::span<const OracleCase> cases, bool guarded) {
  set_guarded(guarded);
  place(cases);
  results_.resize(cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    std::memcpy(before_.data(), data(0), before_.size());
    if (!run(cases[i], results_[i])) {
      results_[i].signal = kEndless;
      // It is not compared, but others read what a loop wrote on its way through memory.
      std::memcpy(data(0), before_.data(), before_.size());
    }
  }
  stray_ = clean_data();
  return {};
}

std::optional<OracleResult> QuinceEngine::run(const OracleCase& c) {
  OracleResult r;
  if (!run(c, r)) return std::nullopt;
  return r;
}

bool QuinceEngine::run(const OracleCase& c, OracleResult& r) {
  harness_.prepare(slot_address(c.slot));
  cpu::CpuState& s = harness_.vcpu().s;
  const bool memory = (c.flags & ORACLE_MEMORY) != 0;
  if (memory) {
    const auto* w = reinterpret_cast<const u8*>(c.in.window);
    std::memcpy(data(0), w, ORACLE_EDGE);
    std::memcpy(data(ORACLE_MIDDLE_OFFSET), w + ORACLE_EDGE, ORACLE_MIDDLE);
    std::memcpy(data(ORACLE_LAST_OFFSET), w + ORACLE_EDGE + ORACLE_MIDDLE, ORACLE_EDGE);
  }
  std::memcpy(s.x.data(), c.in.x, sizeof c.in.x);
  std::memcpy(s.v.data(), c.in.v, sizeof c.in.v);
  s.sp = c.in.sp;
  s.sys.tpidr_el0 = c.in.x[0];  // as the gate leaves it
  s.nzcv = c.in.pstate >> 28;
  s.pstate.btype = (c.in.pstate >> 10) & 3;
  s.fpcr = c.in.fpcr;
  s.fpsr = c.in.fpsr;
  bool ended = false;
  for (unsigned n = 0; n < kRuns && !ended; ++n) ended = harness_.run_to_exception();

  r.signal = signal_of(harness_.exception_class(), harness_.syndrome());
  r.pc = s.sys.elr_el1;
  r.address = r.signal == kSigsegv || r.signal == kSigbus ? s.sys.far_el1 : 0;
  if (r.pc == ORACLE_EXIT && r.signal == kSigsegv) r.signal = 0, r.address = 0;
  // Behind its way out the oracle has zeroes of its own, which are no instructions.
  if (r.signal == kSigsegv && r.pc - ORACLE_EXIT < ORACLE_EXIT_SIZE)
    r.signal = kSigill, r.address = 0;
  r.pad = 0;
  std::memcpy(r.out.x, s.x.data(), sizeof r.out.x);
  std::memcpy(r.out.v, s.v.data(), sizeof r.out.v);
  r.out.sp = s.sp_bank[0];
  r.out.pstate = static_cast<u32>(s.sys.spsr_el1);
  r.out.fpcr = s.fpcr;
  r.out.fpsr = s.fpsr;
  if (memory) {
    auto* out = reinterpret_cast<u8*>(r.out.window);
    std::memcpy(out, data(0), ORACLE_EDGE);
    std::memcpy(out + ORACLE_EDGE, data(ORACLE_MIDDLE_OFFSET), ORACLE_MIDDLE);
    std::memcpy(out + ORACLE_EDGE + ORACLE_MIDDLE, data(ORACLE_LAST_OFFSET), ORACLE_EDGE);
  }
  return ended;
}

bool QuinceEngine::clean_data() {
  bool stray = false;
  for (u64 o = ORACLE_EDGE; o < ORACLE_LAST_OFFSET; o += 8) {
    if (o == ORACLE_MIDDLE_OFFSET) o += ORACLE_MIDDLE;
    u64 v = 0;
    std::memcpy(&v, data(o), sizeof v);
    if (v == 0) continue;
    stray = true;
    std::memset(data(o), 0, sizeof v);
  }
  return stray;
}

}  // namespace quince::test
