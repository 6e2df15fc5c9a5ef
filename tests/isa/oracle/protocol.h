/* What the instruction tests and their oracle say to each other, over a pipe, in host byte order.
 *
 * The oracle (oracle.c) is a small AArch64 program that runs under an independent implementation.
 * It reads a BatchHeader and that many OracleCase, runs each, and answers with as many
 * OracleResult, until its input ends.  C and C++ read this file. */
#ifndef QUINCE_TESTS_ISA_ORACLE_PROTOCOL_H
#define QUINCE_TESTS_ISA_ORACLE_PROTOCOL_H

#include <stdint.h>

/* Guest addresses, the same on both sides.  Code: filled with BRK, except for the slots. */
#define ORACLE_CODE 0x40200000ull
#define ORACLE_CODE_SIZE 0x200000ull
#define ORACLE_SLOTS (ORACLE_CODE + 0x100000ull)
#define ORACLE_SLOT_SIZE 64ull
#define ORACLE_BATCH 1024u
#define ORACLE_BRK 0xd4200000u
#define ORACLE_INSNS 4u

/* Data: two pages with nothing around them.  A case sets, and a result reports, three pieces of
 * them: the first bytes, those around the page boundary, and the last. */
#define ORACLE_DATA 0x40500000ull
#define ORACLE_DATA_SIZE 0x2000ull
#define ORACLE_EDGE 128u
#define ORACLE_MIDDLE 256u
#define ORACLE_WINDOW (2 * ORACLE_EDGE + ORACLE_MIDDLE)
#define ORACLE_MIDDLE_OFFSET (ORACLE_DATA_SIZE / 2 - ORACLE_MIDDLE / 2)
#define ORACLE_LAST_OFFSET (ORACLE_DATA_SIZE - ORACLE_EDGE)

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

struct BatchHeader {
  uint32_t count;   /* 1 to ORACLE_BATCH */
  uint32_t guarded; /* the code pages are guarded (FEAT_BTI) */
};

struct OracleCase {
  uint32_t slot;  /* where the instructions are; cases may share a slot when they agree on them */
  uint32_t pad;
  uint32_t insn[ORACLE_INSNS];
  struct OracleState in;
};

struct OracleResult {
  uint32_t signal;  /* Linux: 4 SIGILL, 5 SIGTRAP (the BRK behind it), 7 SIGBUS, 11 SIGSEGV */
  uint32_t stray;   /* in the last result of a batch: some case stored between the pieces */
  uint64_t address; /* si_addr */
  uint64_t pc;
  struct OracleState out;
};

#endif
