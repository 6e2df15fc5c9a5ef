// Transfers of every kind that the platform has, again and again, while the test saves and loads the
// machine in the middle of them: bdif, the AES engine, and Apple's disk, each with known answers.
#include "firmware/rom/checks/aes_vectors.h"
#include "firmware/rom/checks/checks.h"
#include "firmware/rom/drivers/aes.h"
#include "firmware/rom/drivers/wait.h"
#include "guest.h"

enum { kRounds = 400, kSlowRounds = 60 };
// Between two words of a command, for the test to come in between.
#define PAUSE_US 20

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

/// A message in four pieces, with a pause everywhere: in the middle of commands, and between a key, an IV
/// and the pieces, all of which the engine keeps.
static void slow_aes(const struct AesVector *v) {
  static u8 out[kAesVectorBytes] __attribute__((aligned(64)));
  const struct AesKey key = {
      .context = 1, .bits = v->bits, .bytes = v->key, .encrypts = true, .cbc = v->cbc};
  aes_set_key(&key);
  delay_us(PAUSE_US);
  aes_push(2u << 28 | 3u << 26);  // IV context 3
  for (u32 i = 0; i < 16; i += 4) {
    delay_us(PAUSE_US);
    aes_push(*(const volatile u32 *)&aes_vector_iv[i]);
  }
  for (u32 i = 0; i < kAesVectorBytes; i += kAesBlock) {
    delay_us(PAUSE_US);
    aes_data(1, 3, aes_vector_plain + i, out + i, kAesBlock);
  }
  EXPECT(aes_finish(), 0);
  for (u32 i = 0; i < kAesVectorBytes && !case_failed(); ++i) EXPECT(out[i], v->cipher[i]);
}

static void pieces(void) {
  wait_start();
  EXPECT(aes_start(), 0);
  for (u32 round = 0; round < kSlowRounds; ++round)
    for (u32 i = 0; i < kAesVectors; ++i)
      if (aes_vectors[i].cbc) slow_aes(&aes_vectors[i]);
  aes_stop();
  wait_stop();
}

static void transfers(void) {
  static const char *const names[] = {"bdif", "aes", "payload", "apple-disks"};
  wait_start();
  for (u32 round = 0; round < kRounds; ++round)
    for (u32 i = 0; i < sizeof names / sizeof names[0]; ++i) run(names[i]);
  wait_stop();
  EXPECT(find("nobody"), 0);
}

void test_main(void) {
  RUN(pieces);
  RUN(transfers);
}
