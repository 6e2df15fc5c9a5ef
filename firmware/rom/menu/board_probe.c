#include "firmware/rom/drivers/cfg.h"
#include "firmware/rom/lib/attempt.h"
#include "firmware/rom/menu/board_map.h"

u64 board_map_bytes(const struct BoardWindow* w) {
  return w->bytes != 0 ? w->bytes : CFG->ram_bytes;
}

bool board_map_present(const struct BoardWindow* w) {
  u32 word;
  u8 byte;
  return w->byte ? attempt_get8(w->base + w->probe, &byte) : attempt_get32(w->base + w->probe, &word);
}
