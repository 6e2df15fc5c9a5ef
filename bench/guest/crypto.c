// The cryptographic instructions: AES, SHA-1, SHA-256, SHA-512, PMULL, CRC32.  The host has instructions for
// AES, SHA-256, PCLMULQDQ and CRC32C; its SHA-1, SHA-512 and CRC-32 are plain C and there to agree with.
// AES's round keys and SHA-512's constants are drawn: they cost what real ones do.
#include "bench.h"

#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#pragma GCC target("arch=armv8.2-a+crypto+crc+sha3")
#include <arm_acle.h>
#include <arm_neon.h>

// Linux's bits of AT_HWCAP.
enum {
  kAes = 1 << 3,
  kPmull = 1 << 4,
  kSha1 = 1 << 5,
  kSha2 = 1 << 6,
  kCrc32 = 1 << 7,
  kSha512 = 1 << 21
};

static bool has(unsigned long bit) { return getauxval(AT_HWCAP) & bit; }
static const char* no_aes(void) { return has(kAes) ? NULL : "no FEAT_AES"; }
static const char* no_pmull(void) { return has(kPmull) ? NULL : "no FEAT_PMULL"; }
static const char* no_sha1(void) { return has(kSha1) ? NULL : "no FEAT_SHA1"; }
static const char* no_sha256(void) { return has(kSha2) ? NULL : "no FEAT_SHA256"; }
static const char* no_crc32(void) { return has(kCrc32) ? NULL : "no FEAT_CRC32"; }
static const char* no_sha512(void) { return has(kSha512) ? NULL : "no FEAT_SHA512"; }
#else
#pragma GCC target("sse4.2,aes,pclmul,sha")
#include <cpuid.h>
#include <immintrin.h>

static const char* no_aes(void) { return __builtin_cpu_supports("aes") ? NULL : "no AES-NI"; }
static const char* no_pmull(void) {
  return __builtin_cpu_supports("pclmul") ? NULL : "no PCLMULQDQ";
}
static const char* no_sha256(void) {
  unsigned a, b = 0, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1 ? NULL : "no SHA-NI";
}
static const char* no_crc32(void) { return __builtin_cpu_supports("sse4.2") ? NULL : "no SSE4.2"; }
#define no_sha1 NULL
#define no_sha512 NULL
#endif

enum { kSize = 8192, kRounds = 10 };
static u8 data[kSize], keys[kRounds + 1][16];
static u64 constants[80];

static void prepare(unsigned round) {
  (void)round;
  fill_random(data, sizeof data, 107);
  fill_random(keys, sizeof keys, 109);
  fill_random(constants, sizeof constants, 113);
}

static u64 check_data(void) { return mix_bytes(CHECK_START, data, sizeof data); }

static u32 big32(const u8* p) {
  u32 x;
  memcpy(&x, p, 4);
  return __builtin_bswap32(x);
}

// ---- AES: four blocks side by side, as modes that allow it do

#if defined(__aarch64__)
typedef uint8x16_t Block;
static Block load(const void* p) { return vld1q_u8(p); }
static void store(void* p, Block b) { vst1q_u8(p, b); }
static Block mix_in(Block a, Block b) { return veorq_u8(a, b); }
#else
typedef __m128i Block;
static Block load(const void* p) { return _mm_loadu_si128(p); }
static void store(void* p, Block b) { _mm_storeu_si128(p, b); }
static Block mix_in(Block a, Block b) { return _mm_xor_si128(a, b); }
#endif

static u64 aes_encrypt(u64 n) {
  Block k[kRounds + 1], s[4];
  for (int i = 0; i <= kRounds; ++i) k[i] = load(keys[i]);
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; at += 64) {
      for (int b = 0; b < 4; ++b) s[b] = load(data + at + 16 * b);
#if defined(__aarch64__)
      for (int i = 0; i < kRounds - 1; ++i)
        for (int b = 0; b < 4; ++b) s[b] = vaesmcq_u8(vaeseq_u8(s[b], k[i]));
      for (int b = 0; b < 4; ++b) s[b] = mix_in(vaeseq_u8(s[b], k[kRounds - 1]), k[kRounds]);
#else
      for (int b = 0; b < 4; ++b) s[b] = mix_in(s[b], k[0]);
      for (int i = 1; i < kRounds; ++i)
        for (int b = 0; b < 4; ++b) s[b] = _mm_aesenc_si128(s[b], k[i]);
      for (int b = 0; b < 4; ++b) s[b] = _mm_aesenclast_si128(s[b], k[kRounds]);
#endif
      for (int b = 0; b < 4; ++b) store(data + at + 16 * b, s[b]);
    }
  return check_data();
}

static u64 aes_decrypt(u64 n) {
  Block k[kRounds + 1], s[4];
  for (int i = 0; i <= kRounds; ++i) k[i] = load(keys[i]);
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; at += 64) {
      for (int b = 0; b < 4; ++b) s[b] = load(data + at + 16 * b);
#if defined(__aarch64__)
      for (int i = 0; i < kRounds - 1; ++i)
        for (int b = 0; b < 4; ++b) s[b] = vaesimcq_u8(vaesdq_u8(s[b], k[i]));
      for (int b = 0; b < 4; ++b) s[b] = mix_in(vaesdq_u8(s[b], k[kRounds - 1]), k[kRounds]);
#else
      for (int b = 0; b < 4; ++b) s[b] = mix_in(s[b], k[0]);
      for (int i = 1; i < kRounds; ++i)
        for (int b = 0; b < 4; ++b) s[b] = _mm_aesdec_si128(s[b], k[i]);
      for (int b = 0; b < 4; ++b) s[b] = _mm_aesdeclast_si128(s[b], k[kRounds]);
#endif
      for (int b = 0; b < 4; ++b) store(data + at + 16 * b, s[b]);
    }
  return check_data();
}

// ---- SHA-1 (FIPS 180-4, 6.1.2)

static const u32 kSha1K[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};

#if defined(__aarch64__)
static void sha1_block(u32* h, const u8* p) {
  uint32x4_t w[4], abcd = vld1q_u32(h);
  u32 e = h[4];
  for (int i = 0; i < 4; ++i) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
  const uint32x4_t start = abcd;
#pragma GCC unroll 20
  for (int i = 0; i < 20; ++i) {
    const uint32x4_t t = vaddq_u32(w[i % 4], vdupq_n_u32(kSha1K[i / 5]));
    const u32 next = vsha1h_u32(vgetq_lane_u32(abcd, 0));
    abcd = i < 5               ? vsha1cq_u32(abcd, e, t)
           : i >= 10 && i < 15 ? vsha1mq_u32(abcd, e, t)
                               : vsha1pq_u32(abcd, e, t);
    e = next;
    if (i < 16)
      w[i % 4] =
          vsha1su1q_u32(vsha1su0q_u32(w[i % 4], w[(i + 1) % 4], w[(i + 2) % 4]), w[(i + 3) % 4]);
  }
  vst1q_u32(h, vaddq_u32(start, abcd));
  h[4] += e;
}
#else
static u32 rol(u32 x, int n) { return x << n | x >> (32 - n); }

static void sha1_block(u32* h, const u8* p) {
  u32 w[80];
  for (int i = 0; i < 16; ++i) w[i] = big32(p + 4 * i);
  for (int i = 16; i < 80; ++i) w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
  for (int i = 0; i < 80; ++i) {
    const u32 f = i < 20              ? (b & c) | (~b & d)
                  : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d)
                                      : b ^ c ^ d;
    const u32 t = rol(a, 5) + f + e + w[i] + kSha1K[i / 20];
    e = d, d = c, c = rol(b, 30), b = a, a = t;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}
#endif

static u64 sha1(u64 n) {
  u32 h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; at += 64) sha1_block(h, data + at);
  return mix_bytes(CHECK_START, h, sizeof h);
}

// ---- SHA-256 (6.2.2)

#if defined(__aarch64__)
static void sha256_blocks(u32* h, const u8* p, const u8* end) {
  uint32x4_t abcd = vld1q_u32(h), efgh = vld1q_u32(h + 4);
  for (; p < end; p += 64) {
    const uint32x4_t abcd0 = abcd, efgh0 = efgh;
    uint32x4_t w[4];
    for (int i = 0; i < 4; ++i) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p + 16 * i)));
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const uint32x4_t t = vaddq_u32(w[i % 4], vld1q_u32(kSha256Constants + 4 * i)), old = abcd;
      if (i < 12)
        w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]), w[(i + 2) % 4],
                                   w[(i + 3) % 4]);
      abcd = vsha256hq_u32(abcd, efgh, t);
      efgh = vsha256h2q_u32(efgh, old, t);
    }
    abcd = vaddq_u32(abcd, abcd0);
    efgh = vaddq_u32(efgh, efgh0);
  }
  vst1q_u32(h, abcd);
  vst1q_u32(h + 4, efgh);
}
#else
// The instructions keep the state as (A, B, E, F) and (C, D, G, H), A in the highest element.
static void sha256_blocks(u32* h, const u8* p, const u8* end) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abef = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]);
  __m128i cdgh = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]);
  for (; p < end; p += 64) {
    const __m128i abef0 = abef, cdgh0 = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; ++i) w[i] = _mm_shuffle_epi8(load(p + 16 * i), swap);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const __m128i t = _mm_add_epi32(w[i % 4], load(kSha256Constants + 4 * i));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, t);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(t, 0x0e));
      if (i < 12)
        w[i % 4] =
            _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]),
                                               _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4)),
                                 w[(i + 3) % 4]);
    }
    abef = _mm_add_epi32(abef, abef0);
    cdgh = _mm_add_epi32(cdgh, cdgh0);
  }
  u32 x[4], y[4];
  store(x, abef);
  store(y, cdgh);
  h[0] = x[3], h[1] = x[2], h[4] = x[1], h[5] = x[0];
  h[2] = y[3], h[3] = y[2], h[6] = y[1], h[7] = y[0];
}
#endif

static u64 sha256(u64 n) {
  u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (u64 turn = 0; turn < n; ++turn) sha256_blocks(h, data, data + kSize);
  return mix_bytes(CHECK_START, h, sizeof h);
}

// ---- SHA-512 (6.4.2)

static u64 big64(const u8* p) { return (u64)big32(p) << 32 | big32(p + 4); }

#if defined(__aarch64__)
static void sha512_block(u64* h, const u8* p) {
  uint64x2_t w[8], ab = vld1q_u64(h), cd = vld1q_u64(h + 2), ef = vld1q_u64(h + 4),
                   gh = vld1q_u64(h + 6);
  const uint64x2_t start[4] = {ab, cd, ef, gh};
  for (int i = 0; i < 8; ++i)
    w[i] = vcombine_u64(vcreate_u64(big64(p + 16 * i)), vcreate_u64(big64(p + 16 * i + 8)));
#pragma GCC unroll 40
  for (int i = 0; i < 40; ++i) {
    uint64x2_t t = vaddq_u64(w[i % 8], vld1q_u64(constants + 2 * i));
    t = vaddq_u64(vextq_u64(t, t, 1), gh);
    t = vsha512hq_u64(t, vextq_u64(ef, gh, 1), vextq_u64(cd, ef, 1));
    gh = ef;
    ef = vaddq_u64(cd, t);
    t = vsha512h2q_u64(t, cd, ab);
    cd = ab;
    ab = t;
    if (i < 32)
      w[i % 8] = vsha512su1q_u64(vsha512su0q_u64(w[i % 8], w[(i + 1) % 8]), w[(i + 7) % 8],
                                 vextq_u64(w[(i + 4) % 8], w[(i + 5) % 8], 1));
  }
  vst1q_u64(h, vaddq_u64(ab, start[0]));
  vst1q_u64(h + 2, vaddq_u64(cd, start[1]));
  vst1q_u64(h + 4, vaddq_u64(ef, start[2]));
  vst1q_u64(h + 6, vaddq_u64(gh, start[3]));
}
#else
static u64 ror64(u64 x, int n) { return x >> n | x << (64 - n); }

static void sha512_block(u64* h, const u8* p) {
  u64 w[80], s[8];
  for (int i = 0; i < 16; ++i) w[i] = big64(p + 8 * i);
  for (int i = 16; i < 80; ++i)
    w[i] = w[i - 16] + w[i - 7] + (ror64(w[i - 15], 1) ^ ror64(w[i - 15], 8) ^ w[i - 15] >> 7) +
           (ror64(w[i - 2], 19) ^ ror64(w[i - 2], 61) ^ w[i - 2] >> 6);
  memcpy(s, h, sizeof s);
  for (int i = 0; i < 80; ++i) {
    const u64 t1 = s[7] + (ror64(s[4], 14) ^ ror64(s[4], 18) ^ ror64(s[4], 41)) +
                   ((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[i] + w[i];
    const u64 t2 = (ror64(s[0], 28) ^ ror64(s[0], 34) ^ ror64(s[0], 39)) +
                   ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) h[i] += s[i];
}
#endif

static u64 sha512(u64 n) {
  u64 h[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; at += 128) sha512_block(h, data + at);
  return mix_bytes(CHECK_START, h, sizeof h);
}

// ---- Polynomials

static Block clmul(Block a, int half_a, Block b, int half_b) {
#if defined(__aarch64__)
  const poly64x2_t x = vreinterpretq_p64_u8(a), y = vreinterpretq_p64_u8(b);
  if (half_a && half_b) return vreinterpretq_u8_p128(vmull_high_p64(x, y));
  return vreinterpretq_u8_p128(vmull_p64(half_a ? vgetq_lane_p64(x, 1) : vgetq_lane_p64(x, 0),
                                         half_b ? vgetq_lane_p64(y, 1) : vgetq_lane_p64(y, 0)));
#else
  if (half_a && half_b) return _mm_clmulepi64_si128(a, b, 0x11);
  if (half_a) return _mm_clmulepi64_si128(a, b, 0x01);
  return half_b ? _mm_clmulepi64_si128(a, b, 0x10) : _mm_clmulepi64_si128(a, b, 0x00);
#endif
}

/// As a hash of Galois/Counter mode without the reduction: four accumulators, two products each.
static u64 pmull(u64 n) {
  Block s[4];
  for (int b = 0; b < 4; ++b) s[b] = load(keys[b]);
  const Block k = load(keys[5]);
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; at += 64)
      for (int b = 0; b < 4; ++b) {
        const Block x = mix_in(s[b], load(data + at + 16 * b));
        s[b] = mix_in(clmul(x, 0, k, 0), clmul(x, 1, k, 1));
      }
  u8 out[64];
  for (int b = 0; b < 4; ++b) store(out + 16 * b, s[b]);
  return mix_bytes(CHECK_START, out, sizeof out);
}

static u64 crc32c(u64 n) {
  u64 c = ~0u;
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; at += 8) {
      u64 x;
      memcpy(&x, data + at, 8);
#if defined(__aarch64__)
      c = __crc32cd((u32)c, x);
#else
      c = _mm_crc32_u64(c, x);
#endif
    }
  return c;
}

static u64 crc32_ieee(u64 n) {
  u32 c = ~0u;
#if defined(__aarch64__)
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; at += 8) {
      u64 x;
      memcpy(&x, data + at, 8);
      c = __crc32d(c, x);
    }
#else
  u32 table[256];
  for (u32 i = 0; i < 256; ++i) {
    u32 t = i;
    for (int k = 0; k < 8; ++k) t = t & 1 ? t >> 1 ^ 0xedb88320 : t >> 1;
    table[i] = t;
  }
  for (u64 turn = 0; turn < n; ++turn)
    for (int at = 0; at < kSize; ++at) c = table[(c ^ data[at]) & 255] ^ c >> 8;
#endif
  return c;
}

const struct Benchmark kCrypto[] = {
    {"crypto/aes-encrypt", 250, aes_encrypt, prepare, no_aes, false},
    {"crypto/aes-decrypt", 380, aes_decrypt, prepare, no_aes, false},
    {"crypto/sha1", 750, sha1, prepare, no_sha1, false},
    {"crypto/sha256", 380, sha256, prepare, no_sha256, false},
    {"crypto/sha512", 500, sha512, prepare, no_sha512, false},
    {"crypto/pmull", 2500, pmull, prepare, no_pmull, false},
    {"crypto/crc32c", 1500, crc32c, prepare, no_crc32, false},
    {"crypto/crc32", 1500, crc32_ieee, prepare, no_crc32, false},
    {0}};
