// cpu/fp/compare.cpp — comparisons, maximum and minimum.
//
// Models FPCompare, FPCompareEQ/GE/GT, FPMax, FPMin, FPMaxNum and FPMinNum (DDI 0487, shared
// functions/float). Numbers of a format order like sign-magnitude integers of their bit patterns.
#include "cpu/fp/fp.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {
namespace {

/// A key that orders like the value; both zeros have key 0. `op` is not a NaN.
template <class T>
s64 order_key(T op) {
  const s64 magnitude = static_cast<s64>(FPAbs(op));
  return sign_of(op) ? -magnitude : magnitude;
}

/// Both operands of a comparison, flushed and classified for NaNs.
template <class T>
struct Operands {
  Operands(T op1, T op2, Context& ctx)
      : a(flush_input(op1, ctx)),
        b(flush_input(op2, ctx)),
        type1(classify(a)),
        type2(classify(b)) {}

  bool any_nan() const { return is_nan(type1) || is_nan(type2); }
  bool any_snan() const { return type1 == FPType::SNaN || type2 == FPType::SNaN; }

  T a, b;
  FPType type1, type2;
};

/// FPMax, or FPMin when `minimum`. The manual rounds the chosen number, but after the flushing of
/// inputs that cannot change it or set a flag.
template <class T>
T max_or_min(T op1, T op2, bool minimum, Context& ctx) {
  const Operands<T> ops(op1, op2, ctx);
  T result;
  if (FPProcessNaNs(ops.type1, ops.type2, op1, op2, ctx, result)) return result;
  const s64 key1 = order_key(ops.a);
  const s64 key2 = order_key(ops.b);
  // Equal keys differ at most in the sign of a zero.
  if (key1 == key2) return static_cast<T>(minimum ? ops.a | ops.b : ops.a & ops.b);
  return (key1 > key2) != minimum ? ops.a : ops.b;
}

/// FPMaxNum, or FPMinNum when `minimum`.
template <class T>
T max_or_min_num(T op1, T op2, bool minimum, Context& ctx) {
  const bool quiet1 = classify(op1) == FPType::QNaN;
  const bool quiet2 = classify(op2) == FPType::QNaN;
  const T loser = FPInfinity<T>(!minimum);
  if (quiet1 && !quiet2) op1 = loser;
  if (quiet2 && !quiet1) op2 = loser;
  return max_or_min(op1, op2, minimum, ctx);
}

}  // namespace

template <class T>
u32 FPCompare(T op1, T op2, bool signal_nans, Context& ctx) {
  constexpr u32 kLess = 0x8, kEqual = 0x6, kGreater = 0x2, kUnordered = 0x3;
  const Operands<T> ops(op1, op2, ctx);
  if (ops.any_nan()) {
    if (signal_nans || ops.any_snan()) ctx.flags |= kIOC;
    return kUnordered;
  }
  const s64 key1 = order_key(ops.a);
  const s64 key2 = order_key(ops.b);
  if (key1 == key2) return kEqual;
  return key1 < key2 ? kLess : kGreater;
}

template <class T>
bool FPCompareEQ(T op1, T op2, Context& ctx) {
  return FPCompare(op1, op2, false, ctx) == 0x6;
}

template <class T>
bool FPCompareGE(T op1, T op2, Context& ctx) {
  const u32 flags = FPCompare(op1, op2, true, ctx);
  return flags == 0x6 || flags == 0x2;
}

template <class T>
bool FPCompareGT(T op1, T op2, Context& ctx) {
  return FPCompare(op1, op2, true, ctx) == 0x2;
}

template <class T>
T FPMax(T op1, T op2, Context& ctx) {
  return max_or_min(op1, op2, false, ctx);
}

template <class T>
T FPMin(T op1, T op2, Context& ctx) {
  return max_or_min(op1, op2, true, ctx);
}

template <class T>
T FPMaxNum(T op1, T op2, Context& ctx) {
  return max_or_min_num(op1, op2, false, ctx);
}

template <class T>
T FPMinNum(T op1, T op2, Context& ctx) {
  return max_or_min_num(op1, op2, true, ctx);
}

#define QUINCE_FP_INSTANTIATE(T)                   \
  template u32 FPCompare<T>(T, T, bool, Context&); \
  template bool FPCompareEQ<T>(T, T, Context&);    \
  template bool FPCompareGE<T>(T, T, Context&);    \
  template bool FPCompareGT<T>(T, T, Context&);    \
  template T FPMax<T>(T, T, Context&);             \
  template T FPMin<T>(T, T, Context&);             \
  template T FPMaxNum<T>(T, T, Context&);          \
  template T FPMinNum<T>(T, T, Context&);
QUINCE_FP_INSTANTIATE(u16)
QUINCE_FP_INSTANTIATE(u32)
QUINCE_FP_INSTANTIATE(u64)
#undef QUINCE_FP_INSTANTIATE

}  // namespace quince::fp
