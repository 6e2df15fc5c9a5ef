// The boot ROM's checks, without its menu: "ok NAME", "absent NAME" or "FAIL NAME why" for each, as the
// ROM prints them, and the text that it deciphers.
#include "firmware/rom/checks/checks.h"
#include "firmware/rom/checks/payload.h"
#include "firmware/rom/drivers/aes.h"
#include "firmware/rom/drivers/bdif.h"
#include "firmware/rom/drivers/uart.h"
#include "firmware/rom/drivers/wait.h"
#include "guest.h"

static void line(const char *what, const char *name, const char *why) {
  put_string(what);
  put_string(name);
  if (why != 0) put_string(" ");
  if (why != 0) put_string(why);
  put_string("\n");
}

static void run(const struct Check *check, u64 *counts) {
  struct Arena memory = {SCRATCH, SCRATCH + 0x100000};
  struct CheckContext context = {&memory};
  const u64 start = counter();
  const char *const why = check->run(&context);
  *counts += counter() - start;
  if (why == 0)
    line("ok ", check->name, 0);
  else if (why == check_absent)
    line("absent ", check->name, 0);
  else
    line("FAIL ", check->name, why);
}

/// As if somebody had typed: through the loop, which is seen outside as well.
static void type(const char *text) {
  enum { kDr = 0x00, kCr = 0x30, kLbe = 1 << 7 };
  const u32 cr = get32(UART_BASE + kCr);
  put32(UART_BASE + kCr, cr | kLbe);
  for (; *text != 0; ++text) put32(UART_BASE + kDr, (u8)*text);
  put32(UART_BASE + kCr, cr);
}

/// What needs several requests and commands: 128 MiB in one go, and 16 MiB.
static const char *large_pieces(void) {
  enum { kMiB = 1 << 20, kLarge = 16 * kMiB + 32 };
  const u64 bytes = 128 * kMiB + kBdifSector, sectors = bdif_sectors(kBdifRoot);
  u8 *const at = (u8 *)SCRATCH;
  const char *why = bdif_read(kBdifRoot, sectors - bytes / kBdifSector, at, bytes);
  if (why != 0) return why;
  report("first", get32((u64)at));
  report("last", get32((u64)at + 128 * kMiB));
  why = aes_start();
  const struct AesPiece piece = {at, at, kLarge};
  struct AesKey key = {.fused = 2, .encrypts = true, .cbc = true};
  static const u8 iv[kAesBlock] = {1};
  if (why == 0) why = aes_run(&key, 0, iv, &piece, 1);
  report("enciphered", get32((u64)at + kLarge - 4));
  key.encrypts = false;
  if (why == 0) why = aes_run(&key, 1, iv, &piece, 1);
  aes_stop();
  report("deciphered", get32((u64)at + kLarge - 4));
  report("deciphered_first", get32((u64)at));
  return why;
}

void test_main(void) {
  u64 counts = 0;
  wait_start();
  uart_start();
  // Twice: a check leaves everything as it found it.
  for (int round = 0; round < 2; ++round) {
    if (round == 1) type("qw\n");
    counts = 0;
    for (u32 i = 0; i < check_count; ++i) run(&checks[i], &counts);
    put_string("round\n");
  }
  report("checks", check_count);
  report("us", counts * 1000000 / COUNTER_HZ);
  static char text[512] __attribute__((aligned(16)));
  const char *const why = payload_decrypt(text, sizeof text);
  put_string(why != 0 ? why : text);
  // What was typed before the second round is still there.
  put_string("typed ");
  for (int c; (c = uart_get()) >= 0;) put_char((char)c);
  put_string("\n");
  if (bdif_sectors(kBdifRoot) > 128ul << 11) line("large", "", large_pieces());
}
