#include "firmware/rom/menu/start.h"

#include "firmware/rom/drivers/bdif.h"
#include "firmware/rom/drivers/wait.h"
#include "firmware/rom/lib/memory.h"
#include "firmware/rom/start/mmu.h"

/// Where nobody says how long the menu waits.
enum { kUsualDelayMs = 1000 };
/// The name of the kernel of -kernel among choices.
static const char kKernelName[] = "kernel";

void enter_kernel(u64 pc, u64 x0);

// ---- Disks -------------------------------------------------------------------------------------

static bool read_root(void* owner, u64 sector, u32 count, void* to) {
  (void)owner;
  return bdif_read(kBdifRoot, sector, to, (u64)count * kBdifSector) == 0;
}

static bool read_aux(u64 sector, void* to) {
  return bdif_read(kBdifAux, sector, to, kBdifSector) == 0;
}

static bool write_aux(u64 sector, const void* from) {
  return bdif_write(kBdifAux, sector, from, kBdifSector) == 0;
}

static struct ChoiceStorage storage(void) {
  return (struct ChoiceStorage){read_aux, write_aux, bdif_sectors(kBdifAux)};
}

// ---- Starting ----------------------------------------------------------------------------------

/// Leaves the ROM.  What the kernel reads first must be in memory by then: `start` to `end`.
static void leave(struct Starter* s, u64 pc, u64 device_tree, u64 start, u64 end) {
  if (s->display != 0) hand_over_display(s->hand_over, s->display);
  console_rest(s->console);
  keys_close(s->keys);
  wait_stop();
  mmu_off(start, end - start);
  enter_kernel(pc, device_tree);
}

static void say_progress(void* of, const char* path, u64 bytes) {
  const struct Starter* const s = of;
  console_print(s->console, "%s  %lu KiB\n", path, (bytes + 1023) >> 10);
}

static int start_linux(struct Starter* s, const struct Bootable* b) {
  struct LinuxStart start;
  // The ROM's own structures are above, and so is the room for work.
  const struct LinuxMemory memory = {s->hand_over->ram_start, s->hand_over->ram_end, *s->memory};
  console_print(s->console, "%s\n", b->entry->title);
  const char* const why = linux_load(b, s->hand_over->has_tree ? &s->hand_over->tree : 0, memory,
                                     say_progress, s, &start);
  if (why != 0) {
    console_write(s->console, kOnBoth, kStyleBad, "It cannot be started: %s\n", why);
    return kMenuPause;
  }
  leave(s, start.pc, start.device_tree, start.start, start.end);
  return kMenuLeave;
}

static int act(void* of) {
  const struct StartItem* const item = of;
  struct Starter* const s = item->of;
  if (item->bootable != 0) return start_linux(s, item->bootable);
  console_print(s->console, "The kernel of -kernel, at 0x%lx\n", s->hand_over->kernel);
  leave(s, s->hand_over->kernel, s->hand_over->tree_at, s->hand_over->tree_at,
        s->hand_over->tree_at);
  return kMenuLeave;
}

// ---- The menu's items --------------------------------------------------------------------------

static const char* item_name(const struct Starter* s, u32 item) {
  const struct Bootable* const b = s->items[item].bootable;
  return b != 0 ? b->name : kKernelName;
}

static void add(struct Starter* s, struct MenuItem* items, const struct Bootable* b,
                const char* label, const char* note) {
  s->items[s->count] = (struct StartItem){s, b};
  items[s->count] = (struct MenuItem){label, note, act, &s->items[s->count]};
  ++s->count;
}

s32 starter_open(struct Starter* s, struct MenuItem* items, u32* count) {
  const struct BlockSource root = {read_root, 0, bdif_sectors(kBdifRoot)};
  const struct ChoiceStorage aux = storage();
  disk_look(&s->disk, root, s->memory);
  choice_load(&aux, s->kept);
  s->count = 0;
  if (s->hand_over->kernel != 0) add(s, items, 0, "The kernel of -kernel", "in memory");
  const u32 first = s->count;
  for (u32 i = 0; i < s->disk.found.count; ++i) {
    const struct Bootable* const b = &s->disk.found.at[i];
    add(s, items, b, b->entry->title, b->volume->label);
  }
  *count = s->count;
  if (s->count == 0) return -1;
  for (u32 i = 0; i < s->count; ++i)
    if (s->kept[0] != 0 && str_equal(s->kept, item_name(s, i))) return (s32)i;
  // A kernel that was given is what its giver wants.
  return first != 0 ? 0 : (s32)(first + s->disk.usual);
}

const char* starter_keep(void* of, u32 item) {
  struct Starter* const s = of;
  const struct ChoiceStorage aux = storage();
  if (item >= s->count) return "only what starts a system can be the default";
  const char* const name = item_name(s, item);
  const char* const why = choice_save(&aux, name);
  if (why == 0) mem_copy(s->kept, name, str_length(name) + 1);
  return why;
}

s64 starter_delay(const struct Starter* s) {
  const struct HandOver* const h = s->hand_over;
  if (h->delay_ms >= 0) return h->delay_ms;
  if (h->menu) return -1;
  if (s->disk.prompt && s->disk.timeout != kTimeoutNotSaid)
    return s->disk.timeout == 0 ? -1 : (s64)s->disk.timeout * 100;
  return kUsualDelayMs;
}
