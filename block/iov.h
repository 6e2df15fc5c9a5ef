// Buffers in several parts: the few operations that image formats need.
#pragma once

#include <sys/uio.h>

#include <span>
#include <vector>

#include "base/types.h"

namespace quince::block {

using Parts = std::span<const iovec>;

/// The sum of the lengths, in bytes.
u64 total_length(Parts parts);

/// The parts of bytes skip..skip+length, which must exist.
std::vector<iovec> slice(Parts parts, u64 skip, u64 length);

/// Sets the bytes skip..skip+length of the buffers to zero.
void fill_zero(Parts parts, u64 skip, u64 length);

/// Copies `bytes` into the buffers, from position `skip` on.
void scatter(Parts parts, u64 skip, std::span<const u8> bytes);

/// Copies from the buffers, from position `skip` on, into the whole of `bytes`.
void gather(Parts parts, u64 skip, std::span<u8> bytes);

/// True when every byte is zero.
bool all_zero(std::span<const u8> bytes);
bool all_zero(Parts parts);

/// One part over a span.
inline iovec part(std::span<u8> bytes) { return {bytes.data(), bytes.size()}; }
/// For writes, which do not touch what they are given.
inline iovec part(std::span<const u8> bytes) {
  return {const_cast<u8*>(bytes.data()), bytes.size()};
}

}  // namespace quince::block
