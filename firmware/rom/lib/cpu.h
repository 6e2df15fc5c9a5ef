// The CPU and its memory as plain code reaches them: registers, barriers, device registers, time.
#pragma once

#include "firmware/rom/lib/board.h"
#include "firmware/rom/lib/types.h"

#define READ(reg)                                       \
  ({                                                    \
    u64 v_;                                             \
    asm volatile("mrs %0, " #reg : "=r"(v_)::"memory"); \
    v_;                                                 \
  })
#define WRITE(reg, value) asm volatile("msr " #reg ", %0\n isb" ::"r"((u64)(value)) : "memory")
#define ISB() asm volatile("isb" ::: "memory")
#define DSB() asm volatile("dsb sy" ::: "memory")
#define WFI() asm volatile("wfi" ::: "memory")
#define IRQ_ON() asm volatile("msr daifclr, #2" ::: "memory")
#define IRQ_OFF() asm volatile("msr daifset, #2" ::: "memory")
#define FIQ_ON() asm volatile("msr daifclr, #1" ::: "memory")
#define FIQ_OFF() asm volatile("msr daifset, #1" ::: "memory")

static inline u8 get8(u64 a) { return *(volatile u8*)a; }
static inline u16 get16(u64 a) { return *(volatile u16*)a; }
static inline u32 get32(u64 a) { return *(volatile u32*)a; }
static inline void put32(u64 a, u32 v) { *(volatile u32*)a = v; }
static inline void put16(u64 a, u16 v) { *(volatile u16*)a = v; }
static inline void put64(u64 a, u64 v) { *(volatile u64*)a = v; }
static inline void put8(u64 a, u8 v) { *(volatile u8*)a = v; }

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
static inline void delay_us(u64 us) {
  const u64 start = counter();
  while (counter() - start < micros(us)) asm volatile("yield");
}
