// Meanings of cpu/a64/isa/ldst_struct.inc (Arm ARM DDI 0487, C7.2: LD1 to LD4R, ST1 to ST4).
//
// Memory holds structures of one to four elements; element i of each goes to register Vt+i, modulo
// 32.  The elements are accesses of their own to the architecture (alignment, faults); where they
// all are in one page of plain memory they move as a block.  A load that faults has written no
// register.  A store that faults may have written the elements before.
//
// The meanings make the CPACR_EL1.FPEN check themselves, after that for unallocated encodings.
#pragma once

#include <array>

#include "cpu/a64/sem/ldst_common.h"

namespace quince::a64 {

/// The elements of one instruction as they are in memory.
using StructBytes = std::array<u8, 64>;

/// What stands in for Rm in the forms without post-index.
inline constexpr u32 kNoPostIndex = 32;

template <class T>
bool load_elements(cpu::Vcpu& c, u64 va, unsigned n_bytes, u8* out) {
  for (unsigned i = 0; i < n_bytes; i += sizeof(T)) {
    T v;
    if (!c.load(va + i, v)) return false;
    std::memcpy(out + i, &v, sizeof v);
  }
  return true;
}
template <class T>
bool store_elements(cpu::Vcpu& c, u64 va, unsigned n_bytes, const u8* in) {
  for (unsigned i = 0; i < n_bytes; i += sizeof(T)) {
    T v;
    std::memcpy(&v, in + i, sizeof v);
    if (!c.store(va + i, v)) return false;
  }
  return true;
}

/// Moves n_bytes as elements of 2^log2 bytes; false after an exception.
inline bool load_struct(cpu::Vcpu& c, u64 va, unsigned log2, unsigned n_bytes, StructBytes& out) {
  if (const u8* p = c.fast_memory<false>(va, n_bytes, 1u << log2)) [[likely]] {
    std::memcpy(out.data(), p, n_bytes);
    return true;
  }
  switch (log2) {
    case 0: return load_elements<u8>(c, va, n_bytes, out.data());
    case 1: return load_elements<u16>(c, va, n_bytes, out.data());
    case 2: return load_elements<u32>(c, va, n_bytes, out.data());
    default: return load_elements<u64>(c, va, n_bytes, out.data());
  }
}
inline bool store_struct(cpu::Vcpu& c, u64 va, unsigned log2, unsigned n_bytes,
                         const StructBytes& in) {
  if (u8* p = c.fast_memory<true>(va, n_bytes, 1u << log2)) [[likely]] {
    std::memcpy(p, in.data(), n_bytes);
    return true;
  }
  switch (log2) {
    case 0: return store_elements<u8>(c, va, n_bytes, in.data());
    case 1: return store_elements<u16>(c, va, n_bytes, in.data());
    case 2: return store_elements<u32>(c, va, n_bytes, in.data());
    default: return store_elements<u64>(c, va, n_bytes, in.data());
  }
}

/// Element `lane` of 2^log2 bytes in a register.
inline u8* element(cpu::VReg& v, unsigned log2, unsigned lane) {
  return reinterpret_cast<u8*>(v.d) + (lane << log2);
}

/// Base plus Rm, or plus the size of the transfer.
inline void post_index(cpu::Vcpu& c, u32 rn, u64 va, u32 rm, unsigned n_bytes) {
  if (rm == kNoPostIndex) return;
  put_base(c, rn, va + (rm == 31 ? n_bytes : c.s.x[rm]));
}

/// The CPACR_EL1.FPEN check, which follows that of the encoding, and the base; false after an
/// exception.
inline bool struct_address(cpu::Vcpu& c, u32 rn, u64& va) {
  return c.fp_access_check() && base_address(c, rn, va);
}

// ---- Multiple structures

/// `kRegs` registers in structures of `kElems`: LD1 of n registers is <n, 1>, LDn is <n, n>.
template <unsigned kRegs, unsigned kElems>
void load_multiple(cpu::Vcpu& c, bool q, u32 rm, u32 size, u32 rn, u32 rt) {
  if (kElems > 1 && size == 3 && !q) return c.undefined();
  u64 va = 0;
  if (!struct_address(c, rn, va)) return;
  const unsigned reg_bytes = q ? 16 : 8, n_bytes = kRegs * reg_bytes;
  StructBytes mem;
  if (!load_struct(c, va, size, n_bytes, mem)) return;
  for (unsigned r = 0; r < kRegs; ++r) {
    cpu::VReg v;
    if constexpr (kElems == 1) {
      std::memcpy(v.d, mem.data() + r * reg_bytes, reg_bytes);
    } else {
      for (unsigned lane = 0; lane < reg_bytes >> size; ++lane)
        std::memcpy(element(v, size, lane), mem.data() + ((lane * kElems + r) << size), 1u << size);
    }
    c.s.v[(rt + r) & 31] = v;
  }
  post_index(c, rn, va, rm, n_bytes);
}
template <unsigned kRegs, unsigned kElems>
void store_multiple(cpu::Vcpu& c, bool q, u32 rm, u32 size, u32 rn, u32 rt) {
  if (kElems > 1 && size == 3 && !q) return c.undefined();
  u64 va = 0;
  if (!struct_address(c, rn, va)) return;
  const unsigned reg_bytes = q ? 16 : 8, n_bytes = kRegs * reg_bytes;
  StructBytes mem;
  for (unsigned r = 0; r < kRegs; ++r) {
    cpu::VReg v = c.s.v[(rt + r) & 31];
    if constexpr (kElems == 1) {
      std::memcpy(mem.data() + r * reg_bytes, v.d, reg_bytes);
    } else {
      for (unsigned lane = 0; lane < reg_bytes >> size; ++lane)
        std::memcpy(mem.data() + ((lane * kElems + r) << size), element(v, size, lane), 1u << size);
    }
  }
  if (store_struct(c, va, size, n_bytes, mem)) post_index(c, rn, va, rm, n_bytes);
}

#define A64_MULTIPLE(suffix, regs, elems)                                                     \
  inline void LD##suffix(cpu::Vcpu& c, bool q, u32 size, u32 rn, u32 rt) {                    \
    load_multiple<regs, elems>(c, q, kNoPostIndex, size, rn, rt);                             \
  }                                                                                           \
  inline void LD##suffix##_post(cpu::Vcpu& c, bool q, u32 rm, u32 size, u32 rn, u32 rt) {     \
    load_multiple<regs, elems>(c, q, rm, size, rn, rt);                                       \
  }                                                                                           \
  inline void ST##suffix(cpu::Vcpu& c, bool q, u32 size, u32 rn, u32 rt) {                    \
    store_multiple<regs, elems>(c, q, kNoPostIndex, size, rn, rt);                            \
  }                                                                                           \
  inline void ST##suffix##_post(cpu::Vcpu& c, bool q, u32 rm, u32 size, u32 rn, u32 rt) {     \
    store_multiple<regs, elems>(c, q, rm, size, rn, rt);                                      \
  }
A64_MULTIPLE(1x1, 1, 1)
A64_MULTIPLE(1x2, 2, 1)
A64_MULTIPLE(1x3, 3, 1)
A64_MULTIPLE(1x4, 4, 1)
A64_MULTIPLE(2, 2, 2)
A64_MULTIPLE(3, 3, 3)
A64_MULTIPLE(4, 4, 4)
#undef A64_MULTIPLE

// ---- One structure

/// Elements of one structure, from the fields of LD1 to LD4 (single structure).
constexpr unsigned elements(bool n, bool r) { return (n ? 2u : 0u) + (r ? 1u : 0u) + 1; }

inline void load_lane(cpu::Vcpu& c, unsigned elems, u32 rm, unsigned log2, unsigned lane, u32 rn,
                      u32 rt) {
  u64 va = 0;
  if (!struct_address(c, rn, va)) return;
  StructBytes mem;
  if (!load_struct(c, va, log2, elems << log2, mem)) return;
  for (unsigned i = 0; i < elems; ++i)
    std::memcpy(element(c.s.v[(rt + i) & 31], log2, lane), mem.data() + (i << log2), 1u << log2);
  post_index(c, rn, va, rm, elems << log2);
}
inline void store_lane(cpu::Vcpu& c, unsigned elems, u32 rm, unsigned log2, unsigned lane, u32 rn,
                       u32 rt) {
  u64 va = 0;
  if (!struct_address(c, rn, va)) return;
  StructBytes mem;
  for (unsigned i = 0; i < elems; ++i)
    std::memcpy(mem.data() + (i << log2), element(c.s.v[(rt + i) & 31], log2, lane), 1u << log2);
  if (store_struct(c, va, log2, elems << log2, mem)) post_index(c, rn, va, rm, elems << log2);
}
/// LD1R to LD4R: every lane of each register.
inline void load_replicated(cpu::Vcpu& c, bool q, unsigned elems, u32 rm, unsigned log2, u32 rn,
                            u32 rt) {
  u64 va = 0;
  if (!struct_address(c, rn, va)) return;
  StructBytes mem;
  if (!load_struct(c, va, log2, elems << log2, mem)) return;
  for (unsigned i = 0; i < elems; ++i) {
    cpu::VReg v;
    for (unsigned lane = 0; lane < (q ? 16u : 8u) >> log2; ++lane)
      std::memcpy(element(v, log2, lane), mem.data() + (i << log2), 1u << log2);
    c.s.v[(rt + i) & 31] = v;
  }
  post_index(c, rn, va, rm, elems << log2);
}

// The lane is made of Q, S and what `size` has to spare.
#define A64_LANE(id, access)                                                                       \
  inline void id##_b(cpu::Vcpu& c, u32 q, bool r, bool n, u32 s, u32 size, u32 rn, u32 rt) {       \
    access(c, elements(n, r), kNoPostIndex, 0, (q << 3) | (s << 2) | size, rn, rt);                \
  }                                                                                                \
  inline void id##_h(cpu::Vcpu& c, u32 q, bool r, bool n, u32 s, u32 size, u32 rn, u32 rt) {       \
    access(c, elements(n, r), kNoPostIndex, 1, (q << 2) | (s << 1) | size, rn, rt);                \
  }                                                                                                \
  inline void id##_s(cpu::Vcpu& c, u32 q, bool r, bool n, u32 s, u32 rn, u32 rt) {                 \
    access(c, elements(n, r), kNoPostIndex, 2, (q << 1) | s, rn, rt);                              \
  }                                                                                                \
  inline void id##_d(cpu::Vcpu& c, u32 q, bool r, bool n, u32 rn, u32 rt) {                        \
    access(c, elements(n, r), kNoPostIndex, 3, q, rn, rt);                                         \
  }                                                                                                \
  inline void id##_b_post(cpu::Vcpu& c, u32 q, bool r, u32 rm, bool n, u32 s, u32 size, u32 rn,    \
                          u32 rt) {                                                                \
    access(c, elements(n, r), rm, 0, (q << 3) | (s << 2) | size, rn, rt);                          \
  }                                                                                                \
  inline void id##_h_post(cpu::Vcpu& c, u32 q, bool r, u32 rm, bool n, u32 s, u32 size, u32 rn,    \
                          u32 rt) {                                                                \
    access(c, elements(n, r), rm, 1, (q << 2) | (s << 1) | size, rn, rt);                          \
  }                                                                                                \
  inline void id##_s_post(cpu::Vcpu& c, u32 q, bool r, u32 rm, bool n, u32 s, u32 rn, u32 rt) {    \
    access(c, elements(n, r), rm, 2, (q << 1) | s, rn, rt);                                        \
  }                                                                                                \
  inline void id##_d_post(cpu::Vcpu& c, u32 q, bool r, u32 rm, bool n, u32 rn, u32 rt) {           \
    access(c, elements(n, r), rm, 3, q, rn, rt);                                                   \
  }
A64_LANE(LD_lane, load_lane)
A64_LANE(ST_lane, store_lane)
#undef A64_LANE

inline void LD_rep(cpu::Vcpu& c, bool q, bool r, bool n, u32 size, u32 rn, u32 rt) {
  load_replicated(c, q, elements(n, r), kNoPostIndex, size, rn, rt);
}
inline void LD_rep_post(cpu::Vcpu& c, bool q, bool r, u32 rm, bool n, u32 size, u32 rn, u32 rt) {
  load_replicated(c, q, elements(n, r), rm, size, rn, rt);
}

}  // namespace quince::a64
