// Structure loads and stores that do not interleave more than two registers (Arm ARM DDI 0487, C7.2: LD1, LD1R, LD2,
// ST1, ST2).  Each register is one access, and where the first-level TLB does not let it through, one for
// each element.  A load writes no register before all accesses are done.
//
// LD3, LD4, ST3, ST4 and stores of single elements stay calls, and so does everything where alignment is checked.
#include "cpu/jit/x64/vector_lanes.h"

namespace quince::cpu::jit {

namespace {

using R = HostRow;

/// The base, and the registers one behind the other.
struct Access {
  Access(VectorCode& v, u32 insn) : f(insn), element(insn >> 10 & 3), bytes(f.q ? 16 : 8) {
    v.base(f.rn, base);
  }
  VectorFields f;
  unsigned element;  ///< log2 of its bytes
  unsigned bytes;    ///< of a register
  Emitter::Val base;
  u32 reg(unsigned n) const { return (f.rd + n) & 31; }
};

/// Post-index forms add Rm, or what was transferred.
void write_back(VectorCode& v, const Access& a, u32 insn, unsigned bytes) {
  if ((insn >> 23 & 1) != 0) v.add_to_base(a.f.rn, a.base, a.f.rm, bytes);
}

template <unsigned N>
bool ld1(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (v.checks_alignment()) return false;
  const Access a(v, insn);
  for (unsigned n = 0; n < N; ++n)
    v.load(Xmm(static_cast<int>(n)), a.base, n * a.bytes, a.bytes, a.element);
  for (unsigned n = 0; n < N; ++n) v.finish(true, a.reg(n), Xmm(static_cast<int>(n)));
  write_back(v, a, insn, N * a.bytes);
  return true;
}

template <unsigned N>
bool st1(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (v.checks_alignment()) return false;
  const Access a(v, insn);
  for (unsigned n = 0; n < N; ++n) v.store(a.reg(n), a.base, n * a.bytes, a.f.q, a.element);
  write_back(v, a, insn, N * a.bytes);
  return true;
}

/// LD1R.
bool replicate(Emitter& e, u32 insn) {
  VectorCode v(e);
  constexpr u32 kStructures = 1u << 21 | 1u << 13;
  if (v.checks_alignment() || (insn & kStructures) != 0) return false;
  const Access a(v, insn);
  v.load(kT0, a.base, 0, 1u << a.element, a.element);
  broadcast(v, kT0, kT0, a.element, 0);
  v.finish(a.f.q, a.f.rd, kT0);
  write_back(v, a, insn, 1u << a.element);
  return true;
}

bool ld2(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const Access a(v, insn);
  if (v.checks_alignment() || !a.f.q) return false;
  v.load(kT0, a.base, 0, 16, a.element);
  v.load(kT1, a.base, 16, 16, a.element);
  // Even elements, then odd ones.
  static constexpr u64 kSorted[][2] = {{0x0e0c'0a08'0604'0200, 0x0f0d'0b09'0705'0301},
                                       {0x0d0c'0908'0504'0100, 0x0f0e'0b0a'0706'0302}};
  switch (a.element) {
    case 0:
    case 1:
      v.constant(kT2, kSorted[a.element][0], kSorted[a.element][1]);
      x.vpshufb(kT0, kT0, kT2);
      x.vpshufb(kT1, kT1, kT2);
      break;
    case 2:
      x.vpshufd(kT0, kT0, 0xd8);
      x.vpshufd(kT1, kT1, 0xd8);
      break;
    default:
      break;
  }
  x.vpunpcklqdq(kT2, kT0, kT1);
  x.vpunpckhqdq(kT3, kT0, kT1);
  v.finish(true, a.reg(0), kT2);
  v.finish(true, a.reg(1), kT3);
  write_back(v, a, insn, 32);
  return true;
}

constexpr u16 kLoad = R::kBase | R::kListWrite;
constexpr u16 kStore = R::kBase | R::kListRead;

const R kRows[] = {
    {"LD1x1", ld1<1>, kLoad},     {"LD1x1_post", ld1<1>, kLoad},
    {"LD1x2", ld1<2>, kLoad},     {"LD1x2_post", ld1<2>, kLoad},
    {"LD1x3", ld1<3>, kLoad},     {"LD1x3_post", ld1<3>, kLoad},
    {"LD1x4", ld1<4>, kLoad},     {"LD1x4_post", ld1<4>, kLoad},
    {"ST1x1", st1<1>, kStore},    {"ST1x1_post", st1<1>, kStore},
    {"ST1x2", st1<2>, kStore},    {"ST1x2_post", st1<2>, kStore},
    {"ST1x3", st1<3>, kStore},    {"ST1x3_post", st1<3>, kStore},
    {"ST1x4", st1<4>, kStore},    {"ST1x4_post", st1<4>, kStore},
    {"LD_rep", replicate, kLoad}, {"LD_rep_post", replicate, kLoad},
    {"LD2", ld2, kLoad},          {"LD2_post", ld2, kLoad},
};

}  // namespace

std::span<const HostRow> host_rows_memory() { return kRows; }

}  // namespace quince::cpu::jit
