#include "block/iov.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace quince::block {

namespace {

/// Calls f(pointer, length) for each piece of bytes skip..skip+length.
template <class F>
void for_each_piece(Parts parts, u64 skip, u64 length, F f) {
  for (const iovec& p : parts) {
    if (length == 0) return;
    if (skip >= p.iov_len) {
      skip -= p.iov_len;
      continue;
    }
    const u64 n = std::min<u64>(p.iov_len - skip, length);
    f(static_cast<u8*>(p.iov_base) + skip, n);
    length -= n;
    skip = 0;
  }
  QUINCE_ASSERT(length == 0);
}

}  // namespace

u64 total_length(Parts parts) {
  u64 n = 0;
  for (const iovec& p : parts) n += p.iov_len;
  return n;
}

std::vector<iovec> slice(Parts parts, u64 skip, u64 length) {
  std::vector<iovec> out;
  for_each_piece(parts, skip, length, [&](u8* p, u64 n) { out.push_back({p, n}); });
  return out;
}

void fill_zero(Parts parts, u64 skip, u64 length) {
  for_each_piece(parts, skip, length, [](u8* p, u64 n) { std::memset(p, 0, n); });
}

void scatter(Parts parts, u64 skip, std::span<const u8> bytes) {
  const u8* from = bytes.data();
  for_each_piece(parts, skip, bytes.size(), [&](u8* p, u64 n) {
    std::memcpy(p, from, n);
    from += n;
  });
}

void gather(Parts parts, u64 skip, std::span<u8> bytes) {
  u8* to = bytes.data();
  for_each_piece(parts, skip, bytes.size(), [&](const u8* p, u64 n) {
    std::memcpy(to, p, n);
    to += n;
  });
}

bool all_zero(std::span<const u8> bytes) {
  // Comparing with itself, one byte on, lets the library's memcmp do the work.
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

bool all_zero(Parts parts) {
  return std::all_of(parts.begin(), parts.end(), [](const iovec& p) {
    return all_zero({static_cast<const u8*>(p.iov_base), p.iov_len});
  });
}

}  // namespace quince::block
