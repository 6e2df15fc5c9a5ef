// The guest memory behind a resource of virtio-gpu: a list of pieces that reads like one run.
#pragma once

#include <span>
#include <vector>

#include "hw/core/dma.h"
#include "hw/virtio/gpu/protocol.h"

namespace quince {
class Archive;
}

namespace quince::hw {

class GpuBacking {
 public:
  /// Pieces that one may have.  A resource of 8192 × 8192 pixels in pages of 4 KiB has 65536.
  static constexpr u32 kMaxEntries = 128 * 1024;

  bool empty() const { return entries_.empty(); }
  /// Of all pieces, in bytes.
  u64 size() const { return starts_.empty() ? 0 : starts_.back() + entries_.back().length; }
  /// Host bytes that the list takes.
  static constexpr u64 cost(u64 entries) {
    return entries * (sizeof(Entry) + sizeof(u64) + sizeof(u8*));
  }
  u64 cost() const { return cost(entries_.size()); }

  /// Takes these pieces.  False, and nothing is taken, when one of them is not memory.
  bool attach(DmaPort& dma, std::span<const VirtioGpuMemEntry> pieces);
  void detach() { *this = {}; }

  /// Looks at where the pieces are, if that changed.  False when one of them is no longer memory.
  bool map(DmaPort& dma);
  /// Copies `to.size()` bytes from byte `offset` on; all of them are there, and map() said yes.
  void read(u64 offset, std::span<u8> to) const;

  /// The list, in a snapshot.
  void snapshot(Archive& ar);

 private:
  struct Entry {
    u64 addr = 0;
    u32 length = 0;
    u32 padding = 0;
  };
  void add(u64 addr, u32 length);

  std::vector<Entry> entries_;
  std::vector<u64> starts_;      // of each piece in the run
  std::vector<const u8*> host_;  // of each piece
  bool mapped_ = false;
  u64 generation_ = 0;  // of the address space, when they were looked up
};

}  // namespace quince::hw
