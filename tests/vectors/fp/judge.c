// tests/vectors/fp/judge.c — runs A64 floating-point instructions on request.
//
// Cross-compiled and run on a machine or emulator independent of quince, it says what an Arm
// implementation makes of an instruction. `judge --list` prints one line "name operand-kinds" per
// operation. Otherwise it reads lines "name fpcr a [b [c]]" (hex numbers) and prints each with the
// result and the resulting FPSR appended. See README.md for names and kinds.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t u64;
typedef struct {
  u64 value, fpsr;
} Answer;
typedef Answer (*Fn)(u64 a, u64 b, u64 c, u64 fpcr);

// Operands arrive in d1, d2, d3 and x1, x2, x3; the result is what `insn` leaves in d0. FPSR and
// the vector register 0 start out as zero.
#define RUN(insn)                                                                          \
  register u64 x1 __asm__("x1") = a;                                                       \
  register u64 x2 __asm__("x2") = b;                                                       \
  register u64 x3 __asm__("x3") = c;                                                       \
  register u64 x4 __asm__("x4") = fpcr;                                                    \
  Answer answer;                                                                           \
  __asm__ volatile(                                                                        \
      "msr fpcr, %5\n\tmsr fpsr, xzr\n\tmovi v0.16b, #0\n\t"                               \
      "fmov d1, %2\n\tfmov d2, %3\n\tfmov d3, %4\n\t" insn                                 \
      "\n\tfmov %0, d0\n\tmrs %1, fpsr\n\tmsr fpcr, xzr"                                   \
      : "=&r"(answer.value), "=&r"(answer.fpsr)                                            \
      : "r"(x1), "r"(x2), "r"(x3), "r"(x4)                                                 \
      : "x9", "x10", "v0", "v1", "v2", "v3", "cc", "memory");                              \
  return answer

// Operation lists. OP(name, kinds, insn); S is replaced by the register letter.
#define PER_FORMAT(OP, S)                                                                  \
  OP("add." S, S S, "fadd " S "0," S "1," S "2")                                           \
  OP("sub." S, S S, "fsub " S "0," S "1," S "2")                                           \
  OP("mul." S, S S, "fmul " S "0," S "1," S "2")                                           \
  OP("mulx." S, S S, "fmulx " S "0," S "1," S "2")                                         \
  OP("div." S, S S, "fdiv " S "0," S "1," S "2")                                           \
  OP("max." S, S S, "fmax " S "0," S "1," S "2")                                           \
  OP("min." S, S S, "fmin " S "0," S "1," S "2")                                           \
  OP("maxnm." S, S S, "fmaxnm " S "0," S "1," S "2")                                       \
  OP("minnm." S, S S, "fminnm " S "0," S "1," S "2")                                       \
  OP("recps." S, S S, "frecps " S "0," S "1," S "2")                                       \
  OP("rsqrts." S, S S, "frsqrts " S "0," S "1," S "2")                                     \
  OP("muladd." S, S S S, "fmadd " S "0," S "2," S "3," S "1")                              \
  OP("sqrt." S, S, "fsqrt " S "0," S "1")                                                  \
  OP("abs." S, S, "fabs " S "0," S "1")                                                    \
  OP("neg." S, S, "fneg " S "0," S "1")                                                    \
  OP("recpe." S, S, "frecpe " S "0," S "1")                                                \
  OP("rsqrte." S, S, "frsqrte " S "0," S "1")                                              \
  OP("recpx." S, S, "frecpx " S "0," S "1")                                                \
  OP("rint.n." S, S, "frintn " S "0," S "1")                                               \
  OP("rint.p." S, S, "frintp " S "0," S "1")                                               \
  OP("rint.m." S, S, "frintm " S "0," S "1")                                               \
  OP("rint.z." S, S, "frintz " S "0," S "1")                                               \
  OP("rint.a." S, S, "frinta " S "0," S "1")                                               \
  OP("rint.x." S, S, "frintx " S "0," S "1")                                               \
  OP("rint.i." S, S, "frinti " S "0," S "1")                                               \
  OP("cmp." S, S S, "fcmp " S "1," S "2\n\tmrs x9,nzcv\n\tlsr x9,x9,#28\n\tfmov d0,x9")    \
  OP("cmpe." S, S S, "fcmpe " S "1," S "2\n\tmrs x9,nzcv\n\tlsr x9,x9,#28\n\tfmov d0,x9")  \
  OP("cmeq." S, S S, "fcmeq " S "0," S "1," S "2")                                         \
  OP("cmge." S, S S, "fcmge " S "0," S "1," S "2")                                         \
  OP("cmgt." S, S S, "fcmgt " S "0," S "1," S "2")                                         \
  TO_INT(OP, S, "n")                                                                       \
  TO_INT(OP, S, "p")                                                                       \
  TO_INT(OP, S, "m")                                                                       \
  TO_INT(OP, S, "a")                                                                       \
  TO_INT(OP, S, "z")                                                                       \
  TO_FIXED(OP, S, "s", "w", "7")                                                           \
  TO_FIXED(OP, S, "s", "w", "32")                                                          \
  TO_FIXED(OP, S, "u", "w", "1")                                                           \
  TO_FIXED(OP, S, "u", "w", "31")                                                          \
  TO_FIXED(OP, S, "s", "x", "1")                                                           \
  TO_FIXED(OP, S, "s", "x", "64")                                                          \
  TO_FIXED(OP, S, "u", "x", "33")                                                          \
  TO_FIXED(OP, S, "u", "x", "64")                                                          \
  FROM_INT(OP, S, "s", "w")                                                                \
  FROM_INT(OP, S, "u", "w")                                                                \
  FROM_INT(OP, S, "s", "x")                                                                \
  FROM_INT(OP, S, "u", "x")                                                                \
  FROM_FIXED(OP, S, "s", "w", "16")                                                        \
  FROM_FIXED(OP, S, "u", "w", "32")                                                        \
  FROM_FIXED(OP, S, "s", "x", "64")                                                        \
  FROM_FIXED(OP, S, "u", "x", "13")                                                        \
  FROM_FIXED(OP, S, "u", "x", "64")
#define TO_INT(OP, S, R)                                                                   \
  OP("fix." R ".s.w.0." S, S, "fcvt" R "s w9," S "1\n\tfmov d0,x9")                        \
  OP("fix." R ".u.w.0." S, S, "fcvt" R "u w9," S "1\n\tfmov d0,x9")                        \
  OP("fix." R ".s.x.0." S, S, "fcvt" R "s x9," S "1\n\tfmov d0,x9")                        \
  OP("fix." R ".u.x.0." S, S, "fcvt" R "u x9," S "1\n\tfmov d0,x9")
#define TO_FIXED(OP, S, U, W, N)                                                           \
  OP("fix.z." U "." W "." N "." S, S, "fcvtz" U " " W "9," S "1,#" N "\n\tfmov d0,x9")
#define FROM_INT(OP, S, U, W) OP("flt." U "." W ".0." S, W, U "cvtf " S "0," W "1")
#define FROM_FIXED(OP, S, U, W, N)                                                         \
  OP("flt." U "." W "." N "." S, W, U "cvtf " S "0," W "1,#" N)
#define PER_NORMAL_FORMAT(OP, S)                                                           \
  OP("rint32.x." S, S, "frint32x " S "0," S "1")                                           \
  OP("rint32.z." S, S, "frint32z " S "0," S "1")                                           \
  OP("rint64.x." S, S, "frint64x " S "0," S "1")                                           \
  OP("rint64.z." S, S, "frint64z " S "0," S "1")
// Keeps bits 15:0 of the result: QEMU 7.2 sign-extends FCVTZS (scalar, fixed-point, half) to 32.
#define LOW_H "\n\tumov w9,v0.h[0]\n\tfmov d0,x9"
#define OTHERS(OP)                                                                         \
  OP("fix.n.s.i.0.h", "h", "fcvtns h0,h1" LOW_H)                                                 \
  OP("fix.m.u.i.0.h", "h", "fcvtmu h0,h1" LOW_H)                                                 \
  OP("fix.z.s.i.5.h", "h", "fcvtzs h0,h1,#5" LOW_H)                                              \
  OP("fix.z.u.i.16.h", "h", "fcvtzu h0,h1,#16" LOW_H)                                            \
  OP("flt.s.i.0.h", "i", "scvtf h0,h1")                                                    \
  OP("flt.u.i.0.h", "i", "ucvtf h0,h1")                                                    \
  OP("flt.s.i.3.h", "i", "scvtf h0,h1,#3")                                                 \
  OP("flt.u.i.16.h", "i", "ucvtf h0,h1,#16")                                               \
  OP("cvt.h.s", "h", "fcvt s0,h1")                                                         \
  OP("cvt.h.d", "h", "fcvt d0,h1")                                                         \
  OP("cvt.s.h", "s", "fcvt h0,s1")                                                         \
  OP("cvt.s.d", "s", "fcvt d0,s1")                                                         \
  OP("cvt.d.h", "d", "fcvt h0,d1")                                                         \
  OP("cvt.d.s", "d", "fcvt s0,d1")                                                         \
  OP("cvtxn.d.s", "d", "fcvtxn s0,d1")                                                     \
  OP("js.d", "d",                                                                          \
     "fjcvtzs w9,d1\n\tmrs x10,nzcv\n\tubfx x10,x10,#30,#1\n\torr x9,x9,x10,lsl #32\n\t"   \
     "fmov d0,x9")                                                                         \
  OP("muladdh.s", "shh", "mov v0.8b,v1.8b\n\tfmlal v0.2s,v2.2h,v3.2h")                     \
  OP("bfcvt.s", "s", "bfcvt h0,s1")                                                        \
  OP("bfdot.s", "spp", "mov v0.8b,v1.8b\n\tbfdot v0.2s,v2.4h,v3.4h")                       \
  OP("bfmla.s", "sbb", "mov v0.16b,v1.16b\n\tbfmlalb v0.4s,v2.8h,v3.8h")
#define ALL(OP)                                                                            \
  PER_FORMAT(OP, "h") PER_FORMAT(OP, "s") PER_FORMAT(OP, "d")                              \
  PER_NORMAL_FORMAT(OP, "s") PER_NORMAL_FORMAT(OP, "d") OTHERS(OP)

// One function per operation (nested functions are a GNU C extension).
typedef struct {
  const char* name;
  const char* kinds;
  Fn fn;
} Op;
#define ROW(op_name, op_kinds, insn)                                                       \
  {op_name, op_kinds, ({                                                                   \
     Answer run(u64 a, u64 b, u64 c, u64 fpcr) { RUN(insn); }                              \
     run;                                                                                  \
   })},

int main(int argc, char** argv) {
  const Op ops[] = {ALL(ROW)};
  const size_t count = sizeof ops / sizeof ops[0];
  if (argc > 1 && strcmp(argv[1], "--list") == 0) {
    for (size_t i = 0; i < count; ++i) printf("%s %s\n", ops[i].name, ops[i].kinds);
    return 0;
  }
  char line[256], name[64];
  const Op* op = ops;
  while (fgets(line, sizeof line, stdin)) {
    u64 fpcr = 0, v[3] = {0, 0, 0};
    const int n = sscanf(line, "%63s %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, name, &fpcr,
                         &v[0], &v[1], &v[2]);
    if (n < 3) return 1;
    if (strcmp(op->name, name) != 0) {
      for (op = ops; op != ops + count && strcmp(op->name, name) != 0; ++op) {
      }
      if (op == ops + count) return 2;
    }
    const Answer answer = op->fn(v[0], v[1], v[2], fpcr);
    line[strcspn(line, "\n")] = 0;
    printf("%s %" PRIx64 " %" PRIx64 "\n", line, answer.value, answer.fpsr);
  }
  return 0;
}
