#include "firmware/rom/hand_over.h"

#include "firmware/rom/drivers/cfg.h"
#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/lib/memory.h"

#define MOST_TREE_BYTES 0x100000ul

static u64 be64(const u8* p) { return (u64)be32(p) << 32 | be32(p + 4); }

/// A property of two cells for an address and two for a size.
static bool range(const struct HandOver* h, const char* path, u64* start, u64* bytes) {
  u32 length = 0;
  const u8* const reg = fdt_value(&h->tree, path, "reg", &length);
  if (reg == 0 || length < 16) return false;
  *start = be64(reg);
  *bytes = be64(reg + 8);
  return true;
}

void hand_over_read(struct HandOver* h, u64 tree, u64 kernel) {
  const u64 ram_end = RAM_BASE + CFG->ram_bytes;
  *h = (struct HandOver){
      .tree_at = tree, .kernel = kernel, .ram_start = RAM_BASE, .ram_end = ram_end, .delay_ms = -1};
  if (tree == 0) return;
  if (tree < RAM_BASE || tree >= ram_end || tree % 8 != 0) {
    h->trouble = "the device tree is not in memory";
    return;
  }
  const u64 room = ram_end - tree < MOST_TREE_BYTES ? ram_end - tree : MOST_TREE_BYTES;
  h->trouble = fdt_open(&h->tree, (const void*)tree, room);
  if (h->trouble != 0) return;
  h->has_tree = true;
  u64 start = 0, bytes = 0;
  if (range(h, "/memory", &start, &bytes) && start == RAM_BASE && bytes <= CFG->ram_bytes)
    h->ram_end = start + bytes;
  u32 length = 0;
  h->menu = fdt_value(&h->tree, "/chosen", "quince,boot-menu", &length) != 0;
  const u8* const delay = fdt_value(&h->tree, "/chosen", "quince,boot-delay-ms", &length);
  if (delay != 0 && length == 4) h->delay_ms = be32(delay);
}

void hand_over_keep(struct HandOver* h, struct Arena* memory) {
  if (!h->has_tree) return;
  void* const copy = arena_take(memory, h->tree.bytes, 8);
  if (copy == 0) {
    h->has_tree = false;
    h->trouble = "there is no room for the device tree";
    return;
  }
  mem_copy(copy, h->tree.tree, h->tree.bytes);
  h->trouble = fdt_open(&h->tree, copy, h->tree.bytes);
  h->has_tree = h->trouble == 0;
}

void hand_over_display(const struct HandOver* h, const struct Framebuffer* shown) {
  u64 start = 0, bytes = 0;
  if (!h->has_tree || !range(h, "/chosen/framebuffer", &start, &bytes)) start = 0;
  if (start != shown->start) framebuffer_move(start);
}
