#include "firmware/rom/storage/volume.h"

#include "firmware/rom/lib/memory.h"

const char kVolumeNotFound[] = "there is no such file";
static const char kDamaged[] = "the file system is damaged: a file ends early";

/// What people have on partitions and this cannot read: said by name.
struct Foreign {
  u32 offset, bytes;
  const char *magic, *why;
};
static const struct Foreign kForeign[] = {
    {0x10040, 8, "_BHRfS_M", "it is Btrfs, which is not supported"},
    {0, 4, "XFSB", "it is XFS, which is not supported"},
    {1024, 4, "\x10\x20\xf5\xf2", "it is F2FS, which is not supported"},
    {1024, 4, "\xe2\xe1\xf5\xe0", "it is EROFS, which is not supported"},
    {0, 4, "hsqs", "it is SquashFS, which is not supported"},
    {32, 4, "NXSB", "it is APFS, which is not supported"},
    {3, 8, "EXFAT   ", "it is exFAT, which is not supported"},
    {3, 8, "NTFS    ", "it is NTFS, which is not supported"},
    {32769, 5, "CD001", "it is ISO 9660, which is not supported"},
    {0, 6, "LUKS\xba\xbe", "it is encrypted (LUKS), which is not supported"},
    {512, 8, "LABELONE", "it is a physical volume of LVM, which is not supported"},
    {4086, 10, "SWAPSPACE2", "it is swap space"},
};

static const char* foreign_system(struct BlockCache* c) {
  for (u32 i = 0; i < sizeof kForeign / sizeof *kForeign; ++i) {
    const struct Foreign* const f = &kForeign[i];
    u8 there[16];
    if (cache_read(c, f->offset, f->bytes, there) == 0 && mem_equal(there, f->magic, f->bytes))
      return f->why;
  }
  return 0;
}

const char* volume_mount(struct Volume* v, const struct BlockSource* source, u64 first,
                         u64 sectors) {
  bool is_ext4 = false, is_fat = false;
  cache_open(&v->cache, source, first, sectors);
  v->label[0] = 0;
  // The boot sector is tried last: an ext4 file system may still have an old one.
  const char* const why = ext4_mount(v, &is_ext4);
  if (is_ext4 && why == 0) return 0;
  const char* const foreign = is_ext4 ? 0 : foreign_system(&v->cache);
  if (foreign != 0) return foreign;
  // The two bytes that ext4 is known by may also be a part of FAT's table.
  const char* const why_fat = fat_mount(v, &is_fat);
  if (is_fat && (why_fat == 0 || !is_ext4)) return why_fat;
  return is_ext4 ? why : "it is no file system that is known (FAT, ext2, ext3, ext4)";
}

const char* volume_peek(struct Volume* v, const struct VolumeNode* node, u64 offset, void* to,
                        u64 bytes) {
  u8* out = to;
  while (bytes != 0) {
    struct VolumeRun run;
    const char* why = v->ops->map(v, node, offset, bytes, &run);
    if (why != 0) return why;
    if (run.bytes == 0) return kDamaged;
    if (run.hole)
      mem_set(out, 0, run.bytes);
    else
      why = cache_read(&v->cache, run.at, run.bytes, out);
    if (why != 0) return why;
    offset += run.bytes;
    out += run.bytes;
    bytes -= run.bytes;
  }
  return 0;
}

/// The stretch from `offset` on with what follows it on the disk.
static const char* map_merged(struct Volume* v, const struct VolumeNode* file, u64 offset, u64 want,
                              struct VolumeRun* run) {
  const u64 most = (u64)kRequestSectors * kSectorBytes;
  const char* why = v->ops->map(v, file, offset, want, run);
  if (why != 0) return why;
  if (run->bytes == 0) return kDamaged;
  while (!run->hole && run->bytes < want && run->bytes < most) {
    struct VolumeRun more;
    why = v->ops->map(v, file, offset + run->bytes, want - run->bytes, &more);
    if (why != 0) return why;
    if (more.bytes == 0 || more.hole || more.at != run->at + run->bytes) break;
    run->bytes += more.bytes;
  }
  return 0;
}

const char* volume_read(struct Volume* v, const struct VolumeNode* file, u64 offset, void* to,
                        u64 bytes) {
  if (file->kind != kVolumeFile) return "it is not a file";
  if (offset > file->size || bytes > file->size - offset) return "the file is shorter than that";
  u8* out = to;
  while (bytes != 0) {
    struct VolumeRun run;
    const char* why = map_merged(v, file, offset, bytes, &run);
    if (why != 0) return why;
    if (run.hole)
      mem_set(out, 0, run.bytes);
    else
      why = cache_read_through(&v->cache, run.at, run.bytes, out);
    if (why != 0) return why;
    offset += run.bytes;
    out += run.bytes;
    bytes -= run.bytes;
  }
  return 0;
}

const char* volume_load(struct Volume* v, const char* path, void* to, u64 room, u64* bytes) {
  struct VolumeNode file;
  const char* const why = volume_find(v, path, &file);
  if (why != 0) return why;
  if (file.kind != kVolumeFile) return "it is not a file";
  if (file.size > room) return "the file is too large";
  *bytes = file.size;
  return volume_read(v, &file, 0, to, file.size);
}

struct VolumeCursor volume_list(const struct VolumeNode* folder) {
  return (struct VolumeCursor){*folder, 0};
}

static bool is_dots(const char* name) { return str_equal(name, ".") || str_equal(name, ".."); }

const char* volume_next(struct Volume* v, struct VolumeCursor* cursor, struct VolumeEntry* entry,
                        bool* more) {
  if (cursor->folder.kind != kVolumeFolder) return "it is not a folder";
  do {
    const char* const why = v->ops->next(v, cursor, entry, more);
    if (why != 0) return why;
  } while (*more && is_dots(entry->name));
  if (*more && v->ops->load != 0 && v->ops->load(v, &entry->node) != 0)
    entry->node.kind = kVolumeOther;
  return 0;
}

/// Finds one name, not a path, in a folder.
static const char* find_in(struct Volume* v, const struct VolumeNode* folder, const char* name,
                           struct VolumeNode* found) {
  struct VolumeEntry* const e = &v->entry;
  struct VolumeCursor cursor = volume_list(folder);
  for (;;) {
    bool more;
    const char* const why = v->ops->next(v, &cursor, e, &more);
    if (why != 0) return why;
    if (!more) return kVolumeNotFound;
    if (folder->fold_case ? str_equal_fold(e->name, name) || str_equal_fold(e->short_name, name)
                          : str_equal(e->name, name))
      break;
  }
  *found = e->node;
  return v->ops->load != 0 ? v->ops->load(v, found) : 0;
}

/// Puts a link's target in front of the `rest` of v->path.
static const char* follow(struct Volume* v, const struct VolumeNode* link, const char* rest) {
  const u64 left = str_length(rest) + 1;
  if (link->size == 0 || link->size > kVolumePathBytes - 1 - left)
    return "a symbolic link is too long";
  const char* const why = volume_peek(v, link, 0, v->target, link->size);
  if (why != 0) return why;
  v->target[link->size] = 0;
  if (str_length(v->target) != link->size) return "a symbolic link is damaged";
  v->target[link->size] = '/';
  mem_copy(v->target + link->size + 1, rest, left);
  mem_copy(v->path, v->target, link->size + 1 + left);
  return 0;
}

const char* volume_find(struct Volume* v, const char* path, struct VolumeNode* found) {
  struct VolumeNode node = v->root;
  u32 links = 0;
  if (str_length(path) >= kVolumePathBytes) return "the path is too long";
  mem_copy(v->path, path, str_length(path) + 1);
  for (char* at = v->path;;) {
    while (*at == '/') ++at;
    if (*at == 0) break;
    char* const name = at;
    while (*at != '/' && *at != 0) ++at;
    if (*at != 0) *at++ = 0;
    if (node.kind != kVolumeFolder) return kVolumeNotFound;
    if (str_equal(name, ".")) continue;
    if (str_equal(name, "..") && node.id == v->root.id) continue;
    const struct VolumeNode folder = node;
    const char* why = find_in(v, &folder, name, &node);
    if (why != 0) return why;
    if (node.kind != kVolumeLink) continue;
    if (++links > kVolumeMaxLinks) return "the path leads through too many symbolic links";
    why = follow(v, &node, at);
    if (why != 0) return why;
    node = v->path[0] == '/' ? v->root : folder;
    at = v->path;
  }
  *found = node;
  return 0;
}
