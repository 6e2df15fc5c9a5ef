// The AES engine (docs/platform.md) against NIST SP 800-38A.  It forgets the keys that it had: nothing can read them.
#include "firmware/rom/drivers/aes.h"

#include "firmware/rom/checks/aes_vectors.h"
#include "firmware/rom/checks/check.h"

enum { kPieces = 4, kGap = 48, kNoCommand = 7 };

/// Where results go: the destinations of scattered pieces have gaps between them.
struct Room {
  u8 whole[kAesVectorBytes] __attribute__((aligned(64)));
  u8 back[kAesVectorBytes];
  u8 scattered[kPieces][kAesBlock + kGap];
  u8 iv[kAesBlock];
};

/// The first byte that differs, or `count`.
static u32 differs_at(const u8* a, const u8* b, u32 count) {
  u32 i = 0;
  while (i < count && *(const volatile u8*)&a[i] == b[i]) ++i;
  return i;
}

static const char* want_bytes(const char* name, const char* what, const u8* seen, const u8* wanted,
                              u32 count) {
  const u32 at = differs_at(seen, wanted, count);
  WANT_THAT(at == count, "%s, %s: byte %u is 0x%02x, not 0x%02x", name, what, at, seen[at],
            wanted[at]);
  return 0;
}

/// Both key contexts are loaded before either is used: each has a direction and a mode of its own.
static const char* both_ways(const struct AesVector* v, u32 n, struct Room* room) {
  const u32 context = n % 2, iv = n % 4, other_iv = (n + 1) % 4;
  aes_set_key(&(struct AesKey){
      .context = context, .bits = v->bits, .bytes = v->key, .encrypts = true, .cbc = v->cbc});
  aes_set_key(
      &(struct AesKey){.context = !context, .bits = v->bits, .bytes = v->key, .cbc = v->cbc});
  aes_set_iv(iv, aes_vector_iv);
  aes_set_iv(other_iv, aes_vector_iv);
  aes_data(context, iv, aes_vector_plain, room->whole, kAesVectorBytes);
  aes_data(!context, other_iv, v->cipher, room->back, kAesVectorBytes);
  CHECK(aes_finish());
  CHECK(want_bytes(v->name, "encrypted", room->whole, v->cipher, kAesVectorBytes));
  return want_bytes(v->name, "decrypted", room->back, aes_vector_plain, kAesVectorBytes);
}

/// A message in pieces from and to different places; what the IV context has then is the last block.
static const char* in_pieces(const struct AesVector* v, struct Room* room) {
  struct AesPiece pieces[kPieces];
  for (u32 i = 0; i < kPieces; ++i)
    pieces[i] = (struct AesPiece){aes_vector_plain + i * kAesBlock, room->scattered[i], kAesBlock};
  const struct AesKey key = {
      .context = 1, .bits = v->bits, .bytes = v->key, .encrypts = true, .cbc = true};
  CHECK(aes_run(&key, 2, aes_vector_iv, pieces, kPieces));
  for (u32 i = 0; i < kPieces; ++i)
    CHECK(
        want_bytes(v->name, "in pieces", room->scattered[i], v->cipher + i * kAesBlock, kAesBlock));
  aes_store_iv(2, room->iv);
  CHECK(aes_finish());
  return want_bytes(v->name, "the IV afterwards", room->iv, v->cipher + 3 * kAesBlock, kAesBlock);
}

/// The engine's own keys are placeholders: their number, and zeros.
static const char* fused_keys(struct Room* room) {
  for (u32 n = 1; n <= 3; ++n) {
    const u8 same[32] = {(u8)n};
    const struct AesKey fused = {.fused = n, .encrypts = true};
    const struct AesKey given = {.context = 1, .bits = 256, .bytes = same, .encrypts = true};
    CHECK(aes_run(&fused, 0, 0, &(struct AesPiece){aes_vector_plain, room->whole, kAesBlock}, 1));
    CHECK(aes_run(&given, 0, 0, &(struct AesPiece){aes_vector_plain, room->back, kAesBlock}, 1));
    CHECK(want_bytes("a fused key", "encrypted", room->whole, room->back, kAesBlock));
  }
  return 0;
}

/// What cannot be done is told, and the word after it is a command again.
static const char* errors(struct Room* room) {
  const struct AesVector* const v = &aes_vectors[0];
  const struct AesKey key = {.bits = v->bits, .bytes = v->key, .encrypts = true};
  aes_push((u32)kNoCommand << 28);
  WANT_THAT(aes_finish() != 0, "a command that is none is not told of");
  aes_set_key(&key);
  aes_data(0, 0, aes_vector_plain, room->whole, kAesBlock / 2);
  WANT_THAT(aes_finish() != 0, "a length of half a block is not told of");
  CHECK(aes_run(&key, 0, 0, &(struct AesPiece){aes_vector_plain, room->whole, kAesVectorBytes}, 1));
  return want_bytes(v->name, "after an error", room->whole, v->cipher, kAesVectorBytes);
}

static const char* known_answers(struct Room* room) {
  for (u32 n = 0; n < kAesVectors; ++n) CHECK(both_ways(&aes_vectors[n], n, room));
  for (u32 n = 0; n < kAesVectors; ++n)
    if (aes_vectors[n].cbc) CHECK(in_pieces(&aes_vectors[n], room));
  CHECK(fused_keys(room));
  return errors(room);
}

const char* check_aes(struct CheckContext* c) {
  struct Room* const room = TAKE(c, sizeof *room, 64);
  WANT("STATUS", get32(AES_BASE + kAesStatus), 0x3f80);
  WANT("Q_STATUS", get32(AES_BASE + kAesQStatus), 2);
  const char* why = aes_start();
  if (why == 0) why = known_answers(room);
  aes_stop();
  return why;
}

/// The second window does nothing.
const char* check_aes_2(struct CheckContext* c) {
  (void)c;
  put32(AES_2_BASE + kAesIrqEnable, kAesFlagCommand);
  for (u32 offset = 0; offset < 0x204; offset += 4)
    WANT_THAT(get32(AES_2_BASE + offset) == 0, "the register at 0x%x is 0x%x, not 0", offset,
              get32(AES_2_BASE + offset));
  return 0;
}
