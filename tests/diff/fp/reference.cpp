#include "tests/diff/fp/reference.h"

#include "base/assert.h"

namespace quince::test::ref {

// ---- Exact numbers -----------------------------------------------------------------------------

Exact operator*(const Exact& a, const Exact& b) {
  QUINCE_ASSERT(!a.more && !b.more);
  return {a.negative != b.negative, a.m * b.m, a.e + b.e, false};
}

namespace {

/// m with its sign, in units of 2^e.
mpz_class in_units(const Exact& a, long e) {
  const mpz_class m = a.m << static_cast<unsigned long>(a.e - e);
  return a.negative ? mpz_class(-m) : m;
}

long bit_length(const mpz_class& m) { return static_cast<long>(mpz_sizeinbase(m.get_mpz_t(), 2)); }

/// What is left of a magnitude behind a point, against half a unit.
enum class Rest : u8 { None, Below, Half, Above };

/// floor(|a| / 2^unit) and the rest.
mpz_class cut(const Exact& a, long unit, Rest& rest) {
  const long shift = unit - a.e;
  if (shift <= 0) {
    QUINCE_ASSERT(!a.more);
    rest = Rest::None;
    return a.m << static_cast<unsigned long>(-shift);
  }
  QUINCE_ASSERT(!a.more || shift > 1);
  const auto n = static_cast<unsigned long>(shift);
  const mpz_class whole_part = a.m >> n;
  const mpz_class left = a.m - (whole_part << n);
  const mpz_class half = mpz_class(1) << (n - 1);
  const int c = cmp(left, half);
  if (c < 0)
    rest = left == 0 && !a.more ? Rest::None : Rest::Below;
  else
    rest = c > 0 || a.more ? Rest::Above : Rest::Half;
  return whole_part;
}

/// Whether a magnitude goes up to the next integer.
bool goes_up(bool negative, const mpz_class& integer, Rest rest, Mode how) {
  if (rest == Rest::None) return false;
  switch (how) {
    case Mode::TieEven:
      return rest == Rest::Above || (rest == Rest::Half && mpz_odd_p(integer.get_mpz_t()));
    case Mode::TieAway:
      return rest == Rest::Above || rest == Rest::Half;
    case Mode::PlusInf:
      return !negative;
    case Mode::MinusInf:
      return negative;
    case Mode::Zero:
    case Mode::Odd:
      return false;
  }
  return false;
}

}  // namespace

Exact operator+(const Exact& a, const Exact& b) {
  QUINCE_ASSERT(!a.more && !b.more);
  const long e = std::min(a.e, b.e);
  const mpz_class sum = in_units(a, e) + in_units(b, e);
  return {sum < 0, abs(sum), e, false};
}

Exact negated(Exact a) {
  a.negative = !a.negative;
  return a;
}

Exact scaled(Exact a, long n) {
  a.e += n;
  return a;
}

Exact whole(long v) { return {v < 0, abs(mpz_class(v)), 0, false}; }

int compare(const Exact& a, const Exact& b) {
  const long e = std::min(a.e, b.e);
  const int c = cmp(in_units(a, e), in_units(b, e));
  return c < 0 ? -1 : c > 0 ? 1 : 0;
}

Rounded to_integer(const Exact& a, Mode how) {
  Rest rest;
  mpz_class integer = cut(a, 0, rest);
  if (goes_up(a.negative, integer, rest, how)) ++integer;
  return {a.negative ? mpz_class(-integer) : integer, rest != Rest::None};
}

// ---- Operands and results ----------------------------------------------------------------------

Fpu Fpu::of(u32 fpcr) {
  return {.mode = static_cast<Mode>(fpcr >> 22 & 3),
          .fz = (fpcr >> 24 & 1) != 0,
          .fz16 = (fpcr >> 19 & 1) != 0,
          .dn = (fpcr >> 25 & 1) != 0,
          .ahp = (fpcr >> 26 & 1) != 0,
          .flags = 0};
}

// FPUnpack.  Flushing a half sets no flag.
Operand Fpu::unpack(const Format& f, u64 bits) {
  const bool negative = (bits & f.sign_bit()) != 0;
  const u64 exp = bits >> f.frac & f.exp_ones(), frac = bits & f.frac_ones();
  if (exp == f.exp_ones()) {
    if (frac == 0) return {Operand::Kind::Infinity, negative, {}};
    const bool quiet = (frac >> (f.frac - 1)) != 0;
    return {quiet ? Operand::Kind::QuietNaN : Operand::Kind::SignallingNaN, negative, {}};
  }
  if (exp == 0 && (frac == 0 || flushes(f))) {
    if (frac != 0 && f != kHalf) flags |= kInputDenormal;
    return {Operand::Kind::Zero, negative, Exact{negative, 0, 0, false}};
  }
  const u64 m = exp == 0 ? frac : frac | u64{1} << f.frac;
  const long e = (exp == 0 ? 1 : static_cast<long>(exp)) - f.bias() - static_cast<long>(f.frac);
  return {Operand::Kind::Finite, negative, Exact{negative, mpz_class(m), e, false}};
}

// FPRoundBase.
u64 Fpu::round(const Format& f, const Exact& v, Mode how, bool alternative_half) {
  QUINCE_ASSERT(v.m != 0);
  const u64 sign = v.negative ? f.sign_bit() : 0;
  const long exponent = bit_length(v.m) - 1 + v.e;
  // Tininess is looked at before rounding, and then there is no rounding.
  if (flushes(f) && exponent < f.min_exponent()) {
    flags |= kUnderflow;
    return sign;
  }
  const bool denormal = exponent < f.min_exponent();
  u64 biased = denormal ? 0 : static_cast<u64>(exponent - f.min_exponent() + 1);
  const long unit = (denormal ? f.min_exponent() : exponent) - static_cast<long>(f.frac);
  Rest rest;
  mpz_class integer = cut(v, unit, rest);
  if (denormal && rest != Rest::None) flags |= kUnderflow;
  if (goes_up(v.negative, integer, rest, how)) {
    ++integer;
    if (integer == mpz_class(1) << f.frac) biased = 1;  // the smallest normal number
    if (integer == mpz_class(1) << (f.frac + 1)) {
      ++biased;
      integer >>= 1;
    }
  }
  if (how == Mode::Odd && rest != Rest::None) integer |= 1;
  if (alternative_half) {
    if (biased > f.exp_ones()) {
      flags |= kInvalid;
      return sign | (f.sign_bit() - 1);
    }
  } else if (biased >= f.exp_ones()) {
    flags |= kOverflow | kInexact;
    const bool to_infinity = how == Mode::TieEven || how == Mode::TieAway ||
                             (how == Mode::PlusInf && !v.negative) ||
                             (how == Mode::MinusInf && v.negative);
    return to_infinity ? f.infinity(v.negative) : f.max_normal(v.negative);
  }
  if (rest != Rest::None) flags |= kInexact;
  return sign | biased << f.frac | (integer.get_ui() & f.frac_ones());
}

u64 Fpu::round_sum(const Format& f, const Exact& v) {
  return v.is_zero() ? f.zero(mode == Mode::MinusInf) : round(f, v);
}

u64 Fpu::invalid(const Format& f) {
  flags |= kInvalid;
  return f.default_nan();
}

u64 Fpu::nan(const Format& f, const Operand& o, u64 bits) {
  if (o.kind == Operand::Kind::SignallingNaN) flags |= kInvalid;
  return dn ? f.default_nan() : bits | u64{1} << (f.frac - 1);
}

template <std::size_t N>
bool Fpu::nans(const Format& f, const Operand (&o)[N], const u64 (&bits)[N], u64& result) {
  for (const auto kind : {Operand::Kind::SignallingNaN, Operand::Kind::QuietNaN})
    for (std::size_t i = 0; i < N; ++i)
      if (o[i].kind == kind) {
        result = nan(f, o[i], bits[i]);
        return true;
      }
  return false;
}

// ---- Arithmetic --------------------------------------------------------------------------------

u64 Fpu::add(const Format& f, u64 a, u64 b) {
  const Operand o[] = {unpack(f, a), unpack(f, b)};
  u64 result;
  if (nans(f, o, {a, b}, result)) return result;
  if (o[0].infinite() && o[1].infinite() && o[0].negative != o[1].negative) return invalid(f);
  for (const Operand& x : o)
    if (x.infinite()) return f.infinity(x.negative);
  if (o[0].zero() && o[1].zero() && o[0].negative == o[1].negative) return f.zero(o[0].negative);
  return round_sum(f, o[0].value + o[1].value);
}

u64 Fpu::sub(const Format& f, u64 a, u64 b) {
  const Operand o[] = {unpack(f, a), unpack(f, b)};
  u64 result;
  if (nans(f, o, {a, b}, result)) return result;
  if (o[0].infinite() && o[1].infinite() && o[0].negative == o[1].negative) return invalid(f);
  if (o[0].infinite()) return f.infinity(o[0].negative);
  if (o[1].infinite()) return f.infinity(!o[1].negative);
  if (o[0].zero() && o[1].zero() && o[0].negative != o[1].negative) return f.zero(o[0].negative);
  return round_sum(f, o[0].value + negated(o[1].value));
}

u64 Fpu::mul(const Format& f, u64 a, u64 b) {
  const Operand o[] = {unpack(f, a), unpack(f, b)};
  u64 result;
  if (nans(f, o, {a, b}, result)) return result;
  const bool negative = o[0].negative != o[1].negative;
  if (infinity_times_zero(o[0], o[1])) return invalid(f);
  if (o[0].infinite() || o[1].infinite()) return f.infinity(negative);
  if (o[0].zero() || o[1].zero()) return f.zero(negative);
  return round(f, o[0].value * o[1].value);
}

u64 Fpu::mulx(const Format& f, u64 a, u64 b) {
  Fpu look = *this;
  const Operand x = look.unpack(f, a), y = look.unpack(f, b);
  if (infinity_times_zero(x, y)) {
    flags = look.flags;
    return static_cast<u64>(f.bias() + 1) << f.frac | f.zero(x.negative != y.negative);
  }
  return mul(f, a, b);
}

u64 Fpu::div(const Format& f, u64 a, u64 b) {
  const Operand o[] = {unpack(f, a), unpack(f, b)};
  u64 result;
  if (nans(f, o, {a, b}, result)) return result;
  const bool negative = o[0].negative != o[1].negative;
  if ((o[0].infinite() && o[1].infinite()) || (o[0].zero() && o[1].zero())) return invalid(f);
  if (o[0].infinite() || o[1].zero()) {
    if (!o[0].infinite()) flags |= kDivideByZero;
    return f.infinity(negative);
  }
  if (o[0].zero() || o[1].infinite()) return f.zero(negative);
  // A quotient of more bits than any format has, so that what is left is below the last of them.
  constexpr unsigned kBits = 256;
  const mpz_class n = o[0].value.m << kBits;
  const mpz_class q = n / o[1].value.m;
  const long e = o[0].value.e - o[1].value.e - static_cast<long>(kBits);
  return round(f, Exact{negative, q, e, q * o[1].value.m != n});
}

u64 Fpu::sqrt(const Format& f, u64 a) {
  const Operand o[] = {unpack(f, a)};
  u64 result;
  if (nans(f, o, {a}, result)) return result;
  if (o[0].zero()) return f.zero(o[0].negative);
  if (o[0].negative) return invalid(f);
  if (o[0].infinite()) return f.infinity(false);
  const unsigned odd = (o[0].value.e & 1) != 0 ? 1 : 0;
  const mpz_class n = o[0].value.m << (256 + odd);
  const mpz_class root = ::sqrt(n);
  const long e = (o[0].value.e - 256 - static_cast<long>(odd)) / 2;
  return round(f, Exact{false, root, e, root * root != n});
}

namespace {

/// -1, 0 or 1 of two operands that are no NaNs.
int order(const Operand& a, const Operand& b) {
  const auto rank = [](const Operand& o) { return o.infinite() ? (o.negative ? -1 : 1) : 0; };
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? -1 : 1;
  return a.infinite() ? 0 : compare(a.value, b.value);
}

}  // namespace

u64 Fpu::max_min(const Format& f, u64 a, u64 b, bool max) {
  const Operand o[] = {unpack(f, a), unpack(f, b)};
  u64 result;
  if (nans(f, o, {a, b}, result)) return result;
  const int c = order(o[0], o[1]);
  const Operand& chosen = (max ? c > 0 : c < 0) ? o[0] : o[1];
  if (chosen.infinite()) return f.infinity(chosen.negative);
  if (chosen.zero()) {
    // The other may be a number that the zero beats, or a zero of the other sign.
    const bool both = o[0].zero() && o[1].zero();
    if (!both) return f.zero(chosen.negative);
    return f.zero(max ? o[0].negative && o[1].negative : o[0].negative || o[1].negative);
  }
  return round(f, chosen.value);
}

u64 Fpu::max(const Format& f, u64 a, u64 b) { return max_min(f, a, b, true); }
u64 Fpu::min(const Format& f, u64 a, u64 b) { return max_min(f, a, b, false); }

u64 Fpu::max_min_number(const Format& f, u64 a, u64 b, bool max) {
  const bool quiet_a = unpack(f, a).kind == Operand::Kind::QuietNaN;
  const bool quiet_b = unpack(f, b).kind == Operand::Kind::QuietNaN;
  if (quiet_a && !quiet_b) a = f.infinity(max);
  if (quiet_b && !quiet_a) b = f.infinity(max);
  return max_min(f, a, b, max);
}

u64 Fpu::maxnm(const Format& f, u64 a, u64 b) { return max_min_number(f, a, b, true); }
u64 Fpu::minnm(const Format& f, u64 a, u64 b) { return max_min_number(f, a, b, false); }

u64 Fpu::mul_add(const Format& f, u64 addend, u64 a, u64 b) {
  const Operand o[] = {unpack(f, addend), unpack(f, a), unpack(f, b)};
  u64 result;
  const bool no_product = infinity_times_zero(o[1], o[2]);
  const bool some = nans(f, o, {addend, a, b}, result);
  if (o[0].kind == Operand::Kind::QuietNaN && no_product) return invalid(f);
  if (some) return result;
  const bool negative = o[1].negative != o[2].negative;
  const bool infinite = o[1].infinite() || o[2].infinite();
  if (no_product || (o[0].infinite() && infinite && o[0].negative != negative)) return invalid(f);
  if (o[0].infinite()) return f.infinity(o[0].negative);
  if (infinite) return f.infinity(negative);
  const bool zero = o[1].zero() || o[2].zero();
  if (o[0].zero() && zero && o[0].negative == negative) return f.zero(negative);
  return round_sum(f, o[0].value + o[1].value * o[2].value);
}

u64 Fpu::mul_add_half(u64 addend, u64 a, u64 b) {
  const Operand o[] = {unpack(kSingle, addend), unpack(kHalf, a), unpack(kHalf, b)};
  // A NaN of a half, as a single: its fraction's bits are the first.
  const auto widened = [](u64 h) {
    return (h & 0x8000) << 16 | u64{0x7f80'0000} | (h & 0x3ff) << 13;
  };
  u64 result;
  const bool no_product = infinity_times_zero(o[1], o[2]);
  const bool some = nans(kSingle, o, {addend, widened(a), widened(b)}, result);
  if (o[0].kind == Operand::Kind::QuietNaN && no_product) return invalid(kSingle);
  if (some) return result;
  const bool negative = o[1].negative != o[2].negative;
  const bool infinite = o[1].infinite() || o[2].infinite();
  if (no_product || (o[0].infinite() && infinite && o[0].negative != negative))
    return invalid(kSingle);
  if (o[0].infinite()) return kSingle.infinity(o[0].negative);
  if (infinite) return kSingle.infinity(negative);
  const bool zero = o[1].zero() || o[2].zero();
  if (o[0].zero() && zero && o[0].negative == negative) return kSingle.zero(negative);
  return round_sum(kSingle, o[0].value + o[1].value * o[2].value);
}

/// (constant - a * b) / 2^halvings.
u64 Fpu::step(const Format& f, u64 a, u64 b, long constant, long halvings) {
  a ^= f.sign_bit();
  const Operand o[] = {unpack(f, a), unpack(f, b)};
  u64 result;
  if (nans(f, o, {a, b}, result)) return result;
  const Exact limit = scaled(whole(constant), -halvings);
  if (infinity_times_zero(o[0], o[1])) return round(f, limit);
  if (o[0].infinite() || o[1].infinite()) return f.infinity(o[0].negative != o[1].negative);
  return round_sum(f, limit + scaled(o[0].value * o[1].value, -halvings));
}

u64 Fpu::recip_step(const Format& f, u64 a, u64 b) { return step(f, a, b, 2, 0); }
u64 Fpu::rsqrt_step(const Format& f, u64 a, u64 b) { return step(f, a, b, 3, 1); }

// ---- Comparison --------------------------------------------------------------------------------

u32 Fpu::compare(const Format& f, u64 a, u64 b, bool signal) {
  const Operand x = unpack(f, a), y = unpack(f, b);
  if (x.nan() || y.nan()) {
    if (signal || x.kind == Operand::Kind::SignallingNaN || y.kind == Operand::Kind::SignallingNaN)
      flags |= kInvalid;
    return 0b0011;
  }
  const int c = order(x, y);
  return c == 0 ? 0b0110 : c < 0 ? 0b1000 : 0b0010;
}

bool Fpu::equal(const Format& f, u64 a, u64 b) { return compare(f, a, b, false) == 0b0110; }

bool Fpu::greater_equal(const Format& f, u64 a, u64 b) {
  const u32 nzcv = compare(f, a, b, true);
  return nzcv == 0b0110 || nzcv == 0b0010;
}

bool Fpu::greater(const Format& f, u64 a, u64 b) { return compare(f, a, b, true) == 0b0010; }

}  // namespace quince::test::ref
