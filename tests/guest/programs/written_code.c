// Instructions that are written without IC and without ISB, as no guest should (Arm ARM B2.2.5): for
// emulators that see such writes all the same, of this CPU at the next branch, of others behind a
// store that is ordered behind it.
#include "guest.h"

enum { kRounds = 200, kCalls = 40 };
static const u64 kPatience = 40000000;  // microseconds that a case may take
static u32 cpus;
static volatile u64 written, executed, errors;

#define CODE_AT (SCRATCH + 0x200000)
#define MOVZ_X0(n) (0xd2800000 | (u32)(n) << 5)
enum { kRet = 0xd65f03c0 };

static u64 call(u64 at) { return ((u64(*)(void))at)(); }
static volatile u32 *words(u64 at) { return (volatile u32 *)at; }

/// Calls it so often that an emulator makes the most of it.
static void expect_calls(u64 at, u64 value) {
  u64 wrong = 0;
  for (u32 n = 0; n < kCalls; ++n) wrong += call(at) != value;
  EXPECT(wrong, 0);
}

static void by_stores(void) {
  words(CODE_AT)[1] = kRet;
  for (u32 i = 1; i <= kRounds; ++i) {
    words(CODE_AT)[0] = MOVZ_X0(i);
    expect_calls(CODE_AT, i);
  }
}
/// Data takes the place of code and code that of data: often enough that an emulator may take it for either.
static void by_turns(void) {
  const u64 at = CODE_AT + 0x6000;
  for (u32 i = 1; i <= kRounds; ++i) {
    for (u32 n = 0; n < 512; ++n) words(at)[n] = 0;
    words(at)[1] = kRet;
    words(at)[0] = MOVZ_X0(i);
    expect_calls(at, i);
    words(at)[0] = MOVZ_X0(i + 1);
    expect_calls(at, i + 1);
  }
}
static void across_pages(void) {
  const u64 at = CODE_AT + 0x2ffc;
  words(at)[2] = kRet;
  for (u32 i = 1; i <= kRounds; ++i) {
    *(volatile u64 *)at = 0xd503201f | (u64)MOVZ_X0(i) << 32;  // NOP
    expect_calls(at, i);
  }
}
static void by_atomics(void) {
  const u64 at = CODE_AT + 0x4000;
  words(at)[1] = kRet;
  for (u32 i = 1; i <= kRounds; ++i) {
    u32 failed;
    do {
      asm volatile("ldxr %w0, %1\n stxr %w0, %w2, %1"
                   : "=&r"(failed), "+Q"(*words(at))
                   : "r"(MOVZ_X0(2 * i))
                   : "memory");
    } while (failed);
    expect_calls(at, 2 * i);
    asm volatile("swp %w1, wzr, %0" : "+Q"(*words(at)) : "r"(MOVZ_X0(2 * i + 1)) : "memory");
    expect_calls(at, 2 * i + 1);
  }
}
/// Data beside code: what is written there is neither lost nor does it harm.
static void data_beside(void) {
  const u64 at = CODE_AT + 0x8000;
  volatile u64 *counter = (volatile u64 *)(at + 0x800);
  words(at)[0] = MOVZ_X0(5);
  words(at)[1] = kRet;
  *counter = 0;
  for (u32 i = 0; i < 10 * kRounds; ++i) *counter = *counter + call(at);
  EXPECT(*counter, 50 * kRounds);
}
/// A program that patches the function that it is in: the branch back leads to the new instruction.
static void own_loop(void) {
  const u64 at = CODE_AT + 0xa000;
  volatile u32 *w = words(at);
  w[0] = MOVZ_X0(0);
  w[1] = 0xd2800022;  // MOVZ X2, #1
  w[2] = 0x91000400;  // ADD X0, X0, #1: becomes ADD X0, X0, #2 in the first turn
  w[3] = 0xb9000023;  // STR W3, [X1]
  w[4] = 0xf1000442;  // SUBS X2, X2, #1
  w[5] = 0x54ffffaa;  // B.GE to 2
  w[6] = kRet;
  for (u32 n = 0; n < kCalls; ++n) {
    w[2] = 0x91000400;
    register u64 x0 asm("x0");
    register u64 x1 asm("x1") = at + 8;
    register u64 x3 asm("x3") = 0x91000800;
    asm volatile("blr %3" : "=r"(x0), "+r"(x1), "+r"(x3) : "r"(at) : "x2", "x30", "cc", "memory");
    EXPECT(x0, 3);
  }
}

#ifdef GUEST_BOARD_VIRT
/// By fw_cfg's DMA (of an item that is not there, so of zeroes, which are UDF).
static void by_a_device(void) {
  const u64 at = CODE_AT + 0xe000;
  words(at)[0] = MOVZ_X0(7);
  words(at)[1] = kRet;
  expect_calls(at, 7);
  static volatile struct {
    u32 control, length;
    u64 address;
  } request;
  const u32 control = 0x3fffu << 16 | 1 << 3 | 1 << 1;  // item, select, read
  request.length = __builtin_bswap32(4);
  request.address = __builtin_bswap64(at);
  request.control = __builtin_bswap32(control);
  DSB();
  *(volatile u64 *)(FW_CFG_BASE + 16) = __builtin_bswap64((u64)&request);
  const u64 start = counter();
  while (request.control != 0 && counter() - start < micros(kPatience)) continue;
  EXPECT(request.control, 0);
  EXPECT(words(at)[0], 0);
  const struct Frame *f = trap((void *)at, 0, kEl1h);
  EXPECT(f->esr, ESR(0, 0));
  EXPECT(f->elr, at);
}
#endif

static void meet(void) {
  static volatile u64 ready;
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  if (!wait_for(&ready, cpus, kPatience)) __atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST);
}
static void run_code(u32 cpu) {
  (void)cpu;
  meet();
  for (u64 i = 1; i <= kRounds; ++i) {
    if (!wait_for(&written, i, kPatience) || call(CODE_AT + 0xc000) != i)
      __atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&executed, 1, __ATOMIC_SEQ_CST);
  }
}
static void by_another_cpu(void) {
  const u64 at = CODE_AT + 0xc000;
  words(at)[1] = kRet;
  DSB();
  for (u32 n = 1; n < cpus; ++n) EXPECT(cpu_on(n, run_code), 0);
  meet();
  for (u64 i = 1; i <= kRounds; ++i) {
    if (i % 8 == 0)
      for (u32 n = 0; n < 512; ++n) words(at)[n] = n == 1 ? kRet : 0;
    words(at)[0] = MOVZ_X0(i);
    __atomic_store_n(&written, i, __ATOMIC_RELEASE);
    EXPECT(wait_for(&executed, i * (cpus - 1), kPatience), true);
  }
  for (u32 n = 1; n < cpus; ++n) cpu_wait_off(n);
  EXPECT(errors, 0);
}

void test_main(void) {
  cpus = cpu_count();
  volatile u64 *entry = mmu_entry(CODE_AT);
  *entry = *entry & ~PTE_PXN;
  tlb_flush();
  RUN(by_stores);
  RUN(by_turns);
  RUN(across_pages);
  RUN(by_atomics);
  RUN(data_beside);
  RUN(own_loop);
#ifdef GUEST_BOARD_VIRT
  RUN(by_a_device);
#endif
  RUN(by_another_cpu);
}
