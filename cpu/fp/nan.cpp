// cpu/fp/nan.cpp — which NaN an operation on NaNs returns.
//
// Models FPProcessNaN, FPProcessNaNs and FPProcessNaNs3 (DDI 0487, shared functions/float).
#include <initializer_list>

#include "cpu/fp/fp.h"
#include "cpu/fp/unpacked.h"

namespace quince::fp {

template <class T>
T FPProcessNaN(FPType type, T op, Context& ctx) {
  if (type == FPType::SNaN) ctx.flags |= kIOC;
  if (ctx.dn) return FPDefaultNaN<T>();
  return static_cast<T>(op | Layout<T>::kQuietBit);
}

template <class T>
bool FPProcessNaNs3(FPType type1, FPType type2, FPType type3, T op1, T op2, T op3, Context& ctx,
                    T& result) {
  if (!is_nan(type1) && !is_nan(type2) && !is_nan(type3)) [[likely]]
    return false;
  for (const FPType wanted : {FPType::SNaN, FPType::QNaN}) {
    if (type1 == wanted) {
      result = FPProcessNaN(type1, op1, ctx);
      return true;
    }
    if (type2 == wanted) {
      result = FPProcessNaN(type2, op2, ctx);
      return true;
    }
    if (type3 == wanted) {
      result = FPProcessNaN(type3, op3, ctx);
      return true;
    }
  }
  return false;
}

template <class T>
bool FPProcessNaNs(FPType type1, FPType type2, T op1, T op2, Context& ctx, T& result) {
  if (!is_nan(type1) && !is_nan(type2)) [[likely]]
    return false;
  return FPProcessNaNs3(type1, type2, FPType::Zero, op1, op2, T{0}, ctx, result);
}

#define QUINCE_FP_INSTANTIATE(T)                                      \
  template T FPProcessNaN<T>(FPType, T, Context&);                    \
  template bool FPProcessNaNs<T>(FPType, FPType, T, T, Context&, T&); \
  template bool FPProcessNaNs3<T>(FPType, FPType, FPType, T, T, T, Context&, T&);
QUINCE_FP_INSTANTIATE(u16)
QUINCE_FP_INSTANTIATE(u32)
QUINCE_FP_INSTANTIATE(u64)
#undef QUINCE_FP_INSTANTIATE

}  // namespace quince::fp
