// The header of a Linux Image.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "firmware/rom/boot/linux_image.h"
}

namespace quince::test {
namespace {

struct Header {
  u64 text_offset = 0, size = 0x2000000, flags = 0xa;
  std::vector<u8> bytes(std::size_t file = 0x1000) const {
    std::vector<u8> b(file);
    std::memcpy(b.data() + 8, &text_offset, 8);
    std::memcpy(b.data() + 16, &size, 8);
    std::memcpy(b.data() + 24, &flags, 8);
    std::memcpy(b.data() + 56, "ARMd", 4);
    return b;
  }
};

std::string error_of(const std::vector<u8>& b) {
  LinuxImage image{};
  const char* const why = linux_image_read(b.data(), b.size(), &image);
  return why != nullptr ? why : "";
}

LinuxImage read(const Header& h) {
  LinuxImage image{};
  const std::vector<u8> b = h.bytes();
  EXPECT_EQ(linux_image_read(b.data(), b.size(), &image), nullptr);
  return image;
}

TEST(RomLinuxImage, TheHeaderIsRead) {
  const LinuxImage image = read({.text_offset = 0x80000});
  EXPECT_EQ(image.text_offset, 0x80000u);
  EXPECT_EQ(image.memory, 0x2000000u);
  EXPECT_EQ(image.page_kib, 4u);
  EXPECT_TRUE(image.anywhere);
  EXPECT_EQ(read({.flags = 0x4}).page_kib, 16u);
  EXPECT_EQ(read({.flags = 0x6}).page_kib, 64u);
  EXPECT_FALSE(read({.flags = 0x6}).anywhere);
  EXPECT_EQ(read({.size = 5}).memory, 0x1000u) << "the file itself";
}

TEST(RomLinuxImage, OldKernelsDoNotSayWhatTheyNeed) {
  const LinuxImage image = read({.text_offset = 0x1234, .size = 0});
  EXPECT_EQ(image.text_offset, 0x80000u);
  EXPECT_GT(image.memory, 0x1000u);
}

TEST(RomLinuxImage, OtherFilesAreRefused) {
  std::vector<u8> b = Header{}.bytes();
  EXPECT_EQ(error_of(b), "");
  b.resize(63);
  EXPECT_EQ(error_of(b), "the kernel is no Arm64 Linux Image");
  EXPECT_EQ(error_of({}), "the kernel is no Arm64 Linux Image");
  b = Header{}.bytes();
  b[57] = 'r';
  EXPECT_EQ(error_of(b), "the kernel is no Arm64 Linux Image");
  std::memcpy(b.data(), "MZ", 2);
  EXPECT_EQ(error_of(b), "the kernel is an EFI program, not an Image");
  std::memcpy(b.data(),
              "\x7f"
              "ELF",
              4);
  EXPECT_EQ(error_of(b), "the kernel is an ELF file, not an Image");
  EXPECT_EQ(error_of(Header{.flags = 1}.bytes()),
            "the kernel is big-endian, which is not supported");
  EXPECT_EQ(error_of(Header{.text_offset = ~u64{0}}.bytes()), "the kernel's header is damaged");
  EXPECT_EQ(error_of(Header{.size = ~u64{0}}.bytes()), "the kernel's header is damaged");
}

TEST(RomLinuxImage, ThePlaceIsTheOffsetFrom2MiB) {
  const u64 ram = 0x70000000, end = 0x80000000;
  const auto place = [&](u64 offset, u64 size, u64 from, u64 to) {
    const LinuxImage image{offset, size, 4, true};
    return linux_image_place(&image, from, to);
  };
  EXPECT_EQ(place(0, 0x1000, ram, end), ram);
  EXPECT_EQ(place(0, 0x1000, ram + 1, end), ram + 0x200000);
  EXPECT_EQ(place(0x80000, 0x1000, ram, end), ram + 0x80000);
  EXPECT_EQ(place(0x80000, 0x1000, ram + 0x80000, end), ram + 0x80000);
  EXPECT_EQ(place(0x80000, 0x1000, ram + 0x80001, end), ram + 0x280000);
  EXPECT_EQ(place(0, 0x10000000, ram, end), ram);
  EXPECT_EQ(place(0, 0x10000001, ram, end), 0u);
  EXPECT_EQ(place(0, 0x1000, end, end), 0u);
  EXPECT_EQ(place(0, 0x1000, ~u64{0}, ~u64{0}), 0u);
  EXPECT_EQ(place(0x80000, ~u64{0}, ram, ~u64{0}), 0u);
}

}  // namespace
}  // namespace quince::test
