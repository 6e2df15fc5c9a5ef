// The configuration block: what the machine says of itself (docs/platform.md; hw/vmapple/cfg.h writes
// it).
#pragma once

#include "firmware/rom/lib/types.h"

enum { kCfgVersion = 2, kCfgText = 32 };

struct Cfg {
  u32 version, cpus, unknown1[4];
  u64 ecid, ram_bytes;
  u32 run_installer1, unknown2[2], run_installer2, random, unknown3;
  u8 mac_en0[8], mac_en1[8], mac_wifi0[8], mac_bt0[8];
  u8 reserved[0xa0];
  u32 cpu_ids[128];
  u8 scratch[0x200];
  char serial[kCfgText], unknown4[kCfgText], model[kCfgText], unknown5[kCfgText];
  u32 unknown6;
  char soc_name[kCfgText];
};
_Static_assert(__builtin_offsetof(struct Cfg, cpu_ids) == 0x100, "layout");
_Static_assert(__builtin_offsetof(struct Cfg, serial) == 0x500, "layout");
_Static_assert(__builtin_offsetof(struct Cfg, soc_name) == 0x584, "layout");

#define CFG ((const struct Cfg*)0x00400000ul)
