// What the emulator hands over to the ROM that is its own, and where RAM is.
#pragma once

#include "firmware/rom/boot/fdt.h"
#include "firmware/rom/drivers/framebuffer.h"
#include "firmware/rom/lib/arena.h"

struct HandOver {
  struct Fdt tree;  ///< of this machine, where has_tree
  u64 tree_at;      ///< its address as it was handed over; the ROM works with a copy
  bool has_tree;
  const char* trouble;     ///< what is wrong with it, or null
  u64 kernel;              ///< the start of the kernel of -kernel; 0: none
  u64 ram_start, ram_end;  ///< what a kernel may use
  bool menu;               ///< -boot menu=on
  s64 delay_ms;            ///< -boot splash-time=; -1: not said
};

/// Reads the tree at `tree`, 0 where there is none.
void hand_over_read(struct HandOver* h, u64 tree, u64 kernel);
/// Moves the tree into `memory`, before anything is loaded where it is.
void hand_over_keep(struct HandOver* h, struct Arena* memory);
/// Has the display show what the tree says to a kernel, or nothing.
void hand_over_display(const struct HandOver* h, const struct Framebuffer* shown);
