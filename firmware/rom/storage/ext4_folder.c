// Folders: entries one after another in blocks.  The index of a large folder lies in what look like
// unused entries, so it needs no care.
#include "firmware/rom/lib/memory.h"
#include "firmware/rom/storage/ext4_parts.h"

enum {
  kEntryHeader = 8,
  kMaxFolderBytes = 64 << 20,  ///< a folder of a boot disk is smaller
  kInlineStart = 4,            ///< of an inline folder: its parent's inode is before
};

static const char kFolderDamaged[] = "the ext4 file system is damaged: a folder is broken";

/// Where the part of a folder ends that no entry reaches over.
static u64 part_end(const struct Ext4* x, u64 offset, u64 size) {
  if (ext4_is_inline(x)) return offset < kExt4MapBytes ? kExt4MapBytes : size;
  const u64 end = (offset | (x->block_bytes - 1)) + 1;
  return end < size ? end : size;
}

/// An inline folder has no entry for its parent: the inode's number is in front of its entries.
static const char* inline_parent(struct Volume* v, struct VolumeCursor* c,
                                 struct VolumeEntry* entry) {
  u8 b[4];
  const char* const why = volume_peek(v, &c->folder, 0, b, 4);
  if (why != 0) return why;
  c->offset = kInlineStart;
  mem_copy(entry->name, "..", 3);
  entry->node.id = le32(b);
  return 0;
}

const char* ext4_next(struct Volume* v, struct VolumeCursor* c, struct VolumeEntry* entry,
                      bool* more) {
  const struct Ext4* const x = &v->ext4;
  const u64 size = c->folder.size;
  const char* why = ext4_read_inode(v, c->folder.id);
  if (why != 0) return why;
  if (size > kMaxFolderBytes) return "the folder is too large";
  mem_set(&entry->node, 0, sizeof entry->node);
  entry->short_name[0] = 0;
  *more = true;
  if (ext4_is_inline(x) && c->offset == 0 && size >= kInlineStart)
    return inline_parent(v, c, entry);
  while (c->offset < size) {
    u8 h[kEntryHeader];
    const u64 at = c->offset, end = part_end(x, at, size);
    if (end - at < kEntryHeader) return kFolderDamaged;
    why = volume_peek(v, &c->folder, at, h, sizeof h);
    if (why != 0) return why;
    u32 length = le16(h + 4);
    if (x->block_bytes == 65536 && (length == 0 || length == 65535)) length = 65536;
    const u32 name = x->has_types ? h[6] : le16(h + 6);
    if (length < kEntryHeader || length % 4 != 0 || length > end - at) return kFolderDamaged;
    c->offset = at + length;
    if (le32(h) == 0) continue;
    if (name == 0 || name > 255 || name > length - kEntryHeader) return kFolderDamaged;
    why = volume_peek(v, &c->folder, at + kEntryHeader, entry->name, name);
    if (why != 0) return why;
    entry->name[name] = 0;
    entry->node.id = le32(h);
    return 0;
  }
  *more = false;
  return 0;
}
