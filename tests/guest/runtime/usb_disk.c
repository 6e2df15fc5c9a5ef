// Bulk-Only Transport 1.0 (sections 3, 5 and 6) and the few SCSI commands that a disk needs (SBC-3:
// READ CAPACITY(10), READ(10), WRITE(10); SPC-4: TEST UNIT READY).  One logical unit, 2 TiB at most.
#include "usb_disk.h"

enum {
  kCbwSignature = 0x43425355,
  kCswSignature = 0x53425355,
  kCbwBytes = 31,
  kCswBytes = 13,
  kTestUnitReady = 0x00,
  kReadCapacity = 0x25,
  kRead10 = 0x28,
  kWrite10 = 0x2a,
  kClearFeature = 1,
  kToEndpoint = 2,
  kCswAt = 64,
  kAttempts = 3,
};

#define BULK_US 5000000ul

/// One bulk transfer; a stall is cleared.
static u64 move(struct UsbDisk *s, u32 dci, void *buffer, u32 bytes, u32 *moved) {
  struct XhciRequest r;
  struct UsbDevice *const d = s->device;
  if (!xhci_transfer(d->x, &d->xhci, dci, buffer, bytes, &r)) return kXhciNoRoom;
  const u64 code = xhci_wait(d->x, &r, BULK_US);
  *moved = bytes - r.residue;
  if (code != kXhciStall) return code;
  xhci_recover(d->x, &d->xhci, dci);
  const u16 address = (u16)(dci / 2 | (dci & 1) << 7);
  usb_control(d, (struct UsbSetup){kToEndpoint, kClearFeature, 0, address, 0}, 0);
  return code;
}

static bool over(u64 code) { return code == kXhciSuccess || code == kXhciShortPacket; }

/// A command with `bytes` of data, read or written; false: it did not do all of it.
static bool command(struct UsbDisk *s, const u8 *cdb, u32 cdb_bytes, void *data, u32 bytes,
                    bool in) {
  u8 *const cbw = s->wrapper, *const csw = s->wrapper + kCswAt;
  u32 moved = 0, done = 0;
  for (u32 i = 0; i < kCbwBytes; ++i) cbw[i] = 0;
  *(u32 *)cbw = kCbwSignature;
  *(u32 *)(cbw + 4) = ++s->tag;
  *(u32 *)(cbw + 8) = bytes;
  cbw[12] = in ? 0x80 : 0;
  cbw[14] = (u8)cdb_bytes;
  for (u32 i = 0; i < cdb_bytes; ++i) cbw[15 + i] = cdb[i];
  if (!over(move(s, s->out, cbw, kCbwBytes, &moved))) return false;
  if (bytes != 0) {
    const u64 code = move(s, in ? s->in : s->out, data, bytes, &done);
    if (!over(code) && code != kXhciStall) return false;
  }
  // The status may be behind a stall, once (6.7.2).
  u64 code = move(s, s->in, csw, kCswBytes, &moved);
  if (code == kXhciStall) code = move(s, s->in, csw, kCswBytes, &moved);
  if (!over(code) || moved != kCswBytes || *(u32 *)csw != kCswSignature) return false;
  const u32 residue = *(u32 *)(csw + 8);
  return *(u32 *)(csw + 4) == s->tag && csw[12] == 0 && residue == 0 && done == bytes;
}

const char *disk_open(struct UsbDisk *s, struct UsbDevice *d, u32 interrupter) {
  struct UsbInterface i;
  if (!usb_find_interface(d, kStorageClass, &i)) return "it is no disk";
  *s = (struct UsbDisk){.device = d, .interface = i.number};
  for (u32 n = 0; n < i.count; ++n) {
    if (i.endpoints[n].type == kEpBulkIn) s->in = i.endpoints[n].dci;
    if (i.endpoints[n].type == kEpBulkOut) s->out = i.endpoints[n].dci;
  }
  if (s->in == 0 || s->out == 0) return "it has not both endpoints";
  s->wrapper = arena_take(d->x->memory, 4096, 4096);
  if (s->wrapper == 0) return "there is no room for its wrappers";
  const char *const why = usb_configure(d, &i, interrupter);
  if (why != 0) return why;
  u8 cdb[10] = {kTestUnitReady};
  // The first ones may only tell of the reset (Unit Attention).
  for (int n = 0; !command(s, cdb, 6, 0, 0, false); ++n)
    if (n == kAttempts) return "it does not get ready";
  cdb[0] = kReadCapacity;
  u8 *const capacity = s->wrapper + 2 * kCswAt;
  if (!command(s, cdb, 10, capacity, 8, true)) return "it does not tell its size";
  s->blocks = be32(capacity) + 1ul;
  s->block_bytes = be32(capacity + 4);
  return 0;
}

static bool blocks(struct UsbDisk *s, u8 operation, u32 block, u32 count, void *buffer) {
  u8 cdb[10] = {operation};
  put_be32(cdb + 2, block);
  cdb[7] = (u8)(count >> 8);
  cdb[8] = (u8)count;
  return command(s, cdb, 10, buffer, count * s->block_bytes, operation == kRead10);
}

bool disk_read(struct UsbDisk *s, u32 block, u32 count, void *buffer) {
  return blocks(s, kRead10, block, count, buffer);
}

bool disk_write(struct UsbDisk *s, u32 block, u32 count, void *buffer) {
  return blocks(s, kWrite10, block, count, buffer);
}
