// The reference's conversions, estimates and BFloat16.
#include "tests/diff/fp/reference.h"

#include "base/assert.h"

namespace quince::test::ref {

namespace {

/// The low 64 bits of an integer, two's complement.
u64 low_bits(const mpz_class& v) {
  const mpz_class two64 = mpz_class(1) << 64;
  mpz_class r = v % two64;
  if (r < 0) r += two64;
  return mpz_class(r >> 32).get_ui() << 32 | mpz_class(r & 0xffff'ffffu).get_ui();
}

u64 mask(unsigned bits) { return bits == 64 ? ~u64{0} : (u64{1} << bits) - 1; }

}  // namespace

// ---- To integral values ------------------------------------------------------------------------

u64 Fpu::round_int(const Format& f, u64 a, Mode how, bool exact) {
  const Operand o = unpack(f, a);
  if (o.nan()) return nan(f, o, a);
  if (o.infinite()) return f.infinity(o.negative);
  if (o.zero()) return f.zero(o.negative);
  const Rounded r = to_integer(o.value, how);
  if (exact && r.inexact) flags |= kInexact;
  if (r.integer == 0) return f.zero(o.negative);
  return round(f, Exact{o.negative, abs(r.integer), 0, false}, Mode::Zero);
}

u64 Fpu::round_int_n(const Format& f, u64 a, Mode how, unsigned size) {
  const Operand o = unpack(f, a);
  const mpz_class limit = mpz_class(1) << (size - 1);
  const auto out_of_range = [&] {
    flags |= kInvalid;
    return f.sign_bit() | static_cast<u64>(f.bias() + static_cast<long>(size) - 1) << f.frac;
  };
  if (o.nan() || o.infinite()) return out_of_range();
  if (o.zero()) return f.zero(o.negative);
  const Rounded r = to_integer(o.value, how);
  if (r.integer >= limit || r.integer < -limit) return out_of_range();
  if (r.inexact) flags |= kInexact;
  if (r.integer == 0) return f.zero(o.negative);
  return round(f, Exact{o.negative, abs(r.integer), 0, false}, Mode::Zero);
}

// ---- Between formats ---------------------------------------------------------------------------

u64 Fpu::convert(const Format& to, const Format& from, u64 a, Mode how) {
  // FZ16 is for arithmetic only.
  Fpu cv = *this;
  cv.fz16 = false;
  Operand o = cv.unpack(from, a);
  if (ahp && from == kHalf && (o.nan() || o.infinite())) {
    // The alternative format has numbers there.
    const u64 m = (a & from.frac_ones()) | u64{1} << from.frac;
    o.kind = Operand::Kind::Finite;
    o.value = {o.negative, mpz_class(m),
               static_cast<long>(from.exp_ones()) - from.bias() - static_cast<long>(from.frac),
               false};
  }
  const bool alternative = ahp && to == kHalf;
  u64 result;
  if (o.nan()) {
    if (alternative || o.kind == Operand::Kind::SignallingNaN) cv.flags |= kInvalid;
    if (alternative) {
      result = to.zero(o.negative);
    } else if (dn) {
      result = to.default_nan();
    } else {
      // The fraction keeps its first bits.
      const u64 frac = a & from.frac_ones();
      const u64 aligned =
          from.frac <= to.frac ? frac << (to.frac - from.frac) : frac >> (from.frac - to.frac);
      result = to.infinity(o.negative) | u64{1} << (to.frac - 1) | aligned;
    }
  } else if (o.infinite()) {
    if (alternative) cv.flags |= kInvalid;
    result = alternative ? to.zero(o.negative) | (to.sign_bit() - 1) : to.infinity(o.negative);
  } else if (o.zero()) {
    result = to.zero(o.negative);
  } else {
    result = cv.round(to, o.value, how, alternative);
  }
  flags = cv.flags;
  return result;
}

// ---- Integers and fixed point ------------------------------------------------------------------

u64 Fpu::to_fixed(const Format& f, u64 a, unsigned fbits, bool is_unsigned, Mode how,
                  unsigned size) {
  const Operand o = unpack(f, a);
  const mpz_class lowest = is_unsigned ? mpz_class(0) : -(mpz_class(1) << (size - 1));
  const mpz_class highest = (mpz_class(1) << (is_unsigned ? size : size - 1)) - 1;
  if (o.nan()) {
    flags |= kInvalid;
    return 0;
  }
  if (o.infinite()) {
    flags |= kInvalid;
    return low_bits(o.negative ? lowest : highest) & mask(size);
  }
  const Rounded r = to_integer(scaled(o.value, fbits), how);
  if (r.integer < lowest || r.integer > highest) {
    flags |= kInvalid;
    return low_bits(r.integer < lowest ? lowest : highest) & mask(size);
  }
  if (r.inexact) flags |= kInexact;
  return low_bits(r.integer) & mask(size);
}

u64 Fpu::from_fixed(const Format& f, u64 a, unsigned fbits, bool is_unsigned, unsigned size) {
  a &= mask(size);
  if (a == 0) return 0;
  mpz_class v = (mpz_class(a >> 32) << 32) + mpz_class(a & 0xffff'ffff);
  if (!is_unsigned && (a >> (size - 1)) != 0) v -= mpz_class(1) << size;
  return round(f, Exact{v < 0, abs(v), -static_cast<long>(fbits), false});
}

u64 Fpu::to_int_js(u64 a, bool& z) {
  const Operand o = unpack(kDouble, a);
  z = false;
  if (o.nan() || o.infinite()) {
    flags |= kInvalid;
    return 0;
  }
  const Rounded r = to_integer(o.value, Mode::Zero);
  const mpz_class limit = mpz_class(1) << 31;
  if (r.integer >= limit || r.integer < -limit)
    flags |= kInvalid;
  else if (r.inexact)
    flags |= kInexact;
  else  // a zero must be +0, and not a denormal that was flushed
    z = r.integer != 0 || a == 0;
  return low_bits(r.integer) & 0xffff'ffff;
}

// ---- Estimates ---------------------------------------------------------------------------------

namespace {

/// RecipEstimate: of 256 to 511, which are 0.5 to 1 in units of 1/512; in units of 1/256.
u32 recip_table(u32 a) {
  a = a * 2 + 1;
  const u32 b = (u32{1} << 19) / a;
  return (b + 1) / 2;
}

/// RecipSqrtEstimate: of 128 to 511, which are 0.25 to 1.
u32 rsqrt_table(u32 a) {
  a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
  u32 b = 512;
  while (u64{a} * (b + 1) * (b + 1) < u64{1} << 28) ++b;
  return (b + 1) / 2;
}

/// The fraction in 52 bits.
u64 fraction52(const Format& f, u64 a) { return (a & f.frac_ones()) << (52 - f.frac); }

/// The first bit of the fraction.
constexpr u64 kTop = u64{1} << 51;

}  // namespace

u64 Fpu::recip_estimate(const Format& f, u64 a) {
  const Operand o = unpack(f, a);
  if (o.nan()) return nan(f, o, a);
  if (o.infinite()) return f.zero(o.negative);
  if (o.zero()) {
    flags |= kDivideByZero;
    return f.infinity(o.negative);
  }
  const Exact magnitude{false, o.value.m, o.value.e, false};
  const Exact one = whole(1);
  // Below 2^(emin - 2) the result is beyond the format.
  if (ref::compare(magnitude, scaled(one, f.min_exponent() - 2)) < 0) {
    flags |= kOverflow | kInexact;
    const bool up = mode == Mode::TieEven || (mode == Mode::PlusInf && !o.negative) ||
                    (mode == Mode::MinusInf && o.negative);
    return up ? f.infinity(o.negative) : f.max_normal(o.negative);
  }
  if (flushes(f) && ref::compare(magnitude, scaled(one, -f.min_exponent())) >= 0) {
    flags |= kUnderflow;
    return f.zero(o.negative);
  }
  u64 fraction = fraction52(f, a);
  long exp = static_cast<long>(a >> f.frac & f.exp_ones());
  if (exp == 0) {
    if ((fraction & kTop) == 0) {
      exp = -1;
      fraction = fraction << 2;
    } else {
      fraction = fraction << 1;
    }
    fraction &= (u64{1} << 52) - 1;
  }
  const u32 estimate = recip_table(static_cast<u32>(256 | fraction >> 44));
  long result_exp = 2 * f.bias() - 1 - exp;
  fraction = u64{estimate & 0xff} << 44;
  if (result_exp == 0) {
    fraction = kTop | fraction >> 1;
  } else if (result_exp == -1) {
    fraction = kTop >> 1 | fraction >> 2;
    result_exp = 0;
  }
  return f.zero(o.negative) | static_cast<u64>(result_exp) << f.frac | fraction >> (52 - f.frac);
}

u64 Fpu::rsqrt_estimate(const Format& f, u64 a) {
  const Operand o = unpack(f, a);
  if (o.nan()) return nan(f, o, a);
  if (o.zero()) {
    flags |= kDivideByZero;
    return f.infinity(o.negative);
  }
  if (o.negative) return invalid(f);
  if (o.infinite()) return f.zero(false);
  u64 fraction = fraction52(f, a);
  long exp = static_cast<long>(a >> f.frac & f.exp_ones());
  if (exp == 0) {
    while ((fraction & kTop) == 0) {
      fraction <<= 1;
      --exp;
    }
    fraction = fraction << 1 & ((u64{1} << 52) - 1);
  }
  const u32 scaled_operand = (exp & 1) == 0 ? static_cast<u32>(256 | fraction >> 44)
                                            : static_cast<u32>(128 | fraction >> 45);
  const long result_exp = (3 * f.bias() - 1 - exp) / 2;
  const u64 estimate = rsqrt_table(scaled_operand) & 0xff;
  return static_cast<u64>(result_exp) << f.frac | estimate << (f.frac - 8);
}

u64 Fpu::recip_exponent(const Format& f, u64 a) {
  const Operand o = unpack(f, a);
  if (o.nan()) return nan(f, o, a);
  const u64 exp = a >> f.frac & f.exp_ones();
  const u64 result = exp == 0 ? f.exp_ones() - 1 : ~exp & f.exp_ones();
  return f.zero(o.negative) | result << f.frac;
}

u32 unsigned_recip_estimate(u32 a) { return a >> 31 == 0 ? ~u32{0} : recip_table(a >> 23) << 23; }

u32 unsigned_rsqrt_estimate(u32 a) { return a >> 30 == 0 ? ~u32{0} : rsqrt_table(a >> 23) << 23; }

// ---- BFloat16 dot products ---------------------------------------------------------------------

namespace {

/// BFRound: to odd; what is too small is zero, what is too large infinite.
u64 bf_round(const Exact& v) {
  Fpu odd{.mode = Mode::Odd, .fz = true};
  const u64 r = odd.round(kSingle, v);
  return (odd.flags & kOverflow) != 0 ? kSingle.infinity(v.negative) : r;
}

u64 bf_mul(u16 a, u16 b) {
  Fpu odd{.mode = Mode::Odd, .fz = true};
  const Operand x = odd.unpack(kBf16, a), y = odd.unpack(kBf16, b);
  if (x.nan() || y.nan() || infinity_times_zero(x, y)) return kSingle.default_nan();
  const bool negative = x.negative != y.negative;
  if (x.infinite() || y.infinite()) return kSingle.infinity(negative);
  if (x.zero() || y.zero()) return kSingle.zero(negative);
  return bf_round(x.value * y.value);
}

u64 bf_add(u64 a, u64 b) {
  Fpu odd{.mode = Mode::Odd, .fz = true};
  const Operand x = odd.unpack(kSingle, a), y = odd.unpack(kSingle, b);
  if (x.nan() || y.nan()) return kSingle.default_nan();
  if (x.infinite() && y.infinite() && x.negative != y.negative) return kSingle.default_nan();
  if (x.infinite()) return kSingle.infinity(x.negative);
  if (y.infinite()) return kSingle.infinity(y.negative);
  if (x.zero() && y.zero() && x.negative == y.negative) return kSingle.zero(x.negative);
  const Exact sum = x.value + y.value;
  return sum.is_zero() ? 0 : bf_round(sum);
}

}  // namespace

u32 bf_dot_add(u32 addend, u16 a1, u16 b1, u16 a2, u16 b2) {
  const u64 products = bf_add(bf_mul(a1, a2), bf_mul(b1, b2));
  return static_cast<u32>(bf_add(addend, products));
}

}  // namespace quince::test::ref
