// Shifts and rotations (Arm ARM DDI 0487, LSLV, LSRV, ASRV, RORV and operands that are shifted).
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

/// With BMI2: the flags stay.
void Emitter::shift_by(a64::ShiftType type, bool sf, const Reg64& to, const Reg64& from,
                       const Reg64& count) {
  const auto sized = [sf](const Reg64& r) {
    return sf ? static_cast<Xbyak::Reg32e>(r) : static_cast<Xbyak::Reg32e>(r.cvt32());
  };
  switch (type) {
    case a64::ShiftType::Lsl:
      return x_.shlx(sized(to), sized(from), sized(count));
    case a64::ShiftType::Lsr:
      return x_.shrx(sized(to), sized(from), sized(count));
    default:
      return x_.sarx(sized(to), sized(from), sized(count));
  }
}

void Emitter::eval_shift(const Node& n, const Reg64& to) {
  const auto type = static_cast<a64::ShiftType>(n.n);
  const Xbyak::Reg reg = n.sf ? static_cast<Xbyak::Reg>(to) : static_cast<Xbyak::Reg>(to.cvt32());
  const Node& amount = at(n.b);
  if (amount.op == Op::Imm) {
    const int by = static_cast<int>(amount.n & (n.sf ? 63 : 31));
    const Node& a = at(n.a);
    const bool direct = a.op == Op::Reg && hosts_[a.n] >= 0 && (a.sf || !n.sf);
    if (type == a64::ShiftType::Ror) {
      if (!direct) eval(n.a, to);
      const Reg64 from = direct ? host(static_cast<unsigned>(a.n)) : to;
      if (!shared_.host.bmi2) {
        clobber_flags();
        if (from.getIdx() != to.getIdx()) x_.mov(to, from);
        x_.ror(reg, by);
        // A rotation by nothing leaves the upper half, too.
        if (!n.sf && by == 0) x_.mov(to.cvt32(), to.cvt32());
        return;
      }
      if (n.sf)
        x_.rorx(to, from, static_cast<u8>(by));
      else
        x_.rorx(to.cvt32(), from.cvt32(), static_cast<u8>(by));
      return;
    }
    eval(n.a, to);
    if (by == 0) return n.sf ? void() : x_.mov(to.cvt32(), to.cvt32());
    if (shared_.host.bmi2 && flags_would_be_saved() && has_temporary()) {
      const Reg64 count = temporary();
      x_.mov(count.cvt32(), by);
      shift_by(type, n.sf, to, to, count);
      return release(count);
    }
    clobber_flags();
    switch (type) {
      case a64::ShiftType::Lsl:
        return x_.shl(reg, by);
      case a64::ShiftType::Lsr:
        return x_.shr(reg, by);
      default:
        return x_.sar(reg, by);
    }
  }
  if (type == a64::ShiftType::Ror || !shared_.host.bmi2) {
    // By CL: everything else of the tree is done before.
    const Reg64 by = in_register(n.b);
    const bool to_is_cl = to.getIdx() == 1;
    const bool clash = to_is_cl || by.getIdx() == to.getIdx();
    const Reg64 value = clash ? temporary() : to;
    eval(n.a, value);
    clobber_flags();
    const bool save = by.getIdx() != 1 && (taken_ & 2) != 0 && value.getIdx() != 1;
    if (save) give_up();
    if (by.getIdx() != 1) x_.mov(rcx, by);
    const Xbyak::Reg sized =
        n.sf ? static_cast<Xbyak::Reg>(value) : static_cast<Xbyak::Reg>(value.cvt32());
    switch (type) {
      case a64::ShiftType::Lsl:
        x_.shl(sized, cl);
        break;
      case a64::ShiftType::Lsr:
        x_.shr(sized, cl);
        break;
      case a64::ShiftType::Asr:
        x_.sar(sized, cl);
        break;
      default:
        x_.ror(sized, cl);
        break;
    }
    if (clash) {
      x_.mov(to, value);
      release(value);
    }
    if (by.getIdx() != to.getIdx()) release(by);
    return;
  }
  const Reg64 by = in_register(n.b);
  const bool clash = by.getIdx() == to.getIdx();
  const Reg64 value = clash ? temporary() : to;
  eval(n.a, value);
  shift_by(type, n.sf, to, value, by);
  if (clash)
    release(value);
  else
    release(by);
}

}  // namespace quince::cpu::jit
