// What the host's CPU can do beyond the translator's floor (AVX and BMI2, see Jit::supported()).
#pragma once

namespace quince::cpu::jit {

/// Probed once for each translator.  Every member widens what is translated in line; nothing depends on one to be
/// right.
struct HostFeatures {
  bool avx2 = false;    ///< AVX2 and FMA: without them vector rows stay calls
  bool aes = false;     ///< AES-NI
  bool pclmul = false;  ///< PCLMULQDQ
  bool sha = false;     ///< SHA-NI
  bool avx512 = false;  ///< AVX-512 F, BW, DQ and VL: forms of 128 bits
  bool bitalg = false;  ///< AVX-512 BITALG
  bool gfni = false;    ///< GFNI
};

/// What this host has.  `limit` narrows it for tests: "call" (no vector code), "avx2" (with AES, SHA and PCLMUL
/// off), "crypto" (no AVX-512); null or anything else: all.
HostFeatures probe_host(const char* limit);

}  // namespace quince::cpu::jit
