// The picture before any driver: the pre-boot display registers of the platform's GPU (docs/platform.md;
// hw/vmapple/gpu.h has the registers).
#pragma once

#include "firmware/rom/lib/types.h"

/// Pixels of 32 bits in memory, 0x00RRGGBB.
struct Framebuffer {
  u64 start;          ///< physical address; rows and start are at multiples of 8 bytes
  u32 width, height;  ///< pixels
  u32 stride;         ///< bytes from a row to the next
  u64 bytes;          ///< of memory that is its own, from `start` on
};

/// The display's framebuffer: the one that is set up, or else one at the top of the RAM from `ram` to
/// `ram_end`, of which it takes at most a quarter, at a boundary of 64 KiB.  False: there is no display, or
/// no room.
bool framebuffer_find(struct Framebuffer* f, u64 ram, u64 ram_end);

/// Has the display show memory from `start` on, or nothing (0).  Where there is a display.
void framebuffer_move(u64 start);
