#include "cpu/pauth/qarma.h"

#include <array>

namespace quince::pauth {

namespace {

constexpr unsigned kRounds = 5;
constexpr u64 kAlpha = 0xc0ac'29b7'c97c'50dd;
constexpr std::array<u64, kRounds> kRoundConstants = {
    0, 0x1319'8a2e'0370'7344, 0xa409'3822'299f'31d0, 0x082e'fa98'ec4e'6c89, 0x4528'21e6'38d0'1377};

using Cells = std::array<u8, 16>;

// Which cell of the input becomes cell n of the output; cell 0 is bits 3:0.
constexpr Cells kShuffle = {13, 6, 11, 0, 7, 12, 1, 10, 8, 3, 14, 5, 2, 9, 4, 15};
constexpr Cells kTweakShuffle = {4, 5, 6, 7, 11, 2, 3, 8, 12, 13, 14, 15, 0, 1, 10, 9};
// The cells of the shuffled tweak that go through the LFSR.
constexpr u16 kTweakRotated =
    1u << 2 | 1u << 4 | 1u << 7 | 1u << 11 | 1u << 12 | 1u << 14 | 1u << 15;

constexpr Cells kSub = {0xb, 0x6, 0x8, 0xf, 0xc, 0x0, 0x9, 0xe,
                        0x3, 0x7, 0x4, 0x5, 0xd, 0x2, 0x1, 0xa};

constexpr Cells invert(const Cells& c) {
  Cells r{};
  for (unsigned i = 0; i < 16; ++i) r[c[i]] = static_cast<u8>(i);
  return r;
}
constexpr Cells kInvShuffle = invert(kShuffle);
constexpr Cells kInvSub = invert(kSub);

constexpr unsigned cell(u64 v, unsigned n) { return (v >> (4 * n)) & 15; }

u64 shuffle(u64 in, const Cells& from) {
  u64 out = 0;
  for (unsigned i = 0; i < 16; ++i) out |= u64{cell(in, from[i])} << (4 * i);
  return out;
}

/// Two S-boxes at a time.
constexpr std::array<u8, 256> pairs(const Cells& box) {
  std::array<u8, 256> t{};
  for (unsigned i = 0; i < 256; ++i) t[i] = static_cast<u8>(box[i & 15] | box[i >> 4] << 4);
  return t;
}
constexpr auto kSubPairs = pairs(kSub);
constexpr auto kInvSubPairs = pairs(kInvSub);

u64 substitute(u64 in, const std::array<u8, 256>& box) {
  u64 out = 0;
  for (unsigned i = 0; i < 64; i += 8) out |= u64{box[(in >> i) & 0xff]} << i;
  return out;
}

/// Every cell rotated left by one or two bits.
constexpr u64 rotate_cells_1(u64 v) {
  return ((v << 1) & 0xeeee'eeee'eeee'eeee) | ((v >> 3) & 0x1111'1111'1111'1111);
}
constexpr u64 rotate_cells_2(u64 v) {
  return ((v << 2) & 0xcccc'cccc'cccc'cccc) | ((v >> 2) & 0x3333'3333'3333'3333);
}
constexpr u64 rotate_rows(u64 v, unsigned n) { return (v >> n) | (v << (64 - n)); }

/// PACMult: the matrix circ(0, 1, 2, 1) over each column, a column being cells n, n+4, n+8, n+12.
u64 multiply(u64 v) {
  const u64 one = rotate_cells_1(v), two = rotate_cells_2(v);
  return rotate_rows(one, 16) ^ rotate_rows(two, 32) ^ rotate_rows(one, 48);
}

constexpr unsigned lfsr(unsigned c) { return (c >> 1) | (((c ^ (c >> 1)) & 1) << 3); }
constexpr unsigned inv_lfsr(unsigned c) { return ((c << 1) & 15) | (((c >> 3) ^ c) & 1); }

u64 tweak_shuffle(u64 in) {
  u64 out = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned c = cell(in, kTweakShuffle[i]);
    out |= u64{(kTweakRotated >> i) & 1 ? lfsr(c) : c} << (4 * i);
  }
  return out;
}

u64 tweak_inv_shuffle(u64 in) {
  u64 out = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned c = cell(in, i);
    out |= u64{(kTweakRotated >> i) & 1 ? inv_lfsr(c) : c} << (4 * kTweakShuffle[i]);
  }
  return out;
}

}  // namespace

u64 compute_pac_qarma5(u64 data, u64 modifier, Key key) {
  const u64 key0 = key.hi, key1 = key.lo;
  const u64 modk0 = (key0 << 63) | ((key0 >> 1) ^ (key0 >> 63));
  u64 mod = modifier;
  u64 v = data ^ key0;
  for (unsigned i = 0; i < kRounds; ++i) {
    v ^= key1 ^ mod ^ kRoundConstants[i];
    if (i > 0) v = multiply(shuffle(v, kShuffle));
    v = substitute(v, kSubPairs);
    mod = tweak_shuffle(mod);
  }
  v ^= modk0 ^ mod;
  v = substitute(multiply(shuffle(v, kShuffle)), kSubPairs);
  v = multiply(shuffle(v, kShuffle));
  v ^= key1;
  v = substitute(shuffle(v, kInvShuffle), kInvSubPairs);
  v = shuffle(multiply(v), kInvShuffle);
  v ^= key0 ^ mod;
  for (unsigned i = 0; i < kRounds; ++i) {
    v = substitute(v, kInvSubPairs);
    if (i < kRounds - 1) v = shuffle(multiply(v), kInvShuffle);
    mod = tweak_inv_shuffle(mod);
    v ^= kRoundConstants[kRounds - 1 - i] ^ key1 ^ mod ^ kAlpha;
  }
  return v ^ modk0;
}

}  // namespace quince::pauth
