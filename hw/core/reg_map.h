// The register table: the datasheet's table and the code are one table.
//
//   using Op = RegOps<Pl031>;
//   constexpr auto Pl031::kRegs = std::to_array<Reg<Pl031>>({
//       {{0x000, "RTCDR"}, Op::get<&Pl031::counter>, nullptr},
//       {{0x004, "RTCMR"}, Op::get<&State::match>, Op::set<&Pl031::set_match>},
//       {{.offset = 0x400, .name = "GICD_IPRIORITYR", .access = 1 | 4, .count = 255}, ...}});
//
// `Op::get<F>` takes a member function `T f() const` or `T f(unsigned i) const` (i: the element of
// an array row), or a data member of D::State.  `Op::set<F>` takes `void f(T)`, `void f(unsigned i,
// T)` or a data member.  `Op::set_masked<F, Mask>` stores a data member's writable bits only, and
// `Op::w1c<F, Mask>` clears the bits written as one.  After every successful write
// the device's `sync()` runs, so no handler can forget it.
//
// Odd accesses are handled here, once: an access smaller than its register is taken where
// `access` lists its size (a read is extracted, a write is merged into the register's value), one
// that is larger is split over consecutive registers where each of them lists it.  A row that says
// `.read_effect` is never read on the side: not for a debugger, not to merge a narrow write.
#pragma once

#include <concepts>
#include <span>
#include <type_traits>

#include "base/bits.h"
#include "hw/core/mmio.h"

namespace quince::hw {

/// One row: what the register is, and how the device D reads and writes it.
template <class D>
struct Reg : RegInfo {
  using Read = u64 (*)(D&, unsigned index);
  using Write = void (*)(D&, unsigned index, u64 value);

  // Three forms, because g++ 12 under UBSan refuses to compare function pointers in constants.
  constexpr Reg(RegInfo info, Read r, Write w) : Reg(info, r, w, true, true) {}
  constexpr Reg(RegInfo info, Read r, std::nullptr_t) : Reg(info, r, nullptr, true, false) {}
  constexpr Reg(RegInfo info, std::nullptr_t, Write w) : Reg(info, nullptr, w, false, true) {}

  Read read;
  Write write;

 private:
  constexpr Reg(RegInfo info, Read r, Write w, bool can_read, bool can_write)
      : RegInfo(info), read(r), write(w) {
    readable = can_read;
    writable = can_write;
    if (stride == 0) stride = size;
  }
};

/// Makes the function pointers of a row from members of D or D::State.
template <class D>
struct RegOps {
  template <auto F>
  static constexpr u64 get(D& d, [[maybe_unused]] unsigned i) {
    using M = decltype(F);
    if constexpr (std::is_member_object_pointer_v<M>) {
      auto& m = d.s_.*F;
      if constexpr (requires { m[i]; })
        return static_cast<u64>(m[i]);
      else
        return static_cast<u64>(m);
    } else if constexpr (std::is_invocable_v<M, D&, unsigned>) {
      return static_cast<u64>((d.*F)(i));
    } else {
      return static_cast<u64>((d.*F)());
    }
  }

  template <auto F>
  static constexpr void set(D& d, unsigned i, u64 v) {
    store<F, ~u64{0}>(d, i, v);
  }
  template <auto F, u64 Mask>
  static constexpr void set_masked(D& d, unsigned i, u64 v) {
    static_assert(std::is_member_object_pointer_v<decltype(F)>);
    store<F, Mask>(d, i, v);
  }
  template <auto F, u64 Mask = ~u64{0}>
  static constexpr void w1c(D& d, unsigned i, u64 v) {
    const u64 old = get<F>(d, i);
    store<F, ~u64{0}>(d, i, old & ~(v & Mask));
  }

  template <u64 V>
  static constexpr u64 constant(D&, unsigned) {
    return V;
  }
  /// Reserved: accepted and ignored.
  static constexpr void ignore(D&, unsigned, u64) {}

 private:
  template <auto F, u64 Mask>
  static constexpr void store(D& d, [[maybe_unused]] unsigned i, u64 v) {
    using M = decltype(F);
    if constexpr (std::is_member_object_pointer_v<M>) {
      auto put = [&](auto& m) {
        using T = std::remove_reference_t<decltype(m)>;
        m = static_cast<T>((static_cast<u64>(m) & ~Mask) | (v & Mask));
      };
      auto& m = d.s_.*F;
      if constexpr (requires { m[i]; })
        put(m[i]);
      else
        put(m);
    } else if constexpr (requires { (d.*F)(i, v); }) {
      (d.*F)(i, static_cast<arg_t<M, 1>>(v));
    } else {
      (d.*F)(static_cast<arg_t<M, 0>>(v));
    }
    d.sync();
  }

  template <class M>
  struct Args;
  template <class R, class C, class A0>
  struct Args<R (C::*)(A0)> {
    using T0 = A0;
    using T1 = A0;
  };
  template <class R, class C, class A0, class A1>
  struct Args<R (C::*)(A0, A1)> {
    using T0 = A0;
    using T1 = A1;
  };
  template <class M, int N>
  using arg_t = std::conditional_t<N == 0, typename Args<M>::T0, typename Args<M>::T1>;
};

/// True when rows are sorted by offset and aligned, and no two overlap.
template <class D, std::size_t N>
constexpr bool well_formed(const std::array<Reg<D>, N>& table) {
  u64 end = 0;
  for (const auto& r : table) {
    if (r.count == 0 || r.offset < end || r.offset % r.size != 0 || r.access == 0) return false;
    end = r.offset + u64{r.stride} * (r.count - 1u) + r.size;
  }
  return true;
}

/// The row and element that hold an offset.
template <class D>
struct RegHit {
  const Reg<D>* row = nullptr;
  unsigned index = 0;
  unsigned byte = 0;  ///< offset inside the register
};

template <class D>
RegHit<D> find_reg(std::span<const Reg<D>> table, u64 off) {
  std::size_t lo = 0, hi = table.size();
  while (lo < hi) {
    const std::size_t mid = (lo + hi) / 2;
    if (table[mid].offset <= off)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo == 0) return {};
  const Reg<D>& r = table[lo - 1];
  const u64 rel = off - r.offset;
  const u64 index = rel / r.stride;
  const u64 byte = rel % r.stride;
  if (index >= r.count || byte >= r.size) return {};
  return {&r, static_cast<unsigned>(index), static_cast<unsigned>(byte)};
}

/// Reads through a register table.
template <class D>
Bus reg_read(D& d, std::span<const Reg<D>> table, u64 off, Access a, u64& out) {
  u64 value = 0;
  for (unsigned done = 0; done < a.size;) {
    const RegHit<D> hit = find_reg(table, off + done);
    if (hit.row == nullptr) return Bus::BadRegister;
    if ((hit.row->access & a.size) == 0) return Bus::BadSize;
    if (hit.row->read == nullptr || (a.debug && hit.row->read_effect)) return Bus::WriteOnly;
    const unsigned n = a.size - done < hit.row->size - hit.byte ? a.size - done
                                                                : hit.row->size - hit.byte;
    const u64 reg = hit.row->read(d, hit.index);
    value |= ((reg >> (8 * hit.byte)) & low_mask(8 * n)) << (8 * done);
    done += n;
  }
  out = value;
  return Bus::Ok;
}

/// Writes through a register table.
template <class D>
Bus reg_write(D& d, std::span<const Reg<D>> table, u64 off, Access a, u64 in) {
  for (unsigned done = 0; done < a.size;) {  // look before the first effect: all or nothing
    const RegHit<D> hit = find_reg(table, off + done);
    if (hit.row == nullptr) return Bus::BadRegister;
    if ((hit.row->access & a.size) == 0) return Bus::BadSize;
    if (hit.row->write == nullptr) return Bus::ReadOnly;
    done += hit.row->size - hit.byte;
  }
  for (unsigned done = 0; done < a.size;) {
    const RegHit<D> hit = find_reg(table, off + done);
    const unsigned n = a.size - done < hit.row->size - hit.byte ? a.size - done
                                                                : hit.row->size - hit.byte;
    u64 v = (in >> (8 * done)) & low_mask(8 * n);
    if (n < hit.row->size) {
      const bool merge = hit.row->read != nullptr && !hit.row->read_effect;
      const u64 old = merge ? hit.row->read(d, hit.index) : 0;
      v = with_bits(old, 8 * (hit.byte + n) - 1, 8 * hit.byte, v);
    }
    hit.row->write(d, hit.index, v);
    done += n;
  }
  return Bus::Ok;
}

/// The MmioDevice functions of a device whose registers are one table.  D provides
/// `static std::span<const Reg<D>> regs()` and `void sync()`.
template <class D>
class RegMapDevice : public MmioDevice {
 public:
  using MmioDevice::MmioDevice;
  Bus read(u64 off, Access a, u64& out) override {
    return reg_read<D>(static_cast<D&>(*this), D::regs(), off, a, out);
  }
  Bus write(u64 off, Access a, u64 in) override {
    return reg_write<D>(static_cast<D&>(*this), D::regs(), off, a, in);
  }
  std::size_t reg_count() const override { return D::regs().size(); }
  RegInfo reg_info(std::size_t i) const override { return D::regs()[i]; }
};

}  // namespace quince::hw
