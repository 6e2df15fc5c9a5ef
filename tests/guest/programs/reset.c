// PSCI SYSTEM_RESET: the machine starts again with its image, its registers and its devices fresh.
#include "guest.h"

#define MAGIC 0x7175696e6365ul
static u64 in_image = 1;  // reset loads the image again

static void fresh(void) {
  EXPECT(in_image, 1);
  EXPECT(READ(cntv_ctl_el0) & 1, 0);
  EXPECT(get32(GPIO_BASE + 0x410), 0);
}

void test_main(void) {
  volatile u64 *mark = (volatile u64 *)SCRATCH;
  if (*mark != MAGIC) {
    *mark = MAGIC;
    in_image = 2;
    WRITE(cntv_ctl_el0, 1);
    put32(GPIO_BASE + 0x410, 0xff);
    psci(0x84000009, 0, 0, 0);
    put_string("FAIL reset came back\n");
    return;
  }
  RUN(fresh);
}
