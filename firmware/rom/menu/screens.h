// What the menu can always do, whatever is on the disks.
#pragma once

#include "firmware/rom/menu/menu.h"

/// What actions work with.
struct Screens {
  struct Console* console;
  struct Keys* keys;
  struct Arena* memory;  ///< what the checks may use; they give it back
};

/// Each is a MenuItem's action, of a Screens.
int screen_checks(void* of);
int screen_memory_map(void* of);
int screen_restart(void* of);
int screen_power_off(void* of);
