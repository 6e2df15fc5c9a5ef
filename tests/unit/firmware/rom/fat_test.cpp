// FAT against mkfs.fat and mtools: what they wrote is what is read.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "tests/unit/firmware/rom/rom_disk.h"

namespace quince::test {
namespace {

namespace fs = std::filesystem;

struct Format {
  const char* name;
  const char* options;  // of mkfs.fat
  const char* type;
  unsigned mib;
};

void PrintTo(const Format& f, std::ostream* out) { *out << f.name; }

constexpr Format kFormats[] = {
    {"Fat12", "-F 12 -s 8", "FAT12", 8},
    {"Fat12Clusters32K", "-F 12 -s 64", "FAT12", 16},
    {"Fat16", "-F 16", "FAT16", 16},
    {"Fat16Clusters512", "-F 16 -s 1", "FAT16", 16},
    {"Fat16OneTable", "-F 16 -f 1 -r 1024", "FAT16", 16},
    {"Fat16Sectors4K", "-F 16 -S 4096 -s 1", "FAT16", 32},
    {"Fat32", "-F 32", "FAT32", 64},
    {"Fat32Small", "-F 32 -s 1", "FAT32", 34},
    {"Fat32OwnMbr", "-F 32 --mbr=y", "FAT32", 64},
};

class FatTest : public NeedsTools {
 protected:
  FatTest() : NeedsTools({"mkfs.fat", "mcopy"}) {}
};

class FatFormats : public FatTest, public testing::WithParamInterface<Format> {};

// Without settings of the user; geometries that no disk has are fine.
const std::string kMtools = "MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null ";

void mkfs_fat(const std::string& image, const std::string& options, unsigned mib) {
  must_run("rm -f '" + image + "'; truncate -s " + std::to_string(mib) + "M '" + image +
           "' && mkfs.fat -n ROM-TEST " + options + " '" + image + "'");
}

TEST_P(FatFormats, HasWhatWentIn) {
  const TempDir dir(true);
  const std::string tree = dir / "tree", image = dir / "image";
  make_tree(tree);
  mkfs_fat(image, GetParam().options, GetParam().mib);
  must_run("cd '" + tree + "' && " + kMtools + "mcopy -s -i '" + image + "' * ::/");
  RomDisk disk;
  disk.load(image);
  RomVolume v(disk);
  ASSERT_EQ(v.error(), "");
  EXPECT_STREQ(v->type, GetParam().type);
  EXPECT_STREQ(v->label, "ROM-TEST");
  expect_same_tree(v, tree, "/");

  const std::string lower = rom_text(34, 97);
  EXPECT_EQ(v.read("ONE/LOWER.TXT"), lower);
  EXPECT_EQ(v.read("One/Two/../Lower.txt"), lower);
  EXPECT_EQ(v.read("one/two/../../one/lower.txt"), lower);
  EXPECT_EQ(v.read("../one/./lower.txt"), lower);
  EXPECT_EQ(v.read("one/alonge~1.con"), rom_text(35, 96)) << "the short name";
  EXPECT_EQ(v.read("one/nothing"), std::string("error: ") + kVolumeNotFound);
  EXPECT_EQ(v.read("one"), "error: it is not a file");
  EXPECT_EQ(v.list("empty"), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(MkfsFat, FatFormats, testing::ValuesIn(kFormats),
                         [](const auto& i) { return std::string(i.param.name); });

TEST_F(FatTest, ReadsAFileInManyPieces) {
  const TempDir dir(true);
  const std::string image = dir / "image";
  mkfs_fat(image, "-F 16 -s 1", 16);
  fs::create_directories(dir / "small");
  for (int n = 0; n < 2000; ++n)
    write_file(dir / "small/f" + std::to_string(n), rom_text(100, static_cast<u64>(n)));
  write_file(dir / "big", rom_text(2'000'000, 1));
  const std::string& tools = kMtools;
  must_run(
      "cd " + dir.path() + " && " + tools + "mcopy -s -i image small ::/ && " + tools +
      "mdel -i image ::/small/f*[13579] && " + tools +
      // Free what is behind them no sooner than they are used up: the search begins at the start.
      "mcopy -i image big ::/big");
  RomDisk disk;
  disk.load(image);
  RomVolume v(disk);
  ASSERT_EQ(v.error(), "");
  EXPECT_EQ(v.list("small").size(), 1000u);
  EXPECT_EQ(v.read("small/f1998"), rom_text(100, 1998));
  const std::string want = rom_text(2'000'000, 1);
  disk.requests().clear();
  EXPECT_EQ(v.read("big"), want);
  EXPECT_GT(disk.requests().size(), 500u) << "it is not in pieces";
  VolumeNode file{};
  ASSERT_EQ(volume_find(v.get(), "big", &file), nullptr);
  for (u64 n = 0; n < 200; ++n) {
    const u64 from = n * 79191 % file.size, bytes = (n * 104729 + 1) % (file.size - from);
    std::string got(bytes, '\0');
    ASSERT_EQ(volume_read(v.get(), &file, from, got.data(), bytes), nullptr);
    ASSERT_EQ(got, want.substr(from, bytes)) << from;
  }
}

TEST_F(FatTest, ReadsALargeFileInOneRequestIntoTheBuffer) {
  const TempDir dir(true);
  const std::string image = dir / "image";
  mkfs_fat(image, "-F 32 -s 1", 40);
  write_file(dir / "kernel", rom_text(12'000'123, 5));
  must_run(kMtools + "mcopy -i '" + image + "' '" + (dir / "kernel") + "' ::/");
  RomDisk disk;
  disk.load(image);
  RomVolume v(disk);
  VolumeNode file{};
  ASSERT_EQ(volume_find(v.get(), "KERNEL", &file), nullptr);
  std::string got(file.size, '\0');
  ASSERT_EQ(volume_read(v.get(), &file, 0, got.data(), file.size), nullptr);
  EXPECT_EQ(got, rom_text(12'000'123, 5));
  unsigned large = 0;
  for (const auto& r : disk.requests())
    if (r.to == got.data()) {
      EXPECT_EQ(r.count, file.size / 512);
      ++large;
    }
  EXPECT_EQ(large, 1u);
}

// ---- Damage ------------------------------------------------------------------------------------

class FatDamage : public FatTest {
 protected:
  void SetUp() override {
    FatTest::SetUp();
    if (IsSkipped()) return;
    const std::string image = dir_ / "image";
    mkfs_fat(image, "-F 16 -s 1", 16);
    write_file(dir_ / "file", rom_text(5000, 3));
    must_run(kMtools + "mcopy -i '" + image + "' '" + (dir_ / "file") + "' ::/ && " + kMtools +
             "mmd -i '" + image + "' ::/folder");
    disk_.load(image);
    RomVolume v(disk_);
    ASSERT_EQ(v.read("file"), rom_text(5000, 3));
    fat_ = v->fat.fat_at;
    VolumeNode file{}, folder{};
    ASSERT_EQ(volume_find(v.get(), "file", &file), nullptr);
    ASSERT_EQ(volume_find(v.get(), "folder", &folder), nullptr);
    file_ = static_cast<u32>(file.id);
    folder_ = static_cast<u32>(folder.id);
  }
  void set_next(u32 cluster, u16 next) {
    std::memcpy(disk_.bytes().data() + fat_ + 2 * cluster, &next, 2);
  }

  TempDir dir_{true};
  RomDisk disk_;
  u64 fat_ = 0;
  u32 file_ = 0, folder_ = 0;
};

const char kBroken[] = "error: the FAT file system is damaged: a chain of clusters is broken";

TEST_F(FatDamage, AChainThatEndsEarly) {
  for (const u16 end : std::initializer_list<u16>{0, 1, 0xfff7, 0xffff, 0xfff0}) {
    set_next(file_ + 1, end);
    EXPECT_EQ(RomVolume(disk_).read("file"), kBroken) << end;
  }
}

TEST_F(FatDamage, AChainThatMeetsItself) {
  set_next(file_ + 1, static_cast<u16>(file_));
  EXPECT_EQ(RomVolume(disk_).read("file").size(), 5000u) << "the size ends it";
  set_next(folder_, static_cast<u16>(folder_));
  // A folder has its entries again and again, up to the largest folder there may be.
  u8* const entries = disk_.bytes().data() + RomVolume(disk_)->fat.data_at + (folder_ - 2) * 512;
  for (u32 n = 2; n < 16; ++n) {
    std::memcpy(entries + 32 * n, "SAME    TXT", 11);
    entries[32 * n + 11] = 0x20;
  }
  RomVolume v(disk_);
  const std::vector<std::string> names = v.list("folder");
  EXPECT_TRUE(names.size() == 1 || names.size() <= 65536) << names.size();
  EXPECT_TRUE(v.read("folder/none").starts_with("error: "));
}

TEST_F(FatDamage, ATableThatLooksLikeExt4IsStillFat) {
  // Cluster 284 is followed by cluster 0xef53, where ext4 has its magic number.
  disk_.bytes()[1024 + 0x38] = 0x53;
  disk_.bytes()[1024 + 0x39] = 0xef;
  RomVolume v(disk_);
  EXPECT_EQ(v.error(), "");
  EXPECT_EQ(v.read("file"), rom_text(5000, 3));
}

TEST_F(FatDamage, GeometryIsChecked) {
  const std::vector<u8> good = disk_.bytes();
  const auto mount = [&](u32 at, u8 value) {
    disk_.set(good);
    disk_.bytes()[at] = value;
    return RomVolume(disk_).error();
  };
  const std::string unknown = "it is no file system that is known (FAT, ext2, ext3, ext4)";
  EXPECT_EQ(mount(0, 0x33), unknown);
  EXPECT_EQ(mount(12, 0x03), unknown);  // bytes in a sector
  EXPECT_EQ(mount(13, 3), unknown);     // sectors in a cluster
  EXPECT_EQ(mount(13, 0), unknown);
  EXPECT_EQ(mount(16, 0), unknown);  // tables
  EXPECT_EQ(mount(23, 0xff), "the FAT file system is damaged: it has no room");
}

TEST_F(FatDamage, ADiskThatFails) {
  RomVolume v(disk_);
  VolumeNode file{};
  ASSERT_EQ(volume_find(v.get(), "file", &file), nullptr);
  disk_.fail_from(v->fat.data_at / 512);
  EXPECT_EQ(v.read("file"), "error: the disk cannot be read");
}

}  // namespace
}  // namespace quince::test
