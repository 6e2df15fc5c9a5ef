// What a translator must know of an instruction before it writes code: found by running the
// instruction's meaning (cpu/a64/sem) over an engine that does nothing but take notes.
#pragma once

#include "cpu/a64/sem/sem.h"
#include "cpu/features.h"
#include "cpu/vcpu.h"

namespace quince::cpu::jit {

/// Registers as bits: X0 to X30, and SP as bit 31.  XZR is none of them.
using RegSet = u32;
inline constexpr unsigned kSp = 31;

/// How control leaves an instruction.
enum class Flow : u8 {
  Next,         ///< at the next instruction only
  Direct,       ///< to a constant distance
  Conditional,  ///< to a constant distance, or at the next instruction
  Indirect,     ///< to a register's value
};

struct Facts {
  RegSet reads = 0, writes = 0;
  RegSet v_reads = 0, v_writes = 0;  ///< V0 to V31
  bool reads_flags = false, writes_flags = false;
  bool memory = false;     ///< may fault
  bool undefined = false;  ///< this encoding is UNDEFINED
  Flow flow = Flow::Next;
  s64 distance = 0;           ///< in bytes
  u8 puts = 0;                ///< how often it writes a register
  u16 nodes = 0;              ///< operations of the meaning: how complicated it is
  bool unprivileged = false;  ///< an access as EL0's
  bool foreign = false;       ///< uses what a translator does not write itself
};

/// The engine that takes notes (cpu/interp/interp.h has what an engine is).
class Scout {
 public:
  struct Val {};
  struct Bool {};
  struct Vec {};
  Facts facts;

  Val imm(u64) { return {}; }
  Val get(u32 r, bool) { return read(r == 31 ? 32 : r); }
  void put(u32 r, bool, Val) { write(r == 31 ? 32 : r); }
  Val get_sp(u32 r, bool) { return read(r); }
  void put_sp(u32 r, bool, Val) { write(r); }
  Val pc() { return {}; }

  Val add(bool, Val, Val) { return op(); }
  Val sub(bool, Val, Val) { return op(); }
  Val mul(bool, Val, Val) { return op(); }
  Val and_(Val, Val) { return op(); }
  Val orr(Val, Val) { return op(); }
  Val eor(Val, Val) { return op(); }
  Val not_(bool, Val) { return op(); }
  Val umulh(Val, Val) { return op(); }
  Val smulh(Val, Val) { return op(); }
  Val udiv(bool, Val, Val) { return op(); }
  Val sdiv(bool, Val, Val) { return op(); }
  Val shift(bool, Val, a64::ShiftType, Val) { return op(); }
  Val lsl(bool, Val, unsigned) { return op(); }
  Val lsr(bool, Val, unsigned) { return op(); }
  Val asr(bool, Val, unsigned) { return op(); }
  Val ror(bool, Val, unsigned) { return op(); }
  Val sext(Val, unsigned) { return op(); }
  Val zext(Val, unsigned) { return op(); }
  Val clz(bool, Val) { return op(); }
  Val bswap64(Val) { return op(); }
  Val bswap32(Val) { return op(); }
  Val crc32(bool, Val, Val, unsigned) { return op(); }

  Val nzcv() {
    facts.reads_flags |= !facts.writes_flags;
    return op();
  }
  void set_nzcv(Val) { facts.writes_flags = true; }
  Val add_with_carry(bool, Val, Val, Val) { return flags(); }
  Val adds(bool, Val, Val) { return flags(); }
  Val subs(bool, Val, Val) { return flags(); }
  Val carry() {
    facts.reads_flags = true;
    return op();
  }
  Val logic_flags(bool, Val) { return flags(); }

  Bool cond(u32 cc) {
    facts.reads_flags |= cc < 14;
    return {};
  }
  Bool is_zero(bool, Val) { return {}; }
  Bool bit_set(Val, unsigned) { return {}; }
  Bool not_(Bool) { return {}; }
  Val select(Bool, Val, Val) { return op(); }

  void branch(s64 distance) {
    facts.flow = Flow::Direct;
    facts.distance = distance;
  }
  void branch_if(Bool, s64 distance) {
    facts.flow = Flow::Conditional;
    facts.distance = distance;
  }
  bool in_guarded_page() { return false; }
  void branch_reg(Val, unsigned) { facts.flow = Flow::Indirect; }
  void link() { write(30); }

  bool base(u32 rn, Val&) {
    read(rn);
    return true;
  }
  bool load(Val, unsigned, Val&, MemOp m = {}) { return access(m); }
  bool store(Val, unsigned, Val, MemOp m = {}) { return access(m); }
  bool load_pair(Val, unsigned, Val&, Val&) { return access({}); }
  bool store_pair(Val, unsigned, Val, Val) { return access({}); }
  bool load_v(Val, Vec&, MemOp m = {}) { return access(m); }
  bool store_v(Val, Vec, MemOp m = {}) { return access(m); }
  void fence() {}

  Vec v(u32 r) {
    facts.v_reads |= RegSet{1} << r;
    return {};
  }
  void put_v(u32 r, Vec) { facts.v_writes |= RegSet{1} << r; }
  Val get_fp(u32 r) {
    facts.v_reads |= RegSet{1} << r;
    return {};
  }
  void put_fp(u32 r, Val) { facts.v_writes |= RegSet{1} << r; }

  void undefined() { facts.undefined = true; }
  bool has(Feature) { return true; }

 private:
  Val read(u32 r) {
    if (r < 32) facts.reads |= RegSet{1} << r;
    return {};
  }
  void write(u32 r) {
    ++facts.puts;
    if (r < 32) facts.writes |= RegSet{1} << r;
  }
  Val op() {
    ++facts.nodes;
    return {};
  }
  Val flags() {
    facts.writes_flags = true;
    return op();
  }
  bool access(MemOp m) {
    facts.memory = true;
    facts.foreign |= m.aligned || m.atomic;
    facts.unprivileged |= m.unprivileged;
    return true;
  }
};

}  // namespace quince::cpu::jit
