// cpu/fp/soft.h — the operations that have a fast path on the host, without that fast path.
//
// These are the reference: they compute with integers only and hold for every FPCR setting. The
// functions of the same name in fp.h give the same results and flags. For use inside cpu/fp and by
// its tests.
#ifndef QUINCE_CPU_FP_SOFT_H_
#define QUINCE_CPU_FP_SOFT_H_

#include "cpu/fp/fp.h"

namespace quince::fp::soft {

template <class T>
T FPAdd(T op1, T op2, Context& ctx);
template <class T>
T FPSub(T op1, T op2, Context& ctx);
template <class T>
T FPMul(T op1, T op2, Context& ctx);
template <class T>
T FPMulX(T op1, T op2, Context& ctx);
template <class T>
T FPDiv(T op1, T op2, Context& ctx);
template <class T>
T FPSqrt(T op, Context& ctx);
template <class T>
T FPMulAdd(T addend, T op1, T op2, Context& ctx);
template <class T>
T FPRecipStepFused(T op1, T op2, Context& ctx);
template <class T>
T FPRSqrtStepFused(T op1, T op2, Context& ctx);
template <class To, class From>
To FPConvert(From op, Rounding rounding, Context& ctx);

}  // namespace quince::fp::soft

#endif  // QUINCE_CPU_FP_SOFT_H_
