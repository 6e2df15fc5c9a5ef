// What is common to file systems, and the small parts below them.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "tests/unit/firmware/rom/rom_disk.h"

extern "C" {
#include "firmware/rom/lib/crc32.h"
#include "firmware/rom/lib/memory.h"
#include "firmware/rom/lib/utf.h"
}

namespace quince::test {
namespace {

std::vector<u8> numbered(std::size_t bytes) {
  std::vector<u8> b(bytes);
  for (std::size_t i = 0; i < bytes; ++i) b[i] = static_cast<u8>(i * 31 + i / 256);
  return b;
}

TEST(BlockCache, ReadsWhatIsThereWhereverItBegins) {
  RomDisk disk(numbered(20 * 512));
  BlockCache c;
  cache_open(&c, &disk.source(), 3, 17);
  for (const u64 at : {0, 1, 511, 512, 4095, 4096, 8000})
    for (const u64 bytes : {0, 1, 2, 511, 512, 513, 700}) {
      const u8* const want = disk.bytes().data() + 3 * 512 + at;
      std::vector<u8> got(bytes + 1);  // never empty
      ASSERT_EQ(cache_read(&c, at, bytes, got.data()), nullptr);
      EXPECT_EQ(std::memcmp(got.data(), want, bytes), 0) << at << " " << bytes;
      std::fill(got.begin(), got.end(), u8{0});
      ASSERT_EQ(cache_read_through(&c, at, bytes, got.data()), nullptr);
      EXPECT_EQ(std::memcmp(got.data(), want, bytes), 0) << at << " " << bytes;
    }
}

TEST(BlockCache, NothingOutsideItsStretchIsRead) {
  RomDisk disk(numbered(20 * 512));
  BlockCache c;
  u8 b[512];
  cache_open(&c, &disk.source(), 3, 5);
  EXPECT_EQ(cache_read(&c, 5 * 512 - 1, 1, b), nullptr);
  for (const auto read : {cache_read, cache_read_through}) {
    for (const u64 at : {u64{5 * 512}, u64{5 * 512 - 1}, ~u64{0}, ~u64{0} - 1})
      EXPECT_NE(read(&c, at, 2, b), nullptr) << at;
    for (const u64 bytes : {u64{5 * 512}, ~u64{0}, ~u64{0} - 1})
      EXPECT_NE(read(&c, 1, bytes, b), nullptr) << bytes;
  }
  cache_open(&c, &disk.source(), 19, ~u64{0});
  EXPECT_EQ(cache_read(&c, 0, 512, b), nullptr);
  EXPECT_NE(cache_read(&c, 1, 512, b), nullptr);
  cache_open(&c, &disk.source(), ~u64{0}, 5);
  EXPECT_NE(cache_read(&c, 0, 1, b), nullptr);
}

TEST(BlockCache, KeepsWhatWasUsedLast) {
  RomDisk disk(numbered(64 * 4096));
  BlockCache c;
  u8 b;
  cache_open(&c, &disk.source(), 0, disk.sectors());
  for (u64 n = 0; n < 8; ++n) ASSERT_EQ(cache_read(&c, n * 4096, 1, &b), nullptr);
  EXPECT_EQ(disk.requests().size(), 8u);
  ASSERT_EQ(cache_read(&c, 0, 1, &b), nullptr);         // used again
  ASSERT_EQ(cache_read(&c, 9 * 4096, 1, &b), nullptr);  // takes the place of 1
  EXPECT_EQ(disk.requests().size(), 9u);
  ASSERT_EQ(cache_read(&c, 0, 1, &b), nullptr);
  EXPECT_EQ(disk.requests().size(), 9u);
  ASSERT_EQ(cache_read(&c, 4096, 1, &b), nullptr);
  EXPECT_EQ(disk.requests().size(), 10u);
}

TEST(BlockCache, AReadThatFailedIsNotRemembered) {
  RomDisk disk(numbered(8 * 512));
  BlockCache c;
  u8 b;
  cache_open(&c, &disk.source(), 0, 8);
  disk.fail_from(0);
  EXPECT_NE(cache_read(&c, 0, 1, &b), nullptr);
  disk.fail_from(~u64{0});
  ASSERT_EQ(cache_read(&c, 1, 1, &b), nullptr);
  EXPECT_EQ(b, disk.bytes()[1]);
}

TEST(BlockCache, RequestsAreSplitAt128MiB) {
  struct Counter {
    std::vector<u32> counts;
    static bool read(void* owner, u64, u32 count, void*) {
      static_cast<Counter*>(owner)->counts.push_back(count);
      return true;
    }
  } counter;
  const BlockSource source{&Counter::read, &counter, u64{1} << 30};
  u8 nothing;  // the source writes nothing
  ASSERT_EQ(block_read(&source, 5, 600'000, &nothing), nullptr);
  EXPECT_EQ(counter.counts, (std::vector<u32>{262'144, 262'144, 75'712}));
}

TEST(Volume, OtherFileSystemsAreNamed) {
  const auto mount = [](std::size_t at, const std::string& magic) {
    std::vector<u8> b(80 * 1024);
    std::memcpy(b.data() + at, magic.data(), magic.size());
    RomDisk disk(std::move(b));
    return RomVolume(disk).error();
  };
  EXPECT_EQ(mount(0x10040, "_BHRfS_M"), "it is Btrfs, which is not supported");
  EXPECT_EQ(mount(0, "XFSB"), "it is XFS, which is not supported");
  EXPECT_EQ(mount(3, "NTFS    "), "it is NTFS, which is not supported");
  EXPECT_EQ(mount(0, "LUKS\xba\xbe"), "it is encrypted (LUKS), which is not supported");
  EXPECT_EQ(mount(0, ""), "it is no file system that is known (FAT, ext2, ext3, ext4)");
}

TEST(Volume, AVolumeThatIsVerySmallIsAnError) {
  for (const std::size_t bytes : {0, 512, 1024, 1536, 2048}) {
    RomDisk disk{std::vector<u8>(bytes)};
    EXPECT_NE(RomVolume(disk).error(), "") << bytes;
  }
}

class VolumeOnExt4 : public NeedsTools {
 protected:
  VolumeOnExt4() : NeedsTools({"mke2fs"}) {}
};

TEST_F(VolumeOnExt4, LongPathsAreRefused) {
  const TempDir dir(true);
  must_run("mke2fs -q -F -t ext4 '" + (dir / "image") + "' 4m");
  RomDisk disk;
  disk.load(dir / "image");
  RomVolume v(disk);
  ASSERT_EQ(v.error(), "");
  EXPECT_EQ(v.read(std::string(1023, 'x')), std::string("error: ") + kVolumeNotFound);
  EXPECT_EQ(v.read(std::string(1024, 'x')), "error: the path is too long");
  VolumeNode node{};
  ASSERT_EQ(volume_find(v.get(), "", &node), nullptr);
  EXPECT_EQ(node.kind, kVolumeFolder);
}

/// A file of 20 pieces of 1000 bytes, of which the eleventh is elsewhere and the last one a hole.
const char* map_pieces(Volume*, const VolumeNode*, u64 offset, u64 want, VolumeRun* run) {
  const u64 piece = offset / 1000, in = offset % 1000;
  run->at = 512 + offset + (piece == 10 ? 20'000 : 0);
  run->bytes = std::min<u64>(want, 1000 - in);
  run->hole = piece == 19;
  return nullptr;
}

TEST(Volume, NeighboursAreReadTogether) {
  RomDisk disk(numbered(60'000));
  const auto v = std::make_unique<Volume>();
  const VolumeOps ops{map_pieces, nullptr, nullptr};
  v->ops = &ops;
  cache_open(&v->cache, &disk.source(), 0, disk.sectors());
  const VolumeNode file{1, 20'000, kVolumeFile, false};
  std::vector<u8> got(20'000, 0xee), want = disk.bytes();
  ASSERT_EQ(volume_read(v.get(), &file, 0, got.data(), got.size()), nullptr);
  std::copy_n(want.begin() + 30'512, 1000, want.begin() + 10'512);
  std::fill_n(want.begin() + 19'512, 1000, u8{0});
  EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin() + 512));
  unsigned straight = 0;
  for (const auto& r : disk.requests())
    if (r.to >= got.data() && r.to < got.data() + got.size()) ++straight;
  EXPECT_EQ(straight, 3u);
}

TEST(RomLib, CrcIsZlibs) {
  const std::vector<u8> b = numbered(1000);
  for (const std::size_t from : {0, 1, 3})
    for (const std::size_t bytes : {0, 1, 7, 8, 9, 500, 996}) {
      const auto want = ::crc32(0, b.data() + from, static_cast<uInt>(bytes));
      EXPECT_EQ(crc_update(0, b.data() + from, bytes), want);
      EXPECT_EQ(crc_update(crc_update(0, b.data() + from, bytes / 3), b.data() + from + bytes / 3,
                           bytes - bytes / 3),
                want);
    }
}

TEST(RomLib, MemoryIsCopiedAndSetAtEveryAlignment) {
  const std::vector<u8> from = numbered(64);
  for (std::size_t a = 0; a < 9; ++a)
    for (std::size_t b = 0; b < 9; ++b)
      for (const std::size_t n : {0, 1, 7, 8, 9, 17, 40}) {
        std::vector<u8> to(64, 0xee);
        mem_copy(to.data() + a, from.data() + b, n);
        EXPECT_EQ(std::memcmp(to.data() + a, from.data() + b, n), 0);
        EXPECT_EQ(std::count(to.begin(), to.end(), 0xee) + static_cast<long>(n) -
                      std::count(from.begin() + b, from.begin() + b + n, 0xee),
                  64);
        mem_set(to.data() + a, 7, n);
        EXPECT_EQ(std::count(to.begin(), to.end(), 7), static_cast<long>(n));
      }
}

TEST(RomLib, Strings) {
  EXPECT_EQ(str_length(""), 0u);
  EXPECT_EQ(str_length("abc"), 3u);
  EXPECT_LT(str_compare("ab", "abc"), 0);
  EXPECT_GT(str_compare("\xc3", "z"), 0);
  EXPECT_EQ(str_compare("ab", "ab"), 0);
  EXPECT_TRUE(str_equal_fold("AbC.z", "aBc.Z"));
  EXPECT_FALSE(str_equal_fold("abc", "ab"));
  EXPECT_FALSE(str_equal_fold("[", "{"));
  EXPECT_TRUE(str_is("abcdef", 3, "abc"));
  EXPECT_FALSE(str_is("abcdef", 3, "abcd"));
  EXPECT_FALSE(str_is("abcdef", 3, "ab"));
}

TEST(RomLib, Utf16) {
  const auto convert = [](std::vector<u16> units) {
    std::string to(units.size() * 3 + 1, '\xee');
    to.resize(utf16_to_utf8(units.data(), units.size(), to.data()));
    return to;
  };
  EXPECT_EQ(convert({'a', 0x7f, 0x80, 0x7ff, 0x800, 0xffff}),
            "a\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
  EXPECT_EQ(convert({0xd83d, 0xdc27}), "\xf0\x9f\x90\xa7");
  EXPECT_EQ(convert({0xd83d}), "\xef\xbf\xbd");
  EXPECT_EQ(convert({0xdc27, 'x'}), "\xef\xbf\xbdx");
  EXPECT_EQ(convert({'a', 0, 'b'}), "a");
}

}  // namespace
}  // namespace quince::test
