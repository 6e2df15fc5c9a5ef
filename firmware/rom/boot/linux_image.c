#include "firmware/rom/boot/linux_image.h"

#include "firmware/rom/lib/memory.h"

enum { kHeaderBytes = 64, kFlagBigEndian = 1, kFlagAnywhere = 8 };

#define IMAGE_ALIGN 0x200000ul
/// No RAM is as large as this.
#define IMAGE_MOST (1ul << 40)
/// Of kernels before 3.17, which do not say how much they need behind the file.
#define OLD_TEXT_OFFSET 0x80000ul
#define OLD_SPARE (16ul << 20)

const char* linux_image_read(const void* image, u64 bytes, struct LinuxImage* out) {
  static const u8 kPageKib[4] = {0, 4, 16, 64};
  const u8* const h = image;
  if (bytes < kHeaderBytes || !mem_equal(h + 56, "ARM\x64", 4)) {
    if (bytes >= 4 && mem_equal(h,
                                "\x7f"
                                "ELF",
                                4))
      return "the kernel is an ELF file, not an Image";
    if (bytes >= 2 && mem_equal(h, "MZ", 2)) return "the kernel is an EFI program, not an Image";
    return "the kernel is no Arm64 Linux Image";
  }
  const u64 size = le64(h + 16), flags = le64(h + 24);
  if ((flags & kFlagBigEndian) != 0) return "the kernel is big-endian, which is not supported";
  out->text_offset = size == 0 ? OLD_TEXT_OFFSET : le64(h + 8);
  out->memory = size == 0 ? bytes + OLD_SPARE : size < bytes ? bytes : size;
  out->page_kib = kPageKib[flags >> 1 & 3];
  out->anywhere = (flags & kFlagAnywhere) != 0;
  if (out->text_offset > IMAGE_MOST || out->memory > IMAGE_MOST)
    return "the kernel's header is damaged";
  return 0;
}

u64 linux_image_place(const struct LinuxImage* image, u64 lowest, u64 end) {
  const u64 below = lowest < image->text_offset ? 0 : lowest - image->text_offset;
  const u64 base = (below + IMAGE_ALIGN - 1) & ~(IMAGE_ALIGN - 1);
  if (base < below) return 0;
  const u64 at = base + image->text_offset;
  return at >= base && at <= end && image->memory <= end - at ? at : 0;
}
