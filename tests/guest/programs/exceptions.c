// Synchronous exceptions with their exact syndrome, return address and saved state
// (Arm DDI 0487, D1.3 and ESR_EL1), taken from EL1 and from EL0.
#include "guest.h"

/// The exception `f` has this syndrome, came from `at` in state `spsr` and went through `vector`.
static void expect_exception(const struct Frame *f, u64 vector, u64 esr, u64 at, u64 spsr) {
  EXPECT(f->vector, vector);
  EXPECT(f->esr, esr);
  EXPECT(f->elr, at);
  EXPECT(f->spsr & ~(1ul << 12), spsr);  // without SSBS, which reset leaves open
}

CODE(svc_code, "svc #0x1234");
static void svc(void) {
  // The preferred return address of SVC is the next instruction.
  expect_exception(trap(svc_code, 0, kEl1h), kSync, ESR(0x15, 0x1234), (u64)svc_code + 4, kEl1h);
  expect_exception(trap(svc_code, 0, kEl1t), kSyncSp0, ESR(0x15, 0x1234), (u64)svc_code + 4, kEl1t);
  expect_exception(trap(svc_code, 0, kEl0), kSyncEl0, ESR(0x15, 0x1234), (u64)svc_code + 4, kEl0);
}

CODE(brk_code, "brk #0xbeef");
static void brk(void) {
  expect_exception(trap(brk_code, 0, kEl1h), kSync, ESR(0x3c, 0xbeef), (u64)brk_code, kEl1h);
  expect_exception(trap(brk_code, 0, kEl0), kSyncEl0, ESR(0x3c, 0xbeef), (u64)brk_code, kEl0);
}

CODE(udf_code, "udf #7");
CODE(hlt_code, "hlt #1");
CODE(unallocated_sysreg_code, "mrs x0, s3_7_c15_c15_7");
CODE(privileged_sysreg_code, "mrs x0, ttbr0_el1");
CODE(eret_code, "eret");
CODE(hvc_code, "hvc #0");
CODE(smc_code, "smc #0");
static void undefined(void) {
  char *const everywhere[] = {udf_code, hlt_code, unallocated_sysreg_code, smc_code};
  for (u64 i = 0; i < sizeof everywhere / sizeof *everywhere; ++i) {
    const u64 at = (u64)everywhere[i];
    expect_exception(trap(everywhere[i], 0, kEl1h), kSync, ESR(0, 0), at, kEl1h);
    expect_exception(trap(everywhere[i], 0, kEl0), kSyncEl0, ESR(0, 0), at, kEl0);
  }
  char *const el0[] = {privileged_sysreg_code, eret_code, hvc_code};
  for (u64 i = 0; i < sizeof el0 / sizeof *el0; ++i)
    expect_exception(trap(el0[i], 0, kEl0), kSyncEl0, ESR(0, 0), (u64)el0[i], kEl0);
}

CODE(flags_code, "mov x1, #0xa0000000\n msr nzcv, x1\n svc #1");
static void flags_are_saved(void) {
  EXPECT(trap(flags_code, 0, kEl0)->spsr & ~(1ul << 12), 0xa0000000 | kEl0);
  // And restored by ERET: N and C set reach the code.
  EXPECT(trap(svc_code, 0, kEl0 | 0x50000000)->spsr & ~(1ul << 12), 0x50000000 | kEl0);
}

static void entry_state(void) {
  trap(svc_code, 0, 0);  // EL0, nothing masked
  EXPECT(this_cpu()->pstate, 0x3c0 | 4 | 1);  // DAIF masked, EL1, SP_EL1
  trap(svc_code, 0, 4);  // EL1t, nothing masked
  EXPECT(this_cpu()->pstate, 0x3c0 | 4 | 1);
}

// ISS of a data abort: WnR is bit 6, DFSC bits 5:0; ISV is 0 for stage 1.
#define UNMAPPED 0x9000000000ul  // beyond TCR_EL1.T0SZ = 25: a translation fault at level 0
#define UNMAPPED2 HOLE  // an invalid level 2 entry
CODE(load_code, "ldr x1, [x0]");
CODE(store_code, "str x1, [x0]");
static void data_abort(void) {
  struct { u64 address, code, level; } const cases[] = {
      {UNMAPPED, (u64)load_code, 0}, {UNMAPPED2, (u64)load_code, 2},
      {UNMAPPED, (u64)store_code, 0}, {UNMAPPED2, (u64)store_code, 2}};
  for (u64 i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const u64 iss = 4 | cases[i].level | (cases[i].code == (u64)store_code ? 1u << 6 : 0);
    const struct Frame *f = trap((void *)cases[i].code, cases[i].address, kEl1h);
    expect_exception(f, kSync, ESR(0x25, iss), cases[i].code, kEl1h);
    EXPECT(f->far, cases[i].address);
    f = trap((void *)cases[i].code, cases[i].address, kEl0);
    expect_exception(f, kSyncEl0, ESR(0x24, iss), cases[i].code, kEl0);
    EXPECT(f->far, cases[i].address);
  }
}

static USER u64 user_word = 0x1122334455667788;
static u64 kernel_word = 1;
static void data_permission(void) {
  EXPECT(trap(load_code, (u64)&kernel_word, kEl0)->esr, ESR(0x24, 0x0e));
  EXPECT(trap(store_code, (u64)&kernel_word, kEl0)->esr, ESR(0x24, 0x4e));
  EXPECT(trap(store_code, (u64)load_code, kEl1h)->esr, ESR(0x25, 0x4e));  // read-only
  const struct Frame *f = trap(load_code, (u64)&user_word, kEl0);
  EXPECT_TRUE(returned(f));
  EXPECT(f->x[1], 0x1122334455667788);
}

CODE(branch_code, "ret x0");  // leaves PSTATE.BTYPE alone
static void instruction_abort(void) {
  const u64 unmapped = UNMAPPED2 + 0x10;
  const struct Frame *f = trap(branch_code, unmapped, kEl1h);
  expect_exception(f, kSync, ESR(0x21, 0x06), unmapped, kEl1h);
  EXPECT(f->far, unmapped);
  f = trap(branch_code, unmapped, kEl0);
  expect_exception(f, kSyncEl0, ESR(0x20, 0x06), unmapped, kEl0);
  // Execute-never: EL1's data for EL1; a page that EL0 may write is never executable at EL1.
  EXPECT(trap(branch_code, (u64)&kernel_word & ~3ul, kEl1h)->esr, ESR(0x21, 0x0e));
  EXPECT(trap(branch_code, (u64)&user_word & ~3ul, kEl0)->esr, ESR(0x20, 0x0e));
  EXPECT(trap(branch_code, (u64)&user_word & ~3ul, kEl1h)->esr, ESR(0x21, 0x0e));
}

static void pc_alignment(void) {
  const u64 odd = (u64)svc_code + 2;
  const struct Frame *f = trap(branch_code, odd, kEl1h);
  expect_exception(f, kSync, ESR(0x22, 0), odd, kEl1h);
  EXPECT(f->far, odd);
  f = trap(branch_code, odd, kEl0);
  expect_exception(f, kSyncEl0, ESR(0x22, 0), odd, kEl0);
  EXPECT(f->far, odd);
}

CODE(sp_code, "add x1, x0, #8\n mov sp, x1\n ldr x2, [sp]");
CODE(sp_unused_code, "add x1, x0, #8\n mov sp, x1\n ldr x2, [x1]\n mov sp, x0");
static USER u64 user_stack[8] __attribute__((aligned(16)));
static void sp_alignment(void) {
  const u64 stack = (u64)user_stack;
  expect_exception(trap(sp_code, stack, kEl1t), kSyncSp0, ESR(0x26, 0), (u64)sp_code + 8, kEl1t);
  expect_exception(trap(sp_code, stack, kEl0), kSyncEl0, ESR(0x26, 0), (u64)sp_code + 8, kEl0);
  EXPECT_TRUE(returned(trap(sp_unused_code, stack, kEl1t)));
  const u64 sctlr = READ(sctlr_el1);
  WRITE(sctlr_el1, sctlr & ~0x10ul);  // SA0: EL0 is not checked
  EXPECT_TRUE(returned(trap(sp_code, stack, kEl0)));
  EXPECT(trap(sp_code, stack, kEl1t)->esr, ESR(0x26, 0));
  WRITE(sctlr_el1, sctlr);
}

CODE(unaligned_code, "ldr x1, [x0]\n str x1, [x0]");
CODE(exclusive_code, "ldxr x1, [x0]");
CODE(ordered_code, "ldar x1, [x0]\n stlr x1, [x0]");
CODE(atomic_code, "ldadd xzr, x1, [x0]");
#define SCTLR_NAA (1ul << 6)
/// Runs code at EL1; the ESR without WnR, which says little of an access that does not happen.
static u64 esr_at(char *code, u64 at) {
  const struct Frame *f = trap(code, at, kEl1h);
  if (!returned(f)) {
    EXPECT(f->elr, (u64)code);
    EXPECT(f->far, at);
  }
  return f->esr & ~(1ul << 6);
}
/// What is neither plain nor aligned: by FEAT_LSE2, fine inside a 16-byte granule.
static void atomic_alignment(void) {
  const u64 sctlr = READ(sctlr_el1), inside = (u64)user_stack + 1, across = inside + 8;
  const bool lse2 = (READ(id_aa64mmfr2_el1) >> 32 & 15) != 0;
  const bool lse = (READ(id_aa64isar0_el1) >> 20 & 15) != 0;
  const u64 fault = ESR(0x25, 0x21), fine = ESR(0x15, 0xdead) & ~(1ul << 6);
  char *const code[] = {exclusive_code, ordered_code, atomic_code};
  for (u64 i = 0; i < (lse ? 3 : 2); ++i) {
    EXPECT(esr_at(code[i], across), fault);
    EXPECT(esr_at(code[i], inside), lse2 ? fine : fault);
    // SCTLR_EL1.nAA is for acquire and release alone, and A comes before it.
    WRITE(sctlr_el1, sctlr | SCTLR_NAA);
    EXPECT(esr_at(code[i], across), lse2 && i == 1 ? fine : fault);
    WRITE(sctlr_el1, sctlr | SCTLR_NAA | 2);
    EXPECT(esr_at(code[i], inside), fault);
    WRITE(sctlr_el1, sctlr);
  }
}

static void alignment(void) {
  const u64 sctlr = READ(sctlr_el1), at = (u64)user_stack + 1;
  EXPECT_TRUE(returned(trap(unaligned_code, at, kEl0)));
  WRITE(sctlr_el1, sctlr | 2);  // A
  EXPECT(trap(unaligned_code, at, kEl0)->esr, ESR(0x24, 0x21));
  WRITE(sctlr_el1, sctlr);
  EXPECT(trap(unaligned_code, UART_BASE + 1, kEl1h)->esr, ESR(0x25, 0x21));  // Device memory
}

static void illegal_state(void) {
  // PSTATE.IL from SPSR_EL1.IL: no instruction runs, and the state is saved with IL set.
  expect_exception(trap(svc_code, 0, kEl1h | SPSR_IL), kSync, ESR(0x0e, 0), (u64)svc_code,
                   kEl1h | SPSR_IL);
  expect_exception(trap(svc_code, 0, kEl0 | SPSR_IL), kSyncEl0, ESR(0x0e, 0), (u64)svc_code,
                   kEl0 | SPSR_IL);
  // An illegal return, to EL2 or to a reserved mode, stays in EL1 with IL set.
  u64 const modes[] = {0x9, 0x3, 0xd, 0x1, 0x13};
  for (u64 i = 0; i < sizeof modes / sizeof *modes; ++i) {
    const struct Frame *f = trap(svc_code, 0, 0x3c0 | modes[i]);
    EXPECT(f->esr, ESR(0x0e, 0));
    EXPECT(f->spsr & (SPSR_IL | 0x3df), SPSR_IL | kEl1h);
    EXPECT(f->elr, (u64)svc_code);
  }
}

CODE(fp_code, "fmov d0, x0");
CODE(simd_load_code, "ldr q0, [x0]");
CODE(reserved_simd_code, ".inst 0x0ee08400");  // ADD of one doubleword as a vector
CODE(reserved_structure_code, ".inst 0x0c408c00");  // LD2 of the same
static void fp_trap(void) {
  // CV is 1 and COND 0b1110, as for every A64 instruction.
  const u64 esr = ESR(0x07, 0x1e00000);
  WRITE(cpacr_el1, 0);
  expect_exception(trap(fp_code, 0, kEl1h), kSync, esr, (u64)fp_code, kEl1h);
  expect_exception(trap(fp_code, 0, kEl0), kSyncEl0, esr, (u64)fp_code, kEl0);
  EXPECT(trap(simd_load_code, UNMAPPED, kEl0)->esr, esr);  // before the access
  EXPECT(trap(reserved_simd_code, 0, kEl0)->esr, ESR(0, 0));  // after UNDEFINED
  EXPECT(trap(reserved_structure_code, 0, kEl1h)->esr, ESR(0, 0));
  WRITE(cpacr_el1, 1ul << 20);  // EL0 alone is trapped
  EXPECT_TRUE(returned(trap(fp_code, 0, kEl1h)));
  EXPECT(trap(fp_code, 0, kEl0)->esr, esr);
  WRITE(cpacr_el1, 3ul << 20);
  EXPECT_TRUE(returned(trap(fp_code, 0, kEl0)));
}

CODE(wfi_code, "wfi");
CODE(ctr_code, "mrs x3, ctr_el0");
CODE(counter_code, "mrs x3, cntvct_el0");
CODE(daif_code, "msr daifset, #2");
static void el0_traps(void) {
  const u64 sctlr = READ(sctlr_el1), cntkctl = READ(cntkctl_el1);
  WRITE(sctlr_el1, sctlr & ~(1ul << 16 | 1ul << 15 | 1ul << 9));  // nTWI, UCT, UMA
  expect_exception(trap(wfi_code, 0, kEl0), kSyncEl0, ESR(0x01, 0x1e00000), (u64)wfi_code, kEl0);
  // MRS X3, CTR_EL0: op0 3, op1 3, CRn 0, CRm 0, op2 1, Rt 3, read.
  EXPECT(trap(ctr_code, 0, kEl0)->esr, ESR(0x18, 3 << 20 | 1 << 17 | 3 << 14 | 3 << 5 | 1));
  WRITE(cntkctl_el1, 0);
  EXPECT(trap(counter_code, 0, kEl0)->esr,
         ESR(0x18, 3 << 20 | 2 << 17 | 3 << 14 | 14 << 10 | 3 << 5 | 0 << 1 | 1));
  WRITE(cntkctl_el1, 2);
  EXPECT_TRUE(returned(trap(counter_code, 0, kEl0)));
  WRITE(sctlr_el1, sctlr | 1ul << 15 | 1ul << 9);
  EXPECT_TRUE(returned(trap(ctr_code, 0, kEl0)));
  EXPECT_TRUE(returned(trap(daif_code, 0, kEl0)));
  WRITE(sctlr_el1, sctlr);
  WRITE(cntkctl_el1, cntkctl);
  // MSR DAIFSet, #2 trapped by UMA: op0 0, op1 3, CRn 4, CRm 2, op2 6, Rt 31, write.
  EXPECT(trap(daif_code, 0, kEl0)->esr, ESR(0x18, 6 << 17 | 3 << 14 | 4 << 10 | 31 << 5 | 2 << 1));
}

static void mmu_off_is_device(void) {
  mmu_off();
  const struct Frame *f = trap(unaligned_code, (u64)user_stack + 1, kEl1h);
  const u64 esr = f->esr;
  const bool fine = returned(trap(load_code, (u64)user_stack, kEl0));
  mmu_on();
  EXPECT(esr, ESR(0x25, 0x21));
  EXPECT_TRUE(fine);
}

void test_main(void) {
  RUN(svc);
  RUN(brk);
  RUN(undefined);
  RUN(flags_are_saved);
  RUN(entry_state);
  RUN(data_abort);
  RUN(data_permission);
  RUN(instruction_abort);
  RUN(pc_alignment);
  RUN(sp_alignment);
  RUN(alignment);
  RUN(atomic_alignment);
  RUN(illegal_state);
  RUN(fp_trap);
  RUN(el0_traps);
  RUN(mmu_off_is_device);
}
