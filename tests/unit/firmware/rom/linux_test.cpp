// From a disk to a kernel that could start: partitions, entries, files, device tree.
#include <gtest/gtest.h>
#include <libfdt.h>
#include <sys/mman.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "tests/support/command.h"
#include "tests/unit/firmware/rom/rom_disk.h"

extern "C" {
#include "firmware/rom/boot/linux.h"
}

namespace quince::test {
namespace {

namespace fs = std::filesystem;

constexpr u64 kRam = 64 << 20;

/// An Image whose bytes can be told apart, with `memory` as what it needs.
std::string image(std::size_t bytes, u64 memory) {
  std::string s = rom_text(bytes, 5);
  std::memset(s.data(), 0, 64);
  std::memcpy(&s[16], &memory, 8);
  s[24] = 0xa;  // 4 KiB pages, anywhere
  std::memcpy(&s[56], "ARM\x64", 4);
  return s;
}

std::vector<u8> tree() {
  std::vector<u8> t(4096);
  EXPECT_EQ(fdt_create_empty_tree(t.data(), static_cast<int>(t.size())), 0);
  const int chosen = fdt_add_subnode(t.data(), 0, "chosen");
  fdt_setprop_string(t.data(), chosen, "stdout-path", "/uart");
  fdt_setprop_empty(t.data(), chosen, "quince,boot-menu");
  fdt_pack(t.data());
  t.resize(fdt_totalsize(t.data()));
  return t;
}

struct Linux : NeedsTools {
  Linux() : NeedsTools({"mke2fs", "mkfs.fat", "mcopy", "sfdisk"}) {
    ram_ = static_cast<u8*>(::mmap(nullptr, kRam + (2 << 20), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    start_ = (reinterpret_cast<u64>(ram_) + (2 << 20) - 1) & ~((u64{2} << 20) - 1);
    work_.resize(4 << 20);
  }
  ~Linux() override { ::munmap(ram_, kRam + (2 << 20)); }

  /// A disk with one ext4 partition, the second one; the first is empty.
  void make(const std::map<std::string, std::string>& files) {
    fs::create_directories(dir_ / "tree");
    for (const auto& [path, text] : files) {
      fs::create_directories(fs::path(dir_ / ("tree" + path)).parent_path());
      write_file(dir_ / ("tree" + path), text);
    }
    must_run("mke2fs -q -F -t ext4 -L root -d '" + (dir_ / "tree") + "' '" + (dir_ / "part") + "' 24m");
    must_run("truncate -s 32M '" + (dir_ / "disk") + "'");
    must_run("printf 'label: gpt\\nstart=1MiB,size=1MiB\\nstart=4MiB,size=24MiB\\n' | sfdisk -q '" +
             (dir_ / "disk") + "'");
    must_run("dd if='" + (dir_ / "part") + "' of='" + (dir_ / "disk") +
             "' bs=1M seek=4 conv=notrunc status=none");
    disk_.load(dir_ / "disk");
    arena_ = {reinterpret_cast<u64>(work_.data()), reinterpret_cast<u64>(work_.data()) + work_.size()};
    disk_look(found_.get(), disk_.source(), &arena_);
  }
  std::string load(u32 n, bool with_tree = true, u64 ram = kRam) {
    const auto machine = tree();
    Fdt fdt{};
    EXPECT_EQ(fdt_open(&fdt, machine.data(), machine.size()), nullptr);
    const auto say = [](void* of, const char* path, u64 bytes) {
      static_cast<Linux*>(of)->said_.push_back(std::string(path) + " " + std::to_string(bytes));
    };
    const char* const why = linux_load(&found_->found.at[n], with_tree ? &fdt : nullptr,
                                       {start_, start_ + ram, arena_}, say, this, &out_);
    return why != nullptr ? why : "";
  }
  std::string at(u64 address, std::size_t bytes) const {
    return {reinterpret_cast<const char*>(address), bytes};
  }
  std::string chosen(const char* property) const {
    const void* const t = reinterpret_cast<const void*>(out_.device_tree);
    int length = 0;
    const void* const p = fdt_getprop(t, fdt_path_offset(t, "/chosen"), property, &length);
    return p == nullptr ? "none" : std::string(static_cast<const char*>(p), static_cast<std::size_t>(length));
  }
  u64 chosen_number(const char* property) const {
    u64 v = 0;
    for (const char c : chosen(property)) v = v << 8 | static_cast<u8>(c);
    return v;
  }

  TempDir dir_{true};
  RomDisk disk_;
  std::unique_ptr<BootDisk> found_ = std::make_unique<BootDisk>();
  u8* ram_;
  u64 start_;
  std::vector<u8> work_;
  Arena arena_{};
  LinuxStart out_{};
  std::vector<std::string> said_;
};

const std::string kConf =
    "default two\nprompt 1\ntimeout 30\n"
    "label one\n  linux /boot/Image\n  initrd /boot/a,/boot/b\n  append root=LABEL=root quiet\n"
    "label two\n  linux /boot/Image.gz\n";

std::string gzip(const std::string& s) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, s.size()), 0);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(s.data()));
  z.avail_in = static_cast<uInt>(s.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

TEST_F(Linux, FromAPartition) {
  const std::string kernel = image(3'000'001, 5 << 20), a = rom_text(10'001, 1), b = rom_text(5'000, 2);
  make({{"/boot/extlinux/extlinux.conf", kConf}, {"/boot/Image", kernel}, {"/boot/a", a}, {"/boot/b", b},
        {"/boot/Image.gz", gzip(kernel)}});
  ASSERT_EQ(found_->found.count, 2u);
  EXPECT_EQ(found_->usual, 1u);
  EXPECT_TRUE(found_->prompt);
  EXPECT_EQ(found_->timeout, 30);
  EXPECT_EQ(found_->trouble, nullptr);
  EXPECT_STREQ(found_->found.at[0].name, "2/one");
  EXPECT_STREQ(found_->found.at[0].volume->label, "root");

  ASSERT_EQ(load(0), "");
  EXPECT_EQ(out_.pc, start_);
  EXPECT_EQ(at(out_.pc, kernel.size()), kernel);
  EXPECT_EQ(chosen("bootargs"), std::string("root=LABEL=root quiet") + '\0');
  EXPECT_EQ(chosen("stdout-path"), std::string("/uart") + '\0');
  EXPECT_EQ(chosen("quince,boot-menu"), "none");
  const u64 initrd = chosen_number("linux,initrd-start"), end = chosen_number("linux,initrd-end");
  EXPECT_GE(initrd, out_.pc + (5 << 20));
  EXPECT_EQ(at(initrd, end - initrd), a + std::string(3, '\0') + b);
  EXPECT_EQ(out_.device_tree % 8, 0u);
  EXPECT_GE(out_.device_tree, end);
  EXPECT_LE(out_.end, start_ + kRam);
  EXPECT_EQ(said_, (std::vector<std::string>{"/boot/Image 3000001", "/boot/a 10001", "/boot/b 5000"}));

  ASSERT_EQ(load(1), "");
  EXPECT_EQ(at(out_.pc, kernel.size()), kernel);
  EXPECT_EQ(chosen("linux,initrd-start"), "none");
  EXPECT_EQ(chosen("bootargs"), std::string(1, '\0'));
}

// Straight from the disk to its place: a kernel's file is not copied a second time.
TEST_F(Linux, TheKernelIsReadInLargePieces) {
  make({{"/boot/extlinux/extlinux.conf", kConf}, {"/boot/Image", image(8 << 20, 9 << 20)},
        {"/boot/a", "a"}, {"/boot/b", "b"}});
  disk_.requests().clear();
  ASSERT_EQ(load(0), "");
  std::size_t large = 0;
  for (const auto& r : disk_.requests()) large += r.count > 64;
  EXPECT_GE(large, 1u);
  EXPECT_LE(large, 4u);
}

TEST_F(Linux, WhatIsWrongIsSaid) {
  make({{"/boot/extlinux/extlinux.conf", kConf}, {"/boot/Image", image(4096, 5 << 20)},
        {"/boot/a", std::string(1 << 20, 'a')}, {"/boot/Image.gz", gzip(rom_text(500, 3))}});
  EXPECT_NE(load(0), "");  // /boot/b is missing
  EXPECT_EQ(load(1), "the kernel is no Arm64 Linux Image");
  EXPECT_EQ(load(0, true, 4 << 20), "the kernel needs more memory than there is");
  EXPECT_EQ(load(0, true, 5 << 20), "the initrd needs more memory than there is");
}

TEST_F(Linux, WithoutATree) {
  make({{"/boot/extlinux/extlinux.conf", kConf}, {"/boot/Image", image(4096, 5 << 20)}, {"/boot/a", "a"}, {"/boot/b", "b"}});
  EXPECT_EQ(load(0, false), "there is no device tree: neither the entry nor the machine has one");
}

TEST_F(Linux, AnEntryBringsItsOwnTree) {
  auto own = tree();
  const std::string bytes(own.begin(), own.end());
  make({{"/loader/entries/x.conf", "title X\nlinux /Image\ndevicetree /x.dtb\noptions a=b\n"},
        {"/Image", image(4096, 5 << 20)}, {"/x.dtb", bytes}, {"/bad.dtb", bytes.substr(0, 50)},
        {"/loader/entries/y.conf", "title Y\nlinux /Image\ndevicetree /bad.dtb\n"}});
  ASSERT_EQ(found_->found.count, 2u);
  const u32 x = std::string(found_->found.at[0].entry->id) == "x" ? 0 : 1;
  EXPECT_EQ(load(x, false), "");
  EXPECT_EQ(chosen("bootargs"), std::string("a=b") + '\0');
  EXPECT_NE(load(1 - x), "");
}

TEST_F(Linux, ADiskWithoutAnythingAndNone) {
  make({{"/readme", "nothing"}});
  EXPECT_EQ(found_->found.count, 0u);
  disk_look(found_.get(), BlockSource{}, &arena_);
  EXPECT_EQ(found_->found.count, 0u);
  EXPECT_EQ(found_->trouble, nullptr);
}

}  // namespace
}  // namespace quince::test
