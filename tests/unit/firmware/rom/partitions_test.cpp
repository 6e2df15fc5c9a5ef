// Partition tables against sfdisk.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <sstream>

#include "tests/unit/firmware/rom/rom_disk.h"

extern "C" {
#include "firmware/rom/lib/crc32.h"
#include "firmware/rom/storage/partitions.h"
}

namespace quince::test {
namespace {

struct Place {
  unsigned number;
  u64 first, sectors;
  bool operator==(const Place&) const = default;
};
void PrintTo(const Place& p, std::ostream* out) {
  *out << p.number << ": " << p.first << " + " << p.sectors;
}

class Partitions : public NeedsTools {
 protected:
  Partitions() : NeedsTools({"sfdisk", "mkfs.fat", "mke2fs"}) {}
  void make(const std::string& script, const char* size = "52M") {
    write_file(dir_ / "script", script);
    must_run("truncate -s " + std::string(size) + " '" + image_ + "' && sfdisk -q '" + image_ +
             "' < '" + (dir_ / "script") + "'");
    disk_.load(image_);
  }
  std::string read() {
    const char* const why = partitions_read(&disk_.source(), table_.get());
    return why != nullptr ? why : "";
  }
  std::vector<Place> found() const {
    std::vector<Place> places;
    for (u32 i = 0; i < table_->count; ++i) {
      const Partition& p = table_->partitions[i];
      places.push_back({p.number, p.first, p.sectors});
    }
    return places;
  }
  /// What sfdisk says, extended partitions (types 5, f, 85) left out.
  std::vector<Place> judge() {
    std::istringstream dump(must_run("sfdisk -d '" + image_ + "'"));
    std::vector<Place> places;
    for (std::string line; std::getline(dump, line);) {
      Place p{};
      char type[64] = "";
      if (!line.starts_with(image_)) continue;
      if (std::sscanf(line.c_str() + image_.size(), "%u : start= %lu, size= %lu, type=%63[^, ]",
                      &p.number, &p.first, &p.sectors, type) != 4)
        continue;
      const std::string t = type;
      if (t != "5" && t != "f" && t != "85") places.push_back(p);
    }
    return places;
  }

  TempDir dir_{true};
  std::string image_ = dir_ / "image";
  RomDisk disk_;
  std::unique_ptr<PartitionTable> table_ = std::make_unique<PartitionTable>();
};

constexpr char kGpt[] =
    "label: gpt\nfirst-lba: 34\n"
    "start=2048, size=4096, type=uefi, name=\"EFI system\"\n"
    "start=8192, size=100, type=linux, name=\"root f\xc3\xbcr \xe2\x82\xac\"\n"
    "5: start=40000, size=60000, type=linux, uuid=01234567-89AB-CDEF-0123-456789ABCDEF\n";

TEST_F(Partitions, Gpt) {
  make(kGpt);
  ASSERT_EQ(read(), "");
  EXPECT_EQ(table_->scheme, kSchemeGpt);
  EXPECT_EQ(found(), judge());
  ASSERT_EQ(table_->count, 3u);
  EXPECT_TRUE(table_->partitions[0].is_esp);
  EXPECT_FALSE(table_->partitions[1].is_esp);
  EXPECT_STREQ(table_->partitions[0].name, "EFI system");
  EXPECT_STREQ(table_->partitions[1].name, "root f\xc3\xbcr \xe2\x82\xac");
  const u8 guid[16] = {0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd,
                       0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  EXPECT_EQ(std::memcmp(table_->partitions[2].guid, guid, 16), 0);
}

TEST_F(Partitions, GptOfManyEntries) {
  std::string script = "label: gpt\ntable-length: 256\n";
  for (int n = 0; n < 200; ++n) script += "start=" + std::to_string(2048 + 100 * n) + ", size=64\n";
  make(script);
  ASSERT_EQ(read(), "");
  std::vector<Place> all = judge();
  ASSERT_EQ(all.size(), 200u);
  all.resize(kMaxPartitions);
  EXPECT_EQ(found(), all);
  EXPECT_TRUE(table_->more);
}

TEST_F(Partitions, ADamagedGptIsReadFromItsBackup) {
  make(kGpt);
  const std::vector<u8> good = disk_.bytes();
  const std::vector<Place> want = judge();
  // Signature, revision, size, CRC, own place, place of the entries, number, their CRC, an entry.
  for (const u64 at : {512, 520, 525, 528, 536, 584, 592, 600, 1024 + 32, 1024 + 128}) {
    disk_.set(good);
    disk_.bytes()[at] ^= 0x40;
    EXPECT_EQ(read(), "");
    EXPECT_EQ(table_->scheme, kSchemeGptBackup) << at;
    EXPECT_EQ(found(), want) << at;
    disk_.bytes()[disk_.bytes().size() - 512 + 16] ^= 1;
    EXPECT_EQ(read(), "the disk's partition table (GPT) and its backup are damaged") << at;
    EXPECT_EQ(table_->count, 0u);
  }
}

/// Gives the header at a sector the CRC that belongs to it.
void seal(std::vector<u8>& disk, u64 sector) {
  u8* const h = disk.data() + sector * 512;
  std::memset(h + 16, 0, 4);
  const u32 crc = crc_update(0, h, 92);
  std::memcpy(h + 16, &crc, 4);
}

TEST_F(Partitions, SizesInAGptAreCheckedThoughItsCrcIsRight) {
  make(kGpt);
  const std::vector<u8> good = disk_.bytes();
  const struct {
    u32 at;
    u32 value;
  } kBad[] = {{80, 0xffffffff}, {80, 100'000},    {84, 0},          {84, 64},
              {84, 129},        {84, 0x80000000}, {76, 0xffffffff}, {72, 0x7fffffff}};
  for (const auto& bad : kBad) {
    disk_.set(good);
    std::memcpy(disk_.bytes().data() + 512 + bad.at, &bad.value, 4);
    seal(disk_.bytes(), 1);
    EXPECT_EQ(read(), "");
    EXPECT_EQ(table_->scheme, kSchemeGptBackup) << bad.at << " " << bad.value;
  }
}

TEST_F(Partitions, MbrWithLogicalPartitions) {
  make(
      "label: dos\n"
      "start=2048, size=2048, type=ef, bootable\n"
      "start=8192, size=90000, type=5\n"
      "start=100000, size=5000, type=83\n"
      "5: start=10240, size=2048, type=83\n"
      "6: start=16384, size=4096, type=82\n"
      "7: start=24576, size=40000, type=c\n");
  ASSERT_EQ(read(), "");
  EXPECT_EQ(table_->scheme, kSchemeMbr);
  const std::vector<Place> want = judge();
  ASSERT_EQ(want.size(), 5u);
  std::vector<Place> got = found();
  EXPECT_EQ(got, want);
  EXPECT_TRUE(table_->partitions[0].is_esp);
  EXPECT_EQ(table_->partitions[1].mbr_type, 0x83);
}

TEST_F(Partitions, AChainOfLogicalPartitionsThatMeetsItselfEnds) {
  make(
      "label: dos\nstart=8192, size=90000, type=5\n"
      "5: start=10240, size=2048, type=83\n6: start=16384, size=4096, type=83\n");
  ASSERT_EQ(read(), "");
  ASSERT_EQ(table_->count, 2u);
  // The second record's link leads to itself.
  u8* const second =
      disk_.bytes().data() + (8192 + le32(disk_.bytes().data() + 8192 * 512 + 446 + 16 + 8)) * 512;
  std::memcpy(second + 446 + 16, disk_.bytes().data() + 8192 * 512 + 446 + 16, 16);
  EXPECT_EQ(read(), "");
  EXPECT_EQ(table_->count, u32{kMaxPartitions});
}

TEST_F(Partitions, WhatIsBeyondTheEndIsCutOrLeftOut) {
  make(
      "label: dos\nstart=2048, size=20000, type=83\nstart=40000, size=20000, type=83\n"
      "start=60000, size=20000, type=83\n");
  std::vector<u8> cut = disk_.bytes();
  cut.resize(50000 * 512);
  disk_.set(cut);
  ASSERT_EQ(read(), "");
  EXPECT_EQ(found(), (std::vector<Place>{{1, 2048, 20000}, {2, 40000, 10000}}));
}

TEST_F(Partitions, ADiskWithoutATableIsOneFileSystem) {
  for (const char* const make :
       {"mkfs.fat -F 16", "mkfs.fat -F 32 --mbr=y", "mke2fs -q -F -t ext4"}) {
    must_run("rm -f '" + image_ + "'; truncate -s 40M '" + image_ + "' && " + make + " '" + image_ +
             "'");
    disk_.load(image_);
    ASSERT_EQ(read(), "");
    EXPECT_EQ(table_->scheme, kSchemeNone) << make;
    EXPECT_EQ(found(), (std::vector<Place>{{0, 0, 81920}})) << make;
    EXPECT_EQ(RomVolume(disk_).error(), "") << make;
  }
}

TEST_F(Partitions, AFileSystemIsMountedFromItsPartition) {
  make(kGpt);
  must_run("mkdir '" + (dir_ / "tree") + "' && echo hello > '" + (dir_ / "tree/hi") +
           "' && mke2fs -q -F -E offset=" + std::to_string(40000 * 512) + " -d '" +
           (dir_ / "tree") + "' '" + image_ + "' 25000k");
  disk_.load(image_);
  ASSERT_EQ(read(), "");
  const Partition& p = table_->partitions[2];
  RomVolume v(disk_, p.first, p.sectors);
  ASSERT_EQ(v.error(), "");
  EXPECT_EQ(v.read("hi"), "hello\n");
}

TEST_F(Partitions, AnEmptyDiskAndOneThatFails) {
  disk_.set({});
  EXPECT_NE(read(), "");
  disk_.set(std::vector<u8>(512));
  disk_.fail_from(0);
  EXPECT_EQ(read(), "the disk cannot be read");
}

}  // namespace
}  // namespace quince::test
