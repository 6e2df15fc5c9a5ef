// Integer loops: arithmetic in registers, branches that are hard to guess, bytes, tables, and the long
// multiplications of public-key cryptography, of which a kernel does many when it starts.
#include "bench.h"

#include <string.h>

static u64 alu(u64 n) {
  u64 a = 1, b = 2, c = 3, d = 5;
  for (u64 i = 0; i < n; ++i) {
    a += b ^ i;
    b = (b << 7 | b >> 57) + c;
    c ^= d >> 3;
    d = (d - a) | 1;
    KEEP(a);
    KEEP(d);
  }
  return mix(mix(mix(a, b), c), d);
}

static u64 collatz(u64 n) {
  u64 steps = 0;
  for (u64 start = 1; start <= n; ++start)
    for (u64 x = start; x != 1; ++steps) {
      if (x & 1)
        x = 3 * x + 1;
      else
        x >>= 1;
      KEEP(x);
    }
  return steps;
}

enum { kSieve = 1 << 16 };
static u8 composite[kSieve];

static u64 sieve(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) {
    memset(composite, 0, sizeof composite);
    u64 primes = 0;
    for (u32 i = 2; i < kSieve; ++i) {
      if (composite[i]) continue;
      ++primes;
      for (u32 k = 2 * i; k < kSieve; k += i) composite[k] = 1;
    }
    check = mix(check, primes);
  }
  return check;
}

static u64 place(u32 columns, u32 left, u32 right, u32 all) {
  if (columns == all) return 1;
  u64 found = 0;
  for (u32 free = all & ~(columns | left | right); free != 0; free &= free - 1) {
    const u32 q = free & -free;
    found += place(columns | q, (left | q) << 1, (right | q) >> 1, all);
  }
  return found;
}

static u64 queens(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, place(0, 0, 0, (1u << 8) - 1));
  return check;
}

static char text[4096];

static void write_text(unsigned round) {
  (void)round;
  static const char* const kWords[] = {"quince", "a",  "machine", "of",    "many",
                                       "parts",  "is", "slower",  "where", "words"};
  u64 seed = 7;
  char* p = text;
  while (p < text + sizeof text - 16) {
    p = stpcpy(p, kWords[draw(&seed) % 10]);
    *p++ = draw(&seed) % 8 == 0 ? '\n' : ' ';
  }
  *p = 0;
}

/// Words, lines and a hash of each word, as wc and a parser would.
static u64 strings(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) {
    u32 hash = 0, words = 0, lines = 0;
    for (const char* p = text; *p != 0; ++p) {
      if (*p == ' ' || *p == '\n') {
        ++words;
        lines += *p == '\n';
        check = mix(check, hash);
        hash = 0;
      } else {
        hash = hash * 31 + (u8)*p;
      }
    }
    check = mix(check, words + (u64)lines * 65536);
  }
  return check;
}

enum { kLimbs = 32 };
static u64 factor_a[kLimbs], factor_b[kLimbs], product[2 * kLimbs];

static void draw_factors(unsigned round) {
  (void)round;
  fill_random(factor_a, sizeof factor_a, 11);
  fill_random(factor_b, sizeof factor_b, 13);
}

/// result[0..size) += a[0..size) * b; returns the carry: MUL, UMULH, ADDS and ADC.
static NOINLINE u64 add_mul(u64* result, const u64* a, size_t size, u64 b) {
  u64 carry = 0;
  for (size_t i = 0; i < size; ++i) {
    const unsigned __int128 p = (unsigned __int128)a[i] * b + result[i] + carry;
    result[i] = (u64)p;
    carry = (u64)(p >> 64);
  }
  return carry;
}

/// Numbers of 2048 bits, multiplied as at school.
static u64 bignum(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    memset(product, 0, sizeof product);
    for (size_t i = 0; i < kLimbs; ++i)
      product[i + kLimbs] = add_mul(product + i, factor_a, kLimbs, factor_b[i]);
    memcpy(factor_b, product + kLimbs / 2, sizeof factor_b);
  }
  return mix_bytes(CHECK_START, product, sizeof product);
}

enum { kMatrix = 32 };
static int ma[kMatrix][kMatrix], mb[kMatrix][kMatrix], mc[kMatrix][kMatrix];

static void draw_matrices(unsigned round) {
  (void)round;
  fill_random(ma, sizeof ma, 17);
  fill_random(mb, sizeof mb, 19);
}

static u64 matrix(u64 n) {
  for (u64 turn = 0; turn < n; ++turn) {
    for (int i = 0; i < kMatrix; ++i)
      for (int k = 0; k < kMatrix; ++k) {
        u32 sum = 0;
        for (int j = 0; j < kMatrix; ++j) sum += (u32)ma[i][j] * (u32)mb[j][k];
        mc[i][k] = (int)sum;
      }
    ma[turn % kMatrix][0] ^= mc[1][2];
  }
  return mix_bytes(CHECK_START, mc, sizeof mc);
}

/// Divisions, 64 and 32 bits, and remainders.
static u64 divide(u64 n) {
  u64 check = CHECK_START, seed = 23;
  for (u64 i = 0; i < n; ++i) {
    const u64 a = draw(&seed), b = (a >> 40) | 1;
    check += a / b + a % (b + 2) + (u32)a / ((u32)b | 3);
  }
  return check;
}

const struct Benchmark kLoops[] = {{"integer/alu", 15000000, alu, NULL, NULL, false},
                                   {"integer/collatz", 150000, collatz, NULL, NULL, false},
                                   {"integer/sieve", 50, sieve, NULL, NULL, false},
                                   {"integer/queens", 620, queens, NULL, NULL, false},
                                   {"integer/strings", 2000, strings, write_text, NULL, false},
                                   {"integer/bignum", 5000, bignum, draw_factors, NULL, false},
                                   {"integer/matrix", 250, matrix, draw_matrices, NULL, false},
                                   {"integer/divide", 3800000, divide, NULL, NULL, false},
                                   {0}};
