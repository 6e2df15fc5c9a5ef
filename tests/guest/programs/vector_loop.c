// A guest that can run nothing: its vectors are not mapped, so that every exception takes the next
// one.  The emulator must still answer its host; the test sends it a signal.
#include "guest.h"

void test_main(void) {
  put_string("looping\n");
  WRITE(vbar_el1, HOLE);
  asm volatile("svc #0");
}
