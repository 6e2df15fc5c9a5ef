#include "cpu/pauth/pac.h"

#include "base/bits.h"
#include "cpu/pauth/hash.h"

namespace quince::pauth {

namespace {

// TCR_EL1, by VA<55>.
constexpr unsigned kTxSZ[2] = {0, 16}, kTBI[2] = {37, 38}, kTBID[2] = {51, 52};

/// EffectiveTBI() of one half of the address space.
bool tbi_of(const Regime& r, unsigned half, bool data) {
  return bit(r.tcr, kTBI[half]) && (data || !bit(r.tcr, kTBID[half]));
}

/// CalculateBottomPACBit(): TxSZ out of range acts as the nearest value in range.
unsigned bottom_bit(const Regime& r, unsigned half) {
  u64 size = bits(r.tcr, kTxSZ[half] + 5, kTxSZ[half]);
  size = size < 16 ? 16 : size > 39 ? 39 : size;
  return 64 - static_cast<unsigned>(size);
}

/// The layout of a signed pointer.
struct Layout {
  unsigned bottom;  ///< lowest bit of the code
  bool tbi;         ///< bits 63:56 are a tag
  u64 mask;         ///< bits of the code: 54:bottom, and 63:56 without a tag
};
Layout layout_of(const Regime& r, u64 ptr, unsigned half, bool data) {
  Layout l{.bottom = bottom_bit(r, half), .tbi = tbi_of(r, bit(ptr, 55), data), .mask = 0};
  l.mask = low_mask(55) & ~low_mask(l.bottom);
  if (!l.tbi) l.mask |= u64{0xff} << 56;
  return l;
}

/// `ptr` as it is without a code: the extension bits are copies of `half`.
u64 canonical(u64 ptr, const Layout& l, bool half) {
  const u64 extension = l.mask | (u64{1} << 55);
  return half ? ptr | extension : ptr & ~extension;
}

}  // namespace

PacLayout instruction_layout(const Regime& r) {
  PacLayout out;
  for (unsigned half = 0; half < 2; ++half)
    out.extension[half] = layout_of(r, u64{half} << 55, half, false).mask | (u64{1} << 55);
  out.half_bit = tbi_of(r, 0, false) || tbi_of(r, 1, false) ? 55 : 63;
  return out;
}

u64 compute_pac(const Regime& r, u64 data, u64 modifier, Key key) {
  return r.qarma5 ? compute_pac_qarma5(data, modifier, key)
                  : compute_pac_impdef(data, modifier, key);
}

u64 add_pac(const Regime& r, u64 ptr, u64 modifier, Key key, bool data) {
  // With a tag in use in either half, bit 55 tells the halves apart, else bit 63.
  const bool tagged = tbi_of(r, 0, data) || tbi_of(r, 1, data);
  const bool half = bit(ptr, tagged ? 55 : 63);
  const Layout l = layout_of(r, ptr, half, data);
  u64 pac = compute_pac(r, canonical(ptr, l, half), modifier, key);
  const unsigned top = l.tbi ? 55 : 63;
  const u64 extension = bits(ptr, top, l.bottom);
  const bool good = extension == 0 || extension == low_mask(top - l.bottom + 1);
  if (!r.pauth2) {
    if (!good) pac ^= u64{1} << (top - 1);
    ptr = (ptr & ~l.mask) | (pac & l.mask);
  } else {
    ptr ^= pac & l.mask;
  }
  return with_bits(ptr, 55, 55, half ? 1 : 0);
}

Authenticated authenticate(const Regime& r, u64 ptr, u64 modifier, Key key, bool data, bool key_b,
                           bool combined) {
  const bool half = bit(ptr, 55);
  const Layout l = layout_of(r, ptr, half, data);
  const u64 original = canonical(ptr, l, half);
  const u64 pac = compute_pac(r, original, modifier, key);
  if (r.pauth2) {
    const u64 result = ptr ^ (pac & l.mask);
    return {.ptr = result, .fault = r.fpac && !combined && result != original};
  }
  if (((pac ^ ptr) & l.mask) == 0) return {.ptr = original};
  // The error code makes the pointer non-canonical and tells the key.
  const unsigned at = l.tbi ? 53 : 61;
  return {.ptr = with_bits(original, at + 1, at, key_b ? 2 : 1)};
}

u64 strip(const Regime& r, u64 ptr, bool data) {
  const bool half = bit(ptr, 55);
  return canonical(ptr, layout_of(r, ptr, half, data), half);
}

}  // namespace quince::pauth
