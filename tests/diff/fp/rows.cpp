#include "tests/diff/fp/rows.h"

#include <array>

#include "base/assert.h"
#include "cpu/a64/disasm/disasm.h"
#include "tests/diff/fp/lane_operations.h"
#include "tests/diff/fp/reference.h"

namespace quince::test {

namespace {

using ref::Format;
using ref::Fpu;
using ref::kBf16;
using ref::kDouble;
using ref::kHalf;
using ref::kSingle;
using ref::Mode;

// ---- Names -------------------------------------------------------------------------------------

/// A row's name, taken apart: FMLA_elem_8h is FMLA, elem, 8h.
struct Name {
  std::string_view base, middle, last;
};

Name name_of(const a64::RowInfo& row) {
  const std::string_view id = row.id;
  const std::size_t a = id.find('_'), b = id.rfind('_');
  if (a == id.npos) return {id, "", ""};
  return {id.substr(0, a), a == b ? std::string_view() : id.substr(a + 1, b - a - 1),
          id.substr(b + 1)};
}

Format format_of(std::string_view arrangement) {
  switch (arrangement.back()) {
    case 'h':
      return kHalf;
    case 's':
      return kSingle;
    default:
      return kDouble;
  }
}

bool scalar(std::string_view arrangement) { return arrangement.size() == 1; }

// ---- Registers ---------------------------------------------------------------------------------

/// The fields of an instruction that rows of arithmetic have; 0 where a row has no such field.
struct Fields {
  explicit Fields(const a64::Decoded& d)
      : rd(d["rd"]),
        rn(d["rn"]),
        rm(d["rm"]),
        ra(d["ra"]),
        q(d["q"]),
        h(d["h"]),
        l(d["l"]),
        m(d["m"]),
        rot(d["rot"]),
        sf(d["sf"]),
        scale(d["scale"]),
        imm(d["imm"]),
        cond(d["cond"]),
        nzcv(d["nzcv"]),
        signal(d["signal"]),
        has_q(d.has("q")),
        has_l(d.has("l")) {}
  u32 rd, rn, rm, ra, q, h, l, m, rot, sf, scale, imm, cond, nzcv, signal;
  bool has_q, has_l;
};

/// One instruction: its fields, its input, its output.
struct Insn {
  const Fields& d;
  const OracleState& in;
  OracleState& out;
  Fpu fpu;
  Name name;
  Unary unary;
  Binary binary;
  unsigned results = 0;

  static u64 lane(const OracleState& s, u32 v, const Format& f, unsigned i) {
    const unsigned bit = i * f.bits;
    const u64 word = s.v[2 * v + bit / 64] >> bit % 64;
    return f.bits == 64 ? word : word & ((u64{1} << f.bits) - 1);
  }
  u64 n(const Format& f, unsigned i) const { return lane(in, d.rn, f, i); }
  u64 m(const Format& f, unsigned i) const { return lane(in, d.rm, f, i); }
  u64 old(const Format& f, unsigned i) const { return lane(in, d.rd, f, i); }

  /// Rd is zero but for what set() writes.
  void clear() { out.v[2 * d.rd] = out.v[2 * d.rd + 1] = 0; }
  void set(const Format& f, unsigned i, u64 value) {
    ++results;
    const unsigned bit = i * f.bits;
    u64& word = out.v[2 * d.rd + bit / 64];
    const u64 mask = f.bits == 64 ? ~u64{0} : ((u64{1} << f.bits) - 1) << bit % 64;
    word = (word & ~mask) | (value << bit % 64 & mask);
  }
  void set_flags(u32 nzcv) {
    ++results;
    out.pstate = (out.pstate & ~kNzcv) | nzcv << 28;
  }
  void set_general(u64 value) {
    ++results;
    if (d.rd != 31) out.x[d.rd] = value;
  }
  u64 general() const { return d.rn == 31 ? 0 : in.x[d.rn]; }

  /// How many lanes an arrangement has; q is a field of it, or the arrangement is a whole register.
  unsigned lanes(const Format& f) const {
    if (scalar(name.last)) return 1;
    return (d.has_q && d.q == 0 ? 64 : 128) / f.bits;
  }
};

/// The index of an element, by its size.
unsigned element(const Insn& i, const Format& f) {
  const u32 h = i.d.h, l = i.d.l, m = i.d.m;
  if (f == kHalf) return h << 2 | l << 1 | m;
  return f == kSingle ? h << 1 | l : h;
}

// ---- Shapes ------------------------------------------------------------------------------------

void unary(Insn& i) {
  const Format f = i.name.last.empty() ? kSingle : format_of(i.name.last);
  const unsigned lanes = i.name.last.empty() ? (i.d.q != 0 ? 4 : 2) : i.lanes(f);
  i.clear();
  for (unsigned e = 0; e < lanes; ++e) i.set(f, e, i.unary(i.fpu, f, i.n(f, e)));
}

void binary(Insn& i) {
  const Format f = format_of(i.name.last);
  i.clear();
  for (unsigned e = 0; e < i.lanes(f); ++e) {
    const u64 b = i.name.middle == "zero"   ? 0
                  : i.name.middle == "elem" ? i.m(f, element(i, f))
                                            : i.m(f, e);
    i.set(f, e, i.binary(i.fpu, f, i.n(f, e), b));
  }
}

void pairwise(Insn& i) {
  const Binary fn = i.binary;
  const Format f = format_of(i.name.last);
  i.clear();
  if (scalar(i.name.last)) {
    i.set(f, 0, fn(i.fpu, f, i.n(f, 0), i.n(f, 1)));
    return;
  }
  const unsigned lanes = i.lanes(f);
  for (unsigned e = 0; e < lanes; ++e) {
    const bool first = 2 * e < lanes;
    const unsigned at = first ? 2 * e : 2 * e - lanes;
    i.set(f, e,
          first ? fn(i.fpu, f, i.n(f, at), i.n(f, at + 1))
                : fn(i.fpu, f, i.m(f, at), i.m(f, at + 1)));
  }
}

u64 reduce(Insn& i, const Format& f, unsigned from, unsigned lanes) {
  if (lanes == 1) return i.n(f, from);
  const u64 low = reduce(i, f, from, lanes / 2);
  const u64 high = reduce(i, f, from + lanes / 2, lanes / 2);
  return i.binary(i.fpu, f, low, high);
}

void across(Insn& i) {
  const Format f = format_of(i.name.last);
  const u64 r = reduce(i, f, 0, i.lanes(f));
  i.clear();
  i.set(f, 0, r);
}

/// FMADD and its kin: which of the addend and the first factor are negated.
void fused_scalar(Insn& i) {
  const Format f = format_of(i.name.last);
  const std::string_view b = i.name.base;
  u64 addend = Insn::lane(i.in, i.d.ra, f, 0), a = i.n(f, 0);
  if (b == "FMSUB" || b == "FNMADD") a = fp_neg(f, a);
  if (b == "FNMADD" || b == "FNMSUB") addend = fp_neg(f, addend);
  const u64 r = i.fpu.mul_add(f, addend, a, i.m(f, 0));
  i.clear();
  i.set(f, 0, r);
}

void fused_vector(Insn& i) {
  const Format f = format_of(i.name.last);
  std::array<u64, 8> r{};
  const unsigned lanes = i.lanes(f);
  for (unsigned e = 0; e < lanes; ++e) {
    const u64 a = i.name.base == "FMLS" ? fp_neg(f, i.n(f, e)) : i.n(f, e);
    const u64 b = i.name.middle == "elem" ? i.m(f, element(i, f)) : i.m(f, e);
    r[e] = i.fpu.mul_add(f, i.old(f, e), a, b);
  }
  i.clear();
  for (unsigned e = 0; e < lanes; ++e) i.set(f, e, r[e]);
}

/// FMLAL: singles, and the lower or upper halves of as many bits.
void fused_long(Insn& i) {
  const unsigned lanes = i.lanes(kSingle);
  const unsigned from = i.name.base.back() == '2' ? lanes : 0;
  std::array<u64, 4> r{};
  for (unsigned e = 0; e < lanes; ++e) {
    u64 a = i.n(kHalf, from + e);
    if (i.name.base.starts_with("FMLSL")) a = fp_neg(kHalf, a);
    const u64 b = i.m(kHalf, i.name.middle == "elem" ? element(i, kHalf) : from + e);
    r[e] = i.fpu.mul_add_half(i.old(kSingle, e), a, b);
  }
  i.clear();
  for (unsigned e = 0; e < lanes; ++e) i.set(kSingle, e, r[e]);
}

/// FCMLA by the rotation in steps of 90 degrees.
void complex_fused(Insn& i) {
  const Format f = format_of(i.name.last);
  const u32 rot = i.d.rot;
  std::array<u64, 8> r{};
  const unsigned lanes = i.name.last == "4h" ? 4 : i.lanes(f);
  // Of a quarter register the index is L, else H:L of halves and H of singles.
  const unsigned index = i.name.last == "4h" ? i.d.l : f == kHalf ? i.d.h << 1 | i.d.l : i.d.h;
  for (unsigned e = 0; e < lanes; e += 2) {
    const unsigned at = i.name.middle == "elem" ? 2 * index : e;
    const u64 real = i.m(f, at), imaginary = i.m(f, at + 1);
    const u64 a = i.n(f, rot % 2 == 0 ? e : e + 1);
    u64 b0 = rot % 2 == 0 ? real : imaginary, b1 = rot % 2 == 0 ? imaginary : real;
    if (rot == 1 || rot == 2) b0 = fp_neg(f, b0);
    if (rot == 2 || rot == 3) b1 = fp_neg(f, b1);
    r[e] = i.fpu.mul_add(f, i.old(f, e), a, b0);
    r[e + 1] = i.fpu.mul_add(f, i.old(f, e + 1), a, b1);
  }
  i.clear();
  for (unsigned e = 0; e < lanes; ++e) i.set(f, e, r[e]);
}

void complex_add(Insn& i) {
  const Format f = format_of(i.name.last);
  const bool rot270 = i.d.rot != 0;
  i.clear();
  for (unsigned e = 0; e < i.lanes(f); e += 2) {
    const u64 real = i.m(f, e), imaginary = i.m(f, e + 1);
    i.set(f, e, i.fpu.add(f, i.n(f, e), rot270 ? imaginary : fp_neg(f, imaginary)));
    i.set(f, e + 1, i.fpu.add(f, i.n(f, e + 1), rot270 ? fp_neg(f, real) : real));
  }
}

bool condition_holds(u32 cond, u32 nzcv) {
  const bool n = (nzcv & 8) != 0, z = (nzcv & 4) != 0, c = (nzcv & 2) != 0, v = (nzcv & 1) != 0;
  const bool values[] = {z, c, n, v, c && !z, n == v, n == v && !z, true};
  const bool base = values[cond >> 1];
  return (cond & 1) != 0 && cond != 15 ? !base : base;
}

void compare(Insn& i) {
  const Format f = format_of(i.name.last);
  u32 nzcv = i.d.nzcv;
  if (i.name.base == "FCMP" || condition_holds(i.d.cond, i.in.pstate >> 28)) {
    const u64 b = i.name.middle == "zero" ? 0 : i.m(f, 0);
    nzcv = i.fpu.compare(f, i.n(f, 0), b, i.d.signal != 0);
  }
  i.set_flags(nzcv);
}

// ---- Conversions -------------------------------------------------------------------------------

/// FCVT, a letter for the rounding, and S or U.
bool is_to_int(std::string_view base) {
  return base.size() == 6 && base.starts_with("FCVT") &&
         std::string_view("NPMZA").find(base[4]) != base.npos && (base[5] == 'S' || base[5] == 'U');
}

Mode mode_of(char letter) {
  switch (letter) {
    case 'N':
      return Mode::TieEven;
    case 'P':
      return Mode::PlusInf;
    case 'M':
      return Mode::MinusInf;
    case 'Z':
      return Mode::Zero;
    default:
      return Mode::TieAway;
  }
}

/// Fraction bits of the fixed-point forms.
unsigned fraction_bits(const Insn& i, const Format& f) {
  if (i.name.middle == "fixw") return 32 - i.d.scale;
  if (i.name.middle == "fixx") return 64 - i.d.scale;
  return i.name.middle == "n" ? f.bits - i.d.imm : 0;
}

bool with_general(const Insn& i) {
  return i.name.middle == "int" || i.name.middle == "fixw" || i.name.middle == "fixx";
}

unsigned general_size(const Insn& i) {
  if (i.name.middle == "int") return i.d.sf != 0 ? 64 : 32;
  return i.name.middle == "fixx" ? 64 : 32;
}

void to_int(Insn& i) {
  const Format f = format_of(i.name.last);
  const Mode how = mode_of(i.name.base[4]);
  const bool is_unsigned = i.name.base[5] == 'U';
  const unsigned fbits = fraction_bits(i, f);
  if (with_general(i)) {
    i.set_general(i.fpu.to_fixed(f, i.n(f, 0), fbits, is_unsigned, how, general_size(i)));
    return;
  }
  i.clear();
  for (unsigned e = 0; e < i.lanes(f); ++e)
    i.set(f, e, i.fpu.to_fixed(f, i.n(f, e), fbits, is_unsigned, how, f.bits));
}

void from_int(Insn& i) {
  const Format f = format_of(i.name.last);
  const bool is_unsigned = i.name.base[0] == 'U';
  const unsigned fbits = fraction_bits(i, f);
  i.clear();
  if (with_general(i)) {
    i.set(f, 0, i.fpu.from_fixed(f, i.general(), fbits, is_unsigned, general_size(i)));
    return;
  }
  for (unsigned e = 0; e < i.lanes(f); ++e)
    i.set(f, e, i.fpu.from_fixed(f, i.n(f, e), fbits, is_unsigned, f.bits));
}

/// FCVT_h_s: the destination is in front.
void between(Insn& i) {
  const Format to = format_of(i.name.middle), from = format_of(i.name.last);
  i.clear();
  i.set(to, 0, i.fpu.convert(to, from, i.n(from, 0), i.fpu.mode));
}

/// FCVTN, FCVTXN, BFCVTN: into the lower half, or with q into the upper, which keeps the lower.
void narrow(Insn& i) {
  const bool bf = i.name.base == "BFCVTN";
  const Format to = bf ? kBf16 : format_of(i.name.last);
  const Format from = to.bits == 16 ? kSingle : kDouble;
  const Mode how = i.name.base == "FCVTXN" ? Mode::Odd : i.fpu.mode;
  if (!bf && scalar(i.name.last)) {
    i.clear();
    i.set(to, 0, i.fpu.convert(to, from, i.n(from, 0), how));
    return;
  }
  const unsigned lanes = 64 / to.bits, at = i.d.q != 0 ? lanes : 0;
  if (at == 0) i.clear();
  for (unsigned e = 0; e < lanes; ++e)
    i.set(to, at + e, i.fpu.convert(to, from, i.n(from, e), how));
}

void widen(Insn& i) {
  const Format to = format_of(i.name.last), from = to == kSingle ? kHalf : kSingle;
  const unsigned lanes = 128 / to.bits, at = i.d.q != 0 ? lanes : 0;
  i.clear();
  for (unsigned e = 0; e < lanes; ++e)
    i.set(to, e, i.fpu.convert(to, from, i.n(from, at + e), i.fpu.mode));
}

void javascript(Insn& i) {
  bool z = false;
  const u64 value = i.fpu.to_int_js(i.n(kDouble, 0), z);
  i.out.pstate = (i.out.pstate & ~kNzcv) | (z ? 4u << 28 : 0);
  i.set_general(value);
}

// ---- BFloat16 ----------------------------------------------------------------------------------

u16 bf(u64 v) { return static_cast<u16>(v); }

void bf_convert(Insn& i) {
  i.clear();
  i.set(kBf16, 0, i.fpu.convert(kBf16, kSingle, i.n(kSingle, 0), i.fpu.mode));
}

void bf_dot(Insn& i) {
  const unsigned lanes = i.d.q != 0 ? 4 : 2;
  std::array<u32, 4> r{};
  for (unsigned e = 0; e < lanes; ++e) {
    const unsigned at = i.d.has_l ? element(i, kSingle) : e;
    r[e] = ref::bf_dot_add(static_cast<u32>(i.old(kSingle, e)), bf(i.n(kBf16, 2 * e)),
                           bf(i.n(kBf16, 2 * e + 1)), bf(i.m(kBf16, 2 * at)),
                           bf(i.m(kBf16, 2 * at + 1)));
  }
  i.clear();
  for (unsigned e = 0; e < lanes; ++e) i.set(kSingle, e, r[e]);
}

void bf_matrix(Insn& i) {
  std::array<u32, 4> r{};
  for (unsigned e = 0; e < 4; ++e) {
    r[e] = static_cast<u32>(i.old(kSingle, e));
    for (unsigned k = 0; k < 2; ++k) {
      const unsigned a = 4 * (e / 2) + 2 * k, b = 4 * (e % 2) + 2 * k;
      r[e] = ref::bf_dot_add(r[e], bf(i.n(kBf16, a)), bf(i.n(kBf16, a + 1)), bf(i.m(kBf16, b)),
                             bf(i.m(kBf16, b + 1)));
    }
  }
  for (unsigned e = 0; e < 4; ++e) i.set(kSingle, e, r[e]);
}

void bf_fused(Insn& i) {
  const unsigned top = i.d.q;
  std::array<u64, 4> r{};
  for (unsigned e = 0; e < 4; ++e) {
    const u64 b = i.m(kBf16, i.d.has_l ? element(i, kHalf) : 2 * e + top);
    r[e] = i.fpu.mul_add(kSingle, i.old(kSingle, e), i.n(kBf16, 2 * e + top) << 16, b << 16);
  }
  for (unsigned e = 0; e < 4; ++e) i.set(kSingle, e, r[e]);
}

// ---- Rows --------------------------------------------------------------------------------------

using Shape = void (*)(Insn&);

struct NamedShape {
  std::string_view name;
  Shape shape;
};
constexpr NamedShape kShapes[] = {
    {"FMADD", fused_scalar},  {"FMSUB", fused_scalar},  {"FNMADD", fused_scalar},
    {"FNMSUB", fused_scalar}, {"FMLA", fused_vector},   {"FMLS", fused_vector},
    {"FMLAL", fused_long},    {"FMLSL", fused_long},    {"FMLAL2", fused_long},
    {"FMLSL2", fused_long},   {"FCMLA", complex_fused}, {"FCADD", complex_add},
    {"FCMP", compare},        {"FCCMP", compare},       {"SCVTF", from_int},
    {"UCVTF", from_int},      {"FCVT", between},        {"FCVTN", narrow},
    {"FCVTXN", narrow},       {"BFCVTN", narrow},       {"FCVTL", widen},
    {"FJCVTZS", javascript},  {"BFCVT", bf_convert},    {"BFDOT", bf_dot},
    {"BFMMLA", bf_matrix},    {"BFMLAL", bf_fused},
};

/// The operation of a pairwise row (FADDP) or one across lanes (FMAXNMV).
Binary without_last(std::string_view base, char last) {
  return base.back() == last ? find_binary(base.substr(0, base.size() - 1)) : nullptr;
}

/// What a row does; no shape for what is no arithmetic.
struct Meaning {
  Shape shape = nullptr;
  Unary unary = nullptr;
  Binary binary = nullptr;
};

Meaning meaning_of(const a64::RowInfo& row) {
  const std::string_view group = row.group;
  if (group != "fp" && group != "simd_fp") return {};
  // BFDOT_elem and BFMLAL_elem have no arrangement.
  const Name n = name_of(row);
  for (const NamedShape& s : kShapes)
    if (s.name == n.base) return {.shape = s.shape};
  if (const Unary fn = find_unary(n.base)) return {.shape = unary, .unary = fn};
  if (const Binary fn = find_binary(n.base)) return {.shape = binary, .binary = fn};
  if (is_to_int(n.base)) return {.shape = to_int};
  if (const Binary fn = without_last(n.base, 'P')) return {.shape = pairwise, .binary = fn};
  if (const Binary fn = without_last(n.base, 'V')) return {.shape = across, .binary = fn};
  return {};
}

}  // namespace

bool fp_reference_has(const a64::RowInfo& row) { return meaning_of(row).shape != nullptr; }

struct FpInstruction::Parts {
  u32 insn;
  Fields fields;
  Name name;
  Meaning meaning;
};

FpInstruction::FpInstruction(const a64::RowInfo& row, u32 insn)
    : parts_(new Parts{insn, Fields(a64::Decoded(row, insn)), name_of(row), meaning_of(row)}) {
  QUINCE_ASSERT(parts_->meaning.shape != nullptr);
}

FpInstruction::~FpInstruction() = default;
FpInstruction::FpInstruction(FpInstruction&&) noexcept = default;
FpInstruction& FpInstruction::operator=(FpInstruction&&) noexcept = default;

u32 FpInstruction::insn() const { return parts_->insn; }

unsigned FpInstruction::run(const OracleState& in, OracleState& out) const {
  const Meaning& meaning = parts_->meaning;
  Insn i{parts_->fields, in, out, Fpu::of(in.fpcr), parts_->name, meaning.unary, meaning.binary};
  meaning.shape(i);
  out.fpsr |= i.fpu.flags;
  return i.results;
}

}  // namespace quince::test
