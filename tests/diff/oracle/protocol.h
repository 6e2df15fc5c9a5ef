/* What the differential tester and its oracle say to each other, in host byte order.
 *
 * The oracle (oracle.c) is a small AArch64 program that runs under an independent implementation.
 * It shares a memory object with the tester, its descriptor 3: an OracleShared.  A byte on its
 * standard input starts a batch, a byte on its standard output says that the results are there;
 * the end of its input ends it.  C, C++ and the assembler read this file. */
#ifndef QUINCE_TESTS_DIFF_ORACLE_PROTOCOL_H
#define QUINCE_TESTS_DIFF_ORACLE_PROTOCOL_H

/* Guest addresses, the same on both sides.  Code: filled with BRK, except for the slots. */
#define ORACLE_CODE 0x40200000
#define ORACLE_CODE_SIZE 0x200000
#define ORACLE_SLOTS (ORACLE_CODE + 0x100000)
#define ORACLE_SLOT_SIZE 128
#define ORACLE_BATCH 1024
#define ORACLE_BRK 0xd4200000
/* A slot: the gate's own instruction, then those of the case. */
#define ORACLE_FIRST 16 /* the offset of the case's first instruction */
#define ORACLE_INSNS 28
#define ORACLE_ENTRY 0xd53bd040 /* MRS X0, TPIDR_EL0, in front of the first instruction */

/* A case that branches here has come to its end: for the oracle the page of gate.S, for us an
 * unmapped one. */
#define ORACLE_EXIT 0x40800000
#define ORACLE_EXIT_SIZE 0x2000

/* Data: two pages with nothing around them.  A case sets, and a result reports, three pieces of
 * them: the first bytes, those around the page boundary, and the last. */
#define ORACLE_DATA 0x40500000
#define ORACLE_DATA_SIZE 0x2000
#define ORACLE_EDGE 128
#define ORACLE_MIDDLE 256
#define ORACLE_WINDOW (2 * ORACLE_EDGE + ORACLE_MIDDLE)
#define ORACLE_MIDDLE_OFFSET (ORACLE_DATA_SIZE / 2 - ORACLE_MIDDLE / 2)
#define ORACLE_LAST_OFFSET (ORACLE_DATA_SIZE - ORACLE_EDGE)

/* OracleCase.flags */
#define ORACLE_MEMORY 1 /* sets and reports the data */
#define ORACLE_BY_SIGNAL \
  2                   /* enters by a signal, not through the gate: the program counter is exact
                              where qemu does not restore it after a fault */
#define ORACLE_SKIP 4 /* is placed, but not run: it would not come to an end */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct OracleState {
  uint64_t x[31];
  uint64_t sp;
  uint64_t v[64];  /* low and high half of V0, V1, ... */
  uint32_t pstate; /* as in SPSR: NZCV and BTYPE */
  uint32_t fpcr;
  uint32_t fpsr;
  uint32_t pad;
  uint64_t window[ORACLE_WINDOW / 8];
};

struct OracleCase {
  uint32_t slot;  /* where the instructions are; cases may share a slot when they agree on them */
  uint32_t flags; /* of the above */
  uint32_t insn[ORACLE_INSNS];
  struct OracleState in;
};

struct OracleResult {
  uint32_t signal; /* Linux: 4 SIGILL, 5 SIGTRAP, 7 SIGBUS, 11 SIGSEGV; 0: it got to ORACLE_EXIT */
  uint32_t pad;
  uint64_t address; /* si_addr; 0 without a fault */
  uint64_t pc;
  struct OracleState out;
};

struct OracleShared {
  uint32_t count;   /* 1 to ORACLE_BATCH */
  uint32_t guarded; /* the code pages are guarded (FEAT_BTI); then no case may use ORACLE_EXIT */
  uint32_t stray;   /* answer: some case stored between the pieces */
  uint32_t pad;
  struct OracleCase cases[ORACLE_BATCH];
  struct OracleResult results[ORACLE_BATCH];
};
#endif

#endif
