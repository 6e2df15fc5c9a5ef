// Floating point in scalar registers.  The compiler may not contract, vectorize or reorder, so the host's
// results are the same to the last bit; libm's are not, and are rounded for the check value.
#include "bench.h"

#include <math.h>
#include <string.h>

enum { kVector = 1024, kMatrix = 32, kLu = 40 };
static double x[kVector], y[kVector];

static void draw_vectors(unsigned round) {
  (void)round;
  u64 seed = 83;
  for (int i = 0; i < kVector; ++i) {
    x[i] = (double)(draw(&seed) >> 11) * 0x1p-53 + 0.5;
    y[i] = (double)(draw(&seed) >> 11) * 0x1p-53 - 0.5;
  }
}

static u64 bits(double d) {
  u64 b;
  memcpy(&b, &d, sizeof b);
  return b;
}

static u64 daxpy(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    const double a = 1e-6 * (double)(turn & 15);
    for (int i = 0; i < kVector; ++i) y[i] = a * x[i] + y[i];
  }
  return mix_bytes(CHECK_START, y, sizeof y);
}

static u64 saxpy(u64 n) {
  static float fx[kVector], fy[kVector];
  for (int i = 0; i < kVector; ++i) fx[i] = (float)x[i], fy[i] = (float)y[i];
  for (u64 turn = 0; turn < n; ++turn) {
    const float a = 1e-4f * (float)(turn & 15);
    for (int i = 0; i < kVector; ++i) fy[i] = a * fx[i] + fy[i];
  }
  return mix_bytes(CHECK_START, fy, sizeof fy);
}

#if defined(__x86_64__)
#define FUSED __attribute__((target("fma")))
static const char* no_fma(void) { return __builtin_cpu_supports("fma") ? NULL : "no FMA"; }
#else
#define FUSED
#define no_fma NULL
#endif

FUSED static u64 fused(u64 n) {
  double sums[4] = {0, 0, 0, 0};
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kVector; i += 4)
      for (int k = 0; k < 4; ++k)
        sums[k] = __builtin_fma(x[i + k], y[i + k], __builtin_fma(sums[k], -0x1p-4, x[k]));
  return mix_bytes(CHECK_START, sums, sizeof sums);
}

// The planets' positions and masses in units of their own: only that they move matters.
struct Body {
  double at[3], speed[3], mass;
};

static u64 nbody(u64 n) {
  struct Body b[5];
  u64 seed = 89;
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 3; ++k) {
      b[i].at[k] = (double)(draw(&seed) >> 11) * 0x1p-50 - 4;
      b[i].speed[k] = (double)(draw(&seed) >> 11) * 0x1p-53 - 0.5;
    }
    b[i].mass = i == 0 ? 39.5 : 0.01 * i;
  }
  for (u64 step = 0; step < n; ++step) {
    for (int i = 0; i < 5; ++i)
      for (int k = i + 1; k < 5; ++k) {
        double d[3], square = 0;
        for (int c = 0; c < 3; ++c) {
          d[c] = b[i].at[c] - b[k].at[c];
          square += d[c] * d[c];
        }
        const double force = 1e-3 / (square * sqrt(square) + 1e-3);
        for (int c = 0; c < 3; ++c) {
          b[i].speed[c] -= d[c] * b[k].mass * force;
          b[k].speed[c] += d[c] * b[i].mass * force;
        }
      }
    for (int i = 0; i < 5; ++i)
      for (int c = 0; c < 3; ++c) b[i].at[c] += 1e-3 * b[i].speed[c];
  }
  return mix_bytes(CHECK_START, b, sizeof b);
}

static u64 mandelbrot(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn)
    for (int row = 0; row < 32; ++row)
      for (int column = 0; column < 32; ++column) {
        const double cr = column / 16.0 - 1.5, ci = row / 16.0 - 1.0;
        double zr = 0, zi = 0, r2 = 0, i2 = 0;
        u32 steps = 0;
        for (; steps < 100 && r2 + i2 < 4; ++steps) {
          zi = 2 * zr * zi + ci;
          zr = r2 - i2 + cr;
          r2 = zr * zr;
          i2 = zi * zi;
        }
        check = mix(check, steps);
      }
  return check;
}

static double ma[kMatrix][kMatrix], mb[kMatrix][kMatrix], mc[kMatrix][kMatrix];

static void draw_matrices(unsigned round) {
  draw_vectors(round);
  for (int i = 0; i < kMatrix; ++i)
    for (int k = 0; k < kMatrix; ++k) {
      ma[i][k] = x[(i * kMatrix + k) % kVector];
      mb[i][k] = y[(i * kMatrix + k * 7) % kVector];
    }
}

static u64 matrix(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    for (int i = 0; i < kMatrix; ++i)
      for (int k = 0; k < kMatrix; ++k) {
        double sum = 0;
        for (int j = 0; j < kMatrix; ++j) sum += ma[i][j] * mb[j][k];
        mc[i][k] = sum;
      }
    ma[turn % kMatrix][1] = mc[0][0] * 1e-3;
  }
  return mix_bytes(CHECK_START, mc, sizeof mc);
}

/// Gauss's elimination without pivots, of a matrix whose diagonal is heavy; as linpack.
static u64 lu(u64 n) {
  static double a[kLu][kLu];
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) {
    for (int i = 0; i < kLu; ++i)
      for (int k = 0; k < kLu; ++k) a[i][k] = y[(i * kLu + k) % kVector] + (i == k ? kLu : 0);
    for (int p = 0; p < kLu; ++p)
      for (int i = p + 1; i < kLu; ++i) {
        const double f = a[i][p] / a[p][p];
        for (int k = p; k < kLu; ++k) a[i][k] -= f * a[p][k];
      }
    check = mix(check, bits(a[kLu - 1][kLu - 1]));
  }
  return check;
}

static u64 square_root(u64 n) {
  double sum = 0;
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kVector; ++i) sum = sum * 0.5 + sqrt(x[i]) / (sum * sum + x[i]);
  return mix(CHECK_START, bits(sum));
}

/// Between integers and both precisions, with comparisons.
static u64 convert(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kVector; ++i) {
      const double d = y[i] * 1e6 + (double)(int)turn;
      const float f = (float)d;
      long rounded = (long)f;
      if (d > 1000.0) rounded += (long)((double)f * 0.25);
      check += (u64)rounded ^ (u64)(long)(d < (double)f);
    }
  return check;
}

static u64 libm(u64 n) {
  double sum = 0;
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < 64; ++i)
      sum += sin(x[i] * 9) + exp(y[i]) + log(x[i]) + pow(x[i], 1.7) + atan(y[i] * 3);
  return mix(CHECK_START, (u64)(long)(sum / (double)n * 1e6));
}

const struct Benchmark kScalarFp[] = {
    {"scalar-fp/daxpy", 2500, daxpy, draw_vectors, NULL, false},
    {"scalar-fp/saxpy", 3800, saxpy, draw_vectors, NULL, false},
    {"scalar-fp/fma", 1500, fused, draw_vectors, no_fma, false},
    {"scalar-fp/nbody", 20000, nbody, NULL, NULL, false},
    {"scalar-fp/mandelbrot", 15, mandelbrot, NULL, NULL, false},
    {"scalar-fp/matrix", 100, matrix, draw_matrices, NULL, false},
    {"scalar-fp/lu", 120, lu, draw_vectors, NULL, false},
    {"scalar-fp/sqrt-divide", 1200, square_root, draw_vectors, NULL, false},
    {"scalar-fp/convert", 500, convert, draw_vectors, NULL, false},
    {"scalar-fp/libm", 380, libm, draw_vectors, NULL, false},
    {0}};
