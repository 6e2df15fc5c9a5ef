#include "firmware/image.h"

#include <algorithm>
#include <string>

#include "base/bits.h"
#include "firmware/unpack.h"

namespace quince::firmware {
namespace {

using namespace std::string_view_literals;

/// A file type that is known by a few bytes and that cannot be booted here.
struct Refused {
  std::size_t offset;
  std::string_view magic;
  const char* what;
};

// clang-format off
constexpr Refused kRefused[] = {
    {0,      "\xfd""7zXZ\0"sv,         "compressed with xz; unpack it first (unxz)"},
    {0,      "BZh"sv,                  "compressed with bzip2; unpack it first (bunzip2)"},
    {0,      "\x02\x21\x4c\x18"sv,     "compressed with lz4; unpack it first (unlz4)"},
    {0,      "\x04\x22\x4d\x18"sv,     "compressed with lz4; unpack it first (unlz4)"},
    {0,      "\x89LZO"sv,              "compressed with lzop; unpack it first (lzop -d)"},
    // Fewer bytes would also be a branch instruction.
    {0,      "\x5d\0\0\x80\0"sv,        "compressed with lzma; unpack it first (unlzma)"},
    {0,      "\x5d\0\0\0\x04"sv,        "compressed with lzma; unpack it first (unlzma)"},
    {0,      "PK\x03\x04"sv,           "a zip archive"},
    {0,      "\x27\x05\x19\x56"sv,     "a U-Boot image (uImage); give the Image inside it"},
    {0,      "\xd0\x0d\xfe\xed"sv,     "a device tree or a FIT image"},
    {0,      "070701"sv,               "a cpio archive; is it the initrd?"},
    {0,      "ANDROID!"sv,             "an Android boot image; give the kernel inside it"},
    {0,      "\xcf\xfa\xed\xfe"sv,     "a Mach-O file"},
    {0x24,   "\x18\x28\x6f\x01"sv,     "a 32-bit Arm zImage"},
    {0x38,   "RSC\x05"sv,              "a Linux kernel for RISC-V"},
    {0x202,  "HdrS"sv,                 "a Linux kernel for x86"},
};
// clang-format on

bool has_magic(std::span<const u8> file, std::size_t offset, std::string_view magic) {
  return file.size() >= offset && file.size() - offset >= magic.size() &&
         std::equal(magic.begin(), magic.end(), file.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char c, u8 b) { return static_cast<u8>(c) == b; });
}

constexpr std::string_view kGzip = "\x1f\x8b\x08"sv;
constexpr std::string_view kZstd = "\x28\xb5\x2f\xfd"sv;

// The Image header, 64 bytes, little-endian.
constexpr std::size_t kImageHeader = 64;
constexpr std::size_t kTextOffset = 8, kImageSize = 16, kFlags = 24, kMagic = 56;
constexpr std::string_view kImageMagic = "ARM\x64"sv;
constexpr u64 kFlagBigEndian = 1;
/// Kernels before 3.17 have no image_size, and this text_offset whatever the field says.
constexpr u64 kOldTextOffset = 0x80000;

Result<Image> parse_linux(std::vector<u8> file) {
  if (file.size() < kImageHeader) return fail("the Image header is truncated");
  const u8* h = file.data();
  if ((load_le<u64>(h + kFlags) & kFlagBigEndian) != 0)
    return fail("it is a big-endian kernel, which is not supported");
  Image image = raw_image(std::move(file));
  h = image.data.data();
  image.kind = ImageKind::Linux;
  image.format = "Image";
  image.text_offset = load_le<u64>(h + kTextOffset);
  const u64 image_size = load_le<u64>(h + kImageSize);
  if (image_size == 0) image.text_offset = kOldTextOffset;
  image.size = std::max(image.size, image_size);
  image.segments[0].memory_size = image.size;
  return image;
}

// The EFI zboot header, little-endian: "MZ", 2 bytes, "zimg", payload offset and size, 8 bytes, the
// name of the compression.
constexpr std::size_t kZbootHeader = 64;
constexpr std::size_t kZbootOffset = 8, kZbootSize = 12, kZbootType = 24, kZbootTypeLength = 32;

bool is_zboot(std::span<const u8> file) {
  return has_magic(file, 0, "MZ"sv) && has_magic(file, 4, "zimg"sv);
}

/// The compression's name, up to its NUL, with anything unprintable made visible.
std::string zboot_type(std::span<const u8> file) {
  std::string name;
  for (const u8 c : file.subspan(kZbootType, kZbootTypeLength)) {
    if (c == 0) break;
    name += c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '?';
  }
  return name;
}

Result<std::vector<u8>> unpack_zboot(std::span<const u8> file, u64 limit) {
  if (file.size() < kZbootHeader) return fail("the EFI zboot header is truncated");
  const u64 offset = load_le<u32>(file.data() + kZbootOffset);
  const u64 size = load_le<u32>(file.data() + kZbootSize);
  if (offset > file.size() || size > file.size() - offset)
    return fail(
        "the EFI zboot image is truncated: its payload is {:#x} bytes at {:#x}, the file "
        "has {:#x}",
        size, offset, file.size());
  const std::span<const u8> payload = file.subspan(offset, size);
  const std::string type = zboot_type(file);
  if (type == "gzip") return gunzip(payload, limit);
  if (type.starts_with("zstd")) return unzstd(payload, limit);
  return fail("it is an EFI zboot image compressed with '{}'; gzip and zstd are supported", type);
}

/// A PE file that is not also an Image: only firmware can start it.
bool is_efi_program(std::span<const u8> file) {
  if (file.size() < kImageHeader || !has_magic(file, 0, "MZ"sv)) return false;
  return has_magic(file, load_le<u32>(file.data() + 0x3c), "PE\0\0"sv);
}

Result<Image> parse_unpacked(std::vector<u8> file) {
  if (file.empty()) return fail("the file is empty");
  if (is_elf(file)) return parse_elf(std::move(file));
  if (has_magic(file, kMagic, kImageMagic)) return parse_linux(std::move(file));
  for (const Refused& r : kRefused)
    if (has_magic(file, r.offset, r.magic)) return fail("it is {}", r.what);
  if (is_efi_program(file)) return fail("it is an EFI program, which only firmware can start");
  if (has_magic(file, 0, kGzip) || has_magic(file, 0, kZstd) || is_zboot(file))
    return fail("it is compressed more than once");
  return raw_image(std::move(file));
}

/// The contents of a compressed file, named by their outer format.
Result<Image> parse_packed(Result<std::vector<u8>> contents, std::string_view linux_format) {
  std::vector<u8> file = TRY(std::move(contents));
  Image image = TRY(parse_unpacked(std::move(file)));
  if (image.kind == ImageKind::Linux) image.format = linux_format;
  return image;
}

}  // namespace

PhysAddr Image::lowest() const {
  PhysAddr low = segments.front().address;
  for (const Segment& s : segments) low = std::min(low, s.address);
  return low;
}

Image raw_image(std::vector<u8> file) {
  Image image;
  image.format = "raw binary";
  image.data = std::move(file);
  image.size = image.data.size();
  image.segments.push_back({PhysAddr(0), image.data, image.size});
  return image;
}

Result<Image> parse_image(std::vector<u8> file, u64 max_unpacked) {
  if (has_magic(file, 0, kGzip)) return parse_packed(gunzip(file, max_unpacked), "Image.gz");
  if (has_magic(file, 0, kZstd)) return parse_packed(unzstd(file, max_unpacked), "Image.zst");
  if (is_zboot(file)) return parse_packed(unpack_zboot(file, max_unpacked), "EFI zboot image");
  return parse_unpacked(std::move(file));
}

}  // namespace quince::firmware
