#include "firmware/image.h"

#include "firmware/unpack.h"
#include "images.h"

namespace quince::firmware {
namespace {

Bytes loaded(const Image& image) {
  return {image.segments[0].bytes.begin(), image.segments[0].bytes.end()};
}

TEST(Image, LinuxHeaderSaysWhereAndHowMuch) {
  const Bytes file = linux_image(0x3000, {.text_offset = 0x80000, .image_size = 0x50000});
  const auto image = parse_image(file);
  ASSERT_TRUE(image) << message(image);
  EXPECT_EQ(image->kind, ImageKind::Linux);
  EXPECT_EQ(image->format, "Image");
  EXPECT_TRUE(image->linux_boot());
  EXPECT_EQ(image->text_offset, 0x80000u);
  EXPECT_EQ(image->size, 0x50000u);
  ASSERT_EQ(image->segments.size(), 1u);
  EXPECT_EQ(image->segments[0].memory_size, 0x50000u);
  EXPECT_EQ(loaded(*image), file);
  EXPECT_EQ(image->entry, PhysAddr(0));
}

TEST(Image, OldLinuxHeaderHasTheOldTextOffset) {
  const auto image = parse_image(linux_image(0x3000, {.text_offset = 1, .image_size = 0}));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->text_offset, 0x80000u);
  EXPECT_EQ(image->size, 0x3000u);
}

TEST(Image, SizeIsNeverLessThanTheFile) {
  const auto image = parse_image(linux_image(0x3000, {.image_size = 0x10}));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->size, 0x3000u);
}

TEST(Image, BigEndianKernelIsRefused) {
  EXPECT_EQ(message(parse_image(linux_image(0x1000, {.flags = 0xb}))),
            "it is a big-endian kernel, which is not supported");
}

TEST(Image, CompressedKernelsGiveTheSameBytes) {
  const Bytes file = linux_image(300'000, {.image_size = 400'000});
  Bytes padded = gzip(file);
  padded.insert(padded.end(), 4, 0);  // the kernel's build appends the size
  const std::pair<Bytes, const char*> cases[] = {
      {gzip(file), "Image.gz"},
      {zstd(file), "Image.zst"},
      {zboot(gzip(file), "gzip"), "EFI zboot image"},
      {zboot(padded, "gzip"), "EFI zboot image"},
      {zboot(zstd(file), "zstd22"), "EFI zboot image"},
      {zboot(zstd(file), "zstd"), "EFI zboot image"},
  };
  for (const auto& [packed, format] : cases) {
    const auto image = parse_image(packed);
    ASSERT_TRUE(image) << format << ": " << message(image);
    EXPECT_EQ(image->format, format);
    EXPECT_EQ(image->kind, ImageKind::Linux);
    EXPECT_EQ(image->size, 400'000u);
    EXPECT_EQ(loaded(*image), file);
  }
}

TEST(Image, CompressedElfAndRawAreRecognisedInside) {
  const auto program = parse_image(gzip(elf(0x1000, {{0x1000, 0x1000, pattern(16), 32}})));
  ASSERT_TRUE(program) << message(program);
  EXPECT_EQ(program->kind, ImageKind::Elf);
  const auto raw = parse_image(gzip(pattern(100)));
  ASSERT_TRUE(raw) << message(raw);
  EXPECT_EQ(raw->kind, ImageKind::Raw);
  EXPECT_EQ(message(parse_image(gzip(gzip(pattern(100))))), "it is compressed more than once");
  EXPECT_EQ(message(parse_image(gzip({}))), "the file is empty");
}

TEST(Image, UnpackingIsBounded) {
  const Bytes zeros(3 * MiB);
  EXPECT_EQ(message(parse_image(gzip(zeros), 2 * MiB)), "it unpacks to more than 2 MiB");
  EXPECT_EQ(message(parse_image(zstd(zeros), 2 * MiB)), "it unpacks to more than 2 MiB");
  EXPECT_EQ(gunzip(gzip(zeros), 3 * MiB).value(), zeros);
  EXPECT_EQ(unzstd(zstd(zeros), 3 * MiB).value(), zeros);
  EXPECT_FALSE(gunzip(gzip(zeros), 3 * MiB - 1));
  EXPECT_FALSE(unzstd(zstd(zeros), 3 * MiB - 1));
}

TEST(Image, GzipMembersAreOneFileAndPaddingIsIgnored) {
  const Bytes a = pattern(1000, 1), b = pattern(2000, 2);
  Bytes both = gzip(a);
  for (const u8 v : gzip(b)) both.push_back(v);
  both.insert(both.end(), 100, 0);
  Bytes expected = a;
  expected.insert(expected.end(), b.begin(), b.end());
  EXPECT_EQ(gunzip(both, MiB).value(), expected);
}

TEST(Image, CorruptAndTruncatedDataIsRefused) {
  const Bytes file = linux_image(20'000);
  Bytes bad = gzip(file);
  bad[bad.size() / 2] ^= 0x55;
  EXPECT_EQ(message(parse_image(bad)), "the gzip data is corrupt");
  Bytes cut = gzip(file);
  cut.resize(cut.size() / 2);
  EXPECT_EQ(message(parse_image(cut)), "the gzip data is truncated");
  cut = zstd(file);
  cut.resize(cut.size() / 2);
  EXPECT_EQ(message(parse_image(cut)), "the zstd data is truncated");
  EXPECT_TRUE(
      message(parse_image(zboot(pattern(100), "zstd22"))).starts_with("the zstd data is c"));
}

TEST(Image, ZbootPayloadMustLieInTheFile) {
  Bytes file = zboot(gzip(linux_image(0x1000)), "gzip");
  put<u32>(file, 12, static_cast<u32>(file.size()));
  EXPECT_TRUE(message(parse_image(file)).starts_with("the EFI zboot image is truncated"));
  put<u32>(file, 8, 0xffff'ffff);
  put<u32>(file, 12, 0xffff'ffff);
  EXPECT_TRUE(message(parse_image(file)).starts_with("the EFI zboot image is truncated"));
  file.resize(40);
  EXPECT_EQ(message(parse_image(file)), "the EFI zboot header is truncated");
}

TEST(Image, ZbootNamesACompressionThatItLacks) {
  EXPECT_EQ(message(parse_image(zboot(pattern(100), "xzkern"))),
            "it is an EFI zboot image compressed with 'xzkern'; gzip and zstd are supported");
  // No NUL, no control characters on the user's terminal.
  EXPECT_EQ(message(parse_image(zboot(pattern(100), std::string(32, '\x1b')))),
            "it is an EFI zboot image compressed with '" + std::string(32, '?') +
                "'; gzip and zstd are supported");
}

TEST(Image, OtherFormatsAreRefusedByName) {
  using namespace std::string_literals;
  const std::pair<std::string, const char*> cases[] = {
      {"\xfd"s
       "7zXZ\0"s,
       "it is compressed with xz; unpack it first (unxz)"},
      {"BZh91AY", "it is compressed with bzip2; unpack it first (bunzip2)"},
      {"\x02\x21\x4c\x18", "it is compressed with lz4; unpack it first (unlz4)"},
      {"\x5d\0\0\x80\0"s, "it is compressed with lzma; unpack it first (unlzma)"},
      {"\x27\x05\x19\x56", "it is a U-Boot image (uImage); give the Image inside it"},
      {"\xd0\x0d\xfe\xed", "it is a device tree or a FIT image"},
      {"070701", "it is a cpio archive; is it the initrd?"},
  };
  for (const auto& [magic, expected] : cases) {
    Bytes file = bytes_of(magic);
    EXPECT_EQ(message(parse_image(file)), expected);
    file.resize(1000);
    EXPECT_EQ(message(parse_image(file)), expected);
  }
  Bytes file(0x400);
  std::memcpy(&file[0x202], "HdrS", 4);
  EXPECT_EQ(message(parse_image(file)), "it is a Linux kernel for x86");
  file.assign(0x400, 0);
  std::memcpy(&file[0], "MZ", 2);
  EXPECT_TRUE(parse_image(file)) << "two letters do not make an EFI program";
  put<u32>(file, 0x3c, 0x80);
  std::memcpy(&file[0x80], "PE\0\0", 4);
  EXPECT_EQ(message(parse_image(file)), "it is an EFI program, which only firmware can start");
  EXPECT_EQ(message(parse_image({})), "the file is empty");
}

TEST(Image, ABranchIsNotLzma) {
  Bytes file(64);
  put<u32>(file, 0, 0x1400005d);  // b .+0x174
  const auto image = parse_image(file);
  ASSERT_TRUE(image) << message(image);
  EXPECT_EQ(image->kind, ImageKind::Raw);
  EXPECT_EQ(loaded(*image), file);
}

TEST(Image, MovingKeepsTheSegments) {
  auto parsed = parse_image(linux_image(0x1000));
  ASSERT_TRUE(parsed);
  const Image moved = std::move(*parsed);
  EXPECT_EQ(loaded(moved), linux_image(0x1000));
}

}  // namespace
}  // namespace quince::firmware
