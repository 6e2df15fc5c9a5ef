// What start-up puts into guest memory, kept so that a reset can put it there again.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/addr.h"
#include "base/result.h"
#include "hw/core/dma.h"

namespace quince::firmware {

/// A range of guest physical memory.
struct Range {
  PhysAddr start;
  u64 size = 0;  ///< bytes; start + size does not wrap

  PhysAddr end() const { return start + size; }
  bool overlaps(const Range& o) const {
    return size != 0 && o.size != 0 && start < o.end() && o.start < end();
  }
  bool contains(const Range& o) const {
    return o.start >= start && o.size <= size && o.start - start <= size - o.size;
  }
};

/// One piece of guest memory to fill.
struct Blob {
  std::string what;           ///< for messages: "kernel 'Image'"
  PhysAddr address;           ///< of the first byte
  std::span<const u8> bytes;  ///< in the storage of the LoadList
  u64 memory_size = 0;        ///< at least bytes.size(); the rest is zeroed

  Range range() const { return {address, memory_size}; }
};

/// An ordered list of blobs and the bytes behind them.  Moves, but does not copy.
class LoadList {
 public:
  LoadList() = default;
  LoadList(LoadList&&) = default;
  LoadList& operator=(LoadList&&) = default;

  /// Takes bytes over; the span stays valid as long as the list.
  std::span<const u8> keep(std::vector<u8> bytes);

  /// Adds a blob of kept bytes.  Fails when it would run past the end of the address space.
  Result<void> add(std::string what, PhysAddr address, std::span<const u8> bytes, u64 memory_size);
  /// The same for bytes that are taken over here, with nothing to zero behind them.
  Result<void> add(std::string what, PhysAddr address, std::vector<u8> bytes);
  /// Appends another list.
  void merge(LoadList other);

  /// Fails when two blobs of different `what` share a byte, and names both.
  Result<void> check_overlaps() const;

  /// Fills guest memory.  Fails, naming the blob, when a part of it is not writable memory; the
  /// blobs before it are written then.
  Result<void> write(hw::DmaPort& memory) const;

  const std::vector<Blob>& blobs() const { return blobs_; }

 private:
  std::vector<std::vector<u8>> storage_;
  std::vector<Blob> blobs_;
};

}  // namespace quince::firmware
