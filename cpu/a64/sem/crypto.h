// Meanings of cpu/a64/isa/crypto.inc: AES (FIPS 197), SHA-1, SHA-256 and SHA-512 (FIPS 180-4), the
// SHA-3 helpers and 64-bit polynomial multiplication, as the manual's instructions split them.
#pragma once

#include "cpu/a64/sem/simd_lanes.h"

namespace quince::a64 {

// ---- AES

/// Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
constexpr u8 aes_xtime(u8 a) { return static_cast<u8>((a << 1) ^ ((a & 0x80) != 0 ? 0x1b : 0)); }
constexpr u8 aes_multiply(u8 a, u8 b) {
  u8 r = 0;
  for (; b != 0; b >>= 1, a = aes_xtime(a))
    if ((b & 1) != 0) r ^= a;
  return r;
}

struct AesTables {
  std::array<u8, 256> sbox{}, inverse{};
};
/// The S-box from its definition: the inverse in the field, then an affine map.
inline constexpr AesTables kAes = [] {
  AesTables t;
  u8 p = 1, q = 1;  // q is the inverse of p throughout: 3 generates the field, 0xf6 its inverse
  do {
    p = static_cast<u8>(p ^ aes_xtime(p));
    q = aes_multiply(q, 0xf6);
    const auto rotl = [&](int n) { return std::rotl(q, n); };
    const u8 s = static_cast<u8>(q ^ rotl(1) ^ rotl(2) ^ rotl(3) ^ rotl(4) ^ 0x63);
    t.sbox[p] = s;
  } while (p != 1);
  t.sbox[0] = 0x63;
  for (unsigned i = 0; i < 256; ++i) t.inverse[t.sbox[i]] = static_cast<u8>(i);
  return t;
}();
static_assert(kAes.sbox[0x53] == 0xed);  // the example of FIPS 197, 5.1.1

/// AddRoundKey, then ShiftRows and SubBytes (or their inverses), which commute.
template <bool Decrypt>
void aes_round(Vcpu& c, u32 rn, u32 rd) {
  const VReg &a = c.s.v[rd], &k = c.s.v[rn];
  const VReg x{{a.d[0] ^ k.d[0], a.d[1] ^ k.d[1]}};
  VReg r;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned from = (i + (Decrypt ? 12 : 4) * (i % 4)) % 16;  // row i%4 moves by i%4 columns
    r.set_lane<u8>(i, (Decrypt ? kAes.inverse : kAes.sbox)[x.lane<u8>(from)]);
  }
  c.s.v[rd] = r;
}
inline void AESE(Vcpu& c, u32 rn, u32 rd) { aes_round<false>(c, rn, rd); }
inline void AESD(Vcpu& c, u32 rn, u32 rd) { aes_round<true>(c, rn, rd); }

/// MixColumns with the first row of its matrix.
inline void aes_mix(Vcpu& c, const std::array<u8, 4>& row, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn];
  VReg r;
  for (unsigned i = 0; i < 16; ++i) {
    u8 sum = 0;
    for (unsigned k = 0; k < 4; ++k)
      sum ^= aes_multiply(a.lane<u8>(i / 4 * 4 + k), row[(k + 4 - i % 4) % 4]);
    r.set_lane<u8>(i, sum);
  }
  c.s.v[rd] = r;
}
inline void AESMC(Vcpu& c, u32 rn, u32 rd) { aes_mix(c, {2, 3, 1, 1}, rn, rd); }
inline void AESIMC(Vcpu& c, u32 rn, u32 rd) { aes_mix(c, {14, 11, 13, 9}, rn, rd); }

inline void PMULL_d(Vcpu& c, u32 q, u32 rm, u32 rn, u32 rd) {
  const u64 a = c.s.v[rn].d[q], b = c.s.v[rm].d[q];
  u128 r = 0;
  for (unsigned i = 0; i < 64; ++i)
    if (bit(b, i)) r ^= static_cast<u128>(a) << i;
  c.s.v[rd] = {{static_cast<u64>(r), static_cast<u64>(r >> 64)}};
}

// ---- SHA-1

constexpr u32 sha_choose(u32 x, u32 y, u32 z) { return ((y ^ z) & x) ^ z; }
constexpr u32 sha_parity(u32 x, u32 y, u32 z) { return x ^ y ^ z; }
constexpr u32 sha_majority(u32 x, u32 y, u32 z) { return (x & y) | ((x | y) & z); }

/// Four rounds (SHA1hashupdate): rd is A to D, rn is E, rm the schedule with its constants.
template <class F>
void sha1_rounds(Vcpu& c, u32 rm, u32 rn, u32 rd, F f) {
  VReg x = c.s.v[rd];
  u32 y = c.s.v[rn].lane<u32>(0);
  const VReg w = c.s.v[rm];
  for (unsigned i = 0; i < 4; ++i) {
    const u32 a = x.lane<u32>(0), b = x.lane<u32>(1), cc = x.lane<u32>(2), d = x.lane<u32>(3);
    const u32 next = y + std::rotl(a, 5) + f(b, cc, d) + w.lane<u32>(i);
    y = d;
    x.set_lane<u32>(3, cc);
    x.set_lane<u32>(2, std::rotl(b, 30));
    x.set_lane<u32>(1, a);
    x.set_lane<u32>(0, next);
  }
  c.s.v[rd] = x;
}
inline void SHA1C(Vcpu& c, u32 rm, u32 rn, u32 rd) { sha1_rounds(c, rm, rn, rd, sha_choose); }
inline void SHA1P(Vcpu& c, u32 rm, u32 rn, u32 rd) { sha1_rounds(c, rm, rn, rd, sha_parity); }
inline void SHA1M(Vcpu& c, u32 rm, u32 rn, u32 rd) { sha1_rounds(c, rm, rn, rd, sha_majority); }
inline void SHA1H(Vcpu& c, u32 rn, u32 rd) {
  c.s.v[rd] = {{std::rotl(c.s.v[rn].lane<u32>(0), 30), 0}};
}
inline void SHA1SU0(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg d = c.s.v[rd], n = c.s.v[rn], m = c.s.v[rm];
  c.s.v[rd] = {{d.d[1] ^ d.d[0] ^ m.d[0], n.d[0] ^ d.d[1] ^ m.d[1]}};
}
inline void SHA1SU1(Vcpu& c, u32 rn, u32 rd) {
  const VReg d = c.s.v[rd], n = c.s.v[rn];
  VReg t;
  for (unsigned i = 0; i < 4; ++i)
    t.set_lane<u32>(i, d.lane<u32>(i) ^ (i < 3 ? n.lane<u32>(i + 1) : 0));
  VReg r;
  for (unsigned i = 0; i < 4; ++i) r.set_lane<u32>(i, std::rotl(t.lane<u32>(i), 1));
  r.set_lane<u32>(3, r.lane<u32>(3) ^ std::rotl(t.lane<u32>(0), 2));
  c.s.v[rd] = r;
}

// ---- SHA-256

constexpr u32 sha256_sum0(u32 x) { return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22); }
constexpr u32 sha256_sum1(u32 x) { return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25); }
constexpr u32 sha256_sigma0(u32 x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3); }
constexpr u32 sha256_sigma1(u32 x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ (x >> 10); }

/// Four rounds (SHA256hash) on A to D in x and E to H in y.
inline void sha256_rounds(VReg& x, VReg& y, const VReg& w) {
  std::array<u32, 8> v{};
  for (unsigned i = 0; i < 4; ++i) {
    v[i] = x.lane<u32>(i);
    v[4 + i] = y.lane<u32>(i);
  }
  for (unsigned i = 0; i < 4; ++i) {
    const u32 t = v[7] + sha256_sum1(v[4]) + sha_choose(v[4], v[5], v[6]) + w.lane<u32>(i);
    const u32 a = t + sha256_sum0(v[0]) + sha_majority(v[0], v[1], v[2]);
    const u32 e = v[3] + t;
    v = {a, v[0], v[1], v[2], e, v[4], v[5], v[6]};
  }
  for (unsigned i = 0; i < 4; ++i) {
    x.set_lane<u32>(i, v[i]);
    y.set_lane<u32>(i, v[4 + i]);
  }
}
inline void SHA256H(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  VReg x = c.s.v[rd], y = c.s.v[rn];
  sha256_rounds(x, y, c.s.v[rm]);
  c.s.v[rd] = x;
}
inline void SHA256H2(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  VReg x = c.s.v[rn], y = c.s.v[rd];
  sha256_rounds(x, y, c.s.v[rm]);
  c.s.v[rd] = y;
}
inline void SHA256SU0(Vcpu& c, u32 rn, u32 rd) {
  const VReg d = c.s.v[rd], n = c.s.v[rn];
  VReg r;
  for (unsigned i = 0; i < 4; ++i) {
    const u32 next = i < 3 ? d.lane<u32>(i + 1) : n.lane<u32>(0);
    r.set_lane<u32>(i, d.lane<u32>(i) + sha256_sigma0(next));
  }
  c.s.v[rd] = r;
}
inline void SHA256SU1(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg d = c.s.v[rd], n = c.s.v[rn], m = c.s.v[rm];
  VReg r;
  for (unsigned i = 0; i < 4; ++i) {
    const u32 earlier = i < 3 ? n.lane<u32>(i + 1) : m.lane<u32>(0);
    const u32 late = i < 2 ? m.lane<u32>(i + 2) : r.lane<u32>(i - 2);
    r.set_lane<u32>(i, d.lane<u32>(i) + earlier + sha256_sigma1(late));
  }
  c.s.v[rd] = r;
}

// ---- SHA-512

constexpr u64 sha512_sum0(u64 x) { return std::rotr(x, 28) ^ std::rotr(x, 34) ^ std::rotr(x, 39); }
constexpr u64 sha512_sum1(u64 x) { return std::rotr(x, 14) ^ std::rotr(x, 18) ^ std::rotr(x, 41); }
constexpr u64 sha512_sigma0(u64 x) { return std::rotr(x, 1) ^ std::rotr(x, 8) ^ (x >> 7); }
constexpr u64 sha512_sigma1(u64 x) { return std::rotr(x, 19) ^ std::rotr(x, 61) ^ (x >> 6); }

inline void SHA512H(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg w = c.s.v[rd], x = c.s.v[rn], y = c.s.v[rm];
  const auto choose = [](u64 e, u64 f, u64 g) { return (e & f) ^ (~e & g); };
  const u64 hi = w.d[1] + sha512_sum1(y.d[1]) + choose(y.d[1], x.d[0], x.d[1]);
  const u64 t = hi + y.d[0];
  const u64 lo = w.d[0] + sha512_sum1(t) + choose(t, y.d[1], x.d[0]);
  c.s.v[rd] = {{lo, hi}};
}
inline void SHA512H2(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg w = c.s.v[rd], x = c.s.v[rn], y = c.s.v[rm];
  const auto majority = [](u64 a, u64 b, u64 d) { return (a & b) ^ (a & d) ^ (b & d); };
  const u64 hi = w.d[1] + sha512_sum0(y.d[0]) + majority(x.d[0], y.d[1], y.d[0]);
  const u64 lo = w.d[0] + sha512_sum0(hi) + majority(hi, y.d[0], y.d[1]);
  c.s.v[rd] = {{lo, hi}};
}
inline void SHA512SU0(Vcpu& c, u32 rn, u32 rd) {
  const VReg w = c.s.v[rd], x = c.s.v[rn];
  c.s.v[rd] = {{w.d[0] + sha512_sigma0(w.d[1]), w.d[1] + sha512_sigma0(x.d[0])}};
}
inline void SHA512SU1(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg w = c.s.v[rd], x = c.s.v[rn], y = c.s.v[rm];
  c.s.v[rd] = {{w.d[0] + sha512_sigma1(x.d[0]) + y.d[0], w.d[1] + sha512_sigma1(x.d[1]) + y.d[1]}};
}

// ---- SHA-3 helpers

inline void RAX1(Vcpu& c, u32 rm, u32 rn, u32 rd) {
  const VReg n = c.s.v[rn], m = c.s.v[rm];
  c.s.v[rd] = {{n.d[0] ^ std::rotl(m.d[0], 1), n.d[1] ^ std::rotl(m.d[1], 1)}};
}
inline void XAR(Vcpu& c, u32 rm, u32 imm6, u32 rn, u32 rd) {
  const VReg n = c.s.v[rn], m = c.s.v[rm];
  const int by = static_cast<int>(imm6);
  c.s.v[rd] = {{std::rotr(n.d[0] ^ m.d[0], by), std::rotr(n.d[1] ^ m.d[1], by)}};
}
inline void EOR3(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {
  const VReg n = c.s.v[rn], m = c.s.v[rm], a = c.s.v[ra];
  c.s.v[rd] = {{n.d[0] ^ m.d[0] ^ a.d[0], n.d[1] ^ m.d[1] ^ a.d[1]}};
}
inline void BCAX(Vcpu& c, u32 rm, u32 ra, u32 rn, u32 rd) {
  const VReg n = c.s.v[rn], m = c.s.v[rm], a = c.s.v[ra];
  c.s.v[rd] = {{n.d[0] ^ (m.d[0] & ~a.d[0]), n.d[1] ^ (m.d[1] & ~a.d[1])}};
}

}  // namespace quince::a64
