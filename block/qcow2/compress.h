// Compressed clusters: zlib as a raw deflate stream, or zstd (QEMU, docs/interop/qcow2.rst,
// "Compressed Clusters Descriptor" and "compression_type").
#pragma once

#include <span>
#include <vector>

#include "block/qcow2/header.h"

namespace quince::block::qcow2 {

/// Fills the whole of `out`; false when the data does not yield exactly that or more.  Bytes after
/// the end of the stream are ignored: the length is known in sectors only.
bool decompress(Compression type, std::span<const u8> data, std::span<u8> out);

/// The compressed bytes, or nothing when they are no shorter than the data.
std::vector<u8> compress(Compression type, std::span<const u8> data);

}  // namespace quince::block::qcow2
