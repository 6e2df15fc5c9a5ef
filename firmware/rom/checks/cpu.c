// What macOS is built for: Armv8.5-A without asking, on pages of 16 KiB (docs/platform.md; Arm DDI 0487,
// D17.2 for the identification registers).
#include "firmware/rom/checks/check.h"

static u32 field(u64 id, u32 low) { return id >> low & 15; }

/// The names of what is missing, with spaces between.
static const char* missing_features(void) {
  const u64 pfr0 = READ(id_aa64pfr0_el1), isar0 = READ(id_aa64isar0_el1);
  const u64 isar1 = READ(id_aa64isar1_el1), mmfr0 = READ(id_aa64mmfr0_el1);
  const u64 mmfr1 = READ(id_aa64mmfr1_el1), mmfr2 = READ(s3_0_c0_c7_2);
  const u64 isar2 = READ(s3_0_c0_c6_2);
  const u32 fp = field(pfr0, 16), simd = field(pfr0, 20);
  const struct {
    const char* name;
    bool there;
  } wanted[] = {
      {"FEAT_FP16", fp == 1 && simd == 1},
      {"FEAT_DIT", field(pfr0, 48) >= 1},
      {"FEAT_AES", field(isar0, 4) >= 1},
      {"FEAT_SHA1", field(isar0, 8) >= 1},
      {"FEAT_SHA256", field(isar0, 12) >= 1},
      {"FEAT_CRC32", field(isar0, 16) >= 1},
      {"FEAT_LSE", field(isar0, 20) >= 2},
      {"FEAT_TLBIRANGE", field(isar0, 56) >= 2},
      {"FEAT_PAuth", field(isar1, 4) + field(isar1, 8) + field(isar2, 12) != 0},
      {"FEAT_LRCPC", field(isar1, 20) >= 1},
      {"FEAT_SB", field(isar1, 36) >= 1},
      {"FEAT_PAN", field(mmfr1, 20) >= 1},
      {"FEAT_UAO", field(mmfr2, 4) >= 1},
      {"40-bit addresses", field(mmfr0, 0) >= 2},
      {"16 KiB pages", field(mmfr0, 20) >= 1},
      {"4 KiB pages", field(mmfr0, 28) != 15},
  };
  static char text[128];
  u64 used = 0;
  for (u32 i = 0; i < sizeof wanted / sizeof wanted[0]; ++i)
    if (!wanted[i].there)
      used +=
          format_text(text + used, sizeof text - used, used == 0 ? "%s" : ", %s", wanted[i].name);
  return used != 0 ? text : 0;
}

// ---- Instructions, by their words: the ROM is built for a CPU without them ---------------------

static u64 use_lse(u64 at, u64 add) {
  register u64 x0 asm("x0") = at;
  register u64 x1 asm("x1") = add;
  asm volatile(".inst 0xf8e10001" : "+r"(x1) : "r"(x0) : "memory");  // LDADDAL X1, X1, [X0]
  return x1;
}
static u64 use_dit(u64 a, u64 b) {
  (void)a;
  (void)b;
  WRITE(s3_3_c4_c2_5, 1ul << 24);
  const u64 set = READ(s3_3_c4_c2_5);
  WRITE(s3_3_c4_c2_5, 0);
  asm volatile(".inst 0xd50330ff" ::: "memory");  // SB
  return set >> 24 | READ(s3_3_c4_c2_5);
}
/// HID0 of Apple's CPUs: a VM has none.
static u64 read_hid0(u64 a, u64 b) {
  (void)a;
  (void)b;
  return READ(s3_0_c15_c0_0);
}

static const char* instructions(struct CheckContext* c) {
  u64* const word = TAKE(c, sizeof *word, 8);
  *word = 40;
  u64 result = 0;
  u64 esr = attempt(use_lse, (u64)word, 2, &result);
  WANT_THAT(esr == 0, "LDADDAL ends in an exception (ESR 0x%lx)", esr);
  WANT("what LDADDAL reads", result, 40);
  WANT("what LDADDAL writes", *(volatile u64*)word, 42);
  esr = attempt(use_dit, 0, 0, &result);
  WANT_THAT(esr == 0, "DIT or SB ends in an exception (ESR 0x%lx)", esr);
  WANT("PSTATE.DIT", result, 1);
  WANT("the ESR of a read of HID0", attempt(read_hid0, 0, 0, &result), 1u << 25);
  return 0;
}

// ---- A translation with pages of 16 KiB --------------------------------------------------------

enum { kVaBits = 36, kEntries = 2048 };  // one table at level 2, of blocks of 32 MiB
#define BLOCK (1ul << 25)

static u64 load(u64 at, u64 unused) {
  (void)unused;
  return *(volatile u64*)at;
}

/// TTBR1 is nobody's; it and TCR_EL1 are as before afterwards.
static const char* granule_16k(struct CheckContext* c) {
  u64* const table = TAKE(c, kEntries * sizeof *table, 16384);
  u64* const word = TAKE(c, sizeof *word, 8);
  *word = 0x16161616;
  const u64 block = (u64)word & ~(BLOCK - 1);
  table[3] = block | 1 | 1ul << 2 | 3ul << 8 | 1ul << 10 | 3ul << 53;  // Attr1, shareable, AF, XN
  const u64 tcr = READ(tcr_el1), ttbr1 = READ(ttbr1_el1);
  DSB();
  WRITE(ttbr1_el1, table);
  // T1SZ, write-back inner shareable walks, TG1 16 KiB, EPD1 clear.
  WRITE(tcr_el1, (tcr & ~(0xfffful << 16)) | (64ul - kVaBits) << 16 | 1ul << 24 | 1ul << 26 |
                     3ul << 28 | 1ul << 30);
  asm volatile("tlbi vmalle1\n dsb nsh\n isb" ::: "memory");
  u64 seen = 0;
  const u64 esr = attempt(load, -(1ul << kVaBits) + 3 * BLOCK + ((u64)word - block), 0, &seen);
  WRITE(tcr_el1, tcr);
  WRITE(ttbr1_el1, ttbr1);
  asm volatile("tlbi vmalle1\n dsb nsh\n isb" ::: "memory");
  WANT_THAT(esr == 0, "a 16 KiB translation ends in an exception (ESR 0x%lx)", esr);
  WANT("what a 16 KiB translation reads", seen, 0x16161616);
  return 0;
}

const char* check_cpu(struct CheckContext* c) {
  const char* const missing = missing_features();
  WANT_THAT(missing == 0, "the CPU lacks %s", missing);
  WANT("CurrentEL", READ(currentel) >> 2, 1);
  CHECK(instructions(c));
  return granule_16k(c);
}
