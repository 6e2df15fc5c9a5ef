#include "firmware/rom/storage/partitions.h"

#include "firmware/rom/lib/crc32.h"
#include "firmware/rom/lib/memory.h"
#include "firmware/rom/lib/utf.h"

enum {
  // The master boot record.
  kMbrEntries = 446,
  kMbrEntryBytes = 16,
  kMbrSignature = 510,
  kTypeExtended = 0x05,
  kTypeExtendedLba = 0x0f,
  kTypeExtendedLinux = 0x85,
  kTypeProtective = 0xee,
  kTypeEsp = 0xef,
  kFirstLogical = 5,
  // The header of GPT.
  kGptHeaderBytes = 92,
  kGptEntryBytes = 128,
  kGptMaxTableBytes = 1 << 20,
};

struct MbrEntry {
  u8 status, type;
  u32 first, sectors;
};

static struct MbrEntry mbr_entry(const u8* sector, u32 n) {
  const u8* const e = sector + kMbrEntries + n * kMbrEntryBytes;
  return (struct MbrEntry){e[0], e[4], le32(e + 8), le32(e + 12)};
}

static bool has_signature(const u8* sector) { return le16(sector + kMbrSignature) == 0xaa55; }

static bool is_extended(u8 type) {
  return type == kTypeExtended || type == kTypeExtendedLba || type == kTypeExtendedLinux;
}

/// Room for one more partition; 0: there is none, or it is not on the disk.
static struct Partition* add(const struct BlockSource* disk, struct PartitionTable* t, u64 first,
                             u64 sectors) {
  if (sectors == 0 || first >= disk->sectors) return 0;
  if (t->count == kMaxPartitions) {
    t->more = true;
    return 0;
  }
  struct Partition* const p = &t->partitions[t->count++];
  mem_set(p, 0, sizeof *p);
  p->first = first;
  p->sectors = sectors < disk->sectors - first ? sectors : disk->sectors - first;
  return p;
}

static void add_mbr(const struct BlockSource* disk, struct PartitionTable* t, u32 number, u64 first,
                    const struct MbrEntry* e) {
  struct Partition* const p = add(disk, t, first, e->sectors);
  if (p == 0) return;
  p->number = number;
  p->mbr_type = e->type;
  p->is_esp = e->type == kTypeEsp;
}

/// Logical partitions: a chain of records, each with a partition relative to itself and a link
/// relative to the extended partition.  A chain that is damaged ends there.
static void read_logical(const struct BlockSource* disk, struct PartitionTable* t, u64 extended,
                         u32* number) {
  u64 at = extended;
  for (u32 hops = 0; hops < kMaxPartitions; ++hops) {
    if (block_read(disk, at, 1, t->sector) != 0 || !has_signature(t->sector)) return;
    u64 next = 0;
    for (u32 n = 0; n < 4; ++n) {
      const struct MbrEntry e = mbr_entry(t->sector, n);
      if (e.type == 0 || e.sectors == 0) continue;
      if (is_extended(e.type)) {
        if (next == 0) next = extended + e.first;
      } else if (n < 2) {
        add_mbr(disk, t, (*number)++, at + e.first, &e);
      }
    }
    if (next <= extended) return;
    at = next;
  }
}

static void read_mbr(const struct BlockSource* disk, struct PartitionTable* t) {
  struct MbrEntry entries[4];
  u32 logical = kFirstLogical;
  t->scheme = kSchemeMbr;
  for (u32 n = 0; n < 4; ++n) entries[n] = mbr_entry(t->sector, n);
  for (u32 n = 0; n < 4; ++n)
    if (entries[n].type != 0 && !is_extended(entries[n].type))
      add_mbr(disk, t, n + 1, entries[n].first, &entries[n]);
  for (u32 n = 0; n < 4; ++n)
    if (is_extended(entries[n].type) && entries[n].sectors != 0)
      read_logical(disk, t, entries[n].first, &logical);
}

/// Whether sector 0 has a table, and not the first sector of a file system, which may end with the
/// same signature.
static bool is_mbr(const u8* sector) {
  if (!has_signature(sector)) return false;
  bool any = false;
  for (u32 n = 0; n < 4; ++n) {
    const struct MbrEntry e = mbr_entry(sector, n);
    if ((e.status & 0x7f) != 0) return false;
    if (e.type == 0) continue;
    if (e.first == 0) return false;  // mkfs.fat writes an entry that is the whole disk
    any = true;
  }
  return any;
}

static bool is_protective(const u8* sector) {
  if (!has_signature(sector)) return false;
  for (u32 n = 0; n < 4; ++n)
    if (mbr_entry(sector, n).type == kTypeProtective) return true;
  return false;
}

static const u8 kEspType[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

static void add_gpt(const struct BlockSource* disk, struct PartitionTable* t, u32 number,
                    const u8* e) {
  static const u8 kUnused[16] = {0};
  const u64 first = le64(e + 32), last = le64(e + 40);
  if (mem_equal(e, kUnused, 16) || last < first || last == ~(u64)0) return;
  struct Partition* const p = add(disk, t, first, last - first + 1);
  if (p == 0) return;
  p->number = number;
  mem_copy(p->type, e, 16);
  mem_copy(p->guid, e + 16, 16);
  p->is_esp = mem_equal(e, kEspType, 16);
  u16 name[36];
  for (u32 i = 0; i < 36; ++i) name[i] = le16(e + 56 + 2 * i);
  utf16_to_utf8(name, 36, p->name);
}

/// The table whose header is at `lba`; false: it is damaged, or is none.
static bool read_gpt(const struct BlockSource* disk, struct PartitionTable* t, u64 lba) {
  u8* const h = t->sector;
  t->count = 0;
  t->more = false;
  if (block_read(disk, lba, 1, h) != 0 || !mem_equal(h, "EFI PART", 8)) return false;
  const u32 header = le32(h + 12), stored = le32(h + 16);
  if (header < kGptHeaderBytes || header > kSectorBytes || le64(h + 24) != lba) return false;
  mem_set(h + 16, 0, 4);
  if (crc_update(0, h, header) != stored) return false;
  const u64 table = le64(h + 72);
  const u32 entries = le32(h + 80), entry = le32(h + 84), table_crc = le32(h + 88);
  if (!is_power_of_two(entry) || entry < kGptEntryBytes || entry > kGptMaxTableBytes) return false;
  if (entries > kGptMaxTableBytes / entry) return false;
  const u32 bytes = entries * entry;
  u32 crc = 0;
  for (u32 at = 0; at < bytes; at += kSectorBytes) {
    if (table > disk->sectors || block_read(disk, table + at / kSectorBytes, 1, t->sector) != 0)
      return false;
    const u32 here = bytes - at < kSectorBytes ? bytes - at : kSectorBytes;
    crc = crc_update(crc, t->sector, here);
    for (u32 in = 0; in < here; in += kGptEntryBytes)
      if ((at + in) % entry == 0) add_gpt(disk, t, (at + in) / entry + 1, t->sector + in);
  }
  return crc == table_crc;
}

const char* partitions_read(const struct BlockSource* disk, struct PartitionTable* t) {
  t->scheme = kSchemeNone;
  t->count = 0;
  t->more = false;
  const char* const why = block_read(disk, 0, 1, t->sector);
  if (why != 0) return why;
  if (is_protective(t->sector)) {
    t->scheme = kSchemeGpt;
    if (read_gpt(disk, t, 1)) return 0;
    t->scheme = kSchemeGptBackup;
    if (read_gpt(disk, t, disk->sectors - 1)) return 0;
    t->count = 0;
    return "the disk's partition table (GPT) and its backup are damaged";
  }
  if (is_mbr(t->sector))
    read_mbr(disk, t);
  else
    add(disk, t, 0, disk->sectors);
  return 0;
}
