// What the kernel's code uses without asking: it is built for Armv8.5 (VMAPPLE's MakeInc.def).
#include "xnu.h"

// PSTATE.PAN is S3_0_C4_C2_3, PSTATE.UAO S3_0_C4_C2_4, PSTATE.DIT S3_3_C4_C2_5.

void pan_step(void) {
  struct CpuData* c = self();
  WRITE(s3_0_c4_c2_3, 0);
  EXPECT(attempt_load(USER_PAGE), 0);
  // SCTLR_EL1.SPAN is 0: an exception sets PAN, and its return brings the old one back.
  c->pan_asked = 1;
  asm volatile("brk #7" ::: "memory");
  EXPECT(c->pan_asked, 0);
  EXPECT(c->pan_seen, 1ul << 22);
  EXPECT(READ(s3_0_c4_c2_3), 0);
  WRITE(s3_0_c4_c2_3, 1ul << 22);
  EXPECT(attempt_load(USER_PAGE), ESR(0x25, 0xf));  // permission, level 3
  EXPECT(attempt_load((u64)&c->number), 0);
}

CODE(load_as_user, "ldtr w0, [x0]");

void uao_step(void) {
  static volatile u64 kernels = 0x99;
  u64 got = 0;
  WRITE(s3_0_c4_c2_4, 0);
  EXPECT(attempt(load_as_user, USER_PAGE, &got), 0);
  EXPECT(got, 0x5555);
  EXPECT(attempt(load_as_user, (u64)&kernels, 0) >> 26, 0x25);
  WRITE(s3_0_c4_c2_4, 1ul << 23);
  EXPECT(attempt(load_as_user, (u64)&kernels, &got), 0);
  EXPECT(got, 0x99);
  EXPECT(READ(s3_0_c4_c2_4), 1ul << 23);
  WRITE(s3_0_c4_c2_4, 0);
}

void lse_step(void) {
  volatile u64 word = 5;
  u64 old;
  asm volatile("ldaddal %1, %0, [%2]" : "=r"(old) : "r"(7ul), "r"(&word) : "memory");
  EXPECT(old, 5);
  EXPECT(word, 12);
  old = 12;
  asm volatile("casal %0, %1, [%2]" : "+r"(old) : "r"(30ul), "r"(&word) : "memory");
  EXPECT(old, 12);
  EXPECT(word, 30);
  asm volatile("casal %0, %1, [%2]" : "+r"(old) : "r"(31ul), "r"(&word) : "memory");
  EXPECT(old, 30);
  EXPECT(word, 30);
  asm volatile("swpal %1, %0, [%2]" : "=r"(old) : "r"(0xf0ul), "r"(&word) : "memory");
  EXPECT(old, 30);
  asm volatile("ldclral %1, %0, [%2]" : "=r"(old) : "r"(0x30ul), "r"(&word) : "memory");
  EXPECT(word, 0xc0);
}

void dit_step(void) {
  WRITE(s3_3_c4_c2_5, 1ul << 24);
  EXPECT(READ(s3_3_c4_c2_5), 1ul << 24);
  asm volatile(".inst 0xd503405f" ::: "memory");  // MSR DIT, #0
  EXPECT(READ(s3_3_c4_c2_5), 0);
}

void sb_step(void) { asm volatile(".inst 0xd50330ff" ::: "memory"); }

/// HID0 and a control register of Apple's key handling: UNDEFINED, and never silently zero.
CODE(read_hid0, "mrs x0, s3_0_c15_c0_0");
CODE(write_hid0, "msr s3_0_c15_c0_0, x0");
CODE(read_apctl, "mrs x0, s3_4_c15_c0_4");

void apple_registers_step(void) {
  EXPECT(attempt(read_hid0, 0, 0), ESR(0, 0));
  EXPECT(attempt(write_hid0, 0, 0), ESR(0, 0));
  EXPECT(attempt(read_apctl, 0, 0), ESR(0, 0));
}
