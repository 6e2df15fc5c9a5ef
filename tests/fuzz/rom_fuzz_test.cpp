// What the boot ROM reads, damaged: disks, compressed kernels, device trees.  Whatever is in them costs
// an error at most, and a bounded number of requests.  QUINCE_FUZZ_IMAGES sets the number of cases of
// each kind, QUINCE_FUZZ_SEED the seed.
#include <gtest/gtest.h>
#include <libfdt.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

#include "tests/unit/firmware/rom/rom_disk.h"

extern "C" {
#include "firmware/rom/boot/entries.h"
#include "firmware/rom/boot/fdt.h"
#include "firmware/rom/boot/gunzip.h"
#include "firmware/rom/boot/linux_image.h"
#include "firmware/rom/boot/packing.h"
#include "firmware/rom/storage/partitions.h"
}

namespace quince::test {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<u8>;
using Random = std::mt19937_64;

u64 setting(const char* name, u64 otherwise) {
  const char* v = std::getenv(name);
  return v != nullptr ? std::strtoull(v, nullptr, 0) : otherwise;
}
u64 cases(u64 otherwise) { return setting("QUINCE_FUZZ_IMAGES", otherwise); }
u64 seed() { return setting("QUINCE_FUZZ_SEED", 1); }

/// A value that is likely to be a limit of something.
u8 odd_byte(Random& random) {
  static constexpr u8 kOdd[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0xfe, 0x20, 0x40, 0x10};
  return random() % 2 == 0 ? kOdd[random() % std::size(kOdd)] : static_cast<u8>(random());
}

/// Changes some bytes, most of them a little, some of them four at once.
void damage(Random& random, u8* bytes, std::size_t size) {
  if (size == 0) return;
  std::size_t at = random() % size;
  // Most of a disk is empty, and means nothing.
  for (unsigned i = 0; i < 16 && bytes[at] == 0; ++i) at = random() % size;
  switch (random() % 4) {
    case 0:
      bytes[at] = static_cast<u8>(bytes[at] ^ (1u << random() % 8));
      break;
    case 1:
      bytes[at] = static_cast<u8>(bytes[at] + random() % 5 - 2);
      break;
    case 2:
      bytes[at] = odd_byte(random);
      break;
    default:
      for (std::size_t i = at & ~std::size_t{3}; i < size && i < (at & ~std::size_t{3}) + 4; ++i)
        bytes[i] = odd_byte(random);
      break;
  }
}

// ---- Disks -------------------------------------------------------------------------------------

/// Does with a disk what the ROM and a person at its menu may do.
class Reader {
 public:
  explicit Reader(RomDisk& disk) : disk_(disk), memory_(1 << 20), buffer_(64 << 10) {}

  void run() {
    disk_.requests().clear();
    if (partitions_read(&disk_.source(), table_.get()) != nullptr) return;
    for (u32 i = 0; i < table_->count && i < 6; ++i) {
      const Partition& p = table_->partitions[i];
      ASSERT_LT(p.first, disk_.sectors());
      ASSERT_LE(p.sectors, disk_.sectors() - p.first);
      if (volume_mount(volume_.get(), &disk_.source(), p.first, p.sectors) != nullptr) continue;
      ++mounted_;
      entries();
      left_ = 60;
      walk(volume_->root, 0);
    }
  }
  bool is_buffer(const void* p) const {
    return p >= buffer_.data() && p < buffer_.data() + buffer_.size();
  }
  u64 mounted() const { return mounted_; }
  u64 files() const { return files_; }
  u64 started() const { return started_; }

 private:
  void entries() {
    Arena arena{reinterpret_cast<u64>(memory_.data()),
                reinterpret_cast<u64>(memory_.data()) + memory_.size()};
    if (entries_read(volume_.get(), &arena, entries_.get()) != nullptr) return;
    ASSERT_LE(entries_->count, u32{kMaxEntries});
    ASSERT_TRUE(entries_->count == 0 || entries_->default_entry < entries_->count);
    for (u32 i = 0; i < entries_->count; ++i) {
      const BootEntry& e = entries_->list[i];
      ASSERT_NE(e.title, nullptr);
      ASSERT_NE(e.options, nullptr);
      u64 bytes = 0;
      if (volume_load(volume_.get(), e.kernel, buffer_.data(), buffer_.size(), &bytes) == nullptr)
        ++started_;
    }
  }

  void walk(const VolumeNode& folder, unsigned depth) {
    const auto entry = std::make_unique<VolumeEntry>();
    VolumeCursor cursor = volume_list(&folder);
    for (bool more = true; left_ != 0; --left_) {
      if (volume_next(volume_.get(), &cursor, entry.get(), &more) != nullptr || !more) return;
      ASSERT_LT(std::strlen(entry->name), std::size_t{kVolumeNameBytes});
      if (entry->node.kind == kVolumeFolder && depth < 5) walk(entry->node, depth + 1);
      if (entry->node.kind == kVolumeFile) read(entry->node);
      VolumeNode found{};
      if (depth == 0) volume_find(volume_.get(), entry->name, &found);
    }
  }

  /// The beginning, the end and something between.
  void read(const VolumeNode& file) {
    const u64 n = std::min<u64>(file.size, buffer_.size());
    for (const u64 from : {u64{0}, file.size - n, (file.size - n) / 2 + (file.size - n) % 2})
      if (volume_read(volume_.get(), &file, from, buffer_.data(), n) == nullptr) ++files_;
  }

  RomDisk& disk_;
  std::unique_ptr<PartitionTable> table_ = std::make_unique<PartitionTable>();
  std::unique_ptr<Volume> volume_ = std::make_unique<Volume>();
  std::unique_ptr<BootEntries> entries_ = std::make_unique<BootEntries>();
  Bytes memory_, buffer_;
  unsigned left_ = 0;
  u64 mounted_ = 0, files_ = 0, started_ = 0;
};

class RomFuzz : public NeedsTools {
 protected:
  RomFuzz() : NeedsTools({"sfdisk", "mkfs.fat", "mcopy", "mke2fs"}) {}
  void SetUp() override {
    NeedsTools::SetUp();
    if (IsSkipped()) return;
    const std::string t = dir_ / "tree";
    fs::create_directories(t + "/loader/entries");
    fs::create_directories(t + "/boot/extlinux");
    fs::create_directories(t + "/a/b/c");
    write_file(t + "/loader/loader.conf", "default deb*\ntimeout 5\n");
    for (int n = 0; n < 5; ++n)
      write_file(t + "/loader/entries/debian-6." + std::to_string(n) + "+3-1.conf",
                 "title Debian\nversion 6." + std::to_string(n) + "\nlinux /boot/vmlinuz\n" +
                     "initrd /boot/initrd $x\noptions a b\noptions c\nsort-key deb\n");
    write_file(t + "/boot/extlinux/extlinux.conf",
               "default l1\ntimeout 30\nlabel l0\nlinux ../vmlinuz\ninitrd /a,b\nappend x\n"
               "label l1\nmenu label ^One\nkernel /boot/vmlinuz\n");
    write_file(t + "/boot/vmlinuz", rom_text(30'000, 1));
    write_file(t + "/boot/initrd", rom_text(2'000, 2));
    write_file(t + "/a/b/c/a long name that takes several entries of a folder.txt",
               rom_text(100, 3));
    for (int n = 0; n < 30; ++n) write_file(t + "/a/f" + std::to_string(n), rom_text(99, 4));
  }
  /// Copies the tree into a FAT file system at an offset of an image.
  void fat(const std::string& image, const std::string& options, unsigned sector, unsigned kib) {
    const std::string part = dir_ / "part";
    must_run("rm -f '" + part + "'; truncate -s " + std::to_string(kib) + "K '" + part +
             "' && mkfs.fat " + options + " '" + part + "' && cd '" + (dir_ / "tree") +
             "' && MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null mcopy -s -i '" + part +
             "' * ::/ && dd if='" + part + "' of='" + image +
             "' conv=notrunc bs=512 seek=" + std::to_string(sector));
  }
  void ext(const std::string& image, const std::string& options, unsigned sector, unsigned kib) {
    must_run("mke2fs -q -F " + options + " -N 100 -E offset=" + std::to_string(sector * 512) +
             " -d '" + (dir_ / "tree") + "' '" + image + "' " + std::to_string(kib) + "k");
  }
  std::string table(const std::string& script, unsigned kib) {
    const std::string image = dir_ / "image";
    write_file(dir_ / "script", script);
    must_run("rm -f '" + image + "'; truncate -s " + std::to_string(kib) + "K '" + image +
             "' && sfdisk -q '" + image + "' < '" + (dir_ / "script") + "'");
    return image;
  }

  /// Damages what the reader looks at, again and again.
  void fuzz(const std::string& image) {
    RomDisk disk;
    disk.load(image);
    const Bytes good = disk.bytes();
    Reader reader(disk);
    reader.run();
    EXPECT_GT(reader.started(), 0u);
    // What is read into the cache is more worth than what goes into the buffers of files.
    std::vector<u64> looked_at;
    for (const auto& r : disk.requests())
      for (u64 s = r.sector; s < r.sector + r.count && !reader.is_buffer(r.to); ++s) {
        const auto at = good.begin() + static_cast<long>(s * 512);
        if (std::any_of(at, at + 512, [](u8 b) { return b != 0; }) &&
            std::find(looked_at.begin(), looked_at.end(), s) == looked_at.end())
          looked_at.push_back(s);
      }
    const u64 usual = disk.requests().size();

    const u64 first = seed(), count = cases(300);
    for (u64 n = 0; n < count; ++n) {
      Random random(first + n);
      std::vector<u64> changed;
      for (u64 i = random() % 6 + 1; i != 0; --i) {
        // What is looked at first has the most to say.
        const u64 most = random() % looked_at.size() + 1;
        changed.push_back(looked_at[random() % most]);
        for (u64 times = random() % 8 + 1; times != 0; --times)
          damage(random, disk.bytes().data() + changed.back() * 512, 512);
      }
      reader.run();
      ASSERT_LT(disk.requests().size(), usual * 20 + 200'000) << "seed " << first + n;
      if (HasFatalFailure()) FAIL() << "seed " << first + n;
      for (const u64 s : changed)
        std::memcpy(disk.bytes().data() + s * 512, good.data() + s * 512, 512);
    }
    std::printf("%lu cases: %lu mounted, %lu files read, %lu kernels\n", count, reader.mounted(),
                reader.files(), reader.started());
    EXPECT_GT(reader.mounted(), count / 10);
  }

  TempDir dir_{true};
};

TEST_F(RomFuzz, GptWithFat16AndExt4) {
  const std::string image = table(
      "label: gpt\nfirst-lba: 34\nstart=64, size=9000, type=uefi\n"
      "start=9100, size=4096, type=linux\n",
      7000);
  fat(image, "-F 16 -s 1", 64, 4500);
  ext(image, "-t ext4 -b 1024 -O ^has_journal", 9100, 2000);
  fuzz(image);
}

TEST_F(RomFuzz, MbrWithFat12AndExt2AndExt4) {
  const std::string image = table(
      "label: dos\nstart=64, size=2000, type=ef\n"
      "start=2100, size=12000, type=5\n"
      "5: start=2200, size=4000, type=83\n"
      "6: start=6400, size=6000, type=83\n",
      8000);
  fat(image, "-F 12 -s 1", 64, 1000);
  ext(image, "-t ext2 -b 1024", 2200, 1900);
  ext(image, "-t ext4 -b 4096 -I 512 -O inline_data,^has_journal", 6400, 2800);
  fuzz(image);
}

TEST_F(RomFuzz, Fat32WithoutATable) {
  must_run("truncate -s 35M '" + (dir_ / "image") + "'");
  fat(dir_ / "image", "-F 32 -s 1", 0, 35 << 10);
  fuzz(dir_ / "image");
}

TEST_F(RomFuzz, Ext4WithMetaBlockGroups) {
  ext(dir_ / "image",
      "-t ext4 -b 1024 -g 256 -O meta_bg,^resize_inode,^has_journal,bigalloc -C 2048", 0, 4000);
  fuzz(dir_ / "image");
}

// ---- Compressed data ---------------------------------------------------------------------------

Bytes pack(Random& random) {
  Bytes data(random() % 3000);
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] =
        random() % 3 == 0 && i > 40 ? data[i - random() % 40] : static_cast<u8>(random() % 20);
  static constexpr int kStrategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_FIXED, Z_RLE};
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, static_cast<int>(random() % 10), Z_DEFLATED, 31, 9,
                         kStrategies[random() % 4]),
            Z_OK);
  Bytes packed(deflateBound(&z, data.size()) + 64);
  z.next_in = data.data();
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = packed.data();
  z.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  packed.resize(z.total_out);
  deflateEnd(&z);
  return packed;
}

/// zlib's opinion of one member; the result is what it wrote until it was content or not.
bool judge(const Bytes& packed, Bytes& out) {
  z_stream z{};
  EXPECT_EQ(inflateInit2(&z, 31), Z_OK);
  z.next_in = const_cast<u8*>(packed.data());
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  const int status = inflate(&z, Z_FINISH);
  out.resize(z.total_out);
  inflateEnd(&z);
  return status == Z_STREAM_END;
}

TEST(RomGunzipFuzz, AgreesWithZlib) {
  const auto work = std::make_unique<Gunzip>();
  const u64 first = seed(), count = cases(300) * 20;
  u64 good = 0;
  for (u64 n = 0; n < count; ++n) {
    Random random(first + n);
    Bytes packed = pack(random);
    for (u64 i = random() % 4; i != 0; --i) damage(random, packed.data() + 3, packed.size() - 3);
    if (random() % 8 == 0) packed.resize(random() % (packed.size() + 1));
    packed.shrink_to_fit();
    Bytes ours(random() % 4 == 0 ? random() % 3000 : 4000), theirs(ours.size());
    u64 written = 0;
    const char* const why =
        gunzip(work.get(), packed.data(), packed.size(), ours.data(), ours.size(), &written);
    const auto reached = ours.empty() ? 0 : static_cast<std::size_t>(work->out - ours.data());
    // A second member is zlib's caller's business.
    const bool theirs_good = judge(packed, theirs);
    ASSERT_EQ(why == nullptr, theirs_good) << "seed " << first + n << " " << (why ? why : "");
    const std::size_t both = why == nullptr ? theirs.size() : std::min(reached, theirs.size());
    if (why == nullptr) {
      ASSERT_EQ(written, theirs.size()) << "seed " << first + n;
      ++good;
    }
    ASSERT_TRUE(std::equal(ours.begin(), ours.begin() + static_cast<long>(both), theirs.begin()))
        << "seed " << first + n;
  }
  std::printf("%lu cases: %lu good\n", count, good);
  EXPECT_GT(good, count / 10);
  EXPECT_LT(good, count);
}

TEST(RomGunzipFuzz, KernelsWithAnyHeader) {
  const u64 first = seed(), count = cases(300) * 20;
  const char* const kTypes[] = {"gzip", "zstd22", "", "lzma"};
  for (u64 n = 0; n < count; ++n) {
    Random random(first + n);
    Bytes b(random() % 200);
    if (b.size() >= 64) {
      std::memcpy(b.data(), "MZ\0\0zimg", 8);
      b[8] = 64;
      b[12] = static_cast<u8>(b.size() - 64);
      std::strcpy(reinterpret_cast<char*>(b.data()) + 24, kTypes[random() % 4]);
      std::memcpy(b.data() + 56, "ARMd", 4);
      if (b.size() > 66) b[64] = 0x1f, b[65] = 0x8b;
    }
    for (u64 i = random() % 6; i != 0; --i) damage(random, b.data(), b.size());
    PackedKernel k{};
    if (kernel_packing(b.data(), b.size(), &k) == nullptr) {
      ASSERT_GE(k.data, b.data());
      ASSERT_LE(k.data + k.bytes, b.data() + b.size());
    }
    LinuxImage image{};
    if (linux_image_read(b.data(), b.size(), &image) != nullptr) continue;
    const u64 lowest = random() % 2 == 0 ? 0x70000000 : random(),
              end = lowest + random() % (1u << 30);
    const u64 at = linux_image_place(&image, lowest, end);
    if (at == 0) continue;
    ASSERT_GE(at, lowest);
    ASSERT_LE(at + image.memory, end);
  }
}

// ---- Device trees ------------------------------------------------------------------------------

Bytes small_tree() {
  Bytes tree(1024);
  EXPECT_EQ(fdt_create(tree.data(), 1024), 0);
  EXPECT_EQ(fdt_add_reservemap_entry(tree.data(), 0x1000, 0x100), 0);
  EXPECT_EQ(fdt_finish_reservemap(tree.data()), 0);
  EXPECT_EQ(fdt_begin_node(tree.data(), ""), 0);
  EXPECT_EQ(fdt_property_string(tree.data(), "compatible", "quince,vmapple"), 0);
  EXPECT_EQ(fdt_begin_node(tree.data(), "chosen"), 0);
  EXPECT_EQ(fdt_property_string(tree.data(), "bootargs", "quiet"), 0);
  EXPECT_EQ(fdt_begin_node(tree.data(), "below"), 0);
  EXPECT_EQ(fdt_end_node(tree.data()), 0);
  EXPECT_EQ(fdt_end_node(tree.data()), 0);
  EXPECT_EQ(fdt_begin_node(tree.data(), "memory@70000000"), 0);
  EXPECT_EQ(fdt_property_u64(tree.data(), "reg", 0x70000000), 0);
  EXPECT_EQ(fdt_end_node(tree.data()), 0);
  EXPECT_EQ(fdt_end_node(tree.data()), 0);
  EXPECT_EQ(fdt_finish(tree.data()), 0);
  tree.resize(fdt_totalsize(tree.data()));
  return tree;
}

TEST(RomFdtFuzz, WhatIsAcceptedCanBeCopied) {
  const Bytes good = small_tree();
  const u64 first = seed(), count = cases(300) * 40;
  const FdtProperty changes[] = {
      {"bootargs", "root=/dev/vda", 14}, {"new", "", 0}, {"old", nullptr, 0}};
  u64 accepted = 0;
  for (u64 n = 0; n < count; ++n) {
    Random random(first + n);
    Bytes tree = good;
    for (u64 i = random() % 4; i != 0; --i) damage(random, tree.data(), tree.size());
    if (random() % 8 == 0) tree.resize(random() % (tree.size() + 1));
    tree.shrink_to_fit();
    Fdt f{};
    if (fdt_open(&f, tree.data(), tree.size()) != nullptr) continue;
    ++accepted;
    u32 bytes = 0;
    fdt_value(&f, "/memory", "reg", &bytes);
    fdt_value(&f, "/chosen/below", "none", &bytes);
    Bytes to(random() % 4 == 0 ? random() % 1200 : 1200);
    u64 written = 0;
    if (fdt_copy_with(&f, changes, 3, to.data(), to.size(), &written) != nullptr) continue;
    to.resize(written);
    to.shrink_to_fit();
    ASSERT_EQ(fdt_open(&f, to.data(), to.size()), nullptr) << "seed " << first + n;
    const u8* const args = fdt_value(&f, "/chosen", "bootargs", &bytes);
    ASSERT_NE(args, nullptr) << "seed " << first + n;
    ASSERT_EQ(bytes, 14u);
    ASSERT_EQ(std::memcmp(args, "root=/dev/vda", 14), 0);
  }
  std::printf("%lu cases: %lu accepted\n", count, accepted);
  EXPECT_GT(accepted, count / 10);
  EXPECT_LT(accepted, count);
}

}  // namespace
}  // namespace quince::test
