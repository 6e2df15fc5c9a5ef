// Values of an instruction's meaning while it is translated: small trees (Emitter::eval()).
#pragma once

#include "base/types.h"

namespace quince::cpu::jit {

/// A node of the Emitter's, by its number.
struct Val {
  Val() {}
  Val(u8 n) : node(n) {}
  u8 node = 0;
};

/// What a branch or a selection goes by: a condition of NZCV, or a value or one of its bits that is zero.
struct Bool {
  enum class Kind : u8 { Cond, Zero, Bit } kind = Kind::Cond;
  bool invert = false, sf = false;
  u8 n = 0;  ///< the condition, or the bit
  Val value;
};

/// An operation on one or two other nodes, or where a value comes from. `Node::n` says what of, where something is
/// noted here.
struct Node {
  enum class Op : u8 {
    Imm,     ///< the value
    Reg,     ///< a guest's register
    Host,    ///< a register of the host
    Fp,      ///< a vector register; of FlagState: a comparison of vectors
    State,   ///< an offset in CpuState
    Lane,    ///< which of Emitter::lanes()
    Pc,      ///< an offset from the page's virtual address
    Loaded,  ///< log2 of the bytes
    Add,
    Sub,
    And,
    Or,
    Xor,
    Not,
    Mul,
    Umulh,
    Smulh,
    Udiv,
    Sdiv,
    Shift,  ///< the a64::ShiftType
    Sext,   ///< bits
    Zext,   ///< bits
    Trunc,
    Clz,
    Ctz,
    Bswap,
    Rbit,
    Crc32c,  ///< bytes
    Carry,
    Nzcv,
    AddS,
    SubS,
    AdcS,
    SbcS,
    LogicS,
    Select,
  };

  Op op = Op::Imm;
  bool sf = true;
  Val a, b;
  u64 n = 0;
  Bool choice;       ///< Select
  s8 address = -1;   ///< Loaded: a host register besides RCX, or -1
  int distance = 0;  ///< Loaded: bytes behind that

  /// Of a Crc32c node's `n`, which has the bytes: CRC32, not CRC32C.
  static constexpr u64 kCrc32Ieee = 16;
};

}  // namespace quince::cpu::jit
