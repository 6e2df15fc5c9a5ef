#include "firmware/rom/storage/fat.h"

#include "firmware/rom/lib/memory.h"
#include "firmware/rom/lib/utf.h"
#include "firmware/rom/storage/volume.h"

enum {
  kFirstCluster = 2,
  kFolderBytes = 65536 * 32,  ///< the largest folder that the format allows
  kEntryBytes = 32,
  kAttrLabel = 0x08,
  kAttrFolder = 0x10,
  kAttrLong = 0x0f,
  kAttrMask = 0x3f,
  kDeleted = 0xe5,
  kLabelEntries = 4096,  ///< so far the label is looked for
};

static const char kChain[] = "the FAT file system is damaged: a chain of clusters is broken";

// ---- The boot sector ---------------------------------------------------------------------------

/// Whether this is the boot sector of a FAT file system.
static bool is_boot_sector(const u8* b) {
  const u32 sector = le16(b + 11), per_cluster = b[13];
  if (b[0] != 0xeb && b[0] != 0xe9) return false;
  if (!is_power_of_two(sector) || sector < 512 || sector > 4096) return false;
  if (!is_power_of_two(per_cluster)) return false;
  return le16(b + 14) != 0 && b[16] != 0 && (b[21] == 0xf0 || b[21] >= 0xf8);
}

static const char* read_geometry(struct Fat* f, const u8* b) {
  const u64 sector = le16(b + 11), reserved = le16(b + 14), fats = b[16];
  const u64 root_bytes = (u64)le16(b + 17) * kEntryBytes;
  const bool is_fat32 = le16(b + 22) == 0;
  const u64 fat_sectors = is_fat32 ? le32(b + 36) : le16(b + 22);
  const u64 total = le16(b + 19) != 0 ? le16(b + 19) : le32(b + 32);
  const u64 data = reserved + fats * fat_sectors + (root_bytes + sector - 1) / sector;
  if (fat_sectors == 0 || data >= total) return "the FAT file system is damaged: it has no room";
  const u64 clusters = (total - data) / b[13];
  f->bits = is_fat32 ? 32 : clusters < 4085 ? 12 : 16;
  if (is_fat32 && le16(b + 42) != 0) return "the FAT32 file system is of an unknown version";
  // Without mirroring, one of the tables is in use.
  const u32 active = is_fat32 && (b[40] & 0x80) != 0 ? b[40] & 0xf : 0;
  if (active >= fats) return "the FAT32 file system is damaged: its table does not exist";
  f->cluster_bytes = (u32)(sector * b[13]);
  f->fat_at = (reserved + active * fat_sectors) * sector;
  f->fat_bytes = fat_sectors * sector;
  f->root_at = (data * sector) - (root_bytes + sector - 1) / sector * sector;
  f->root_bytes = is_fat32 ? 0 : root_bytes;
  f->data_at = data * sector;
  f->root_cluster = is_fat32 ? le32(b + 44) : 0;
  // The table may be too short for all clusters, and FAT32 has 28 bits.
  const u64 entries = f->fat_bytes * 8 / f->bits;
  u64 most = entries < kFirstCluster ? 0 : entries - kFirstCluster;
  if (most > 0x0ffffff5) most = 0x0ffffff5;
  f->clusters = (u32)(clusters < most ? clusters : most);
  return 0;
}

// ---- Chains ------------------------------------------------------------------------------------

/// The table's entry of a cluster that exists; one that does not exist is the chain's end.
static const char* next_cluster(struct Volume* v, u32 cluster, u32* next) {
  const struct Fat* const f = &v->fat;
  u8 b[4] = {0};
  const u32 at = f->bits == 12 ? cluster + cluster / 2 : cluster * (f->bits / 8);
  const u32 bytes = f->bits == 32 ? 4 : 2;
  if ((u64)at + bytes > f->fat_bytes) return kChain;
  const char* const why = cache_read(&v->cache, f->fat_at + at, bytes, b);
  if (why != 0) return why;
  if (f->bits == 12)
    *next = (cluster & 1) != 0 ? le16(b) >> 4 : le16(b) & 0xfff;
  else
    *next = le32(b) & 0x0fffffff;
  return 0;
}

static bool exists(const struct Fat* f, u32 cluster) {
  return cluster >= kFirstCluster && cluster - kFirstCluster < f->clusters;
}

/// Cluster `index` of a chain; 0 when the chain ends before it.
static const char* walk(struct Volume* v, u32 first, u32 index, u32* cluster) {
  struct Fat* const f = &v->fat;
  u32 at = 0, c = first;
  if (f->walk_first == first && f->walk_index <= index) {
    at = f->walk_index;
    c = f->walk_cluster;
  }
  *cluster = 0;
  // A longer chain would meet itself.
  if (index >= f->clusters) return kChain;
  for (; at < index && exists(f, c); ++at) {
    const char* const why = next_cluster(v, c, &c);
    if (why != 0) return why;
  }
  if (!exists(f, c)) return 0;
  f->walk_first = first;
  f->walk_index = index;
  f->walk_cluster = c;
  *cluster = c;
  return 0;
}

static const char* fat_map(struct Volume* v, const struct VolumeNode* node, u64 offset, u64 want,
                           struct VolumeRun* run) {
  struct Fat* const f = &v->fat;
  const u64 limit = node->kind == kVolumeFolder ? kFolderBytes : node->size;
  u32 cluster;
  *run = (struct VolumeRun){0, 0, false};
  if (offset >= limit) return 0;
  if (want > limit - offset) want = limit - offset;
  if (node->id == 0) {
    if (node->kind != kVolumeFolder || offset >= f->root_bytes) return 0;
    run->at = f->root_at + offset;
    run->bytes = want < f->root_bytes - offset ? want : f->root_bytes - offset;
    return 0;
  }
  const char* why = walk(v, (u32)node->id, (u32)(offset / f->cluster_bytes), &cluster);
  if (why != 0) return why;
  if (cluster == 0) return node->kind == kVolumeFolder ? 0 : kChain;
  const u64 in = offset % f->cluster_bytes;
  u64 bytes = f->cluster_bytes - in;
  run->at = f->data_at + (u64)(cluster - kFirstCluster) * f->cluster_bytes + in;
  while (bytes < want) {
    u32 next;
    why = next_cluster(v, cluster, &next);
    if (why != 0) return why;
    if (next != cluster + 1 || !exists(f, next)) break;
    cluster = next;
    bytes += f->cluster_bytes;
  }
  run->bytes = bytes < want ? bytes : want;
  return 0;
}

// ---- Folders -----------------------------------------------------------------------------------

static char printable(u8 c) { return c < 0x80 ? (char)c : '?'; }

/// The name in an entry itself: eight characters and three, filled with spaces.
static void short_name(const u8* e, char* to) {
  // Windows keeps a name that would be all lower case, or an extension, as two bits.
  const bool lower_base = (e[12] & 0x08) != 0, lower_extension = (e[12] & 0x10) != 0;
  u32 base = 8, extension = 3, n = 0;
  while (base != 0 && e[base - 1] == ' ') --base;
  while (extension != 0 && e[8 + extension - 1] == ' ') --extension;
  for (u32 i = 0; i < base; ++i) {
    const char c = printable(i == 0 && e[0] == 0x05 ? kDeleted : e[i]);
    to[n++] = lower_base ? ascii_lower(c) : c;
  }
  if (extension != 0) to[n++] = '.';
  for (u32 i = 0; i < extension; ++i) {
    const char c = printable(e[8 + i]);
    to[n++] = lower_extension ? ascii_lower(c) : c;
  }
  to[n] = 0;
}

static u8 short_name_sum(const u8* e) {
  u8 sum = 0;
  for (u32 i = 0; i < 11; ++i) sum = (u8)((u8)(sum << 7 | sum >> 1) + e[i]);
  return sum;
}

/// The entries of a long name come before the entry they belong to, the last part first.
struct LongName {
  u32 expected;  ///< number of the part that must come next; 0: the name is complete
  u32 units;     ///< 0: there is no long name
  u8 sum;
};

static void long_name_part(struct Fat* f, struct LongName* l, const u8* e) {
  static const u8 kAt[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
  const u32 number = e[0] & 0x3f;
  if ((e[0] & 0x40) != 0) {
    l->expected = number;
    l->units = number * 13;
    l->sum = e[13];
  }
  if (number == 0 || number > kFatLongNameUnits / 13 || number != l->expected || l->sum != e[13]) {
    l->units = 0;
    return;
  }
  l->expected = number - 1;
  for (u32 i = 0; i < 13; ++i) f->long_name[(number - 1) * 13 + i] = le16(e + kAt[i]);
}

static void fill_entry(struct Volume* v, const u8* e, const struct LongName* l,
                       struct VolumeEntry* entry) {
  const struct Fat* const f = &v->fat;
  const bool folder = (e[11] & kAttrFolder) != 0;
  u32 cluster = le16(e + 26);
  if (f->bits == 32) cluster |= (u32)le16(e + 20) << 16;
  short_name(e, entry->short_name);
  // 255 units are the most that the format allows, and that fit.
  if (l->units != 0 && l->expected == 0 && l->sum == short_name_sum(e))
    utf16_to_utf8(f->long_name, l->units < 255 ? l->units : 255, entry->name);
  else
    mem_copy(entry->name, entry->short_name, sizeof entry->short_name);
  entry->node.id = cluster;
  entry->node.size = folder ? 0 : le32(e + 28);
  entry->node.kind = folder ? kVolumeFolder : kVolumeFile;
  entry->node.fold_case = true;
  // ".." of a folder in the root says 0.
  if (folder && cluster == 0) entry->node = v->root;
}

static const char* read_entry(struct Volume* v, struct VolumeCursor* c, u8* e, bool* more) {
  struct VolumeRun run;
  const char* const why = v->ops->map(v, &c->folder, c->offset, kEntryBytes, &run);
  if (why != 0) return why;
  *more = run.bytes == kEntryBytes;
  if (!*more) return 0;
  c->offset += kEntryBytes;
  return cache_read(&v->cache, run.at, kEntryBytes, e);
}

static const char* fat_next(struct Volume* v, struct VolumeCursor* c, struct VolumeEntry* entry,
                            bool* more) {
  struct LongName l = {0, 0, 0};
  for (;;) {
    u8 e[kEntryBytes];
    const char* const why = read_entry(v, c, e, more);
    if (why != 0 || !*more) return why;
    if (e[0] == 0) {
      c->offset = kFolderBytes;
      *more = false;
      return 0;
    }
    if (e[0] != kDeleted && (e[11] & kAttrMask) == kAttrLong) {
      long_name_part(&v->fat, &l, e);
    } else if (e[0] == kDeleted || (e[11] & kAttrLabel) != 0) {
      l.units = 0;
    } else {
      fill_entry(v, e, &l, entry);
      return 0;
    }
  }
}

static void copy_label(struct Volume* v, const u8* from) {
  u32 n = 11;
  while (n != 0 && (from[n - 1] == ' ' || from[n - 1] == 0)) --n;
  for (u32 i = 0; i < n; ++i) v->label[i] = printable(from[i]);
  v->label[n] = 0;
}

/// The label is an entry of the root folder; the boot sector's copy is often old.
static void read_label(struct Volume* v) {
  struct VolumeCursor c = volume_list(&v->root);
  for (u32 i = 0; i < kLabelEntries; ++i) {
    u8 e[kEntryBytes];
    bool more;
    if (read_entry(v, &c, e, &more) != 0 || !more || e[0] == 0) return;
    if (e[0] == kDeleted || (e[11] & (kAttrLabel | kAttrFolder)) != kAttrLabel ||
        (e[11] & kAttrMask) == kAttrLong)
      continue;
    copy_label(v, e);
    return;
  }
}

const char* fat_mount(struct Volume* v, bool* mine) {
  static const struct VolumeOps kOps = {.map = fat_map, .next = fat_next, .load = 0};
  struct Fat* const f = &v->fat;
  u8 b[kSectorBytes];
  *mine = false;
  const char* why = cache_read(&v->cache, 0, sizeof b, b);
  if (why != 0) return why;
  if (!is_boot_sector(b)) return 0;
  *mine = true;
  mem_set(f, 0, sizeof *f);
  why = read_geometry(f, b);
  if (why != 0) return why;
  v->ops = &kOps;
  v->type = f->bits == 12 ? "FAT12" : f->bits == 16 ? "FAT16" : "FAT32";
  v->root = (struct VolumeNode){f->root_cluster, 0, kVolumeFolder, true};
  if (f->bits == 32 && !exists(f, f->root_cluster)) return kChain;
  read_label(v);
  return 0;
}
