// Floating point in vectors of four floats and two doubles.
#include "simd.h"

#include <string.h>

enum { kSize = 1024, kMatrix = 32 };
static float fx[kSize], fy[kSize], fz[kSize];
static double dx[kSize], dy[kSize];

static void prepare(unsigned round) {
  (void)round;
  u64 seed = 97;
  for (int i = 0; i < kSize; ++i) {
    dx[i] = (double)(draw(&seed) >> 11) * 0x1p-53 + 0.25;
    dy[i] = (double)(draw(&seed) >> 11) * 0x1p-53 - 0.5;
    fx[i] = (float)dx[i];
    fy[i] = (float)dy[i];
  }
}

/// Multiply-adds in registers: eight sums, so that none waits for another.
static u64 fma_f32(u64 n) {
  F32 s[8];
  for (int k = 0; k < 8; ++k) s[k] = f32_load(fy + 4 * k);
  // Factors below 1, so that the sums stay ordinary numbers.
  const F32 a = f32_mul(f32_load(fx), f32_all(0.5f)), b = f32_load(fx + 4);
  for (u64 i = 0; i < n; ++i)
    for (int k = 0; k < 8; ++k) s[k] = f32_fma(s[k], a, b);
  float out[32];
  for (int k = 0; k < 8; ++k) f32_store(out + 4 * k, s[k]);
  return mix_bytes(CHECK_START, out, sizeof out);
}

static u64 fma_f64(u64 n) {
  F64 s[8];
  for (int k = 0; k < 8; ++k) s[k] = f64_load(dy + 2 * k);
  const F64 a = f64_div(f64_load(dx), f64_all(2)), b = f64_load(dx + 2);
  for (u64 i = 0; i < n; ++i)
    for (int k = 0; k < 8; ++k) s[k] = f64_fma(s[k], a, b);
  double out[16];
  for (int k = 0; k < 8; ++k) f64_store(out + 2 * k, s[k]);
  return mix_bytes(CHECK_START, out, sizeof out);
}

static u64 saxpy(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    const F32 a = f32_all(1e-4f * (float)(turn & 15));
    for (int i = 0; i < kSize; i += 4)
      f32_store(fy + i, f32_fma(a, f32_load(fx + i), f32_load(fy + i)));
  }
  return mix_bytes(CHECK_START, fy, sizeof fy);
}

static u64 daxpy(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    const F64 a = f64_all(1e-6 * (double)(turn & 15));
    for (int i = 0; i < kSize; i += 2)
      f64_store(dy + i, f64_fma(a, f64_load(dx + i), f64_load(dy + i)));
  }
  return mix_bytes(CHECK_START, dy, sizeof dy);
}

/// fz = fx * fy, 4 x 4 elements at a time.
static u64 matrix(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    for (int i = 0; i < kMatrix; i += 4)
      for (int k = 0; k < kMatrix; k += 4) {
        F32 s[4] = {f32_all(0), f32_all(0), f32_all(0), f32_all(0)};
        for (int j = 0; j < kMatrix; ++j) {
          const F32 row = f32_load(fy + j * kMatrix + k);
          for (int r = 0; r < 4; ++r) s[r] = f32_fma(f32_all(fx[(i + r) * kMatrix + j]), row, s[r]);
        }
        for (int r = 0; r < 4; ++r) f32_store(fz + (i + r) * kMatrix + k, s[r]);
      }
    fx[turn % kSize] = fz[1] * 0.01f;
  }
  return mix_bytes(CHECK_START, fz, sizeof fz);
}

static u64 add_mul(u64 n) {
  F32 sum = f32_all(0);
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; i += 4) {
      const F32 x = f32_load(fx + i), y = f32_load(fy + i);
      sum = f32_greater(f32_mul(f32_add(sum, y), x), y);
    }
  float out[4];
  f32_store(out, sum);
  return mix_bytes(CHECK_START, out, sizeof out);
}

static u64 sqrt_divide(u64 n) {
  F32 f = f32_all(1);
  F64 d = f64_all(1);
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; i += 4) {
      const F32 x = f32_load(fx + i);
      f = f32_div(f32_sqrt(f32_add(f32_mul(f, f), x)), f32_add(x, f32_all(1)));
      const F64 y = f64_load(dx + i);
      d = f64_div(f64_sqrt(f64_fma(d, d, y)), f64_add(y, f64_all(1)));
    }
  float out[4];
  double outs[2];
  f32_store(out, f);
  f64_store(outs, d);
  return mix_bytes(mix_bytes(CHECK_START, out, sizeof out), outs, sizeof outs);
}

const struct Benchmark kNeonFp[] = {
    {"neon-fp/fma-f32", 150000, fma_f32, prepare, no_simd, false},
    {"neon-fp/fma-f64", 150000, fma_f64, prepare, no_simd, false},
    {"neon-fp/saxpy", 3800, saxpy, prepare, no_simd, false},
    {"neon-fp/daxpy", 3800, daxpy, prepare, no_simd, false},
    {"neon-fp/matrix-f32", 120, matrix, prepare, no_simd, false},
    {"neon-fp/add-multiply", 2000, add_mul, prepare, no_simd, false},
    {"neon-fp/sqrt-divide", 620, sqrt_divide, prepare, no_simd, false},
    {0}};
