// Where the bytes of a disk come from, and a small cache over a stretch of it.
#pragma once

#include "firmware/rom/lib/types.h"

enum {
  kSectorBytes = 512,
  kRequestSectors = 128 << 11,  ///< at most so many in one request: 128 MiB
  kCacheLines = 8,
  kLineSectors = 8,
  kLineBytes = kLineSectors * kSectorBytes,
};

/// A disk, in sectors of 512 bytes.
struct BlockSource {
  /// Reads `count` sectors (1 to kRequestSectors) from `sector` on, all of which exist; false: it
  /// could not.  `to` has no alignment.
  bool (*read)(void* owner, u64 sector, u32 count, void* to);
  void* owner;
  u64 sectors;
};

/// A stretch of a disk (a partition, or all of it), and its sectors that were read last.
struct BlockCache {
  const struct BlockSource* source;
  u64 first, sectors;  ///< the stretch; it lies on the disk
  u64 clock;
  struct {
    u64 line;  ///< which line of the stretch, plus 1; 0: none
    u64 used;
  } tags[kCacheLines];
  u8 lines[kCacheLines][kLineBytes] __attribute__((aligned(64)));
};

/// Sectors of the disk, whole; what is not there is an error.
const char* block_read(const struct BlockSource* source, u64 sector, u64 count, void* to);

/// Prepares a cache; what of the stretch is beyond the disk's end is not part of it.
void cache_open(struct BlockCache* c, const struct BlockSource* source, u64 first, u64 sectors);
/// Few bytes from byte `at` of the stretch, which are likely to be near those read before.
const char* cache_read(struct BlockCache* c, u64 at, u64 bytes, void* to);
/// Many bytes: whole sectors go straight from the disk to `to`, in requests as large as they can be.
const char* cache_read_through(struct BlockCache* c, u64 at, u64 bytes, void* to);
