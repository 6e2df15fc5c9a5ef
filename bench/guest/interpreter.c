// Dispatch of an interpreter: the same small stack machine with one switch for all operations, and with an
// indirect jump at the end of each.  Its program adds the primes below a bound by trial division.
#include "bench.h"

enum Op { kPush, kLoad, kStore, kAdd, kMultiply, kRemainder, kLess, kJump, kJumpZero, kHalt };
enum { kA, kB, kC, kBound = 1000, kMostInsns = 64 };

struct Insn {
  u32 op, operand;
};

static struct Insn program[kMostInsns];
static u32 size;

static u32 emit(enum Op op, u32 operand) {
  program[size] = (struct Insn){op, operand};
  return size++;
}

static void load2(u32 a, u32 b) { emit(kLoad, a), emit(kLoad, b); }
static void increment(u32 variable) {
  emit(kLoad, variable), emit(kPush, 1), emit(kAdd, 0), emit(kStore, variable);
}

static void write_program(unsigned round) {
  (void)round;
  size = 0;
  emit(kPush, 2), emit(kStore, kA), emit(kPush, 0), emit(kStore, kC);
  const u32 outer = size;  // while a < bound
  emit(kLoad, kA), emit(kPush, kBound), emit(kLess, 0);
  const u32 to_end = emit(kJumpZero, 0);
  emit(kPush, 2), emit(kStore, kB);
  const u32 inner = size;  // while b * b < a + 1
  load2(kB, kB), emit(kMultiply, 0), emit(kLoad, kA), emit(kPush, 1), emit(kAdd, 0), emit(kLess, 0);
  const u32 to_prime = emit(kJumpZero, 0);
  load2(kA, kB), emit(kRemainder, 0);
  const u32 to_next = emit(kJumpZero, 0);
  increment(kB), emit(kJump, inner);
  program[to_prime].operand = size;
  load2(kC, kA), emit(kAdd, 0), emit(kStore, kC);
  program[to_next].operand = size;
  increment(kA), emit(kJump, outer);
  program[to_end].operand = size;
  emit(kHalt, 0);
}

static NOINLINE u64 run_switch(void) {
  u64 stack[16], variables[3] = {0}, *top = stack;
  for (const struct Insn* p = program;; ++p) switch (p->op) {
      case kPush:
        *++top = p->operand;
        break;
      case kLoad:
        *++top = variables[p->operand];
        break;
      case kStore:
        variables[p->operand] = *top--;
        break;
      case kAdd:
        --top, top[0] += top[1];
        break;
      case kMultiply:
        --top, top[0] *= top[1];
        break;
      case kRemainder:
        --top, top[0] %= top[1];
        break;
      case kLess:
        --top, top[0] = top[0] < top[1];
        break;
      case kJump:
        p = program + p->operand - 1;
        break;
      case kJumpZero:
        if (*top-- == 0) p = program + p->operand - 1;
        break;
      default:
        return variables[kC];
    }
}

static NOINLINE u64 run_threaded(void) {
  static const void* const kLabels[] = {&&push,      &&load, &&store, &&add,       &&multiply,
                                        &&remainder, &&less, &&jump,  &&jump_zero, &&halt};
  u64 stack[16], variables[3] = {0}, *top = stack;
  const struct Insn* p = program;
#define NEXT goto* kLabels[(++p)->op]
  goto* kLabels[p->op];
push:
  *++top = p->operand;
  NEXT;
load:
  *++top = variables[p->operand];
  NEXT;
store:
  variables[p->operand] = *top--;
  NEXT;
add:
  --top, top[0] += top[1];
  NEXT;
multiply:
  --top, top[0] *= top[1];
  NEXT;
remainder:
  --top, top[0] %= top[1];
  NEXT;
less:
  --top, top[0] = top[0] < top[1];
  NEXT;
jump:
  p = program + p->operand - 1;
  NEXT;
jump_zero:
  if (*top-- == 0) p = program + p->operand - 1;
  NEXT;
halt:
  return variables[kC];
#undef NEXT
}

static u64 with_switch(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, run_switch());
  return check;
}

static u64 threaded(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, run_threaded());
  return check;
}

const struct Benchmark kInterpreter[] = {
    {"integer/interpreter-switch", 37, with_switch, write_program, NULL, false},
    {"integer/interpreter-goto", 25, threaded, write_program, NULL, false},
    {0}};
