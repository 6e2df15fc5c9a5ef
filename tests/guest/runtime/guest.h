// The runtime of the guest tests: bare-metal AArch64 programs at EL1 that report over the UART.
//
// A program defines `test_main` and runs its cases with RUN.  Each prints "ok NAME" or
// "FAIL NAME why", the runtime prints "done N" and powers the machine off.
#pragma once

#include "board.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;
typedef _Bool bool;
#define true 1
#define false 0

#define MAX_CPUS 8

#define READ(reg)                                        \
  ({                                                     \
    u64 v_;                                              \
    asm volatile("mrs %0, " #reg : "=r"(v_)::"memory"); \
    v_;                                                  \
  })
#define WRITE(reg, value) asm volatile("msr " #reg ", %0\n isb" ::"r"((u64)(value)) : "memory")
#define ISB() asm volatile("isb" ::: "memory")
#define DSB() asm volatile("dsb sy" ::: "memory")
#define WFI() asm volatile("wfi" ::: "memory")
#define IRQ_ON() asm volatile("msr daifclr, #2" ::: "memory")
#define IRQ_OFF() asm volatile("msr daifset, #2" ::: "memory")
#define FIQ_ON() asm volatile("msr daifclr, #1" ::: "memory")
#define FIQ_OFF() asm volatile("msr daifset, #1" ::: "memory")

static inline u8 get8(u64 a) { return *(volatile u8 *)a; }
static inline u16 get16(u64 a) { return *(volatile u16 *)a; }
static inline u32 get32(u64 a) { return *(volatile u32 *)a; }
static inline void put32(u64 a, u32 v) { *(volatile u32 *)a = v; }
static inline void put16(u64 a, u16 v) { *(volatile u16 *)a = v; }
static inline void put64(u64 a, u64 v) { *(volatile u64 *)a = v; }
static inline void put8(u64 a, u8 v) { *(volatile u8 *)a = v; }

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

// ---- GIC ---------------------------------------------------------------------------------------

/// GICD with affinity routing and both groups, this CPU's redistributor and interface; everything
/// disabled, Group 1, level, to CPU 0, priority 0xa0, PMR open, EOImode 0.
void gic_init(void);
/// The calling CPU's part of it.
void gic_init_cpu(void);
void gic_enable(u32 intid, bool on);
void gic_priority(u32 intid, u8 priority);
void gic_group(u32 intid, unsigned group);
void gic_edge(u32 intid, bool edge);
void gic_route(u32 intid, u64 affinity);
bool gic_pending(u32 intid);
bool gic_active(u32 intid);
void gic_set_pending(u32 intid, bool on);
void gic_set_active(u32 intid, bool on);
/// An SGI in Group 1 to one CPU of cluster 0.
void gic_sgi(u32 intid, u32 cpu);

#define ICC_IAR0 s3_0_c12_c8_0
#define ICC_EOIR0 s3_0_c12_c8_1
#define ICC_HPPIR0 s3_0_c12_c8_2
#define ICC_BPR0 s3_0_c12_c8_3
#define ICC_DIR s3_0_c12_c11_1
#define ICC_RPR s3_0_c12_c11_3
#define ICC_SGI1R s3_0_c12_c11_5
#define ICC_SGI0R s3_0_c12_c11_7
#define ICC_IAR1 s3_0_c12_c12_0
#define ICC_EOIR1 s3_0_c12_c12_1
#define ICC_HPPIR1 s3_0_c12_c12_2
#define ICC_BPR1 s3_0_c12_c12_3
#define ICC_CTLR s3_0_c12_c12_4
#define ICC_SRE s3_0_c12_c12_5
#define ICC_IGRPEN0 s3_0_c12_c12_6
#define ICC_IGRPEN1 s3_0_c12_c12_7
#define ICC_PMR s3_0_c4_c6_0

// READ and WRITE want the name spelt out.
#define GIC_READ_(reg) READ(reg)
#define GIC_READ(reg) GIC_READ_(reg)
#define GIC_WRITE_(reg, v) WRITE(reg, v)
#define GIC_WRITE(reg, v) GIC_WRITE_(reg, v)

// ---- PSCI --------------------------------------------------------------------------------------

s64 psci(u64 function, u64 a, u64 b, u64 c);
enum {
  kPsciVersion = 0x84000000, kPsciCpuOff = 0x84000002, kPsciCpuOn32 = 0x84000003,
  kPsciMigrateInfoType = 0x84000006, kPsciSystemOff = 0x84000008, kPsciFeatures = 0x8400000a,
};
#define PSCI_CPU_SUSPEND 0xc4000001ul
#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_AFFINITY_INFO 0xc4000004ul
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

static inline u64 counter(void) {
  ISB();
  return READ(cntvct_el0);
}
/// Counts in a microsecond times `us`.
static inline u64 micros(u64 us) { return us * COUNTER_HZ / 1000000; }
/// Nanoseconds of `counts`; these are fewer than 10^13.
static inline u64 nanos(u64 counts) { return counts * 1000000 / (COUNTER_HZ / 1000); }
/// Passes `us` microseconds.
void delay_us(u64 us);
/// Waits until `*flag` is at least `value`; false after `us` microseconds.
bool wait_for(volatile u64 *flag, u64 value, u64 us);
