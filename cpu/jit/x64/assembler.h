// The assembler that translated code is written with: xbyak, with the instruction forms that are nearly all of it
// written here, and labels that need no memory.  The bytes are the same; that they are is what
// tests/unit/cpu/jit/assembler_test.cpp is for (Intel SDM, volume 2, chapter 2 and the instructions' pages).
//
// A call with other operands than those here is xbyak's, by overloading.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/types.h"

// The assembler's headers have their own opinions about conversions.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#define XBYAK_NO_EXCEPTION
#include <xbyak/xbyak.h>
#include <xbyak/xbyak_util.h>
#pragma GCC diagnostic pop

namespace quince::cpu::jit {

/// A place in memory: [base + index * 2^scale + distance].
struct Mem {
  u16 bits = 0;  ///< of the operand; 0: the other operand says
  s8 base = -1;
  s8 index = -1;  ///< -1: none
  u8 scale = 0;   ///< log2
  s32 distance = 0;

  operator Xbyak::RegExp() const {
    const Xbyak::RegExp at = Xbyak::Reg64(base);
    const auto near = static_cast<std::size_t>(static_cast<s64>(distance));
    return index < 0 ? at + near : at + Xbyak::RegExp(Xbyak::Reg64(index), 1 << scale) + near;
  }
  operator Xbyak::Address() const { return Xbyak::AddressFrame(bits)[Xbyak::RegExp(*this)]; }
};

/// What is added to a base.
struct Scaled {
  s8 index;
  u8 scale;
};

inline Scaled operator*(const Xbyak::Reg64& r, int by) {
  return {static_cast<s8>(r.getIdx()), static_cast<u8>(by == 8 ? 3 : by >> 1)};
}
inline Mem operator+(const Xbyak::Reg64& base, int distance) {
  return {.base = static_cast<s8>(base.getIdx()), .distance = distance};
}
inline Mem operator-(const Xbyak::Reg64& base, int distance) { return base + -distance; }
inline Mem operator+(const Xbyak::Reg64& base, const Scaled& s) {
  return {.base = static_cast<s8>(base.getIdx()), .index = s.index, .scale = s.scale};
}
/// RSP cannot be an index.
inline Mem operator+(const Xbyak::Reg64& base, const Xbyak::Reg64& index) {
  return index.getIdx() == Xbyak::Operand::RSP ? index + Scaled{static_cast<s8>(base.getIdx()), 0}
                                               : base + Scaled{static_cast<s8>(index.getIdx()), 0};
}
inline Mem operator+(Mem m, int distance) {
  m.distance += distance;
  return m;
}
inline Mem operator-(Mem m, int distance) { return m + -distance; }

/// Gives a place its size: dword[rax + 4].
struct MemFrame {
  u16 bits;
  Mem operator[](Mem m) const {
    m.bits = bits;
    return m;
  }
  Mem operator[](const Xbyak::Reg64& base) const { return (*this)[base + 0]; }
  Xbyak::Address operator[](const Xbyak::RegRip& rip) const {
    return Xbyak::AddressFrame(bits)[rip];
  }
};
inline constexpr MemFrame ptr{0}, byte{8}, dword{32}, qword{64}, xword{128};

/// A place in the code that jumps lead to. While it is not known where that is, the fields of those jumps are a list.
class Label {
  friend class Assembler;
  s32 at_ = -1;     ///< from the start of the code; -1: not known yet
  s32 near_ = -1;   ///< the last field of 4 bytes that waits; it has where the one before is
  s32 short_ = -1;  ///< likewise of 1 byte; it has how far the one before is, or 0
};

class Assembler : public Xbyak::CodeGenerator {
 public:
  using Reg = Xbyak::Reg;

  Assembler(std::size_t room, u8* at) : CodeGenerator(room, at) {}

  /// From the start again, elsewhere. No label of xbyak's is in use.
  void restart(u8* at, std::size_t room) {
    size_ = 0;
    top_ = at;
    maxSize_ = room;
    waiting_ = 0;
  }
  /// Forgets what is behind `size` bytes, where there is no label and no jump.
  void take_back(std::size_t size) { size_ = size; }
  /// Jumps lead to a label that is nowhere.
  bool incomplete() const { return waiting_ != 0; }

  // ---- Moves

  using CodeGenerator::mov;
  void mov(const Reg& to, const Reg& from) { op_rr(0x88, from, to); }
  void mov(const Reg& to, const Mem& from) { op_rm(0x8a, to, from); }
  void mov(const Mem& to, const Reg& from) { op_rm(0x88, from, to); }
  void mov(const Reg& to, u64 n);
  void mov(const Mem& to, u64 n);
  using CodeGenerator::lea;
  void lea(const Reg& to, const Mem& m) {
    put([&](u8* p) { return mem(opcode(p, bits_of(to), to.getIdx(), m, 0x8d), to.getIdx(), m); });
  }
  using CodeGenerator::movzx;
  void movzx(const Reg& to, const Reg& from) { extend(0xb6, to, from); }
  void movzx(const Reg& to, const Mem& from) { extend(0xb6, to, from); }
  using CodeGenerator::movsx;
  void movsx(const Reg& to, const Reg& from) { extend(0xbe, to, from); }
  void movsx(const Reg& to, const Mem& from) { extend(0xbe, to, from); }
  using CodeGenerator::movsxd;
  void movsxd(const Xbyak::Reg64& to, const Xbyak::Reg32& from) {
    put([&](u8* p) { return modrm(opcode(p, 64, to.getIdx(), from.getIdx(), 0x63), to, from); });
  }
  void movsxd(const Xbyak::Reg64& to, const Mem& from) {
    put([&](u8* p) { return mem(opcode(p, 64, to.getIdx(), from, 0x63), to.getIdx(), from); });
  }

  // ---- Moves of vectors

  // Those of xmm16 to xmm31 have AVX-512's encodings, and are xbyak's.
#define QUINCE_X64_VMOV(name, prefix, from_memory, to_prefix, to_memory) \
  using CodeGenerator::name;                                             \
  void name(const Xbyak::Xmm& to, const Mem& m) {                        \
    to.getIdx() < 16 ? vex(prefix, from_memory, to, m)                   \
                     : CodeGenerator::name(to, Xbyak::Address(m));       \
  }                                                                      \
  void name(const Mem& m, const Xbyak::Xmm& from) {                      \
    from.getIdx() < 16 ? vex(to_prefix, to_memory, from, m)              \
                       : CodeGenerator::name(Xbyak::Address(m), from);   \
  }
  QUINCE_X64_VMOV(vmovdqa, 1, 0x6f, 1, 0x7f)
  QUINCE_X64_VMOV(vmovdqu, 2, 0x6f, 2, 0x7f)
  QUINCE_X64_VMOV(vmovq, 2, 0x7e, 1, 0xd6)
  QUINCE_X64_VMOV(vmovd, 1, 0x6e, 1, 0x7e)
#undef QUINCE_X64_VMOV

  // ---- Arithmetic and logic: the numbers are bits 5:3 of their opcodes

#define QUINCE_X64_ALU(name, number)                                     \
  using CodeGenerator::name;                                             \
  void name(const Reg& a, const Reg& b) { op_rr(8 * number, b, a); }     \
  void name(const Reg& a, const Mem& b) { op_rm(8 * number + 2, a, b); } \
  void name(const Mem& a, const Reg& b) { op_rm(8 * number, b, a); }     \
  void name(const Reg& a, u32 n) { op_imm(number, a, n); }               \
  void name(const Mem& a, u32 n) { op_imm(number, a, n); }
  QUINCE_X64_ALU(add, 0)
  QUINCE_X64_ALU(or_, 1)
  QUINCE_X64_ALU(adc, 2)
  QUINCE_X64_ALU(sbb, 3)
  QUINCE_X64_ALU(and_, 4)
  QUINCE_X64_ALU(sub, 5)
  QUINCE_X64_ALU(xor_, 6)
  QUINCE_X64_ALU(cmp, 7)
#undef QUINCE_X64_ALU
  using CodeGenerator::test;
  void test(const Reg& a, const Reg& b) { op_rr(0x84, b, a); }
  void test(const Mem& a, const Reg& b) { op_rm(0x84, b, a); }
  void test(const Reg& a, u32 n);
  void test(const Mem& a, u32 n) {
    put([&](u8* p) {
      return immediate(mem(opcode(p, a.bits, 0, a, a.bits == 8 ? 0xf6 : 0xf7), 0, a), a.bits, n);
    });
  }
  using CodeGenerator::imul;
  void imul(const Reg& to, const Reg& by) {
    put([&](u8* p) {
      return modrm(two_byte(p, bits_of(to), to.getIdx(), by.getIdx(), 0xaf), to, by);
    });
  }

  // ---- Shifts by a number

#define QUINCE_X64_SHIFT(name, number) \
  using CodeGenerator::name;           \
  void name(const Reg& r, int by) { shift(number, r, by); }
  QUINCE_X64_SHIFT(ror, 1)
  QUINCE_X64_SHIFT(shl, 4)
  QUINCE_X64_SHIFT(shr, 5)
  QUINCE_X64_SHIFT(sar, 7)
#undef QUINCE_X64_SHIFT
  using CodeGenerator::rorx;
  void rorx(const Xbyak::Reg32e& to, const Xbyak::Reg32e& from, u8 by);
  using CodeGenerator::bextr;
  void bextr(const Xbyak::Reg32e& to, const Xbyak::Reg32e& from, const Xbyak::Reg32e& which);
  using CodeGenerator::pext;
  void pext(const Xbyak::Reg32e& to, const Xbyak::Reg32e& from, const Mem& mask) {
    bits_by_mask(2, to, from, mask);
  }
  using CodeGenerator::pdep;
  void pdep(const Xbyak::Reg32e& to, const Xbyak::Reg32e& from, const Mem& mask) {
    bits_by_mask(3, to, from, mask);
  }

  // ---- Jumps

  void L(Label& label);
  using CodeGenerator::jmp;
  using CodeGenerator::L;
  void jmp(Label& label, LabelType type = T_AUTO) { jump(kAlways, label, type); }
  void jmp(const u8* to, LabelType = T_NEAR) { absolute(0xe9, to); }
  void jmp(const Mem& m) {
    put([&](u8* p) { return mem(opcode(p, 32, 4, m, 0xff), 4, m); });
  }
  using CodeGenerator::call;
  void call(Label& label) { jump(kCall, label, T_NEAR); }
  void call(const u8* to) { absolute(0xe8, to); }
  /// By the number of the condition (volume 2, appendix B.1.4).
  void jcc(unsigned condition, Label& label, LabelType type = T_AUTO) {
    jump(condition, label, type);
  }
  void jcc(unsigned condition, const u8* to) {
    put([&](u8* p) {
      *p++ = 0x0f;
      *p = static_cast<u8>(0x80 | condition);
      return number(p + 1, static_cast<s32>(to - (p + 5)));
    });
  }

#define QUINCE_X64_JUMP(name, condition) \
  using CodeGenerator::name;             \
  void name(Label& label, LabelType type = T_AUTO) { jump(condition, label, type); }
  QUINCE_X64_JUMP(jo, 0)
  QUINCE_X64_JUMP(jno, 1)
  QUINCE_X64_JUMP(jb, 2)
  QUINCE_X64_JUMP(jc, 2)
  QUINCE_X64_JUMP(jae, 3)
  QUINCE_X64_JUMP(jnc, 3)
  QUINCE_X64_JUMP(je, 4)
  QUINCE_X64_JUMP(jz, 4)
  QUINCE_X64_JUMP(jne, 5)
  QUINCE_X64_JUMP(jnz, 5)
  QUINCE_X64_JUMP(jbe, 6)
  QUINCE_X64_JUMP(ja, 7)
  QUINCE_X64_JUMP(js, 8)
  QUINCE_X64_JUMP(jns, 9)
  QUINCE_X64_JUMP(jp, 10)
  QUINCE_X64_JUMP(jnp, 11)
  QUINCE_X64_JUMP(jl, 12)
  QUINCE_X64_JUMP(jge, 13)
  QUINCE_X64_JUMP(jle, 14)
  QUINCE_X64_JUMP(jg, 15)
#undef QUINCE_X64_JUMP
  using CodeGenerator::jrcxz;
  /// Not far.
  void jrcxz(Label& label) { jump(kRcxz, label, T_SHORT); }

 private:
  static constexpr std::size_t kLongest = 16;  // no instruction is longer
  static constexpr unsigned kAlways = 16, kCall = 17, kRcxz = 18;

  /// Writes one instruction, at the pointer that `write` gets; it returns the one behind.
  template <class Write>
  void put(Write write) {
    if (maxSize_ - size_ < kLongest) [[unlikely]] {
      Xbyak::local::SetError(Xbyak::ERR_CODE_IS_TOO_BIG);
      return;
    }
    u8* const p = top_ + size_;
    size_ += static_cast<std::size_t>(write(p) - p);
  }
  template <class T>
  static u8* number(u8* p, T n) {
    std::memcpy(p, &n, sizeof n);
    return p + sizeof n;
  }
  static int bits_of(const Reg& r) { return static_cast<int>(r.getBit()); }
  static bool is_byte(u32 n) { return n + 128 < 256; }
  static bool is_byte(s32 n) { return is_byte(static_cast<u32>(n)); }

  /// Prefixes. `reg`, `index` and `base` are the registers of ModRM and SIB; `always`: a REX even if it says nothing,
  /// for the low bytes of RSP to RDI.
  static u8* prefixes(u8* p, int bits, int reg, int index, int base, bool always) {
    if (bits == 16) *p++ = 0x66;
    const int rex = (bits == 64 ? 8 : 0) | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
    *p = static_cast<u8>(0x40 | rex);
    return p + (rex != 0 || always);
  }
  static int index_of(const Mem& m) { return m.index < 0 ? 0 : m.index; }
  static u8* opcode(u8* p, int bits, int reg, int rm, int op, bool always = false) {
    p = prefixes(p, bits, reg, 0, rm, always);
    *p++ = static_cast<u8>(op);
    return p;
  }
  static u8* opcode(u8* p, int bits, int reg, const Mem& m, int op, bool always = false) {
    p = prefixes(p, bits, reg, index_of(m), m.base, always);
    *p++ = static_cast<u8>(op);
    return p;
  }
  /// Opcodes that begin with 0F.
  template <class Rm>
  static u8* two_byte(u8* p, int bits, int reg, const Rm& rm, int op, bool always = false) {
    p = opcode(p, bits, reg, rm, 0x0f, always);
    *p++ = static_cast<u8>(op);
    return p;
  }
  static u8* modrm(u8* p, int reg, int rm) {
    *p++ = static_cast<u8>(0xc0 | (reg & 7) << 3 | (rm & 7));
    return p;
  }
  static u8* modrm(u8* p, const Reg& reg, const Reg& rm) {
    return modrm(p, reg.getIdx(), rm.getIdx());
  }
  /// ModRM, SIB and the distance. RBP and R13 have one always; RSP and R12 have a SIB.
  /// Writes more than it is: what comes next is over it (kLongest has room).
  static u8* mem(u8* p, int reg, const Mem& m) {
    const int base = m.base & 7;
    const int mod = m.distance == 0 && base != 5 ? 0 : is_byte(m.distance) ? 1 : 2;
    const bool sib = m.index >= 0 || base == 4;
    *p++ = static_cast<u8>(mod << 6 | (reg & 7) << 3 | (sib ? 4 : base));
    *p = static_cast<u8>(m.scale << 6 | (m.index < 0 ? 4 : m.index & 7) << 3 | base);
    p += sib;
    number(p, m.distance);
    return p + mod * mod;
  }
  /// VEX.L0 with an opcode of general registers. `map`: 2 for 0F38, 3 for 0F3A; `prefix`: 2 for F3, 3 for F2.
  template <class Rm>
  static u8* vex(u8* p, int map, int prefix, int bits, int reg, int second, const Rm& rm, int op) {
    *p++ = 0xc4;
    *p++ = static_cast<u8>((reg < 8 ? 0x80 : 0) | not_high(rm) | map);
    *p++ = static_cast<u8>((bits == 64 ? 0x80 : 0) | (~second & 15) << 3 | prefix);
    *p++ = static_cast<u8>(op);
    return p;
  }
  /// The bits X and B of a VEX prefix of three bytes.
  static int not_high(int rm) { return 0x40 | (rm < 8 ? 0x20 : 0); }
  static int not_high(const Mem& m) { return (m.index < 8 ? 0x40 : 0) | (m.base < 8 ? 0x20 : 0); }
  void bits_by_mask(int prefix, const Xbyak::Reg32e& to, const Xbyak::Reg32e& from,
                    const Mem& mask);
  /// VEX.128.0F.W0, of two bytes where that does. `prefix`: 1 for 66, 2 for F3.
  void vex(int prefix, int op, const Xbyak::Xmm& x, const Mem& m) {
    put([&](u8* p) {
      const int r = x.getIdx(), reg = r < 8 ? 0x80 : 0;
      const int rest = 0x78 | prefix;  // vvvv = 1111, L = 0
      if (m.base < 8 && m.index < 8) {
        *p++ = 0xc5;
        *p++ = static_cast<u8>(reg | rest);
      } else {
        *p++ = 0xc4;
        *p++ = static_cast<u8>(reg | not_high(m) | 1);
        *p++ = static_cast<u8>(rest);
      }
      *p++ = static_cast<u8>(op);
      return mem(p, r, m);
    });
  }
  static bool low_byte(const Reg& r) { return bits_of(r) == 8 && r.getIdx() >= 4; }

  /// `op`: that of bytes; one more for other sizes.
  void op_rr(int op, const Reg& reg, const Reg& rm) {
    const int bits = bits_of(reg);
    put([&](u8* p) {
      p = opcode(p, bits, reg.getIdx(), rm.getIdx(), op | (bits != 8),
                 low_byte(reg) || low_byte(rm));
      return modrm(p, reg, rm);
    });
  }
  void op_rm(int op, const Reg& reg, const Mem& m) {
    const int bits = bits_of(reg);
    put([&](u8* p) {
      return mem(opcode(p, bits, reg.getIdx(), m, op | (bits != 8), low_byte(reg)), reg.getIdx(),
                 m);
    });
  }
  void extend(int op, const Reg& to, const Reg& from) {
    put([&](u8* p) {
      return modrm(two_byte(p, bits_of(to), to.getIdx(), from.getIdx(), op | (bits_of(from) == 16),
                            low_byte(from)),
                   to, from);
    });
  }
  void extend(int op, const Reg& to, const Mem& from) {
    put([&](u8* p) {
      return mem(two_byte(p, bits_of(to), to.getIdx(), from, op | (from.bits == 16)), to.getIdx(),
                 from);
    });
  }
  static u8* immediate(u8* p, int bits, u32 n) {
    if (bits == 8) return number(p, static_cast<u8>(n));
    return bits == 16 ? number(p, static_cast<u16>(n)) : number(p, n);
  }
  void op_imm(int alu, const Reg& r, u32 n);
  void op_imm(int alu, const Mem& m, u32 n);
  void shift(int kind, const Reg& r, int by);
  void jump(unsigned condition, Label& label, LabelType type);
  void absolute(int op, const u8* to) {
    put([&](u8* p) {
      *p = static_cast<u8>(op);
      return number(p + 1, static_cast<s32>(to - (p + 5)));
    });
  }

  unsigned waiting_ = 0;  ///< labels that jumps lead to and that are nowhere yet
};

}  // namespace quince::cpu::jit
