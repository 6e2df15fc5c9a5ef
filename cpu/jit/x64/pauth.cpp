// Pointer authentication (Arm ARM DDI 0487, C6.2: PACIA, AUTIA, XPAC and their like; D8.9).
//
// Codes of instruction addresses by the hash of cpu/pauth/hash.cpp are computed here, by a routine for each key that
// needs no register of the guest's. Everything else is a call of the meaning, of which it is known what it uses:
// other keys, other algorithms, keys that are not enabled, and an authentication that fails.
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/host_rows.h"
#include "cpu/jit/x64/thunks.h"
#include "cpu/pauth/hash.h"

namespace quince::cpu::jit {

using pauth::PacLayout;

using namespace Xbyak::util;

namespace {

constexpr u8 kHalfBit = 55;  ///< of a pointer: which half of the address space

int key_at(unsigned key, bool high) {
  return static_cast<int>(offsetof(CpuState, sys) + offsetof(SysRegs, apkeys) + 16 * key +
                          8 * high);
}

/// RAX = the code of R8 with the modifier in RDI: compute_pac_impdef(). RCX and RDX are overwritten.
void compute(Xbyak::CodeGenerator& x, unsigned key) {
  using pauth::ImpdefHash;
  const auto low = qword[r15 + key_at(key, false)], high = qword[r15 + key_at(key, true)];
  const auto fold = [&] {
    x.mul(rdx);
    x.xor_(rax, rdx);
  };
  x.mov(rax, r8);
  x.xor_(rax, low);
  x.mov(rcx, ImpdefHash::kData);
  x.add(rax, rcx);
  x.mov(rdx, ImpdefHash::kModifier);
  x.xor_(rdx, rdi);
  x.xor_(rdx, high);
  x.or_(rdx, 1);
  fold();
  x.mov(rdx, rdi);
  x.rol(rdx, ImpdefHash::kModifierTurn);
  x.xor_(rax, rdx);
  x.xor_(rax, r8);
  x.mov(rcx, rax);
  x.mov(rdx, high);
  x.rol(rdx, 32);
  x.xor_(rax, rdx);
  x.mov(rdx, ImpdefHash::kLast);
  x.xor_(rdx, low);
  x.or_(rdx, 1);
  fold();
  x.shr(rcx, 32);
  x.xor_(rax, rcx);
}

}  // namespace

/// RAX: a pointer, RDX: the modifier; gives RAX, and after an authentication ZF where it is good.
const u8* pauth_routine(Xbyak::CodeGenerator& x, const Shared& s, unsigned key,
                        bool authenticates) {
  const u8* const at = x.getCurr();
  const Xbyak::Reg64 saved[] = {rbx, rsi, rdi, r8};
  for (const auto& r : saved) x.push(r);
  x.mov(rsi, rax);
  x.mov(rdi, rdx);
  // The half that the pointer is of, as 0 or 1.
  if (authenticates) {
    x.mov(ecx, kHalfBit);
  } else {
    x.movzx(ecx, byte[r15 + s.at.pac + static_cast<int>(offsetof(PacLayout, half_bit))]);
  }
  x.shr(rax, cl);
  x.and_(eax, 1);
  x.mov(rbx, ptr[r15 + rax * 8 + s.at.pac + static_cast<int>(offsetof(PacLayout, extension))]);
  // R8: the pointer with its extension bits like the half.
  x.neg(rax);
  x.and_(rax, rbx);
  x.mov(r8, rbx);
  x.not_(r8);
  x.and_(r8, rsi);
  x.or_(r8, rax);
  compute(x, key);
  x.and_(rax, rbx);
  x.xor_(rax, rsi);
  // Bit 55 is the half, and no part of the code.
  x.mov(rcx, r8);
  x.xor_(rcx, rax);
  x.mov(rdx, u64{1} << kHalfBit);
  x.and_(rcx, rdx);
  x.xor_(rax, rcx);
  if (authenticates) x.cmp(rax, r8);
  for (std::size_t i = std::size(saved); i-- > 0;) x.pop(saved[i]);
  x.ret();
  return at;
}

/// An instruction that signs, authenticates or strips `rd`.
class PauthCode {
 public:
  PauthCode(Emitter& e, u32 rd) : e_(e), x_(e.x_), rd_(rd) {
    e.forget_operand(e.insn_->facts.writes);  // while a comparison with it can still be repeated
    e.clobber_flags();
  }

  bool call() {
    x_.jmp(slow().label, x_.T_NEAR);
    return finish();
  }

  /// `modifier`: a register of the guest's, kSp, or -1 for 0.
  bool code(unsigned key, bool authenticates, int modifier) {
    const int layout = e_.shared_.at.pac;
    slow().key = static_cast<s8>(key);
    x_.cmp(byte[r15 + layout + static_cast<int>(offsetof(PacLayout, usable) + key)],
           PacLayout::kUsable);
    x_.jne(stub_->label, x_.T_NEAR);
    load(rax, rd_);
    if (modifier < 0)
      x_.xor_(edx, edx);
    else
      load(rdx, static_cast<unsigned>(modifier));
    x_.call(e_.shared_.pac[2 * key + authenticates]);
    if (authenticates) x_.jne(stub_->label, x_.T_NEAR);
    store();
    return finish();
  }

  /// XPACI and XPACLRI: the bits of the code become like bit 55.
  bool strip() {
    load(rax, rd_);
    x_.mov(rcx, rax);
    x_.shr(rcx, kHalfBit);
    x_.and_(ecx, 1);
    x_.mov(
        rdx,
        ptr[r15 + rcx * 8 + e_.shared_.at.pac + static_cast<int>(offsetof(PacLayout, extension))]);
    x_.neg(rcx);
    x_.and_(rcx, rdx);
    x_.not_(rdx);
    x_.and_(rax, rdx);
    x_.or_(rax, rcx);
    store();
    return finish();
  }

 private:
  /// The call of the meaning, out of line.
  Stub& slow() {
    stub_ = &e_.stub(Stub::Kind::FaultingCall);
    stub_->site = &e_.site();
    stub_->insn = e_.insn_;
    return *stub_;
  }
  void store() {
    if (e_.hosts_[rd_] >= 0)
      x_.mov(e_.host(rd_), rax);
    else
      x_.mov(e_.guest_memory(rd_), rax);
  }
  void load(const Xbyak::Reg64& to, unsigned r) {
    if (e_.hosts_[r] >= 0)
      x_.mov(to, e_.host(r));
    else
      x_.mov(to, e_.guest_memory(r));
  }
  bool finish() {
    if (stub_ != nullptr) x_.L(stub_->back);
    for (unsigned r = 0; r < 31; ++r)
      if ((e_.insn_->facts.writes >> r & 1) != 0 && e_.hosts_[r] >= 0) e_.dirty_ |= RegSet{1} << r;
    return true;
  }

  Emitter& e_;
  Assembler& x_;
  const u32 rd_;
  Stub* stub_ = nullptr;
};

namespace {

using R = HostRow;

/// Where an instruction has its operands.
enum class Form : u8 { Register, RegisterZero, LinkSp, LinkZero, X17 };

template <unsigned Key, bool Authenticates, Form F>
bool instruction_key(Emitter& e, u32 insn) {
  const u32 rd = insn & 31, rn = insn >> 5 & 31;
  switch (F) {
    case Form::Register:
      // XZR is not where a register of that number is kept.
      if (rd == 31) return PauthCode(e, rd).call();
      return PauthCode(e, rd).code(Key, Authenticates, static_cast<int>(rn));
    case Form::RegisterZero:
      if (rd == 31) return PauthCode(e, rd).call();
      return PauthCode(e, rd).code(Key, Authenticates, -1);
    case Form::LinkSp:
      return PauthCode(e, 30).code(Key, Authenticates, static_cast<int>(kSp));
    case Form::LinkZero:
      return PauthCode(e, 30).code(Key, Authenticates, -1);
    case Form::X17:
      return PauthCode(e, 17).code(Key, Authenticates, 16);
  }
  return false;
}

bool strip_link(Emitter& e, u32) { return PauthCode(e, 30).strip(); }
bool strip_register(Emitter& e, u32 insn) {
  PauthCode code(e, insn & 31);
  return (insn & 31) == 31 ? code.call() : code.strip();
}

bool meaning(Emitter& e, u32 insn) { return PauthCode(e, insn & 31).call(); }

constexpr HostRow kRows[] = {
    {"XPACLRI", strip_link, R::kLink},
    {"PACIA1716", instruction_key<0, false, Form::X17>, R::kX17},
    {"PACIB1716", instruction_key<1, false, Form::X17>, R::kX17},
    {"AUTIA1716", instruction_key<0, true, Form::X17>, R::kX17},
    {"AUTIB1716", instruction_key<1, true, Form::X17>, R::kX17},
    {"PACIAZ", instruction_key<0, false, Form::LinkZero>, R::kLink},
    {"PACIASP", instruction_key<0, false, Form::LinkSp>, R::kLink},
    {"PACIBZ", instruction_key<1, false, Form::LinkZero>, R::kLink},
    {"PACIBSP", instruction_key<1, false, Form::LinkSp>, R::kLink},
    {"AUTIAZ", instruction_key<0, true, Form::LinkZero>, R::kLink},
    {"AUTIASP", instruction_key<0, true, Form::LinkSp>, R::kLink},
    {"AUTIBZ", instruction_key<1, true, Form::LinkZero>, R::kLink},
    {"AUTIBSP", instruction_key<1, true, Form::LinkSp>, R::kLink},
    {"PACIA", instruction_key<0, false, Form::Register>, R::kPointer},
    {"PACIB", instruction_key<1, false, Form::Register>, R::kPointer},
    {"AUTIA", instruction_key<0, true, Form::Register>, R::kPointer},
    {"AUTIB", instruction_key<1, true, Form::Register>, R::kPointer},
    {"PACIZA", instruction_key<0, false, Form::RegisterZero>, R::kPointer},
    {"PACIZB", instruction_key<1, false, Form::RegisterZero>, R::kPointer},
    {"AUTIZA", instruction_key<0, true, Form::RegisterZero>, R::kPointer},
    {"AUTIZB", instruction_key<1, true, Form::RegisterZero>, R::kPointer},
    {"PACDA", meaning, R::kPointer},
    {"PACDB", meaning, R::kPointer},
    {"AUTDA", meaning, R::kPointer},
    {"AUTDB", meaning, R::kPointer},
    {"PACDZA", meaning, R::kPointer},
    {"PACDZB", meaning, R::kPointer},
    {"AUTDZA", meaning, R::kPointer},
    {"AUTDZB", meaning, R::kPointer},
    {"XPACI", strip_register, R::kPointer},
    {"XPACD", meaning, R::kPointer},
};

}  // namespace

std::span<const HostRow> host_rows_pauth() { return kRows; }

}  // namespace quince::cpu::jit
