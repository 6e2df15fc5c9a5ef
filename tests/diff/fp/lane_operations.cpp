#include "tests/diff/fp/lane_operations.h"

namespace quince::test {

namespace {

using ref::Format;
using ref::Fpu;
using ref::Mode;

template <class F>
struct Named {
  std::string_view name;
  F fn;
};

u64 all_ones(const Format& f, bool yes) {
  return !yes ? 0 : f.bits == 64 ? ~u64{0} : (u64{1} << f.bits) - 1;
}

// clang-format off
constexpr Named<Unary> kUnary[] = {
    {"FABS", [](Fpu&, const Format& f, u64 a) { return fp_abs(f, a); }},
    {"FNEG", [](Fpu&, const Format& f, u64 a) { return fp_neg(f, a); }},
    {"FSQRT", [](Fpu& p, const Format& f, u64 a) { return p.sqrt(f, a); }},
    {"FRINTN", [](Fpu& p, const Format& f, u64 a) { return p.round_int(f, a, Mode::TieEven, false); }},
    {"FRINTP", [](Fpu& p, const Format& f, u64 a) { return p.round_int(f, a, Mode::PlusInf, false); }},
    {"FRINTM", [](Fpu& p, const Format& f, u64 a) { return p.round_int(f, a, Mode::MinusInf, false); }},
    {"FRINTZ", [](Fpu& p, const Format& f, u64 a) { return p.round_int(f, a, Mode::Zero, false); }},
    {"FRINTA", [](Fpu& p, const Format& f, u64 a) { return p.round_int(f, a, Mode::TieAway, false); }},
    {"FRINTX", [](Fpu& p, const Format& f, u64 a) { return p.round_int(f, a, p.mode, true); }},
    {"FRINTI", [](Fpu& p, const Format& f, u64 a) { return p.round_int(f, a, p.mode, false); }},
    {"FRINT32Z", [](Fpu& p, const Format& f, u64 a) { return p.round_int_n(f, a, Mode::Zero, 32); }},
    {"FRINT32X", [](Fpu& p, const Format& f, u64 a) { return p.round_int_n(f, a, p.mode, 32); }},
    {"FRINT64Z", [](Fpu& p, const Format& f, u64 a) { return p.round_int_n(f, a, Mode::Zero, 64); }},
    {"FRINT64X", [](Fpu& p, const Format& f, u64 a) { return p.round_int_n(f, a, p.mode, 64); }},
    {"FRECPE", [](Fpu& p, const Format& f, u64 a) { return p.recip_estimate(f, a); }},
    {"FRSQRTE", [](Fpu& p, const Format& f, u64 a) { return p.rsqrt_estimate(f, a); }},
    {"FRECPX", [](Fpu& p, const Format& f, u64 a) { return p.recip_exponent(f, a); }},
    {"URECPE", [](Fpu&, const Format&, u64 a) { return u64{ref::unsigned_recip_estimate(static_cast<u32>(a))}; }},
    {"URSQRTE", [](Fpu&, const Format&, u64 a) { return u64{ref::unsigned_rsqrt_estimate(static_cast<u32>(a))}; }},
};
constexpr Named<Binary> kBinary[] = {
    {"FADD", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.add(f, a, b); }},
    {"FSUB", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.sub(f, a, b); }},
    {"FABD", [](Fpu& p, const Format& f, u64 a, u64 b) { return fp_abs(f, p.sub(f, a, b)); }},
    {"FMUL", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.mul(f, a, b); }},
    {"FNMUL", [](Fpu& p, const Format& f, u64 a, u64 b) { return fp_neg(f, p.mul(f, a, b)); }},
    {"FMULX", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.mulx(f, a, b); }},
    {"FDIV", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.div(f, a, b); }},
    {"FMAX", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.max(f, a, b); }},
    {"FMIN", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.min(f, a, b); }},
    {"FMAXNM", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.maxnm(f, a, b); }},
    {"FMINNM", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.minnm(f, a, b); }},
    {"FRECPS", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.recip_step(f, a, b); }},
    {"FRSQRTS", [](Fpu& p, const Format& f, u64 a, u64 b) { return p.rsqrt_step(f, a, b); }},
    {"FCMEQ", [](Fpu& p, const Format& f, u64 a, u64 b) { return all_ones(f, p.equal(f, a, b)); }},
    {"FCMGE", [](Fpu& p, const Format& f, u64 a, u64 b) { return all_ones(f, p.greater_equal(f, a, b)); }},
    {"FCMGT", [](Fpu& p, const Format& f, u64 a, u64 b) { return all_ones(f, p.greater(f, a, b)); }},
    {"FCMLE", [](Fpu& p, const Format& f, u64 a, u64 b) { return all_ones(f, p.greater_equal(f, b, a)); }},
    {"FCMLT", [](Fpu& p, const Format& f, u64 a, u64 b) { return all_ones(f, p.greater(f, b, a)); }},
    {"FACGE", [](Fpu& p, const Format& f, u64 a, u64 b) { return all_ones(f, p.greater_equal(f, fp_abs(f, a), fp_abs(f, b))); }},
    {"FACGT", [](Fpu& p, const Format& f, u64 a, u64 b) { return all_ones(f, p.greater(f, fp_abs(f, a), fp_abs(f, b))); }},
};
// clang-format on

template <class F, std::size_t N>
F find(const Named<F> (&table)[N], std::string_view name) {
  for (const Named<F>& t : table)
    if (t.name == name) return t.fn;
  return nullptr;
}

}  // namespace

Unary find_unary(std::string_view name) { return find(kUnary, name); }
Binary find_binary(std::string_view name) { return find(kBinary, name); }

}  // namespace quince::test
