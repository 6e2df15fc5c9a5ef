// What a translator must know of an instruction before it writes code: found by running the
// instruction's meaning (cpu/a64/sem) over an engine that does nothing but take notes.
#pragma once

#include <bit>
#include <utility>

#include "cpu/a64/sem/sem.h"
#include "cpu/features.h"
#include "cpu/vcpu.h"

namespace quince::cpu::jit {

/// Registers as bits: X0 to X30, and SP as bit 31.  XZR is none of them.
using RegSet = u32;
inline constexpr unsigned kSp = 31;

/// Calls `f` with the number of each, the lowest first.
template <class F>
void for_each(RegSet set, F f) {
  for (; set != 0; set &= set - 1) f(static_cast<unsigned>(std::countr_zero(set)));
}

/// How control leaves an instruction.
enum class Flow : u8 {
  Next,         ///< at the next instruction only
  Direct,       ///< to a constant distance
  Conditional,  ///< to a constant distance, or at the next instruction
  Indirect,     ///< to a register's value
};

/// Memory that an instruction reads or writes at a constant distance from a register as it finds it, or from the sum of
/// two.
struct NearAccess {
  static constexpr u8 kNone = 0xff;
  u8 base = kNone;   ///< the register: 31 is SP
  u8 index = kNone;  ///< the one that is added
  /// What of it: kWhole, kUnsigned or kSigned (its low 32 bits, extended), and how far it is shifted, from bit 2.
  u8 form = 0;
  enum Form : u8 { kWhole, kUnsigned, kSigned };
  bool write = false;
  s32 distance = 0;  ///< bytes
  u16 bytes = 0;     ///< all that it accesses, one behind the other
  u8 accesses = 1;   ///< looks at the TLB for that
};

/// A register that an instruction writes, being another, or itself, and a constant.
struct Moved {
  static constexpr u8 kNone = 0xff;
  u8 to = kNone, from = 0;
  s32 by = 0;
};

struct Facts {
  RegSet reads = 0, writes = 0;
  RegSet v_reads = 0, v_writes = 0;  ///< V0 to V31
  s32 distance = 0;                  ///< of a branch, in bytes
  u16 nodes = 0;                     ///< operations of the meaning: how complicated it is
  u8 puts = 0;                       ///< how often it writes a register
  Flow flow = Flow::Next;
  bool reads_flags = false, writes_flags = false;
  bool memory = false;        ///< may fault
  bool undefined = false;     ///< this encoding is UNDEFINED
  bool unprivileged = false;  ///< an access as EL0's
  bool foreign = false;       ///< uses what a translator does not write itself
  NearAccess near;
  Moved moved;
};

/// The engine that takes notes (cpu/interp/interp.h has what an engine is).
class Scout {
 public:
  /// What is known of a value: a register and a distance from it, a number, 32 bits of a register, extended and
  /// shifted (NearAccess::form), or the sum of a register and one in such a form.
  struct Val {
    enum class Kind : u8 { Any, Number, Register, Index, Sum } kind = Kind::Any;
    u8 r = 0;
    s64 n = 0;
    u8 index = 0, form = 0;
  };
  struct Bool {};
  struct Vec {};
  Facts& facts;

  explicit Scout(Facts& notes) : facts(notes) {}

  Val imm(u64 n) { return {Val::Kind::Number, 0, static_cast<s64>(n)}; }
  Val get(u32 r, bool sf) { return r == 31 ? imm(0) : get_sp(r, sf); }
  void put(u32 r, bool sf, Val v) { write(r == 31 ? 32 : r, sf, v); }
  Val get_sp(u32 r, bool sf) {
    read(r);
    const auto number = static_cast<u8>(r);
    return sf ? Val{Val::Kind::Register, number, 0}
              : Val{Val::Kind::Index, 0, 0, number, NearAccess::kUnsigned};
  }
  void put_sp(u32 r, bool sf, Val v) { write(r, sf, v); }
  Val pc() { return {}; }

  Val add(bool sf, Val a, Val b) {
    ++facts.nodes;
    if (a.kind == Val::Kind::Number) std::swap(a, b);
    if (sf && a.kind == Val::Kind::Register && b.kind == Val::Kind::Index)
      return {Val::Kind::Sum, a.r, a.n, b.index, b.form};
    return sf && b.kind == Val::Kind::Number ? moved(a, b.n) : Val{};
  }
  Val sub(bool sf, Val a, Val b) {
    ++facts.nodes;
    return sf && b.kind == Val::Kind::Number ? moved(a, -b.n) : Val{};
  }
  Val mul(bool, Val, Val) { return op(); }
  Val and_(Val, Val) { return op(); }
  Val orr(Val a, Val b) {
    ++facts.nodes;
    return a.kind == Val::Kind::Number && a.n == 0 ? b : Val{};  // MOV
  }
  Val eor(Val, Val) { return op(); }
  Val not_(bool, Val) { return op(); }
  Val umulh(Val, Val) { return op(); }
  Val smulh(Val, Val) { return op(); }
  Val udiv(bool, Val, Val) { return op(); }
  Val sdiv(bool, Val, Val) { return op(); }
  Val shift(bool, Val, a64::ShiftType, Val) { return op(); }
  Val lsl(bool sf, Val v, unsigned by) {
    ++facts.nodes;
    const u8 shift = static_cast<u8>(by << 2);
    if (sf && v.kind == Val::Kind::Register && v.n == 0)
      return {Val::Kind::Index, 0, 0, v.r, static_cast<u8>(NearAccess::kWhole | shift)};
    if (!sf || v.kind != Val::Kind::Index || v.form >= 4) return {};
    v.form |= shift;
    return v;
  }
  Val lsr(bool, Val, unsigned) { return op(); }
  Val asr(bool, Val, unsigned) { return op(); }
  Val ror(bool, Val, unsigned) { return op(); }
  Val sext(Val v, unsigned bits) {
    ++facts.nodes;
    if (v.kind != Val::Kind::Index || v.form != NearAccess::kUnsigned || bits != 32) return {};
    v.form = NearAccess::kSigned;
    return v;
  }
  Val zext(Val, unsigned) { return op(); }
  Val clz(bool, Val) { return op(); }
  Val bswap64(Val) { return op(); }
  Val bswap32(Val) { return op(); }
  Val rbit(bool, Val) { return op(); }
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
    facts.distance = static_cast<s32>(distance);
  }
  void branch_if(Bool, s64 distance) {
    facts.flow = Flow::Conditional;
    facts.distance = static_cast<s32>(distance);
  }
  bool in_guarded_page() { return false; }
  void branch_reg(Val, unsigned) { facts.flow = Flow::Indirect; }
  void link() { write(30, true, {}); }

  bool base(u32 rn, Val& out) {
    out = get_sp(rn, true);
    return true;
  }
  bool load(Val va, unsigned log2, Val&, MemOp m = {}) { return access(va, 1u << log2, false, m); }
  bool store(Val va, unsigned log2, Val, MemOp m = {}) { return access(va, 1u << log2, true, m); }
  bool load_pair(Val va, unsigned log2, Val&, Val&) { return access(va, 2u << log2, false, {}); }
  bool store_pair(Val va, unsigned log2, Val, Val) { return access(va, 2u << log2, true, {}); }
  bool load_v(Val va, Vec&, MemOp m = {}) { return access(va, 16, false, m); }
  bool store_v(Val va, Vec, MemOp m = {}) { return access(va, 16, true, m); }
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
  void write(u32 r, bool sf, Val v) {
    ++facts.puts;
    if (r >= 32) return;
    facts.writes |= RegSet{1} << r;
    if (facts.moved.to == r) facts.moved = {};
    if (sf && v.kind == Val::Kind::Register)
      facts.moved = {static_cast<u8>(r), v.r, static_cast<s32>(v.n)};
  }
  Val op() {
    ++facts.nodes;
    return {};
  }
  Val flags() {
    facts.writes_flags = true;
    return op();
  }
  static Val moved(Val v, s64 by) {
    constexpr s64 kFar = 1 << 30;
    v.n += by;
    if (v.kind == Val::Kind::Register && (v.n < -kFar || v.n > kFar)) return {};
    return v;
  }
  bool access(Val va, unsigned bytes, bool write, MemOp m) {
    facts.memory = true;
    facts.foreign |= m.aligned || m.atomic;
    facts.unprivileged |= m.unprivileged;
    const bool sum = va.kind == Val::Kind::Sum;
    if ((va.kind != Val::Kind::Register && !sum) || m.unprivileged || m.ordered) return true;
    NearAccess& near = facts.near;
    if (near.base == NearAccess::kNone) {
      near = {.base = va.r,
              .index = sum ? va.index : NearAccess::kNone,
              .form = va.form,
              .write = write,
              .distance = static_cast<s32>(va.n),
              .bytes = static_cast<u16>(bytes)};
    } else {  // the second register of a pair
      near.bytes = static_cast<u16>(near.bytes + bytes);
      ++near.accesses;
    }
    return true;
  }
};

}  // namespace quince::cpu::jit
