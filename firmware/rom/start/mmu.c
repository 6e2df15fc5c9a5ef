// Stage 1 with a 4 KiB granule, 40 bits, TTBR0 alone (Arm DDI 0487, D8), and leaving it for a kernel
// (B2.7, cache maintenance by address to the point of coherency; D7.5).
#include "firmware/rom/start/mmu.h"

#include "firmware/rom/lib/cpu.h"

#define GIB (1ul << 30)
#define MIB2 (1ul << 21)
#define PAGE 4096ul

// Descriptors.
#define VALID_BLOCK 1ul
#define VALID_TABLE 3ul
#define VALID_PAGE 3ul
#define AF (1ul << 10)
#define INNER_SHAREABLE (3ul << 8)
#define READ_ONLY (1ul << 7)
#define NORMAL (1ul << 2)  // Attr1 of MAIR_EL1; Attr0 is Device-nGnRnE
#define XN (3ul << 53)     // PXN and UXN
#define MEMORY (AF | INNER_SHAREABLE | NORMAL)

enum { kEntries = 512 };
static u64 level0[kEntries] __attribute__((aligned(4096)));
static u64 level1[2][kEntries] __attribute__((aligned(4096)));  // of 512 GiB each
static u64 level2[2][kEntries] __attribute__((aligned(4096)));  // of the first two GiB
static u64 rom_pages[kEntries] __attribute__((aligned(4096)));  // of the first 2 MiB

extern char rom_start[], rom_data_start[], rom_bss_end[];

static u64 rom_page(u64 at) {
  if (at >= (u64)rom_start && at < (u64)rom_data_start) return at | VALID_PAGE | MEMORY | READ_ONLY;
  if (at >= (u64)rom_data_start && at < (u64)rom_bss_end) return at | VALID_PAGE | MEMORY | XN;
  return 0;
}

static u64 block(u64 at, u64 ram_end) {
  return at | VALID_BLOCK | XN | (at >= RAM_BASE && at < ram_end ? MEMORY : AF);
}

void mmu_on(u64 ram_end) {
  for (u64 i = 0; i < kEntries; ++i) {
    rom_pages[i] = rom_page(i * PAGE);
    level2[0][i] = block(i * MIB2, ram_end);
    level2[1][i] = block(GIB + i * MIB2, ram_end);
    for (u64 half = 0; half < 2; ++half) {
      const u64 at = (half * kEntries + i) * GIB;
      level1[half][i] = at < ram_end ? block(at, ram_end) : 0;
    }
  }
  level0[0] = (u64)level1[0] | VALID_TABLE;
  level0[1] = (u64)level1[1] | VALID_TABLE;
  level2[0][0] = (u64)rom_pages | VALID_TABLE;
  level1[0][0] = (u64)level2[0] | VALID_TABLE;
  level1[0][1] = (u64)level2[1] | VALID_TABLE;
  DSB();
  WRITE(mair_el1, 0xff00);
  // T0SZ = 24, write-back inner shareable walks, 4 KiB, no TTBR1, 40-bit output.
  WRITE(tcr_el1, 24ul | 1ul << 8 | 1ul << 10 | 3ul << 12 | 1ul << 23 | 2ul << 32);
  WRITE(ttbr0_el1, level0);
  asm volatile("tlbi vmalle1\n dsb nsh\n ic iallu\n dsb nsh\n isb" ::: "memory");
  WRITE(sctlr_el1, READ(sctlr_el1) | 1ul | 1ul << 2 | 1ul << 12);  // M, C, I
}

void mmu_off(u64 start, u64 bytes) {
  const u64 line = 4ul << (READ(ctr_el0) >> 16 & 15);
  for (u64 at = start & ~(line - 1); at < start + bytes; at += line)
    asm volatile("dc cvac, %0" ::"r"(at) : "memory");
  DSB();
  WRITE(sctlr_el1, READ(sctlr_el1) & ~(1ul | 1ul << 2 | 1ul << 12));
  asm volatile("ic iallu\n tlbi vmalle1\n dsb nsh\n isb" ::: "memory");
}
