// Integers in vectors: adds and multiplies, bytes as of pictures, dot products, shuffles, saturation.
#include "simd.h"

#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

enum { kSize = 4096 };
static u8 a[kSize], b[kSize], c[kSize];

static void prepare(unsigned round) {
  (void)round;
  fill_random(a, sizeof a, 101);
  fill_random(b, sizeof b, 103);
  memset(c, 0, sizeof c);
}

static u64 check_bytes(void) { return mix_bytes(CHECK_START, c, sizeof c); }

static u64 add_mul(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    const Vec k = all32((u32)turn * 2654435761u + 1);
    for (int i = 0; i < kSize; i += 16)
      store(c + i, add32(mul32(add32(load(a + i), load(c + i)), k), shift_right32_5(load(b + i))));
  }
  return check_bytes();
}

static u64 bytes(u64 n) {
  u64 sum = 0;
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; i += 16) {
      const Vec x = load(a + i), y = load(b + i), z = load(c + i);
      store(c + i, add8(average8(x, y), max8(min8(x, z), and8(equal8(y, z), x))));
      if (i % 64 == 0) sum += distance8(x, y);
    }
  return mix(check_bytes(), sum);
}

static u64 saturating(u64 n) {
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; i += 16) {
      const Vec x = load(a + i), y = load(b + i), z = load(c + i);
      store(c + i, add_saturating_u8(sub_saturating_s16(x, z), add_saturating_s16(y, z)));
    }
  return check_bytes();
}

static u64 dot(u64 n) {
  Vec sums[4] = {all32(0), all32(1), all32(2), all32(3)};
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; i += 64)
      for (int k = 0; k < 4; ++k)
        sums[k] = add32(sums[k], dot16(load(a + i + 16 * k), load(b + i + 16 * k)));
  store(c, sums[0]), store(c + 16, sums[1]), store(c + 32, sums[2]), store(c + 48, sums[3]);
  return check_bytes();
}

static u64 shuffle(u64 n) {
  const Vec low = all32(0x0f0f0f0f);
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; i += 32) {
      const Vec x = load(a + i), y = load(b + i), z = load(c + i);
      store(c + i, xor8(zip_low8(table8(x, and8(y, low)), y), z));
      store(c + i + 16, table8(zip_high8(y, x), and8(x, low)));
    }
  return check_bytes();
}

#if defined(__aarch64__)
static const char* no_dot_product(void) {
  return getauxval(AT_HWCAP) & 1u << 20 ? NULL : "no FEAT_DotProd";  // HWCAP_ASIMDDP
}

static u64 sdot(u64 n) {
  int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; i += 64)
      for (int k = 0; k < 4; ++k)
        sums[k] = vdotq_s32(sums[k], vreinterpretq_s8_u8(load(a + i + 16 * k)),
                            vreinterpretq_s8_u8(load(b + i + 16 * k)));
  for (int k = 0; k < 4; ++k) store(c + 16 * k, vreinterpretq_u8_s32(sums[k]));
  return check_bytes();
}
#else
static const char* no_dot_product(void) { return NULL; }

// No instruction of this CPU is the same: plain C, for the check value.
static u64 sdot(u64 n) {
  u32 sums[16] = {0};
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSize; ++i)
      sums[i % 64 / 4] += (u32)((int)(signed char)a[i] * (int)(signed char)b[i]);
  memcpy(c, sums, sizeof sums);
  return check_bytes();
}
#endif

const struct Benchmark kNeonInt[] = {
    {"neon-int/add-multiply", 10000, add_mul, prepare, no_simd, false},
    {"neon-int/bytes", 6200, bytes, prepare, no_simd, false},
    {"neon-int/saturating", 6200, saturating, prepare, no_simd, false},
    {"neon-int/dot16", 3800, dot, prepare, no_simd, false},
    {"neon-int/shuffle", 5000, shuffle, prepare, no_simd, false},
    {"neon-int/sdot", 3800, sdot, prepare, no_dot_product, false},
    {0}};
