// The AES engine (docs/platform.md): commands through a FIFO, data by DMA, completion by an interrupt.
#pragma once

#include "firmware/rom/lib/types.h"

#define AES_BASE 0x30220000ul
#define AES_2_BASE 0x30230000ul
/// Registers.
enum {
  kAesStatus = 0x00c,
  kAesIrqStatus = 0x018,
  kAesIrqEnable = 0x01c,
  kAesQStatus = 0x024,
  kAesFlagInfo = 0x030,
  kAesFifo = 0x200,
};
enum { kAesIntid = 50, kAesInvalidCommand = 1 << 2, kAesFlagCommand = 1 << 5, kAesBlock = 16 };

/// Takes the engine's interrupt (after wait_start()) and brings its FIFO to where the next word is a
/// command, whatever was left in it.  Null, or why it cannot be used.
const char* aes_start(void);
/// Leaves the engine quiet: no interrupt, no status.
void aes_stop(void);

// ---- Commands, in order ------------------------------------------------------------------------

struct AesKey {
  u32 context;      ///< 0 or 1
  u32 fused;        ///< 1 to 3: a key that is in the engine; 0: the one here
  u32 bits;         ///< 128, 192 or 256
  const u8* bytes;  ///< as many as bits / 8
  bool encrypts;
  bool cbc;  ///< or ECB
};
void aes_set_key(const struct AesKey* key);
/// 16 bytes for IV context 0 to 3.
void aes_set_iv(u32 context, const u8* iv);
/// Sends `bytes` (a multiple of 16) through a key context, which knows direction and mode.  With CBC the
/// IV context then has what the message's next piece begins with.
void aes_data(u32 key_context, u32 iv_context, const void* from, void* to, u64 bytes);
/// Writes an IV context's 16 bytes to memory.
void aes_store_iv(u32 context, void* to);
/// A word as it is, which may be one that the engine refuses.
void aes_push(u32 word);
/// Sleeps until everything before it is done.  Null, or what was wrong; the next word is a command then too.
const char* aes_finish(void);

// ---- A whole message ---------------------------------------------------------------------------

/// A piece of a message; bytes are a multiple of 16.
struct AesPiece {
  const void* from;
  void* to;
  u64 bytes;
};
/// Key, IV (null with ECB) and the pieces of one message, by one key context and one IV context.
const char* aes_run(const struct AesKey* key, u32 iv_context, const u8* iv,
                    const struct AesPiece* pieces, u32 count);
