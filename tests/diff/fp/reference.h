// A reference for floating point: exact numbers of any size, rounded once.
//
// Written from IEEE 754 and the Arm ARM's pseudocode (DDI 0487, shared/functions/float), to be
// obviously right and not fast; independent of cpu/fp.  A finite operand becomes an exact binary
// fraction, an operation gives an exact result, and round() is the only place that loses bits.
// Without FEAT_AFP, FEAT_RPRES, FEAT_EBF16 and trapped exceptions.
#pragma once

#include <gmpxx.h>

#include "base/types.h"

namespace quince::test::ref {

enum class Mode : u8 { TieEven, PlusInf, MinusInf, Zero, TieAway, Odd };

/// A format by the widths of its fields.
struct Format {
  unsigned bits, exp, frac;
  constexpr bool operator==(const Format&) const = default;
  u64 sign_bit() const { return u64{1} << (bits - 1); }
  u64 exp_ones() const { return (u64{1} << exp) - 1; }
  u64 frac_ones() const { return (u64{1} << frac) - 1; }
  long bias() const { return (1L << (exp - 1)) - 1; }
  long min_exponent() const { return 1 - bias(); }
  u64 infinity(bool negative) const { return exp_ones() << frac | (negative ? sign_bit() : 0); }
  u64 zero(bool negative) const { return negative ? sign_bit() : 0; }
  u64 max_normal(bool negative) const { return infinity(negative) - 1; }
  u64 default_nan() const { return infinity(false) | u64{1} << (frac - 1); }
};
inline constexpr Format kHalf{16, 5, 10}, kSingle{32, 8, 23}, kDouble{64, 11, 52}, kBf16{16, 8, 7};

// FPSR.
inline constexpr u32 kInvalid = 1, kDivideByZero = 2, kOverflow = 4, kUnderflow = 8, kInexact = 16,
                     kInputDenormal = 128;

/// A finite number: (-1)^negative * m * 2^e, and a little more in magnitude, less than 2^e, when
/// `more` (a quotient or root that does not end; m then has many bits more than any format).
struct Exact {
  bool negative = false;
  mpz_class m;
  long e = 0;
  bool more = false;
  bool is_zero() const { return m == 0 && !more; }
};

Exact operator*(const Exact& a, const Exact& b);
Exact operator+(const Exact& a, const Exact& b);
Exact negated(Exact a);
/// a * 2^n.
Exact scaled(Exact a, long n);
Exact whole(long v);
/// -1, 0 or 1.
int compare(const Exact& a, const Exact& b);

/// The integer next to a number in a direction, and whether it is not the number.
struct Rounded {
  mpz_class integer;  ///< with its sign
  bool inexact;
};
Rounded to_integer(const Exact& a, Mode mode);

/// An operand taken apart.
struct Operand {
  enum class Kind : u8 { Zero, Finite, Infinity, QuietNaN, SignallingNaN };
  Kind kind;
  bool negative;
  Exact value;  ///< of zero and finite operands
  bool nan() const { return kind == Kind::QuietNaN || kind == Kind::SignallingNaN; }
  bool zero() const { return kind == Kind::Zero; }
  bool infinite() const { return kind == Kind::Infinity; }
};

/// The product that does not exist.
inline bool infinity_times_zero(const Operand& a, const Operand& b) {
  return (a.infinite() && b.zero()) || (a.zero() && b.infinite());
}

/// FPCR's fields and the flags that the operations set.
struct Fpu {
  Mode mode = Mode::TieEven;
  bool fz = false, fz16 = false, dn = false, ahp = false;
  u32 flags = 0;

  static Fpu of(u32 fpcr);
  bool flushes(const Format& f) const { return f == kHalf ? fz16 : fz; }

  // ---- The pieces
  Operand unpack(const Format& f, u64 bits);
  /// FPRound: `v` is not zero.
  u64 round(const Format& f, const Exact& v, Mode how, bool alternative_half = false);
  u64 round(const Format& f, const Exact& v) { return round(f, v, mode); }
  /// A sum that may be zero, whose sign then depends on the rounding mode.
  u64 round_sum(const Format& f, const Exact& v);
  u64 invalid(const Format& f);
  /// The result of a NaN operand.
  u64 nan(const Format& f, const Operand& o, u64 bits);

  // ---- Operations, by the names of the pseudocode's functions
  u64 add(const Format& f, u64 a, u64 b);
  u64 sub(const Format& f, u64 a, u64 b);
  u64 mul(const Format& f, u64 a, u64 b);
  u64 mulx(const Format& f, u64 a, u64 b);
  u64 div(const Format& f, u64 a, u64 b);
  u64 sqrt(const Format& f, u64 a);
  u64 max(const Format& f, u64 a, u64 b);
  u64 min(const Format& f, u64 a, u64 b);
  u64 maxnm(const Format& f, u64 a, u64 b);
  u64 minnm(const Format& f, u64 a, u64 b);
  u64 mul_add(const Format& f, u64 addend, u64 a, u64 b);
  /// Single + half * half.
  u64 mul_add_half(u64 addend, u64 a, u64 b);
  u64 recip_step(const Format& f, u64 a, u64 b);
  u64 rsqrt_step(const Format& f, u64 a, u64 b);
  u64 recip_estimate(const Format& f, u64 a);
  u64 rsqrt_estimate(const Format& f, u64 a);
  u64 recip_exponent(const Format& f, u64 a);
  u64 round_int(const Format& f, u64 a, Mode how, bool exact);
  u64 round_int_n(const Format& f, u64 a, Mode how, unsigned size);
  /// NZCV as a nibble.
  u32 compare(const Format& f, u64 a, u64 b, bool signal);
  bool equal(const Format& f, u64 a, u64 b);
  bool greater_equal(const Format& f, u64 a, u64 b);
  bool greater(const Format& f, u64 a, u64 b);
  u64 convert(const Format& to, const Format& from, u64 a, Mode how);
  u64 to_fixed(const Format& f, u64 a, unsigned fbits, bool is_unsigned, Mode how, unsigned size);
  u64 from_fixed(const Format& f, u64 a, unsigned fbits, bool is_unsigned, unsigned size);
  /// FJCVTZS; `z` is PSTATE.Z.
  u64 to_int_js(u64 a, bool& z);

 private:
  /// FPProcessNaNs: true when one of the operands is a NaN, with the result.
  template <std::size_t N>
  bool nans(const Format& f, const Operand (&o)[N], const u64 (&bits)[N], u64& result);
  u64 max_min(const Format& f, u64 a, u64 b, bool max);
  u64 max_min_number(const Format& f, u64 a, u64 b, bool max);
  u64 step(const Format& f, u64 a, u64 b, long constant, long halvings);
};

// Instructions whose functions use no control.
u32 unsigned_recip_estimate(u32 a);
u32 unsigned_rsqrt_estimate(u32 a);
/// BFDOT and BFMMLA: round to odd, default NaNs, denormals are zero, no flags.
u32 bf_dot_add(u32 addend, u16 a1, u16 b1, u16 a2, u16 b2);

}  // namespace quince::test::ref
