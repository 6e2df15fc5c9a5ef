// The configuration space of one PCI function: bytes, and for each bit who may change it.
//
// PCI Local Bus 3.0, section 6.1; PCI Express Base 4.0, section 7.3.  The capability lists are
// built while the function is constructed and do not change.
#pragma once

#include <concepts>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/bits.h"
#include "hw/core/archive.h"

namespace quince::hw {

class ConfigSpace {
 public:
  /// `size`: 256, or 4096 for PCI Express.
  explicit ConfigSpace(unsigned size);
  unsigned size() const { return static_cast<unsigned>(data_.size()); }

  // ---- The guest's side.

  /// 1, 2 or 4 bytes at an aligned offset; all ones from the end of the space on.
  u32 read(unsigned off, unsigned size) const;
  /// Changes writable bits and clears write-one-to-clear bits; the rest is ignored.
  void write(unsigned off, unsigned size, u32 value);

  // ---- The function's side.

  template <std::unsigned_integral T>
  T get(unsigned off) const {
    return load_le<T>(at(data_, off, sizeof(T)));
  }
  /// Changes bits that the guest may not: status.  Only bits declared with status().
  template <std::unsigned_integral T>
  void update(unsigned off, T mask, T value) {
    const T status = load_le<T>(at(status_, off, sizeof(T)));
    QUINCE_ASSERT((mask & ~status) == 0);
    store_le<T>(at(data_, off, sizeof(T)), static_cast<T>((get<T>(off) & ~mask) | (value & mask)));
  }

  // While it is built: values after reset, and what may change.

  template <std::unsigned_integral T>
  void set(unsigned off, T value) {
    store_le<T>(at(reset_, off, sizeof(T)), value);
    store_le<T>(at(data_, off, sizeof(T)), value);
  }
  template <std::unsigned_integral T>
  void writable(unsigned off, T mask) {
    or_bits<T>(write_, off, mask);
  }
  template <std::unsigned_integral T>
  void write_one_to_clear(unsigned off, T mask) {
    or_bits<T>(w1c_, off, mask);
    or_bits<T>(status_, off, mask);
  }
  /// Bits that the function changes with update().
  template <std::unsigned_integral T>
  void status(unsigned off, T mask) {
    or_bits<T>(status_, off, mask);
  }

  /// Appends a capability of `size` bytes, header included, to the list; returns its offset, a
  /// multiple of 4.  Its bytes are zero and read-only.  Running out of room is our own mistake.
  unsigned add_capability(u8 id, unsigned size);
  /// The next capability goes to this offset, which no earlier one has reached: where a device that
  /// is modelled has it.
  void next_capability_at(unsigned off) {
    QUINCE_ASSERT(off >= free_ && off % 4 == 0);
    free_ = off;
  }
  /// add_capability() above 256 bytes.
  unsigned add_extended_capability(u16 id, u8 version, unsigned size);
  /// The offset of the first capability with an id, or 0.
  unsigned find_capability(u8 id) const;

  void reset() { data_ = reset_; }
  /// One field, `name`.  A snapshot whose read-only bits are different is refused: it is of another
  /// function.
  void snapshot(Archive& ar, std::string_view name);

 private:
  static u8* at(std::vector<u8>& bytes, unsigned off, std::size_t n) {
    QUINCE_ASSERT(off + n <= bytes.size());
    return bytes.data() + off;
  }
  static const u8* at(const std::vector<u8>& bytes, unsigned off, std::size_t n) {
    QUINCE_ASSERT(off + n <= bytes.size());
    return bytes.data() + off;
  }
  template <std::unsigned_integral T>
  static void or_bits(std::vector<u8>& bytes, unsigned off, T mask) {
    store_le<T>(at(bytes, off, sizeof(T)),
                static_cast<T>(load_le<T>(at(bytes, off, sizeof(T))) | mask));
  }

  std::vector<u8> data_;
  std::vector<u8> reset_, write_, w1c_, status_;  // fixed once the function is constructed
  unsigned free_ = 0x40;                          // where the next capability goes
  unsigned last_ = 0;                             // the last one of the list
  unsigned free_extended_ = 0x100, last_extended_ = 0;
};

}  // namespace quince::hw
