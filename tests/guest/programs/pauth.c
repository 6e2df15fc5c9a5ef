// Pointer authentication with known keys: every code is reported, for guest_test to compare with
// what another implementation computes (pauth_vectors.inc says how those were made).
//
// FEAT_PAuth2 and FEAT_FPAC with QARMA5, by TCR_EL1's layouts.  The MMU is off, so that TCR_EL1 may
// describe any: the codes depend on it all the same.
#include "guest.h"

struct Input {
  u64 pointer, modifier;
};

// Code under test: X0 and X1 from the Input, and the instruction by its word, because the programs
// are compiled for an architecture without it.
#define OPERATION(name, word) CODE(name, "ldp x0, x1, [x0]\n .inst " #word)
OPERATION(pacia_code, 0xdac10020);
OPERATION(pacib_code, 0xdac10420);
OPERATION(pacda_code, 0xdac10820);
OPERATION(pacdb_code, 0xdac10c20);
OPERATION(autia_code, 0xdac11020);
OPERATION(autib_code, 0xdac11420);
OPERATION(autda_code, 0xdac11820);
OPERATION(autdb_code, 0xdac11c20);
OPERATION(xpaci_code, 0xdac143e0);
OPERATION(xpacd_code, 0xdac147e0);
OPERATION(pacga_code, 0x9ac13000);  // PACGA X0, X0, X1

static const struct {
  const char *name;
  char *sign, *check;
  u64 iss;  ///< of a PAC Fail exception: bit 1 for data, bit 0 for a B key
} keys[] = {
    {"ia", pacia_code, autia_code, 0}, {"ib", pacib_code, autib_code, 1},
    {"da", pacda_code, autda_code, 2}, {"db", pacdb_code, autdb_code, 3},
};

#define TBI0 (1ul << 37)
#define TBI1 (1ul << 38)
#define TBID0 (1ul << 51)
#define TBID1 (1ul << 52)
static const u64 layouts[] = {
    16 | 16 << 16, 25 | 25 << 16, 16 | 16 << 16 | TBI0 | TBI1,
    16 | 16 << 16 | TBI0 | TBI1 | TBID0 | TBID1, 25 | 16 << 16 | TBI0 | TBI1 | TBID1,
};
static const u64 pointers[] = {0x0000007fdeadbee0, 0xffffff8001234560, 0xfffffffffffffff8, 0x10};

/// A value that anything may depend on.
static u64 mixed(u64 n) {
  n = (n ^ n >> 31) * 0x7fb5d329728ea185;
  return n ^ n >> 27;
}

static void put_value(const char *what, u64 layout, u64 pointer, u64 value) {
  put_string("value ");
  put_string(what);
  put_string(".");
  put_hex(layout);
  put_string(".");
  put_hex(pointer);
  put_string(" ");
  put_hex(value);
  put_string("\n");
}

static u64 operate(char *code, u64 pointer, u64 modifier) {
  const struct Input in = {pointer, modifier};
  const struct Frame *f = trap(code, (u64)&in, kEl1h);
  EXPECT_TRUE(returned(f));
  return f->x[0];
}

/// Each key's code for each pointer in each layout; it authenticates, and nothing else does.
static void codes(void) {
  for (u64 l = 0; l < sizeof layouts / sizeof *layouts; ++l) {
    WRITE(tcr_el1, layouts[l]);
    for (u64 p = 0; p < sizeof pointers / sizeof *pointers; ++p) {
      const u64 modifier = mixed(l * 16 + p + 1);
      for (u64 k = 0; k < sizeof keys / sizeof *keys; ++k) {
        const u64 coded = operate(keys[k].sign, pointers[p], modifier);
        put_value(keys[k].name, l, p, coded);
        EXPECT(operate(keys[k].check, coded, modifier), pointers[p]);
        EXPECT(operate(k < 2 ? xpaci_code : xpacd_code, coded, 0), pointers[p]);
        // FEAT_FPAC: a wrong code is an exception of its own.
        const struct Input wrong = {coded ^ 1ul << 53, modifier};
        const struct Frame *f = trap(keys[k].check, (u64)&wrong, kEl1h);
        EXPECT(f->esr, ESR(0x1c, keys[k].iss));
        EXPECT(f->elr, (u64)keys[k].check + 4);
        if (case_failed()) return;
      }
      put_value("ga", l, p, operate(pacga_code, pointers[p], modifier));
    }
  }
}

/// Signing what is no pointer of the layout: FEAT_PAuth2 folds the odd bits into the code.
static void odd_pointers(void) {
  WRITE(tcr_el1, layouts[0]);
  for (u64 i = 0; i < 12; ++i) {
    const u64 pointer = mixed(100 + i) & ~(1ul << 63 | 1ul << 55);
    put_value("odd", 0, i, operate(pacia_code, pointer, i));
    put_value("strip", 0, i, operate(xpaci_code, pointer, 0));
  }
}

void test_main(void) {
  mmu_off();
  const u64 sctlr = READ(sctlr_el1), tcr = READ(tcr_el1);
  // The key registers: APIA, APIB, APDA, APDB, APGA, low and high half.
  WRITE(s3_0_c2_c1_0, mixed(1000));
  WRITE(s3_0_c2_c1_1, mixed(1001));
  WRITE(s3_0_c2_c1_2, mixed(1002));
  WRITE(s3_0_c2_c1_3, mixed(1003));
  WRITE(s3_0_c2_c2_0, mixed(1004));
  WRITE(s3_0_c2_c2_1, mixed(1005));
  WRITE(s3_0_c2_c2_2, mixed(1006));
  WRITE(s3_0_c2_c2_3, mixed(1007));
  WRITE(s3_0_c2_c3_0, mixed(1008));
  WRITE(s3_0_c2_c3_1, mixed(1009));
  WRITE(sctlr_el1, sctlr | 1ul << 31 | 1ul << 30 | 1ul << 27 | 1ul << 13);  // EnIA, IB, DA, DB
  RUN(codes);
  RUN(odd_pointers);
  WRITE(sctlr_el1, sctlr);
  WRITE(tcr_el1, tcr);
  mmu_on();
}
