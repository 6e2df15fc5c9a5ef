// Stores of structures (Arm ARM DDI 0487, C7.2: ST1 to ST4, ST1 of one element).  Sixteen bytes are one access, in the order
// of addresses, and where the first-level TLB does not let it through, one for each element.
//
// Other single structures stay calls, and so does everything where alignment is checked.
#include <algorithm>
#include <array>

#include "base/bits.h"
#include "cpu/jit/x64/structures.h"

namespace quince::cpu::jit {

namespace {

using R = HostRow;

template <unsigned N>
bool st1(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (v.checks_alignment()) return false;
  const Access a(v, insn);
  for (unsigned n = 0; n < N; ++n) v.store(a.reg(n), a.base, n * a.bytes, a.f.q, a.element);
  write_back(v, a, insn, N * a.bytes);
  return true;
}

/// Elements of two registers in turn: those of the low halves, or of the high ones.
void zip(VectorCode& v, const Xmm& to, const Xmm& a, const Xbyak::Operand& b, unsigned size,
         bool high) {
  static constexpr Op3 kLow[] = {&G::vpunpcklbw, &G::vpunpcklwd, &G::vpunpckldq, &G::vpunpcklqdq};
  static constexpr Op3 kHigh[] = {&G::vpunpckhbw, &G::vpunpckhwd, &G::vpunpckhdq, &G::vpunpckhqdq};
  (v.x.*(high ? kHigh : kLow)[size])(to, a, b);
}
/// The same of registers of the guest.
void zip(VectorCode& v, const Xmm& to, u32 a, u32 b, unsigned size, bool high) {
  const Xmm first = v.in(a, to.getIdx());
  v.with(b, [&](const Xbyak::Operand& second) { zip(v, to, first, second, size, high); });
}

/// Elements of doublewords in half a register are UNDEFINED.
bool has_code(const VectorCode& v, u32 insn) {
  return !v.checks_alignment() && ((insn >> 30 & 1) != 0 || (insn >> 10 & 3) != 3);
}

bool st2(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (!has_code(v, insn)) return false;
  const Access a(v, insn);
  for (unsigned half = 0; half < a.bytes / 8; ++half) {
    zip(v, kT0, a.reg(0), a.reg(1), a.element, half != 0);
    v.store(kT0, a.base, 16 * half, 16, a.element);
  }
  write_back(v, a, insn, 2 * a.bytes);
  return true;
}

/// Each sixteen bytes are picked from all three registers.
bool st3(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (!has_code(v, insn)) return false;
  const Access a(v, insn);
  for (unsigned at = 0; at < 3 * a.bytes; at += 16) {
    const unsigned bytes = std::min(16u, 3 * a.bytes - at);
    for (unsigned r = 0; r < 3; ++r) {
      std::array<u8, 16> pick;
      pick.fill(0x80);  // none
      for (unsigned byte = 0; byte < bytes; ++byte) {
        const unsigned element = (at + byte) >> a.element;
        const unsigned in_element = (at + byte) & ((1u << a.element) - 1);
        if (element % 3 == r) pick[byte] = static_cast<u8>((element / 3 << a.element) + in_element);
      }
      const Xmm to = r == 0 ? kT0 : kT1;
      v.x.vpshufb(to, v.in(a.reg(r), to.getIdx()),
                  v.literal(load_le<u64>(pick.data()), load_le<u64>(pick.data() + 8)));
      if (r != 0) v.x.vpor(kT0, kT0, kT1);
    }
    v.store(kT0, a.base, at, bytes, a.element);
  }
  write_back(v, a, insn, 3 * a.bytes);
  return true;
}

bool st4(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (!has_code(v, insn)) return false;
  const Access a(v, insn);
  for (unsigned half = 0; half < a.bytes / 8; ++half) {
    zip(v, kT0, a.reg(0), a.reg(2), a.element, half != 0);
    zip(v, kT1, a.reg(1), a.reg(3), a.element, half != 0);
    zip(v, kT2, kT0, kT1, a.element, false);
    zip(v, kT3, kT0, kT1, a.element, true);
    v.store(kT2, a.base, 32 * half, 16, a.element);
    v.store(kT3, a.base, 32 * half + 16, 16, a.element);
  }
  write_back(v, a, insn, 4 * a.bytes);
  return true;
}

/// ST1 of one element.
template <unsigned Size>
bool st1_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (v.checks_alignment() || !one_element(insn)) return false;
  const Access a(v, insn);
  const unsigned at = ((insn >> 30 & 1) << 3 | (insn >> 10 & 7)) >> Size << Size;
  const Xmm from = v.in(a.f.rd, 0);
  at == 0 ? v.x.vmovdqa(kT0, from) : v.x.vpsrldq(kT0, from, static_cast<u8>(at));
  v.store(kT0, a.base, 0, 1u << Size, Size);
  write_back(v, a, insn, 1u << Size);
  return true;
}

constexpr u16 kStore = R::kBase | R::kListRead;

const R kRows[] = {
    {"ST1x1", st1<1>, kStore},
    {"ST1x1_post", st1<1>, kStore},
    {"ST1x2", st1<2>, kStore},
    {"ST1x2_post", st1<2>, kStore},
    {"ST1x3", st1<3>, kStore},
    {"ST1x3_post", st1<3>, kStore},
    {"ST1x4", st1<4>, kStore},
    {"ST1x4_post", st1<4>, kStore},
    {"ST2", st2, kStore},
    {"ST2_post", st2, kStore},
    {"ST3", st3, kStore},
    {"ST3_post", st3, kStore},
    {"ST4", st4, kStore},
    {"ST4_post", st4, kStore},
    {"ST_lane_b", st1_element<0>, kStore},
    {"ST_lane_h", st1_element<1>, kStore},
    {"ST_lane_s", st1_element<2>, kStore},
    {"ST_lane_d", st1_element<3>, kStore},
    {"ST_lane_b_post", st1_element<0>, kStore},
    {"ST_lane_h_post", st1_element<1>, kStore},
    {"ST_lane_s_post", st1_element<2>, kStore},
    {"ST_lane_d_post", st1_element<3>, kStore},
};

}  // namespace

std::span<const HostRow> host_rows_store() { return kRows; }

}  // namespace quince::cpu::jit
