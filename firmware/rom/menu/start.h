// What the menu starts: kernels from the disk, and the one that is in memory.
#pragma once

#include "firmware/rom/boot/choice.h"
#include "firmware/rom/boot/disk.h"
#include "firmware/rom/boot/linux.h"
#include "firmware/rom/hand_over.h"
#include "firmware/rom/menu/menu.h"

/// What of the machine a start needs, and the menu's items.
struct Starter {
  struct Console* console;
  struct Keys* keys;
  struct Arena* memory;
  struct HandOver* hand_over;
  const struct Framebuffer* display;  ///< or null
  struct BootDisk disk;
  char kept[kChoiceName];  ///< the default that a person chose; empty: none
  struct StartItem {
    struct Starter* of;
    const struct Bootable* bootable;  ///< null: the kernel of -kernel
  } items[kMaxBootables + 1];
  u32 count;
};

/// Looks at the disk, and adds an item for everything that can be started; returns which of them starts by
/// itself, or -1.
s32 starter_open(struct Starter* s, struct MenuItem* items, u32* count);
/// Keeps an item as the default (Menu::keep).
const char* starter_keep(void* of, u32 item);
/// How long the menu waits before it starts the default: milliseconds, or -1 for ever.
s64 starter_delay(const struct Starter* s);
