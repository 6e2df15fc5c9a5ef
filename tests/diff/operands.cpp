#include "tests/diff/operands.h"

#include <bit>
#include <string_view>

namespace quince::test {

namespace {

/// A field that holds a register number, by its name in the pattern.
bool names_register(std::string_view name) {
  return name.size() >= 2 && name.size() <= 3 && name[0] == 'r';
}

}  // namespace

bool Operands::word(int row, u32& insn) { return word_of(row, 0, 0, insn); }

bool Operands::word_of(int row, u32 mask, u32 value, u32& insn) {
  const a64::RowInfo& info = a64::rows()[static_cast<std::size_t>(row)];
  for (int attempt = 0; attempt < 500; ++attempt) {
    insn = static_cast<u32>(rng_());
    const u32 shared = below(32);
    const char* p = info.pattern;
    unsigned at = 32;
    for (a64::Token t; a64::next_token(p, t);) {
      at -= t.width;
      if (t.literal) continue;
      const u32 field = static_cast<u32>(low_mask(t.width)) << at;
      const std::string_view name(t.begin, t.length);
      if (names_register(name)) {
        if (one_in(10))
          insn |= field;  // SP, ZR or V31
        else if (one_in(6))
          insn = (insn & ~field) | (shared << at & field);  // the same again
      } else if (t.width > 2 && one_in(4)) {
        insn = one_in(2) ? insn & ~field : insn | field;  // the ends of a range
      }
    }
    insn = (insn & ~mask) | value;
    insn = (insn & ~info.enc.mask) | info.enc.value;
    if ((insn & mask) != value) return false;
    if (a64::decode_row(insn) == row) return true;
  }
  return false;
}

u64 Operands::integer(unsigned size) {
  const u64 mask = low_mask(size);
  const u64 top = u64{1} << (size - 1);
  switch (below(12)) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return mask;
    case 3:
      return top;
    case 4:
      return top - 1;
    case 5:
      return below(256);
    case 6:
      return (u64{0} - below(256)) & mask;
    case 7:
      return u64{1} << below(size);
    case 8:
      return rng_() & rng_() & rng_() & mask;
    default:
      return rng_() & mask;
  }
}

u64 Operands::floating_point(unsigned size) {
  const unsigned fraction = size == 16 ? 10 : size == 32 ? 23 : 52;
  const u64 exponent_max = low_mask(size - 1 - fraction);
  const u64 bias = exponent_max / 2;
  const u64 sign = u64{below(2)} << (size - 1);
  const auto make = [&](u64 exponent, u64 f) {
    return sign | (exponent & exponent_max) << fraction | (f & low_mask(fraction));
  };
  const u64 quiet = u64{1} << (fraction - 1);
  switch (below(20)) {
    case 0:
      return make(0, 0);
    case 1:
      return make(0, 1);  // denormals
    case 2:
      return make(0, low_mask(fraction));
    case 3:
      return make(0, rng_());
    case 4:
      return make(1, one_in(2) ? 0 : rng_());  // the smallest normal numbers
    case 5:
      return make(exponent_max - 1, one_in(2) ? ~u64{0} : rng_());
    case 6:
      return make(exponent_max, 0);  // infinity
    case 7:
      return make(exponent_max, quiet | rng_());
    case 8:
      return make(exponent_max, (rng_() & (quiet - 1)) | 1);
    case 9:
      return make(exponent_max, quiet);
    case 10:
      return make(bias, 0);  // 1
    case 11:
      return make(bias + below(3) - 1, u64{below(4)} << (fraction - 2));  // halves
    case 12:
      return make(bias + below(4), rng_() & rng_());
    case 13:
      return make(bias + 15 + below(3), one_in(2) ? ~u64{0} : u64{0});  // integer limits
    case 14:
      return make(bias + 30 + below(3), one_in(2) ? ~u64{0} : u64{0});
    case 15:
      return make(bias + 62 + below(3), one_in(2) ? ~u64{0} : u64{0});
    case 16:
      return make(bias + below(64), rng_());
    case 17:
      return make(bias - below(64), rng_());
    default:
      return make(rng_(), rng_());
  }
}

u64 Operands::lane(LaneKind kind) {
  switch (kind) {
    case LaneKind::BFloat16:  // singles without the lower half of their fraction
      return one_in(2) ? floating_point(32) >> 16 : floating_point(32) >> 16 ^ below(4);
    case LaneKind::Int16:
    case LaneKind::Int32:
    case LaneKind::Int64: {
      const unsigned size = lane_size(kind);
      if (!one_in(3)) return integer(size);
      // Two bits and a little: where a conversion to floating point has to round.
      const u64 two = u64{1} << below(size) | u64{1} << below(size);
      return (two + below(3) - 1) & low_mask(size);
    }
    default:
      return floating_point(lane_size(kind));
  }
}

u64 Operands::general() {
  return one_in(4) ? u64{static_cast<u32>(rng_())} << 32 | integer(32) : integer(64);
}

cpu::VReg Operands::vector() {
  cpu::VReg v;
  const unsigned log2 = 3 + below(4);  // 8 to 64 bits
  const unsigned size = 1u << log2;
  const bool fp = size >= 16 && !one_in(3);
  for (unsigned i = 0; i < 128 / size; ++i) {
    const u64 lane = fp ? floating_point(size) : integer(size);
    v.d[i * size / 64] |= lane << (i * size % 64);
  }
  return v;
}

namespace {

u64 lane_of(const cpu::VReg& v, unsigned i, unsigned size) {
  return v.d[i * size / 64] >> (i * size % 64) & low_mask(size);
}

/// The host's arithmetic only leads near to where it is interesting; nothing is judged by it.
u64 host(unsigned size, u64 a, u64 b, double (*fn)(double, double)) {
  if (size == 64) return std::bit_cast<u64>(fn(std::bit_cast<double>(a), std::bit_cast<double>(b)));
  const auto single = [](u64 v) { return std::bit_cast<float>(static_cast<u32>(v)); };
  return std::bit_cast<u32>(static_cast<float>(fn(single(a), single(b))));
}

}  // namespace

u64 Operands::related_lane(u64 v, unsigned size) {
  const unsigned fraction = size == 16 ? 10 : size == 32 ? 23 : 52;
  const u64 sign = u64{1} << (size - 1), unit = u64{1} << fraction;
  const u64 mask = low_mask(size);
  switch (below(6)) {
    case 0:
      return v;
    case 1:
      return v ^ sign;
    case 2:
      return ((v ^ (one_in(2) ? sign : 0)) + below(5) - 2) & mask;
    case 3:  // so far away that only rounding sees it
      return ((v ^ (one_in(2) ? sign : 0)) + (fraction - 1 + below(5)) * unit) & mask;
    case 4:
      return (v + (u64{below(9)} - 4) * unit) & mask;
    default:
      if (size == 16) return (u64{30} << fraction) - (v & (mask >> 1));
      return host(size, v, v, [](double x, double) { return 1 / x; });
  }
}

cpu::VReg Operands::related(const cpu::VReg& to, unsigned size) {
  cpu::VReg v;
  for (unsigned i = 0; i < 128 / size; ++i)
    v.d[i * size / 64] |= related_lane(lane_of(to, i, size), size) << (i * size % 64);
  return v;
}

cpu::VReg Operands::cancelling(const cpu::VReg& a, const cpu::VReg& b, unsigned size) {
  cpu::VReg v;
  for (unsigned i = 0; i < 128 / size; ++i) {
    u64 lane = host(size, lane_of(a, i, size), lane_of(b, i, size),
                    [](double x, double y) { return -x * y; });
    if (!one_in(3)) lane = (lane + below(5) - 2) & low_mask(size);
    v.d[i * size / 64] |= lane << (i * size % 64);
  }
  return v;
}

u32 Operands::fpcr() {
  if (one_in(3)) return 0;
  u32 v = below(4) << 22;
  if (one_in(3)) v |= 1u << 24;  // FZ
  if (one_in(3)) v |= 1u << 25;  // DN
  if (one_in(3)) v |= 1u << 19;  // FZ16
  if (one_in(6)) v |= 1u << 26;  // AHP
  return v;
}

}  // namespace quince::test
