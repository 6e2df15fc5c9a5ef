// L1 and L2 table entries (QEMU, docs/interop/qcow2.rst, "Cluster mapping").
#pragma once

#include "base/bits.h"
#include "base/types.h"

namespace quince::block::qcow2 {

inline constexpr u64 kCopied = u64{1} << 63;  ///< the count is exactly one
inline constexpr u64 kCompressed = u64{1} << 62;
inline constexpr u64 kZero = u64{1} << 0;               ///< version 3: reads as zeroes
inline constexpr u64 kOffsetMask = 0x00fffffffffffe00;  ///< bits 9-55

/// The parts of an entry for compressed data.
struct CompressedEntry {
  CompressedEntry(u64 entry, unsigned cluster_bits) {
    const unsigned x = 62 - (cluster_bits - 8);
    offset = entry & low_mask(x);
    bytes = (bits(entry, 61, x) + 1) * 512 - (offset & 511);
  }
  /// The entry for data at a place.
  static u64 make(u64 offset, u64 bytes, unsigned cluster_bits) {
    const unsigned x = 62 - (cluster_bits - 8);
    return kCompressed | offset | (((offset + bytes - 1) >> 9) - (offset >> 9)) << x;
  }
  u64 offset = 0;  ///< in the file, of the first byte
  u64 bytes = 0;   ///< to the end of the last sector
};

}  // namespace quince::block::qcow2
