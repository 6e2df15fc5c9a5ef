// zlib and libzstd do the work; what is ours is that the output is bounded and grows as needed,
// whatever sizes the data claims.
#include "firmware/unpack.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace quince::firmware {
namespace {

/// An output buffer that doubles up to a limit.
class Output {
 public:
  Output(u64 limit, std::size_t packed_size) : limit_(limit) {
    bytes_.resize(static_cast<std::size_t>(std::min<u64>(limit, u64{packed_size} * 4 + 64 * KiB)));
  }
  /// Room to write to; empty when the limit is reached.
  std::span<u8> room() {
    if (used_ == bytes_.size())
      bytes_.resize(static_cast<std::size_t>(std::min<u64>(limit_, u64{bytes_.size()} * 2)));
    return std::span(bytes_).subspan(used_);
  }
  void produced(std::size_t n) { used_ += n; }
  std::vector<u8> take() {
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  u64 limit_;
  std::size_t used_ = 0;
  std::vector<u8> bytes_;
};

tl::unexpected<Error> too_long(u64 limit) {
  return fail("it unpacks to more than {} MiB", limit / MiB);
}

constexpr std::size_t kMaxStep = std::size_t{1} << 30;  // zlib counts in 32 bits
constexpr int kGzip = 16;                               // added to the window size: gzip only

bool gzip_member_at(std::span<const u8> packed, std::size_t at) {
  return packed.size() - at >= 2 && packed[at] == 0x1f && packed[at + 1] == 0x8b;
}

}  // namespace

Result<std::vector<u8>> gunzip(std::span<const u8> packed, u64 limit) {
  z_stream z{};
  if (inflateInit2(&z, MAX_WBITS + kGzip) != Z_OK) return fail("zlib has no memory");
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> owner(&z, &inflateEnd);

  Output out(limit, packed.size());
  std::size_t at = 0;
  for (;;) {
    const std::span<u8> room = out.room();
    // With no room left, one spare byte tells data that ends here from data that goes on.
    u8 spare = 0;
    const std::size_t in = std::min(packed.size() - at, kMaxStep);
    const std::size_t space = room.empty() ? 1 : std::min(room.size(), kMaxStep);
    z.next_in = const_cast<u8*>(packed.data() + at);  // zlib's interface lacks the const
    z.avail_in = static_cast<uInt>(in);
    z.next_out = room.empty() ? &spare : room.data();
    z.avail_out = static_cast<uInt>(space);
    const int status = inflate(&z, Z_NO_FLUSH);
    const std::size_t made = space - z.avail_out;
    at += in - z.avail_in;
    if (room.empty() && made != 0) return too_long(limit);
    if (!room.empty()) out.produced(made);
    if (status == Z_STREAM_END) {
      if (!gzip_member_at(packed, at)) return out.take();
      inflateReset(&z);
      continue;
    }
    if (status == Z_BUF_ERROR || (status == Z_OK && at == packed.size() && z.avail_out != 0))
      return fail("the gzip data is truncated");
    if (status == Z_MEM_ERROR) return fail("zlib has no memory");
    if (status != Z_OK) return fail("the gzip data is corrupt");
  }
}

Result<std::vector<u8>> unzstd(std::span<const u8> packed, u64 limit) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  if (context == nullptr) return fail("zstd has no memory");
  Output out(limit, packed.size());
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (;;) {
    const std::span<u8> room = out.room();
    u8 spare = 0;
    ZSTD_outBuffer to{room.empty() ? &spare : room.data(), room.empty() ? 1 : room.size(), 0};
    const std::size_t before = in.pos;
    const std::size_t left = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(left)) return fail("the zstd data is corrupt ({})", ZSTD_getErrorName(left));
    if (room.empty() && to.pos != 0) return too_long(limit);
    if (!room.empty()) out.produced(to.pos);
    if (left == 0) return out.take();
    if (in.pos == before && to.pos == 0) return fail("the zstd data is truncated");
  }
}

}  // namespace quince::firmware
