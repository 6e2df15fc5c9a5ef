#include "block/qcow2/compress.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>

namespace quince::block::qcow2 {

namespace {

// The format's window: 4 KiB, which is what every reader of zlib clusters must have.
constexpr int kWindowBits = -12;

bool inflate_all(std::span<const u8> data, std::span<u8> out) {
  z_stream z{};
  if (::inflateInit2(&z, kWindowBits) != Z_OK) return false;
  z.next_in = const_cast<u8*>(data.data());
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  const int r = ::inflate(&z, Z_FINISH);
  const bool ok = (r == Z_STREAM_END || r == Z_BUF_ERROR) && z.avail_out == 0;
  ::inflateEnd(&z);
  return ok;
}

bool zstd_all(std::span<const u8> data, std::span<u8> out) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> d(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (d == nullptr) return false;
  ZSTD_inBuffer in{data.data(), data.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  while (to.pos < to.size) {
    const std::size_t in_before = in.pos, out_before = to.pos;
    const std::size_t r = ZSTD_decompressStream(d.get(), &to, &in);
    if (ZSTD_isError(r) != 0) return false;
    if (in.pos == in_before && to.pos == out_before) return false;
  }
  return true;
}

}  // namespace

bool decompress(Compression type, std::span<const u8> data, std::span<u8> out) {
  return type == Compression::Zstd ? zstd_all(data, out) : inflate_all(data, out);
}

std::vector<u8> compress(Compression type, std::span<const u8> data) {
  std::vector<u8> out(data.size());
  if (type == Compression::Zstd) {
    const std::size_t n =
        ZSTD_compress(out.data(), out.size(), data.data(), data.size(), ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(n) != 0 || n >= data.size()) return {};
    out.resize(n);
    return out;
  }
  z_stream z{};
  if (::deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits, 9, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    return {};
  z.next_in = const_cast<u8*>(data.data());
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  const int r = ::deflate(&z, Z_FINISH);
  const std::size_t n = out.size() - z.avail_out;
  ::deflateEnd(&z);
  if (r != Z_STREAM_END || n >= data.size()) return {};
  out.resize(n);
  return out;
}

}  // namespace quince::block::qcow2
