#include "firmware/rom/boot/packing.h"

#include "firmware/rom/lib/memory.h"

enum {
  kZbootBytes = 64,
  kZbootOffset = 8,
  kZbootSize = 12,
  kZbootType = 24,
  kZbootTypeBytes = 32,
};

#define REFUSED(name) "the kernel is compressed with " name ", which is not supported"

struct Magic {
  u32 bytes;
  const char *magic, *name, *why;
};

// `name` is how an EFI zboot image calls it.
static const struct Magic kOthers[] = {
    {4, "\x28\xb5\x2f\xfd", "zstd", REFUSED("zstd")},
    {6, "\xfd\x37\x7a\x58\x5a", "xzkern", REFUSED("xz")},
    {3, "\x5d\0\0", "lzma", REFUSED("LZMA")},
    {4, "\x02\x21\x4c\x18", "lz4", REFUSED("LZ4")},
    {4, "\x04\x22\x4d\x18", "lz4", REFUSED("LZ4")},
    {4, "\x89LZO", "lzo", REFUSED("LZO")},
    {3, "BZh", "bzip2", REFUSED("bzip2")},
};

/// Whether the name that begins a field of an image is this one.  Some of them go on: "zstd22".
static bool is_type(const u8* field, const char* name) {
  return mem_equal(field, name, str_length(name));
}

static const char* zboot(const u8* f, u64 bytes, struct PackedKernel* k) {
  if (bytes < kZbootBytes) return "the kernel's file ends too early";
  const u64 at = le32(f + kZbootOffset), size = le32(f + kZbootSize);
  if (at > bytes || size > bytes - at) return "the kernel's file ends too early";
  if (!is_type(f + kZbootType, "gzip")) {
    for (u32 i = 0; i < sizeof kOthers / sizeof *kOthers; ++i)
      if (is_type(f + kZbootType, kOthers[i].name)) return kOthers[i].why;
    return REFUSED("a method of its own");
  }
  k->data = f + at;
  k->bytes = size;
  if (size < 2 || f[at] != 0x1f || f[at + 1] != 0x8b)
    return "the kernel's file is damaged: what it has packed is not gzip";
  k->is_gzip = true;
  return 0;
}

const char* kernel_packing(const void* file, u64 bytes, struct PackedKernel* k) {
  const u8* const f = file;
  *k = (struct PackedKernel){false, f, bytes, bytes};
  if (bytes >= 8 && mem_equal(f, "MZ", 2) && mem_equal(f + 4, "zimg", 4)) {
    const char* const why = zboot(f, bytes, k);
    if (why != 0) return why;
  } else if (bytes >= 2 && f[0] == 0x1f && f[1] == 0x8b) {
    k->is_gzip = true;
  } else {
    for (u32 i = 0; i < sizeof kOthers / sizeof *kOthers; ++i)
      if (bytes >= kOthers[i].bytes && mem_equal(f, kOthers[i].magic, kOthers[i].bytes))
        return kOthers[i].why;
  }
  if (k->is_gzip) k->unpacked = k->bytes < 4 ? 0 : le32(k->data + k->bytes - 4);
  return 0;
}
