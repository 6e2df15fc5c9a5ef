#include "firmware/rom/boot/linux.h"

#include "firmware/rom/boot/gunzip.h"
#include "firmware/rom/boot/linux_image.h"
#include "firmware/rom/boot/packing.h"
#include "firmware/rom/lib/memory.h"

enum { kHeader = 64, kPage = 4096, kTreeRoom = 64 << 10 };

struct Loader {
  const struct Bootable* b;
  struct LinuxMemory m;
  u64 next;  ///< RAM from here on is free
  LinuxProgress progress;
  void* of;
};

static u64 align_up(u64 v, u64 to) { return (v + to - 1) & ~(to - 1); }

static const char* find(struct Loader* l, const char* path, struct VolumeNode* node) {
  const char* const why = volume_find(l->b->volume, path, node);
  if (why != 0) return why;
  if (node->kind != kVolumeFile) return "it is no file";
  l->progress(l->of, path, node->size);
  return 0;
}

/// An Image: from the file to its place.
static const char* load_image(struct Loader* l, const struct VolumeNode* node, const u8* header,
                              struct LinuxStart* out) {
  struct LinuxImage image;
  const char* const why = linux_image_read(header, node->size, &image);
  if (why != 0) return why;
  out->pc = linux_image_place(&image, l->m.start, l->m.end);
  if (out->pc == 0) return "the kernel needs more memory than there is";
  l->next = out->pc + image.memory;
  return volume_read(l->b->volume, node, 0, (void*)out->pc, node->size);
}

/// A kernel that is packed: the file at the end of memory, what is in it at its place.
static const char* load_packed(struct Loader* l, const struct VolumeNode* node,
                               struct LinuxStart* out) {
  if (node->size > (l->m.end - l->m.start) / 2) return "the kernel needs more memory than there is";
  const u64 file = (l->m.end - node->size) & ~(kPage - 1ul);
  const char* why = volume_read(l->b->volume, node, 0, (void*)file, node->size);
  struct PackedKernel packed;
  if (why == 0) why = kernel_packing((const void*)file, node->size, &packed);
  if (why != 0) return why;
  struct LinuxImage image;
  // One that is not packed says what it is, and that it is none.
  if (!packed.is_gzip) return linux_image_read(packed.data, packed.bytes, &image);
  struct Gunzip* const g = arena_take(&l->m.work, sizeof *g, 64);
  if (g == 0) return "there is no room to unpack the kernel";
  // Its header, which says where it belongs, is only known then; for those of today that is here.
  const u64 here = align_up(l->m.start, 2ul << 20);
  u64 bytes = 0;
  if (here >= file) return "the kernel needs more memory than there is";
  why = gunzip(g, packed.data, packed.bytes, (void*)here, file - here, &bytes);
  if (why == 0) why = linux_image_read((const void*)here, bytes, &image);
  if (why != 0) return why;
  out->pc = linux_image_place(&image, l->m.start, l->m.end);
  if (out->pc == 0) return "the kernel needs more memory than there is";
  l->next = out->pc + image.memory;
  if (out->pc == here) return 0;
  if (out->pc >= file) return "the kernel needs more memory than there is";
  return gunzip(g, packed.data, packed.bytes, (void*)out->pc, file - out->pc, &bytes);
}

static const char* load_kernel(struct Loader* l, struct LinuxStart* out) {
  struct VolumeNode node;
  u8 header[kHeader];
  const char* why = find(l, l->b->entry->kernel, &node);
  if (why != 0) return why;
  if (node.size < kHeader) return "it is too short for a kernel";
  why = volume_read(l->b->volume, &node, 0, header, kHeader);
  if (why != 0) return why;
  const bool plain = mem_equal(header + 56, "ARM\x64", 4);
  return plain ? load_image(l, &node, header, out) : load_packed(l, &node, out);
}

/// All of them, one behind the other, as the kernel takes them.
static const char* load_initrds(struct Loader* l, u64* start, u64* end) {
  l->next = align_up(l->next, kPage);
  *start = l->next;
  for (u32 i = 0; i < l->b->entry->initrd_count; ++i) {
    struct VolumeNode node;
    const char* why = find(l, l->b->entry->initrds[i], &node);
    if (why != 0) return why;
    l->next = align_up(l->next, 4);
    if (l->next > l->m.end || node.size > l->m.end - l->next)
      return "the initrd needs more memory than there is";
    why = volume_read(l->b->volume, &node, 0, (void*)l->next, node.size);
    if (why != 0) return why;
    l->next += node.size;
    // What is between two archives is zero.
    while (l->next % 4 != 0 && l->next < l->m.end) *(u8*)l->next++ = 0;
  }
  *end = l->next;
  return 0;
}

static void put_be64(u8* to, u64 v) {
  put_be32(to, (u32)(v >> 32));
  put_be32(to + 4, (u32)v);
}

/// The entry's own tree, or the machine's, with the command line and the initrd in it.
static const char* load_tree(struct Loader* l, const struct Fdt* machine, u64 initrd,
                             u64 initrd_end, struct LinuxStart* out) {
  struct Fdt own;
  const struct Fdt* tree = machine;
  if (l->b->entry->devicetree != 0) {
    struct VolumeNode node;
    const char* why = find(l, l->b->entry->devicetree, &node);
    if (why != 0) return why;
    void* const file = arena_take(&l->m.work, node.size, 8);
    if (file == 0) return "the device tree is too large";
    why = volume_read(l->b->volume, &node, 0, file, node.size);
    if (why == 0) why = fdt_open(&own, file, node.size);
    if (why != 0) return why;
    tree = &own;
  }
  if (tree == 0) return "there is no device tree: neither the entry nor the machine has one";
  u8 start[8], end[8];
  put_be64(start, initrd);
  put_be64(end, initrd_end);
  const bool some = initrd_end != initrd;
  const char* const options = l->b->entry->options;
  const struct FdtProperty changes[] = {
      {"bootargs", options, (u32)str_length(options) + 1},
      {"linux,initrd-start", some ? start : 0, some ? 8 : 0},
      {"linux,initrd-end", some ? end : 0, some ? 8 : 0},
      {"quince,boot-menu", 0, 0},
      {"quince,boot-delay-ms", 0, 0},
  };
  out->device_tree = align_up(l->next, kTreeRoom);
  if (out->device_tree > l->m.end) return "the device tree needs more memory than there is";
  u64 bytes = 0;
  const char* const why =
      fdt_copy_with(tree, changes, sizeof changes / sizeof changes[0], (void*)out->device_tree,
                    l->m.end - out->device_tree, &bytes);
  l->next = out->device_tree + bytes;
  return why;
}

const char* linux_load(const struct Bootable* b, const struct Fdt* machine, struct LinuxMemory m,
                       LinuxProgress progress, void* of, struct LinuxStart* out) {
  struct Loader l = {.b = b, .m = m, .next = m.start, .progress = progress, .of = of};
  u64 initrd = 0, initrd_end = 0;
  const char* why = load_kernel(&l, out);
  if (why == 0) why = load_initrds(&l, &initrd, &initrd_end);
  if (why == 0) why = load_tree(&l, machine, initrd, initrd_end, out);
  out->start = m.start;
  out->end = l.next;
  return why;
}
