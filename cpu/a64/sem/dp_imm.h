// Meanings of cpu/a64/isa/dp_imm.inc (Arm ARM DDI 0487, C6.2), over an engine (cpu/interp/interp.h).
#pragma once

#include <bit>

#include "base/bits.h"
#include "base/types.h"
#include "cpu/a64/sem/sem.h"

namespace quince::a64 {

/// DecodeBitMasks for a logical immediate; false when the encoding is reserved.  The interpreter
/// does this each time, so it has no loops: a multiplication repeats the run of ones over 64 bits,
/// and since the element size divides 64, one rotation then rotates every element.
constexpr bool decode_bit_masks(bool n, u32 imms, u32 immr, bool sf, u64& wmask) {
  constexpr u64 kRepeat[7] = {~u64{0},
                              0x5555'5555'5555'5555,
                              0x1111'1111'1111'1111,
                              0x0101'0101'0101'0101,
                              0x0001'0001'0001'0001,
                              0x0000'0001'0000'0001,
                              1};
  const u32 key = (static_cast<u32>(n) << 6) | (~imms & 0x3f);
  if (key < 2 || (!sf && n)) return false;
  const unsigned len = 31u - static_cast<unsigned>(std::countl_zero(key));
  const u32 levels = (1u << len) - 1;
  const u32 s = imms & levels;
  if (s == levels) return false;
  wmask = std::rotr(low_mask(s + 1) * kRepeat[len], static_cast<int>(immr));
  if (!sf) wmask &= 0xffff'ffff;
  return true;
}

A64_SEM ADR(E& e, u32 immlo, u32 immhi, u32 rd) {
  const s64 offset = sign_extend<21>((immhi << 2) | immlo);
  e.put(rd, true, e.add(true, e.pc(), e.imm(static_cast<u64>(offset))));
}
A64_SEM ADRP(E& e, u32 immlo, u32 immhi, u32 rd) {
  const s64 offset = sign_extend<21>((immhi << 2) | immlo) * 4096;
  const auto page = e.and_(e.pc(), e.imm(~u64{0xfff}));
  e.put(rd, true, e.add(true, page, e.imm(static_cast<u64>(offset))));
}

A64_SEM ADD_imm(E& e, bool sf, bool sh, u32 imm12, u32 rn, u32 rd) {
  e.put_sp(rd, sf, e.add(sf, e.get_sp(rn, sf), e.imm(u64{imm12} << (sh ? 12 : 0))));
}
A64_SEM ADDS_imm(E& e, bool sf, bool sh, u32 imm12, u32 rn, u32 rd) {
  e.put(rd, sf, e.adds(sf, e.get_sp(rn, sf), e.imm(u64{imm12} << (sh ? 12 : 0))));
}
A64_SEM SUB_imm(E& e, bool sf, bool sh, u32 imm12, u32 rn, u32 rd) {
  e.put_sp(rd, sf, e.sub(sf, e.get_sp(rn, sf), e.imm(u64{imm12} << (sh ? 12 : 0))));
}
A64_SEM SUBS_imm(E& e, bool sf, bool sh, u32 imm12, u32 rn, u32 rd) {
  e.put(rd, sf, e.subs(sf, e.get_sp(rn, sf), e.imm(u64{imm12} << (sh ? 12 : 0))));
}

A64_SEM AND_imm(E& e, bool sf, bool n, u32 immr, u32 imms, u32 rn, u32 rd) {
  u64 m = 0;
  if (!decode_bit_masks(n, imms, immr, sf, m)) return e.undefined();
  e.put_sp(rd, sf, e.and_(e.get(rn, sf), e.imm(m)));
}
A64_SEM ORR_imm(E& e, bool sf, bool n, u32 immr, u32 imms, u32 rn, u32 rd) {
  u64 m = 0;
  if (!decode_bit_masks(n, imms, immr, sf, m)) return e.undefined();
  e.put_sp(rd, sf, e.orr(e.get(rn, sf), e.imm(m)));
}
A64_SEM EOR_imm(E& e, bool sf, bool n, u32 immr, u32 imms, u32 rn, u32 rd) {
  u64 m = 0;
  if (!decode_bit_masks(n, imms, immr, sf, m)) return e.undefined();
  e.put_sp(rd, sf, e.eor(e.get(rn, sf), e.imm(m)));
}
A64_SEM ANDS_imm(E& e, bool sf, bool n, u32 immr, u32 imms, u32 rn, u32 rd) {
  u64 m = 0;
  if (!decode_bit_masks(n, imms, immr, sf, m)) return e.undefined();
  e.put(rd, sf, e.logic_flags(sf, e.and_(e.get(rn, sf), e.imm(m))));
}

A64_SEM MOVN(E& e, bool sf, u32 hw, u32 imm16, u32 rd) {
  if (!sf && hw > 1) return e.undefined();
  e.put(rd, sf, e.imm(~(u64{imm16} << (hw * 16))));
}
A64_SEM MOVZ(E& e, bool sf, u32 hw, u32 imm16, u32 rd) {
  if (!sf && hw > 1) return e.undefined();
  e.put(rd, sf, e.imm(u64{imm16} << (hw * 16)));
}
A64_SEM MOVK(E& e, bool sf, u32 hw, u32 imm16, u32 rd) {
  if (!sf && hw > 1) return e.undefined();
  const auto kept = e.and_(e.get(rd, sf), e.imm(~(u64{0xffff} << (hw * 16))));
  e.put(rd, sf, e.orr(kept, e.imm(u64{imm16} << (hw * 16))));
}

/// The fields of a bitfield instruction are valid for its width.
constexpr bool bitfield_valid(bool sf, bool n, u32 immr, u32 imms) {
  return n == sf && (sf || (immr < 32 && imms < 32));
}

A64_SEM SBFM(E& e, bool sf, bool n, u32 immr, u32 imms, u32 rn, u32 rd) {
  if (!bitfield_valid(sf, n, immr, imms)) return e.undefined();
  const auto v = e.get(rn, sf);
  if (imms >= immr)
    e.put(rd, sf, e.sext(e.lsr(sf, v, immr), imms - immr + 1));
  else
    e.put(rd, sf, e.lsl(sf, e.sext(v, imms + 1), (sf ? 64 : 32) - immr));
}
A64_SEM UBFM(E& e, bool sf, bool n, u32 immr, u32 imms, u32 rn, u32 rd) {
  if (!bitfield_valid(sf, n, immr, imms)) return e.undefined();
  const auto v = e.get(rn, sf);
  if (imms >= immr)
    e.put(rd, sf, e.zext(e.lsr(sf, v, immr), imms - immr + 1));
  else
    e.put(rd, sf, e.lsl(sf, e.zext(v, imms + 1), (sf ? 64 : 32) - immr));
}
A64_SEM BFM(E& e, bool sf, bool n, u32 immr, u32 imms, u32 rn, u32 rd) {
  if (!bitfield_valid(sf, n, immr, imms)) return e.undefined();
  const unsigned width = imms >= immr ? imms - immr + 1 : imms + 1;
  const unsigned lsb = imms >= immr ? 0 : (sf ? 64 : 32) - immr;
  const auto v = e.get(rn, sf);
  const auto field = e.zext(imms >= immr ? e.lsr(sf, v, immr) : v, width);
  const auto kept = e.and_(e.get(rd, sf), e.imm(~(low_mask(width) << lsb)));
  e.put(rd, sf, e.orr(kept, e.lsl(sf, field, lsb)));
}

A64_SEM EXTR(E& e, bool sf, bool n, u32 rm, u32 imms, u32 rn, u32 rd) {
  if (n != sf || (!sf && imms >= 32)) return e.undefined();
  if (imms == 0) return e.put(rd, sf, e.get(rm, sf));
  const auto low = e.lsr(sf, e.get(rm, sf), imms);
  e.put(rd, sf, e.orr(low, e.lsl(sf, e.get(rn, sf), (sf ? 64 : 32) - imms)));
}

}  // namespace quince::a64
