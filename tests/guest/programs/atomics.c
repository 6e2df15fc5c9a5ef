// Atomic memory operations from several CPUs at once (Arm DDI 0487, C3.2.12 and B2.2): every operation of
// FEAT_LSE in every size and with every acquire and release, exclusives on the same location, and accesses
// of 16 bytes, of which nobody may see one half without the other.
#include "guest.h"

enum { kRounds = 200, kSizes = 4, kForms = 4, kPairs = 3000, kMixed = 2000 };
static const u64 kPatience = 60000000;  // microseconds that a case may take
static u32 cpus;
static volatile u64 ready, errors;

/// Every operation: X0 = the location, X1 = the value; the old value in X0.
// The assembler's names: LDADD, LDADDA, LDADDL, LDADDAL, and with B or H behind.
#define ONE(op, form, size, w, name) CODE(op##name, #op form size " " w "1, " w "2, [x0]\n mov x0, x2");
#define SIZE(op, size, w, name)       \
  ONE(op, "", size, w, name##_plain)  \
  ONE(op, "a", size, w, name##_a)     \
  ONE(op, "l", size, w, name##_l)     \
  ONE(op, "al", size, w, name##_al)
#define OPERATION(op)       \
  SIZE(op, "b", "w", _1)    \
  SIZE(op, "h", "w", _2)    \
  SIZE(op, "", "w", _4)     \
  SIZE(op, "", "x", _8)
OPERATION(ldadd)
OPERATION(ldclr)
OPERATION(ldeor)
OPERATION(ldset)
OPERATION(ldsmax)
OPERATION(ldsmin)
OPERATION(ldumax)
OPERATION(ldumin)
OPERATION(swp)
// CAS: X1 is what is expected, X2 what is to be there.
#define CAS_ONE(form, size, w, name) CODE(cas##name, "cas" form size " " w "1, " w "2, [x0]\n mov x0, x1");
#define CAS_SIZE(size, w, name)     \
  CAS_ONE("", size, w, name##_plain) \
  CAS_ONE("a", size, w, name##_a)    \
  CAS_ONE("l", size, w, name##_l)    \
  CAS_ONE("al", size, w, name##_al)
CAS_SIZE("b", "w", _1)
CAS_SIZE("h", "w", _2)
CAS_SIZE("", "w", _4)
CAS_SIZE("", "x", _8)
#define FORMS_OF(op, name) {op##name##_plain, op##name##_a, op##name##_l, op##name##_al}
#define TABLE(op) {FORMS_OF(op, _1), FORMS_OF(op, _2), FORMS_OF(op, _4), FORMS_OF(op, _8)}
enum { kAdd, kClr, kEor, kSet, kSmax, kSmin, kUmax, kUmin, kSwp, kCas, kOps };
static char *const codes[kOps][kSizes][kForms] = {TABLE(ldadd),  TABLE(ldclr),  TABLE(ldeor),  TABLE(ldset),
                                                  TABLE(ldsmax), TABLE(ldsmin), TABLE(ldumax), TABLE(ldumin),
                                                  TABLE(swp),    TABLE(cas)};
typedef u64 (*Atomic)(void *at, u64 v, u64 with);

/// Runs `work` on every CPU and waits for the others.
static void together(void (*work)(u32)) {
  ready = errors = 0;
  for (u32 n = 1; n < cpus; ++n) EXPECT(cpu_on(n, work), 0);
  work(0);
  for (u32 n = 1; n < cpus; ++n) cpu_wait_off(n);
  EXPECT(errors, 0);
}
static void meet(void) {
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  if (!wait_for(&ready, cpus, kPatience)) errors = 1;
}
static void complain(void) { __atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST); }

// ---- Every operation, size and form -------------------------------------------------------------

static u64 location __attribute__((aligned(64)));
static u64 sums[MAX_CPUS];
static volatile u32 op, size, form;

static u64 mask(void) { return size == 3 ? ~0ul : (1ul << (8 << size)) - 1; }
static s64 sign_extended(u64 v) { return (s64)(v << (64 - (8 << size))) >> (64 - (8 << size)); }
static u64 apply(u64 v) { return ((Atomic)codes[op][size][form])(&location, v, 0); }
/// A bit that is this CPU's.
static u64 own(u32 cpu) { return 1ul << (cpu * 2 + 1); }

static void use_operation(u32 cpu) {
  meet();
  u64 sum = 0, last = op == kSmax || op == kUmax ? 0 : mask() >> (op == kSmin);
  for (u64 i = 0; i < kRounds; ++i) {
    u64 v, old;
    switch (op) {
      case kAdd:
        apply(2 * i + cpu + 1);
        sum += 2 * i + cpu + 1;
        break;
      case kEor:
        old = apply(own(cpu));
        if (((old & own(cpu)) != 0) != (i % 2 == 1)) complain();  // nobody else turns it
        break;
      case kSet:
      case kClr:
        old = apply(own(cpu));
        // It is as this CPU left it, and is put back by the other operation.
        if (((old & own(cpu)) != 0) != (op == kClr)) complain();
        ((Atomic)codes[op == kSet ? kClr : kSet][size][form])(&location, own(cpu), 0);
        break;
      case kSwp:
        v = (cpu * kRounds + i + 1) * 0x9e3779b97f4a7c15;
        sum += v - apply(v);  // what was put in and what was taken out
        break;
      case kCas:
        for (old = __atomic_load_n(&location, __ATOMIC_RELAXED) & mask();;) {
          v = ((Atomic)codes[kCas][size][form])(&location, old, old + 3) & mask();
          if (v == old) break;
          old = v;
        }
        sum += 3;
        break;
      default:  // the location only moves in one direction
        v = (i * 0x9e3779b97f4a7c15 + cpu * 0x1234567) & mask() >> 1;
        old = apply(v) & mask();
        if (op == kUmax && old < last) complain();
        if (op == kUmin && old > last) complain();
        if (op == kSmax && sign_extended(old) < sign_extended(last)) complain();
        if (op == kSmin && sign_extended(old) > sign_extended(last)) complain();
        last = op == kUmax ? (old > v ? old : v) : op == kUmin ? (old < v ? old : v)
             : op == kSmax ? (u64)(sign_extended(old) > (s64)v ? old : v)
                           : (u64)(sign_extended(old) < (s64)v ? old : v);
    }
  }
  sums[cpu] = op >= kSmax && op <= kUmin ? last : sum;
}

static u64 initial(void) {
  switch (op) {
    case kClr: return mask();
    case kUmin: return mask();
    case kSmin: return mask() >> 1;
    default: return 0;
  }
}

static void check_operation(void) {
  const u64 neighbours = ~mask() & 0xa5a5a5a5a5a5a5a5;  // what is beside a small location stays
  location = initial() | neighbours;
  together(use_operation);
  u64 total = 0, best = sums[0];
  for (u32 n = 0; n < cpus; ++n) {
    total += sums[n];
    const bool better = op == kUmin || op == kSmin ? sums[n] < best : sums[n] > best;
    if (better) best = sums[n];
  }
  EXPECT(location & ~mask(), neighbours);
  const u64 left = location & mask();
  if (op == kAdd || op == kSwp || op == kCas) EXPECT(left, total & mask());
  if (op == kEor || op == kSet || op == kClr) EXPECT(left, initial());
  if (op >= kSmax && op <= kUmin) EXPECT(left, best);
}
static void every_form(void) {
  for (size = 0; size < kSizes; ++size)
    for (form = 0; form < kForms; ++form) check_operation();
}

// ---- Exclusives beside atomics ------------------------------------------------------------------

static void mix(u32 cpu) {
  meet();
  for (u64 i = 0; i < kMixed; ++i) {
    u64 v;
    u32 failed;
    switch ((cpu + i) % 4) {
      case 0: asm volatile("stadd %1, %0" : "+Q"(location) : "r"(1ul) : "memory"); break;
      case 1:
        do {
          asm volatile("ldxr %0, %2\n add %0, %0, #1\n stxr %w1, %0, %2"
                       : "=&r"(v), "=&r"(failed), "+Q"(location)::"memory");
        } while (failed);
        break;
      case 2:
        do {  // half of it: the upper word stays what it was
          asm volatile("ldaxr %w0, %2\n add %w0, %w0, #1\n stlxr %w1, %w0, %2"
                       : "=&r"(v), "=&r"(failed), "+Q"(location)::"memory");
        } while (failed);
        break;
      default: {
        u64 old = __atomic_load_n(&location, __ATOMIC_RELAXED), expected;
        do {
          expected = old;
          asm volatile("casal %0, %2, %1" : "+r"(old), "+Q"(location) : "r"(expected + 1) : "memory");
        } while (old != expected);
      }
    }
  }
}
static void mixed(void) {
  location = 0x77ul << 32;
  together(mix);
  EXPECT(location, (0x77ul << 32) + kMixed * cpus);
}

// ---- Sixteen bytes -----------------------------------------------------------------------------

static u64 pair[2] __attribute__((aligned(16)));
static bool whole_pairs;  // LDP, STP and vectors are single-copy atomic (FEAT_LSE2)

/// Anything but a value and its complement was torn.
static void look(u64 a, u64 b) {
  if (a != ~b) complain();
}
static void use_pairs(u32 cpu) {
  meet();
  for (u64 i = 0; i < kPairs; ++i) {
    u64 a, b;
    u32 failed;
    const u64 v = (u64)cpu << 56 | i;
    if (cpu % 2 == 0) {  // writes
      register u64 x2 asm("x2") = __atomic_load_n(&pair[0], __ATOMIC_RELAXED);
      register u64 x3 asm("x3") = ~x2;
      register u64 x4 asm("x4") = v, x5 asm("x5") = ~v;
      if (whole_pairs && i % 4 == 0) asm volatile("stp %1, %2, %0" : "=Q"(pair) : "r"(v), "r"(~v) : "memory");
      if (whole_pairs && i % 4 == 1)
        asm volatile("fmov d0, %1\n mov v0.d[1], %2\n str q0, %0" : "=Q"(pair) : "r"(v), "r"(~v) : "memory");
      if (i % 4 == 2)
        asm volatile("caspal x2, x3, x4, x5, %0" : "+Q"(pair), "+r"(x2), "+r"(x3) : "r"(x4), "r"(x5) : "memory");
      look(x2, x3);
      if (i % 4 != 3) continue;
      do {
        asm volatile("ldaxp %0, %1, %3\n stlxp %w2, %4, %5, %3"
                     : "=&r"(a), "=&r"(b), "=&r"(failed), "+Q"(pair) : "r"(v), "r"(~v) : "memory");
      } while (failed);
      look(a, b);
      continue;
    }
    register u64 x2 asm("x2") = 1, x3 asm("x3") = 1;  // never there: CASP only reads
    asm volatile("caspa x2, x3, x2, x3, %0" : "+Q"(pair), "+r"(x2), "+r"(x3)::"memory");
    look(x2, x3);
    // A pair that a store exclusive has confirmed was read in one piece, LSE2 or not.
    asm volatile("ldxp %0, %1, %3\n stxp %w2, %0, %1, %3" : "=&r"(a), "=&r"(b), "=&r"(failed), "+Q"(pair)::"memory");
    if (!failed) look(a, b);
    if (!whole_pairs) continue;
    asm volatile("ldp %0, %1, %2" : "=r"(a), "=r"(b) : "Q"(pair) : "memory");
    look(a, b);
    asm volatile("ldr q0, %2\n fmov %0, d0\n mov %1, v0.d[1]" : "=r"(a), "=r"(b) : "Q"(pair) : "memory");
    look(a, b);
  }
}
static void sixteen_bytes(void) {
  whole_pairs = (READ(s3_0_c0_c7_2) >> 32 & 15) != 0;  // ID_AA64MMFR2_EL1.AT
  report("whole_pairs", whole_pairs);
  pair[0] = 0;
  pair[1] = ~0ul;
  together(use_pairs);
  look(pair[0], pair[1]);
  EXPECT(errors, 0);
}

void test_main(void) {
  static const char *const names[kOps] = {"add", "clr", "eor", "set", "smax", "smin", "umax", "umin", "swp", "cas"};
  cpus = cpu_count() < 4 ? cpu_count() : 4;  // a byte has bits for four
  report("cpus", cpus);
  for (u32 i = 0; i < kOps; ++i) {
    op = i;
    run_case(names[i], every_form);
  }
  RUN(mixed);
  RUN(sixteen_bytes);
}
