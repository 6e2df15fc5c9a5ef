// Cryptographic instructions (Arm ARM DDI 0487, C7.2 and the functions of J1.3; Intel SDM, volume 2).
//
// AESE and AESMC are the two halves of AESENC with the key added first instead of last, so that a pair of them is one
// AESENC with the key zero.  SHA-NI keeps the words of a state in the other order and pairs them differently.  SM3 and SM4
// and PMULL of bytes stay calls.
#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

using R = HostRow;
constexpr u16 kDn = R::kWd | R::kRn;
constexpr u16 kDdn = kDn | R::kRd;
constexpr u16 kDnm = kDn | R::kRm;
constexpr u16 kDdnm = kDdn | R::kRm;
constexpr u16 kDnma = kDnm | R::kRa;
constexpr u8 kAll = 0xf;

// ---- AES ---------------------------------------------------------------------------------------

/// AESE and AESD, with the AESMC or AESIMC of the result that usually follows.
template <bool Encrypt>
bool aes_round(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  constexpr u32 kMix = Encrypt ? 0x4e286800 : 0x4e287800;
  const bool mixed = v.absorb_next(kMix | f.rd << 5 | f.rd);
  v.x.vpxor(kT1, v.in(f.rd, 1), v.in(f.rn, 0));
  v.zero(kT2);
  const Xmm d = v.target(f.rd);
  if (Encrypt)
    mixed ? v.x.vaesenc(d, kT1, kT2) : v.x.vaesenclast(d, kT1, kT2);
  else
    mixed ? v.x.vaesdec(d, kT1, kT2) : v.x.vaesdeclast(d, kT1, kT2);
  v.finish(true, f.rd, d);
  return true;
}

bool aesmc(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm d = v.target(f.rd);
  // What AESENC does first is undone before.
  v.zero(kT2);
  v.x.vaesdeclast(kT1, v.in(f.rn, 0), kT2);
  v.x.vaesenc(d, kT1, kT2);
  v.finish(true, f.rd, d);
  return true;
}
bool aesimc(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm d = v.target(f.rd);
  v.x.vaesimc(d, v.in(f.rn, 0));
  v.finish(true, f.rd, d);
  return true;
}

bool pmull(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm d = v.target(f.rd);
  v.x.vpclmulqdq(d, v.in(f.rn, 0), v.in(f.rm, 1), f.q ? 0x11 : 0x00);
  v.finish(true, f.rd, d);
  return true;
}

// ---- SHA-1 -------------------------------------------------------------------------------------

constexpr u8 kReversed = 0x1b, kSwapped = 0xb1;  // of PSHUFD

/// Four rounds.  SHA1RNDS4 adds the constant of its function, which Vm has already.
template <u8 Function, u32 Constant>
bool sha1_rounds(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const VectorFields f(insn);
  constexpr u32 kMinus = u32{0} - Constant;
  x.vpshufd(kT1, v.in(f.rm, 1), kReversed);
  x.vpaddd(kT1, kT1, v.literal(u64{kMinus} << 32 | kMinus));
  x.vpslldq(kT2, v.in(f.rn, 2), 12);  // E goes to the first word
  x.vpaddd(kT1, kT1, kT2);
  x.vpshufd(kT0, v.in(f.rd, 0), kReversed);
  x.sha1rnds4(kT0, kT1, Function);
  const Xmm d = v.target(f.rd);
  x.vpshufd(d, kT0, kReversed);
  v.finish(true, f.rd, d);
  return true;
}

/// d = words of a rotated left by n.  Uses xmm3 without AVX-512.
void rotate_left(VectorCode& v, const Xmm& d, const Xmm& a, unsigned n) {
  if (v.host.avx512) return v.x.vprold(d, a, static_cast<u8>(n));
  v.x.vpsrld(kT3, a, static_cast<u8>(32 - n));
  v.x.vpslld(d, a, static_cast<u8>(n));
  v.x.vpor(d, d, kT3);
}
bool sha1h(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  rotate_left(v, kT0, v.in(f.rn, 0), 30);
  v.finish_scalar(2, f.rd, kT0);
  return true;
}
bool sha1su0(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm old = v.in(f.rd, 2), d = v.target(f.rd, 2);
  v.x.vpalignr(kT0, v.in(f.rn, 0), old, 8);
  v.x.vpxor(kT0, kT0, old);
  v.x.vpxor(d, kT0, v.in(f.rm, 1));
  v.finish(true, f.rd, d);
  return true;
}
bool sha1su1(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.x.vpsrldq(kT0, v.in(f.rn, 0), 4);
  v.x.vpxor(kT0, kT0, v.in(f.rd, 2));
  rotate_left(v, kT0, kT0, 1);
  rotate_left(v, kT1, kT0, 1);
  v.x.vpslldq(kT1, kT1, 12);
  const Xmm d = v.target(f.rd);
  v.x.vpxor(d, kT0, kT1);
  v.finish(true, f.rd, d);
  return true;
}

// ---- SHA-256 -----------------------------------------------------------------------------------

/// SHA256H (`First`: A to D) and SHA256H2 (E to H): the same four rounds, of which each keeps one half.
template <bool First>
bool sha256_rounds(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const VectorFields f(insn);
  const Xmm abcd = v.in(First ? f.rd : f.rn, 1), efgh = v.in(First ? f.rn : f.rd, 2);
  x.vpunpckhqdq(kT3, efgh, abcd);
  x.vpunpcklqdq(kT1, efgh, abcd);
  x.vpshufd(kT3, kT3, kSwapped);  // C D G H, from the highest word down
  x.vpshufd(kT1, kT1, kSwapped);  // A B E F
  const Xmm w = v.in(f.rm, 2);
  x.vmovdqa(kT0, w);  // SHA256RNDS2 takes the words from XMM0
  x.sha256rnds2(kT3, kT1);
  x.vpshufd(kT0, w, 0x0e);
  x.sha256rnds2(kT1, kT3);
  const Xmm d = v.target(f.rd);
  First ? x.vpunpckhqdq(kT1, kT1, kT3) : x.vpunpcklqdq(kT1, kT1, kT3);
  x.vpshufd(d, kT1, kSwapped);
  v.finish(true, f.rd, d);
  return true;
}
bool sha256su0(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm n = v.in(f.rn, 1);
  v.x.vmovdqa(kT0, v.in(f.rd, 0));
  v.x.sha256msg1(kT0, n);
  v.finish(true, f.rd, kT0);
  return true;
}
bool sha256su1(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm m = v.in(f.rm, 1);
  v.x.vpalignr(kT2, m, v.in(f.rn, 0), 4);
  v.x.vpaddd(kT2, kT2, v.in(f.rd, 0));
  v.x.sha256msg2(kT2, m);
  v.finish(true, f.rd, kT2);
  return true;
}

// ---- SHA-512 and SHA-3 -------------------------------------------------------------------------

/// d = a rotated right by n, which may be 0.  Uses xmm3 without AVX-512.
void rotate_right(VectorCode& v, const Xmm& d, const Xmm& a, unsigned n) {
  if (v.host.avx512) return v.x.vprorq(d, a, static_cast<u8>(n));
  v.x.vpsllq(kT3, a, static_cast<u8>(64 - n));
  v.x.vpsrlq(d, a, static_cast<u8>(n));
  v.x.vpor(d, d, kT3);
}
/// xmm2 = (a ror A) ^ (a ror B) ^ (a >> C).  Uses xmm1 and xmm3.
template <u8 A, u8 B, u8 C>
void sigma(VectorCode& v, const Xmm& a) {
  rotate_right(v, kT2, a, A);
  rotate_right(v, kT1, a, B);
  v.x.vpsrlq(kT3, a, C);
  if (v.host.avx512) return v.x.vpternlogq(kT2, kT1, kT3, 0x96);  // the sum of three
  v.x.vpxor(kT1, kT1, kT3);
  v.x.vpxor(kT2, kT2, kT1);
}
/// Vd = xmm2 + Vd (+ Vm).
void finish_schedule(VectorCode& v, const VectorFields& f, bool with_m) {
  if (with_m) v.with(f.rm, [&](const Xbyak::Operand& m) { v.x.vpaddq(kT2, kT2, m); });
  const Xmm d = v.target(f.rd);
  v.with(f.rd, [&](const Xbyak::Operand& old) { v.x.vpaddq(d, kT2, old); });
  v.finish(true, f.rd, d);
}
bool sha512su0(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.x.vpalignr(kT0, v.in(f.rn, 0), v.in(f.rd, 1), 8);
  sigma<1, 8, 7>(v, kT0);
  finish_schedule(v, f, false);
  return true;
}
bool sha512su1(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  sigma<19, 61, 6>(v, v.in(f.rn, 0));
  finish_schedule(v, f, true);
  return true;
}

/// d += (a ror A) ^ (a ror B) ^ (a ror C).  Uses xmm2 and xmm3.
template <u8 A, u8 B, u8 C>
void add_rotations(VectorCode& v, const Xmm& d, const Xbyak::Operand& a) {
  if (v.host.avx512) {
    v.x.vprorq(kT2, a, B - A);
    v.x.vprorq(kT3, a, C - A);
    v.x.vpternlogq(kT2, kT3, a, 0x96);
  } else {
    v.x.vmovdqa(kT2, a);
    rotate_right(v, kT2, kT2, C - B);
    v.x.vpxor(kT2, kT2, a);
    rotate_right(v, kT2, kT2, B - A);
    v.x.vpxor(kT2, kT2, a);
  }
  rotate_right(v, kT2, kT2, A);
  v.x.vpaddq(d, d, kT2);
}
/// t = Vr with its two elements exchanged.
void exchange(VectorCode& v, const Xmm& t, u32 r) {
  v.with(r, [&](const Xbyak::Operand& o) { v.x.vpshufd(t, o, 0x4e); });
}
/// t += Vr.
void add(VectorCode& v, const Xmm& t, u32 r) {
  v.with(r, [&](const Xbyak::Operand& o) { v.x.vpaddq(t, t, o); });
}
/// no = mask ? yes : no, bit by bit; one of the others may be in memory.  Uses xmm3 without AVX-512.
void choose(VectorCode& v, const Xmm& no, const Xbyak::Operand& mask, const Xbyak::Operand& yes) {
  if (v.host.avx512) {
    if (yes.isMEM()) return v.x.vpternlogq(no, static_cast<const Xmm&>(mask), yes, 0xb8);
    return v.x.vpternlogq(no, static_cast<const Xmm&>(yes), mask, 0xd8);
  }
  v.x.vpxor(kT3, no, yes);
  v.x.vpand(kT3, kT3, mask);
  v.x.vpxor(no, no, kT3);
}
/// a = the majority of a, b and c, bit by bit.  Uses xmm3 without AVX-512.
void majority(VectorCode& v, const Xmm& a, const Xmm& b, const Xbyak::Operand& c) {
  if (v.host.avx512) return v.x.vpternlogq(a, b, c, 0xe8);
  v.x.vpand(kT3, a, b);
  v.x.vpor(a, a, b);
  v.x.vpand(a, a, c);
  v.x.vpor(a, a, kT3);
}

/// Two rounds' sums, of which the second needs the first.  Both are in the high elements, where Vm's part of the first is.
bool sha512h(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  // The first with the low element of Vm, as the second takes it; that is taken off again at the end.
  exchange(v, kT0, f.rm);
  add(v, kT0, f.rd);
  exchange(v, kT1, f.rn);
  v.copy(kT2, f.rn);
  v.with(f.rm, [&](const Xbyak::Operand& m) {
    choose(v, kT2, m, kT1);
    v.x.vpaddq(kT0, kT0, kT2);
    add_rotations<14, 18, 41>(v, kT0, m);
    choose(v, kT1, kT0, m);
  });
  exchange(v, kT2, f.rd);
  v.x.vpaddq(kT1, kT1, kT2);
  add_rotations<14, 18, 41>(v, kT1, kT0);
  exchange(v, kT2, f.rm);
  v.x.vpsubq(kT0, kT0, kT2);
  const Xmm d = v.target(f.rd);
  v.x.vpunpckhqdq(d, kT1, kT0);
  v.finish(true, f.rd, d);
  return true;
}
/// The same in the low elements.
bool sha512h2(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  exchange(v, kT0, f.rd);
  exchange(v, kT1, f.rm);
  v.copy(kT2, f.rn);
  v.with(f.rm, [&](const Xbyak::Operand& m) {
    majority(v, kT2, kT1, m);
    v.x.vpaddq(kT0, kT0, kT2);
    add_rotations<28, 34, 39>(v, kT0, m);
    majority(v, kT1, kT0, m);
  });
  add(v, kT1, f.rd);
  add_rotations<28, 34, 39>(v, kT1, kT0);
  const Xmm d = v.target(f.rd);
  v.x.vpunpcklqdq(d, kT1, kT0);
  v.finish(true, f.rd, d);
  return true;
}

bool rax1(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  rotate_right(v, kT2, v.in(f.rm, 1), 63);
  const Xmm d = v.target(f.rd);
  v.x.vpxor(d, kT2, v.in(f.rn, 0));
  v.finish(true, f.rd, d);
  return true;
}
bool xar(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  v.x.vpxor(kT2, v.in(f.rn, 0), v.in(f.rm, 1));
  const Xmm d = v.target(f.rd);
  rotate_right(v, d, kT2, insn >> 10 & 63);
  v.finish(true, f.rd, d);
  return true;
}
template <bool Clear>
bool three_xor(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm m = v.in(f.rm, 1), a = v.in(f.ra, 2);
  Clear ? v.x.vpandn(kT2, a, m) : v.x.vpxor(kT2, a, m);
  const Xmm d = v.target(f.rd);
  v.x.vpxor(d, kT2, v.in(f.rn, 0));
  v.finish(true, f.rd, d);
  return true;
}

// ---- CRC32 -------------------------------------------------------------------------------------

/// x^32 + x^26 + ... + 1 with the highest power in bit 0, as the bits of a message are.
constexpr u64 kCrc32 = u64{0xedb88320} << 1 | 1;

/// What kCrc32 times it is 1 in the low 64 bits.
constexpr u64 inverse_of_crc32() {
  u64 product = 0, inverse = 0;
  for (unsigned n = 0; n < 64; ++n) {
    if (((product >> n) & 1) == (n == 0 ? 1u : 0u)) continue;
    inverse |= u64{1} << n;
    product ^= kCrc32 << n;
  }
  return inverse;
}

const R kRows[] = {
    {"AESE", aes_round<true>, kDdn, kAll, R::kAes},
    {"AESD", aes_round<false>, kDdn, kAll, R::kAes},
    {"AESMC", aesmc, kDn, kAll, R::kAes},
    {"AESIMC", aesimc, kDn, kAll, R::kAes},
    {"PMULL_d", pmull, kDnm, kAll, R::kPclmul},
    {"SHA1C", sha1_rounds<0, 0x5a827999>, kDdnm, kAll, R::kSha},
    {"SHA1P", sha1_rounds<1, 0x6ed9eba1>, kDdnm, kAll, R::kSha},
    {"SHA1M", sha1_rounds<2, 0x8f1bbcdc>, kDdnm, kAll, R::kSha},
    {"SHA1H", sha1h, kDn},
    {"SHA1SU0", sha1su0, kDdnm},
    {"SHA1SU1", sha1su1, kDdn},
    {"SHA256H", sha256_rounds<true>, kDdnm, kAll, R::kSha},
    {"SHA256H2", sha256_rounds<false>, kDdnm, kAll, R::kSha},
    {"SHA256SU0", sha256su0, kDdn, kAll, R::kSha},
    {"SHA256SU1", sha256su1, kDdnm, kAll, R::kSha},
    {"SHA512H", sha512h, kDdnm},
    {"SHA512H2", sha512h2, kDdnm},
    {"SHA512SU0", sha512su0, kDdn},
    {"SHA512SU1", sha512su1, kDdnm},
    {"RAX1", rax1, kDnm},
    {"XAR", xar, kDnm},
    {"EOR3", three_xor<false>, kDnma},
    {"BCAX", three_xor<true>, kDnma},
};

}  // namespace

/// sum = the CRC of `bytes` bytes of `data` behind `sum`.  The message plus the multiple of the polynomial that clears
/// its bits leaves the remainder above them: a reduction as Montgomery's, without carries.  EFLAGS stay.
void crc32_ieee(VectorCode& v, const Xbyak::Reg64& sum, const Xbyak::Reg64& data, unsigned bytes) {
  constexpr u64 kInverse = inverse_of_crc32();
  auto& x = v.x;
  const u8 unused = static_cast<u8>(64 - 8 * bytes);
  const auto low_bytes = [&] {
    if (unused == 0) return;
    x.vpsllq(xmm0, xmm0, unused);
    x.vpsrlq(xmm0, xmm0, unused);
  };
  x.vmovq(xmm1, sum);
  x.vmovq(xmm0, data);
  x.vpxor(xmm0, xmm0, xmm1);
  low_bytes();
  x.vpclmulqdq(xmm0, xmm0, v.literal(kInverse, 0), 0);
  low_bytes();
  x.vpclmulqdq(xmm0, xmm0, v.literal(kCrc32, 0), 0);
  x.vpsrldq(xmm0, xmm0, static_cast<u8>(bytes));
  if (bytes < 4) {  // what the message did not reach
    x.vpsrlq(xmm1, xmm1, static_cast<u8>(8 * bytes));
    x.vpxor(xmm0, xmm0, xmm1);
  }
  x.vmovd(sum.cvt32(), xmm0);
}

std::span<const HostRow> host_rows_crypto() { return kRows; }

}  // namespace quince::cpu::jit
