// ext2/3/4 against mke2fs and debugfs: what they wrote is what is read.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "tests/support/command.h"
#include "tests/unit/firmware/rom/rom_disk.h"

namespace quince::test {
namespace {

namespace fs = std::filesystem;

struct Format {
  const char* name;
  const char* options;  // of mke2fs
  const char* type;     // what the volume says it is
};

void PrintTo(const Format& f, std::ostream* out) { *out << f.name; }

constexpr Format kFormats[] = {
    {"Ext2Blocks1K", "-t ext2 -b 1024", "ext2"},
    {"Ext2Blocks2K", "-t ext2 -b 2048", "ext2"},
    {"Ext2Blocks4K", "-t ext2 -b 4096", "ext2"},
    {"Ext2Revision0", "-t ext2 -b 1024 -r 0", "ext2"},
    {"Ext2NoFileType", "-t ext2 -b 1024 -O ^filetype", "ext2"},
    {"Ext3", "-t ext3 -b 1024", "ext3"},
    {"Ext4Blocks1K", "-t ext4 -b 1024", "ext4"},
    {"Ext4Blocks2K", "-t ext4 -b 2048", "ext4"},
    {"Ext4Blocks4K", "-t ext4 -b 4096", "ext4"},
    {"Ext4Blocks64K", "-t ext4 -b 65536 -O ^has_journal", "ext4"},
    {"Ext4No64Bit", "-t ext4 -b 4096 -O ^64bit,^metadata_csum", "ext4"},
    {"Ext4Descriptors128", "-t ext4 -b 1024 -O 64bit -E desc_size=128", "ext4"},
    {"Ext4MapsOfBlocks", "-t ext4 -b 1024 -O ^extents,^64bit", "ext4"},
    {"Ext4NoFlexBg", "-t ext4 -b 1024 -O ^flex_bg", "ext4"},
    {"Ext4MetaBg", "-t ext4 -b 1024 -g 256 -N 512 -O meta_bg,^resize_inode", "ext4"},
    {"Ext4MetaBgOldSupers", "-t ext4 -b 1024 -g 256 -N 512 -O meta_bg,^resize_inode,^sparse_super",
     "ext4"},
    {"Ext4SparseSuper2", "-t ext4 -b 1024 -g 256 -N 512 -O sparse_super2,meta_bg,^resize_inode",
     "ext4"},
    {"Ext4BigAlloc", "-t ext4 -b 1024 -C 4096 -O bigalloc", "ext4"},
    {"Ext4InlineData", "-t ext4 -b 4096 -I 256 -O inline_data", "ext4"},
    {"Ext4InlineData512", "-t ext4 -b 1024 -I 512 -O inline_data", "ext4"},
    {"Ext4Inode128", "-t ext4 -b 1024 -I 128", "ext4"},
    {"Ext4Others", "-t ext4 -b 4096 -O metadata_csum_seed,large_dir,ea_inode,mmp,encrypt,casefold",
     "ext4"},
};

class Ext4Test : public NeedsTools {
 protected:
  Ext4Test() : NeedsTools({"mke2fs", "debugfs", "e2fsck"}) {}
};

class Ext4Formats : public Ext4Test, public testing::WithParamInterface<Format> {};

void mke2fs(const std::string& options, const std::string& image, const std::string& folder,
            const std::string& size = "20m") {
  must_run("mke2fs -q -F " + options + " -L ROM-test" +
           (folder.empty() ? "" : " -d '" + folder + "'") + " '" + image + "' " + size);
}

/// A file of `size` bytes with data here and there and nothing between.
void make_sparse(const std::string& path, off_t size, std::initializer_list<off_t> places) {
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::ftruncate(fd, size), 0);
  for (const off_t at : places) {
    const std::string text = rom_text(5000, static_cast<u64>(at));
    ASSERT_EQ(::pwrite(fd, text.data(), text.size(), at), 5000);
  }
  ::close(fd);
}

void make_links(const std::string& folder) {
  const std::string deep = "one/two/three/four/five/six";
  fs::create_symlink("size100", folder + "/fast");
  fs::create_symlink("/one/two", folder + "/absolute");
  fs::create_symlink("../../" + deep + "/../six/./" + std::string("../six/../six/../six/deep"),
                     folder + "/one/two/slow");
  fs::create_symlink("../../two/three/four/five/six/../../../../../size61",
                     folder + "/one/two/three/wrong");
  fs::create_symlink("fast", folder + "/chain");
  fs::create_symlink("loop2", folder + "/loop1");
  fs::create_symlink("loop1", folder + "/loop2");
  fs::create_symlink("nowhere", folder + "/dangling");
}

TEST_P(Ext4Formats, HasWhatWentIn) {
  const TempDir dir(true);
  const std::string tree = dir / "tree", image = dir / "image";
  make_tree(tree);
  make_links(tree);
  // mke2fs 1.47 gives a file with holes the wrong size when there is inline data.
  if (std::strstr(GetParam().options, "inline_data") == nullptr)
    make_sparse(tree + "/sparse", 3'000'000, {0, 70'000, 1'000'000, 2'900'001});
  make_sparse(tree + "/hole", 1'000'000, {});
  // Inodes in many groups, whose descriptors are in several places.
  if (std::strstr(GetParam().options, "meta_bg") != nullptr)
    for (int n = 0; n < 450; ++n)
      write_file(tree + "/empty/f" + std::to_string(n), rom_text(9, static_cast<u64>(n)));
  mke2fs(GetParam().options, image, tree);
  RomDisk disk;
  disk.load(image);
  RomVolume v(disk);
  ASSERT_EQ(v.error(), "");
  EXPECT_STREQ(v->type, GetParam().type);
  EXPECT_STREQ(v->label, "ROM-test");
  fs::remove(tree + "/absolute");  // means another folder here
  std::vector<std::string> root = v.list("/");
  EXPECT_EQ(std::erase(root, "absolute"), 1u);
  fs::create_directory_symlink("one/two", tree + "/absolute");
  expect_same_tree(v, tree, "/");

  EXPECT_EQ(v.read("/chain"), read_file(tree + "/size100"));
  EXPECT_EQ(v.read("absolute/slow"), rom_text(777, 99));
  EXPECT_EQ(v.read("//absolute/./three/../../../size1"), read_file(tree + "/size1"));
  EXPECT_EQ(v.read("/../../size1"), read_file(tree + "/size1"));
  EXPECT_EQ(v.read("loop1"), "error: the path leads through too many symbolic links");
  EXPECT_EQ(v.read("dangling"), std::string("error: ") + kVolumeNotFound);
  EXPECT_EQ(v.read("size1/below"), std::string("error: ") + kVolumeNotFound);
  EXPECT_EQ(v.read("one"), "error: it is not a file");
  EXPECT_EQ(v.read("ONE/lower.txt"), std::string("error: ") + kVolumeNotFound);
  EXPECT_EQ(v.list("size1"), std::vector<std::string>{"error: it is not a folder"});
}

INSTANTIATE_TEST_SUITE_P(Mke2fs, Ext4Formats, testing::ValuesIn(kFormats),
                         [](const auto& i) { return std::string(i.param.name); });

TEST_F(Ext4Test, FindsNamesInAFolderWithAnIndex) {
  const TempDir dir(true);
  const std::string tree = dir / "tree", image = dir / "image";
  fs::create_directories(tree + "/many");
  for (int n = 0; n < 2000; ++n)
    write_file(tree + "/many/a file with number " + std::to_string(n), std::to_string(n));
  for (const char* const options : {"-t ext4 -b 1024 -N 4096", "-t ext4 -b 4096 -N 4096"}) {
    mke2fs(options, image, tree, "32m");
    must_run("e2fsck -fyD '" + image + "'; test $? -le 1");  // makes the index
    EXPECT_NE(must_run("debugfs -R 'stat many' '" + image + "'").find("Flags: 0x81000"),
              std::string::npos);
    RomDisk disk;
    disk.load(image);
    RomVolume v(disk);
    ASSERT_EQ(v.error(), "");
    EXPECT_EQ(v.list("many").size(), 2000u);
    for (int n = 0; n < 2000; n += 97)
      EXPECT_EQ(v.read("many/a file with number " + std::to_string(n)), std::to_string(n));
  }
}

/// An image with a file in very many pieces: blocks between them belong to others.
void make_fragments(const TempDir& dir, const std::string& image, const std::string& options,
                    int pieces) {
  std::string commands;
  mke2fs(options, image, "", "8m");
  write_file(dir / "small", rom_text(1024, 7));
  write_file(dir / "big", rom_text(static_cast<std::size_t>(pieces) * 1024 - 100, 8));
  for (int n = 0; n < 2 * pieces; ++n)
    commands += "write " + (dir / "small") + " s" + std::to_string(n) + "\n";
  for (int n = 0; n < 2 * pieces; n += 2) commands += "rm s" + std::to_string(n) + "\n";
  commands += "write " + (dir / "big") + " big\n";
  write_file(dir / "commands", commands);
  must_run("debugfs -w -f '" + (dir / "commands") + "' '" + image + "' > /dev/null");
}

TEST_F(Ext4Test, ReadsAFileInManyPieces) {
  constexpr int kPieces = 700;
  for (const char* const options :
       {"-t ext4 -b 1024 -N 2048 -O ^has_journal", "-t ext2 -b 1024 -N 2048"}) {
    const TempDir dir(true);
    make_fragments(dir, dir / "image", options, kPieces);
    if (std::strstr(options, "ext4") != nullptr) {
      // The tree has levels between its root and its leaves.
      EXPECT_NE(must_run("debugfs -R 'dump_extents big' " + (dir / "image")).find(" 1/ 2"),
                std::string::npos);
    }
    RomDisk disk;
    disk.load(dir / "image");
    RomVolume v(disk);
    ASSERT_EQ(v.error(), "");
    const std::string want = read_file(dir / "big");
    EXPECT_EQ(v.read("big"), want);
    // From anywhere to anywhere.
    VolumeNode file{};
    ASSERT_EQ(volume_find(v.get(), "big", &file), nullptr);
    for (u64 n = 0; n < 200; ++n) {
      const u64 from = n * 7919 % file.size, bytes = (n * 104729 + 1) % (file.size - from);
      std::string got(bytes, '\0');
      ASSERT_EQ(volume_read(v.get(), &file, from, got.data(), bytes), nullptr);
      ASSERT_EQ(got, want.substr(from, bytes)) << from;
    }
  }
}

TEST_F(Ext4Test, ReadsBlocksThatWereNeverWrittenAsZeros) {
  const TempDir dir(true);
  const std::string image = dir / "image";
  mke2fs("-t ext4 -b 4096", image, "");
  // fallocate makes extents that are not initialized: what is in their blocks must not be seen.
  must_run("yes garbage | head -c 4000000 > " + (dir / "garbage") + "; printf 'write " +
           (dir / "garbage") +
           " g\\nrm g\\nwrite /dev/null f\\nfallocate f 0 99\\n"
           "set_inode_field f size 409600\\n' > " +
           (dir / "c") + "; debugfs -w -f " + (dir / "c") + " " + image);
  RomDisk disk;
  disk.load(image);
  RomVolume v(disk);
  ASSERT_EQ(v.error(), "");
  EXPECT_EQ(v.read("f"), std::string(409600, '\0'));
}

TEST_F(Ext4Test, ReadsALargeFileInOneRequestIntoTheBuffer) {
  const TempDir dir(true);
  const std::string tree = dir / "tree", image = dir / "image";
  fs::create_directories(tree);
  write_file(tree + "/kernel", rom_text(12'000'123, 5));
  mke2fs("-t ext4 -b 4096 -O ^has_journal", image, tree, "32m");
  RomDisk disk;
  disk.load(image);
  RomVolume v(disk);
  VolumeNode file{};
  ASSERT_EQ(volume_find(v.get(), "kernel", &file), nullptr);
  std::string got(file.size, '\0');
  ASSERT_EQ(volume_read(v.get(), &file, 0, got.data(), file.size), nullptr);
  EXPECT_EQ(got, rom_text(12'000'123, 5));
  u64 straight = 0;
  unsigned large = 0;
  for (const auto& r : disk.requests()) {
    const auto* const to = static_cast<const char*>(r.to);
    if (to < got.data() || to >= got.data() + got.size()) continue;
    straight += r.count;
    ++large;
  }
  EXPECT_EQ(straight, file.size / 512);
  // One for each piece that the file is in.
  unsigned pieces = 0;
  const std::string dump = must_run("debugfs -R 'dump_extents kernel' '" + image + "'");
  for (std::size_t at = 0; (at = dump.find(" 0/ 0", at)) != std::string::npos; ++at) ++pieces;
  EXPECT_EQ(large, pieces);
  EXPECT_LE(pieces, 5u);
}

TEST_F(Ext4Test, FoldsCaseInFoldersThatWantIt) {
  const TempDir dir(true);
  const std::string image = dir / "image";
  mke2fs("-t ext4 -b 1024 -O casefold", image, "");
  write_file(dir / "text", "x");
  must_run("printf 'mkdir d\\nset_inode_field d flags 0x40080000\\nwrite " + (dir / "text") +
           " File\\ncd d\\nwrite " + (dir / "text") + " File\\n' > " + (dir / "c") +
           "; debugfs -w -f " + (dir / "c") + " " + image);
  RomDisk disk;
  disk.load(image);
  RomVolume v(disk);
  ASSERT_EQ(v.error(), "");
  EXPECT_EQ(v.read("d/fILE"), "x");
  EXPECT_EQ(v.read("File"), "x");
  EXPECT_EQ(v.read("fILE"), std::string("error: ") + kVolumeNotFound);
}

// ---- What is refused ---------------------------------------------------------------------------

class Ext4Damage : public Ext4Test {
 protected:
  void SetUp() override {
    Ext4Test::SetUp();
    if (IsSkipped()) return;
    fs::create_directories(dir_ / "tree");
    write_file(dir_ / "tree/file", rom_text(100'000, 3));
    mke2fs("-t ext4 -b 1024", dir_ / "image", dir_ / "tree", "4m");
    disk_.load(dir_ / "image");
  }
  u8* super() { return disk_.bytes().data() + 1024; }
  std::string mount() { return RomVolume(disk_).error(); }
  /// Where the file's inode is.
  u8* inode() {
    RomVolume v(disk_);
    VolumeNode file{};
    EXPECT_EQ(volume_find(v.get(), "file", &file), nullptr);
    return disk_.bytes().data() + v->ext4.inode_at;
  }

  TempDir dir_{true};
  RomDisk disk_;
};

TEST_F(Ext4Damage, FeaturesAreRefusedByName) {
  super()[0x60] |= 0x01;
  EXPECT_EQ(mount(), "the ext4 feature 'compression' is not supported");
  super()[0x60] = 0x08;
  EXPECT_EQ(mount(), "the ext4 feature 'journal_dev' is not supported");
  super()[0x60] = 0x42;
  super()[0x62] |= 0x04;
  EXPECT_EQ(mount(), "the ext4 feature 'FEATURE_I18' is not supported");
}

TEST_F(Ext4Damage, FilesThatAreEncryptedOrCompressedAreRefused) {
  u8* const flags = inode() + 0x20;
  flags[1] |= 0x08;
  EXPECT_EQ(RomVolume(disk_).read("file"),
            "error: the file is encrypted (ext4), which is not supported");
  flags[1] &= 0xf7;
  flags[0] |= 0x04;
  EXPECT_EQ(RomVolume(disk_).read("file"),
            "error: the file is compressed (ext2), which is not supported");
}

TEST_F(Ext4Damage, GeometryIsChecked) {
  const std::vector<u8> good = disk_.bytes();
  const struct {
    u32 at;
    std::vector<u8> bytes;
  } kBad[] = {
      {0x18, {7}},           // size of a block
      {0x20, {0, 0, 0, 0}},  // blocks in a group
      {0x28, {0, 0, 0, 0}},  // inodes in a group
      {0x58, {64, 0}},       // size of an inode
      {0x58, {200, 0}},
      {0x58, {0, 64}},                    // no power of two, more than a block
      {0xfe, {32, 0}},                    // size of a descriptor
      {0x04, {0, 0, 0, 0}},               // blocks
      {0x150, {0xff, 0xff, 0xff, 0xff}},  // blocks, the upper half
      {0x00, {1, 0, 0, 0}},               // inodes
  };
  for (const auto& bad : kBad) {
    disk_.set(good);
    std::memcpy(super() + bad.at, bad.bytes.data(), bad.bytes.size());
    EXPECT_EQ(mount(), "the ext4 file system is damaged") << std::hex << bad.at;
  }
}

TEST_F(Ext4Damage, BrokenTreesOfExtentsAreErrors) {
  u8* const map = inode() + 0x28;
  const std::vector<u8> good(map, map + 60);
  const auto broken = [&](u32 at, u8 value) {
    std::memcpy(map, good.data(), 60);
    map[at] = value;
    return RomVolume(disk_).read("file");
  };
  const std::string tree = "error: the ext4 file system is damaged: a tree of extents is broken";
  EXPECT_EQ(broken(0, 0), tree);                                      // magic
  EXPECT_EQ(broken(2, 5), tree);                                      // entries
  EXPECT_EQ(broken(6, 6), "error: the ext4 file system is damaged");  // depth
  EXPECT_TRUE(broken(6, 1).starts_with("error: ")) << "a leaf as an index";
  EXPECT_EQ(broken(22, 0xff), "error: the ext4 file system is damaged: a file is beyond its end");
}

TEST_F(Ext4Damage, ATruncatedDiskIsAnError) {
  disk_.bytes().resize(64 * 1024);
  disk_.set(disk_.bytes());
  RomVolume v(disk_);
  EXPECT_TRUE(!v.error().empty() || v.read("file").starts_with("error: "));
}

}  // namespace
}  // namespace quince::test
