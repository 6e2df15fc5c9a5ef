// Transfers of every kind that the platform has, again and again, while the test saves and loads the
// machine in the middle of them: bdif, the AES engine, and Apple's disk, each with known answers.
#include "firmware/rom/checks/checks.h"
#include "firmware/rom/drivers/wait.h"
#include "guest.h"

enum { kRounds = 400 };

static bool is(const char *a, const char *b) {
  for (; *a != 0 && *a == *b; ++a) ++b;
  return *a == *b;
}

static const struct Check *find(const char *name) {
  for (u32 i = 0; i < check_count; ++i)
    if (is(checks[i].name, name)) return &checks[i];
  return 0;
}

/// Runs a check for one round; what is wrong ends the program.
static void run(const char *name) {
  struct Arena memory = {SCRATCH, SCRATCH + 0x100000};
  struct CheckContext context = {&memory};
  const struct Check *const check = find(name);
  const char *const why = check == 0 ? "there is no such check" : check->run(&context);
  if (why == 0) return;
  put_string("FAIL ");
  put_string(name);
  put_string(" ");
  put_string(why);
  put_string("\n");
  power_off();
}

static void transfers(void) {
  static const char *const names[] = {"bdif", "aes", "payload", "apple-disks"};
  wait_start();
  for (u32 round = 0; round < kRounds; ++round)
    for (u32 i = 0; i < sizeof names / sizeof names[0]; ++i) run(names[i]);
  wait_stop();
  EXPECT(find("nobody"), 0);
}

void test_main(void) { RUN(transfers); }
