// The few vector operations of the floating-point and integer benchmarks that both machines have with the
// same result: NEON, and SSE4.1 with FMA.  Nothing here is emulated on either side.
#ifndef QUINCE_BENCH_GUEST_SIMD_H
#define QUINCE_BENCH_GUEST_SIMD_H

#include "bench.h"

#if defined(__aarch64__)

#pragma GCC target("arch=armv8.2-a+dotprod")
#include <arm_neon.h>
typedef float32x4_t F32;
typedef float64x2_t F64;
typedef uint8x16_t Vec;  // of any elements

static inline F32 f32_load(const float* p) { return vld1q_f32(p); }
static inline void f32_store(float* p, F32 v) { vst1q_f32(p, v); }
static inline F32 f32_all(float x) { return vdupq_n_f32(x); }
static inline F32 f32_fma(F32 a, F32 b, F32 c) { return vfmaq_f32(c, a, b); }
static inline F32 f32_add(F32 a, F32 b) { return vaddq_f32(a, b); }
static inline F32 f32_mul(F32 a, F32 b) { return vmulq_f32(a, b); }
static inline F32 f32_div(F32 a, F32 b) { return vdivq_f32(a, b); }
static inline F32 f32_sqrt(F32 a) { return vsqrtq_f32(a); }
/// a where a > b, else b.
static inline F32 f32_greater(F32 a, F32 b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline F64 f64_load(const double* p) { return vld1q_f64(p); }
static inline void f64_store(double* p, F64 v) { vst1q_f64(p, v); }
static inline F64 f64_all(double x) { return vdupq_n_f64(x); }
static inline F64 f64_fma(F64 a, F64 b, F64 c) { return vfmaq_f64(c, a, b); }
static inline F64 f64_add(F64 a, F64 b) { return vaddq_f64(a, b); }
static inline F64 f64_div(F64 a, F64 b) { return vdivq_f64(a, b); }
static inline F64 f64_sqrt(F64 a) { return vsqrtq_f64(a); }

static inline Vec load(const void* p) { return vld1q_u8(p); }
static inline void store(void* p, Vec v) { vst1q_u8(p, v); }
static inline Vec all32(u32 x) { return vreinterpretq_u8_u32(vdupq_n_u32(x)); }
static inline Vec add8(Vec a, Vec b) { return vaddq_u8(a, b); }
static inline Vec xor8(Vec a, Vec b) { return veorq_u8(a, b); }
static inline Vec and8(Vec a, Vec b) { return vandq_u8(a, b); }
static inline Vec add32(Vec a, Vec b) {
  return vreinterpretq_u8_u32(vaddq_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}
static inline Vec mul32(Vec a, Vec b) {
  return vreinterpretq_u8_u32(vmulq_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}
static inline Vec shift_right32_5(Vec a) {
  return vreinterpretq_u8_u32(vshrq_n_u32(vreinterpretq_u32_u8(a), 5));
}
static inline Vec add_saturating_u8(Vec a, Vec b) { return vqaddq_u8(a, b); }
static inline Vec sub_saturating_s16(Vec a, Vec b) {
  return vreinterpretq_u8_s16(vqsubq_s16(vreinterpretq_s16_u8(a), vreinterpretq_s16_u8(b)));
}
static inline Vec add_saturating_s16(Vec a, Vec b) {
  return vreinterpretq_u8_s16(vqaddq_s16(vreinterpretq_s16_u8(a), vreinterpretq_s16_u8(b)));
}
static inline Vec min8(Vec a, Vec b) { return vminq_u8(a, b); }
static inline Vec max8(Vec a, Vec b) { return vmaxq_u8(a, b); }
static inline Vec average8(Vec a, Vec b) { return vrhaddq_u8(a, b); }
static inline Vec equal8(Vec a, Vec b) { return vceqq_u8(a, b); }
static inline Vec zip_low8(Vec a, Vec b) { return vzip1q_u8(a, b); }
static inline Vec zip_high8(Vec a, Vec b) { return vzip2q_u8(a, b); }
/// Bytes of `a` by indexes below 16.
static inline Vec table8(Vec a, Vec indexes) { return vqtbl1q_u8(a, indexes); }
/// Products of 16-bit elements, added in pairs to four 32-bit sums.
static inline Vec dot16(Vec a, Vec b) {
  const int16x8_t x = vreinterpretq_s16_u8(a), y = vreinterpretq_s16_u8(b);
  return vreinterpretq_u8_s32(
      vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)));
}
/// The sum of absolute differences of bytes, as a number.
static inline u64 distance8(Vec a, Vec b) { return vaddlvq_u8(vabdq_u8(a, b)); }
static inline const char* no_simd(void) { return NULL; }

#elif defined(__x86_64__)

#pragma GCC target("sse4.1,avx,fma")
#include <immintrin.h>
typedef __m128 F32;
typedef __m128d F64;
typedef __m128i Vec;

static inline F32 f32_load(const float* p) { return _mm_loadu_ps(p); }
static inline void f32_store(float* p, F32 v) { _mm_storeu_ps(p, v); }
static inline F32 f32_all(float x) { return _mm_set1_ps(x); }
static inline F32 f32_fma(F32 a, F32 b, F32 c) { return _mm_fmadd_ps(a, b, c); }
static inline F32 f32_add(F32 a, F32 b) { return _mm_add_ps(a, b); }
static inline F32 f32_mul(F32 a, F32 b) { return _mm_mul_ps(a, b); }
static inline F32 f32_div(F32 a, F32 b) { return _mm_div_ps(a, b); }
static inline F32 f32_sqrt(F32 a) { return _mm_sqrt_ps(a); }
static inline F32 f32_greater(F32 a, F32 b) { return _mm_blendv_ps(b, a, _mm_cmpgt_ps(a, b)); }
static inline F64 f64_load(const double* p) { return _mm_loadu_pd(p); }
static inline void f64_store(double* p, F64 v) { _mm_storeu_pd(p, v); }
static inline F64 f64_all(double x) { return _mm_set1_pd(x); }
static inline F64 f64_fma(F64 a, F64 b, F64 c) { return _mm_fmadd_pd(a, b, c); }
static inline F64 f64_add(F64 a, F64 b) { return _mm_add_pd(a, b); }
static inline F64 f64_div(F64 a, F64 b) { return _mm_div_pd(a, b); }
static inline F64 f64_sqrt(F64 a) { return _mm_sqrt_pd(a); }

static inline Vec load(const void* p) { return _mm_loadu_si128(p); }
static inline void store(void* p, Vec v) { _mm_storeu_si128(p, v); }
static inline Vec all32(u32 x) { return _mm_set1_epi32((int)x); }
static inline Vec add8(Vec a, Vec b) { return _mm_add_epi8(a, b); }
static inline Vec xor8(Vec a, Vec b) { return _mm_xor_si128(a, b); }
static inline Vec and8(Vec a, Vec b) { return _mm_and_si128(a, b); }
static inline Vec add32(Vec a, Vec b) { return _mm_add_epi32(a, b); }
static inline Vec mul32(Vec a, Vec b) { return _mm_mullo_epi32(a, b); }
static inline Vec shift_right32_5(Vec a) { return _mm_srli_epi32(a, 5); }
static inline Vec add_saturating_u8(Vec a, Vec b) { return _mm_adds_epu8(a, b); }
static inline Vec sub_saturating_s16(Vec a, Vec b) { return _mm_subs_epi16(a, b); }
static inline Vec add_saturating_s16(Vec a, Vec b) { return _mm_adds_epi16(a, b); }
static inline Vec min8(Vec a, Vec b) { return _mm_min_epu8(a, b); }
static inline Vec max8(Vec a, Vec b) { return _mm_max_epu8(a, b); }
static inline Vec average8(Vec a, Vec b) { return _mm_avg_epu8(a, b); }
static inline Vec equal8(Vec a, Vec b) { return _mm_cmpeq_epi8(a, b); }
static inline Vec zip_low8(Vec a, Vec b) { return _mm_unpacklo_epi8(a, b); }
static inline Vec zip_high8(Vec a, Vec b) { return _mm_unpackhi_epi8(a, b); }
static inline Vec table8(Vec a, Vec indexes) { return _mm_shuffle_epi8(a, indexes); }
static inline Vec dot16(Vec a, Vec b) { return _mm_madd_epi16(a, b); }
static inline u64 distance8(Vec a, Vec b) {
  const Vec s = _mm_sad_epu8(a, b);
  return (u64)_mm_cvtsi128_si64(s) + (u64)_mm_extract_epi64(s, 1);
}
static inline const char* no_simd(void) {
  return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx") ? NULL : "no AVX or FMA";
}

#else
#error "only AArch64 and x86-64"
#endif
#endif
