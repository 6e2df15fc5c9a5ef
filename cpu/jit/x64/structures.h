// What loads and stores of structures share.
#pragma once

#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

/// The base, and the registers one behind the other.
struct Access {
  Access(VectorCode& v, u32 insn) : f(insn), element(insn >> 10 & 3), bytes(f.q ? 16 : 8) {
    v.base(f.rn, base);
  }
  VectorFields f;
  unsigned element;  ///< log2 of its bytes
  unsigned bytes;    ///< of a register
  Emitter::Val base;
  u32 reg(unsigned n) const { return (f.rd + n) & 31; }
};

/// Post-index forms add Rm, or what was transferred.
inline void write_back(VectorCode& v, const Access& a, u32 insn, unsigned bytes) {
  if ((insn >> 23 & 1) != 0) v.add_to_base(a.f.rn, a.base, a.f.rm, bytes);
}

/// Of an instruction on one structure: it has one element (R and the lowest bit of the opcode).
constexpr bool one_element(u32 insn) { return (insn & (1u << 21 | 1u << 13)) == 0; }

}  // namespace quince::cpu::jit
