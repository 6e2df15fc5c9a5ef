// Opcodes and fields are known from QEMU's model of the engine (docs/platform.md); what of them it reads
// the wrong way is here as it was meant.
#include "firmware/rom/drivers/aes.h"

#include "firmware/rom/drivers/wait.h"
#include "firmware/rom/lib/cpu.h"

enum {
  kKey = 1u << 28,
  kIv = 2u << 28,
  kData = 5u << 28,
  kStoreIv = 6u << 28,
  // KEY.
  kEncrypt = 1 << 20,
  kCbc = 1 << 16,
  kSelectShift = 24,
  kLengthShift = 22,
  kKeyContextShift = 27,
  // IV, STORE_IV.
  kIvContextShift = 26,
  // DATA.
  kDataIvShift = 25,
  kMaxData = 0xfffff0,
  // FLAG.
  kRaise = 1 << 27,
  kInfo = 0xff,
  kLongestCommand = 9,  // words
};
#define FLAG (8u << 28)
#define LIMIT_US 500000ul

/// What the interrupts told since the last FLAG.
static struct {
  volatile u32 status, info;
  u32 number;
} seen;

static void on_interrupt(void* of, u32 intid) {
  (void)of;
  (void)intid;
  const u32 status = get32(AES_BASE + kAesIrqStatus);
  if (status & kAesFlagCommand) seen.info = get32(AES_BASE + kAesFlagInfo);
  seen.status |= status;
  put32(AES_BASE + kAesIrqStatus, status);
}

void aes_push(u32 word) { put32(AES_BASE + kAesFifo, word); }

static void push_bytes(const u8* bytes, u32 count) {
  for (u32 i = 0; i < count; i += 4)
    aes_push(bytes[i] | (u32)bytes[i + 1] << 8 | (u32)bytes[i + 2] << 16 | (u32)bytes[i + 3] << 24);
}

/// Zero is no command, and as the last words of one that was not finished it is no address either: there
/// is no memory at 0.  After as many as the longest command has, the next word is a command.
static void resynchronise(void) {
  for (u32 i = 0; i < kLongestCommand; ++i) aes_push(0);
}

const char* aes_start(void) {
  aes_stop();
  resynchronise();
  seen.number = (seen.number + 1) & kInfo;
  aes_push(FLAG | seen.number);
  if (get32(AES_BASE + kAesFlagInfo) != seen.number) return "the engine takes no commands";
  put32(AES_BASE + kAesIrqStatus, ~0u);
  seen.status = 0;
  if (!wait_on(kAesIntid, 1, on_interrupt, 0)) return "there is no room for its interrupt";
  put32(AES_BASE + kAesIrqEnable, kAesInvalidCommand | kAesFlagCommand);
  return 0;
}

void aes_stop(void) {
  put32(AES_BASE + kAesIrqEnable, 0);
  put32(AES_BASE + kAesIrqStatus, ~0u);
  wait_off(kAesIntid);
}

// ---- Commands ----------------------------------------------------------------------------------

void aes_set_key(const struct AesKey* key) {
  const u32 mode = (key->encrypts ? kEncrypt : 0) | (key->cbc ? kCbc : 0);
  const u32 command = kKey | key->context << kKeyContextShift | mode;
  if (key->fused != 0) return aes_push(command | key->fused << kSelectShift);
  aes_push(command | (key->bits / 64 - 2) << kLengthShift);
  push_bytes(key->bytes, key->bits / 8);
}

void aes_set_iv(u32 context, const u8* iv) {
  aes_push(kIv | context << kIvContextShift);
  push_bytes(iv, kAesBlock);
}

void aes_data(u32 key_context, u32 iv_context, const void* from, void* to, u64 bytes) {
  DSB();
  for (u64 at = 0; at < bytes; at += kMaxData) {
    const u64 source = (u64)from + at, destination = (u64)to + at, left = bytes - at;
    aes_push(kData | key_context << kKeyContextShift | iv_context << kDataIvShift |
             (u32)(left < kMaxData ? left : kMaxData));
    aes_push((u32)(source >> 32) << 16 | (u32)(destination >> 32));
    aes_push((u32)source);
    aes_push((u32)destination);
  }
}

void aes_store_iv(u32 context, void* to) {
  aes_push(kStoreIv | context << kIvContextShift | (u32)((u64)to >> 32 & 0xff));
  aes_push((u32)(u64)to);
}

const char* aes_finish(void) {
  seen.number = (seen.number + 1) & kInfo;
  seen.info = ~0u;
  aes_push(FLAG | kRaise | seen.number);
  const u64 deadline = counter() + micros(LIMIT_US);
  while (seen.info != seen.number && counter() < deadline) wait_until(deadline);
  DSB();
  const u32 status = seen.status;
  seen.status = 0;
  if (seen.info != seen.number) {
    resynchronise();
    return "the engine's interrupt does not come";
  }
  return status & kAesInvalidCommand ? "the engine refuses a command" : 0;
}

const char* aes_run(const struct AesKey* key, u32 iv_context, const u8* iv,
                    const struct AesPiece* pieces, u32 count) {
  aes_set_key(key);
  if (iv != 0) aes_set_iv(iv_context, iv);
  for (u32 i = 0; i < count; ++i)
    aes_data(key->context, iv_context, pieces[i].from, pieces[i].to, pieces[i].bytes);
  return aes_finish();
}
