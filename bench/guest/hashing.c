// Hashing without special instructions: a string hash by bytes, a mixing hash by words (the finalizer of
// MurmurHash3), SHA-256 in plain C (FIPS 180-4), CRC-32 with a table, and a hash table.
#include "bench.h"

#include <string.h>

enum { kBuffer = 16384, kSlots = 1 << 14 };
static u8 buffer[kBuffer];
static u64 slots[kSlots];

static void fill(unsigned round) {
  (void)round;
  fill_random(buffer, sizeof buffer, 41);
}

static u64 fnv(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kBuffer; ++i) check = (check ^ buffer[i]) * 0x100000001b3ull;
  return check;
}

static u64 murmur(u64 n) {
  u64 hash = 0;
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kBuffer; i += 8) {
      u64 k;
      memcpy(&k, buffer + i, 8);
      k ^= k >> 33;
      k *= 0xff51afd7ed558ccdull;
      k ^= k >> 33;
      k *= 0xc4ceb9fe1a85ec53ull;
      hash = (hash ^ k ^ k >> 33) * 5 + 0x52dce729;
    }
  return hash;
}

const u32 kSha256Constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(u32* h, const u8* data) {
  u32 w[64];
  for (int i = 0; i < 16; ++i)
    w[i] = (u32)data[4 * i] << 24 | (u32)data[4 * i + 1] << 16 | (u32)data[4 * i + 2] << 8 |
           data[4 * i + 3];
  for (int i = 16; i < 64; ++i)
    w[i] = w[i - 16] + w[i - 7] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
           (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
  u32 s[8];
  memcpy(s, h, sizeof s);
  for (int i = 0; i < 64; ++i) {
    const u32 t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) +
                   ((s[4] & s[5]) ^ (~s[4] & s[6])) + kSha256Constants[i] + w[i];
    const u32 t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) +
                   ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) h[i] += s[i];
}

static u64 sha256(u64 n) {
  u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kBuffer; i += 64) sha256_block(h, buffer + i);
  return mix_bytes(CHECK_START, h, sizeof h);
}

static u32 crc_table[256];

static void make_crc(unsigned round) {
  fill(round);
  for (u32 i = 0; i < 256; ++i) {
    u32 c = i;
    for (int k = 0; k < 8; ++k) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    crc_table[i] = c;
  }
}

static u64 crc(u64 n) {
  u32 c = ~0u;
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kBuffer; ++i) c = crc_table[(c ^ buffer[i]) & 255] ^ c >> 8;
  return ~c;
}

/// Inserts, finds and forgets keys: open addressing, two thirds full at most.
static u64 table(u64 n) {
  u64 found = 0, keys = 43, check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) {
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < kSlots; ++i) {
      const u64 key = draw(&keys) % (kSlots * 2 / 3) + 1;
      u64 at = key * 0x9e3779b97f4a7c15ull >> 50;
      while (slots[at] != 0 && slots[at] != key) at = (at + 1) % kSlots;
      found += slots[at] == key;
      slots[at] = key;
    }
    check = mix(check, found);
  }
  return check;
}

const struct Benchmark kHashing[] = {{"integer/fnv", 1000, fnv, fill, NULL, false},
                                     {"integer/murmur", 2500, murmur, fill, NULL, false},
                                     {"integer/sha256-c", 37, sha256, fill, NULL, false},
                                     {"integer/crc-table", 380, crc, make_crc, NULL, false},
                                     {"integer/hash-table", 120, table, NULL, NULL, false},
                                     {0}};
