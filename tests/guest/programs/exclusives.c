// Exclusive monitors (Arm DDI 0487, B2.12): what another CPU's write does to them, whatever its kind and
// even when the value is the same again afterwards; what clears them here; what has none.
#include "guest.h"

enum { kRounds = 40, kManyStores = 20000 };
static const u64 kPatience = 60000000;  // microseconds that a case may take

/// The location, alone in 4 KiB with a page before it, and the words with which the CPUs take turns, far from it.
static u64 pages[1024] __attribute__((aligned(4096)));
#define page (pages + 512)
static volatile u64 flags[512] __attribute__((aligned(4096)));
#define ARMED flags[0]
#define DONE flags[64]
static u64 value[2];  // what stands there
static u64 *at;       // where

// ---- Pairs, with a pause in between -------------------------------------------------------------

// Every pair: loads, raises ARMED, waits for DONE without a store or an exclusive, and tries to store.
// X0 = the location, X1 = ARMED's address, X2 = its new value; DONE is 512 bytes behind.  W0: the status.
#define PAIR(name, load, store)                                  \
  CODE(name, load                                                \
       "\n stlr x2, [x1]\n add x3, x1, #512\n1: ldar x4, [x3]\n" \
       " cmp x4, x2\n b.ne 1b\n" store "\n mov w0, w5")
PAIR(pair_1, "ldxrb w8, [x0]", "stxrb w5, w8, [x0]");
PAIR(pair_2, "ldxrh w8, [x0]", "stxrh w5, w8, [x0]");
PAIR(pair_4, "ldxr w8, [x0]", "stxr w5, w8, [x0]");
PAIR(pair_8, "ldxr x8, [x0]", "stxr w5, x8, [x0]");
PAIR(pair_8_ordered, "ldaxr x8, [x0]", "stlxr w5, x8, [x0]");
PAIR(pair_4_4, "ldxp w8, w9, [x0]", "stxp w5, w8, w9, [x0]");
PAIR(pair_16, "ldxp x8, x9, [x0]", "stxp w5, x8, x9, [x0]");
PAIR(pair_16_ordered, "ldaxp x8, x9, [x0]", "stlxp w5, x8, x9, [x0]");
typedef u64 (*Pair)(u64 *where, volatile u64 *armed, u64 turn);
static char *const pairs[] = {pair_1,         pair_2,   pair_4,  pair_8,
                              pair_8_ordered, pair_4_4, pair_16, pair_16_ordered};

// ---- What the other CPU does --------------------------------------------------------------------

static u64 other;  // not what stands there
static void by_store(void) {
  *(volatile u64 *)at = other;
  *(volatile u64 *)at = value[0];
}
static void by_same_value(void) { *(volatile u64 *)at = value[0]; }
static void by_byte(void) {
  *(volatile u8 *)at = (u8)other;
  *(volatile u8 *)at = (u8)value[0];
}
static void by_pair(void) {
  asm volatile("stp %1, %1, %0\n stp %2, %3, %0"
               : "=Q"(*at)
               : "r"(other), "r"(value[0]), "r"(value[1])
               : "memory");
}
static void by_release(void) {
  asm volatile("stlr %1, %0\n stlr %2, %0" : "=Q"(*at) : "r"(other), "r"(value[0]) : "memory");
}
static void by_vector(void) {
  asm volatile("dup v0.2d, %1\n str q0, %0\n fmov d0, %2\n mov v0.d[1], %3\n str q0, %0"
               : "=Q"(*at)
               : "r"(other), "r"(value[0]), "r"(value[1])
               : "memory");
}
static void by_vector_structure(void) {
  asm volatile("dup v0.2d, %1\n st1 {v0.2d}, %0\n fmov d0, %2\n mov v0.d[1], %3\n st1 {v0.2d}, %0"
               : "=Q"(*at)
               : "r"(other), "r"(value[0]), "r"(value[1])
               : "memory");
}
static void by_swp(void) {
  u64 old;
  asm volatile("swpal %2, %0, %1\n swpal %3, %0, %1"
               : "=&r"(old), "+Q"(*at)
               : "r"(other), "r"(value[0])
               : "memory");
}
static void by_add(void) {
  asm volatile("stadd %1, %0\n neg x9, %1\n stadd x9, %0" : "+Q"(*at) : "r"(1ul) : "x9", "memory");
}
static void by_cas(void) {
  u64 old = value[0];
  asm volatile("casal %0, %2, %1" : "+r"(old), "+Q"(*at) : "r"(other) : "memory");
  old = other;
  asm volatile("casal %0, %2, %1" : "+r"(old), "+Q"(*at) : "r"(value[0]) : "memory");
}
static void by_casp(void) {
  register u64 x2 asm("x2") = value[0], x3 asm("x3") = value[1];
  register u64 x4 asm("x4") = other, x5 asm("x5") = other;
  asm volatile("caspal x2, x3, x4, x5, %0"
               : "+Q"(*at), "+r"(x2), "+r"(x3)
               : "r"(x4), "r"(x5)
               : "memory");
  x2 = x3 = other;
  x4 = value[0];
  x5 = value[1];
  asm volatile("caspal x2, x3, x4, x5, %0"
               : "+Q"(*at), "+r"(x2), "+r"(x3)
               : "r"(x4), "r"(x5)
               : "memory");
}
static void by_exclusive(void) {
  u64 old;
  u32 failed;
  for (int i = 0; i < 2; ++i) do {
      asm volatile("ldxr %0, %2\n stxr %w1, %3, %2"
                   : "=&r"(old), "=&r"(failed), "+Q"(*at)
                   : "r"(i == 0 ? other : value[0])
                   : "memory");
    } while (failed);
}
static void by_zeroing(void) {  // the value is zero then
  *(volatile u64 *)at = other;
  asm volatile("dc zva, %0" ::"r"(at) : "memory");
}
static void by_crossing_store(void) {  // from the page before into the location
  asm volatile("str %1, [%0]" ::"r"((u64)at - 4), "r"(other) : "memory");
  ((volatile u32 *)at)[0] = (u32)value[0];
}
/// The same memory at another virtual address.
#define ALIAS (SCRATCH + 0x400000ul)
static void by_alias(void) {
  volatile u64 *const alias = (volatile u64 *)(ALIAS + ((u64)at & 0x1fffff));
  *alias = other;
  *alias = value[0];
}
static void by_many_stores(void) {
  for (u64 i = 0; i < kManyStores; ++i) ((volatile u64 *)at)[i % 2 * 8] = other;
  by_store();
}
static void elsewhere(void) {
  for (u64 i = 0; i < 8; ++i)
    ((volatile u64 *)at)[256 + i] = other;  // 2 KiB away: no granule is larger
}
static void nothing(void) {}

static void (*volatile disturb)(void);
static volatile u64 errors;
static void disturber(u32 cpu) {
  (void)cpu;
  for (u64 i = 1; i <= kRounds; ++i) {
    if (!wait_for(&ARMED, i, kPatience)) errors = 1;
    disturb();
    __atomic_store_n(&DONE, i, __ATOMIC_RELEASE);
  }
}
/// Store exclusives of `pair` that succeeded of kRounds, while CPU 1 does `what` between load and store.
static u64 successes(char *pair, void (*what)(void)) {
  u64 stored = 0;
  ARMED = DONE = errors = 0;
  disturb = what;
  at[0] = value[0];
  at[1] = value[1];
  EXPECT(cpu_on(1, disturber), 0);
  for (u64 i = 1; i <= kRounds; ++i) stored += ((Pair)pair)(at, &ARMED, i) == 0;
  cpu_wait_off(1);
  EXPECT(errors, 0);
  EXPECT(at[0], value[0]);
  EXPECT(at[1], value[1]);
  return stored;
}

/// A to B and back to A is a change, for every pair and every way to write.
static void every_pair(void (*what)(void)) {
  for (u64 i = 0; i < sizeof pairs / sizeof *pairs; ++i) EXPECT(successes(pairs[i], what), 0);
}
static void plain_stores(void) { every_pair(by_store); }
static void same_value(void) { every_pair(by_same_value); }
static void bytes(void) { every_pair(by_byte); }
static void store_pairs(void) { every_pair(by_pair); }
static void releases(void) { every_pair(by_release); }
static void vectors_whole(void) {
  every_pair(by_vector);
  every_pair(by_vector_structure);
}
static void atomics(void) {
  every_pair(by_swp);
  every_pair(by_add);
  every_pair(by_cas);
  every_pair(by_casp);
}
static void other_exclusives(void) { every_pair(by_exclusive); }
static void zeroing(void) {
  const u64 was[2] = {value[0], value[1]};
  value[0] = value[1] = 0;
  every_pair(by_zeroing);
  value[0] = was[0];
  value[1] = was[1];
}
static void crossing(void) {
  u64 *const was = at;
  at = &page[0];  // the store begins in the page before
  every_pair(by_crossing_store);
  at = was;
}
static void aliases(void) {
  volatile u64 *const entry = mmu_entry(ALIAS);
  const u64 before = *entry;
  *entry = *mmu_entry((u64)at);
  tlb_flush();
  every_pair(by_alias);
  *entry = before;
  tlb_flush();
}
/// After many stores a monitor is no less watched than before.
static void many_stores(void) {
  EXPECT(successes(pair_8, by_many_stores), 0);
  EXPECT(successes(pair_8, by_store), 0);
  EXPECT_TRUE(successes(pair_8, nothing) != 0);
}
/// Nobody writes there: architecturally it may fail now and then, never always.
static void undisturbed(void) {
  for (u64 i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    EXPECT_TRUE(successes(pairs[i], nothing) != 0);
    EXPECT_TRUE(successes(pairs[i], elsewhere) != 0);
  }
}

// ---- On one CPU --------------------------------------------------------------------------------

CODE(store_alone, "clrex\n stxr w5, x8, [x0]\n mov w0, w5");
CODE(cleared, "ldxr x8, [x0]\n clrex\n stxr w5, x8, [x0]\n mov w0, w5");
CODE(twice, "ldxr x8, [x0]\n stxr w5, x8, [x0]\n stxr w6, x8, [x0]\n add w0, w6, w5, lsl #1");
CODE(other_size, "ldxr x8, [x0]\n stxr w5, w8, [x0]\n mov w0, w5");
CODE(load_and_trap, "ldxr x8, [x0]\n svc #1\n stxr w5, x8, [x0]\n mov x0, x5\n svc #2");
static bool skip_svc(struct Frame *f) {
  if (f->esr != ESR(0x15, 1)) return false;
  this_cpu()->trapping = true;  // for the one that is to come
  return true;
}
static void what_clears(void) {
  EXPECT(((u32(*)(u64 *))store_alone)(at), 1);
  EXPECT(((u32(*)(u64 *))cleared)(at), 1);
  u32 both = 3;  // the first may fail for no reason, but not always
  for (int i = 0; i < 1000 && both != 1; ++i) both = ((u32(*)(u64 *))twice)(at);
  EXPECT(both, 1);                             // the first succeeds, the second has no monitor
  EXPECT(((u32(*)(u64 *))other_size)(at), 1);  // UNPREDICTABLE, and a failure here
  set_handler(skip_svc);
  const struct Frame *f = trap_with_handler(load_and_trap, (u64)at, kEl1h);
  EXPECT(f->esr, ESR(0x15, 2));
  EXPECT(f->x[0], 1);  // the exception return has cleared it
  set_handler(0);
}

CODE(load_it, "ldxr w8, [x0]");
CODE(store_it, "stxr w5, w8, [x0]");
CODE(add_it, "stadd w8, [x0]");
CODE(pair_it, "ldxr x8, [x0]\n add x8, x8, #1\n stxr w5, x8, [x0]");
static void device_memory(void) {
  char *const codes[] = {load_it, store_it, add_it};
  for (u64 i = 0; i < 3; ++i) {
    const struct Frame *f = trap(codes[i], GPIO_BASE + 0x400, kEl1h);
    EXPECT(f->esr >> 26, 0x25);
    EXPECT(f->esr & 0x3f, 0x35);  // Unsupported Exclusive or Atomic access
  }
  // RAM that is mapped as Device memory has a monitor here, which the architecture leaves open.
  volatile u64 *const entry = mmu_entry(ALIAS);
  const u64 before = *entry;
  *entry = (*entry & ~PTE_NORMAL) | PTE_DEVICE;
  tlb_flush();
  *(volatile u64 *)ALIAS = 7;
  for (int i = 0; i < 1000 && *(volatile u64 *)ALIAS == 7; ++i)
    EXPECT_TRUE(returned(trap(pair_it, ALIAS, kEl1h)));
  EXPECT(*(volatile u64 *)ALIAS, 8);
  *entry = before;
  tlb_flush();
}

void test_main(void) {
  value[0] = 0x1122334455667788;
  value[1] = 0x99aabbccddeeff00;
  other = 0x5a5a5a5a5a5a5a5a;
  at = &page[64];
  RUN(what_clears);
  RUN(device_memory);
  if (cpu_count() < 2) return;
  RUN(undisturbed);
  RUN(plain_stores);
  RUN(same_value);
  RUN(bytes);
  RUN(store_pairs);
  RUN(releases);
  RUN(vectors_whole);
  RUN(atomics);
  RUN(other_exclusives);
  RUN(zeroing);
  RUN(crossing);
  RUN(aliases);
  RUN(many_stores);
}
