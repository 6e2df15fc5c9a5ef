// The header of an Arm64 Linux Image (Linux, Documentation/arch/arm64/booting.rst, section 4).
#pragma once

#include "firmware/rom/lib/types.h"

struct LinuxImage {
  u64 text_offset;  ///< from an address that is aligned to 2 MiB
  u64 memory;       ///< bytes from its beginning that must be free, the image with them
  u32 page_kib;     ///< 4, 16 or 64; 0: it does not say
  bool anywhere;    ///< false: RAM below it is lost, so it must be as low as it can be
};

/// Reads the header of an image of which `bytes` are there, all of them.
const char* linux_image_read(const void* image, u64 bytes, struct LinuxImage* out);
/// The lowest address from `lowest` on where the image may be, if what it needs ends at `end` or
/// before; 0: there is none.
u64 linux_image_place(const struct LinuxImage* image, u64 lowest, u64 end);
