// FAT12, FAT16 and FAT32 (Microsoft, "FAT: General Overview of On-Disk Format", 1.03), with long
// names.  Names are found without regard to the case of ASCII letters.
//
// Missing on purpose: code pages; a character of a short name that is not ASCII is shown as '?'
// and found by the long name only.
#pragma once

#include "firmware/rom/lib/types.h"

struct Volume;

enum { kFatLongNameUnits = 20 * 13 };

/// What the file system keeps in a volume.
struct Fat {
  u32 bits;  ///< 12, 16 or 32
  u32 cluster_bytes;
  u32 clusters;  ///< clusters 2 to this plus 1 exist
  u64 fat_at, fat_bytes;
  u64 root_at, root_bytes;  ///< of FAT12 and FAT16: the root folder, which is not in clusters
  u64 data_at;
  u32 root_cluster;  ///< of FAT32
  // Where the last walk along a chain came to: cluster `index` of the one that begins with `first`.
  u32 walk_first, walk_index, walk_cluster;
  u16 long_name[kFatLongNameUnits];
};

/// Mounts a FAT file system; `*mine` says whether it is one.
const char* fat_mount(struct Volume* v, bool* mine);
