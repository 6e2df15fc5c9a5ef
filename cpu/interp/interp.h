// The interpreter's face to the instruction semantics (cpu/a64/sem): the engine concept.
//
// A meaning is a function template over an engine E.  E::Val is a value (a u64 here, an SSA value
// in a translator) and E::Bool a run-time truth, so C++ `if` may look at decoded fields only; a choice on a
// run-time value goes through select() or branch_if().  `sf` is true for 64-bit forms; 32-bit
// results are zero-extended.  Where a function returns plain bool it means "go on": on false an
// exception was taken and the meaning must return at once (a translator always returns true).
//
// Rows of "helper" groups (system, SIMD, FP, crypto) are ordinary functions on Vcpu instead, which
// every engine calls.
#pragma once

#include <bit>

#include "cpu/a64/sem/crc32.h"
#include "cpu/a64/sem/sem.h"
#include "cpu/host_atomic.h"
#include "cpu/vcpu.h"

namespace quince::cpu {

using a64::ShiftType;

/// Sixteen-bit truth tables: bit n of kCondition[cond] tells whether `cond` holds when NZCV is n.
inline constexpr std::array<u16, 16> kCondition = [] {
  std::array<u16, 16> table{};
  for (unsigned f = 0; f < 16; ++f) {
    const bool n = f & kFlagN, z = f & kFlagZ, c = f & kFlagC, v = f & kFlagV;
    const bool base[8] = {z, c, n, v, c && !z, n == v, n == v && !z, true};
    for (unsigned cond = 0; cond < 16; ++cond) {
      const bool holds = cond == 15 || (base[cond / 2] != ((cond & 1) != 0));
      if (holds) table[cond] = static_cast<u16>(table[cond] | (1u << f));
    }
  }
  return table;
}();

#define A64_INLINE [[gnu::always_inline]] inline

struct Interp {
  using Val = u64;
  using Bool = bool;
  using Vec = VReg;

  Vcpu& c;
  const Op* op;
  const Op* next;  ///< null: Vcpu::go_on() knows

  // ---- Registers
  static Val imm(u64 v) { return v; }
  A64_INLINE static Val trunc(bool sf, Val v) { return sf ? v : static_cast<u32>(v); }
  A64_INLINE Val get(u32 r, bool sf) { return trunc(sf, c.s.x[r]); }
  A64_INLINE void put(u32 r, bool sf, Val v) {
    c.s.x[r] = trunc(sf, v);
    c.s.x[31] = 0;  // XZR stays zero, without a branch
  }
  A64_INLINE Val get_sp(u32 r, bool sf) { return trunc(sf, r == 31 ? c.s.sp : c.s.x[r]); }
  A64_INLINE void put_sp(u32 r, bool sf, Val v) {
    if (r == 31)
      c.s.sp = trunc(sf, v);
    else
      c.s.x[r] = trunc(sf, v);
  }
  /// The address of this instruction.
  A64_INLINE Val pc() { return c.pc(); }

  // ---- Arithmetic and logic
  A64_INLINE static Val add(bool sf, Val a, Val b) { return trunc(sf, a + b); }
  A64_INLINE static Val sub(bool sf, Val a, Val b) { return trunc(sf, a - b); }
  A64_INLINE static Val mul(bool sf, Val a, Val b) { return trunc(sf, a * b); }
  A64_INLINE static Val and_(Val a, Val b) { return a & b; }
  A64_INLINE static Val orr(Val a, Val b) { return a | b; }
  A64_INLINE static Val eor(Val a, Val b) { return a ^ b; }
  A64_INLINE static Val not_(bool sf, Val a) { return trunc(sf, ~a); }
  A64_INLINE static Val umulh(Val a, Val b) { return static_cast<u64>((static_cast<u128>(a) * b) >> 64); }
  A64_INLINE static Val smulh(Val a, Val b) {
    return static_cast<u64>((static_cast<s128>(static_cast<s64>(a)) * static_cast<s64>(b)) >> 64);
  }
  A64_INLINE static Val udiv(bool sf, Val a, Val b) { return b == 0 ? 0 : trunc(sf, a / b); }
  A64_INLINE static Val sdiv(bool sf, Val a, Val b) {
    if (b == 0) return 0;
    const s64 x = sf ? static_cast<s64>(a) : static_cast<s32>(a);
    const s64 y = sf ? static_cast<s64>(b) : static_cast<s32>(b);
    if (y == -1) return trunc(sf, u64{0} - static_cast<u64>(x));
    return trunc(sf, static_cast<u64>(x / y));
  }
  /// Shifts by a constant or a value; the amount is taken modulo the width.
  A64_INLINE static Val shift(bool sf, Val a, ShiftType t, Val amount) {
    const unsigned width = sf ? 64 : 32;
    const unsigned n = static_cast<unsigned>(amount) & (width - 1);
    switch (t) {
      case ShiftType::Lsl: return trunc(sf, a << n);
      case ShiftType::Lsr: return trunc(sf, a) >> n;
      case ShiftType::Asr:
        return trunc(sf, static_cast<u64>((sf ? static_cast<s64>(a) : static_cast<s32>(a)) >> n));
      case ShiftType::Ror:
        return sf ? std::rotr(a, static_cast<int>(n))
                  : std::rotr(static_cast<u32>(a), static_cast<int>(n));
    }
    return 0;
  }
  A64_INLINE static Val lsl(bool sf, Val a, unsigned n) { return shift(sf, a, ShiftType::Lsl, n); }
  A64_INLINE static Val lsr(bool sf, Val a, unsigned n) { return shift(sf, a, ShiftType::Lsr, n); }
  A64_INLINE static Val asr(bool sf, Val a, unsigned n) { return shift(sf, a, ShiftType::Asr, n); }
  A64_INLINE static Val ror(bool sf, Val a, unsigned n) { return shift(sf, a, ShiftType::Ror, n); }
  /// Sign or zero extension of the n low bits to 64.
  A64_INLINE static Val sext(Val a, unsigned n) { return static_cast<u64>(sign_extend(a, n)); }
  A64_INLINE static Val zext(Val a, unsigned n) { return a & low_mask(n); }
  A64_INLINE static Val clz(bool sf, Val a) {
    return static_cast<u64>(sf ? std::countl_zero(a) : std::countl_zero(static_cast<u32>(a)));
  }
  A64_INLINE static Val bswap64(Val a) { return __builtin_bswap64(a); }
  A64_INLINE static Val bswap32(Val a) { return __builtin_bswap32(static_cast<u32>(a)); }
  A64_INLINE static Val rbit(bool sf, Val a) {
    const auto swap = [&a](unsigned n, u64 low) { a = (a >> n & low) | (a & low) << n; };
    swap(1, 0x5555'5555'5555'5555);
    swap(2, 0x3333'3333'3333'3333);
    swap(4, 0x0f0f'0f0f'0f0f'0f0f);
    return sf ? bswap64(a) : bswap32(a);
  }
  /// CRC32 or CRC32C of the `bytes` low bytes of v, continuing acc.
  static Val crc32(bool castagnoli, Val acc, Val v, unsigned bytes) {
    return a64::crc32(castagnoli, static_cast<u32>(acc), v, bytes);
  }

  // ---- Flags
  A64_INLINE Val nzcv() { return c.s.nzcv; }
  A64_INLINE void set_nzcv(Val nibble) { c.s.nzcv = static_cast<u32>(nibble) & 15; }
  /// a + b + carry, setting NZCV (AddWithCarry).
  A64_INLINE Val add_with_carry(bool sf, Val a, Val b, Val carry) {
    if (sf) {
      u64 r, r2;
      const bool c1 = __builtin_add_overflow(a, b, &r);
      const bool c2 = __builtin_add_overflow(r, carry, &r2);
      const u64 v = (a ^ r2) & (b ^ r2);
      flags(r2 >> 63, r2 == 0, c1 || c2, v >> 63);
      return r2;
    }
    const u64 r = static_cast<u64>(static_cast<u32>(a)) + static_cast<u32>(b) + carry;
    const u32 r32 = static_cast<u32>(r);
    const u32 v = (static_cast<u32>(a) ^ r32) & (static_cast<u32>(b) ^ r32);
    flags(r32 >> 31, r32 == 0, r >> 32, v >> 31);
    return r32;
  }
  A64_INLINE Val adds(bool sf, Val a, Val b) { return add_with_carry(sf, a, b, 0); }
  A64_INLINE Val subs(bool sf, Val a, Val b) { return add_with_carry(sf, a, ~b, 1); }
  A64_INLINE Val carry() { return (c.s.nzcv >> 1) & 1; }
  /// Sets N and Z from v, and clears C and V.
  A64_INLINE Val logic_flags(bool sf, Val v) {
    v = trunc(sf, v);
    flags(v >> (sf ? 63 : 31), v == 0, 0, 0);
    return v;
  }

  // ---- Conditions
  A64_INLINE Bool cond(u32 cc) { return ((kCondition[cc] >> c.s.nzcv) & 1) != 0; }
  A64_INLINE static Bool is_zero(bool sf, Val v) { return trunc(sf, v) == 0; }
  A64_INLINE static Bool bit_set(Val v, unsigned n) { return bit(v, n); }
  A64_INLINE static Bool not_(Bool b) { return !b; }
  A64_INLINE static Val select(Bool b, Val yes, Val no) { return b ? yes : no; }

  // ---- Branches (rows of groups of kind Branch only)
  /// PC-relative, `offset` in bytes, a multiple of 4.
  A64_INLINE void branch(s64 offset) {
    const s64 index = (op - c.page_->ops.data()) + offset / 4;
    if (static_cast<u64>(index) < CodePage::kOps) [[likely]] {
      next = c.branch_to(op, c.page_->ops.data() + index);
    } else {
      c.s.pc = c.pc() + static_cast<u64>(offset);
      next = c.branch_to(op, nullptr);
    }
  }
  A64_INLINE void branch_if(Bool b, s64 offset) {
    if (b) branch(offset);
  }
  /// This instruction is in a guarded page (InGuardedPage); a translator knows when it translates.
  A64_INLINE bool in_guarded_page() { return c.page_guarded(); }
  /// To a register value, with PSTATE.BTYPE for the target.
  A64_INLINE void branch_reg(Val target, unsigned btype) {
    const u64 delta = target - c.page_va_;
    // Only in a guarded page the target looks at BTYPE, and in this page that is known here.
    if (delta < 4096 && (delta & 3) == 0 && (btype == 0 || !c.page_guarded())) [[likely]] {
      next = c.branch_to(op, c.page_->ops.data() + delta / 4, btype);
    } else {
      c.set_btype(btype);
      c.s.pc = target;
      next = c.branch_to(op, nullptr);
    }
  }
  /// X30 = the address of the next instruction.
  A64_INLINE void link() { c.s.x[30] = c.pc() + 4; }

  // ---- Memory
  /// The base address in Xn or SP, with the SP alignment check.
  A64_INLINE bool base(u32 rn, Val& out) {
    if (rn == 31) {
      if (!c.check_sp_alignment()) return false;
      out = c.s.sp;
    } else {
      out = c.s.x[rn];
    }
    return true;
  }
  /// Loads 2^log2 bytes, zero-extended; log2 in 0..3.
  A64_INLINE bool load(Val va, unsigned log2, Val& out, MemOp m = {}) {
    switch (log2) {
      case 0: return load_as<u8>(va, out, m);
      case 1: return load_as<u16>(va, out, m);
      case 2: return load_as<u32>(va, out, m);
      default: return load_as<u64>(va, out, m);
    }
  }
  A64_INLINE bool store(Val va, unsigned log2, Val v, MemOp m = {}) {
    switch (log2) {
      case 0: return c.store(va, static_cast<u8>(v), m);
      case 1: return c.store(va, static_cast<u16>(v), m);
      case 2: return c.store(va, static_cast<u32>(v), m);
      default: return c.store(va, v, m);
    }
  }
  /// Two adjacent values of 2^log2 bytes, log2 2 or 3 (LDP, STP): two accesses to alignment checks
  /// and faults, but one 16-byte access where that is aligned (FEAT_LSE2).
  A64_INLINE bool load_pair(Val va, unsigned log2, Val& a, Val& b) {
    if (const u8* p = c.fast_memory<false>(va, 2u << log2, 1u << log2)) [[likely]] {
      read_two(p, log2, a, b);
      return true;
    }
    if (log2 == 3 && (va & 15) == 0) {
      VReg both;
      if (!c.load(va, both)) return false;
      a = both.d[0];
      b = both.d[1];
      return true;
    }
    return load(va, log2, a) && load(va + (u64{1} << log2), log2, b);
  }
  A64_INLINE bool store_pair(Val va, unsigned log2, Val a, Val b) {
    if (u8* p = c.fast_memory<true>(va, 2u << log2, 1u << log2)) [[likely]] {
      write_two(p, log2, a, b);
      return true;
    }
    if (log2 == 3 && (va & 15) == 0) return c.store(va, VReg{{a, b}});
    return store(va, log2, a) && store(va + (u64{1} << log2), log2, b);
  }
  A64_INLINE bool load_v(Val va, VReg& out, MemOp m = {}) { return c.load(va, out, m); }
  A64_INLINE bool store_v(Val va, const VReg& v, MemOp m = {}) { return c.store(va, v, m); }
  /// A full fence (store before load), for STLR and the barriers.
  A64_INLINE static void fence() { full_fence(); }

  // ---- SIMD&FP registers
  A64_INLINE const VReg& v(u32 r) { return c.s.v[r]; }
  A64_INLINE void put_v(u32 r, const VReg& x) { c.s.v[r] = x; }
  /// The low 64 bits as a value, and a value with zeros above it.
  A64_INLINE Val get_fp(u32 r) { return c.s.v[r].d[0]; }
  A64_INLINE void put_fp(u32 r, Val x) { c.s.v[r] = {{x, 0}}; }
  A64_INLINE bool fp_access_check() { return c.fp_access_check(); }

  // ---- Exceptions
  A64_INLINE void undefined() { c.undefined(); }
  A64_INLINE bool has(Feature f) { return c.has(f); }
  /// The vCPU, for what only an exact machine state can do.
  A64_INLINE Vcpu& vcpu() { return c; }

 protected:
  A64_INLINE static void read_two(const u8* p, unsigned log2, Val& a, Val& b) {
    if (log2 == 3) return read_pair(p, a, b);
    const u64 both = load_le<u64>(p);
    a = static_cast<u32>(both);
    b = both >> 32;
  }
  A64_INLINE static void write_two(u8* p, unsigned log2, Val a, Val b) {
    if (log2 == 3) return write_pair(p, a, b);
    store_le<u64>(p, static_cast<u32>(a) | (b << 32));
  }

 private:
  template <class T>
  A64_INLINE bool load_as(Val va, Val& out, MemOp m) {
    T t;
    if (!c.load(va, t, m)) return false;
    out = t;
    return true;
  }
  A64_INLINE void flags(u64 n, bool z, u64 cc, u64 v) {
    c.s.nzcv = (static_cast<u32>(n) << 3) | (static_cast<u32>(z) << 2) |
               (static_cast<u32>(cc & 1) << 1) | static_cast<u32>(v);
  }
};

/// The engine of a first try at a load or store: what needs more than the first-level TLB is left
/// undone, `missed` says so, and the whole instruction runs again on Interp.  For meanings that
/// write nothing before their only access.  Without a call in them, handlers need no stack frame
/// and save no registers.
struct FastMemory : Interp {
  bool missed = false;

  /// The cursor is not set yet.
  A64_INLINE Val pc() { return c.page_va_ + 4 * static_cast<u64>(op - c.page_->ops.data()); }

  A64_INLINE bool base(u32 rn, Val& out) {
    out = rn == 31 ? c.s.sp : c.s.x[rn];
    return rn != 31 || c.sp_aligned() || miss();  // the exception is Interp's
  }
  A64_INLINE bool load(Val va, unsigned log2, Val& out, MemOp m = {}) {
    const u8* p = host<false>(va, log2, m);
    if (p == nullptr) [[unlikely]] return miss();
    switch (log2) {
      case 0: out = *p; break;
      case 1: out = load_le<u16>(p); break;
      case 2: out = load_le<u32>(p); break;
      default: out = load_le<u64>(p); break;
    }
    return true;
  }
  A64_INLINE bool store(Val va, unsigned log2, Val v, MemOp m = {}) {
    u8* p = host<true>(va, log2, m);
    if (p == nullptr) [[unlikely]] return miss();
    switch (log2) {
      case 0: *p = static_cast<u8>(v); break;
      case 1: store_le<u16>(p, static_cast<u16>(v)); break;
      case 2: store_le<u32>(p, static_cast<u32>(v)); break;
      default: store_le<u64>(p, v); break;
    }
    return true;
  }
  A64_INLINE bool load_pair(Val va, unsigned log2, Val& a, Val& b) {
    const u8* p = c.fast_memory<false>(va, 2u << log2, 1u << log2);
    if (p == nullptr) [[unlikely]] return miss();
    read_two(p, log2, a, b);
    return true;
  }
  A64_INLINE bool store_pair(Val va, unsigned log2, Val a, Val b) {
    u8* p = c.fast_memory<true>(va, 2u << log2, 1u << log2);
    if (p == nullptr) [[unlikely]] return miss();
    write_two(p, log2, a, b);
    return true;
  }

 private:
  /// The bytes of an access, or null.
  template <bool kWrite>
  A64_INLINE u8* host(Val va, unsigned log2, MemOp m) {
    const u64 size = u64{1} << log2;
    if (m.unprivileged || m.aligned || (m.ordered && (va & (size - 1)) != 0)) return nullptr;
    return c.fast_memory<kWrite>(va, 1u << log2, 1u << log2);
  }
  A64_INLINE bool miss() {
    missed = true;
    return false;
  }
};

}  // namespace quince::cpu
