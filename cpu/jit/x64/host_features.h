// What the host's CPU can do beyond the translator's floor (SSE4.2 and AVX, see Jit::supported()).
#pragma once

namespace quince::cpu::jit {

/// Probed once for each translator.  Every member makes code shorter, or widens what is translated in line; nothing
/// depends on one to be right.
struct HostFeatures {
  bool bmi2 = false;       ///< BMI2: shifts and products that leave the flags alone
  bool fast_pext = false;  ///< and PEXT and PDEP are not microcode, as AMD's are before family 19h
  bool lzcnt = false;      ///< LZCNT
  bool bmi1 = false;       ///< BMI1: TZCNT
  bool fast_bextr = false;  ///< and BEXTR is one operation, as AMD's are
  bool avx2 = false;       ///< AVX2, FMA and F16C: without them vector rows stay calls
  bool aes = false;        ///< AES-NI
  bool pclmul = false;     ///< PCLMULQDQ
  bool sha = false;        ///< SHA-NI
  bool avx512 = false;     ///< AVX-512 F, BW, CD, DQ and VL: forms of 128 bits
  bool bitalg = false;     ///< AVX-512 BITALG
  bool gfni = false;       ///< GFNI
  bool far_only =
      false;  ///< for tests: vectors are in xmm16 to xmm31 alone, where few get without many vectors
};

/// What this host has.  `limit` narrows it for tests: "floor" (nothing), "call" (no vector code), "avx2" (with AES,
/// SHA and PCLMUL off), "crypto" (no AVX-512), "far" (with far_only); null or anything else: all.
HostFeatures probe_host(const char* limit);

}  // namespace quince::cpu::jit
