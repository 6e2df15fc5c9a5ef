// Advanced SIMD: copies, permutations, tables, EXT and the modified immediates.
#pragma once

#include "cpu/a64/sem/simd_lanes.h"

namespace quince::a64 {

/// imm5 of the copy rows: the lowest set bit is the lane size (0..3), the bits above the index.
/// False, after an exception, where there is none.
inline bool copy_lane(Vcpu& c, u32 imm5, u32& size, u32& index) {
  size = static_cast<u32>(std::countr_zero(imm5 | 0x20));
  index = imm5 >> (size + 1);
  if (size > 3) {
    c.undefined();
    return false;
  }
  return true;
}

inline u64 get_lane(const VReg& v, u32 size, u32 index) {
  u64 x = 0;
  by_size<false>(size, [&]<class T>() { x = v.lane<T>(index); });
  return x;
}
inline void put_lane(VReg& v, u32 size, u32 index, u64 x) {
  by_size<false>(size, [&]<class T>() { v.set_lane<T>(index, static_cast<T>(x)); });
}

/// x in every lane of `size`.
inline VReg duplicate(u32 size, u64 x, bool q) {
  for (unsigned width = 8u << size; width < 64; width *= 2) {
    x &= low_mask(width);
    x |= x << width;
  }
  return {{x, q ? x : 0}};
}

inline void DUP_elem(Vcpu& c, u32 q, u32 imm5, u32 rn, u32 rd) {
  u32 size = 0, index = 0;
  if (!copy_lane(c, imm5, size, index)) return;
  if (size == 3 && q == 0) return c.undefined();
  c.s.v[rd] = duplicate(size, get_lane(c.s.v[rn], size, index), q != 0);
}
inline void DUP_gen(Vcpu& c, u32 q, u32 imm5, u32 rn, u32 rd) {
  u32 size = 0, index = 0;
  if (!copy_lane(c, imm5, size, index)) return;
  if (size == 3 && q == 0) return c.undefined();
  c.s.v[rd] = duplicate(size, c.s.x[rn], q != 0);
}
inline void DUP_s(Vcpu& c, u32 imm5, u32 rn, u32 rd) {
  u32 size = 0, index = 0;
  if (!copy_lane(c, imm5, size, index)) return;
  c.s.v[rd] = {{get_lane(c.s.v[rn], size, index), 0}};
}
inline void put_x(Vcpu& c, u32 rd, u64 v) {
  c.s.x[rd] = v;
  c.s.x[31] = 0;
}
inline void SMOV(Vcpu& c, u32 q, u32 imm5, u32 rn, u32 rd) {
  u32 size = 0, index = 0;
  if (!copy_lane(c, imm5, size, index)) return;
  if (size > (q != 0 ? 2u : 1u)) return c.undefined();
  const u64 v = static_cast<u64>(sign_extend(get_lane(c.s.v[rn], size, index), 8u << size));
  put_x(c, rd, q != 0 ? v : static_cast<u32>(v));
}
inline void UMOV(Vcpu& c, u32 q, u32 imm5, u32 rn, u32 rd) {
  u32 size = 0, index = 0;
  if (!copy_lane(c, imm5, size, index)) return;
  if ((q != 0) != (size == 3)) return c.undefined();
  put_x(c, rd, get_lane(c.s.v[rn], size, index));
}
inline void INS_gen(Vcpu& c, u32 imm5, u32 rn, u32 rd) {
  u32 size = 0, index = 0;
  if (copy_lane(c, imm5, size, index)) put_lane(c.s.v[rd], size, index, c.s.x[rn]);
}
inline void INS_elem(Vcpu& c, u32 imm5, u32 imm4, u32 rn, u32 rd) {
  u32 size = 0, index = 0;
  if (!copy_lane(c, imm5, size, index)) return;
  put_lane(c.s.v[rd], size, index, get_lane(c.s.v[rn], size, imm4 >> size));
}

// ---- Tables

template <bool Extend>
void table_lookup(Vcpu& c, u32 q, u32 rm, u32 len, u32 rn, u32 rd) {
  const VReg index = c.s.v[rm], old = c.s.v[rd];
  std::array<VReg, 4> table;
  for (u32 i = 0; i <= len; ++i) table[i] = c.s.v[(rn + i) & 31];
  VReg r;
  for (unsigned i = 0; i < lanes<u8>(q != 0); ++i) {
    const u32 n = index.lane<u8>(i);
    if (n < 16 * (len + 1))
      r.set_lane<u8>(i, table[n / 16].lane<u8>(n % 16));
    else if (Extend)
      r.set_lane<u8>(i, old.lane<u8>(i));
  }
  c.s.v[rd] = r;
}
inline void TBL(Vcpu& c, u32 q, u32 rm, u32 len, u32 rn, u32 rd) {
  table_lookup<false>(c, q, rm, len, rn, rd);
}
inline void TBX(Vcpu& c, u32 q, u32 rm, u32 len, u32 rn, u32 rd) {
  table_lookup<true>(c, q, rm, len, rn, rd);
}

// ---- Permutations: result lane i comes from lane f(i) of rm:rn

template <class F>
void permute(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd, F f) {
  if (size == 3 && q == 0) return c.undefined();
  by_size<false>(size, [&]<class T>() {
    const VReg a = c.s.v[rn], b = c.s.v[rm];
    const unsigned n = lanes<T>(q != 0);
    VReg r;
    for (unsigned i = 0; i < n; ++i) {
      const unsigned from = f(i, n);
      r.set_lane<T>(i, from < n ? a.lane<T>(from) : b.lane<T>(from - n));
    }
    c.s.v[rd] = r;
  });
}
inline void UZP1(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  permute(c, q, size, rm, rn, rd, [](unsigned i, unsigned) { return 2 * i; });
}
inline void UZP2(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  permute(c, q, size, rm, rn, rd, [](unsigned i, unsigned) { return 2 * i + 1; });
}
inline void TRN1(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  permute(c, q, size, rm, rn, rd, [](unsigned i, unsigned n) { return (i & ~1u) + (i & 1 ? n : 0); });
}
inline void TRN2(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  permute(c, q, size, rm, rn, rd, [](unsigned i, unsigned n) { return (i | 1u) + (i & 1 ? n : 0); });
}
inline void ZIP1(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  permute(c, q, size, rm, rn, rd, [](unsigned i, unsigned n) { return i / 2 + (i & 1 ? n : 0); });
}
inline void ZIP2(Vcpu& c, u32 q, u32 size, u32 rm, u32 rn, u32 rd) {
  permute(c, q, size, rm, rn, rd,
          [](unsigned i, unsigned n) { return n / 2 + i / 2 + (i & 1 ? n : 0); });
}

inline void EXT(Vcpu& c, u32 q, u32 rm, u32 imm4, u32 rn, u32 rd) {
  const unsigned n = lanes<u8>(q != 0);
  if (imm4 >= n) return c.undefined();
  permute(c, q, 0, rm, rn, rd, [&](unsigned i, unsigned) { return i + imm4; });
}

// ---- Modified immediates

/// AdvSIMDExpandImm, except for half precision.
constexpr u64 expand_immediate(u32 op, u32 cmode, u32 imm8) {
  const u64 i = imm8;
  const auto twice = [](u64 x) { return x | x << 32; };
  const auto four = [](u64 x) { return x * 0x0001'0001'0001'0001; };
  if (cmode < 8) return twice(i << (8 * (cmode / 2)));
  if (cmode < 12) return four(i << (8 * ((cmode / 2) & 1)));
  if (cmode == 12) return twice(i << 8 | 0xff);
  if (cmode == 13) return twice(i << 16 | 0xffff);
  if (cmode == 14 && op == 0) return i * 0x0101'0101'0101'0101;
  if (cmode == 14) {
    u64 r = 0;
    for (unsigned n = 0; n < 8; ++n)
      if (bit(i, n)) r |= u64{0xff} << (8 * n);
    return r;
  }
  const u64 sign = i >> 7, b6 = (i >> 6) & 1, rest = i & 0x3f;
  if (op == 0) return twice(sign << 31 | (b6 ^ 1) << 30 | (b6 != 0 ? u64{0x1f} : 0) << 25 | rest << 19);
  return sign << 63 | (b6 ^ 1) << 62 | (b6 != 0 ? u64{0xff} : 0) << 54 | rest << 48;
}

inline void modified_immediate(Vcpu& c, u32 q, u32 op, u32 abc, u32 cmode, u32 defgh, u32 rd) {
  if (cmode == 15 && op == 1 && q == 0) return c.undefined();
  const u64 imm = expand_immediate(op, cmode, abc << 5 | defgh);
  VReg& d = c.s.v[rd];
  const bool logical = cmode < 12 && (cmode & 1) != 0;  // ORR and BIC
  u64 lo = imm, hi = imm;
  if (logical && op == 0) {
    lo = d.d[0] | imm;
    hi = d.d[1] | imm;
  } else if (logical) {
    lo = d.d[0] & ~imm;
    hi = d.d[1] & ~imm;
  } else if (op == 1 && cmode < 14) {  // MVNI
    lo = hi = ~imm;
  }
  d = {{lo, q != 0 ? hi : 0}};
}
inline void MODIMM0_lo(Vcpu& c, u32 q, u32 abc, u32 cmode, u32 defgh, u32 rd) {
  modified_immediate(c, q, 0, abc, cmode, defgh, rd);
}
inline void MODIMM0_hi(Vcpu& c, u32 q, u32 abc, u32 cmode, u32 defgh, u32 rd) {
  modified_immediate(c, q, 0, abc, 8 | cmode, defgh, rd);
}
inline void MODIMM1_lo(Vcpu& c, u32 q, u32 abc, u32 cmode, u32 defgh, u32 rd) {
  modified_immediate(c, q, 1, abc, cmode, defgh, rd);
}
inline void MODIMM1_hi(Vcpu& c, u32 q, u32 abc, u32 cmode, u32 defgh, u32 rd) {
  modified_immediate(c, q, 1, abc, 8 | cmode, defgh, rd);
}
inline void FMOV_vh(Vcpu& c, u32 q, u32 abc, u32 defgh, u32 rd) {
  const u64 sign = abc >> 2, b6 = (abc >> 1) & 1;
  const u64 rest = ((abc & 1) << 5) | defgh;
  const u64 half = sign << 15 | (b6 ^ 1) << 14 | (b6 != 0 ? u64{3} : 0) << 12 | rest << 6;
  c.s.v[rd] = duplicate(1, half, q != 0);
}

}  // namespace quince::a64
