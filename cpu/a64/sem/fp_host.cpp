// Fused multiply-add on the host, where it has the instruction: the compiler may use it in these
// functions only, and they ask before.
#include "cpu/a64/sem/fp_host.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace quince::a64::fpu {

#ifdef __x86_64__

namespace {

[[gnu::target("fma")]] float fused(float d, float a, float b) { return __builtin_fmaf(a, b, d); }
[[gnu::target("fma")]] double fused(double d, double a, double b) {
  return __builtin_fma(a, b, d);
}
[[gnu::target("fma")]] VReg fused_4s(const VReg& d, const VReg& a, const VReg& b) {
  return std::bit_cast<VReg>(_mm_fmadd_ps(std::bit_cast<__m128>(a), std::bit_cast<__m128>(b),
                                          std::bit_cast<__m128>(d)));
}
[[gnu::target("fma")]] VReg fused_2d(const VReg& d, const VReg& a, const VReg& b) {
  return std::bit_cast<VReg>(_mm_fmadd_pd(std::bit_cast<__m128d>(a), std::bit_cast<__m128d>(b),
                                          std::bit_cast<__m128d>(d)));
}

bool has_fma() { return __builtin_cpu_supports("fma") != 0; }

template <class T>
bool fused_if_safe(T d, T a, T b, T& r) {
  if (!has_fma()) return false;
  r = bits_of(fused(number(d), number(a), number(b)));
  return is_safe(r);
}

}  // namespace

bool host_fma(u32 d, u32 a, u32 b, u32& r) { return fused_if_safe(d, a, b, r); }
bool host_fma(u64 d, u64 a, u64 b, u64& r) { return fused_if_safe(d, a, b, r); }

bool host_fma_4s(const VReg& d, const VReg& a, const VReg& b, VReg& r) {
  if (!has_fma()) return false;
  r = fused_4s(d, a, b);
  return true;
}
bool host_fma_2d(const VReg& d, const VReg& a, const VReg& b, VReg& r) {
  if (!has_fma()) return false;
  r = fused_2d(d, a, b);
  return true;
}

#else

bool host_fma(u32, u32, u32, u32&) { return false; }
bool host_fma(u64, u64, u64, u64&) { return false; }
bool host_fma_4s(const VReg&, const VReg&, const VReg&, VReg&) { return false; }
bool host_fma_2d(const VReg&, const VReg&, const VReg&, VReg&) { return false; }

#endif

}  // namespace quince::a64::fpu
