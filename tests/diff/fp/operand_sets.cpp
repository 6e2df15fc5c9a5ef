#include "tests/diff/fp/operand_sets.h"

#include <array>
#include <string_view>
#include <vector>

#include "tests/diff/case.h"

namespace quince::test {

namespace {

LaneKind float_kind(char arrangement) {
  return arrangement == 'h'   ? LaneKind::Half
         : arrangement == 's' ? LaneKind::Single
                              : LaneKind::Double;
}

LaneKind int_kind(char arrangement) {
  return arrangement == 'h'   ? LaneKind::Int16
         : arrangement == 's' ? LaneKind::Int32
                              : LaneKind::Int64;
}

/// What a conversion that changes the size reads, by what it writes.
LaneKind source_kind(std::string_view base, char arrangement) {
  if (base == "FCVTL") return arrangement == 's' ? LaneKind::Half : LaneKind::Single;
  return arrangement == 'h' ? LaneKind::Single : LaneKind::Double;  // FCVTN, FCVTXN
}

/// Numbers at the edges of a format, positive.
std::vector<u64> edges(unsigned exponent_bits, unsigned fraction) {
  const u64 ones = low_mask(exponent_bits), bias = ones / 2, all = low_mask(fraction);
  const auto make = [&](u64 e, u64 f) { return (e & ones) << fraction | (f & all); };
  const u64 quiet = u64{1} << (fraction - 1);
  std::vector<u64> v{
      0,
      1,               // the smallest denormal
      make(0, all),    // the largest
      make(0, quiet),  // half the smallest normal number
      make(1, 0),      // the smallest normal number
      make(1, 1),
      make(fraction + 1, 0),
      make(bias / 2, all),
      make(bias - 2, 1),
      make(bias - 1, 0),    // 1/2
      make(bias - 1, all),  // the number below 1
      make(bias, 0),        // 1
      make(bias, 1),
      make(bias, quiet),  // 3/2
      make(bias, all),
      make(bias + 1, quiet),         // 3
      make(bias + fraction - 1, 1),  // where halves end
      make(bias + fraction, all),
      make(bias + fraction + 1, 1),
      make(ones - 1, 0),    // the largest power
      make(ones - 1, all),  // the largest number
      make(ones, 0),        // infinity
      make(ones, quiet),    // the default NaN
      make(ones, quiet | 5),
      make(ones, 1),  // signalling
      make(ones, quiet - 1),
  };
  // The limits of integers.
  for (const u64 limit : {u64{15}, u64{16}, u64{31}, u64{32}, u64{63}, u64{64}})
    if (limit < bias) {
      v.push_back(make(bias + limit, 0));
      v.push_back(make(bias + limit - 1, all));
    }
  return v;
}

std::vector<u64> with_signs(std::vector<u64> v, unsigned size) {
  const std::size_t n = v.size();
  for (std::size_t i = 0; i < n; ++i) v.push_back(v[i] | u64{1} << (size - 1));
  return v;
}

/// Powers of two, their neighbours, and those that are halfway between two numbers of a format.
std::vector<u64> integers(unsigned size) {
  std::vector<u64> v{0, 1, 2, 3, low_mask(size), low_mask(size) - 1};
  for (unsigned power = 2; power < size; ++power) {
    const u64 p = u64{1} << power;
    v.insert(v.end(), {p - 1, p, p + 1, (u64{0} - p) & low_mask(size)});
    for (const unsigned fraction : {10u, 23u, 52u})
      if (power > fraction) {
        const u64 half = p >> (fraction + 1);
        v.insert(v.end(), {p + half, p + half - 1, p + half + 1, p + 3 * half});
      }
  }
  return v;
}

std::vector<u64> directed_values(LaneKind kind) {
  switch (kind) {
    case LaneKind::Half:
      return with_signs(edges(5, 10), 16);
    case LaneKind::BFloat16:
      return with_signs(edges(8, 7), 16);
    case LaneKind::Single:
      return with_signs(edges(8, 23), 32);
    case LaneKind::Double:
      return with_signs(edges(11, 52), 64);
    default:
      return integers(lane_size(kind));
  }
}

const std::vector<u64>& values_of(LaneKind kind) {
  static const auto all = [] {
    std::array<std::vector<u64>, 7> v;
    for (std::size_t k = 0; k < v.size(); ++k) v[k] = directed_values(static_cast<LaneKind>(k));
    return v;
  }();
  return all[static_cast<std::size_t>(kind)];
}

void set_lane(u64 (&v)[2], unsigned i, unsigned size, u64 value) {
  v[i * size / 64] |= value << (i * size % 64);
}

u64 one(LaneKind kind) {
  switch (kind) {
    case LaneKind::Half:
      return 0x3c00;
    case LaneKind::BFloat16:
      return 0x3f80;
    case LaneKind::Single:
      return 0x3f80'0000;
    case LaneKind::Double:
      return 0x3ff0'0000'0000'0000;
    default:
      return 1;
  }
}

}  // namespace

OperandShape operand_shape(const a64::RowInfo& row) {
  const std::string_view id = row.id, pattern = row.pattern;
  const std::string_view base = id.substr(0, id.find('_'));
  const char last = id.back();
  const LaneKind kind = float_kind(last);
  OperandShape s{.n = kind, .m = kind, .d = kind};
  if (base == "SCVTF" || base == "UCVTF")
    s.n = int_kind(last);
  else if (base == "URECPE" || base == "URSQRTE")
    s.n = LaneKind::Int32;
  else if (base == "BFCVT" || base == "BFCVTN")
    s.n = LaneKind::Single;
  else if (base.starts_with("BF"))
    s.n = s.m = LaneKind::BFloat16, s.d = LaneKind::Single;
  else if (base.starts_with("FMLAL") || base.starts_with("FMLSL"))
    s.n = s.m = LaneKind::Half, s.d = LaneKind::Single;
  else if (base == "FCVTN" || base == "FCVTL" || base == "FCVTXN")
    s.n = source_kind(base, last);
  else if (base == "FJCVTZS")
    s.n = LaneKind::Double;
  const bool accumulates = pattern.find("ra:") != pattern.npos || base.starts_with("FMLA") ||
                           base.starts_with("FMLS") || base == "FCMLA" || base == "BFDOT" ||
                           base == "BFMMLA" || base == "BFMLAL";
  s.pairs = base.ends_with("P") && base != "FCMP" && base != "FCCMP";
  s.pairs |= base.ends_with("V");
  s.count = accumulates ? 3 : s.pairs || pattern.find("rm:") != pattern.npos ? 2 : 1;
  s.scalar = id[id.size() - 2] == '_' || base == "FJCVTZS" || base == "BFCVT";
  const bool general = id.find("_int_") != id.npos || id.find("_fix") != id.npos;
  s.from_general = general && s.n >= LaneKind::Int16;
  s.to_general = base == "FJCVTZS" || (general && !s.from_general);
  if (s.from_general) s.n = LaneKind::Int64;
  return s;
}

OperandSets::OperandSets(const OperandShape& shape, u64 seed)
    : shape_(shape), random_(seed), combinations_(values_of(shape.n).size()) {
  if (shape.count >= 2) combinations_ *= values_of(shape.m).size();
  if (shape.count >= 3) combinations_ *= values_of(shape.d).size();
}

/// How many lanes the instruction may look at.
unsigned OperandSets::lanes(LaneKind kind) const {
  return shape_.scalar ? (shape_.pairs ? 2 : 1) : 128 / lane_size(kind);
}

/// What a scalar does not look at is anything.
void OperandSets::fill_rest(u64 (&v)[2], LaneKind kind, unsigned lanes) {
  const unsigned used = lanes * lane_size(kind);
  if (used < 64) v[0] |= random_.next() << used;
  if (used <= 64) v[1] = random_.next();
}

void OperandSets::fill(u64 (&v)[2], LaneKind kind, unsigned lanes) {
  for (unsigned i = 0; i < lanes; ++i) set_lane(v, i, lane_size(kind), random_.lane(kind));
  fill_rest(v, kind, lanes);
}

void OperandSets::draw_directed(OperandSet& s) {
  const auto digit = [](u64& rest, LaneKind kind) {
    const std::vector<u64>& v = values_of(kind);
    const u64 value = v[rest % v.size()];
    rest /= v.size();
    return value;
  };
  const unsigned size = lane_size(shape_.n), wide = lane_size(shape_.d);
  const unsigned step = shape_.pairs ? 2 : 1, all = 128 / lane_size(shape_.m);
  for (unsigned i = 0; i < lanes(shape_.n); i += step) {
    u64 rest = at_++ % combinations_;
    const u64 n = digit(rest, shape_.n), m = digit(rest, shape_.m), d = digit(rest, shape_.d);
    set_lane(s.n, i, size, n);
    if (shape_.pairs)
      set_lane(s.n, i + 1, size, m);
    else if (shape_.count >= 2)  // an element may be any of them
      for (unsigned e = i; e < (shape_.scalar ? all : i + 1); ++e)
        set_lane(s.m, e, lane_size(shape_.m), m);
    if (i < 128 / wide) set_lane(s.d, i, wide, d);
    if (i == 0) s.x = n;
  }
  fill_rest(s.n, shape_.n, lanes(shape_.n));
  fill_rest(s.d, shape_.d, lanes(shape_.d));
  s.a[0] = s.d[0], s.a[1] = s.d[1];
  if (shape_.pairs) s.m[0] = s.n[1], s.m[1] = s.n[0];
}

void OperandSets::draw_random(OperandSet& s, bool related) {
  const auto put = [](u64(&v)[2], const cpu::VReg& from) { v[0] = from.d[0], v[1] = from.d[1]; };
  const auto get = [](const u64(&v)[2]) { return cpu::VReg{{v[0], v[1]}}; };
  fill(s.n, shape_.n, lanes(shape_.n));
  fill(s.d, shape_.d, lanes(shape_.d));
  if (shape_.from_general)
    s.x = random_.one_in(2) ? random_.general() : random_.lane(LaneKind::Int64);
  if (shape_.count == 1) return;
  const unsigned size = lane_size(shape_.n);
  if (related && shape_.n == shape_.m && shape_.n != LaneKind::BFloat16)
    put(s.m, random_.related(get(s.n), size));
  else
    fill(s.m, shape_.m, 128 / lane_size(shape_.m));
  if (shape_.count < 3) return;
  if (related && shape_.n == shape_.d && size >= 32 && random_.one_in(2))
    put(s.d, random_.cancelling(get(s.n), get(s.m), size));
  s.a[0] = s.d[0], s.a[1] = s.d[1];
}

/// Leaves one lane as it is.
void OperandSets::isolate(OperandSet& s) {
  const unsigned which = random_.next() & 7;
  const auto plain = [&](u64(&v)[2], LaneKind kind) {
    const unsigned size = lane_size(kind), lanes = 128 / size;
    const unsigned keep = which % lanes;
    const u64 value = v[keep * size / 64] >> (keep * size % 64) & low_mask(size);
    v[0] = v[1] = 0;
    for (unsigned i = 0; i < lanes; ++i) set_lane(v, i, size, i == keep ? value : one(kind));
  };
  plain(s.n, shape_.n);
  plain(s.m, shape_.m);
  plain(s.d, shape_.d);
}

void OperandSets::next(OperandSet& s, bool& isolated) {
  isolated = false;
  s = {};
  s.nzcv = u64{random_.below(16)} << 28;
  // With IXC set already the host does more of the work.
  const u32 choice = random_.below(4);
  s.fpsr = choice == 0 ? 0x10 : choice == 1 ? random_.next() & kFpsrCompared : 0;
  if (directed()) {
    draw_directed(s);
    return;
  }
  const u32 how = random_.below(8);
  draw_random(s, how < 3);
  isolated = how == 3 && !shape_.scalar;
  if (isolated) isolate(s);
}

}  // namespace quince::test
