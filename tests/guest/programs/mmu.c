// Address translation end to end (Arm DDI 0487, D8): faults by level in every granule, permissions,
// TLB maintenance, ASIDs, address translation instructions.  The walker has its own unit tests;
// these see it through a kernel's eyes.
#include "guest.h"

// The pages under test are seen through ALIAS, which the runtime's map leaves free.
#define ALIAS 0x80000000ul
#define TABLES SCRATCH                      // 64 KiB each
#define DATA (SCRATCH + 0x100000)           // 64 KiB pages, two of them
#define DATA_B (DATA + 0x10000)
#define NORMAL_PAGE (PTE_PAGE | PTE_AF | PTE_NORMAL | PTE_INNER)

CODE(load_code, "ldr x1, [x0]");
CODE(store_code, "str x0, [x0]");
CODE(branch_code, "ret x0");
CODE(unprivileged_code, "ldtr x1, [x0]");

/// A granule: TCR_EL1.TG0, log2 of its size, and the level 2 index and span of a table.
struct Granule {
  u64 tg0, shift;
};
static const struct Granule granules[] = {{0, 12}, {2, 14}, {1, 16}};
static u64 tcr_before, ttbr0_before;
static volatile u64 *level3;  // entries of ALIAS's pages
static volatile u64 *level2;  // its entry in the table above
static u64 page;              // the granule's size
static u64 page_shift;

static u64 attributes(u64 at) {
  // A block holds everything of RAM here, so that code and data share it.
  return at < RAM_BASE - RAM_BASE % 0x20000000ul ? at | 1 | PTE_AF | PTE_DEVICE | PTE_PXN | PTE_UXN
                                                 : at | 1 | PTE_AF | PTE_NORMAL | PTE_INNER;
}

static void clear(u64 at, u64 bytes) {
  for (u64 i = 0; i < bytes; i += 8) put64(at + i, 0);
}

/// Leaves the runtime's map for one of this granule: blocks, virtual = physical, up to ALIAS, and a
/// level 3 table there.
static void enter(const struct Granule *g) {
  tcr_before = READ(tcr_el1);
  ttbr0_before = READ(ttbr0_el1);
  page_shift = g->shift;
  page = 1ul << g->shift;
  clear(TABLES, 0x40000);
  const u64 bits = g->shift - 3;  // index bits of a level
  const u64 block = g->shift + bits;
  volatile u64 *top = (volatile u64 *)TABLES;  // of 39 bits
  volatile u64 *second = (volatile u64 *)(TABLES + 0x10000);
  level3 = (volatile u64 *)(TABLES + 0x30000);
  if (g->shift == 12) {
    // The tables of the runtime serve below ALIAS.
    volatile u64 *runtime = (volatile u64 *)ttbr0_before;
    for (u64 i = 0; i < 2; ++i) top[i] = runtime[i];
    top[ALIAS >> 30] = (u64)second | PTE_TABLE;
    level2 = second;
  } else {
    if (g->shift == 16) second = top;  // the walk starts at level 2
    else top[0] = (u64)second | PTE_TABLE;
    for (u64 i = 0; i < ALIAS >> block; ++i) second[i] = attributes(i << block);
    level2 = second + (ALIAS >> block);
  }
  *level2 = (u64)level3 | PTE_TABLE;
  DSB();
  mmu_off();
  WRITE(tcr_el1, (tcr_before & ~(3ul << 14)) | g->tg0 << 14);
  WRITE(ttbr0_el1, TABLES);
  tlb_flush();
  WRITE(sctlr_el1, READ(sctlr_el1) | 5);
}

static void leave(void) {
  mmu_off();
  WRITE(tcr_el1, tcr_before);
  WRITE(ttbr0_el1, ttbr0_before);
  tlb_flush();
  WRITE(sctlr_el1, READ(sctlr_el1) | 5);
}

static void map(u64 n, u64 entry) {
  level3[n] = entry;
  tlb_flush();
}
static u64 touch(void *code, u64 at, u64 spsr) { return trap(code, at, spsr)->esr; }
#define FINE ESR(0x15, 0xdead)

static void faults_by_level(void) {
  for (u64 i = 0; i < sizeof granules / sizeof *granules; ++i) {
    enter(&granules[i]);
    put64(DATA, 0x1111);
    const u64 at = ALIAS + page;
    map(1, DATA | NORMAL_PAGE);
    const struct Frame *f = trap(load_code, at, kEl1h);
    EXPECT(f->esr, FINE);
    EXPECT(f->x[1], 0x1111);
    const u64 far_page = ALIAS + 2 * page + 0x128;
    f = trap(load_code, far_page, kEl1h);
    EXPECT(f->esr, ESR(0x25, 0x07));  // translation, level 3
    EXPECT(f->far, far_page);
    EXPECT(touch(branch_code, far_page, kEl1h), ESR(0x21, 0x07));
    map(1, (DATA | NORMAL_PAGE) & ~PTE_AF);
    EXPECT(touch(load_code, at, kEl1h), ESR(0x25, 0x0b));  // access flag, level 3
    map(1, DATA | NORMAL_PAGE | PTE_READ_ONLY);
    EXPECT(touch(store_code, at, kEl1h), ESR(0x25, 0x4f));  // permission, level 3, write
    EXPECT(touch(load_code, at, kEl1h), FINE);
    EXPECT(touch(load_code, at, kEl0), ESR(0x24, 0x0f));
    map(1, DATA | (NORMAL_PAGE & ~2ul));
    EXPECT(touch(load_code, at, kEl1h), ESR(0x25, 0x07));  // reserved descriptor
    map(1, (DATA | NORMAL_PAGE) | 1ul << 45);
    EXPECT(touch(load_code, at, kEl1h), ESR(0x25, 0x03));  // address size: TCR_EL1.IPS is 40 bits
    *level2 = 0;
    tlb_flush();
    EXPECT(touch(load_code, at, kEl1h), ESR(0x25, 0x06));  // translation, level 2
    if (granules[i].shift != 16)
      EXPECT(touch(load_code, 0x7000000000ul, kEl1h), ESR(0x25, 0x05));
    EXPECT(touch(load_code, 1ul << 40, kEl1h), ESR(0x25, 0x04));  // out of range: level 0
    EXPECT(touch(load_code, ~0xffful, kEl1h), ESR(0x25, 0x04));   // TTBR1: EPD1
    leave();
    if (case_failed()) return;
  }
}

static void permissions(void) {
  enter(&granules[0]);
  struct { u64 bits, el1_store, el0_load, el0_store; } const cases[] = {
      {0, FINE, ESR(0x24, 0x0f), ESR(0x24, 0x4f)},
      {PTE_EL0, FINE, FINE, FINE},
      {PTE_READ_ONLY, ESR(0x25, 0x4f), ESR(0x24, 0x0f), ESR(0x24, 0x4f)},
      {PTE_EL0 | PTE_READ_ONLY, ESR(0x25, 0x4f), FINE, ESR(0x24, 0x4f)}};
  for (u64 i = 0; i < sizeof cases / sizeof *cases; ++i) {
    map(0, DATA | NORMAL_PAGE | cases[i].bits);
    EXPECT(touch(load_code, ALIAS, kEl1h), FINE);
    EXPECT(touch(store_code, ALIAS, kEl1h), cases[i].el1_store);
    EXPECT(touch(load_code, ALIAS, kEl0), cases[i].el0_load);
    EXPECT(touch(store_code, ALIAS, kEl0), cases[i].el0_store);
    // LDTR at EL1 has EL0's rights, and reports a fault of EL1.
    EXPECT(touch(unprivileged_code, ALIAS, kEl1h),
           cases[i].el0_load == FINE ? FINE : ESR(0x25, 0x0f));
  }
  leave();
}

static void execution(void) {
  enter(&granules[0]);
  put32(DATA, 0xd4001541);  // SVC #0xaa
  asm volatile("dsb ish\n ic ialluis\n dsb ish\n isb" ::: "memory");
  const u64 ran = ESR(0x15, 0xaa);
  struct { u64 bits, el1, el0; } const cases[] = {
      {0, ran, ran},
      {PTE_PXN, ESR(0x21, 0x0f), ran},
      {PTE_UXN, ran, ESR(0x20, 0x0f)},
      {PTE_EL0, ESR(0x21, 0x0f), ran},  // what EL0 may write, EL1 does not execute
      {PTE_EL0 | PTE_READ_ONLY, ran, ran}};
  for (u64 i = 0; i < sizeof cases / sizeof *cases; ++i) {
    map(0, DATA | NORMAL_PAGE | cases[i].bits);
    EXPECT(touch(branch_code, ALIAS, kEl1h), cases[i].el1);
    EXPECT(touch(branch_code, ALIAS, kEl0), cases[i].el0);
  }
  const u64 sctlr = READ(sctlr_el1);
  map(0, DATA | NORMAL_PAGE);
  WRITE(sctlr_el1, sctlr | 1ul << 19);  // WXN
  tlb_flush();
  const u64 wxn = touch(branch_code, ALIAS, kEl1h);
  WRITE(sctlr_el1, sctlr);
  tlb_flush();
  EXPECT(wxn, ESR(0x21, 0x0f));
  leave();
}

static void vmalle1(void) { asm volatile("dsb ish\n tlbi vmalle1\n dsb ish\n isb" ::: "memory"); }
static void vae1(void) {
  asm volatile("dsb ish\n tlbi vae1, %0\n dsb ish\n isb" ::"r"(ALIAS >> 12) : "memory");
}
static void vale1is(void) {
  asm volatile("dsb ish\n tlbi vale1is, %0\n dsb ish\n isb" ::"r"(ALIAS >> 12) : "memory");
}
static void vaae1is(void) {
  asm volatile("dsb ish\n tlbi vaae1is, %0\n dsb ish\n isb" ::"r"(ALIAS >> 12) : "memory");
}
static void aside1is(void) {
  asm volatile("dsb ish\n tlbi aside1is, %0\n dsb ish\n isb" ::"r"(0ul) : "memory");
}
static void tlb_maintenance(void) {
  void (*const flushes[])(void) = {vmalle1, vae1, vale1is, vaae1is, aside1is};
  enter(&granules[0]);
  put64(DATA, 0xa);
  put64(DATA_B, 0xb);
  for (u64 i = 0; i < sizeof flushes / sizeof *flushes; ++i) {
    map(0, DATA | NORMAL_PAGE | PTE_NG);
    EXPECT(trap(load_code, ALIAS, kEl1h)->x[1], 0xa);
    level3[0] = 0;
    flushes[i]();
    EXPECT(touch(load_code, ALIAS, kEl1h), ESR(0x25, 0x07));
    level3[0] = DATA_B | NORMAL_PAGE | PTE_NG;  // a fault is not in the TLB: nothing to remove
    DSB();
    ISB();
    EXPECT(trap(load_code, ALIAS, kEl1h)->x[1], 0xb);
  }
  leave();
}

static void address_spaces(void) {
  enter(&granules[0]);
  put64(DATA, 0xa);
  put64(DATA_B, 0xb);
  map(0, DATA | NORMAL_PAGE | PTE_NG);
  WRITE(ttbr0_el1, TABLES | 1ul << 48);
  EXPECT(trap(load_code, ALIAS, kEl1h)->x[1], 0xa);
  level3[0] = DATA_B | NORMAL_PAGE | PTE_NG;
  DSB();
  WRITE(ttbr0_el1, TABLES | 2ul << 48);  // what ASID 1 has cached is not for ASID 2
  EXPECT(trap(load_code, ALIAS, kEl1h)->x[1], 0xb);
  asm volatile("tlbi aside1is, %0\n dsb ish\n isb" ::"r"(1ul << 48) : "memory");
  WRITE(ttbr0_el1, TABLES | 1ul << 48);
  EXPECT(trap(load_code, ALIAS, kEl1h)->x[1], 0xb);
  leave();
}

static void pan(void) {
  if (((READ(id_aa64mmfr1_el1) >> 20) & 15) == 0) return;
  enter(&granules[0]);
  map(0, DATA | NORMAL_PAGE | PTE_EL0);
  EXPECT(touch(load_code, ALIAS, kEl1h), FINE);
  EXPECT(touch(load_code, ALIAS, kEl1h | SPSR_PAN), ESR(0x25, 0x0f));
  EXPECT(touch(store_code, ALIAS, kEl1h | SPSR_PAN), ESR(0x25, 0x4f));
  EXPECT(touch(unprivileged_code, ALIAS, kEl1h | SPSR_PAN), FINE);
  EXPECT(touch(load_code, ALIAS, kEl0 | SPSR_PAN), FINE);  // EL0 is not concerned
  EXPECT(trap(load_code, ALIAS, kEl0)->esr, FINE);
  EXPECT(this_cpu()->pstate & SPSR_PAN, 0);  // SCTLR_EL1.SPAN is set
  const u64 sctlr = READ(sctlr_el1);
  WRITE(sctlr_el1, sctlr & ~(1ul << 23));
  trap(load_code, ALIAS, kEl0);
  WRITE(sctlr_el1, sctlr);
  EXPECT(this_cpu()->pstate & SPSR_PAN, SPSR_PAN);
  leave();
}

static u64 par(void) {
  ISB();
  return READ(par_el1);
}
static void address_translation(void) {
  enter(&granules[0]);
  map(0, DATA | NORMAL_PAGE | PTE_READ_ONLY);
  asm volatile("at s1e1r, %0" ::"r"(ALIAS + 0x345) : "memory");
  EXPECT(par() & 0xfffffffff001, DATA);
  EXPECT(par() >> 56, 0xff);                // the attribute that MAIR gives
  EXPECT((par() >> 7) & 3, 3);              // inner shareable
  asm volatile("at s1e1w, %0" ::"r"(ALIAS) : "memory");
  EXPECT(par() & 0x7f, 1 | 0x0f << 1);      // permission, level 3
  asm volatile("at s1e0r, %0" ::"r"(ALIAS) : "memory");
  EXPECT(par() & 0x7f, 1 | 0x0f << 1);
  asm volatile("at s1e1r, %0" ::"r"(ALIAS + page) : "memory");
  EXPECT(par() & 0x7f, 1 | 0x07 << 1);      // translation, level 3
  map(0, DATA | NORMAL_PAGE | PTE_EL0);
  asm volatile("at s1e0w, %0" ::"r"(ALIAS) : "memory");
  EXPECT(par() & 0xfffffffff001, DATA);
  leave();
}

static void tagged_pointers(void) {
  enter(&granules[0]);
  map(0, DATA | NORMAL_PAGE);
  const u64 tagged = ALIAS | 0x5aul << 56, tcr = READ(tcr_el1);
  const struct Frame *f = trap(load_code, tagged, kEl1h);
  EXPECT(f->esr, ESR(0x25, 0x04));
  EXPECT(f->far, tagged);
  WRITE(tcr_el1, tcr | 1ul << 37);  // TBI0
  tlb_flush();
  EXPECT(touch(load_code, tagged, kEl1h), FINE);
  EXPECT(touch(load_code, tagged + page, kEl1h), ESR(0x25, 0x07));
  leave();
}

static void hardware_flags(void) {
  if ((READ(id_aa64mmfr1_el1) & 15) < 2) return;
  enter(&granules[0]);
  WRITE(tcr_el1, READ(tcr_el1) | 1ul << 39 | 1ul << 40);  // HA, HD
  tlb_flush();
  map(0, (DATA | NORMAL_PAGE | PTE_READ_ONLY | 1ul << 51) & ~PTE_AF);  // DBM
  EXPECT(touch(load_code, ALIAS, kEl1h), FINE);
  EXPECT(level3[0] & (PTE_AF | PTE_READ_ONLY), PTE_AF | PTE_READ_ONLY);
  EXPECT(touch(store_code, ALIAS, kEl1h), FINE);
  EXPECT(level3[0] & (PTE_AF | PTE_READ_ONLY), PTE_AF);
  leave();
}

static void crossing_pages(void) {
  enter(&granules[0]);
  const u64 at = ALIAS + page - 4;
  map(0, DATA | NORMAL_PAGE);
  map(1, DATA_B | NORMAL_PAGE);
  put32(DATA + page - 4, 0x11223344);
  put32(DATA_B, 0x55667788);
  EXPECT(trap(load_code, at, kEl1h)->x[1], 0x5566778811223344);
  map(1, 0);
  const struct Frame *f = trap(store_code, at, kEl1h);
  EXPECT(f->esr, ESR(0x25, 0x47));
  EXPECT(f->far, ALIAS + page);  // the part that faulted
  EXPECT(get32(DATA + page - 4), 0x11223344);  // nothing stored: quince checks both first
  leave();
}

void test_main(void) {
  RUN(faults_by_level);
  RUN(permissions);
  RUN(execution);
  RUN(tlb_maintenance);
  RUN(address_spaces);
  RUN(pan);
  RUN(address_translation);
  RUN(tagged_pointers);
  RUN(hardware_flags);
  RUN(crossing_pages);
}
