// Instructions that stay calls, but of which it is known what they use: the other registers of the region stay in the
// host's. Pointer authentication (Arm ARM DDI 0487, C6.2: PACIA, AUTIA, XPAC and their like).
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/host_rows.h"

namespace quince::cpu::jit {

bool Emitter::call_lightly() {
  const RegSet writes = insn_->facts.writes;
  forget_operand(writes);  // while a comparison with it can still be repeated
  clobber_flags();
  Stub& s = stub(Stub::Kind::Atomic);
  s.site = &site();
  s.insn = insn_;
  x_.jmp(s.label, x_.T_NEAR);
  x_.L(s.back);
  for (unsigned r = 0; r < 31; ++r)
    if ((writes >> r & 1) != 0 && hosts_[r] >= 0) dirty_ |= RegSet{1} << r;
  return true;
}

bool light_call(Emitter& e, u32) { return e.call_lightly(); }

namespace {

using R = HostRow;

constexpr HostRow kRows[] = {
    {"XPACLRI", light_call, R::kLink},   {"PACIA1716", light_call, R::kX17},
    {"PACIB1716", light_call, R::kX17},  {"AUTIA1716", light_call, R::kX17},
    {"AUTIB1716", light_call, R::kX17},  {"PACIAZ", light_call, R::kLink},
    {"PACIASP", light_call, R::kLink},   {"PACIBZ", light_call, R::kLink},
    {"PACIBSP", light_call, R::kLink},   {"AUTIAZ", light_call, R::kLink},
    {"AUTIASP", light_call, R::kLink},   {"AUTIBZ", light_call, R::kLink},
    {"AUTIBSP", light_call, R::kLink},   {"PACIA", light_call, R::kPointer},
    {"PACIB", light_call, R::kPointer},  {"PACDA", light_call, R::kPointer},
    {"PACDB", light_call, R::kPointer},  {"AUTIA", light_call, R::kPointer},
    {"AUTIB", light_call, R::kPointer},  {"AUTDA", light_call, R::kPointer},
    {"AUTDB", light_call, R::kPointer},  {"PACIZA", light_call, R::kPointer},
    {"PACIZB", light_call, R::kPointer}, {"PACDZA", light_call, R::kPointer},
    {"PACDZB", light_call, R::kPointer}, {"AUTIZA", light_call, R::kPointer},
    {"AUTIZB", light_call, R::kPointer}, {"AUTDZA", light_call, R::kPointer},
    {"AUTDZB", light_call, R::kPointer}, {"XPACI", light_call, R::kPointer},
    {"XPACD", light_call, R::kPointer},
};

}  // namespace

std::span<const HostRow> host_rows_light() { return kRows; }

}  // namespace quince::cpu::jit
