#include "cpu/pauth/qarma.h"

#include <immintrin.h>

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

// ---- The same with a cell in each byte of a vector: every layer is a byte shuffle --------------

#define QUINCE_SSSE3 [[gnu::target("ssse3"), gnu::always_inline]] inline

constexpr Cells expanded(u64 v) {
  Cells c{};
  for (unsigned i = 0; i < 16; ++i) c[i] = static_cast<u8>(cell(v, i));
  return c;
}
/// The cells f(0) to f(15): a function of a cell as a table.
template <class F>
constexpr Cells table_of(F f) {
  Cells c{};
  for (unsigned i = 0; i < 16; ++i) c[i] = static_cast<u8>(f(i));
  return c;
}
constexpr Cells kRotate1 = table_of([](unsigned c) { return ((c << 1) | (c >> 3)) & 15; });
constexpr Cells kRotate2 = table_of([](unsigned c) { return ((c << 2) | (c >> 2)) & 15; });
constexpr Cells kLfsrChange = table_of([](unsigned c) { return lfsr(c) ^ c; });
constexpr Cells kTweakMask = table_of([](unsigned i) { return (kTweakRotated >> i) & 1 ? 15 : 0; });
constexpr Cells kAlphaCells = expanded(kAlpha);
constexpr std::array<Cells, kRounds> kRoundCells = {
    expanded(kRoundConstants[0]), expanded(kRoundConstants[1]), expanded(kRoundConstants[2]),
    expanded(kRoundConstants[3]), expanded(kRoundConstants[4])};

QUINCE_SSSE3 __m128i constant(const Cells& c) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(c.data()));
}
QUINCE_SSSE3 __m128i expand(u64 v) {
  const __m128i low = _mm_cvtsi64_si128(static_cast<s64>(v & 0x0f0f'0f0f'0f0f'0f0f));
  const __m128i high = _mm_cvtsi64_si128(static_cast<s64>((v >> 4) & 0x0f0f'0f0f'0f0f'0f0f));
  return _mm_unpacklo_epi8(low, high);
}
QUINCE_SSSE3 u64 contract(__m128i v) {
  const __m128i pairs16 = _mm_maddubs_epi16(v, _mm_set1_epi16(0x1001));  // even + 16 * odd
  return static_cast<u64>(_mm_cvtsi128_si64(_mm_packus_epi16(pairs16, pairs16)));
}
QUINCE_SSSE3 __m128i permute(__m128i v, const Cells& from) {
  return _mm_shuffle_epi8(v, constant(from));
}
QUINCE_SSSE3 __m128i look_up(const Cells& table, __m128i v) {
  return _mm_shuffle_epi8(constant(table), v);
}
QUINCE_SSSE3 __m128i multiply(__m128i v) {
  const __m128i one = look_up(kRotate1, v), two = look_up(kRotate2, v);
  return _mm_xor_si128(_mm_shuffle_epi32(two, _MM_SHUFFLE(1, 0, 3, 2)),
                       _mm_xor_si128(_mm_shuffle_epi32(one, _MM_SHUFFLE(0, 3, 2, 1)),
                                     _mm_shuffle_epi32(one, _MM_SHUFFLE(2, 1, 0, 3))));
}
QUINCE_SSSE3 __m128i tweak_shuffle(__m128i v) {
  v = permute(v, kTweakShuffle);
  return _mm_xor_si128(v, _mm_and_si128(look_up(kLfsrChange, v), constant(kTweakMask)));
}

[[gnu::target("ssse3")]] u64 qarma5_ssse3(u64 data, u64 modifier, Key key) {
  const __m128i key0 = expand(key.hi), key1 = expand(key.lo);
  const __m128i modk0 = expand((key.hi << 63) | ((key.hi >> 1) ^ (key.hi >> 63)));
  __m128i mods[kRounds + 1];  // the way back takes the same tweaks
  mods[0] = expand(modifier);
  for (unsigned i = 0; i < kRounds; ++i) mods[i + 1] = tweak_shuffle(mods[i]);

  __m128i v = _mm_xor_si128(expand(data), key0);
  for (unsigned i = 0; i < kRounds; ++i) {
    v = _mm_xor_si128(v, _mm_xor_si128(_mm_xor_si128(key1, mods[i]), constant(kRoundCells[i])));
    if (i > 0) v = multiply(permute(v, kShuffle));
    v = look_up(kSub, v);
  }
  v = _mm_xor_si128(v, _mm_xor_si128(modk0, mods[kRounds]));
  v = look_up(kSub, multiply(permute(v, kShuffle)));
  v = _mm_xor_si128(multiply(permute(v, kShuffle)), key1);
  v = look_up(kInvSub, permute(v, kInvShuffle));
  v = permute(multiply(v), kInvShuffle);
  v = _mm_xor_si128(v, _mm_xor_si128(key0, mods[kRounds]));
  const __m128i key1_alpha = _mm_xor_si128(key1, constant(kAlphaCells));
  for (unsigned i = 0; i < kRounds; ++i) {
    v = look_up(kInvSub, v);
    if (i < kRounds - 1) v = permute(multiply(v), kInvShuffle);
    const unsigned back = kRounds - 1 - i;
    v = _mm_xor_si128(
        v, _mm_xor_si128(_mm_xor_si128(key1_alpha, mods[back]), constant(kRoundCells[back])));
  }
  return contract(_mm_xor_si128(v, modk0));
}

}  // namespace

u64 compute_pac_qarma5(u64 data, u64 modifier, Key key) {
  return __builtin_cpu_supports("ssse3") ? qarma5_ssse3(data, modifier, key)
                                         : compute_pac_qarma5_portable(data, modifier, key);
}

u64 compute_pac_qarma5_portable(u64 data, u64 modifier, Key key) {
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
