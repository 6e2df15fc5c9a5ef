// The kernel's memory: 16 KiB granule, 47 bits in each half, 32 MiB blocks at level 2 (Arm DDI 0487,
// D8), XNU's values of the control registers; the switch of TTBR0 to 4 KiB; range invalidation.
#include "xnu.h"

u64 identity_level1[2048] __attribute__((aligned(kPageSize)));
static u64 identity_level2[2048] __attribute__((aligned(kPageSize)));
u64 kernel_level1[2048] __attribute__((aligned(kPageSize)));
static u64 kernel_level2[2048] __attribute__((aligned(kPageSize)));
static u64 window_level2[2048] __attribute__((aligned(kPageSize)));
static u64 user_table[2048] __attribute__((aligned(kPageSize)));
volatile u64 pages_table[2048] __attribute__((aligned(kPageSize)));
u64 frames[2][kPageSize / 8] __attribute__((aligned(kPageSize)));
u64 user_frame[kPageSize / 8] __attribute__((aligned(kPageSize)));
// The 4 KiB map: 47 bits begin at level 0.
static u64 small[4][512] __attribute__((aligned(4096)));
static u64 small_frame[512] __attribute__((aligned(4096)));

u64 kernel_slide;

enum { kBlock = 1 };
#define OUTER (2ul << 8)
#define NGNRNE (3ul << 2)  // index 3 of MAIR_EL1; index 0 is write-back
#define MEMORY (PTE_AF | OUTER | PTE_UXN)
#define DEVICE (PTE_AF | OUTER | PTE_UXN | PTE_PXN | NGNRNE)
#define PAGE_ATTRIBUTES (PTE_PAGE | MEMORY | PTE_PXN)

void make_maps(const struct BootArgs* args) {
  const u64 first = RAM_BASE >> 25, ram = args->mem_size_actual >> 25;
  kernel_slide = args->virt_base - args->phys_base;
  for (u64 i = 0; i < first; ++i) {
    identity_level2[i] = i << 25 | kBlock | DEVICE;
    window_level2[i] = i << 25 | kBlock | DEVICE;
  }
  const u64 kernel_first = (args->virt_base >> 25) % 2048;
  for (u64 i = 0; i < ram; ++i) {
    identity_level2[first + i] = (first + i) << 25 | kBlock | MEMORY;
    kernel_level2[kernel_first + i] = (first + i) << 25 | kBlock | MEMORY;
  }
  identity_level1[0] = (u64)identity_level2 | PTE_TABLE;
  kernel_level1[(args->virt_base >> 36) % 2048] = (u64)kernel_level2 | PTE_TABLE;
  kernel_level1[(DEVICE_WINDOW >> 36) % 2048] = (u64)window_level2 | PTE_TABLE;
  kernel_level2[(PAGES_VA >> 25) % 2048] = (u64)pages_table | PTE_TABLE;
  identity_level2[(USER_PAGE >> 25) % 2048] = (u64)user_table | PTE_TABLE;
  user_table[0] = (u64)user_frame | PAGE_ATTRIBUTES | PTE_EL0;
  small[0][0] = (u64)small[1] | PTE_TABLE;
  small[1][0] = (u64)small[2] | PTE_TABLE;
  small[2][2] = (u64)small[3] | PTE_TABLE;
  small[3][3] = (u64)small_frame | PAGE_ATTRIBUTES;
  for (unsigned i = 0; i < 2; ++i)
    for (unsigned k = 0; k < kPageSize / 8; ++k) frames[i][k] = 0x1000 * (i + 1) + k;
  small_frame[0] = 0x4444;
  user_frame[0] = 0x5555;
  DSB();
}

u64 page_entry(unsigned frame) { return to_pa(frames[frame]) | PAGE_ATTRIBUTES; }

static void flush(void) { asm volatile("dsb ishst\n tlbi vmalle1is\n dsb ish\n isb" ::: "memory"); }

void restore_map(void) {
  WRITE(ttbr0_el1, to_pa(identity_level1));
  WRITE(tcr_el1, XNU_TCR_16K);
  flush();
}

/// SCTLR_EL1 less what has another fixed value without AArch32 (CP15BEN, ITD, SED) and without
/// FEAT_ExS (EOS, EIS).
#define SCTLR_MASK (~(1ul << 5 | 1ul << 7 | 1ul << 8 | 1ul << 11 | 1ul << 22))

void registers_step(void) {
  EXPECT(READ(tcr_el1), XNU_TCR_16K);
  EXPECT(READ(mair_el1), XNU_MAIR);
  EXPECT(READ(sctlr_el1) & SCTLR_MASK, XNU_SCTLR & SCTLR_MASK);
  EXPECT(READ(ttbr0_el1), to_pa(identity_level1));
  EXPECT(READ(ttbr1_el1), to_pa(kernel_level1));
  EXPECT(READ(cpacr_el1) >> 20 & 3, 3);
}

/// AT S1E1R: the physical address, or ~0 after a fault.
static u64 translate(u64 va) {
  asm volatile("at s1e1r, %0\n isb" ::"r"(va) : "memory");
  const u64 par = READ(par_el1);
  return (par & 1) != 0 ? ~0ul : (par & 0xfffffffff000) | (va & 0xfff);
}

void kernel_map_step(void) {
  static volatile u64 word;
  // The same memory by a kernel address and by its own.
  const u64 pa = to_pa(&word);
  EXPECT_TRUE((u64)&word >> 47 == 0x1ffff);
  word = 0x1234;
  EXPECT(*(volatile u64*)pa, 0x1234);
  *(volatile u64*)pa = 0x4321;
  EXPECT(word, 0x4321);
  EXPECT(translate((u64)&word), pa);
  // The last byte of RAM is mapped and the one behind it is not.
  const u64 end = boot_args->virt_base + boot_args->mem_size_actual;
  EXPECT(translate(end - 1), end - 1 - kernel_slide);
  EXPECT(translate(end), ~0ul);
  // Pages of 16 KiB at level 3.
  pages_table[0] = page_entry(0);
  pages_table[1] = page_entry(1);
  flush();
  EXPECT(*(volatile u64*)(PAGES_VA + kPageSize - 8), 0x1000 + kPageSize / 8 - 1);
  EXPECT(*(volatile u64*)(PAGES_VA + kPageSize), 0x2000);
  EXPECT(attempt_load(PAGES_VA + 2 * kPageSize), ESR(0x25, 7));  // translation, level 3
  // TBI0 and not TBI1: a tag in the lower half counts for nothing, in the upper half it is an address.
  EXPECT(*(volatile u64*)(pa | 0x5aul << 56), 0x4321);
  EXPECT_TRUE(attempt_load(((u64)&word & ~(0xfful << 56)) | 0x5aul << 56) >> 26 == 0x25);
  // An identity address in the upper half of TTBR0's 47 bits is not mapped.
  EXPECT(attempt_load(1ul << 46), ESR(0x25, 5));  // translation, level 1
}

void granule_4k_step(void) {
  const u64 va = 0x403000;
  EXPECT(attempt_load(va + 0x1000), 0);  // the identity map has it: a device's window
  WRITE(ttbr0_el1, to_pa(small[0]));
  WRITE(tcr_el1, XNU_TCR_4K);
  flush();
  // The kernel goes on in TTBR1 with 16 KiB.
  EXPECT(READ(tcr_el1), XNU_TCR_4K);
  EXPECT(translate(va), to_pa(small_frame));
  EXPECT(*(volatile u64*)va, 0x4444);
  EXPECT(attempt_load(va + 0x1000), ESR(0x25, 7));
  EXPECT(attempt_load(0x40000000), ESR(0x25, 5));
  restore_map();
  EXPECT(attempt_load(0x40000000), 0);
}

/// TLBI RVAE1IS: `number` + 1 times two pages of 16 KiB at `va`, ASID 0.
static u64 range_invalidate(u64 number) {
  asm volatile("dsb ishst\n sys #0, c8, c2, #1, %0\n dsb ish\n isb" ::"r"(
                   2ul << 46 | number << 39 | (PAGES_VA >> 14 & 0x1fffffffff))
               : "memory");
  return 0;
}

void tlbi_range_step(void) {
  for (unsigned i = 0; i < kPages; ++i) pages_table[i] = page_entry(0);
  flush();
  volatile u64* const page = (volatile u64*)PAGES_VA;
  for (unsigned i = 0; i < kPages; ++i) EXPECT(page[i * (kPageSize / 8)], 0x1000);
  for (unsigned i = 0; i < kPages; ++i) pages_table[i] = 0;
  range_invalidate(kPages / 2 - 1);
  for (unsigned i = 0; i < kPages; ++i)
    EXPECT(attempt_load(PAGES_VA + i * kPageSize), ESR(0x25, 7));
  for (unsigned i = 0; i < kPages; ++i) pages_table[i] = page_entry(1);
  range_invalidate(kPages / 2 - 1);
  for (unsigned i = 0; i < kPages; ++i) EXPECT(page[i * (kPageSize / 8)], 0x2000);
}
