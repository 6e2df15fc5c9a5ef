// ext2, ext3 and ext4, read-only (Linux, Documentation/filesystems/ext4: super block, group
// descriptors, inodes, block maps, extents, directory entries, inline data): block maps and extents,
// 64-bit block numbers, flex_bg, meta_bg, bigalloc, inline data, folders read entry by entry
// whether or not they have an index, symbolic links inside the inode and in blocks, folders that
// fold case (of ASCII letters).
//
// Missing on purpose: checksums are not compared; the journal is not replayed, so that what was
// written just before a power failure may be seen as it was before.  Other incompatible features
// are refused by name, and so are encrypted and compressed files.
#pragma once

#include "firmware/rom/lib/types.h"

struct Volume;

enum { kExt4InodeCore = 128, kExt4MapBytes = 60 };

/// What the file system keeps in a volume.
struct Ext4 {
  u32 block_bytes, block_shift;
  u64 blocks;
  u32 first_block, blocks_per_group;
  u32 inodes, inodes_per_group, groups;
  u32 inode_bytes, descriptor_bytes;
  bool meta_bg;
  u32 first_meta_group;  ///< in blocks of descriptors
  bool sparse_super, sparse_super2;
  u32 backup_groups[2];  ///< of sparse_super2
  bool has_types;        ///< folder entries say what they name
  // The inode that was read last.
  u32 inode;     ///< its number; 0: none
  u64 inode_at;  ///< where it is on the volume
  u8 core[kExt4InodeCore];
};

/// Mounts an ext2/3/4 file system; `*mine` says whether it is one.
const char* ext4_mount(struct Volume* v, bool* mine);
