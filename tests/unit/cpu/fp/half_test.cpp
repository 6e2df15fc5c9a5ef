// tests/unit/cpu/fp/half_test.cpp — half-precision operations, exhaustively over one operand.
//
// The judge here is independent of the code under test: every half is a double, the exact result
// of an operation on halves (or one that rounds alike) is a double too, and rounding means picking
// one of its two neighbours in the sorted table of all halves.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "cpu/fp/fp.h"

namespace quince::fp {
namespace {

constexpr Rounding kFpcrModes[] = {Rounding::TieEven, Rounding::PlusInf, Rounding::MinusInf,
                                   Rounding::Zero};
constexpr Rounding kAllModes[] = {Rounding::TieEven, Rounding::PlusInf, Rounding::MinusInf,
                                  Rounding::Zero, Rounding::TieAway};
constexpr u32 kInf = 0x7c00;
constexpr double kMinNormal = 0x1p-14;

bool finite(u32 half) { return (half & 0x7fff) < kInf; }

double value_of(u32 half) {
  const int exp = (half >> 10) & 31;
  const int frac = half & 0x3ff;
  const double magnitude = exp == 0 ? std::ldexp(frac, -24) : std::ldexp(1024 + frac, exp - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

struct Rounded {
  u32 bits;
  u32 flags;
  bool operator==(const Rounded&) const = default;
};

class HalfJudge {
 public:
  HalfJudge() {
    for (u32 i = 0; i <= kInf; ++i) values_.push_back(value_of(i));  // the last one is 65536
  }

  Rounded round(double x, Rounding mode, bool flush = false) const {
    const u32 sign = std::signbit(x) ? 0x8000 : 0;
    const double magnitude = std::fabs(x);
    if (magnitude == 0) return {sign, 0};
    if (flush && magnitude < kMinNormal) return {sign, kUFC};
    const bool up = mode == Rounding::PlusInf ? !sign : mode == Rounding::MinusInf && sign;
    const bool nearest = mode == Rounding::TieEven || mode == Rounding::TieAway;
    if (magnitude >= 65536) {
      return {sign | (nearest || up ? kInf : kInf - 1), kOFC | kIXC};
    }
    const auto above = std::upper_bound(values_.begin(), values_.end(), magnitude);
    u32 index = static_cast<u32>(above - values_.begin()) - 1;
    if (values_[index] == magnitude) return {sign | index, 0};
    const double middle = (values_[index] + *above) / 2;
    bool away = up;
    if (nearest) {
      const bool tie_away = mode == Rounding::TieAway || (index & 1);
      away = magnitude > middle || (magnitude == middle && tie_away);
    }
    index += away;
    u32 flags = kIXC;
    if (magnitude < kMinNormal) flags |= kUFC;
    if (index == kInf) flags |= kOFC;
    return {sign | index, flags};
  }

 private:
  std::vector<double> values_;
};

/// Some halves of every sort, finite ones only.
constexpr u16 kPartners[] = {0x0001, 0x83ff, 0x0400, 0x1401, 0x2e66, 0x3555,
                             0xbc00, 0x3bff, 0x4001, 0x4700, 0xd8f3, 0x7bff};

using Binary = u16 (*)(u16, u16, Context&);

/// Compares `op` on all finite first operands with `exact`, which gives the true result (never
/// asked for a zero result, whose sign has its own rules).
template <class Exact>
void check_binary(Binary op, Exact exact) {
  const HalfJudge judge;
  int failures = 0;
  for (const Rounding mode : kFpcrModes) {
    for (const u16 b : kPartners) {
      for (u32 a = 0; a < 0x10000; ++a) {
        if (!finite(a)) continue;
        const double x = exact(value_of(a), value_of(b));
        if (x == 0) continue;
        const Rounded expected = judge.round(x, mode);
        Context ctx{.rounding = mode};
        const u32 result = op(static_cast<u16>(a), b, ctx);
        if (Rounded{result, ctx.flags} != expected && ++failures < 10) {
          ADD_FAILURE() << std::hex << a << " " << b << " mode " << static_cast<int>(mode) << ": "
                        << result << "/" << ctx.flags << " expected " << expected.bits << "/"
                        << expected.flags;
        }
      }
    }
  }
  EXPECT_EQ(failures, 0);
}

TEST(FpHalf, AddAll) {
  check_binary(FPAdd<u16>, [](double a, double b) { return a + b; });
}
TEST(FpHalf, SubAll) {
  check_binary(FPSub<u16>, [](double a, double b) { return a - b; });
}
TEST(FpHalf, MulAll) {
  check_binary(FPMul<u16>, [](double a, double b) { return a * b; });
}
TEST(FpHalf, DivAll) {
  // A quotient of halves is never so close to a half or a midpoint that rounding to double hides
  // the difference.
  check_binary(FPDiv<u16>, [](double a, double b) { return a / b; });
}
TEST(FpHalf, MulAddAll) {
  // Products have 22 bits, are multiples of 2^-48 and below 2^32: a small integer can be added to
  // one, or the product be taken from it, without rounding in a double.
  const Binary op = [](u16 a, u16 b, Context& ctx) { return FPMulAdd<u16>(0x3c00, a, b, ctx); };
  check_binary(op, [](double a, double b) { return 1.0 + a * b; });
}
TEST(FpHalf, RecipStepAll) {
  check_binary(FPRecipStepFused<u16>, [](double a, double b) { return 2.0 - a * b; });
}
TEST(FpHalf, RSqrtStepAll) {
  check_binary(FPRSqrtStepFused<u16>, [](double a, double b) { return (3.0 - a * b) / 2; });
}

TEST(FpHalf, SqrtAll) {
  const HalfJudge judge;
  for (const Rounding mode : kFpcrModes) {
    for (u32 a = 1; a < kInf; ++a) {
      Context ctx{.rounding = mode};
      const u32 result = FPSqrt(static_cast<u16>(a), ctx);
      ASSERT_EQ((Rounded{result, ctx.flags}), judge.round(std::sqrt(value_of(a)), mode)) << a;
    }
  }
}

double round_like(double x, Rounding mode) {
  switch (mode) {
    case Rounding::TieEven:
      return std::nearbyint(x);
    case Rounding::PlusInf:
      return std::ceil(x);
    case Rounding::MinusInf:
      return std::floor(x);
    case Rounding::TieAway:
      return std::round(x);
    default:
      return std::trunc(x);
  }
}

TEST(FpHalf, RoundIntAll) {
  const HalfJudge judge;
  for (const Rounding mode : kAllModes) {
    for (u32 a = 0; a < 0x10000; ++a) {
      if (!finite(a)) continue;
      const double whole = std::copysign(round_like(value_of(a), mode), value_of(a));
      Context ctx;
      const u32 result = FPRoundInt(static_cast<u16>(a), mode, true, ctx);
      ASSERT_EQ(result, judge.round(whole, Rounding::Zero).bits) << a;
      ASSERT_EQ(ctx.flags, whole != value_of(a) ? kIXC : 0) << a;
    }
  }
}

TEST(FpHalf, ToFixedAll) {
  for (const Rounding mode : kAllModes) {
    for (u32 a = 0; a < 0x10000; ++a) {
      if (!finite(a)) continue;
      for (const bool is_unsigned : {false, true}) {
        const double x = value_of(a) * 4;  // two fraction bits
        const double whole = round_like(x, mode);
        const double lowest = is_unsigned ? 0 : -32768;
        const double highest = is_unsigned ? 65535 : 32767;
        const double kept = std::clamp(whole, lowest, highest);
        const u32 flags = kept != whole ? kIOC : whole != x ? kIXC : 0;
        Context ctx;
        const u64 result = FPToFixed(static_cast<u16>(a), 2, is_unsigned, mode, 16, ctx);
        ASSERT_EQ(result, static_cast<u16>(static_cast<s64>(kept))) << std::hex << a;
        ASSERT_EQ(ctx.flags, flags) << std::hex << a;
      }
    }
  }
}

TEST(FpHalf, FromFixedAll) {
  const HalfJudge judge;
  for (const Rounding mode : kFpcrModes) {
    for (u32 i = 0; i < 0x10000; ++i) {
      for (const unsigned fbits : {0u, 5u, 16u}) {
        Context ctx;
        const u32 result = FixedToFP<u16>(i, fbits, false, 16, mode, ctx);
        const double x = std::ldexp(static_cast<s16>(i), -static_cast<int>(fbits));
        ASSERT_EQ((Rounded{result, ctx.flags}), judge.round(x, mode)) << i << " " << fbits;
      }
    }
  }
}

TEST(FpHalf, ConvertAllBothWays) {
  for (u32 a = 0; a < 0x10000; ++a) {
    const u16 half = static_cast<u16>(a);
    for (const bool ahp : {false, true}) {
      Context ctx{.fz16 = true, .ahp = ahp};  // FZ16 has no effect here
      const u32 single = FPConvert<u32>(half, ctx);
      const u64 wide = FPConvert<u64>(half, ctx);
      ASSERT_EQ(FPConvert<u64>(single, ctx), wide);
      const bool nan = !ahp && (a & 0x7fff) > kInf;
      const u32 back = nan ? a | 0x200 : a;
      ASSERT_EQ(FPConvert<u16>(single, ctx), back);
      ASSERT_EQ(FPConvert<u16>(wide, ctx), back);
      ASSERT_EQ(ctx.flags, nan && !(a & 0x200) ? kIOC : 0);
      if (finite(a)) {
        ASSERT_EQ(std::bit_cast<double>(wide), value_of(a));
      }
    }
  }
}

TEST(FpHalf, NarrowingAroundAllHalves) {
  const HalfJudge judge;
  for (const Rounding mode : kAllModes) {
    for (u32 a = 0; a < 0x10000; ++a) {
      if (!finite(a)) continue;
      const float x = static_cast<float>(value_of(a));
      const float next = static_cast<float>(value_of(a + 1));
      for (const float y : {std::nextafter(x, next), (x + next) / 2,
                            std::nextafter((x + next) / 2, next), std::nextafter(next, x)}) {
        Context ctx;
        const u32 from_single = FPConvert<u16>(std::bit_cast<u32>(y), mode, ctx);
        ASSERT_EQ((Rounded{from_single, ctx.flags}), judge.round(y, mode)) << std::hex << a;
        ctx = {};
        const u32 from_double = FPConvert<u16>(std::bit_cast<u64>(double{y}), mode, ctx);
        ASSERT_EQ((Rounded{from_double, ctx.flags}), judge.round(y, mode)) << std::hex << a;
      }
    }
  }
}

TEST(FpHalf, FlushedResults) {
  const HalfJudge judge;
  for (u32 a = 0x0400; a < kInf; ++a) {  // normal operands
    Context ctx{.fz16 = true};
    const u32 result = FPMul<u16>(static_cast<u16>(a), 0x2e66, ctx);
    const double x = value_of(a) * value_of(0x2e66);
    ASSERT_EQ((Rounded{result, ctx.flags}), judge.round(x, Rounding::TieEven, true)) << a;
  }
}

TEST(FpHalf, CompareAll) {
  for (const u16 b : kPartners) {
    for (u32 a = 0; a < 0x10000; ++a) {
      const u16 op = static_cast<u16>(a);
      const bool nan = (a & 0x7fff) > kInf;
      // 65536 stands for infinity.
      const double x = value_of(a);
      const double y = value_of(b);
      Context ctx;
      ASSERT_EQ(FPCompare(op, b, false, ctx), nan ? 3u : x == y ? 6u : x < y ? 8u : 2u);
      ASSERT_EQ(ctx.flags, nan && !(a & 0x200) ? kIOC : 0);
      ASSERT_EQ(FPCompareEQ(op, b, ctx), !nan && x == y);
      ctx.flags = 0;
      ASSERT_EQ(FPCompareGE(op, b, ctx), !nan && x >= y);
      ASSERT_EQ(FPCompareGT(op, b, ctx), !nan && x > y);
      ASSERT_EQ(ctx.flags, nan ? kIOC : 0);
      if (nan) continue;
      ASSERT_EQ(FPMax(op, b, ctx), x > y ? op : b);
      ASSERT_EQ(FPMin(op, b, ctx), x < y ? op : b);
    }
  }
}

TEST(FpHalf, EstimatesAreClose) {
  // The manual's 8-bit estimates are within 2^-8 of the truth.
  for (u32 a = 0x0400; a < kInf; ++a) {
    Context ctx;
    const double x = value_of(a);
    const u16 recip = FPRecipEstimate(static_cast<u16>(a), ctx);
    const u16 rsqrt = FPRSqrtEstimate(static_cast<u16>(a), ctx);
    ASSERT_NEAR(value_of(recip) * x, 1.0, 0x1p-8) << a;
    ASSERT_NEAR(value_of(rsqrt) * std::sqrt(x), 1.0, 0x1p-8) << a;
    ASSERT_EQ(ctx.flags, 0u);
  }
}

}  // namespace
}  // namespace quince::fp
