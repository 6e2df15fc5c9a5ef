// Addresses that cannot be mixed up: a guest physical and a guest virtual address are different
// types, explicit to make and to unwrap.
#pragma once

#include <compare>

#include "base/types.h"

namespace quince {

/// A 64-bit address of one address space.  `addr + n` and `addr - addr` are the only arithmetic.
template <class Tag>
class Address {
 public:
  constexpr Address() = default;
  constexpr explicit Address(u64 value) : value_(value) {}

  /// The plain number.
  constexpr u64 raw() const { return value_; }

  constexpr Address operator+(u64 n) const { return Address(value_ + n); }
  constexpr Address operator-(u64 n) const { return Address(value_ - n); }
  constexpr u64 operator-(Address other) const { return value_ - other.value_; }
  constexpr Address& operator+=(u64 n) {
    value_ += n;
    return *this;
  }
  constexpr auto operator<=>(const Address&) const = default;

  /// The start of the page of `page_size` bytes (a power of two) that holds this address.
  constexpr Address page(u64 page_size = 4096) const { return Address(value_ & ~(page_size - 1)); }
  /// The distance from the start of that page.
  constexpr u64 page_offset(u64 page_size = 4096) const { return value_ & (page_size - 1); }

 private:
  u64 value_ = 0;
};

/// A guest physical address.
using PhysAddr = Address<struct PhysAddrTag>;
/// A guest virtual address.
using VirtAddr = Address<struct VirtAddrTag>;

}  // namespace quince
