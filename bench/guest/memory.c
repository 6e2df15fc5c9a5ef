// Moving memory: the C library's copies, large and small, fills, and the triad of the STREAM benchmark.
#include "bench.h"

#include <string.h>

enum { kLarge = 16 << 20, kSmall = 8192, kTriad = 1 << 19, kArea = 1 << 16, kLengths = 1024 };
static u8 *from, *to;
static double *a, *b, *c;
static u8 near_from[kSmall], near_to[kSmall], area[kArea + 64], area2[kArea + 64];
static u8 lengths[kLengths];
static u16 places[kLengths];

static void prepare_large(unsigned round) {
  if (round == 0) {
    from = map_memory(kLarge, true);
    to = map_memory(kLarge, true);
  }
  for (size_t i = 0; i < kLarge; i += 4096) from[i] = (u8)(i >> 12), to[i] = 0;
}

// Through a pointer the compiler cannot see through: the call stays.
static void* (*volatile const copy)(void*, const void*, size_t) = memcpy;
static void* (*volatile const move)(void*, const void*, size_t) = memmove;
static void* (*volatile const fill)(void*, int, size_t) = memset;

static u64 copy_large(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) copy(to, from, kLarge);
  u64 check = CHECK_START;
  for (size_t i = 0; i < kLarge; i += 4096) check = mix(check, to[i]);
  return check;
}

static void prepare_near(unsigned round) {
  (void)round;
  fill_random(near_from, sizeof near_from, 127);
}

static u64 copy_l1(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) copy(near_to, near_from, kSmall - 8 * (turn % 8));
  return mix_bytes(CHECK_START, near_to, sizeof near_to);
}

static void prepare_places(unsigned round) {
  (void)round;
  u64 seed = 131;
  for (int i = 0; i < kLengths; ++i) {
    lengths[i] = (u8)(draw(&seed) % 64);
    places[i] = (u16)draw(&seed);
  }
  fill_random(area, sizeof area, 137);
  memset(area2, 0, sizeof area2);
}

static u64 copy_small(u64 n) {
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kLengths; ++i)
      copy(area2 + places[i], area + places[kLengths - 1 - i], lengths[i]);
  return mix_bytes(CHECK_START, area2, sizeof area2);
}

static u64 move_overlapping(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    move(area + 100, area, 20000);
    move(area, area + 37, 20000);
  }
  return mix_bytes(CHECK_START, area, sizeof area);
}

static u64 fill_memory(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) fill(area2, (int)(turn & 255), kArea);
  return mix_bytes(CHECK_START, area2, sizeof area2);
}

static u64 copy_bytes(u64 n) {
  for (u64 turn = 0; turn < n; ++turn)
    for (int i = 0; i < kSmall; ++i) {
      near_to[i] = near_from[i];
      KEEP_MEMORY();
    }
  return mix_bytes(CHECK_START, near_to, sizeof near_to);
}

static void prepare_triad(unsigned round) {
  if (round == 0) {
    a = map_memory(kTriad * sizeof *a, true);
    b = map_memory(kTriad * sizeof *b, true);
    c = map_memory(kTriad * sizeof *c, true);
  }
  for (size_t i = 0; i < kTriad; ++i) b[i] = (double)i, c[i] = 0.5;
}

static u64 triad(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    const double q = (double)(turn % 7);
    for (size_t i = 0; i < kTriad; ++i) a[i] = b[i] + q * c[i];
    KEEP_MEMORY();
  }
  return mix_bytes(CHECK_START, a, 4096);
}

const struct Benchmark kMemory[] = {
    {"memory/copy-large", 1, copy_large, prepare_large, NULL, false},
    {"memory/copy-l1", 25000, copy_l1, prepare_near, NULL, false},
    {"memory/copy-small", 620, copy_small, prepare_places, NULL, false},
    {"memory/move-overlapping", 5000, move_overlapping, prepare_places, NULL, false},
    {"memory/fill", 6200, fill_memory, prepare_places, NULL, false},
    {"memory/copy-bytes", 1500, copy_bytes, prepare_near, NULL, false},
    {"memory/triad", 1, triad, prepare_triad, NULL, false},
    {0}};
