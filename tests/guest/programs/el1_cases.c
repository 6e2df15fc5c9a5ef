// Many small cases of what EL1 and EL0 may do, whose outcomes are printed and not judged here: the
// same image runs in another emulator, and el1_test compares the lines.  Nothing that depends on the
// board is printed: addresses are offsets.
#include "guest.h"

#define ALIAS 0x80000000ul  // the runtime's map leaves it free
#define PAGE SCRATCH                         // the page under test
#define TABLE2 (SCRATCH + 0x10000)
#define TABLE3 (SCRATCH + 0x20000)
#define CODE_WRITE (SCRATCH + 0x30000)       // the code under test, for EL1 to write
#define CODE_RUN (CODE_WRITE + 0x200000)     // and for everybody to run
#define FINE ESR(0x15, 0xdead)

static u64 random_state = 88172645463325252ul;
static u64 random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}
static bool once_in(u64 n) { return random() % n == 0; }

// ---- Output --------------------------------------------------------------------------------------

static void word(const char *s) {
  put_string(s);
  put_char(' ');
}
static void number(const char *name, u64 v) {
  put_string(name);
  put_char('=');
  put_hex(v);
  put_char(' ');
}
static void end_line(void) { put_char('\n'); }

// ---- Code under test -----------------------------------------------------------------------------

static void code_begin(void) {
  *mmu_entry(CODE_RUN) = SCRATCH | 1 | PTE_AF | PTE_NORMAL | PTE_INNER | PTE_EL0 | PTE_READ_ONLY;
  tlb_flush();
}
static void code_synchronise(void) {
  asm volatile("dsb ish\n ic ialluis\n dsb ish\n isb" ::: "memory");
}

/// How one instruction went: executed, UNDEFINED, trapped as a system register, or else.
static char kind_of(const struct Frame *f) {
  if (f->esr == FINE) return 'x';
  switch (f->esr >> 26) {
    case 0x00: return '.';
    case 0x18: return 't';
    case 0x01: return 'w';
    case 0x07: return 'f';
    case 0x0e: return 'i';
    case 0x25:
    case 0x24: return 'd';
    default: return '?';
  }
}

/// Runs the eight instructions of a row, op2 0 to 7; a line when one of them is not UNDEFINED.
static void row(const char *what, u32 insn, u64 spsr) {
  char out[9];
  u64 seen = 0;
  for (u32 op2 = 0; op2 < 8; ++op2) {
    put32(CODE_WRITE + 8 * op2, insn | op2 << 5);
    put32(CODE_WRITE + 8 * op2 + 4, 0xd65f03c0);  // RET
  }
  code_synchronise();
  u64 bad_iss = 0;
  for (u32 op2 = 0; op2 < 8; ++op2) {
    const struct Frame *f = trap((void *)(CODE_RUN + 8 * op2), ALIAS, spsr);
    out[op2] = kind_of(f);
    if (out[op2] != '.') seen = 1;
    // The syndrome of a trap repeats the instruction's fields.
    const u32 i = insn | op2 << 5;
    const u64 iss = (u64)(i >> 19 & 3) << 20 | (i >> 5 & 7) << 17 | (i >> 16 & 7) << 14 |
                    (i >> 12 & 15) << 10 | (i & 31) << 5 | (i >> 8 & 15) << 1 | (i >> 21 & 1);
    if (out[op2] == 't' && (f->esr & 0x1ffffff) != iss) bad_iss |= 1ul << op2;
  }
  if (!seen) return;
  out[8] = 0;
  word(what);
  number("op0", insn >> 19 & 3);
  number("op1", insn >> 16 & 7);
  number("CRn", insn >> 12 & 15);
  number("CRm", insn >> 8 & 15);
  put_string(out);
  if (bad_iss != 0) {
    put_string(" iss ");
    put_hex(bad_iss);
  }
  end_line();
}

/// Every encoding of MRS, MSR (register) or SYS with these op0, less what is IMPLEMENTATION DEFINED.
static void rows(const char *what, u32 base, u32 first_op0, u32 last_op0, u64 spsr) {
  for (u32 op0 = first_op0; op0 <= last_op0; ++op0)
    for (u32 op1 = 0; op1 < 8; ++op1)
      for (u32 crn = 0; crn < 15; ++crn)
        for (u32 crm = 0; crm < 16; ++crm) {
          if (crn == 11) continue;
          if (op1 >= 4 && (crm & 3) != 0) continue;  // EL2 and EL3, which do not exist: a few
          row(what, base | op0 << 19 | op1 << 16 | crn << 12 | crm << 8, spsr);
        }
}

#define SCTLR_EL0_BITS (1ul << 26 | 1ul << 15 | 1ul << 14 | 1ul << 9)  // UCI, UCT, DZE, UMA

static void system_registers(void) {
  const u64 sctlr = READ(sctlr_el1);
  for (u64 allowed = 0; allowed < 2; ++allowed) {
    WRITE(sctlr_el1, allowed ? sctlr | SCTLR_EL0_BITS : sctlr & ~SCTLR_EL0_BITS);
    WRITE(cntkctl_el1, allowed ? 0x303 : 0);
    WRITE(pmuserenr_el0, allowed ? 15 : 0);
    word(allowed ? "EL0 allowed" : "EL0 denied");
    end_line();
    rows("mrs", 0xd5200001, 2, 3, kEl0);
    rows("msr", 0xd500001f, 2, 3, kEl0);  // XZR
    rows("sys", 0xd5000000, 1, 1, kEl0);  // X0: ALIAS
  }
  WRITE(sctlr_el1, sctlr);
  word("EL1");
  end_line();
  rows("mrs", 0xd5200001, 2, 3, kEl1h);
  rows("sys", 0xd5000000, 1, 1, kEl1h);
}

// Hints but WFE and WFI, barriers, and what op0 0 has else.
static void op0_zero(void) {
  for (u64 el = 0; el < 2; ++el) {
    word(el ? "EL1 op0=0" : "EL0 op0=0");
    end_line();
    for (u32 op1 = 0; op1 < 8; ++op1)
      for (u32 crn = 0; crn < 16; ++crn) {
        if (crn == 4) continue;  // pstate()
        for (u32 crm = 0; crm < 16; crm += crn == 2 || crn == 3 ? 1 : 5) {
          if (op1 == 3 && crn == 2 && crm == 0) continue;  // YIELD, WFE, WFI
          row("op0", 0xd500001f | op1 << 16 | crn << 12 | crm << 8, el ? kEl1h : kEl0);
        }
      }
  }
}

/// Runs one instruction and SVC #1.
static const struct Frame *one(u32 insn, u64 spsr) {
  put32(CODE_WRITE, insn);
  put32(CODE_WRITE + 4, 0xd4000021);
  code_synchronise();
  return trap((void *)CODE_RUN, ALIAS, spsr);
}

static void pstate(void) {
  u64 const states[] = {kEl0, kEl1h, kEl1t, kEl1h & ~0x3c0ul};
  for (u64 s = 0; s < 4; ++s)
    for (u32 op1 = 0; op1 < 8; ++op1)
      for (u32 op2 = 0; op2 < 8; ++op2)
        for (u32 crm = 0; crm < 16; crm += 5) {
          const struct Frame *f = one(0xd500401f | op1 << 16 | crm << 8 | op2 << 5, states[s]);
          if (f->esr >> 26 == 0) continue;
          word("pstate");
          number("from", states[s]);
          number("op1", op1);
          number("op2", op2);
          number("CRm", crm);
          number("esr", f->esr);
          number("spsr", f->spsr);
          number("at", f->elr - CODE_RUN);
          end_line();
        }
}

static void exception_generation(void) {
  for (u64 el = 0; el < 2; ++el)
    for (u32 n = 0; n < 256; ++n) {
      // opc, op2, LL; HVC at EL1 is the firmware's.
      const u32 insn = 0xd4000000 | (n >> 5) << 21 | 0x1234 << 5 | (n & 31);
      if (el == 1 && (insn & 0xffe0001f) == 0xd4000002) continue;
      const struct Frame *f = one(insn, el ? kEl1h : kEl0);
      if (f->esr >> 26 == 0 && f->esr == ESR(0, 0)) continue;
      word("generate");
      number("insn", insn);
      number("esr", f->esr);
      number("at", f->elr - CODE_RUN);
      number("vector", f->vector);
      end_line();
    }
}

// ---- Registers -----------------------------------------------------------------------------------

/// Writes ones and zeros and prints which of the bits that mean something were kept.
#define KEEPS(reg, mask)                          \
  do {                                            \
    const u64 before_ = READ(reg);                \
    word("keeps " #reg);                          \
    asm volatile("msr " #reg ", %0" ::"r"(mask)); \
    number("ones", READ(reg) & (mask));           \
    asm volatile("msr " #reg ", xzr");            \
    number("zeros", READ(reg) & (mask));          \
    asm volatile("msr " #reg ", %0" ::"r"(before_)); \
    end_line();                                   \
  } while (0)

static void register_masks(void) {
  KEEPS(tpidr_el0, ~0ul);
  KEEPS(tpidrro_el0, ~0ul);
  KEEPS(contextidr_el1, 0xffffffff);
  KEEPS(far_el1, ~0ul);
  KEEPS(esr_el1, 0xffffffff);
  KEEPS(par_el1, 1);
  KEEPS(vbar_el1, ~0x7fful);
  KEEPS(elr_el1, ~0ul);
  KEEPS(spsr_el1, 0xf03003dd);
  KEEPS(sp_el0, ~0ul);
  KEEPS(cpacr_el1, 3ul << 20);
  KEEPS(cntkctl_el1, 0x3ff);
  KEEPS(mdscr_el1, 0x0000a000);
  KEEPS(dbgbvr0_el1, 0x0001fffffffffffc);
  KEEPS(dbgwvr0_el1, 0x0001fffffffffffc);
  KEEPS(dbgbcr0_el1, 0x00ffe1e7);
  KEEPS(dbgwcr0_el1, 0x1f1fffff);
  KEEPS(csselr_el1, 0xf);
  KEEPS(pmuserenr_el0, 0xf);
  KEEPS(pmselr_el0, 0x1f);
  KEEPS(pmccfiltr_el0, 0xc0000000);
  KEEPS(cntp_cval_el0, ~0ul);
  KEEPS(cntv_cval_el0, ~0ul);
}

// ---- Returns -------------------------------------------------------------------------------------

CODE(svc_code, "svc #0x77");
/// Any SPSR_EL1 at all: where the exception behind the return comes from says what ERET made of it.
static void returns(void) {
  for (u64 i = 0; i < 400; ++i) {
    u64 spsr = random() & 0xffffffff;
    if (i % 2 != 0) spsr = (spsr & ~0x1ful) | (u64[]){0, 4, 5, 0}[i / 2 % 4];
    const bool legal = (spsr & 0x1f) == 0 || (spsr & 0x1f) == 4 || (spsr & 0x1f) == 5;
    const struct Frame *f = trap(svc_code, 0, spsr);
    word("return");
    number("mode", spsr & 31);
    number("spsr", spsr);
    number("esr", f->esr);
    number("vector", f->vector);
    // What an illegal return makes of the rest is UNKNOWN.
    number("saved", legal ? f->spsr : f->spsr & 0xf01003df);
    if (legal) number("at", f->elr - (u64)svc_code);
    end_line();
  }
}

// ---- Translation ---------------------------------------------------------------------------------

CODE(load_code, "ldr x1, [x0]");
CODE(store_code, "str x2, [x0]");
CODE(branch_code, "ret x0");

static void access(const char *what, void *code, u64 at, u64 spsr) {
  const struct Frame *f = trap(code, at, spsr);
  word(what);
  put_hex(f->esr);
  put_char(' ');
  if (f->esr >> 26 != 0x15) number("far", f->far - ALIAS);
}
static void at_result(const char *what) {
  ISB();
  const u64 par = READ(par_el1);
  word(what);
  put_hex(par & 1 ? par & 0xfff : (par & ~0xffffffff0ffful) >> 48 | (par & 0x180));
  put_char(' ');
  if ((par & 1) == 0) put_hex((par & 0xfffffffff000) - SCRATCH);
  put_char(' ');
}

static void translation(void) {
  volatile u64 *const level1 = (volatile u64 *)(READ(ttbr0_el1) & 0xfffffffff000);
  volatile u64 *const level2 = (volatile u64 *)TABLE2, *const level3 = (volatile u64 *)TABLE3;
  for (u64 i = 0; i < 512; ++i) level2[i] = level3[i] = 0;
  level1[ALIAS >> 30] = TABLE2 | PTE_TABLE;
  const u64 sctlr = READ(sctlr_el1);
  put32(PAGE, 0xd4001541);  // SVC #0xaa
  code_synchronise();
  for (u64 i = 0; i < 400; ++i) {
    u64 leaf = PAGE | PTE_INNER | PTE_NORMAL | (random() & (3ul << 6 | 3ul << 53 | PTE_NG));
    if (!once_in(6)) leaf |= PTE_AF;
    if (once_in(8)) leaf |= 1ul << 44;          // beyond TCR_EL1.IPS
    leaf |= once_in(8) ? random() & 3 : 3;      // blocks and reserved types
    const bool device = once_in(6);
    if (device) leaf &= ~(7ul << 2);
    u64 table = TABLE3 | (once_in(8) ? random() & 3 : 3);
    if (once_in(2)) table |= random() & (31ul << 59);
    if (once_in(12)) table |= 1ul << 44;
    const bool wxn = once_in(4);
    level3[0] = leaf;
    level2[0] = table;
    WRITE(sctlr_el1, wxn ? sctlr | 1ul << 19 : sctlr);
    tlb_flush();
    word("map");
    number("table", table - TABLE3);
    number("leaf", leaf - PAGE);
    number("wxn", wxn);
    end_line();
    asm volatile("at s1e1r, %0" ::"r"(ALIAS) : "memory");
    word(device ? " AT, Device:" : " AT, Normal:");
    at_result("s1e1r");
    asm volatile("at s1e1w, %0" ::"r"(ALIAS) : "memory");
    at_result("s1e1w");
    asm volatile("at s1e0r, %0" ::"r"(ALIAS) : "memory");
    at_result("s1e0r");
    asm volatile("at s1e0w, %0" ::"r"(ALIAS) : "memory");
    at_result("s1e0w");
    end_line();
    access(" load1", load_code, ALIAS + 8, kEl1h);
    access("load0", load_code, ALIAS + 8, kEl0);
    access("store1", store_code, ALIAS + 8, kEl1h);
    access("store0", store_code, ALIAS + 8, kEl0);
    if (!device) {  // where a fetch may fault or not
      access("fetch1", branch_code, ALIAS, kEl1h);
      access("fetch0", branch_code, ALIAS, kEl0);
    }
    end_line();
  }
  level1[ALIAS >> 30] = 0;
  WRITE(sctlr_el1, sctlr);
  tlb_flush();
}

void test_main(void) {
  code_begin();
  RUN(register_masks);
  RUN(returns);
  RUN(pstate);
  RUN(exception_generation);
  RUN(translation);
  RUN(op0_zero);
  RUN(system_registers);
}
