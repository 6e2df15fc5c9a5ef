// Lanes of SIMD&FP registers: what the integer Advanced SIMD meanings are made of.
//
// An operation is a struct with `template <class T> static T op(T..., bool& qc)`; T is the lane's
// type, signed or unsigned as the row says, and qc becomes true on saturation (FPSR.QC).
#pragma once

#include <limits>
#include <type_traits>

#include "cpu/vcpu.h"

namespace quince::a64 {

using cpu::Vcpu;
using cpu::VReg;

inline constexpr u32 kFpsrQc = u32{1} << 27;

/// A type of twice the width, and of half.
template <class T> struct Wide;
template <> struct Wide<u8> { using type = u16; };
template <> struct Wide<u16> { using type = u32; };
template <> struct Wide<u32> { using type = u64; };
template <> struct Wide<u64> { using type = u128; };
template <> struct Wide<s8> { using type = s16; };
template <> struct Wide<s16> { using type = s32; };
template <> struct Wide<s32> { using type = s64; };
template <> struct Wide<s64> { using type = s128; };
template <class T> using wide_t = typename Wide<T>::type;

/// The lane type of `Bits` bits.
template <unsigned Bits, bool Signed> struct Lane;
template <> struct Lane<8, false> { using type = u8; };
template <> struct Lane<16, false> { using type = u16; };
template <> struct Lane<32, false> { using type = u32; };
template <> struct Lane<64, false> { using type = u64; };
template <> struct Lane<8, true> { using type = s8; };
template <> struct Lane<16, true> { using type = s16; };
template <> struct Lane<32, true> { using type = s32; };
template <> struct Lane<64, true> { using type = s64; };
template <unsigned Bits, bool Signed> using lane_t = typename Lane<Bits, Signed>::type;

/// Calls f.template operator()<T>() with the lane type of size 0..3 (8, 16, 32, 64 bits).
template <bool Signed, class F>
void by_size(u32 size, F f) {
  switch (size) {
    case 0: f.template operator()<lane_t<8, Signed>>(); break;
    case 1: f.template operator()<lane_t<16, Signed>>(); break;
    case 2: f.template operator()<lane_t<32, Signed>>(); break;
    default: f.template operator()<lane_t<64, Signed>>(); break;
  }
}
/// The same for sizes 0..2 only, of lanes that have a double width.
template <bool Signed, class F>
void by_narrow_size(u32 size, F f) {
  switch (size) {
    case 0: f.template operator()<lane_t<8, Signed>>(); break;
    case 1: f.template operator()<lane_t<16, Signed>>(); break;
    default: f.template operator()<lane_t<32, Signed>>(); break;
  }
}

/// The lanes of T in 64 bits (q clear) or 128.
template <class T>
constexpr unsigned lanes(bool q) {
  return (q ? 16u : 8u) / static_cast<unsigned>(sizeof(T));
}

/// v, limited to what T can hold.
template <class T, class V>
T saturate(V v, bool& qc) {
  if (v > static_cast<V>(std::numeric_limits<T>::max())) {
    qc = true;
    return std::numeric_limits<T>::max();
  }
  if constexpr (std::is_signed_v<V> || std::is_same_v<V, s128>) {
    if (v < static_cast<V>(std::numeric_limits<T>::min())) {
      qc = true;
      return std::numeric_limits<T>::min();
    }
  }
  return static_cast<T>(v);
}

inline void set_qc(Vcpu& c, bool qc) {
  if (qc) c.s.fpsr |= kFpsrQc;
}

/// rd.T = op(rn.T, b.T), lane by lane.  A scalar row has one lane; the rest of rd is zero.
template <class Op, class T>
void map_same(Vcpu& c, unsigned n, VReg b, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn];
  VReg r;
  bool qc = false;
  for (unsigned i = 0; i < n; ++i)
    r.set_lane<T>(i, Op::template op<T>(a.lane<T>(i), b.lane<T>(i), qc));
  c.s.v[rd] = r;
  set_qc(c, qc);
}

/// The same with rd as the third operand: op(rd, rn, rm).
template <class Op, class T>
void map_accumulate(Vcpu& c, unsigned n, VReg b, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn], d = c.s.v[rd];
  VReg r;
  bool qc = false;
  for (unsigned i = 0; i < n; ++i)
    r.set_lane<T>(i, Op::template op<T>(d.lane<T>(i), a.lane<T>(i), b.lane<T>(i), qc));
  c.s.v[rd] = r;
  set_qc(c, qc);
}

/// rd.T = op(rn.T).
template <class Op, class T>
void map_one(Vcpu& c, unsigned n, u32 rn, u32 rd) {
  const VReg a = c.s.v[rn];
  VReg r;
  bool qc = false;
  for (unsigned i = 0; i < n; ++i) r.set_lane<T>(i, Op::template op<T>(a.lane<T>(i), qc));
  c.s.v[rd] = r;
  set_qc(c, qc);
}

}  // namespace quince::a64
