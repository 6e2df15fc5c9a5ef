// Boot entries, on file systems that mke2fs and mtools made.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

#include "tests/support/command.h"
#include "tests/unit/firmware/rom/rom_disk.h"

extern "C" {
#include "firmware/rom/boot/entries.h"
#include "firmware/rom/boot/version_compare.h"
}

namespace quince::test {
namespace {

namespace fs = std::filesystem;

class Entries : public NeedsTools {
 protected:
  Entries() : NeedsTools({"mke2fs", "mkfs.fat", "mcopy"}) {}
  /// Reads the entries of an ext4 file system with these files.
  void read(const std::map<std::string, std::string>& files, std::size_t memory = 2 << 20) {
    fs::remove_all(dir_ / "tree");
    fs::create_directories(dir_ / "tree");
    for (const auto& [path, text] : files) {
      fs::create_directories(fs::path(dir_ / ("tree" + path)).parent_path());
      write_file(dir_ / ("tree" + path), text);
    }
    must_run("mke2fs -q -F -t ext4 -N 1000 -d '" + (dir_ / "tree") + "' '" + (dir_ / "image") +
             "' 8m");
    read_image(memory);
  }
  void read_image(std::size_t memory = 2 << 20) {
    disk_.load(dir_ / "image");
    volume_.emplace(disk_);
    ASSERT_EQ(volume_->error(), "");
    memory_.assign(memory, 0xee);
    Arena arena{reinterpret_cast<u64>(memory_.data()),
                reinterpret_cast<u64>(memory_.data()) + memory_.size()};
    const char* const why = entries_read(volume_->get(), &arena, &found());
    error_ = why != nullptr ? why : "";
  }
  BootEntries& found() { return *entries_; }
  BootEntry& at(u32 n) {
    EXPECT_LT(n, found().count);
    return found().list[n];
  }
  std::vector<std::string> ids() {
    std::vector<std::string> all;
    for (u32 i = 0; i < found().count; ++i) all.emplace_back(found().list[i].id);
    return all;
  }
  std::vector<std::string> titles() {
    std::vector<std::string> all;
    for (u32 i = 0; i < found().count; ++i) all.emplace_back(found().list[i].title);
    return all;
  }
  std::string why_left_out() { return found().why_left_out != nullptr ? found().why_left_out : ""; }

  TempDir dir_{true};
  RomDisk disk_;
  std::optional<RomVolume> volume_;
  std::vector<u8> memory_;
  std::unique_ptr<BootEntries> entries_ = std::make_unique<BootEntries>();
  std::string error_;
};

using Names = std::vector<std::string>;

// ---- Boot Loader Specification -----------------------------------------------------------------

TEST_F(Entries, AnEntryOfTheSpecification) {
  read({{"/loader/entries/6a9857a3-6.1.conf",
         "# a comment\r\n\n"
         "title        Debian GNU/Linux 12 (bookworm)\r\n"
         "  sort-key\tdebian  \n"
         "machine-id   6a9857a393724b7a981ebb5b8495b9ea\n"
         "version      6.1.0-18-arm64\n"
         "options      root=UUID=6d3376e4 quiet\n"
         "options      console=hvc0\n"
         "architecture AA64\n"
         "linux        /6a98/6.1/linux\n"
         "initrd       /6a98/6.1/initrd one\n"
         "initrd       6a98/6.1/microcode\n"
         "devicetree   /dtb/board.dtb\n"
         "unknown      thing\n"
         "grub_class   debian"}});
  ASSERT_EQ(error_, "");
  ASSERT_EQ(found().count, 1u);
  const BootEntry& e = at(0);
  EXPECT_STREQ(e.title, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_STREQ(e.id, "6a9857a3-6.1");
  EXPECT_STREQ(e.sort_key, "debian");
  EXPECT_STREQ(e.machine_id, "6a9857a393724b7a981ebb5b8495b9ea");
  EXPECT_STREQ(e.version, "6.1.0-18-arm64");
  EXPECT_STREQ(e.options, "root=UUID=6d3376e4 quiet console=hvc0");
  EXPECT_STREQ(e.kernel, "/6a98/6.1/linux");
  ASSERT_EQ(e.initrd_count, 2u);
  EXPECT_STREQ(e.initrds[0], "/6a98/6.1/initrd one");
  EXPECT_STREQ(e.initrds[1], "6a98/6.1/microcode");
  EXPECT_STREQ(e.devicetree, "/dtb/board.dtb");
  EXPECT_EQ(e.tries_left, -1);
  EXPECT_EQ(found().timeout, kTimeoutNotSaid);
  EXPECT_EQ(found().left_out, 0u);
  EXPECT_STREQ(found().source, "/loader/entries");
}

TEST_F(Entries, WhatIsMissingHasADefault) {
  read({{"/boot/loader/entries/plain.conf", "linux /vmlinuz\ntitle\nversion \n"}});
  ASSERT_EQ(found().count, 1u);
  EXPECT_STREQ(at(0).title, "plain");
  EXPECT_STREQ(at(0).options, "");
  EXPECT_EQ(at(0).version, nullptr);
  EXPECT_EQ(at(0).initrd_count, 0u);
  EXPECT_STREQ(found().source, "/boot/loader/entries");
}

TEST_F(Entries, WhatCannotBeStartedHereIsLeftOut) {
  const std::string kernel = "linux /k\n";
  read({{"/loader/entries/good.conf", kernel},
        {"/loader/entries/readme.txt", kernel},
        {"/loader/entries/intel.conf", kernel + "architecture x64\n"}});
  EXPECT_EQ(ids(), Names{"good"});
  EXPECT_EQ(found().left_out, 1u);
  EXPECT_EQ(why_left_out(), "it is for another architecture");
  read({{"/loader/entries/a.conf", "efi /EFI/shell.efi\n"}});
  EXPECT_EQ(found().count, 0u);
  EXPECT_EQ(why_left_out(), "it starts an EFI program");
  EXPECT_STREQ(found().source, "/loader/entries");
  read({{"/loader/entries/a.conf", "title nothing\n"}});
  EXPECT_EQ(why_left_out(), "it names no kernel");
  read({{"/loader/entries/a.conf", kernel + "devicetree-overlay /o.dtbo\n"}});
  EXPECT_EQ(why_left_out(), "it has device tree overlays");
  read({{"/loader/entries/a.conf", kernel + std::string(kMaxConfigBytes, '#')}});
  EXPECT_EQ(why_left_out(), "its file is too large");
  std::string many = kernel;
  for (int n = 0; n <= kMaxInitrds; ++n) many += "initrd /i\n";
  read({{"/loader/entries/a.conf", many}});
  EXPECT_EQ(why_left_out(), "it has too many initial RAM disks");
}

TEST_F(Entries, VariablesOfGrubAreLeftOut) {
  read({{"/loader/entries/fedora.conf",
         "linux /vmlinuz\ninitrd /initramfs.img $tuned_initrd\n"
         "options $kernelopts root=/dev/vda3 a$b $tuned_params quiet\ninitrd $tuned_initrd\n"}});
  ASSERT_EQ(found().count, 1u);
  ASSERT_EQ(at(0).initrd_count, 1u);
  EXPECT_STREQ(at(0).initrds[0], "/initramfs.img");
  EXPECT_STREQ(at(0).options, "root=/dev/vda3 a$b quiet");
}

// The order of the specification's section "Sorting".
TEST_F(Entries, AreSorted) {
  const auto entry = [](const std::string& key, const std::string& machine,
                        const std::string& version) {
    return "linux /k\n" + (key.empty() ? "" : "sort-key " + key + "\n") + "machine-id " + machine +
           "\nversion " + version + "\n";
  };
  read({{"/loader/entries/nokey-5.conf", entry("", "a", "99")},
        {"/loader/entries/nokey-10.conf", entry("", "b", "1")},
        {"/loader/entries/z.conf", entry("fedora", "aa", "6.9")},
        {"/loader/entries/y.conf", entry("fedora", "aa", "6.10")},
        {"/loader/entries/x.conf", entry("fedora", "00", "6.1")},
        {"/loader/entries/w.conf", entry("debian", "zz", "1")},
        {"/loader/entries/same-1.conf", entry("fedora", "aa", "6.10~rc1")},
        {"/loader/entries/same-2.conf", entry("fedora", "aa", "6.10~rc1")},
        {"/loader/entries/bad+0-3.conf", entry("aaaa", "0", "9")},
        {"/loader/entries/new+3.conf", entry("arch", "0", "9")}});
  EXPECT_EQ(ids(),
            (Names{"new", "w", "x", "y", "same-2", "same-1", "z", "nokey-10", "nokey-5", "bad"}));
  EXPECT_EQ(at(0).tries_left, 3);
  EXPECT_EQ(at(0).tries_done, 0);
  EXPECT_EQ(at(9).tries_left, 0);
  EXPECT_EQ(at(9).tries_done, 3);
}

TEST_F(Entries, BootCountersAreNumbersOnly) {
  read({{"/loader/entries/a+2-1.CONF", "linux /k\n"},
        {"/loader/entries/a+1-2.conf", "linux /k\n"},
        {"/loader/entries/b+x.conf", "linux /k\n"},
        {"/loader/entries/c+1-.conf", "linux /k\n"},
        {"/loader/entries/d+9999999999.conf", "linux /k\n"},
        {"/loader/entries/+3.conf", "linux /k\n"}});
  EXPECT_EQ(ids(), (Names{"+3", "d+9999999999", "c+1-", "b+x", "a", "a"}));
  EXPECT_EQ(at(0).tries_left, -1);
  EXPECT_EQ(at(4).tries_left, 2);
  EXPECT_EQ(at(5).tries_left, 1);
}

TEST_F(Entries, TitlesAreMadeDifferent) {
  read({{"/loader/entries/a-3.conf", "title Linux\nversion 3\nlinux /k\n"},
        {"/loader/entries/a-2.conf", "title Linux\nversion 2\nlinux /k\n"},
        {"/loader/entries/b-1.conf", "title Linux\nversion 2\nlinux /k\n"},
        {"/loader/entries/c.conf", "title Other\nversion 2\nlinux /k\n"}});
  EXPECT_EQ(titles(), (Names{"Other", "Linux (2) (b-1)", "Linux (3)", "Linux (2) (a-2)"}));
}

TEST_F(Entries, ThereIsALimitAndTheFirstOnesStay) {
  std::map<std::string, std::string> files;
  for (int n = 100; n < 200; ++n)
    files["/loader/entries/e" + std::to_string(n) + ".conf"] = "linux /k\n";
  read(files);
  ASSERT_EQ(found().count, u32{kMaxEntries});
  EXPECT_EQ(found().left_out, 36u);
  EXPECT_EQ(why_left_out(), "there are too many");
  EXPECT_STREQ(at(0).id, "e199");
  EXPECT_STREQ(at(63).id, "e136");
}

TEST_F(Entries, LoaderConfChoosesAndWaits) {
  const std::map<std::string, std::string> entries = {
      {"/loader/entries/arch-6.conf", "linux /k\n"},
      {"/loader/entries/arch-5.conf", "linux /k\n"},
      {"/loader/entries/fallback.conf", "linux /k\n"}};
  const auto with = [&](const std::string& text) {
    auto files = entries;
    files["/loader/loader.conf"] = text;
    read(files);
    return std::string(at(found().default_entry).id);
  };
  EXPECT_EQ(with(""), "fallback");
  EXPECT_EQ(with("default arch-*\ntimeout 7\n"), "arch-6");
  EXPECT_EQ(found().timeout, 70);
  EXPECT_EQ(with("default ARCH-5.conf\ntimeout menu-force\n"), "arch-5");
  EXPECT_EQ(found().timeout, 0);
  EXPECT_TRUE(found().prompt);
  EXPECT_EQ(with("default *h-?\ntimeout menu-hidden\n"), "arch-6");
  EXPECT_FALSE(found().prompt);
  EXPECT_EQ(with("default *nothing*\ntimeout 999999999\n"), "fallback");
  EXPECT_EQ(found().timeout, 1'000'000'000);
  EXPECT_EQ(with("timeout -5x\n"), "fallback");
  EXPECT_EQ(found().timeout, kTimeoutNotSaid);
}

TEST_F(Entries, AreFoundOnFat) {
  write_file(dir_ / "e.conf", "title On FAT\nlinux \\EFI\\k\n");
  must_run("truncate -s 16M '" + (dir_ / "image") + "' && mkfs.fat '" + (dir_ / "image") +
           "' && export MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null && mmd -i '" + (dir_ / "image") +
           "' ::/LOADER ::/LOADER/ENTRIES && mcopy -i '" + (dir_ / "image") + "' '" +
           (dir_ / "e.conf") + "' ::/LOADER/ENTRIES/debian-6.1.0.conf");
  read_image();
  EXPECT_EQ(ids(), Names{"debian-6.1.0"});
}

TEST_F(Entries, ALinkFromBootToTheRootGivesNothingTwice) {
  fs::create_directories(dir_ / "tree/loader/entries");
  write_file(dir_ / "tree/loader/entries/a.conf", "linux /k\n");
  fs::create_symlink(".", dir_ / "tree/boot");
  must_run("mke2fs -q -F -t ext4 -d '" + (dir_ / "tree") + "' '" + (dir_ / "image") + "' 8m");
  read_image();
  EXPECT_EQ(ids(), Names{"a"});
}

// ---- extlinux.conf -----------------------------------------------------------------------------

TEST_F(Entries, Extlinux) {
  read({{"/boot/extlinux/extlinux.conf",
         "## written by u-boot-menu\n"
         "TIMEOUT 50\nPROMPT 1\nMENU TITLE U-Boot menu\nDEFAULT l1\n"
         "append root=/dev/vda1\n"
         "label l0\n"
         "\tmenu label ^Debian GNU/Linux 6.1\n"
         "\tlinux /boot/vmlinuz-6.1\n"
         "\tinitrd /boot/initrd.img-6.1\n"
         "\tfdtdir /usr/lib/linux-image-6.1/\n"
         "\tappend root=/dev/vda2 ro quiet\n"
         "\n"
         "label l1\n"
         "\tKERNEL ../vmlinuz-5.10\n"
         "\tinitrd /a,b,,/c\n"
         "\tinitrd d\n"
         "\tdevicetree board.dtb\n"
         "label none\n\tsay hello\n"
         "label l2\n\tlinux k\n\tappend -\n"
         "label l3\n\tmenu default\n\tlinux k\n\tfdtoverlays /x.dtbo\n"
         "ontimeout l0"}});
  ASSERT_EQ(error_, "");
  EXPECT_EQ(ids(), (Names{"l0", "l1", "l2"}));
  EXPECT_EQ(found().default_entry, 1u);
  EXPECT_EQ(found().timeout, 50);
  EXPECT_TRUE(found().prompt);
  EXPECT_EQ(found().left_out, 2u);
  EXPECT_STREQ(at(0).title, "Debian GNU/Linux 6.1");
  EXPECT_STREQ(at(0).kernel, "/boot/vmlinuz-6.1");
  EXPECT_STREQ(at(0).options, "root=/dev/vda2 ro quiet");
  EXPECT_EQ(at(0).devicetree, nullptr);
  EXPECT_STREQ(at(1).title, "l1");
  EXPECT_STREQ(at(1).kernel, "/boot/extlinux/../vmlinuz-5.10");
  EXPECT_STREQ(at(1).options, "root=/dev/vda1");
  EXPECT_STREQ(at(1).devicetree, "/boot/extlinux/board.dtb");
  ASSERT_EQ(at(1).initrd_count, 4u);
  EXPECT_STREQ(at(1).initrds[0], "/a");
  EXPECT_STREQ(at(1).initrds[1], "/boot/extlinux/b");
  EXPECT_STREQ(at(1).initrds[2], "/c");
  EXPECT_STREQ(at(1).initrds[3], "/boot/extlinux/d");
  EXPECT_STREQ(at(2).options, "");
  EXPECT_STREQ(found().source, "/boot/extlinux/extlinux.conf");
}

TEST_F(Entries, ExtlinuxIsLookedForInFourPlaces) {
  for (const std::string place : {"/extlinux", "/boot/extlinux", "", "/boot"}) {
    read({{place + "/extlinux.conf", "label a\nlinux k\nlabel b\nmenu default\nkernel k\n"}});
    EXPECT_EQ(ids(), (Names{"a", "b"}));
    EXPECT_EQ(found().default_entry, 1u);
    EXPECT_EQ(at(0).kernel, place + "/k");
  }
}

TEST_F(Entries, TheSpecificationComesFirst) {
  read({{"/extlinux.conf", "label ext\nlinux k\n"}, {"/loader/entries/bls.conf", "linux /k\n"}});
  EXPECT_EQ(ids(), Names{"bls"});
  read({{"/extlinux.conf", "label ext\nlinux k\n"}, {"/loader/entries/bls.conf", "efi /k\n"}});
  EXPECT_EQ(ids(), Names{"ext"});
  read({});
  EXPECT_EQ(error_, "");
  EXPECT_EQ(found().count, 0u);
  EXPECT_EQ(found().source, nullptr);
}

TEST_F(Entries, ExtlinuxHasLimitsToo) {
  std::string text;
  for (int n = 0; n < 100; ++n) text += "label l" + std::to_string(n) + "\nlinux /k\n";
  read({{"/extlinux.conf", text + "include more.conf\n"}});
  EXPECT_EQ(found().count, u32{kMaxEntries});
  EXPECT_EQ(found().left_out, 37u);
}

// ---- Both --------------------------------------------------------------------------------------

TEST_F(Entries, NothingReachesTheScreenThatMovesTheCursor) {
  read({{"/extlinux.conf",
         std::string("label a\nmenu label x\x1b[2Jy\x07\x7fz\nlinux /k\0l\n", 40)}});
  ASSERT_EQ(found().count, 1u);
  EXPECT_STREQ(at(0).title, "x [2Jy  z");
  EXPECT_STREQ(at(0).kernel, "/k l");
}

TEST_F(Entries, NorControlCharactersOfUnicode) {
  read(
      {{"/loader/entries/a\n[m\xc2\x9b"
        "1m.conf",
        "title x\xc2\x9b"
        "2Jy \xc2\xa0\xc3\x9b\xc2\nlinux /k\n"}});
  ASSERT_EQ(found().count, 1u);
  EXPECT_STREQ(at(0).title, "x  2Jy \xc2\xa0\xc3\x9b\xc2");
  EXPECT_STREQ(at(0).id, "a [m  1m");
}

TEST_F(Entries, AMarkOfUtf8IsNoPartOfTheFirstWord) {
  read({{"/loader/entries/a.conf", "\xef\xbb\xbflinux /k\n"}});
  EXPECT_EQ(ids(), Names{"a"});
}

TEST_F(Entries, WithoutMemoryThereIsAnError) {
  const std::map<std::string, std::string> files = {
      {"/loader/entries/a.conf", "title t\noptions a\noptions b\nlinux /k\n"},
      {"/loader/entries/b.conf", "title t\nlinux /k\n"},
      {"/loader/loader.conf", "default b\n"}};
  unsigned failed = 0;
  read(files);
  ASSERT_EQ(error_, "");
  for (std::size_t memory = 0; memory < 2048; memory += 40) {
    read_image(memory);
    if (error_.empty()) continue;
    EXPECT_EQ(error_, "there is no memory for the boot entries");
    ++failed;
  }
  EXPECT_GT(failed, 20u);
  EXPECT_EQ(error_, "");
}

// ---- Versions ----------------------------------------------------------------------------------

int sign(int v) { return v < 0 ? -1 : v > 0 ? 1 : 0; }

TEST(VersionCompare, IsSystemds) {
  if (!have_command("systemd-analyze")) GTEST_SKIP() << "no systemd-analyze";
  const std::vector<std::string> versions = {"0",
                                             "01",
                                             "1.0",
                                             "1.10",
                                             "1.2",
                                             "1.0~rc1",
                                             "1.0^1",
                                             "1.0-1",
                                             "A",
                                             "1a",
                                             "1.a",
                                             "1_2",
                                             "6.1.0-18-arm64",
                                             "6.1.0-9-arm64",
                                             "6.10.0",
                                             "99999999999999999999999",
                                             "100000000000000000000000",
                                             "1~",
                                             "~",
                                             "^",
                                             "1..2",
                                             "abc1",
                                             "abcd",
                                             "bar-123"};
  // Its exit status is 11 for larger, 12 for smaller.
  const TempDir dir(true);
  std::string script;
  for (const std::string& a : versions)
    for (const std::string& b : versions)
      if (a < b)
        script += "systemd-analyze compare-versions '" + a + "' '" + b + "' >&2; echo $?\n";
  write_file(dir / "script", script);
  std::istringstream results(run_command("sh '" + (dir / "script") + "' 2>/dev/null").output);
  unsigned seen = 0;
  for (const std::string& a : versions)
    for (const std::string& b : versions) {
      int status = -1;
      if (a >= b) continue;
      ASSERT_TRUE(results >> status);
      const int want = status == 11 ? 1 : status == 12 ? -1 : 0;
      EXPECT_EQ(sign(version_compare(a.c_str(), b.c_str())), want) << a << " and " << b;
      EXPECT_EQ(sign(version_compare(b.c_str(), a.c_str())), -want) << b << " and " << a;
      ++seen;
    }
  EXPECT_EQ(seen, versions.size() * (versions.size() - 1) / 2);
}

TEST(VersionCompare, ExamplesOfTheSpecification) {
  EXPECT_EQ(version_compare("11", "11"), 0);
  EXPECT_LT(version_compare("bar-123", "foo-123"), 0);
  EXPECT_GT(version_compare("123a", "123"), 0);
  EXPECT_GT(version_compare("123.a", "123"), 0);
  EXPECT_LT(version_compare("123.a", "123.b"), 0);
  EXPECT_GT(version_compare("123a", "123.a"), 0);
  EXPECT_EQ(version_compare("11\xce\xb1", "11\xce\xb2"), 0);
  EXPECT_LT(version_compare("A", "a"), 0);
  EXPECT_LT(version_compare("", "0"), 0);
  EXPECT_GT(version_compare("0.", "0"), 0);
  EXPECT_GT(version_compare("0.0", "0"), 0);
  EXPECT_GT(version_compare("0", "~"), 0);
  EXPECT_GT(version_compare("", "~"), 0);
  EXPECT_EQ(version_compare("1_", "1"), 0);
  EXPECT_GT(version_compare("1_2_3", "1.3.3"), 0);
}

}  // namespace
}  // namespace quince::test
