// How a device touches guest memory.
#pragma once

#include <span>

#include "base/addr.h"
#include "hw/core/address_space.h"

namespace quince::hw {

/// A bus master's way to memory: bounded copies and spans, never a raw base pointer.  Checks that
/// bus mastering is on, marks written pages dirty, clears exclusive
/// monitors of what is written, and reports writes to pages that hold code.
/// Apart from memory it reaches doorbells, and those by write() only: a message-signalled interrupt
/// is a write of four bytes.  No other device answers, so that none can re-enter another.
class DmaPort {
 public:
  DmaPort(AddressSpace& space, u16 requester) : space_(space), requester_(requester) {}

  void set_enabled(bool on) { enabled_ = on; }
  bool enabled() const { return enabled_; }
  u16 requester() const { return requester_; }
  /// A PCI function's id changes with the number of its bus.
  void set_requester(u16 id) { requester_ = id; }

  /// Copies whole ranges; false when any byte is not memory or mastering is off, and then nothing
  /// was written.  A write to a doorbell must be 1, 2, 4 or 8 bytes, naturally aligned; false when
  /// the device there refuses it.
  [[nodiscard]] bool read(PhysAddr a, std::span<u8> out) const;
  [[nodiscard]] bool write(PhysAddr a, std::span<const u8> in);

  /// The longest contiguous run of memory at `a`, at most `length` bytes; empty when there is
  /// none.  A writable span counts as written.  Valid while the I/O lock is held.
  std::span<const u8> map_read(PhysAddr a, u64 length) const;
  std::span<u8> map_write(PhysAddr a, u64 length);

  /// Memory that a device uses again and again (a ring, a buffer that fills later).  RAM never
  /// moves, so the bytes stay where they are; what the address means may change, and then
  /// generation() does.
  struct Run {
    GuestRam* ram = nullptr;  ///< null: no memory
    u64 offset = 0;           ///< in the bank
    u64 length = 0;           ///< bytes
    explicit operator bool() const { return ram != nullptr; }
    u8* data() const { return ram->data() + offset; }
  };
  /// The longest run of memory at `a`, at most `length` bytes; without memory when there is none,
  /// or it is to be written and is read-only.  Does not count as written yet.
  Run run(PhysAddr a, u64 length, bool writing) const;
  /// Bytes `from` to `from + length` of a run were written.
  void mark_written(const Run& r, u64 from, u64 length);
  /// Gives the whole pages inside of a run that is to be written back to the host: a balloon's way.
  /// They count as written, with zeroes.  False when nothing changed (GuestRam::discard).
  bool discard(const Run& r);
  /// Changes whenever run() may have another answer.
  u64 generation() const { return space_.generation(); }

 private:
  const Section* section_at(PhysAddr a) const;
  bool ring(const Section& s, PhysAddr a, std::span<const u8> in);
  const Section* ram_at(PhysAddr a, u64 length, u64& run) const;
  bool covers(PhysAddr a, u64 length, bool writing) const;
  void written(const Section& s, PhysAddr a, u64 length);
  void clear_monitors(const Section& s, PhysAddr a, u64 length);

  AddressSpace& space_;
  u16 requester_;
  bool enabled_ = true;
  mutable std::shared_ptr<const FlatView> view_;
  mutable u64 generation_ = 0;
};

}  // namespace quince::hw
