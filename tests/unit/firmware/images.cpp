#include "images.h"

#include <zlib.h>
#include <zstd.h>

namespace quince::firmware {

Bytes pattern(std::size_t n, u32 seed) {
  Bytes b(n);
  u32 x = seed * 2654435761u + 1;
  for (u8& v : b) {
    x = x * 1664525u + 1013904223u;
    v = static_cast<u8>(x >> 24);
  }
  return b;
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Bytes linux_image(std::size_t size, ImageHeader header) {
  Bytes b = pattern(size);
  put<u32>(b, 0, 0x14000010);  // b .+64
  put<u64>(b, 8, header.text_offset);
  put<u64>(b, 16, header.image_size);
  put<u64>(b, 24, header.flags);
  put<u32>(b, 56, 0x644d5241);
  put<u32>(b, 60, 64);
  return b;
}

Bytes elf(u64 entry, const std::vector<ElfSegment>& segments) {
  Bytes b(64 + 56 * segments.size());
  std::memcpy(b.data(),
              "\x7f"
              "ELF\x02\x01\x01",
              7);
  put<u16>(b, 16, 2);
  put<u16>(b, 18, 183);
  put<u32>(b, 20, 1);
  put<u64>(b, 24, entry);
  put<u64>(b, 32, 64);
  put<u16>(b, 52, 64);
  put<u16>(b, 54, 56);
  put<u16>(b, 56, static_cast<u16>(segments.size()));
  std::size_t header = 64;
  for (const ElfSegment& s : segments) {
    put<u32>(b, header, s.type);
    put<u64>(b, header + 8, b.size());
    put<u64>(b, header + 16, s.vaddr);
    put<u64>(b, header + 24, s.paddr);
    put<u64>(b, header + 32, s.bytes.size());
    put<u64>(b, header + 40, s.memory_size);
    b.insert(b.end(), s.bytes.begin(), s.bytes.end());
    header += 56;
  }
  return b;
}

Bytes gzip(const Bytes& in) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes out(deflateBound(&z, in.size()));
  z.next_in = const_cast<u8*>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

Bytes zstd(const Bytes& in) {
  Bytes out(ZSTD_compressBound(in.size()));
  const std::size_t n = ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3);
  EXPECT_FALSE(ZSTD_isError(n));
  out.resize(n);
  return out;
}

Bytes zboot(const Bytes& payload, std::string_view type) {
  Bytes b(0x100);
  std::memcpy(b.data(), "MZ\0\0zimg", 8);
  put<u32>(b, 8, 0x100);
  put<u32>(b, 12, static_cast<u32>(payload.size()));
  std::memcpy(b.data() + 24, type.data(), type.size());
  put<u32>(b, 0x38, 0x818223cd);
  put<u32>(b, 0x3c, 0x40);
  b.insert(b.end(), payload.begin(), payload.end());
  return b;
}

Memory::Memory()
    : low(std::move(*hw::GuestRam::create("low", 4 * MiB))),
      high(std::move(*hw::GuestRam::create("high", 60 * MiB))) {
  EXPECT_TRUE(space.map_ram(kRange.start, *low));
  EXPECT_TRUE(space.map_ram(kRange.start + 4 * MiB, *high));
}

Bytes Memory::read(PhysAddr a, u64 size) {
  Bytes b(size);
  EXPECT_TRUE(dma.read(a, b));
  return b;
}

}  // namespace quince::firmware
