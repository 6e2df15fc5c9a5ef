// Known answers for AES: NIST SP 800-38A, appendix F.1 (ECB) and F.2 (CBC).
#pragma once

#include "firmware/rom/lib/types.h"

enum { kAesVectorBytes = 64 };

struct AesVector {
  const char* name;  ///< the section
  u32 bits;
  bool cbc;
  const u8* key;
  u8 cipher[kAesVectorBytes];
};
/// All of them have this plain text, and those with CBC this IV.
extern const u8 aes_vector_plain[kAesVectorBytes], aes_vector_iv[16];
enum { kAesVectors = 6 };
extern const struct AesVector aes_vectors[kAesVectors];
