// The super block, group descriptors and inodes.
#include "firmware/rom/storage/ext4.h"

#include "firmware/rom/lib/memory.h"
#include "firmware/rom/storage/ext4_parts.h"

enum {
  kSuperAt = 1024,
  kSuperBytes = 1024,
  kMagic = 0xef53,
  kRootInode = 2,
  kCompatJournal = 0x4,
  kCompatSparseSuper2 = 0x200,
  kIncompatFileType = 0x2,
  kIncompatMetaBg = 0x10,
  kIncompat64Bit = 0x80,
  kIncompatExt4 = ~(0x1 | 0x2 | 0x4 | 0x8 | 0x10),  ///< all that ext3 does not know
  kRoCompatSparseSuper = 0x1,
  kRoCompatExt4 = ~(0x1 | 0x2 | 0x4),
  kModeType = 0xf000,
  kModeFolder = 0x4000,
  kModeFile = 0x8000,
  kModeLink = 0xa000,
};

const char kExt4Damaged[] = "the ext4 file system is damaged";

// ---- Features ----------------------------------------------------------------------------------

/// The first incompatible feature that a reader must know and this one does not, by the name that
/// e2fsprogs gives it.
static const char* feature_refused(u32 incompat) {
#define REFUSED(bit, name) [bit] = "the ext4 feature '" name "' is not supported"
#define UNKNOWN(bit) REFUSED(bit, "FEATURE_I" #bit)
  static const char* const kRefused[32] = {
      REFUSED(0, "compression"),
      REFUSED(3, "journal_dev"),
      UNKNOWN(5),
      UNKNOWN(11),
      REFUSED(12, "dirdata"),
      UNKNOWN(18),
      UNKNOWN(19),
      UNKNOWN(20),
      UNKNOWN(21),
      UNKNOWN(22),
      UNKNOWN(23),
      UNKNOWN(24),
      UNKNOWN(25),
      UNKNOWN(26),
      UNKNOWN(27),
      UNKNOWN(28),
      UNKNOWN(29),
      UNKNOWN(30),
      UNKNOWN(31),
  };
  // filetype, needs_recovery, meta_bg, extent, 64bit, mmp, flex_bg, ea_inode, metadata_csum_seed,
  // large_dir, inline_data, encrypt (of files: those are refused), casefold.
  static const u32 kSupported = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 6 | 1u << 7 | 1u << 8 |
                                1u << 9 | 1u << 10 | 1u << 13 | 1u << 14 | 1u << 15 | 1u << 16 |
                                1u << 17;
  for (u32 bit = 0; bit < 32; ++bit)
    if ((incompat & ~kSupported & 1u << bit) != 0) return kRefused[bit];
  return 0;
}

// ---- The super block ---------------------------------------------------------------------------

static const char* read_geometry(struct Volume* v, const u8* s) {
  struct Ext4* const x = &v->ext4;
  const u32 log_block = le32(s + 0x18), revision = le32(s + 0x4c);
  const u32 compat = le32(s + 0x5c), incompat = le32(s + 0x60), ro_compat = le32(s + 0x64);
  const char* const why = revision == 0 ? 0 : feature_refused(incompat);
  if (why != 0) return why;
  if (log_block > 6) return kExt4Damaged;
  x->block_shift = 10 + log_block;
  x->block_bytes = 1u << x->block_shift;
  const bool wide = revision != 0 && (incompat & kIncompat64Bit) != 0;
  x->inodes = le32(s);
  x->blocks = le32(s + 4) | (wide ? (u64)le32(s + 0x150) << 32 : 0);
  x->first_block = le32(s + 0x14);
  x->blocks_per_group = le32(s + 0x20);
  x->inodes_per_group = le32(s + 0x28);
  x->inode_bytes = revision == 0 ? kExt4InodeCore : le16(s + 0x58);
  x->descriptor_bytes = wide ? le16(s + 0xfe) : 32;
  x->meta_bg = revision != 0 && (incompat & kIncompatMetaBg) != 0;
  x->first_meta_group = le32(s + 0x104);
  x->sparse_super = revision != 0 && (ro_compat & kRoCompatSparseSuper) != 0;
  x->sparse_super2 = revision != 0 && (compat & kCompatSparseSuper2) != 0;
  x->backup_groups[0] = le32(s + 0x24c);
  x->backup_groups[1] = le32(s + 0x250);
  x->has_types = revision != 0 && (incompat & kIncompatFileType) != 0;
  x->inode = 0;
  if (x->blocks_per_group == 0 || x->inodes_per_group == 0 ||
      x->blocks > (u64)1 << 63 >> x->block_shift || x->first_block >= x->blocks)
    return kExt4Damaged;
  if (!is_power_of_two(x->inode_bytes) || x->inode_bytes < kExt4InodeCore ||
      x->inode_bytes > x->block_bytes)
    return kExt4Damaged;
  if (!is_power_of_two(x->descriptor_bytes) || x->descriptor_bytes < (wide ? 64 : 32) ||
      x->descriptor_bytes > x->block_bytes)
    return kExt4Damaged;
  const u64 groups = (x->blocks - x->first_block + x->blocks_per_group - 1) / x->blocks_per_group;
  x->groups = groups < 0xffffffff ? (u32)groups : 0xffffffff;
  return 0;
}

// ---- Groups ------------------------------------------------------------------------------------

static bool is_power_of(u32 v, u32 base) {
  while (v % base == 0) v /= base;
  return v == 1;
}

/// Whether a group begins with a copy of the super block.
static bool has_super(const struct Ext4* x, u32 group) {
  if (group == 0) return true;
  if (x->sparse_super2) return group == x->backup_groups[0] || group == x->backup_groups[1];
  if (!x->sparse_super || group == 1) return true;
  return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

/// Where a group's descriptor is, in bytes of the volume.
static u64 descriptor_at(const struct Ext4* x, u32 group) {
  const u32 in_block = x->block_bytes / x->descriptor_bytes;
  const u32 number = group / in_block, at = group % in_block * x->descriptor_bytes;
  u64 block = (u64)x->first_block + 1 + number;
  if (x->meta_bg && number >= x->first_meta_group) {
    // The descriptors of some groups are in the first of these groups.
    const u32 first = number * in_block;
    block = x->first_block + (u64)first * x->blocks_per_group + (has_super(x, first) ? 1 : 0);
    // With blocks of 1 KiB the super block is in block 1, even where counting begins with 0.
    if (x->block_bytes == 1024 && first == 0 && x->first_block == 0) ++block;
  } else if (x->block_bytes == 1024 && x->first_block == 0) {
    ++block;
  }
  return (block << x->block_shift) + at;
}

// ---- Inodes ------------------------------------------------------------------------------------

const char* ext4_read_inode(struct Volume* v, u64 number) {
  struct Ext4* const x = &v->ext4;
  if (number == 0 || number > x->inodes) return kExt4Damaged;
  if (x->inode == number) return 0;
  const u32 group = ((u32)number - 1) / x->inodes_per_group;
  const u32 in_group = ((u32)number - 1) % x->inodes_per_group;
  if (group >= x->groups) return kExt4Damaged;
  u8 d[64] = {0};
  const u32 bytes = x->descriptor_bytes < sizeof d ? x->descriptor_bytes : sizeof d;
  const char* why = cache_read(&v->cache, descriptor_at(x, group), bytes, d);
  if (why != 0) return why;
  const u64 table = le32(d + 8) | (u64)le32(d + 0x28) << 32;
  if (table >= x->blocks) return kExt4Damaged;
  x->inode = 0;
  x->inode_at = (table << x->block_shift) + (u64)in_group * x->inode_bytes;
  why = cache_read(&v->cache, x->inode_at, kExt4InodeCore, x->core);
  if (why == 0) x->inode = (u32)number;
  return why;
}

static const char* ext4_load(struct Volume* v, struct VolumeNode* node) {
  const struct Ext4* const x = &v->ext4;
  const char* const why = ext4_read_inode(v, node->id);
  if (why != 0) return why;
  node->size = le32(x->core + kInodeSizeLow) | (u64)le32(x->core + kInodeSizeHigh) << 32;
  node->fold_case = false;
  switch (le16(x->core + kInodeMode) & kModeType) {
    case kModeFolder:
      node->kind = kVolumeFolder;
      node->fold_case = (ext4_flags(x) & kFlagFoldCase) != 0;
      break;
    case kModeFile:
      node->kind = kVolumeFile;
      break;
    case kModeLink:
      node->kind = kVolumeLink;
      break;
    default:
      node->kind = kVolumeOther;
      break;
  }
  return 0;
}

const char* ext4_mount(struct Volume* v, bool* mine) {
  static const struct VolumeOps kOps = {.map = ext4_map, .next = ext4_next, .load = ext4_load};
  u8 s[kSuperBytes];
  *mine = false;
  const char* why = cache_read(&v->cache, kSuperAt, sizeof s, s);
  if (why != 0 || le16(s + 0x38) != kMagic) return why;
  *mine = true;
  why = read_geometry(v, s);
  if (why != 0) return why;
  v->ops = &kOps;
  // Called as Linux would have to mount it at least.
  const bool has_journal = (le32(s + 0x5c) & kCompatJournal) != 0;
  v->type = (le32(s + 0x60) & kIncompatExt4) != 0 || (le32(s + 0x64) & kRoCompatExt4) != 0 ? "ext4"
            : has_journal                                                                  ? "ext3"
                                                                                           : "ext2";
  mem_copy(v->label, s + 0x78, 16);
  v->label[16] = 0;
  v->root = (struct VolumeNode){kRootInode, 0, kVolumeFolder, false};
  why = ext4_load(v, &v->root);
  if (why == 0 && v->root.kind != kVolumeFolder) why = kExt4Damaged;
  return why;
}
