// Where the board's devices are, and whether this machine has them.
#pragma once

#include "firmware/rom/lib/types.h"

struct BoardWindow {
  u64 base, bytes;  ///< 0 bytes: as many as there is RAM
  const char* name;
  u32 intid;  ///< of its first interrupt; 0: none
  u32 probe;  ///< the offset of a register whose reading does nothing
  bool byte;  ///< it is to be read as a byte
};

extern const struct BoardWindow board_map[];
extern const u32 board_map_count;

u64 board_map_bytes(const struct BoardWindow* w);
/// Whether anything answers there.
bool board_map_present(const struct BoardWindow* w);
