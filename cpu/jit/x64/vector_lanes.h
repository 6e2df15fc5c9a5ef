// Shapes that many vector instructions share, as drivers around a function for the elements.
#pragma once

#include "cpu/jit/x64/host_rows.h"
#include "cpu/jit/x64/vector_code.h"

namespace quince::cpu::jit {

using Xbyak::Xmm;

/// Elements of an instruction: log2 of their bytes, and whether the upper half of the register takes part.
struct Shape {
  unsigned size = 0;
  bool q = true;
};

/// Writes the code of d = op(a, b) for each element.  It may use xmm2 and xmm3; `d` may be the same register as `a` or
/// `b`, which are in other registers than those two.  False: not for this shape.
using Lanes2 = bool (*)(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s);
using Lanes1 = bool (*)(VectorCode& v, const Xmm& d, const Xmm& a, Shape s);

using Op3 = void (Xbyak::CodeGenerator::*)(const Xmm&, const Xmm&, const Xbyak::Operand&);
using Op2 = void (Xbyak::CodeGenerator::*)(const Xmm&, const Xbyak::Operand&);
using G = Xbyak::CodeGenerator;

inline const Xmm kT0(0), kT1(1), kT2(2), kT3(3);

/// One instruction of the host for each size; null: none.
template <Op3 B, Op3 H, Op3 S, Op3 D>
bool each(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  static constexpr Op3 kOps[] = {B, H, S, D};
  const Op3 op = kOps[s.size];
  if (op == nullptr) return false;
  (v.x.*op)(d, a, b);
  return true;
}

inline bool reserved(const VectorFields& f) { return f.size == 3 && !f.q; }

/// Vd = F(Vn, Vm).
template <Lanes2 F>
bool three_same(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (reserved(f)) return false;
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1), d = v.target(f.rd);
  if (!F(v, d, a, b, {f.size, f.q})) return false;
  v.finish(f.q, f.rd, d);
  return true;
}

/// The same of 64-bit scalars.
template <Lanes2 F>
bool three_same_d(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Xmm a = v.in(f.rn, 0), b = v.in(f.rm, 1);
  if (!F(v, kT0, a, b, {3, false})) return false;
  v.finish(false, f.rd, kT0);
  return true;
}

/// Vd = A(Vd, F(Vn, Vm)).
template <Lanes2 F, Lanes2 A>
bool accumulate(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (reserved(f)) return false;
  if (!F(v, kT0, v.in(f.rn, 0), v.in(f.rm, 1), {f.size, f.q})) return false;
  const Xmm d = v.target(f.rd, 1);
  if (!A(v, d, v.in(f.rd, 1), kT0, {f.size, f.q})) return false;
  v.finish(f.q, f.rd, d);
  return true;
}

/// Vd = F(Vn).
template <Lanes1 F>
bool two_same(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (reserved(f)) return false;
  const Xmm d = v.target(f.rd);
  if (!F(v, d, v.in(f.rn, 0), {f.size, f.q})) return false;
  v.finish(f.q, f.rd, d);
  return true;
}

template <Lanes1 F>
bool two_same_d(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  if (!F(v, kT0, v.in(f.rn, 0), {3, false})) return false;
  v.finish(false, f.rd, kT0);
  return true;
}

/// The element of Rm that an instruction "by element" names, everywhere in `t`.
struct Element {
  u32 r;
  unsigned index;
};
Element element_of(u32 insn, unsigned size);
void broadcast(VectorCode& v, const Xmm& to, const Xmm& from, unsigned size, unsigned index);

/// Vd = F(Vn, Vm.element).
template <Lanes2 F>
bool by_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Element m = element_of(insn, f.size);
  broadcast(v, kT1, v.in(m.r, 1), f.size, m.index);
  const Xmm d = v.target(f.rd);
  if (!F(v, d, v.in(f.rn, 0), kT1, {f.size, f.q})) return false;
  v.finish(f.q, f.rd, d);
  return true;
}

template <Lanes2 F, Lanes2 A>
bool accumulate_by_element(Emitter& e, u32 insn) {
  VectorCode v(e);
  const VectorFields f(insn);
  const Element m = element_of(insn, f.size);
  broadcast(v, kT1, v.in(m.r, 1), f.size, m.index);
  if (!F(v, kT0, v.in(f.rn, 0), kT1, {f.size, f.q})) return false;
  const Xmm d = v.target(f.rd, 1);
  if (!A(v, d, v.in(f.rd, 1), kT0, {f.size, f.q})) return false;
  v.finish(f.q, f.rd, d);
  return true;
}

/// The smallest number stays as it is. Uses xmm2 and xmm3.
bool abs_lanes(VectorCode& v, const Xmm& d, const Xmm& a, Shape s);
/// The elements of one half of `a`, twice as wide.
void widen(VectorCode& v, const Xmm& to, const Xmm& a, unsigned size, bool upper, bool is_signed);
/// The low halves of elements, which will have `size`, in the low 8 bytes.  Uses xmm3.
void narrow(VectorCode& v, const Xmm& to, const Xmm& a, unsigned size);
/// The low 8 bytes of `t` are the result of a narrowing instruction: the upper half of Rd for `q`.
void finish_narrow(VectorCode& v, bool q, u32 rd, const Xmm& t);

bool shift_left(VectorCode& v, const Xmm& d, const Xmm& a, unsigned size, unsigned n);
/// Both use xmm3.
bool shift_right(VectorCode& v, const Xmm& d, const Xmm& a, unsigned size, unsigned n,
                 bool is_signed);

inline bool add_lanes(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpaddb, &G::vpaddw, &G::vpaddd, &G::vpaddq>(v, d, a, b, s);
}
inline bool sub_lanes(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpsubb, &G::vpsubw, &G::vpsubd, &G::vpsubq>(v, d, a, b, s);
}
inline bool equal_lanes(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpcmpeqb, &G::vpcmpeqw, &G::vpcmpeqd, &G::vpcmpeqq>(v, d, a, b, s);
}
inline bool greater_lanes(VectorCode& v, const Xmm& d, const Xmm& a, const Xmm& b, Shape s) {
  return each<&G::vpcmpgtb, &G::vpcmpgtw, &G::vpcmpgtd, &G::vpcmpgtq>(v, d, a, b, s);
}
/// Both operands twice as wide, multiplied: xmm0 is the product, xmm2 and xmm3 are used. In vec_shift.cpp.
template <bool IsSigned>
void widening_mul(VectorCode& v, const Xmm& a, const Xmm& b, Shape s);

}  // namespace quince::cpu::jit
