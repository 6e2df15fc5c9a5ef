#include "firmware/rom/checks/payload.h"

#include "firmware/rom/checks/check.h"
#include "firmware/rom/drivers/aes.h"

// kPayloadLength, payload_iv, payload_cipher, payload_prefix.
#include "firmware/rom/checks/payload.inc"

enum { kFusedKey = 1 };

/// What comes of a wrong key, IV or block is no text.
static const char* judge(const char* text) {
  for (u32 i = 0; payload_prefix[i] != 0; ++i)
    if (text[i] != payload_prefix[i]) return "the deciphered text does not begin as it must";
  for (u32 i = 0; i < kPayloadLength; ++i)
    if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~')) return "the deciphered text is none";
  for (u32 i = kPayloadLength; i < sizeof payload_cipher; ++i)
    if (text[i] != 0) return "the deciphered text does not end where it must";
  return 0;
}

const char* payload_decrypt(char* to, u64 room) {
  if (room == 0) return "there is no room for the text";
  to[0] = 0;
  if (room < sizeof payload_cipher) return "there is no room for the text";
  const struct AesKey key = {.fused = kFusedKey, .cbc = true};
  const struct AesPiece piece = {payload_cipher, to, sizeof payload_cipher};
  const char* why = aes_start();
  if (why == 0) why = aes_run(&key, 0, payload_iv, &piece, 1);
  aes_stop();
  if (why == 0) why = judge(to);
  if (why != 0) to[0] = 0;
  return why;
}

const char* check_payload(struct CheckContext* c) {
  char* const text = TAKE(c, sizeof payload_cipher, 64);
  return payload_decrypt(text, sizeof payload_cipher);
}
