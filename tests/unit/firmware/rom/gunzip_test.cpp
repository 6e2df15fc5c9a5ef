// The ROM's inflate against gzip and zlib, which packed what it unpacks.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "tests/unit/firmware/rom/rom_disk.h"

extern "C" {
#include "firmware/rom/boot/gunzip.h"
#include "firmware/rom/boot/packing.h"
}

namespace quince::test {
namespace {

using Bytes = std::vector<u8>;

Bytes bytes_of(const std::string& s) { return {s.begin(), s.end()}; }

struct Unpacked {
  std::string error;
  Bytes data;
};

/// All memory ends where the sanitizer sees it.
Unpacked unpack(const Bytes& packed, std::size_t room) {
  const auto work = std::make_unique<Gunzip>();
  const Bytes copy(packed.begin(), packed.end());
  u64 written = 0;
  Bytes to(room);
  const char* const why = gunzip(work.get(), copy.data(), copy.size(), to.data(), room, &written);
  if (why != nullptr) return {why, {}};
  to.resize(written);
  return {"", to};
}

Bytes pack(const Bytes& data, int level, int strategy = Z_DEFAULT_STRATEGY, int window = 15) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, level, Z_DEFLATED, window + 16, 9, strategy), Z_OK);
  Bytes packed(deflateBound(&z, data.size()) + 64);
  z.next_in = const_cast<u8*>(data.data());
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = packed.data();
  z.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  packed.resize(z.total_out);
  deflateEnd(&z);
  return packed;
}

/// Data with something to find at all distances, and long runs.
Bytes mixed(std::size_t size, u64 seed) {
  std::mt19937_64 random(seed);
  Bytes b;
  while (b.size() < size) {
    const std::size_t n = random() % 700 + 1;
    switch (random() % 4) {
      case 0:
        b.insert(b.end(), n, static_cast<u8>(random()));
        break;
      case 1:
        for (std::size_t i = 0; i < n; ++i) b.push_back(static_cast<u8>(random()));
        break;
      case 2:
        for (std::size_t i = 0; i < n; ++i) b.push_back(static_cast<u8>("kernel "[random() % 7]));
        break;
      default:
        if (b.empty()) break;
        for (std::size_t i = 0, from = random() % b.size(); i < n; ++i) b.push_back(b[from + i]);
        break;
    }
  }
  b.resize(size);
  return b;
}

TEST(RomGunzip, UnpacksWhatZlibPacked) {
  for (const std::size_t size : {0, 1, 2, 100, 32768, 70000, 300000})
    for (const int level : {0, 1, 6, 9})
      for (const int strategy : {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_FIXED, Z_RLE}) {
        const Bytes data = mixed(size, size + static_cast<unsigned>(level));
        const Unpacked u = unpack(pack(data, level, strategy), size);
        ASSERT_EQ(u.error, "") << size << " " << level << " " << strategy;
        ASSERT_TRUE(u.data == data) << size << " " << level << " " << strategy;
      }
}

TEST(RomGunzip, UnpacksCodesOfAllLengths) {
  // Frequencies that grow as Fibonacci's numbers make the longest codes.
  Bytes data;
  std::size_t a = 1, b = 1;
  for (unsigned symbol = 0; symbol < 24; ++symbol) {
    data.insert(data.end(), a, static_cast<u8>(symbol * 7));
    b += a;
    std::swap(a, b);
  }
  std::shuffle(data.begin(), data.end(), std::mt19937_64(1));
  const Unpacked u = unpack(pack(data, 9, Z_HUFFMAN_ONLY), data.size());
  EXPECT_EQ(u.error, "");
  EXPECT_TRUE(u.data == data);
}

class PackedByOthers : public NeedsTools {
 protected:
  PackedByOthers() : NeedsTools({"gzip", "zstd", "xz", "lz4", "bzip2"}) {}
};

TEST_F(PackedByOthers, GzipIsUnpacked) {
  const TempDir dir(true);
  const Bytes data = mixed(200'000, 4);
  write_file(dir / "file", std::string(data.begin(), data.end()));
  for (const char* const how : {"gzip -kf", "gzip -kfn -1", "gzip -kf -9"}) {
    must_run("cd '" + dir.path() + "' && " + how + " file");
    const Unpacked u = unpack(bytes_of(read_file(dir / "file.gz")), data.size());
    EXPECT_EQ(u.error, "") << how;
    EXPECT_TRUE(u.data == data) << how;
  }
  // Members one after another, and what is behind them.
  const std::string one = read_file(dir / "file.gz");
  const Unpacked u = unpack(bytes_of(one + one + std::string(100, '\0')), 2 * data.size());
  EXPECT_EQ(u.error, "");
  EXPECT_EQ(u.data.size(), 2 * data.size());
}

TEST(RomGunzip, HeadersMayHaveMore) {
  const Bytes data = bytes_of("a kernel");
  z_stream z{};
  gz_header h{};
  u8 extra[5] = {1, 2, 3, 4, 5};
  ASSERT_EQ(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
  h.extra = extra;
  h.extra_len = sizeof extra;
  h.name = reinterpret_cast<Bytef*>(const_cast<char*>("Image"));
  h.comment = reinterpret_cast<Bytef*>(const_cast<char*>("comment"));
  h.hcrc = 1;
  ASSERT_EQ(deflateSetHeader(&z, &h), Z_OK);
  Bytes packed(200);
  z.next_in = const_cast<u8*>(data.data());
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = packed.data();
  z.avail_out = 200;
  ASSERT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  packed.resize(z.total_out);
  deflateEnd(&z);
  EXPECT_EQ(unpack(packed, 100).data, data);
  packed[15] ^= 1;  // in the extra field
  EXPECT_EQ(unpack(packed, 100).error, "the compressed data is damaged");
}

TEST(RomGunzip, EveryTruncationIsAnError) {
  const Bytes packed = pack(mixed(3000, 2), 9);
  for (std::size_t n = 0; n < packed.size(); ++n) {
    const std::string error =
        unpack(Bytes(packed.begin(), packed.begin() + static_cast<long>(n)), 3000).error;
    EXPECT_TRUE(error == "the compressed data ends too early" ||
                error == "it is not compressed with gzip" ||
                error == "the compressed data is damaged")
        << n << " " << error;
  }
}

TEST(RomGunzip, TheRoomIsKept) {
  for (const int level : {0, 1, 9}) {
    const Bytes data = mixed(5000, 6), packed = pack(data, level);
    for (const std::size_t room : {0, 1, 100, 4999})
      EXPECT_EQ(unpack(packed, room).error, "there is no room for the unpacked data");
    EXPECT_EQ(unpack(packed, 5000).error, "");
  }
}

TEST(RomGunzip, EveryChangedByteIsSeen) {
  const Bytes data = mixed(2000, 3), packed = pack(data, 6);
  for (std::size_t n = 10; n < packed.size(); ++n) {
    Bytes bad = packed;
    bad[n] ^= static_cast<u8>(1u << n % 8);
    EXPECT_NE(unpack(bad, 2000).error, "") << n;
  }
}

/// A raw stream of bits, lowest first, as one gzip member without a right trailer.
Bytes member_of(const std::vector<std::pair<unsigned, u64>>& bits) {
  Bytes b = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  u64 hold = 0;
  unsigned held = 0;
  for (const auto& [count, value] : bits) {
    hold |= value << held;
    held += count;
    for (; held >= 8; held -= 8, hold >>= 8) b.push_back(static_cast<u8>(hold));
  }
  b.push_back(static_cast<u8>(hold));
  b.resize(b.size() + 40);
  return b;
}

TEST(RomGunzip, WhatTheFormatForbidsIsRefused) {
  const std::string damaged = "the compressed data is damaged";
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 3}}), 100).error, damaged) << "type 3";
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 0}, {5, 0}, {16, 5}, {16, 5}}), 100).error, damaged)
      << "length and complement";
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 2}, {5, 30}, {5, 0}, {4, 0}}), 100).error, damaged)
      << "287 literals";
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 2}, {5, 0}, {5, 30}, {4, 0}}), 100).error, damaged)
      << "31 distances";
  // All lengths 1: too many codes.
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 2}, {5, 0}, {5, 0}, {4, 0}, {12, 01111}}), 100).error,
            damaged);
  // The first symbol repeats a length before it.  Codes: 16 -> 0, 18 -> 1.
  EXPECT_EQ(
      unpack(member_of({{1, 1}, {2, 2}, {5, 0}, {5, 0}, {4, 0}, {12, 0101}, {1, 0}}), 100).error,
      damaged);
  // Fixed code: a distance to before the beginning; length 3 is 257: 0000001, distance 1 is 00000.
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 1}, {7, 0x40}, {5, 0}}), 100).error, damaged);
  // Fixed code: the symbol 286, 11000110, and the distance 30.
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 1}, {8, 0x63}}), 100).error, damaged);
  EXPECT_EQ(unpack(member_of({{1, 1}, {2, 1}, {8, 0x0c}, {7, 0x40}, {5, 0x0f}}), 100).error,
            damaged);
  EXPECT_EQ(unpack({0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0, 3, 0}, 10).error, damaged) << "method";
  EXPECT_EQ(unpack({0x1f, 0x8b, 8, 0x20, 0, 0, 0, 0, 0, 0, 3, 0}, 10).error, damaged) << "flags";
}

/// A member that says "a" with a code of its own: two symbols of `length` bits.
Bytes letter_a(u8 length) {
  // Lengths are written with 18 as 0, 0 as 10, `length` as 11.
  std::vector<std::pair<unsigned, u64>> bits = {{1, 1}, {2, 2}, {5, 0}, {5, 0}, {4, 14}};
  static constexpr u8 kOrder[18] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1};
  for (const u8 symbol : kOrder)
    bits.emplace_back(3, symbol == 18 ? 1 : symbol == 0 || symbol == length ? 2 : 0);
  bits.insert(bits.end(), {{1, 0}, {7, 97 - 11}, {2, 3}, {1, 0}, {7, 127}, {1, 0}, {7, 20 - 11}});
  bits.insert(bits.end(), {{2, 3}, {2, 1}});
  bits.insert(bits.end(), {{length, 0}, {length, 1u << (length - 1)}});
  Bytes b = member_of(bits);
  b.resize(b.size() - 40);
  const auto crc = static_cast<u32>(::crc32(0, reinterpret_cast<const Bytef*>("a"), 1));
  for (unsigned i = 0; i < 4; ++i) b.push_back(static_cast<u8>(crc >> 8 * i));
  b.insert(b.end(), {1, 0, 0, 0});
  return b;
}

TEST(RomGunzip, ACodeMustUseAllValues) {
  EXPECT_EQ(unpack(letter_a(1), 10).error, "");
  EXPECT_EQ(unpack(letter_a(1), 10).data, Bytes{'a'});
  EXPECT_EQ(unpack(letter_a(2), 10).error, "the compressed data is damaged");
}

// ---- How a kernel is packed --------------------------------------------------------------------

std::string packing_error(const Bytes& file) {
  PackedKernel k{};
  const char* const why = kernel_packing(file.data(), file.size(), &k);
  return why != nullptr ? why : "";
}

Bytes zboot(const Bytes& payload, const char* type, u32 at = 64) {
  Bytes b(at);
  const auto size = static_cast<u32>(payload.size());
  std::memcpy(b.data(), "MZ\0\0zimg", 8);
  std::memcpy(b.data() + 8, &at, 4);
  std::memcpy(b.data() + 12, &size, 4);
  std::strcpy(reinterpret_cast<char*>(b.data()) + 24, type);
  b.insert(b.end(), payload.begin(), payload.end());
  return b;
}

TEST(KernelPacking, FindsWhatIsPacked) {
  const Bytes data = mixed(5000, 9), packed = pack(data, 9);
  for (const Bytes& file : {packed, zboot(packed, "gzip"), zboot(packed, "gzip", 4096)}) {
    PackedKernel k{};
    ASSERT_EQ(kernel_packing(file.data(), file.size(), &k), nullptr);
    EXPECT_TRUE(k.is_gzip);
    EXPECT_EQ(k.unpacked, 5000u);
    EXPECT_EQ(unpack(Bytes(k.data, k.data + k.bytes), 5000).data, data);
  }
  PackedKernel k{};
  ASSERT_EQ(kernel_packing(data.data(), data.size(), &k), nullptr);
  EXPECT_FALSE(k.is_gzip);
  EXPECT_EQ(k.data, data.data());
  EXPECT_EQ(k.bytes, 5000u);
}

TEST_F(PackedByOthers, OtherCompressionsAreNamed) {
  const TempDir dir(true);
  write_file(dir / "f", "some text to pack");
  const struct {
    const char *program, *type, *name;
  } kOthers[] = {{"zstd -qc", "zstd22", "zstd"},
                 {"xz -c", "xzkern", "xz"},
                 {"xz --format=lzma -c", "lzma", "LZMA"},
                 {"lz4 -qc", "lz4", "LZ4"},
                 {"lz4 -lqc", "lz4", "LZ4"},
                 {"bzip2 -c", "bzip2", "bzip2"},
                 {"printf '\\211LZO\\0\\r\\n\\032\\n'; :", "lzo", "LZO"}};
  for (const auto& o : kOthers) {
    const Bytes packed = bytes_of(must_run(std::string(o.program) + " '" + (dir / "f") + "'"));
    const std::string want =
        "the kernel is compressed with " + std::string(o.name) + ", which is not supported";
    EXPECT_EQ(packing_error(packed), want);
    EXPECT_EQ(packing_error(zboot(packed, o.type)), want);
  }
  EXPECT_EQ(packing_error(zboot({1, 2, 3}, "new")),
            "the kernel is compressed with a method of its own, which is not supported");
}

TEST(KernelPacking, AZbootImageIsChecked) {
  Bytes b = zboot(pack(mixed(100, 1), 9), "gzip");
  b.pop_back();
  EXPECT_EQ(packing_error(b), "the kernel's file ends too early");
  b = zboot({}, "gzip");
  EXPECT_EQ(packing_error(b), "the kernel's file is damaged: what it has packed is not gzip");
  b.pop_back();
  EXPECT_EQ(packing_error(b), "the kernel's file ends too early");
  EXPECT_EQ(packing_error({}), "");
}

}  // namespace
}  // namespace quince::test
