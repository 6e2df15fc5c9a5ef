// Operations on one lane, for the integer Advanced SIMD rows (Arm ARM DDI 0487, C7.2).
#pragma once

#include <bit>

#include "base/bits.h"
#include "cpu/a64/sem/simd_lanes.h"

namespace quince::a64 {

/// Arithmetic in which lanes wrap around.
template <class T>
using unsigned_t = std::make_unsigned_t<T>;

struct OpAdd {
  template <class T> static T op(T a, T b, bool&) {
    return static_cast<T>(static_cast<unsigned_t<T>>(static_cast<u64>(a) + static_cast<u64>(b)));
  }
};
struct OpSub {
  template <class T> static T op(T a, T b, bool&) {
    return static_cast<T>(static_cast<unsigned_t<T>>(static_cast<u64>(a) - static_cast<u64>(b)));
  }
};
struct OpMul {
  template <class T> static T op(T a, T b, bool&) {
    return static_cast<T>(static_cast<unsigned_t<T>>(static_cast<u64>(a) * static_cast<u64>(b)));
  }
};
struct OpMla {
  template <class T> static T op(T d, T a, T b, bool& qc) {
    return OpAdd::op<T>(d, OpMul::op<T>(a, b, qc), qc);
  }
};
struct OpMls {
  template <class T> static T op(T d, T a, T b, bool& qc) {
    return OpSub::op<T>(d, OpMul::op<T>(a, b, qc), qc);
  }
};
struct OpHalvingAdd {
  template <class T> static T op(T a, T b, bool&) { return static_cast<T>((static_cast<s128>(a) + b) >> 1); }
};
struct OpRoundingHalvingAdd {
  template <class T> static T op(T a, T b, bool&) {
    return static_cast<T>((static_cast<s128>(a) + b + 1) >> 1);
  }
};
struct OpHalvingSub {
  template <class T> static T op(T a, T b, bool&) { return static_cast<T>((static_cast<s128>(a) - b) >> 1); }
};
struct OpSaturatingAdd {
  template <class T> static T op(T a, T b, bool& qc) {
    return saturate<T>(static_cast<s128>(a) + b, qc);
  }
};
struct OpSaturatingSub {
  template <class T> static T op(T a, T b, bool& qc) {
    return saturate<T>(static_cast<s128>(a) - b, qc);
  }
};
struct OpMax {
  template <class T> static T op(T a, T b, bool&) { return a > b ? a : b; }
};
struct OpMin {
  template <class T> static T op(T a, T b, bool&) { return a < b ? a : b; }
};
struct OpAbsDiff {
  template <class T> static T op(T a, T b, bool& qc) {
    return a > b ? OpSub::op<T>(a, b, qc) : OpSub::op<T>(b, a, qc);
  }
};
struct OpAbsDiffAccumulate {
  template <class T> static T op(T d, T a, T b, bool& qc) {
    return OpAdd::op<T>(d, OpAbsDiff::op<T>(a, b, qc), qc);
  }
};

// Comparisons: all ones or zero.
template <class T>
constexpr T mask_of(bool b) {
  return b ? static_cast<T>(~T{0}) : T{0};
}
struct OpGt {
  template <class T> static T op(T a, T b, bool&) { return mask_of<T>(a > b); }
};
struct OpGe {
  template <class T> static T op(T a, T b, bool&) { return mask_of<T>(a >= b); }
};
struct OpEq {
  template <class T> static T op(T a, T b, bool&) { return mask_of<T>(a == b); }
};
struct OpTst {
  template <class T> static T op(T a, T b, bool&) { return mask_of<T>((a & b) != 0); }
};
struct OpGtZero {
  template <class T> static T op(T a, bool&) { return mask_of<T>(a > 0); }
};
struct OpGeZero {
  template <class T> static T op(T a, bool&) { return mask_of<T>(a >= 0); }
};
struct OpEqZero {
  template <class T> static T op(T a, bool&) { return mask_of<T>(a == 0); }
};
struct OpLeZero {
  template <class T> static T op(T a, bool&) { return mask_of<T>(a <= 0); }
};
struct OpLtZero {
  template <class T> static T op(T a, bool&) { return mask_of<T>(a < 0); }
};

/// SSHL, USHL and their rounding and saturating forms: left by the signed low byte of b, right
/// when that is negative.
template <bool Rounding, bool Saturating>
struct OpShift {
  template <class T> static T op(T a, T b, bool& qc) {
    constexpr int kBits = 8 * sizeof(T);
    const int shift = static_cast<s8>(b);
    if (shift >= 0) return left<T>(a, shift, qc);
    const int n = -shift;
    s128 v = static_cast<s128>(a);
    if (n > kBits) {
      if (Rounding || !std::is_signed_v<T>) return 0;
      return a < 0 ? static_cast<T>(-1) : T{0};
    }
    if constexpr (Rounding) v += static_cast<s128>(1) << (n - 1);
    return static_cast<T>(v >> n);
  }

 private:
  template <class T> static T left(T a, int shift, bool& qc) {
    constexpr int kBits = 8 * sizeof(T);
    if constexpr (!Saturating) {
      return shift >= kBits ? T{0} : static_cast<T>(static_cast<unsigned_t<T>>(a) << shift);
    } else {
      if (a == 0) return 0;
      if (shift >= kBits) {
        qc = true;
        return a > 0 ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
      }
      return saturate<T>(static_cast<s128>(a) * (static_cast<s128>(1) << shift), qc);
    }
  }
};

struct OpPmul {
  template <class T> static T op(T a, T b, bool&) {
    return static_cast<T>(carryless(static_cast<u32>(a), static_cast<u32>(b)));
  }
  /// Polynomial multiplication over {0,1}.
  static u32 carryless(u32 a, u32 b) {
    u32 r = 0;
    for (unsigned i = 0; i < 8; ++i)
      if (bit(b, i)) r ^= a << i;
    return r;
  }
};

/// SQDMULH and SQRDMULH: the high half of twice the product.
template <bool Rounding>
struct OpDoublingMulHigh {
  template <class T> static T op(T a, T b, bool& qc) {
    constexpr unsigned kBits = 8 * sizeof(T);
    s128 p = static_cast<s128>(a) * b * 2;
    if constexpr (Rounding) p += static_cast<s128>(1) << (kBits - 1);
    return saturate<T>(p >> kBits, qc);
  }
};
/// SQRDMLAH and SQRDMLSH.
template <bool Subtract>
struct OpRoundingDoublingMulAccumulate {
  template <class T> static T op(T d, T a, T b, bool& qc) {
    constexpr unsigned kBits = 8 * sizeof(T);
    const s128 p = static_cast<s128>(a) * b * 2;
    const s128 base = (static_cast<s128>(d) * (static_cast<s128>(1) << kBits)) +
                      (static_cast<s128>(1) << (kBits - 1));
    return saturate<T>((Subtract ? base - p : base + p) >> kBits, qc);
  }
};

// One operand.
struct OpAbs {
  template <class T> static T op(T a, bool& qc) { return a < 0 ? OpSub::op<T>(0, a, qc) : a; }
};
struct OpNeg {
  template <class T> static T op(T a, bool& qc) { return OpSub::op<T>(0, a, qc); }
};
struct OpSaturatingAbs {
  template <class T> static T op(T a, bool& qc) {
    return saturate<T>(a < 0 ? -static_cast<s128>(a) : static_cast<s128>(a), qc);
  }
};
struct OpSaturatingNeg {
  template <class T> static T op(T a, bool& qc) { return saturate<T>(-static_cast<s128>(a), qc); }
};
struct OpClz {
  template <class T> static T op(T a, bool&) { return static_cast<T>(std::countl_zero(a)); }
};
struct OpCls {
  template <class T> static T op(T a, bool&) {
    const T x = static_cast<T>(a ^ static_cast<T>(static_cast<std::make_signed_t<T>>(a) >> 1));
    return static_cast<T>(std::countl_zero(static_cast<T>(x & static_cast<T>(~T{0} >> 1))) - 1);
  }
};
struct OpCnt {
  template <class T> static T op(T a, bool&) { return static_cast<T>(std::popcount(a)); }
};
struct OpNot {
  template <class T> static T op(T a, bool&) { return static_cast<T>(~a); }
};
struct OpRbit {
  template <class T> static T op(T a, bool&) {
    T r = 0;
    for (unsigned i = 0; i < 8; ++i)
      if (bit(a, i)) r = static_cast<T>(r | (0x80u >> i));
    return r;
  }
};

}  // namespace quince::a64
