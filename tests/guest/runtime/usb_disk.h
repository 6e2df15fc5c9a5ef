// A USB disk over Bulk-Only Transport.
#pragma once

#include "firmware/rom/drivers/usb.h"

enum { kStorageClass = 0x080650 };

struct UsbDisk {
  struct UsbDevice *device;
  u32 interface, in, out;
  u8 *wrapper;
  u32 tag;
  u32 block_bytes;
  u64 blocks;
};
const char *disk_open(struct UsbDisk *s, struct UsbDevice *d, u32 interrupter);
bool disk_read(struct UsbDisk *s, u32 block, u32 count, void *buffer);
bool disk_write(struct UsbDisk *s, u32 block, u32 count, void *buffer);
