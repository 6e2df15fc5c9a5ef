// What the suite needs of a machine: a PL011 for its report, PSCI over HVC, the generic timer, EL1.
#pragma once

#include "board.h"

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;
typedef _Bool bool;
#define true 1
#define false 0

#define MAX_CPUS 8

#define READ(reg)                                          \
  ({                                                       \
    u64 v_;                                                \
    asm volatile("mrs %0, " #reg : "=r"(v_) : : "memory"); \
    v_;                                                    \
  })
#define WRITE(reg, value) asm volatile("msr " #reg ", %0\n isb" ::"r"((u64)(value)) : "memory")
#define ISB() asm volatile("isb" ::: "memory")
#define DSB() asm volatile("dsb sy" ::: "memory")
#define WFI() asm volatile("dsb sy\n wfi" ::: "memory")
#define IRQ_ON() asm volatile("msr daifclr, #2" ::: "memory")
#define IRQ_OFF() asm volatile("msr daifset, #2" ::: "memory")
#define FIQ_ON() asm volatile("msr daifclr, #1" ::: "memory")
#define FIQ_OFF() asm volatile("msr daifset, #1" ::: "memory")

static inline u32 get32(u64 a) { return *(volatile u32*)a; }
static inline void put32(u64 a, u32 v) { *(volatile u32*)a = v; }
static inline u64 get64(u64 a) { return *(volatile u64*)a; }
static inline void put64(u64 a, u64 v) { *(volatile u64*)a = v; }
static inline u8 get8(u64 a) { return *(volatile u8*)a; }
static inline void put8(u64 a, u8 v) { *(volatile u8*)a = v; }

// ---- Cases -------------------------------------------------------------------------------------

/// Runs a case and prints "ok NAME" or "FAIL NAME why"; `variant` is added to the name unless null.
void run_case(const char* name, const char* variant, void (*test)(void));
#define RUN(name) run_case(#name, 0, name)
#define RUN_WITH(name, variant) run_case(#name, variant, name)

/// Fails the case that runs, with what was seen and what was wanted; only the first one counts.
void check_equal(const char* what, int line, u64 got, u64 want);
#define EXPECT(got, want) check_equal(#got, __LINE__, (u64)(got), (u64)(want))
#define EXPECT_TRUE(condition) check_equal(#condition, __LINE__, (condition) != 0, 1)
/// Ends in "skip NAME why" instead: the machine has no such thing.
void skip(const char* why);

/// Prints "value NAME V".
void report(const char* name, u64 value);
void put_char(char c);

// ---- Exceptions --------------------------------------------------------------------------------

/// What start.S keeps; the layout is known there.
struct Frame {
  u64 x[19], x30;
  u64 elr, spsr, vector, pad;
};
/// Vectors: the offset from VBAR_EL1 divided by 128.
enum { kSync = 4, kIrq = 5, kFiq = 6, kSyncEl0 = 8 };
#define SPSR_I 0x80ul
#define SPSR_F 0x40ul

/// Called for every IRQ and FIQ on its CPU.
typedef void (*Handler)(struct Frame* f);
void set_handler(Handler h);

/// Synchronous exceptions of the case, which go on behind the instruction: how many, and the class
/// (ESR_EL1.EC) of the last one.
extern volatile u64 sync_count, sync_class;
/// Runs code without a stack at EL0; it ends with SVC, which is not counted.
void run_at_el0(void (*code)(void));

// ---- CPUs and time -----------------------------------------------------------------------------

u32 cpu_count(void);
/// The number of this CPU, in the order of PSCI's targets 0, 1, 2...
u32 cpu_self(void);
/// MPIDR_EL1.Aff3 to Aff0 of CPU n as GICD_IROUTER has it.
u64 cpu_affinity(u32 n);
/// Runs `work` on CPU n until it returns; false: PSCI refuses.
bool cpu_start(u32 n, void (*work)(u32 cpu));
void cpu_wait_off(u32 n);
void power_off(void);

static inline u64 counter(void) {
  ISB();
  return READ(cntvct_el0);
}
static inline u64 micros(u64 us) { return us * READ(cntfrq_el0) / 1000000; }
/// Waits until `*flag` is at least `value`; false after `us` microseconds.
bool wait_for(volatile u64* flag, u64 value, u64 us);
