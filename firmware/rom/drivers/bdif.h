// The backdoor block interface (docs/platform.md): disks of which the hypervisor reads and writes sectors by
// itself.  A request is over when the write that starts it is.
#pragma once

#include "firmware/rom/lib/types.h"

#define BDIF_BASE 0x30000000ul
enum { kBdifRoot = 0x00, kBdifAux = 0x01, kBdifUsb = 0x10, kBdifSector = 512 };
/// Registers, from BDIF_BASE + (device << 16) on.
enum {
  kBdifStatus = 0x000,
  kBdifCfg = 0x004,
  kBdifBusy = 0x010,
  kBdifCmd = 0x408,
  kBdifCapacity = 0x420,
};
#define BDIF_REGISTER(device, reg) (BDIF_BASE + ((u64)(device) << 16) + (reg))

/// Sectors of a disk, each of kBdifSector bytes; 0: there is none.
u64 bdif_sectors(u32 device);
/// Bytes from the beginning of `sector` on, as many as one likes: a request has 128 MiB, and there are as
/// many as it takes.  Null, or why it cannot be.
const char* bdif_read(u32 device, u64 sector, void* to, u64 bytes);
/// The same the other way.  What it returns for is on the medium, not in a cache.
const char* bdif_write(u32 device, u64 sector, const void* from, u64 bytes);

/// Of a request's data descriptor.
enum { kBdifRead = 0x00030001, kBdifWrite = 0x00010001 };
/// One request, whatever it asks for: its status byte, or kBdifNoStatus when none was written.
enum { kBdifDone = 0, kBdifFailed = 1, kBdifNoStatus = 0xee };
u8 bdif_request(u32 device, u64 sector, u64 buffer, u32 bytes, u32 flags);
