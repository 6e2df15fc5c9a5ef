#include "firmware/rom/boot/disk.h"

#include "firmware/rom/lib/format.h"
#include "firmware/rom/lib/memory.h"

enum { kNameBytes = 128 };

/// "PARTITION/ID", in the arena; null: there is no room.
static const char* name_of(u32 partition, const char* id, struct Arena* memory) {
  char text[kNameBytes];
  const u64 length = format_text(text, sizeof text, "%u/%s", partition, id);
  char* const name = arena_take(memory, length + 1, 8);
  if (name != 0) mem_copy(name, text, length + 1);
  return name;
}

static const char* add(struct BootDisk* d, const struct BootEntries* entries, struct Volume* v,
                       u32 partition, struct Arena* memory) {
  const u32 first = d->found.count;
  for (u32 i = 0; i < entries->count; ++i) {
    if (d->found.count == kMaxBootables) return "there are more entries than the menu has room for";
    const char* const name = name_of(partition, entries->list[i].id, memory);
    if (name == 0) return "there is no room for the disk's entries";
    d->found.at[d->found.count++] = (struct Bootable){&entries->list[i], v, name};
  }
  if (first != 0 || entries->count == 0) return 0;
  // The first partition with entries decides.
  d->usual = entries->default_entry < entries->count ? entries->default_entry : 0;
  d->timeout = entries->timeout;
  d->prompt = entries->prompt;
  return 0;
}

/// One partition; null where nothing was left out.
static const char* look_at(struct BootDisk* d, const struct Partition* p, struct Arena* memory) {
  const struct Arena before = *memory;
  struct Volume* const v = arena_take(memory, sizeof *v, 64);
  struct BootEntries* const entries = arena_take(memory, sizeof *entries, 8);
  if (v == 0 || entries == 0) {
    *memory = before;
    return "there is no room for the disk's entries";
  }
  const char* why = volume_mount(v, &d->source, p->first, p->sectors);
  // No file system that the ROM knows is nothing to talk about.
  if (why != 0) {
    *memory = before;
    return 0;
  }
  why = entries_read(v, memory, entries);
  if (why == 0) why = add(d, entries, v, p->number, memory);
  if (why == 0 && entries->count == 0) {
    why = entries->why_left_out;
    *memory = before;
  }
  return why;
}

void disk_look(struct BootDisk* d, struct BlockSource disk, struct Arena* memory) {
  mem_set(d, 0, sizeof *d);
  d->source = disk;
  d->timeout = kTimeoutNotSaid;
  if (disk.sectors == 0) return;
  d->trouble = partitions_read(&d->source, &d->table);
  if (d->trouble != 0) return;
  u32 volumes = 0;
  for (u32 i = 0; i < d->table.count && volumes < kMaxVolumes; ++i) {
    const u32 before = d->found.count;
    const char* const why = look_at(d, &d->table.partitions[i], memory);
    if (why != 0) d->trouble = why;
    volumes += d->found.count != before;
  }
}
