// Meanings of cpu/a64/isa/dp_reg.inc (Arm ARM DDI 0487, C6.2), over an engine
// (cpu/interp/interp.h).
#pragma once

#include "base/bits.h"
#include "cpu/a64/sem/sem.h"

namespace quince::a64 {

// ---- Logical, and add and subtract, with a register operand that may be shifted

/// Rm shifted by a constant, inlined: `shift` is a specialised field.
template <class E>
[[gnu::always_inline]] inline auto shifted(E& e, bool sf, u32 shift, u32 rm, u32 amount) {
  return e.shift(sf, e.get(rm, sf), static_cast<ShiftType>(shift), e.imm(amount));
}
/// A 32-bit form cannot shift by 32 or more.
constexpr bool shift_valid(bool sf, u32 imm6) { return sf || imm6 < 32; }

A64_SEM AND_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.and_(e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM BIC_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.and_(e.get(rn, sf), e.not_(sf, e.get(rm, sf))));
}
A64_SEM ORR_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.orr(e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM ORN_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.orr(e.get(rn, sf), e.not_(sf, e.get(rm, sf))));
}
A64_SEM EOR_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.eor(e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM EON_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.eor(e.get(rn, sf), e.not_(sf, e.get(rm, sf))));
}
A64_SEM ANDS_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.logic_flags(sf, e.and_(e.get(rn, sf), e.get(rm, sf))));
}
A64_SEM BICS_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.logic_flags(sf, e.and_(e.get(rn, sf), e.not_(sf, e.get(rm, sf)))));
}
A64_SEM ADD_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.add(sf, e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM ADDS_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.adds(sf, e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM SUB_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.sub(sf, e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM SUBS_reg(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.subs(sf, e.get(rn, sf), e.get(rm, sf)));
}

A64_SEM AND_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.and_(e.get(rn, sf), m));
}
A64_SEM BIC_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.and_(e.get(rn, sf), e.not_(sf, m)));
}
A64_SEM ORR_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.orr(e.get(rn, sf), m));
}
A64_SEM ORN_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.orr(e.get(rn, sf), e.not_(sf, m)));
}
A64_SEM EOR_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.eor(e.get(rn, sf), m));
}
A64_SEM EON_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.eor(e.get(rn, sf), e.not_(sf, m)));
}
A64_SEM ANDS_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.logic_flags(sf, e.and_(e.get(rn, sf), m)));
}
A64_SEM BICS_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!shift_valid(sf, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.logic_flags(sf, e.and_(e.get(rn, sf), e.not_(sf, m))));
}

/// Add and subtract do not rotate.
constexpr bool arithmetic_shift_valid(bool sf, u32 shift, u32 imm6) {
  return shift != 3 && shift_valid(sf, imm6);
}

A64_SEM ADD_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!arithmetic_shift_valid(sf, shift, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.add(sf, e.get(rn, sf), m));
}
A64_SEM ADDS_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!arithmetic_shift_valid(sf, shift, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.adds(sf, e.get(rn, sf), m));
}
A64_SEM SUB_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!arithmetic_shift_valid(sf, shift, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.sub(sf, e.get(rn, sf), m));
}
A64_SEM SUBS_shifted(E& e, bool sf, u32 shift, u32 rm, u32 imm6, u32 rn, u32 rd) {
  if (!arithmetic_shift_valid(sf, shift, imm6)) return e.undefined();
  const auto m = shifted(e, sf, shift, rm, imm6);
  e.put(rd, sf, e.subs(sf, e.get(rn, sf), m));
}

/// Rm extended and shifted (ExtendReg).
template <class E>
[[gnu::always_inline]] inline auto extended(E& e, bool sf, u32 rm, u32 option, u32 amount) {
  const unsigned width = 8u << (option & 3);
  const auto m = e.get(rm, true);
  const auto x = width == 64 ? m : (option & 4) != 0 ? e.sext(m, width) : e.zext(m, width);
  return e.lsl(sf, x, amount);
}

A64_SEM ADD_ext(E& e, bool sf, u32 rm, u32 option, u32 imm3, u32 rn, u32 rd) {
  if (imm3 > 4) return e.undefined();
  const auto m = extended(e, sf, rm, option, imm3);
  e.put_sp(rd, sf, e.add(sf, e.get_sp(rn, sf), m));
}
A64_SEM ADDS_ext(E& e, bool sf, u32 rm, u32 option, u32 imm3, u32 rn, u32 rd) {
  if (imm3 > 4) return e.undefined();
  const auto m = extended(e, sf, rm, option, imm3);
  e.put(rd, sf, e.adds(sf, e.get_sp(rn, sf), m));
}
A64_SEM SUB_ext(E& e, bool sf, u32 rm, u32 option, u32 imm3, u32 rn, u32 rd) {
  if (imm3 > 4) return e.undefined();
  const auto m = extended(e, sf, rm, option, imm3);
  e.put_sp(rd, sf, e.sub(sf, e.get_sp(rn, sf), m));
}
A64_SEM SUBS_ext(E& e, bool sf, u32 rm, u32 option, u32 imm3, u32 rn, u32 rd) {
  if (imm3 > 4) return e.undefined();
  const auto m = extended(e, sf, rm, option, imm3);
  e.put(rd, sf, e.subs(sf, e.get_sp(rn, sf), m));
}

// ---- Carry and flags

A64_SEM ADC(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.add(sf, e.add(sf, e.get(rn, sf), e.get(rm, sf)), e.carry()));
}
A64_SEM ADCS(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.add_with_carry(sf, e.get(rn, sf), e.get(rm, sf), e.carry()));
}
A64_SEM SBC(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  const auto m = e.not_(sf, e.get(rm, sf));
  e.put(rd, sf, e.add(sf, e.add(sf, e.get(rn, sf), m), e.carry()));
}
A64_SEM SBCS(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  const auto m = e.not_(sf, e.get(rm, sf));
  e.put(rd, sf, e.add_with_carry(sf, e.get(rn, sf), m, e.carry()));
}
A64_SEM RMIF(E& e, u32 imm6, u32 rn, u32 mask) {
  const auto inserted = e.and_(e.ror(true, e.get(rn, true), imm6), e.imm(mask));
  e.set_nzcv(e.orr(e.and_(e.nzcv(), e.imm(~mask & 15)), inserted));
}

/// N and Z from the low `width` bits, V from the bit above them; C stays.
template <class E>
[[gnu::always_inline]] inline void set_flags_narrow(E& e, u32 rn, unsigned width) {
  const auto v = e.get(rn, false);
  const auto top = e.lsr(false, v, width - 1);
  const auto n = e.lsl(false, e.zext(top, 1), 3);
  const auto z = e.select(e.is_zero(false, e.zext(v, width)), e.imm(4), e.imm(0));
  const auto overflow = e.zext(e.eor(top, e.lsr(false, v, width)), 1);
  e.set_nzcv(e.orr(e.orr(n, z), e.orr(e.and_(e.nzcv(), e.imm(2)), overflow)));
}
A64_SEM SETF8(E& e, u32 rn) { set_flags_narrow(e, rn, 8); }
A64_SEM SETF16(E& e, u32 rn) { set_flags_narrow(e, rn, 16); }

// ---- Conditional compare and select

/// After the flags of a comparison: keeps them if `holds`, else takes the constant.
template <class E>
[[gnu::always_inline]] inline void flags_if(E& e, typename E::Bool holds, u32 nzcv) {
  e.set_nzcv(e.select(holds, e.nzcv(), e.imm(nzcv)));
}

A64_SEM CCMN_reg(E& e, bool sf, u32 rm, u32 cond, u32 rn, u32 nzcv) {
  const auto holds = e.cond(cond);
  e.adds(sf, e.get(rn, sf), e.get(rm, sf));
  flags_if(e, holds, nzcv);
}
A64_SEM CCMP_reg(E& e, bool sf, u32 rm, u32 cond, u32 rn, u32 nzcv) {
  const auto holds = e.cond(cond);
  e.subs(sf, e.get(rn, sf), e.get(rm, sf));
  flags_if(e, holds, nzcv);
}
A64_SEM CCMN_imm(E& e, bool sf, u32 imm5, u32 cond, u32 rn, u32 nzcv) {
  const auto holds = e.cond(cond);
  e.adds(sf, e.get(rn, sf), e.imm(imm5));
  flags_if(e, holds, nzcv);
}
A64_SEM CCMP_imm(E& e, bool sf, u32 imm5, u32 cond, u32 rn, u32 nzcv) {
  const auto holds = e.cond(cond);
  e.subs(sf, e.get(rn, sf), e.imm(imm5));
  flags_if(e, holds, nzcv);
}

A64_SEM CSEL(E& e, bool sf, u32 rm, u32 cond, u32 rn, u32 rd) {
  e.put(rd, sf, e.select(e.cond(cond), e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM CSINC(E& e, bool sf, u32 rm, u32 cond, u32 rn, u32 rd) {
  e.put(rd, sf, e.select(e.cond(cond), e.get(rn, sf), e.add(sf, e.get(rm, sf), e.imm(1))));
}
A64_SEM CSINV(E& e, bool sf, u32 rm, u32 cond, u32 rn, u32 rd) {
  e.put(rd, sf, e.select(e.cond(cond), e.get(rn, sf), e.not_(sf, e.get(rm, sf))));
}
A64_SEM CSNEG(E& e, bool sf, u32 rm, u32 cond, u32 rn, u32 rd) {
  e.put(rd, sf, e.select(e.cond(cond), e.get(rn, sf), e.sub(sf, e.imm(0), e.get(rm, sf))));
}

// ---- One source

/// Exchanges neighbouring groups of bits; `low` masks the lower group of each pair.
template <class E>
[[gnu::always_inline]] inline auto swap_groups(E& e, typename E::Val v, unsigned n, u64 low) {
  return e.orr(e.and_(e.lsr(true, v, n), e.imm(low)), e.lsl(true, e.and_(v, e.imm(low)), n));
}
A64_SEM RBIT(E& e, bool sf, u32 rn, u32 rd) { e.put(rd, sf, e.rbit(sf, e.get(rn, sf))); }
A64_SEM REV16(E& e, bool sf, u32 rn, u32 rd) {
  e.put(rd, sf, swap_groups(e, e.get(rn, sf), 8, 0x00ff'00ff'00ff'00ff));
}
A64_SEM REV_w(E& e, u32 rn, u32 rd) { e.put(rd, false, e.bswap32(e.get(rn, false))); }
A64_SEM REV32(E& e, u32 rn, u32 rd) {
  e.put(rd, true, e.ror(true, e.bswap64(e.get(rn, true)), 32));
}
A64_SEM REV_x(E& e, u32 rn, u32 rd) { e.put(rd, true, e.bswap64(e.get(rn, true))); }
A64_SEM CLZ(E& e, bool sf, u32 rn, u32 rd) { e.put(rd, sf, e.clz(sf, e.get(rn, sf))); }
A64_SEM CLS(E& e, bool sf, u32 rn, u32 rd) {
  const auto v = e.get(rn, sf);
  const auto changes = e.eor(v, e.asr(sf, v, 1));
  e.put(rd, sf, e.sub(sf, e.clz(sf, changes), e.imm(1)));
}

// ---- Two sources

A64_SEM UDIV(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.udiv(sf, e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM SDIV(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.sdiv(sf, e.get(rn, sf), e.get(rm, sf)));
}
A64_SEM LSLV(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.shift(sf, e.get(rn, sf), ShiftType::Lsl, e.get(rm, sf)));
}
A64_SEM LSRV(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.shift(sf, e.get(rn, sf), ShiftType::Lsr, e.get(rm, sf)));
}
A64_SEM ASRV(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.shift(sf, e.get(rn, sf), ShiftType::Asr, e.get(rm, sf)));
}
A64_SEM RORV(E& e, bool sf, u32 rm, u32 rn, u32 rd) {
  e.put(rd, sf, e.shift(sf, e.get(rn, sf), ShiftType::Ror, e.get(rm, sf)));
}

A64_SEM CRC32B(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(false, e.get(rn, false), e.get(rm, false), 1));
}
A64_SEM CRC32H(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(false, e.get(rn, false), e.get(rm, false), 2));
}
A64_SEM CRC32W(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(false, e.get(rn, false), e.get(rm, false), 4));
}
A64_SEM CRC32X(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(false, e.get(rn, false), e.get(rm, true), 8));
}
A64_SEM CRC32CB(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(true, e.get(rn, false), e.get(rm, false), 1));
}
A64_SEM CRC32CH(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(true, e.get(rn, false), e.get(rm, false), 2));
}
A64_SEM CRC32CW(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(true, e.get(rn, false), e.get(rm, false), 4));
}
A64_SEM CRC32CX(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, false, e.crc32(true, e.get(rn, false), e.get(rm, true), 8));
}

// ---- Three sources

A64_SEM MADD(E& e, bool sf, u32 rm, u32 ra, u32 rn, u32 rd) {
  e.put(rd, sf, e.add(sf, e.get(ra, sf), e.mul(sf, e.get(rn, sf), e.get(rm, sf))));
}
A64_SEM MSUB(E& e, bool sf, u32 rm, u32 ra, u32 rn, u32 rd) {
  e.put(rd, sf, e.sub(sf, e.get(ra, sf), e.mul(sf, e.get(rn, sf), e.get(rm, sf))));
}

/// The 64-bit product of two words.
template <class E>
[[gnu::always_inline]] inline auto long_product(E& e, bool is_signed, u32 rn, u32 rm) {
  const auto n = e.get(rn, false), m = e.get(rm, false);
  return is_signed ? e.mul(true, e.sext(n, 32), e.sext(m, 32)) : e.mul(true, n, m);
}
A64_SEM SMADDL(E& e, u32 rm, u32 ra, u32 rn, u32 rd) {
  e.put(rd, true, e.add(true, e.get(ra, true), long_product(e, true, rn, rm)));
}
A64_SEM SMSUBL(E& e, u32 rm, u32 ra, u32 rn, u32 rd) {
  e.put(rd, true, e.sub(true, e.get(ra, true), long_product(e, true, rn, rm)));
}
A64_SEM UMADDL(E& e, u32 rm, u32 ra, u32 rn, u32 rd) {
  e.put(rd, true, e.add(true, e.get(ra, true), long_product(e, false, rn, rm)));
}
A64_SEM UMSUBL(E& e, u32 rm, u32 ra, u32 rn, u32 rd) {
  e.put(rd, true, e.sub(true, e.get(ra, true), long_product(e, false, rn, rm)));
}
A64_SEM SMULH(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, true, e.smulh(e.get(rn, true), e.get(rm, true)));
}
A64_SEM UMULH(E& e, u32 rm, u32 rn, u32 rd) {
  e.put(rd, true, e.umulh(e.get(rn, true), e.get(rm, true)));
}

}  // namespace quince::a64
