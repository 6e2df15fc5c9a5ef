// NEON intrinsics against the same in plain C: each line is the name of a kernel and a hash of what it
// made, "equal" when plain C made the same.
#include <arm_neon.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { kCount = 4096 };
static uint8_t bytes[2][kCount];
static int16_t halves[2][kCount];
static int32_t words[2][kCount];
static float floats[2][kCount];
static double doubles[2][kCount];
static uint8_t vector_out[kCount * 8], plain_out[kCount * 8];

static uint32_t draw(void) {
  static uint32_t s = 2463534242u;
  s ^= s << 13;
  s ^= s >> 17;
  return s ^= s << 5;
}

static void fill(void) {
  for (int k = 0; k < 2; ++k)
    for (int i = 0; i < kCount; ++i) {
      const uint32_t r = draw();
      bytes[k][i] = (uint8_t)r;
      halves[k][i] = (int16_t)(r % 7 == 0 ? 0x8000 : r >> 8);
      words[k][i] = r % 11 == 0 ? INT32_MIN : (int32_t)r;
      floats[k][i] = ldexpf((float)(int32_t)r, (int)(draw() % 60) - 60);
      doubles[k][i] = ldexp((double)(int32_t)draw(), (int)(r % 200) - 130);
    }
}

static void report(const char *name, size_t size) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < size; ++i) h = (h ^ vector_out[i]) * 1099511628211u;
  printf("%s %016" PRIx64 " %s\n", name, h, memcmp(vector_out, plain_out, size) == 0 ? "equal" : "DIFFERENT");
}

static void saturating(void) {
  int16_t *v = (int16_t *)vector_out, *p = (int16_t *)plain_out;
  for (int i = 0; i < kCount; i += 8)
    vst1q_s16(v + i, vqsubq_s16(vqaddq_s16(vld1q_s16(halves[0] + i), vld1q_s16(halves[1] + i)),
                                vqrdmulhq_s16(vld1q_s16(halves[0] + i), vld1q_s16(halves[1] + i))));
  for (int i = 0; i < kCount; ++i) {
    int32_t sum = halves[0][i] + halves[1][i];
    sum = sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum;
    int32_t product = (int32_t)(((int64_t)halves[0][i] * halves[1][i] * 2 + 0x8000) >> 16);
    product = product > 32767 ? 32767 : product;
    const int32_t d = sum - product;
    p[i] = (int16_t)(d > 32767 ? 32767 : d < -32768 ? -32768 : d);
  }
  report("saturating", kCount * 2);
}

static void widening(void) {
  int64_t *v = (int64_t *)vector_out, *p = (int64_t *)plain_out;
  for (int i = 0; i < kCount; i += 4) {
    const int32x4_t a = vld1q_s32(words[0] + i), b = vld1q_s32(words[1] + i);
    vst1q_s64(v + i, vmlal_s32(vdupq_n_s64(i), vget_low_s32(a), vget_low_s32(b)));
    vst1q_s64(v + i + 2, vmlsl_high_s32(vdupq_n_s64(i), a, b));
  }
  for (int i = 0; i < kCount; ++i) {
    const int64_t m = (int64_t)words[0][i] * words[1][i], base = i & ~3;
    p[i] = (i & 3) < 2 ? base + m : base - m;
  }
  report("widening", kCount * 8);
}

static void tables(void) {
  const uint8x16x4_t table = vld1q_u8_x4(bytes[1]);
  for (int i = 0; i < kCount; i += 16)
    vst1q_u8(vector_out + i, vqtbx4q_u8(vdupq_n_u8(0x5a), table, vld1q_u8(bytes[0] + i)));
  for (int i = 0; i < kCount; ++i) plain_out[i] = bytes[0][i] < 64 ? bytes[1][bytes[0][i]] : 0x5a;
  report("tables", kCount);
}

static void structures(void) {
  for (int i = 0; i < kCount; i += 48) {
    if (i + 48 > kCount) break;
    const uint8x16x3_t t = vld3q_u8(bytes[0] + i);
    const uint8x16x3_t u = {{t.val[2], vrbitq_u8(t.val[0]), vcntq_u8(t.val[1])}};
    vst3q_u8(vector_out + i, u);
  }
  const int whole = kCount / 48 * 48;
  for (int i = 0; i < whole; i += 3) {
    uint8_t reversed = 0;
    for (int b = 0; b < 8; ++b) reversed |= (uint8_t)((bytes[0][i] >> b & 1) << (7 - b));
    plain_out[i] = bytes[0][i + 2];
    plain_out[i + 1] = reversed;
    plain_out[i + 2] = (uint8_t)__builtin_popcount(bytes[0][i + 1]);
  }
  report("structures", (size_t)whole);
}

static void polynomials(void) {
  uint16_t *v = (uint16_t *)vector_out, *p = (uint16_t *)plain_out;
  for (int i = 0; i < kCount; i += 8)
    vst1q_u16(v + i, vreinterpretq_u16_p16(vmull_p8(vreinterpret_p8_u8(vld1_u8(bytes[0] + i)),
                                                    vreinterpret_p8_u8(vld1_u8(bytes[1] + i)))));
  for (int i = 0; i < kCount; ++i) {
    p[i] = 0;
    for (int b = 0; b < 8; ++b)
      if (bytes[1][i] >> b & 1) p[i] ^= (uint16_t)(bytes[0][i] << b);
  }
  report("polynomials", kCount * 2);
}

static void fused(void) {
  float *v = (float *)vector_out, *p = (float *)plain_out;
  for (int i = 0; i < kCount; i += 4) {
    const float32x4_t a = vld1q_f32(floats[0] + i), b = vld1q_f32(floats[1] + i);
    vst1q_f32(v + i, vfmaq_f32(vdivq_f32(a, vaddq_f32(vabsq_f32(b), vdupq_n_f32(1))), a, b));
  }
  for (int i = 0; i < kCount; ++i) p[i] = fmaf(floats[0][i], floats[1][i], floats[0][i] / (fabsf(floats[1][i]) + 1));
  report("fused", kCount * 4);
}

static void conversions(void) {
  int64_t *v = (int64_t *)vector_out, *p = (int64_t *)plain_out;
  for (int i = 0; i < kCount; i += 2) {
    const float64x2_t r = vrndaq_f64(vsqrtq_f64(vabsq_f64(vld1q_f64(doubles[0] + i))));
    vst1q_s64(v + i, vcvtq_s64_f64(r));
  }
  for (int i = 0; i < kCount; ++i) {
    const double r = round(sqrt(fabs(doubles[0][i])));
    p[i] = r >= 0x1p63 ? INT64_MAX : (int64_t)r;
  }
  report("conversions", kCount * 8);
}

static void reductions(void) {
  uint64_t *v = (uint64_t *)vector_out, *p = (uint64_t *)plain_out;
  for (int i = 0; i < kCount / 16; ++i) {
    const uint8x16_t a = vld1q_u8(bytes[0] + i * 16);
    const int32x4_t w = vld1q_s32(words[0] + i * 4);
    v[i] = (uint64_t)vaddlvq_u8(a) | (uint64_t)vmaxvq_u8(a) << 16 | (uint64_t)vminvq_u8(a) << 24 |
           (uint64_t)(uint32_t)vaddvq_s32(w) << 32;
    uint64_t sum = 0, most = 0, least = 255;
    for (int k = 0; k < 16; ++k) {
      const uint8_t x = bytes[0][i * 16 + k];
      sum += x;
      most = x > most ? x : most;
      least = x < least ? x : least;
    }
    uint32_t total = 0;
    for (int k = 0; k < 4; ++k) total += (uint32_t)words[0][i * 4 + k];
    p[i] = sum | most << 16 | least << 24 | (uint64_t)total << 32;
  }
  report("reductions", kCount / 16 * 8);
}

static void shifts(void) {
  uint8_t *v = vector_out, *p = plain_out;
  for (int i = 0; i < kCount; i += 8) {
    const int16x8_t a = vld1q_s16(halves[0] + i);
    vst1_u8(v + i, vqrshrun_n_s16(vsraq_n_s16(a, vld1q_s16(halves[1] + i), 9), 5));
  }
  for (int i = 0; i < kCount; ++i) {
    const int16_t t = (int16_t)(halves[0][i] + (halves[1][i] >> 9));
    const int32_t r = ((int32_t)t + 16) >> 5;
    p[i] = (uint8_t)(r < 0 ? 0 : r > 255 ? 255 : r);
  }
  report("shifts", kCount);
}

int main(void) {
  fill();
  saturating();
  widening();
  tables();
  structures();
  polynomials();
  fused();
  conversions();
  reductions();
  shifts();
  printf("printf %a %.17g %g\n", doubles[0][7], doubles[1][9], (double)floats[0][3]);
  return 0;
}
