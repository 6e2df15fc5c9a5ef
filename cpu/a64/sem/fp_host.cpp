// Fused multiply-add on the host, where it has the instruction: the compiler may use it in these
// functions only, and their callers ask first.
#include "cpu/a64/sem/fp_host.h"

#ifdef __x86_64__
#include <immintrin.h>
#define QUINCE_FMA [[gnu::target("fma")]]
#else
#define QUINCE_FMA
#endif

namespace quince::a64::fpu {

#ifdef __x86_64__

bool has_host_fma() { return __builtin_cpu_supports("fma") != 0; }

QUINCE_FMA Halves host_fma_4s(Halves d, Halves a, Halves b) {
  return std::bit_cast<Halves>(_mm_fmadd_ps(
      std::bit_cast<__m128>(a), std::bit_cast<__m128>(b), std::bit_cast<__m128>(d)));
}
QUINCE_FMA Halves host_fma_2d(Halves d, Halves a, Halves b) {
  return std::bit_cast<Halves>(_mm_fmadd_pd(
      std::bit_cast<__m128d>(a), std::bit_cast<__m128d>(b), std::bit_cast<__m128d>(d)));
}

#else

bool has_host_fma() { return false; }
Halves host_fma_4s(Halves d, Halves, Halves) { return d; }
Halves host_fma_2d(Halves d, Halves, Halves) { return d; }

#endif

QUINCE_FMA u32 host_fma(u32 d, u32 a, u32 b) {
  return bits_of(__builtin_fmaf(number(a), number(b), number(d)));
}
QUINCE_FMA u64 host_fma(u64 d, u64 a, u64 b) {
  return bits_of(__builtin_fma(number(a), number(b), number(d)));
}

}  // namespace quince::a64::fpu
