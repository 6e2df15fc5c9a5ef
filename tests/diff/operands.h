// Random instruction words of a row, and operand values that lean towards the interesting.
#pragma once

#include "cpu/a64/table.h"
#include "cpu/state.h"

namespace quince::test {

/// SplitMix64: quick, and good enough to choose cases with.
class Random {
 public:
  explicit Random(u64 seed) : state_(seed) {}
  u64 operator()() {
    u64 z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
    return z ^ z >> 31;
  }

 private:
  u64 state_;
};

/// What a lane of a vector register holds.
enum class LaneKind : u8 { Half, BFloat16, Single, Double, Int16, Int32, Int64 };

/// Bits of such a lane.
constexpr unsigned lane_size(LaneKind kind) {
  switch (kind) {
    case LaneKind::Single:
    case LaneKind::Int32:
      return 32;
    case LaneKind::Double:
    case LaneKind::Int64:
      return 64;
    default:
      return 16;
  }
}

class Operands {
 public:
  explicit Operands(u64 seed) : rng_(seed) {}

  u64 next() { return rng_(); }
  /// Below n.
  u32 below(u32 n) { return static_cast<u32>((rng_() >> 32) * n >> 32); }
  bool one_in(u32 n) { return below(n) == 0; }

  /// A word that decodes to rows()[row]; false when a few hundred tries found none.
  bool word(int row, u32& insn);
  /// The same with some bits of the word given.
  bool word_of(int row, u32 mask, u32 value, u32& insn);
  /// A general register's value.
  u64 general();
  /// A vector register's value: lanes of one size, integers or floating point.
  cpu::VReg vector();
  /// A lane's value.
  u64 lane(LaneKind kind);
  /// A vector whose lanes of `size` bits, floating point, are related to those of another: the same
  /// number, its negative, some units in the last place away, another exponent, or its inverse.
  cpu::VReg related(const cpu::VReg& to, unsigned size);
  /// What nearly cancels the products of the lanes of two vectors, of 32 or 64 bits.
  cpu::VReg cancelling(const cpu::VReg& a, const cpu::VReg& b, unsigned size);
  /// FPCR with rounding mode, flush to zero, default NaN and AHP at random.
  u32 fpcr();

 private:
  u64 floating_point(unsigned size);
  u64 integer(unsigned size);
  u64 related_lane(u64 v, unsigned size);

  Random rng_;
};

}  // namespace quince::test
