// A small LZ77 compressor and its decompressor: matches of at least 4 bytes within 64 KiB, found with a hash
// table of last places; a token has the counts of literals and of the match, like many formats of bytes.
#include "bench.h"

#include <string.h>

enum { kInput = 1 << 16, kHash = 1 << 12, kLeastMatch = 4, kMostLiterals = 255, kMostMatch = 255 };
static u8 input[kInput], packed[kInput * 2], unpacked[kInput];
static size_t packed_size;
static u32 last[kHash];

/// Text of words of different frequency, with runs, so that it shrinks to about a third.
static void write_input(unsigned round) {
  (void)round;
  u64 seed = 71;
  char words[256][8];
  for (int i = 0; i < 256; ++i)
    for (int k = 0; k < 8; ++k) words[i][k] = (char)('a' + draw(&seed) % 26);
  for (size_t at = 0; at < kInput;) {
    const u64 x = draw(&seed);
    const u32 word = (u32)(x % 256) * (u32)((x >> 8) % 256) / 256;
    const size_t size = 2 + (x >> 16) % 7;
    for (size_t k = 0; k < size && at < kInput; ++k) input[at++] = (u8)words[word][k % 8];
    if (at < kInput) input[at++] = ' ';
  }
}

static u32 word_at(const u8* p) {
  u32 w;
  memcpy(&w, p, 4);
  return w;
}

static size_t put(u8* out, const u8* literals, size_t count, size_t match, size_t distance) {
  out[0] = (u8)count;
  out[1] = (u8)match;
  out[2] = (u8)distance;
  out[3] = (u8)(distance >> 8);
  for (size_t i = 0; i < count; ++i) out[4 + i] = literals[i];
  return 4 + count;
}

static size_t compress(void) {
  size_t out = 0, start = 0, at = 0;
  memset(last, 0, sizeof last);
  while (at + kLeastMatch < kInput) {
    const u32 w = word_at(input + at), h = w * 2654435761u >> 20;
    const size_t candidate = last[h];
    last[h] = (u32)at;
    size_t length = 0;
    if (candidate < at && at - candidate < 65536 && word_at(input + candidate) == w) {
      length = kLeastMatch;
      while (length < kMostMatch && at + length < kInput &&
             input[candidate + length] == input[at + length])
        ++length;
    }
    if (length == 0 && at - start < kMostLiterals) {
      ++at;
      continue;
    }
    out += put(packed + out, input + start, at - start, length, length > 0 ? at - candidate : 0);
    at += length;
    start = at;
  }
  while (start < kInput) {
    const size_t count = kInput - start < kMostLiterals ? kInput - start : kMostLiterals;
    out += put(packed + out, input + start, count, 0, 0);
    start += count;
  }
  return out;
}

static void decompress(void) {
  size_t to = 0;
  for (size_t at = 0; at < packed_size;) {
    const u8* token = packed + at;
    const size_t distance = token[2] | (size_t)token[3] << 8;
    for (int i = 0; i < token[0]; ++i) unpacked[to++] = token[4 + i];
    at += 4u + token[0];
    for (int i = 0; i < token[1]; ++i, ++to) unpacked[to] = unpacked[to - distance];
  }
}

static u64 run_compress(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, compress());
  return mix_bytes(check, packed, 4096);
}

static void prepare_packed(unsigned round) {
  write_input(round);
  packed_size = compress();
  memset(unpacked, 0, sizeof unpacked);
}

static u64 run_decompress(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    decompress();
    KEEP_MEMORY();
  }
  if (memcmp(input, unpacked, kInput) != 0) return 0;
  return mix_bytes(CHECK_START, unpacked, sizeof unpacked);
}

const struct Benchmark kLz[] = {
    {"integer/lz-compress", 37, run_compress, write_input, NULL, false},
    {"integer/lz-decompress", 50, run_decompress, prepare_packed, NULL, false},
    {0}};
