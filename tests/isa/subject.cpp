#include "tests/isa/subject.h"

namespace quince::test {

static_assert(ORACLE_CODE == VcpuHarness::kCode && ORACLE_CODE_SIZE == VcpuHarness::kBlock);
static_assert(ORACLE_BRK == VcpuHarness::kBrk);

namespace {

using cpu::ExceptionClass;

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

Subject::Subject() : harness_(full_model(), ORACLE_DATA, ORACLE_DATA_SIZE) {}

void Subject::place(std::span<const OracleCase> cases) {
  for (const OracleCase& c : cases)
    for (u32 n = 0; n < ORACLE_INSNS; ++n)
      harness_.write_insn(slot_address(c.slot) + 4 * n, c.insn[n]);
  harness_.code_changed();
}

std::optional<OracleResult> Subject::run(const OracleCase& c) {
  harness_.prepare(slot_address(c.slot));
  cpu::CpuState& s = harness_.vcpu().s;
  const auto* w = reinterpret_cast<const u8*>(c.in.window);
  std::memcpy(data(0), w, ORACLE_EDGE);
  std::memcpy(data(ORACLE_MIDDLE_OFFSET), w + ORACLE_EDGE, ORACLE_MIDDLE);
  std::memcpy(data(ORACLE_LAST_OFFSET), w + ORACLE_EDGE + ORACLE_MIDDLE, ORACLE_EDGE);
  std::memcpy(s.x.data(), c.in.x, sizeof c.in.x);
  std::memcpy(s.v.data(), c.in.v, sizeof c.in.v);
  s.sp = c.in.sp;
  s.nzcv = c.in.pstate >> 28;
  s.pstate.btype = (c.in.pstate >> 10) & 3;
  s.fpcr = c.in.fpcr;
  s.fpsr = c.in.fpsr;
  if (!harness_.run_to_exception()) return std::nullopt;

  OracleResult r{};
  r.signal = signal_of(harness_.exception_class(), harness_.syndrome());
  r.address = s.sys.far_el1;
  r.pc = s.sys.elr_el1;
  std::memcpy(r.out.x, s.x.data(), sizeof r.out.x);
  std::memcpy(r.out.v, s.v.data(), sizeof r.out.v);
  r.out.sp = s.sp_bank[0];
  r.out.pstate = static_cast<u32>(s.sys.spsr_el1);
  r.out.fpcr = s.fpcr;
  r.out.fpsr = s.fpsr;
  auto* out = reinterpret_cast<u8*>(r.out.window);
  std::memcpy(out, data(0), ORACLE_EDGE);
  std::memcpy(out + ORACLE_EDGE, data(ORACLE_MIDDLE_OFFSET), ORACLE_MIDDLE);
  std::memcpy(out + ORACLE_EDGE + ORACLE_MIDDLE, data(ORACLE_LAST_OFFSET), ORACLE_EDGE);
  return r;
}

bool Subject::clean_data() {
  bool stray = false;
  for (u64 o = ORACLE_EDGE; o < ORACLE_LAST_OFFSET; ++o) {
    if (o == ORACLE_MIDDLE_OFFSET) o += ORACLE_MIDDLE;
    stray |= *data(o) != 0;
    *data(o) = 0;
  }
  return stray;
}

}  // namespace quince::test
