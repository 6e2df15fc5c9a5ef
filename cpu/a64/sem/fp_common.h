// What the meanings of scalar and vector floating point share: registers, FPCR and FPSR, and the
// paths on which the host's arithmetic does the work (Arm ARM DDI 0487, C7 and A1.5).
#pragma once

#include <array>

#include "base/bits.h"
#include "base/types.h"
#include "cpu/fp/fp.h"
#include "cpu/fp/fp_host.h"
#include "cpu/vcpu.h"

namespace quince::a64 {

using cpu::Vcpu;
using cpu::VReg;

namespace fpu {

using fp::Context;
using fp::Rounding;

/// The low element of a vector register.
template <class T>
T get(const Vcpu& c, u32 r) {
  return static_cast<T>(c.s.v[r].d[0]);
}
/// Writes a scalar: the rest of the register becomes zero.
template <class T>
void put(Vcpu& c, u32 r, T v) {
  c.s.v[r].d[0] = v;
  c.s.v[r].d[1] = 0;
}

/// FPCR and FPSR for one instruction: operations work on `k`, and the flags go back at the end.
/// FPSR.QC comes along untouched.
class Scope {
 public:
  explicit Scope(Vcpu& c) : k(fp::context_from_fpcr(c.s.fpcr, c.s.fpsr)), c_(c) {}
  ~Scope() { c_.s.fpsr = k.flags; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Context k;

 private:
  Vcpu& c_;
};

inline bool nearest(const Vcpu& c) { return (c.s.fpcr & (3u << fp::kFpcrRModeShift)) == 0; }

/// Rounding is to nearest and FPSR.IXC is set: the host paths of cpu/fp can be inlined with a
/// constant context, and what they leave alone (NaNs, denormals) is all that FPCR says more.
inline bool host_ready(const Vcpu& c) {
  return ((c.s.fpcr & (3u << fp::kFpcrRModeShift)) | (~c.s.fpsr & fp::kIXC)) == 0;
}
inline constexpr Context kHostContext{.flags = fp::kIXC};

template <class T>
using Unary = T (*)(T, Context&);
template <class T>
using Binary = T (*)(T, T, Context&);

/// Vd = op(Vn), a scalar.
template <class T, class F>
void scalar1(Vcpu& c, u32 rn, u32 rd, F f) {
  Scope s(c);
  put<T>(c, rd, static_cast<T>(f(get<T>(c, rn), s.k)));
}
/// Vd = op(Vn, Vm), scalars.
template <class T, class F>
void scalar2(Vcpu& c, u32 rm, u32 rn, u32 rd, F f) {
  Scope s(c);
  put<T>(c, rd, static_cast<T>(f(get<T>(c, rn), get<T>(c, rm), s.k)));
}
/// Vd = op(Va, Vn, Vm), scalars.
template <class T, class F>
void scalar3(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd, F f) {
  Scope s(c);
  put<T>(c, rd, static_cast<T>(f(get<T>(c, ra), get<T>(c, rn), get<T>(c, rm), s.k)));
}

/// All ones or zeros: the result of a vector comparison.
template <class T>
constexpr T mask_of(bool holds) {
  return static_cast<T>(u64{0} - u64{holds});
}

/// VFPExpandImm: the 8-bit immediate of FMOV as a number of format T.
template <class T>
constexpr T expand_imm(u32 imm8) {
  using F = fp::FormatOf<T>;
  const u64 sign = (imm8 >> 7) & 1;
  const bool b6 = ((imm8 >> 6) & 1) != 0;
  const u64 exp = (u64{!b6} << (F::kExpBits - 1)) |
                  ((b6 ? low_mask(F::kExpBits - 3) : 0) << 2) | ((imm8 >> 4) & 3);
  return static_cast<T>((sign << (F::kBits - 1)) | (exp << F::kFracBits) |
                        (u64{imm8 & 15} << (F::kFracBits - 4)));
}

/// Rounds towards zero to an integer on the host; false when it declines (NaN, out of range,
/// denormal).  The result is truncated to 32 bits without `sf`.
template <class T>
bool host_to_integer(T op, bool sf, bool is_unsigned, u64& out, u32& flags) {
  if constexpr (!fp::kHasHostType<T>) {
    return false;
  } else {
    if (!fp::is_plain(op)) return false;
    const double v = fp::to_host(op);
    const double limit = sf ? 0x1p63 : is_unsigned ? 0x1p32 : 0x1p31;
    if (!(v < limit) || !(is_unsigned ? v >= 0 : v > -limit)) return false;
    const s64 i = static_cast<s64>(v);
    if (static_cast<double>(i) != v) flags |= fp::kIXC;
    out = sf ? static_cast<u64>(i) : static_cast<u32>(i);
    return true;
  }
}

/// Converts an integer on the host; false when it declines.
template <class T>
bool host_from_integer(u64 value, bool is_unsigned, const Vcpu& c, T& out) {
  if constexpr (!fp::kHasHostType<T>) {
    return false;
  } else {
    const s64 i = static_cast<s64>(value);
    if (is_unsigned && i < 0) return false;
    constexpr s64 kExact = s64{1} << (fp::FormatOf<T>::kFracBits + 1);
    if ((i > kExact || i < -kExact) && !host_ready(c)) return false;
    out = fp::from_host(static_cast<decltype(fp::to_host(T{}))>(i));
    return true;
  }
}

/// FPCompare on the host.
template <class T>
bool host_compare(T op1, T op2, u32& nzcv) {
  if constexpr (!fp::kHasHostType<T>) {
    return false;
  } else {
    if (!fp::is_plain(op1) || !fp::is_plain(op2)) return false;
    const auto a = fp::to_host(op1), b = fp::to_host(op2);
    nzcv = a == b ? 6 : a < b ? 8 : 2;
    return true;
  }
}

}  // namespace fpu

// Floating-point expressions that several instructions share, on an operand `a` and a context `k`.
#define QUINCE_FRINT(rounding, exact) fp::FPRoundInt(a, rounding, exact, k)
#define QUINCE_FRINTTS(rounding, size) fp::FPRoundIntN(a, rounding, size, k)

}  // namespace quince::a64
