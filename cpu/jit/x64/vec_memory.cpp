// Loads of structures (Arm ARM DDI 0487, C7.2: LD1 to LD4, LD1R, LD1 of one element).  Each register is one access, and
// where the first-level TLB does not let it through, one for each element.  No register is written before all accesses
// are done.
//
// Other single structures stay calls, and so does everything where alignment is checked.
#include <array>

#include "base/bits.h"
#include "cpu/jit/x64/structures.h"

namespace quince::cpu::jit {

namespace {

using R = HostRow;

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

/// LD1R.
bool replicate(Emitter& e, u32 insn) {
  VectorCode v(e);
  if (v.checks_alignment() || !one_element(insn)) return false;
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

/// LD3: of the three registers' elements at one place, one is of each structure's element.  So a blend has all of an
/// element, and a shuffle sorts them.
bool ld3(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  const unsigned size = insn >> 10 & 3, count = 16u >> size;
  const bool q = (insn >> 30 & 1) != 0;
  if (v.checks_alignment() || !q || (size == 0 && !v.host.avx512)) return false;
  const Access a(v, insn);
  for (unsigned n = 0; n < 3; ++n) v.load(Xmm(static_cast<int>(n)), a.base, n * 16, 16, size);
  for (unsigned k = 0; k < 3; ++k) {
    // Bytes that come from each register, and the order.
    std::array<std::array<u8, 16>, 3> from{};
    std::array<u8, 16> order{};
    for (unsigned at = 0; at < 3 * count; ++at) {
      if (at % 3 != k) continue;
      for (unsigned byte = 0; byte < 1u << size; ++byte) {
        const unsigned column = (at % count << size) + byte;
        from[at / count][column] = 0xff;
        order[(at / 3 << size) + byte] = static_cast<u8>(column);
      }
    }
    const auto literal = [&v](const std::array<u8, 16>& bytes) {
      return v.literal(load_le<u64>(bytes.data()), load_le<u64>(bytes.data() + 8));
    };
    if (size == 0) {
      x.vmovdqa(kT3, kT0);
      // 0xd8: where the last operand is set the second one, else the first.
      x.vpternlogq(kT3, kT1, literal(from[1]), 0xd8);
      x.vpternlogq(kT3, kT2, literal(from[2]), 0xd8);
    } else {
      for (unsigned r = 1; r < 3; ++r) {
        u8 words = 0;
        for (unsigned w = 0; w < 8; ++w) words |= static_cast<u8>((from[r][2 * w] & 1) << w);
        x.vpblendw(kT3, r == 1 ? kT0 : kT3, r == 1 ? kT1 : kT2, words);
      }
    }
    x.vpshufb(kT3, kT3, literal(order));
    v.finish(true, a.reg(k), kT3);
  }
  write_back(v, a, insn, 48);
  return true;
}

/// a, b = their low and their high elements in turn.  The last register's place in memory, which nobody reads any more,
/// has room for one.
template <auto Low, auto High>
void interleave(VectorCode& v, const Xbyak::Address& room, const Xmm& a, const Xmm& b) {
  v.x.vmovdqa(room, b);
  (v.x.*High)(b, a, b);
  (v.x.*Low)(a, a, room);
}
bool ld4(Emitter& e, u32 insn) {
  VectorCode v(e);
  const Access a(v, insn);
  if (v.checks_alignment() || !a.f.q) return false;
  for (unsigned n = 0; n < 4; ++n) v.load(Xmm(static_cast<int>(n)), a.base, n * 16, 16, a.element);
  const Xbyak::Address room = v.memory(a.reg(3));
  // Elements of a structure are brought together into words, whose rows and columns change places.
  static constexpr u64 kSorted[][2] = {{0x0d09'0501'0c08'0400, 0x0f0b'0703'0e0a'0602},
                                       {0x0b0a'0302'0908'0100, 0x0f0e'0706'0d0c'0504}};
  for (const Xmm& t : {kT0, kT1, kT2, kT3})
    if (a.element < 2) v.x.vpshufb(t, t, v.literal(kSorted[a.element][0], kSorted[a.element][1]));
  if (a.element < 3) {
    interleave<static_cast<Op3>(&G::vpunpckldq), static_cast<Op3>(&G::vpunpckhdq)>(v, room, kT0,
                                                                                   kT1);
    interleave<static_cast<Op3>(&G::vpunpckldq), static_cast<Op3>(&G::vpunpckhdq)>(v, room, kT2,
                                                                                   kT3);
  }
  interleave<static_cast<Op3>(&G::vpunpcklqdq), static_cast<Op3>(&G::vpunpckhqdq)>(v, room, kT0,
                                                                                   kT2);
  interleave<static_cast<Op3>(&G::vpunpcklqdq), static_cast<Op3>(&G::vpunpckhqdq)>(v, room, kT1,
                                                                                   kT3);
  v.finish(true, a.reg(0), kT0);
  v.finish(true, a.reg(1), kT2);
  v.finish(true, a.reg(2), kT1);
  v.finish(true, a.reg(3), kT3);
  write_back(v, a, insn, 64);
  return true;
}

/// LD1 of one element; the others stay.
template <unsigned Size>
bool ld1_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  auto& x = v.x;
  if (v.checks_alignment() || !one_element(insn)) return false;
  const Access a(v, insn);
  const auto index = static_cast<u8>(((insn >> 30 & 1) << 3 | (insn >> 10 & 7)) >> Size);
  v.load(kT1, a.base, 0, 1u << Size, Size);
  const Xmm old = v.in(a.f.rd, 0), d = v.target(a.f.rd, 0);
  switch (Size) {
    case 0:
      x.vmovd(Xbyak::util::eax, kT1);
      x.vpinsrb(d, old, Xbyak::util::eax, index);
      break;
    case 1:
      x.vmovd(Xbyak::util::eax, kT1);
      x.vpinsrw(d, old, Xbyak::util::eax, index);
      break;
    case 2:
      x.vinsertps(d, old, kT1, static_cast<u8>(index << 4));
      break;
    default:
      index == 0 ? x.vpblendw(d, old, kT1, 0x0f) : x.vpunpcklqdq(d, old, kT1);
  }
  v.finish(true, a.f.rd, d);
  write_back(v, a, insn, 1u << Size);
  return true;
}

constexpr u16 kLoad = R::kBase | R::kListWrite;
constexpr u16 kLoadElement = kLoad | R::kRd;

const R kRows[] = {
    {"LD1x1", ld1<1>, kLoad},
    {"LD1x1_post", ld1<1>, kLoad},
    {"LD1x2", ld1<2>, kLoad},
    {"LD1x2_post", ld1<2>, kLoad},
    {"LD1x3", ld1<3>, kLoad},
    {"LD1x3_post", ld1<3>, kLoad},
    {"LD1x4", ld1<4>, kLoad},
    {"LD1x4_post", ld1<4>, kLoad},
    {"LD_rep", replicate, kLoad},
    {"LD_rep_post", replicate, kLoad},
    {"LD2", ld2, kLoad},
    {"LD2_post", ld2, kLoad},
    {"LD3", ld3, kLoad},
    {"LD3_post", ld3, kLoad},
    {"LD4", ld4, kLoad},
    {"LD4_post", ld4, kLoad},
    {"LD_lane_b", ld1_element<0>, kLoadElement},
    {"LD_lane_h", ld1_element<1>, kLoadElement},
    {"LD_lane_s", ld1_element<2>, kLoadElement},
    {"LD_lane_d", ld1_element<3>, kLoadElement},
    {"LD_lane_b_post", ld1_element<0>, kLoadElement},
    {"LD_lane_h_post", ld1_element<1>, kLoadElement},
    {"LD_lane_s_post", ld1_element<2>, kLoadElement},
    {"LD_lane_d_post", ld1_element<3>, kLoadElement},
};

}  // namespace

std::span<const HostRow> host_rows_memory() { return kRows; }

}  // namespace quince::cpu::jit
