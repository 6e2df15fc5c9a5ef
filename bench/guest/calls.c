// Calls: a chain of small functions, calls through a table of pointers whose order is hard to guess, deep
// recursion (Fibonacci, Takeuchi's function), and long jumps.
#include "bench.h"

#include <setjmp.h>

static NOINLINE u64 leaf(u64 x) {
  KEEP(x);
  return x + 1;
}
static NOINLINE u64 inner(u64 x) { return leaf(x) ^ leaf(x + 3); }
static NOINLINE u64 outer(u64 x) { return inner(x) + inner(x ^ 5) + leaf(x); }

static u64 direct(u64 n) {
  u64 x = 1;
  for (u64 i = 0; i < n; ++i) x = outer(x) + i;
  return x;
}

static NOINLINE u64 op_add(u64 a) { return a + 0x1234567; }
static NOINLINE u64 op_rotate(u64 a) { return a << 13 | a >> 51; }
static NOINLINE u64 op_xor(u64 a) { return a ^ a >> 7; }
static NOINLINE u64 op_multiply(u64 a) { return a * 0x9e3779b97f4a7c15ull; }
static NOINLINE u64 op_subtract(u64 a) { return a - (a >> 3); }
static NOINLINE u64 op_not(u64 a) { return ~a; }
static NOINLINE u64 op_swap(u64 a) { return __builtin_bswap64(a); }
static NOINLINE u64 op_or(u64 a) { return (a | 1) + 2; }

static u64 (*volatile const kOps[8])(u64) = {op_add,      op_rotate, op_xor,  op_multiply,
                                             op_subtract, op_not,    op_swap, op_or};

static u64 indirect(u64 n) {
  u64 x = 1, seed = 61;
  for (u64 i = 0; i < n; ++i) x = kOps[draw(&seed) >> 61](x) + i;
  return x;
}

/// One target that never changes, as a virtual function of the only class.
static u64 same_target(u64 n) {
  u64 x = 1;
  for (u64 i = 0; i < n; ++i) x = kOps[3](x) ^ kOps[0](i);
  return x;
}

static NOINLINE u64 fibonacci(u64 n) {
  if (n < 2) return n;
  u64 a = fibonacci(n - 1);
  KEEP(a);  // else the compiler unrolls the recursion
  return a + fibonacci(n - 2);
}

static u64 recursion(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, fibonacci(18));
  return check;
}

static NOINLINE int tak(int x, int y, int z) {
  if (y >= x) return z;
  int a = tak(x - 1, y, z), b = tak(y - 1, z, x);
  KEEP(a);
  KEEP(b);
  return tak(a, b, tak(z - 1, x, y));
}

static u64 takeuchi(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, (u64)tak(12, 8, 4));
  return check;
}

static jmp_buf target;
static NOINLINE void jump(u64 depth) {
  KEEP(depth);
  if (depth > 100) return;  // never, but the compiler shall believe it
  if (depth == 0) longjmp(target, 1);
  jump(depth - 1);
  KEEP(depth);
}

static u64 long_jumps(u64 n) {
  volatile u64 count = 0;
  for (volatile u64 i = 0; i < n; i = i + 1) {
    if (setjmp(target) == 0)
      jump(i % 8);
    else
      count = count + i;
  }
  return count;
}

const struct Benchmark kCalls[] = {
    {"integer/calls-direct", 380000, direct, NULL, NULL, false},
    {"integer/calls-indirect", 1000000, indirect, NULL, NULL, false},
    {"integer/calls-same-target", 750000, same_target, NULL, NULL, false},
    {"integer/recursion", 380, recursion, NULL, NULL, false},
    {"integer/takeuchi", 1200, takeuchi, NULL, NULL, false},
    {"integer/longjmp", 200000, long_jumps, NULL, NULL, false},
    {0}};
