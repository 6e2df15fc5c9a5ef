// The runtime's address map: 4 KiB granule, 39 bits, TTBR0 alone (Arm DDI 0487, D8).
#include "guest.h"

enum { kBlock = 1, kBlockSize = 0x200000 };

static u64 level1[512] __attribute__((aligned(4096)));
static u64 devices2[512] __attribute__((aligned(4096)));
static u64 ram2[512] __attribute__((aligned(4096)));

#define GIB (1ul << 30)

static void fill(void) {
  const u64 ram_gib = RAM_BASE & ~(GIB - 1);
  for (u64 i = 0; i < 512; ++i) {
    devices2[i] = (i * kBlockSize) | kBlock | PTE_AF | PTE_DEVICE | PTE_PXN | PTE_UXN;
    const u64 at = ram_gib + i * kBlockSize;
    u64 entry = at | kBlock | PTE_AF | PTE_NORMAL | PTE_INNER | PTE_PXN | PTE_UXN;
    if (at == RAM_BASE + 0x400000)
      entry = at | kBlock | PTE_AF | PTE_NORMAL | PTE_INNER | PTE_EL0 | PTE_READ_ONLY;
    if (at == RAM_BASE + 0x800000) entry |= PTE_EL0;
    if (at < RAM_BASE) entry = at | kBlock | PTE_AF | PTE_DEVICE | PTE_PXN | PTE_UXN;
    ram2[i] = at != HOLE ? entry : 0;
  }
  level1[0] = (u64)devices2 | PTE_TABLE;
  // The board's ECAM may be far above.
  const u64 ecam = PCI_ECAM & ~(GIB - 1);
  level1[ecam / GIB] = ecam | kBlock | PTE_AF | PTE_DEVICE | PTE_PXN | PTE_UXN;
  level1[ram_gib / GIB] = (u64)ram2 | PTE_TABLE;
}

void mmu_on(void) {
  if (level1[0] == 0) fill();
  DSB();
  WRITE(mair_el1, 0xff00);
  // T0SZ = 25, write-back shareable walks, 4 KiB, no TTBR1, 40-bit output.
  WRITE(tcr_el1, 25ul | 1ul << 8 | 1ul << 10 | 3ul << 12 | 1ul << 23 | 2ul << 32);
  WRITE(ttbr0_el1, level1);
  tlb_flush();
  // M, C, I, SA, SA0, and SPAN: no PAN on exceptions unless a case asks for it.
  WRITE(sctlr_el1, 0x30d00800ul | 1 | 4 | 8 | 16 | 1ul << 12 | 1ul << 23);
}

void mmu_off(void) {
  DSB();
  WRITE(sctlr_el1, READ(sctlr_el1) & ~5ul);
}

volatile u64 *mmu_entry(u64 va) { return &ram2[(va / kBlockSize) % 512]; }

void tlb_flush(void) { asm volatile("dsb ishst\n tlbi vmalle1is\n dsb ish\n isb" ::: "memory"); }
