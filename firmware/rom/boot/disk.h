// The disk to boot from: the root disk, as the backdoor interface shows it, and what can be started from
// its partitions.
#pragma once

#include "firmware/rom/boot/entries.h"
#include "firmware/rom/storage/partitions.h"

enum { kMaxBootables = 32, kMaxVolumes = 8 };

/// Something that can be started.
struct Bootable {
  const struct BootEntry* entry;
  struct Volume* volume;
  const char*
      name;  ///< "PARTITION/ID": the same at every start, as long as the disk stays as it is
};

struct BootDisk {
  struct BootableList {
    struct Bootable at[kMaxBootables];
    u32 count;
  } found;
  u32 usual;    ///< the one that the disk's owner wants; the first one where it does not say
  s32 timeout;  ///< tenths of a second before it starts, or kTimeoutNotSaid
  bool prompt;  ///< a person shall be asked
  const char* trouble;  ///< why something was left out, or null

  // Where it works.
  struct BlockSource source;
  struct PartitionTable table;
};

/// Looks at every partition of `disk`.  What cannot be read is left out and said in `trouble`.
void disk_look(struct BootDisk* d, struct BlockSource disk, struct Arena* memory);
