// Kernel and program images: what is in the file, where it wants to be, where it starts.
//
// Modelled: the Linux arm64 `Image` (Linux, Documentation/arch/arm64/booting.rst, "Call the kernel
// image"), the same behind gzip or zstd, EFI zboot images (their header: Linux,
// drivers/firmware/efi/libstub/zboot-header.S) with a gzip or zstd payload, ELF64 for AArch64
// (System V ABI, chapters 4 and 5) and raw binaries.
// Deliberately missing: other compressions, U-Boot's own image formats, 32-bit Arm, big-endian
// images, ELF relocation.  They are refused by name.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/addr.h"
#include "base/result.h"

namespace quince::firmware {

/// How the addresses of an image are meant.
enum class ImageKind : u8 {
  Linux,  ///< addresses count from the load address, which the boot protocol chooses
  Raw,    ///< likewise; no header says anything
  Elf,    ///< addresses are absolute
};

/// Part of an image.
struct Segment {
  PhysAddr address;           ///< absolute for ELF, else the distance from the load address
  std::span<const u8> bytes;  ///< inside Image::data
  u64 memory_size = 0;        ///< at least bytes.size(); the rest is zero.  Does not wrap.
};

/// A checked image that owns its bytes.  Moves, but does not copy: the segments point into `data`.
struct Image {
  Image() = default;
  Image(Image&&) = default;
  Image& operator=(Image&&) = default;

  ImageKind kind = ImageKind::Raw;
  std::string_view format;        ///< "Image", "Image.gz", "ELF", ...: for messages
  std::vector<Segment> segments;  ///< in file order; at least one
  PhysAddr entry;                 ///< as Segment::address
  u64 text_offset = 0;            ///< Linux: the load address is a 2 MiB boundary plus this
  u64 size = 0;  ///< bytes from the lowest to behind the highest address, with what must be zero
  std::vector<u8> data;

  /// Whether the image is entered as Linux is: x0 = device tree, x1..x3 = 0.
  bool linux_boot() const { return kind != ImageKind::Elf; }
  /// The lowest address of any segment.
  PhysAddr lowest() const;
};

/// No image unpacks to more than this.
inline constexpr u64 kMaxUnpacked = 1 * GiB;

/// Recognises and checks an image.  No byte of the file is trusted.  What is compressed is
/// unpacked once; what is inside is recognised in turn.  Errors do not name the file.
Result<Image> parse_image(std::vector<u8> file, u64 max_unpacked = kMaxUnpacked);

/// True when a file starts like an ELF file of any kind.
bool is_elf(std::span<const u8> file);
/// Checks an ELF64 AArch64 program.  The entry is physical: an e_entry inside a segment's virtual
/// range is moved to its physical range.
Result<Image> parse_elf(std::vector<u8> file);

/// Takes the bytes as they are, at the load address.
Image raw_image(std::vector<u8> file);

}  // namespace quince::firmware
