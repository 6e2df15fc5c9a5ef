// What the sources of ext4 share.
#pragma once

#include "firmware/rom/storage/volume.h"

enum {
  // Of an inode: where its fields are, and flags.
  kInodeMode = 0x00,
  kInodeSizeLow = 0x04,
  kInodeFlags = 0x20,
  kInodeMap = 0x28,
  kInodeSizeHigh = 0x6c,
  kInodeExtraBytes = 0x80,
  kFlagCompressed = 0x4,
  kFlagEncrypted = 0x800,
  kFlagExtents = 0x80000,
  kFlagInlineData = 0x10000000,
  kFlagFoldCase = 0x40000000,
};

extern const char kExt4Damaged[];

/// Reads inode `number` into Ext4::core, unless it is there.
const char* ext4_read_inode(struct Volume* v, u64 number);

static inline u32 ext4_flags(const struct Ext4* x) { return le32(x->core + kInodeFlags); }
static inline bool ext4_is_inline(const struct Ext4* x) {
  return (ext4_flags(x) & kFlagInlineData) != 0;
}

/// VolumeOps::map
const char* ext4_map(struct Volume* v, const struct VolumeNode* node, u64 offset, u64 want,
                     struct VolumeRun* run);
/// VolumeOps::next
const char* ext4_next(struct Volume* v, struct VolumeCursor* cursor, struct VolumeEntry* entry,
                      bool* more);
