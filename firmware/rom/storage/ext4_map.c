// Where a file's bytes are: inside the inode, in extents, or in blocks of block numbers.
#include "firmware/rom/lib/memory.h"
#include "firmware/rom/storage/ext4_parts.h"

enum {
  kExtentMagic = 0xf30a,
  kExtentHeader = 12,
  kExtentEntry = 12,
  kMaxDepth = 5,
  kMaxInitialized = 32768,  ///< longer: the extent is not written, and 32768 less is its length
  kDirectBlocks = 12,
  kAttributeMagic = 0xea020000,
  kAttributeEntry = 16,
  kIndexSystem = 7,
};

/// A stretch of a file in blocks.
struct BlockRun {
  u64 physical;
  u64 count;
  bool hole;
};

// ---- Extents (dynamic structure "extent tree") -------------------------------------------------

/// A node of the tree: its header and where its entries are.
struct ExtentNode {
  u64 entries_at;
  u32 count, depth;
};

static const char* read_node(struct Volume* v, u64 at, u64 bytes, struct ExtentNode* n) {
  u8 h[kExtentHeader];
  const char* const why = cache_read(&v->cache, at, sizeof h, h);
  if (why != 0) return why;
  n->entries_at = at + kExtentHeader;
  n->count = le16(h + 2);
  n->depth = le16(h + 6);
  if (le16(h) != kExtentMagic || n->count > (bytes - kExtentHeader) / kExtentEntry)
    return "the ext4 file system is damaged: a tree of extents is broken";
  return 0;
}

static const char* read_entry(struct Volume* v, const struct ExtentNode* n, u32 i, u8* e) {
  return cache_read(&v->cache, n->entries_at + (u64)i * kExtentEntry, kExtentEntry, e);
}

/// The last entry that begins at or before `block`, or the first one; `*end` becomes where the next
/// one begins, if there is one.
static const char* find_entry(struct Volume* v, const struct ExtentNode* n, u32 block, u8* e,
                              u64* end) {
  u32 low = 0, high = n->count;
  u8 probe[kExtentEntry];
  while (high - low > 1) {
    const u32 middle = low + (high - low) / 2;
    const char* const why = read_entry(v, n, middle, probe);
    if (why != 0) return why;
    if (le32(probe) <= block)
      low = middle;
    else
      high = middle;
  }
  if (low + 1 < n->count) {
    const char* const why = read_entry(v, n, low + 1, probe);
    if (why != 0) return why;
    if (le32(probe) < *end) *end = le32(probe);
  }
  return read_entry(v, n, low, e);
}

static const char* map_extents(struct Volume* v, u32 block, struct BlockRun* run) {
  const struct Ext4* const x = &v->ext4;
  struct ExtentNode n;
  u64 end = (u64)1 << 32;  // of the hole that `block` may be in
  u8 e[kExtentEntry];
  const char* why = read_node(v, x->inode_at + kInodeMap, kExt4MapBytes, &n);
  if (why != 0) return why;
  if (n.depth > kMaxDepth) return kExt4Damaged;
  for (;;) {
    run->hole = true;
    if (n.count == 0) break;
    why = find_entry(v, &n, block, e, &end);
    if (why != 0) return why;
    const u32 from = le32(e);
    if (from > block) {
      if (from < end) end = from;
      break;
    }
    if (n.depth == 0) {
      const u32 length = le16(e + 4),
                blocks = length > kMaxInitialized ? length - kMaxInitialized : length;
      if (block - from >= blocks) break;
      run->hole = length > kMaxInitialized;
      run->physical = (le32(e + 8) | (u64)le16(e + 6) << 32) + (block - from);
      run->count = blocks - (block - from);
      return 0;
    }
    const u32 depth = n.depth - 1;
    const u64 child = le32(e + 4) | (u64)le16(e + 8) << 32;
    if (child >= x->blocks) return kExt4Damaged;
    why = read_node(v, child << x->block_shift, x->block_bytes, &n);
    if (why != 0) return why;
    if (n.depth != depth) return kExt4Damaged;
  }
  if (end <= block) return kExt4Damaged;
  run->count = end - block;
  return 0;
}

// ---- Block maps --------------------------------------------------------------------------------

/// Follows `run->physical`, the number of one block, with its neighbours in the same array of
/// `left` numbers, of which the first is at byte `at`.
static const char* run_of(struct Volume* v, u64 at, u64 left, u64 want, struct BlockRun* run) {
  u8 b[4];
  u32 first = 0;
  if (left > want) left = want;
  for (u64 n = 0; n < left; ++n) {
    const char* const why = cache_read(&v->cache, at + 4 * n, 4, b);
    if (why != 0) return why;
    if (n == 0) first = le32(b);
    if (n != 0 && le32(b) != (first == 0 ? 0 : first + n)) break;
    run->count = n + 1;
  }
  run->hole = first == 0;
  run->physical = first;
  return 0;
}

static const char* map_blocks(struct Volume* v, u64 block, u64 want, struct BlockRun* run) {
  const struct Ext4* const x = &v->ext4;
  const u64 map_at = x->inode_at + kInodeMap, shift = x->block_shift - 2;
  if (block < kDirectBlocks) return run_of(v, map_at + 4 * block, kDirectBlocks - block, want, run);
  block -= kDirectBlocks;
  // One, two or three levels of blocks with numbers.
  for (u32 levels = 1; levels <= 3; ++levels) {
    const u64 span = (u64)1 << shift * levels;
    if (block >= span) {
      block -= span;
      continue;
    }
    u64 at = map_at + 4 * (kDirectBlocks + levels - 1);
    for (u32 level = levels; level-- != 0;) {
      const u64 below = (u64)1 << shift * (level + 1);  // blocks under the number at `at`
      u8 b[4];
      const char* const why = cache_read(&v->cache, at, 4, b);
      if (why != 0) return why;
      const u64 in = block & (below - 1);
      if (le32(b) == 0) {
        *run = (struct BlockRun){0, below - in, true};
        return 0;
      }
      if (le32(b) >= x->blocks) return kExt4Damaged;
      at = ((u64)le32(b) << x->block_shift) + 4 * (in >> shift * level);
      if (level == 0)
        return run_of(v, at, ((u64)1 << shift) - (in & (((u64)1 << shift) - 1)), want, run);
    }
  }
  return "the ext4 file system is damaged: a file is larger than its map";
}

// ---- Inline data -------------------------------------------------------------------------------

/// What does not fit beside the inode's fields is the value of the attribute "system.data".
static const char* map_attribute(struct Volume* v, u64 offset, u64 want, struct VolumeRun* run) {
  const struct Ext4* const x = &v->ext4;
  u8 b[kAttributeEntry + 4];
  if (x->inode_bytes < kExt4InodeCore + 4) return kExt4Damaged;
  const char* why = cache_read(&v->cache, x->inode_at + kInodeExtraBytes, 2, b);
  if (why != 0) return why;
  u64 at = kExt4InodeCore + (u64)le16(b);
  if (at % 4 != 0 || at + 4 > x->inode_bytes) return kExt4Damaged;
  why = cache_read(&v->cache, x->inode_at + at, 4, b);
  if (why != 0) return why;
  if (le32(b) != kAttributeMagic) return kExt4Damaged;
  const u64 base = at += 4;
  while (at + kAttributeEntry + 4 <= x->inode_bytes) {
    why = cache_read(&v->cache, x->inode_at + at, sizeof b, b);
    if (why != 0) return why;
    if (le32(b) == 0) break;
    const u32 name = b[0], value_at = le16(b + 2), inode = le32(b + 4), bytes = le32(b + 8);
    if (name == 4 && b[1] == kIndexSystem && mem_equal(b + kAttributeEntry, "data", 4)) {
      if (inode != 0 || base + value_at > x->inode_bytes ||
          bytes > x->inode_bytes - base - value_at)
        return kExt4Damaged;
      if (offset >= bytes) break;
      run->at = x->inode_at + base + value_at + offset;
      run->bytes = want < bytes - offset ? want : bytes - offset;
      return 0;
    }
    at += kAttributeEntry + ((name + 3) & ~3u);
  }
  // The size may be larger than what is there: the rest is zeros, as it is for Linux.
  *run = (struct VolumeRun){0, want, true};
  return 0;
}

/// The first bytes are where other files have their map.
static const char* map_inline(struct Volume* v, u64 offset, u64 want, struct VolumeRun* run) {
  if (offset >= kExt4MapBytes) return map_attribute(v, offset - kExt4MapBytes, want, run);
  const u64 here = kExt4MapBytes - offset;
  run->at = v->ext4.inode_at + kInodeMap + offset;
  run->bytes = want < here ? want : here;
  return 0;
}

// ---- All of them -------------------------------------------------------------------------------

const char* ext4_map(struct Volume* v, const struct VolumeNode* node, u64 offset, u64 want,
                     struct VolumeRun* run) {
  const struct Ext4* const x = &v->ext4;
  *run = (struct VolumeRun){0, 0, false};
  const char* why = ext4_read_inode(v, node->id);
  if (why != 0) return why;
  const u32 flags = ext4_flags(x);
  if ((flags & kFlagEncrypted) != 0) return "the file is encrypted (ext4), which is not supported";
  if ((flags & kFlagCompressed) != 0 && node->kind == kVolumeFile)
    return "the file is compressed (ext2), which is not supported";
  if (offset >= node->size) return 0;
  if (want > node->size - offset) want = node->size - offset;
  const bool fast_link =
      node->kind == kVolumeLink && (flags & kFlagExtents) == 0 && node->size < kExt4MapBytes;
  if (ext4_is_inline(x) || fast_link) return map_inline(v, offset, want, run);
  const u64 block = offset >> x->block_shift, in = offset & (x->block_bytes - 1);
  const u64 blocks = ((in + want - 1) >> x->block_shift) + 1;
  struct BlockRun found = {0, 0, false};
  if (block >= (u64)1 << 32) return "the ext4 file system is damaged: a file is too large";
  if ((flags & kFlagExtents) != 0)
    why = map_extents(v, (u32)block, &found);
  else
    why = map_blocks(v, block, blocks, &found);
  if (why != 0) return why;
  if (found.count > blocks) found.count = blocks;
  if (!found.hole && (found.physical >= x->blocks || found.count > x->blocks - found.physical))
    return "the ext4 file system is damaged: a file is beyond its end";
  run->at = (found.physical << x->block_shift) + in;
  run->bytes = (found.count << x->block_shift) - in;
  run->hole = found.hole;
  if (run->bytes > want) run->bytes = want;
  return 0;
}
