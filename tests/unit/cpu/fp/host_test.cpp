// tests/unit/cpu/fp/host_test.cpp — the host fast paths (cpu/fp/fp_host.h) against the soft path.
#include <gtest/gtest.h>

#include <random>
#include <type_traits>

#include "cpu/fp/fp.h"
#include "cpu/fp/soft.h"

namespace quince::fp {
namespace {

class Random {
 public:
  explicit Random(u64 seed) : engine_(seed) {}
  u64 next() { return engine_(); }
  u64 below(u64 limit) { return next() % limit; }

 private:
  std::mt19937_64 engine_;
};

/// An operand. Exponents cluster around 1 and at both ends of the range; fractions are often short.
template <class T>
T operand(Random& random) {
  constexpr unsigned kFrac = FormatOf<T>::kFracBits;
  constexpr u64 kTop = (u64{1} << FormatOf<T>::kExpBits) - 1;
  constexpr u64 kBias = kTop / 2;
  u64 exp = 0;
  switch (random.below(6)) {
    case 0:
      exp = random.below(kTop + 1);
      break;
    case 1:
      exp = random.below(4);
      break;
    case 2:
      exp = kTop - random.below(4);
      break;
    case 3:
      exp = kBias / 2 + random.below(2 * kFrac);
      break;  // products near the smallest normal
    default:
      exp = kBias + random.below(12) - 6;
      break;
  }
  u64 frac = random.next() & ((u64{1} << kFrac) - 1);
  switch (random.below(4)) {
    case 0:
      frac = 0;
      break;
    case 1:
      frac &= ~u64{0} << random.below(kFrac);
      break;
    case 2:
      frac |= (u64{1} << random.below(kFrac)) - 1;
      break;
    default:
      break;
  }
  return static_cast<T>(FPZero<T>(random.next() & 1) | (exp << kFrac) | frac);
}

/// Runs `fast` and `soft` under the same conditions and compares results and flags.
template <class Fast, class Soft>
bool same(Random& random, Fast fast, Soft soft) {
  const u32 fpcr = random.below(4) == 0 ? static_cast<u32>(random.next()) & 0x07c80000 : 0;
  const u32 before = random.next() & 1 ? kIXC : 0;
  Context ctx1 = context_from_fpcr(fpcr, before);
  Context ctx2 = ctx1;
  const auto result1 = fast(ctx1);
  const auto result2 = soft(ctx2);
  if (result1 == result2 && ctx1.flags == ctx2.flags) return true;
  ADD_FAILURE() << std::hex << "fpcr " << fpcr << " fpsr " << before << " fast " << result1 << "/"
                << ctx1.flags << " soft " << result2 << "/" << ctx2.flags;
  return false;
}

template <class T>
bool same_arithmetic(Random& random) {
  const T a = operand<T>(random);
  const T b = operand<T>(random);
  const T c = operand<T>(random);
  using Other = std::conditional_t<sizeof(T) == 4, u64, u32>;
  const auto compare = [&](auto fast, auto soft) { return same(random, fast, soft); };
  const bool ok = compare([&](Context& x) { return FPAdd(a, b, x); },
                          [&](Context& x) { return soft::FPAdd(a, b, x); }) &&
                  compare([&](Context& x) { return FPSub(a, b, x); },
                          [&](Context& x) { return soft::FPSub(a, b, x); }) &&
                  compare([&](Context& x) { return FPMul(a, b, x); },
                          [&](Context& x) { return soft::FPMul(a, b, x); }) &&
                  compare([&](Context& x) { return FPMulX(a, b, x); },
                          [&](Context& x) { return soft::FPMulX(a, b, x); }) &&
                  compare([&](Context& x) { return FPDiv(a, b, x); },
                          [&](Context& x) { return soft::FPDiv(a, b, x); }) &&
                  compare([&](Context& x) { return FPSqrt(a, x); },
                          [&](Context& x) { return soft::FPSqrt(a, x); }) &&
                  compare([&](Context& x) { return FPMulAdd(c, a, b, x); },
                          [&](Context& x) { return soft::FPMulAdd(c, a, b, x); }) &&
                  compare([&](Context& x) { return FPRecipStepFused(a, b, x); },
                          [&](Context& x) { return soft::FPRecipStepFused(a, b, x); }) &&
                  compare([&](Context& x) { return FPRSqrtStepFused(a, b, x); },
                          [&](Context& x) { return soft::FPRSqrtStepFused(a, b, x); }) &&
                  compare([&](Context& x) { return FPConvert<Other>(a, x); },
                          [&](Context& x) { return soft::FPConvert<Other>(a, x.rounding, x); });
  if (!ok) ADD_FAILURE() << std::hex << "operands " << a << " " << b << " " << c;
  return ok;
}

TEST(FpHost, SingleMatchesSoft) {
  Random random(1);
  for (int i = 0; i < 400000; ++i) ASSERT_TRUE(same_arithmetic<u32>(random));
}

TEST(FpHost, DoubleMatchesSoft) {
  Random random(2);
  for (int i = 0; i < 400000; ++i) ASSERT_TRUE(same_arithmetic<u64>(random));
}

/// Sums and products next to the smallest normal number, where the answer to "was it tiny before
/// rounding" decides about UFC.
TEST(FpHost, SmallestNormal) {
  for (u32 frac = 0; frac < 64; ++frac) {
    for (const u32 before : {0u, kIXC}) {
      // (1 + frac * 2^-23) * (1 - 2^-24 * (frac + 1)) * 2^-126, about the smallest normal.
      const u32 a = 0x3f800000 + frac;
      const u32 b = 0x00ffffff - frac;
      Context ctx1{.flags = before};
      Context ctx2{.flags = before};
      const u32 half = 0x3f000000;
      EXPECT_EQ(FPMulAdd(FPMul(b, half, ctx1), a, b, ctx1),
                soft::FPMulAdd(soft::FPMul(b, half, ctx2), a, b, ctx2));
      EXPECT_EQ(FPMul(a, FPMul(b, half, ctx1), ctx1),
                soft::FPMul(a, soft::FPMul(b, half, ctx2), ctx2));
      EXPECT_EQ(ctx1.flags, ctx2.flags);
    }
  }
}

}  // namespace
}  // namespace quince::fp
