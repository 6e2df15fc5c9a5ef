#include "cpu/jit/x64/assembler.h"

namespace quince::cpu::jit {

void Assembler::mov(const Reg& to, u64 n) {
  const int r = to.getIdx(), bits = bits_of(to);
  put([&](u8* p) {
    if (bits == 8 || bits == 16) {
      p = opcode(p, bits, 0, r, (bits == 8 ? 0xb0 : 0xb8) | (r & 7), low_byte(to));
      return immediate(p, bits, static_cast<u32>(n));
    }
    if (bits == 32 || n <= 0xffff'ffff)
      return number(opcode(p, 32, 0, r, 0xb8 | (r & 7)), static_cast<u32>(n));
    if (static_cast<s64>(n) == static_cast<s32>(n))
      return number(modrm(opcode(p, 64, 0, r, 0xc7), 0, r), static_cast<u32>(n));
    return number(opcode(p, 64, 0, r, 0xb8 | (r & 7)), n);
  });
}

void Assembler::mov(const Mem& to, u64 n) {
  const int bits = to.bits;
  put([&](u8* p) {
    p = mem(opcode(p, bits, 0, to, bits == 8 ? 0xc6 : 0xc7), 0, to);
    return immediate(p, bits, static_cast<u32>(n));
  });
}

void Assembler::test(const Reg& a, u32 n) {
  const int r = a.getIdx(), bits = bits_of(a), wide = bits != 8;
  put([&](u8* p) {
    if (r == 0) return immediate(opcode(p, bits, 0, 0, 0xa8 | wide), bits, n);
    return immediate(modrm(opcode(p, bits, 0, r, 0xf6 | wide, low_byte(a)), 0, r), bits, n);
  });
}

void Assembler::op_imm(int alu, const Reg& a, u32 n) {
  const int r = a.getIdx(), bits = bits_of(a);
  const bool is_short = bits == 8 || is_byte(n);
  put([&](u8* p) {
    if (r == 0 && (bits == 8 || !is_short))  // AL and its like have a form of their own
      return immediate(opcode(p, bits, 0, 0, 8 * alu | 4 | (bits != 8)), bits, n);
    const int op = bits == 8 ? 0x80 : is_short ? 0x83 : 0x81;
    p = modrm(opcode(p, bits, 0, r, op, low_byte(a)), alu, r);
    return immediate(p, is_short ? 8 : bits, n);
  });
}

void Assembler::op_imm(int alu, const Mem& m, u32 n) {
  const bool is_short = m.bits == 8 || is_byte(n);
  put([&](u8* p) {
    const int op = m.bits == 8 ? 0x80 : is_short ? 0x83 : 0x81;
    return immediate(mem(opcode(p, m.bits, 0, m, op), alu, m), is_short ? 8 : m.bits, n);
  });
}

void Assembler::shift(int kind, const Reg& r, int by) {
  const int bits = bits_of(r), op = (by == 1 ? 0xd0 : 0xc0) | (bits != 8);
  put([&](u8* p) {
    p = modrm(opcode(p, bits, 0, r.getIdx(), op, low_byte(r)), kind, r.getIdx());
    if (by != 1) *p++ = static_cast<u8>(by);
    return p;
  });
}

/// VEX.LZ.F2.0F3A F0 /r ib.
void Assembler::rorx(const Xbyak::Reg32e& to, const Xbyak::Reg32e& from, u8 by) {
  put([&](u8* p) {
    p = modrm(vex(p, 3, 3, bits_of(to), to.getIdx(), 0, from.getIdx(), 0xf0), to, from);
    *p++ = by;
    return p;
  });
}

/// VEX.LZ.NP.0F38 F7 /r.
void Assembler::bextr(const Xbyak::Reg32e& to, const Xbyak::Reg32e& from,
                      const Xbyak::Reg32e& which) {
  put([&](u8* p) {
    return modrm(vex(p, 2, 0, bits_of(to), to.getIdx(), which.getIdx(), from.getIdx(), 0xf7), to,
                 from);
  });
}

/// VEX.LZ.F3.0F38 F5 /r, and VEX.LZ.F2.0F38 F5 /r.
void Assembler::bits_by_mask(int prefix, const Xbyak::Reg32e& to, const Xbyak::Reg32e& from,
                             const Mem& mask) {
  put([&](u8* p) {
    p = vex(p, 2, prefix, bits_of(to), to.getIdx(), from.getIdx(), mask, 0xf5);
    return mem(p, to.getIdx(), mask);
  });
}

void Assembler::L(Label& label) {
  label.at_ = static_cast<s32>(size_);
  if (label.near_ < 0 && label.short_ < 0) return;
  --waiting_;
  for (s32 place = label.near_; place >= 0;) {
    s32 before = 0;
    std::memcpy(&before, top_ + place, sizeof before);
    number(top_ + place, label.at_ - (place + 4));
    place = before;
  }
  for (s32 place = label.short_; place >= 0;) {
    const u8 back = top_[place];
    const s32 distance = label.at_ - (place + 1);
    if (!is_byte(distance)) Xbyak::local::SetError(Xbyak::ERR_LABEL_IS_TOO_FAR);
    top_[place] = static_cast<u8>(distance);
    place = back == 0 ? -1 : place - back;
  }
}

void Assembler::jump(unsigned condition, Label& label, LabelType type) {
  put([&](u8* const start) {
    u8* p = start;
    const bool known = label.at_ >= 0, near_only = type == T_NEAR;
    const s32 here = static_cast<s32>(size_);
    if (!near_only && (!known || is_byte(label.at_ - (here + 2)))) {
      *p++ = static_cast<u8>(condition == kAlways ? 0xeb
                             : condition == kRcxz ? 0xe3
                                                  : 0x70 | condition);
      if (known) {
        *p++ = static_cast<u8>(label.at_ - (here + 2));
        return p;
      }
      if (label.near_ < 0 && label.short_ < 0) ++waiting_;
      const s32 back = label.short_ < 0 ? 0 : here + 1 - label.short_;
      if (back > 255) Xbyak::local::SetError(Xbyak::ERR_LABEL_IS_TOO_FAR);
      label.short_ = here + 1;
      *p++ = static_cast<u8>(back);
      return p;
    }
    if (condition < kAlways) *p++ = 0x0f;
    *p++ = static_cast<u8>(condition == kCall     ? 0xe8
                           : condition == kAlways ? 0xe9
                                                  : 0x80 | condition);
    const s32 field = here + static_cast<s32>(p - start);
    if (known) return number(p, label.at_ - (field + 4));
    if (label.near_ < 0 && label.short_ < 0) ++waiting_;
    p = number(p, label.near_);
    label.near_ = field;
    return p;
  });
}

}  // namespace quince::cpu::jit
