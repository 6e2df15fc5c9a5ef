// The runtime of the guest tests: bare-metal AArch64 programs at EL1 that report over the UART.
//
// A program defines `test_main` and runs its cases with RUN.  Each prints "ok NAME" or
// "FAIL NAME why", the runtime prints "done N" and powers the machine off.
#pragma once

#include "firmware/rom/drivers/gic.h"
#include "firmware/rom/drivers/psci.h"
#include "firmware/rom/lib/board.h"
#include "firmware/rom/lib/cpu.h"

#define MAX_CPUS 8

// ---- Cases -------------------------------------------------------------------------------------

void test_main(void);
void run_case(const char *name, void (*test)(void));
#define RUN(name) run_case(#name, name)

/// Fails the case that runs, with what was seen and what was wanted; only the first one counts.
void check_equal(const char *what, int line, u64 got, u64 want);
#define EXPECT(got, want) check_equal(#got, __LINE__, (u64)(got), (u64)(want))
#define EXPECT_TRUE(condition) check_equal(#condition, __LINE__, (condition) != 0, 1)
bool case_failed(void);
/// Prints "value NAME V", for guest_test to judge: what depends on how the machine runs.
void report(const char *name, u64 value);

void put_char(char c);
void put_string(const char *s);
void put_hex(u64 v);

// ---- Exceptions --------------------------------------------------------------------------------

/// What start.S keeps; the layout is known there.
struct Frame {
  u64 x[31];
  u64 elr, spsr, esr, far, sp_el0, vector, pad;
};

/// Vectors: the offset from VBAR_EL1 divided by 128.
enum {
  kSyncSp0 = 0, kIrqSp0 = 1, kFiqSp0 = 2, kSErrorSp0 = 3,
  kSync = 4, kIrq = 5, kFiq = 6, kSError = 7,
  kSyncEl0 = 8, kIrqEl0 = 9, kFiqEl0 = 10, kSErrorEl0 = 11,
};

/// PSTATE in SPSR_EL1's layout.
enum { kEl0 = 0x3c0, kEl1t = 0x4 | 0x3c0, kEl1h = 0x5 | 0x3c0 };
#define SPSR_IL (1ul << 20)
#define SPSR_SS (1ul << 21)
#define SPSR_PAN (1ul << 22)

/// What ESR_EL1 says of an exception class, IL set.
#define ESR(ec, iss) ((u64)(ec) << 26 | 1ul << 25 | (iss))

/// Called for an interrupt or for an exception that no trap() waits for; true: go on there.
typedef bool (*Handler)(struct Frame *f);

struct Cpu {
  u64 number;
  u64 saved[13];
  volatile bool trapping;
  struct Frame frame;       ///< of the exception that ended trap()
  u64 entry;                ///< DAIF as PSCI CPU_ON left it, and SCTLR_EL1.{C,M} << 32
  u64 pstate;               ///< in the handler: DAIF, SPSel, CurrentEL and PAN as SPSR has them
  volatile Handler handler;
};
struct Cpu *this_cpu(void);
struct Cpu *cpu_number(u32 n);

/// Runs `code(arg)` with PSTATE `spsr` until its first synchronous exception, which is in the
/// result.  Code that returns ends in the exception SVC #0xdead; see returned().
const struct Frame *trap(void *code, u64 arg, u64 spsr);
/// The same, with exceptions going to the handler until it sets Cpu::trapping.
const struct Frame *trap_with_handler(void *code, u64 arg, u64 spsr);
bool returned(const struct Frame *f);
void set_handler(Handler h);

/// A piece of code under test, with a name that C can take the address of.
#define CODE(name, text)                                                             \
  extern char name[];                                                                \
  asm(".pushsection .text, \"ax\"\n.balign 4\n.globl " #name "\n" #name ":\n" text   \
      "\nret\n.popsection")

// ---- PSCI --------------------------------------------------------------------------------------

void power_off(void);

/// Starts CPU `n` in `work`, whose end is CPU_OFF.  PSCI's answer.
s64 cpu_on(u32 n, void (*work)(u32 cpu));
/// AFFINITY_INFO of CPU `n`.
s64 cpu_power(u32 n);
/// Waits until CPU `n` is off.
void cpu_wait_off(u32 n);
/// From the machine's command line: CPUs that exist.
u32 cpu_count(void);

// ---- MMU ---------------------------------------------------------------------------------------

/// The runtime's map, virtual = physical, 2 MiB blocks: code read-only for all, data for EL1, the
/// section .user for EL0 and EL1, the rest of RAM for EL1, devices and ECAM.  On for every program.
void mmu_on(void);
void mmu_off(void);
/// The level 2 entry that maps `va` of RAM, for a case to change and put back.
volatile u64 *mmu_entry(u64 va);
void tlb_flush(void);

#define PTE_VALID 1ul
#define PTE_TABLE 3ul
#define PTE_PAGE 3ul
#define PTE_DEVICE (0ul << 2)
#define PTE_NORMAL (1ul << 2)
#define PTE_EL0 (1ul << 6)
#define PTE_READ_ONLY (1ul << 7)
#define PTE_INNER (3ul << 8)
#define PTE_AF (1ul << 10)
#define PTE_NG (1ul << 11)
#define PTE_PXN (1ul << 53)
#define PTE_UXN (1ul << 54)

#define USER __attribute__((section(".user")))
/// 2 MiB that are not mapped.
#define HOLE (RAM_BASE + 0xa00000ul)
/// RAM that the image does not use, from a 2 MiB boundary.
#define SCRATCH (RAM_BASE + 0x1000000ul)

// ---- Time --------------------------------------------------------------------------------------

/// Waits until `*flag` is at least `value`; false after `us` microseconds.
bool wait_for(volatile u64 *flag, u64 value, u64 us);
