#include "firmware/image.h"
#include "images.h"

namespace quince::firmware {
namespace {

Bytes sample() {
  return elf(0xffff'0000'0000'1008, {{0, 0, pattern(8), 8, 6},
                                     {0xffff'0000'0000'1000, 0x4010'0000, pattern(64), 0x1000},
                                     {0xffff'0000'0000'3000, 0x4008'0000, pattern(16), 16},
                                     {0, 0x9000'0000, {}, 0}});
}

/// The message for the sample with a number changed.
template <class T>
std::string with(std::size_t at, T value) {
  Bytes file = sample();
  put<T>(file, at, value);
  return message(parse_image(file));
}

constexpr std::size_t kFirst = 64 + 56;  // the first PT_LOAD header

TEST(Elf, SegmentsArePhysicalAndTheEntryFollows) {
  const auto image = parse_image(sample());
  ASSERT_TRUE(image) << message(image);
  EXPECT_EQ(image->kind, ImageKind::Elf);
  EXPECT_FALSE(image->linux_boot());
  ASSERT_EQ(image->segments.size(), 2u);
  EXPECT_EQ(image->segments[0].address, PhysAddr(0x4010'0000));
  EXPECT_EQ(image->segments[0].memory_size, 0x1000u);
  EXPECT_EQ(Bytes(image->segments[0].bytes.begin(), image->segments[0].bytes.end()), pattern(64));
  EXPECT_EQ(image->entry, PhysAddr(0x4010'0008));
  EXPECT_EQ(image->lowest(), PhysAddr(0x4008'0000));
  EXPECT_EQ(image->size, 0x8'1000u);
}

TEST(Elf, AnEntryOutsideOfTheSegmentsStays) {
  const auto image = parse_image(elf(0x77, {{0x1000, 0x2000, pattern(4), 4}}));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->entry, PhysAddr(0x77));
}

TEST(Elf, OtherMachinesAndKindsAreRefusedByName) {
  EXPECT_EQ(with<u16>(18, 62), "it is an ELF file for x86-64 (machine 62), not for AArch64");
  EXPECT_EQ(with<u16>(18, 40), "it is an ELF file for 32-bit Arm (machine 40), not for AArch64");
  EXPECT_EQ(with<u16>(18, 9999),
            "it is an ELF file for another machine (machine 9999), not for AArch64");
  EXPECT_EQ(with<u8>(4, 1), "it is not a 64-bit ELF file");
  EXPECT_EQ(with<u8>(5, 2), "it is a big-endian ELF file");
  EXPECT_EQ(with<u16>(16, 1), "it is an ELF file but not a program (type 1)");
  EXPECT_EQ(with<u16>(56, 0), "it is an ELF file with nothing to load");
}

TEST(Elf, HeadersMustLieInTheFile) {
  EXPECT_EQ(with<u64>(32, 0x10000), "its ELF program headers lie outside the file");
  EXPECT_EQ(with<u64>(32, ~u64{0}), "its ELF program headers lie outside the file");
  EXPECT_EQ(with<u16>(56, 0xffff), "its ELF program headers lie outside the file");
  EXPECT_EQ(with<u16>(54, 32), "its ELF program headers have an unknown size");
}

TEST(Elf, SegmentsMustLieInTheFileAndInTheAddressSpace) {
  const char* outside = "the bytes of ELF segment 1 lie outside the file";
  EXPECT_EQ(with<u64>(kFirst + 8, ~u64{0} - 8), outside);
  EXPECT_EQ(with<u64>(kFirst + 32, ~u64{0}), outside);
  EXPECT_EQ(with<u64>(kFirst + 40, 63), "ELF segment 1 is larger in the file than in memory");
  EXPECT_EQ(with<u64>(kFirst + 40, ~u64{0}), "ELF segment 1 runs past the last address");
  EXPECT_EQ(with<u64>(kFirst + 24, ~u64{0} - 0xffe), "ELF segment 1 runs past the last address");
}

TEST(Elf, ParseElfWantsAnElfFile) {
  EXPECT_EQ(message(parse_elf(pattern(100))), "it is not an ELF file");
  EXPECT_FALSE(is_elf({}));
  EXPECT_TRUE(is_elf(sample()));
}

}  // namespace
}  // namespace quince::firmware
