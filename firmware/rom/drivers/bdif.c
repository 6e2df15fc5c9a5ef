// The request block is known from QEMU's model (docs/platform.md): three descriptors, of where on the
// disk, of the data, and of the status byte.  What their flags mean beyond reading and writing is not known;
// those of the first and the last look like a virtqueue's.
#include "firmware/rom/drivers/bdif.h"

#include "firmware/rom/lib/cpu.h"

struct Descriptor {
  u64 address;
  u32 bytes, flags;
};
struct Request {
  struct Descriptor where, data, status;
};
struct Where {
  u32 unused[2];
  u64 sector;
};

#define MAX_BYTES (128ul << 20)

u64 bdif_sectors(u32 device) { return *(volatile u64*)BDIF_REGISTER(device, kBdifCapacity); }

u8 bdif_request(u32 device, u64 sector, u64 buffer, u32 bytes, u32 flags) {
  volatile u8 status = kBdifNoStatus;
  const struct Where where = {.sector = sector};
  const struct Request request = {
      .where = {(u64)&where, sizeof where, 0x10001},
      .data = {buffer, bytes, flags},
      .status = {(u64)&status, 1, 0x20002},
  };
  // The compiler sees none of these read.
  asm volatile("" ::"r"(&where), "r"(&request) : "memory");
  DSB();
  put64(BDIF_REGISTER(device, kBdifCmd), (u64)&request);
  DSB();
  return status;
}

static const char* transfer(u32 device, u64 sector, u64 buffer, u64 bytes, u32 flags) {
  const u64 sectors = bdif_sectors(device);
  if (sectors == 0) return "there is no such disk";
  if (sector > sectors || bytes > (sectors - sector) * kBdifSector)
    return "that is behind the disk's end";
  while (bytes != 0) {
    const u64 part = bytes < MAX_BYTES ? bytes : MAX_BYTES;
    const u8 status = bdif_request(device, sector, buffer, (u32)part, flags);
    if (status == kBdifNoStatus) return "the disk does not answer";
    if (status != kBdifDone)
      return flags == kBdifRead ? "the disk cannot be read" : "the disk cannot be written";
    buffer += part;
    bytes -= part;
    sector += part / kBdifSector;
  }
  return 0;
}

const char* bdif_read(u32 device, u64 sector, void* to, u64 bytes) {
  return transfer(device, sector, (u64)to, bytes, kBdifRead);
}

const char* bdif_write(u32 device, u64 sector, const void* from, u64 bytes) {
  return transfer(device, sector, (u64)from, bytes, kBdifWrite);
}
