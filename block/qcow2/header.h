// The header of a qcow2 file (QEMU, docs/interop/qcow2.rst, "Header" and "Header extensions").
//
// Versions 2 and 3.  Refused by name: encryption, external data files, extended L2 entries, and
// every incompatible feature that is not known.  Ignored: persistent bitmaps, which become invalid
// with the first write, as the format has it (autoclear).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/block.h"

namespace quince::block::qcow2 {

template <class T>
T load_be(const u8* p) {
  u64 v = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) v = v << 8 | p[i];
  return static_cast<T>(v);
}
template <class T>
void store_be(u8* p, T value) {
  u64 v = value;
  for (std::size_t i = sizeof(T); i-- > 0; v >>= 8) p[i] = static_cast<u8>(v);
}

// Incompatible features.
inline constexpr u64 kDirty = 1u << 0;
inline constexpr u64 kCorrupt = 1u << 1;
inline constexpr u64 kExternalData = 1u << 2;
inline constexpr u64 kCompressionType = 1u << 3;
inline constexpr u64 kExtendedL2 = 1u << 4;
// Compatible features.
inline constexpr u64 kLazyRefcounts = 1u << 0;

// Where fields are that change in an open image.
inline constexpr u64 kSizeAt = 24;
inline constexpr u64 kL1SizeAt = 36;         // and the offset after it
inline constexpr u64 kRefcountTableAt = 48;  // offset and clusters
inline constexpr u64 kIncompatibleAt = 72;
inline constexpr u64 kAutoclearAt = 88;

// Limits on tables that are read into memory, in bytes.  QEMU's: what it writes, we read.
inline constexpr u64 kMaxL1Bytes = 32 * MiB;
inline constexpr u64 kMaxRefcountTableBytes = 8 * MiB;
inline constexpr u32 kMaxSnapshots = 65536;

enum class Compression : u8 { Zlib = 0, Zstd = 1 };

struct Header {
  u32 version = 3;
  u32 cluster_bits = 16;
  u64 size = 0;     ///< of the disk, in bytes
  u32 l1_size = 0;  ///< entries
  u64 l1_offset = 0;
  u64 refcount_table_offset = 0;
  u32 refcount_table_clusters = 0;
  u32 snapshots = 0;
  u64 snapshots_offset = 0;
  u64 incompatible = 0, compatible = 0, autoclear = 0;
  u32 refcount_order = 4;  ///< a count has 1 << refcount_order bits
  Compression compression = Compression::Zlib;
  std::string backing_file;    ///< as it stands in the file; empty: none
  std::string backing_format;  ///< empty: the file does not say

  u64 cluster_size() const { return u64{1} << cluster_bits; }
  u64 l2_entries() const { return cluster_size() / 8; }
  u64 counts_per_block() const { return cluster_size() * 8 >> refcount_order; }
  u64 max_count() const {
    return refcount_order == 6 ? ~u64{0} : (u64{1} << (1u << refcount_order)) - 1;
  }
  /// L1 entries that a disk of `bytes` needs.
  u64 l1_entries_for(u64 bytes) const;
};

/// Reads and validates; the error names the file.
Result<Header> read_header(Image& file);

/// The first cluster of a new file; fails when the names do not fit.
Result<std::vector<u8>> write_header(const Header& header);

}  // namespace quince::block::qcow2
