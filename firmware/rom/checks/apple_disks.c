// Apple's virtio-blk functions (docs/platform.md; Virtual I/O Device 1.2: 4.1.4 for the registers, 2.7 for
// a split ring, 5.2.6 for requests): the disks of the bdif once more, as the kernel sees them.
#include "firmware/rom/checks/check.h"
#include "firmware/rom/drivers/bdif.h"
#include "firmware/rom/drivers/wait.h"

enum {
  kSlots = 32,
  kAppleDisk = 0x1a00106b,
  kSubsystem = 0x2c,
  kVendorCapability = 9,
  kCommonCfg = 1,
  kNotifyCfg = 2,
  kDeviceCfg = 4,
  kBusMaster = 1 << 2,
  kVariant = 0x3c,  // of the device's configuration
  // The common configuration.
  kDeviceFeatureSelect = 0,
  kDeviceFeature = 4,
  kDriverFeatureSelect = 8,
  kDriverFeature = 12,
  kDeviceStatus = 20,
  kQueueSelect = 22,
  kQueueSize = 24,
  kQueueEnable = 28,
  kQueueNotifyOff = 30,
  kQueueDesc = 32,
  kQueueDriver = 40,
  kQueueDevice = 48,
  // The device's status.
  kAcknowledge = 1,
  kDriver = 2,
  kDriverOk = 4,
  kFeaturesOk = 8,
  kRing = 4,  // descriptors
  kNext = 1,
  kDeviceWrites = 2,
  kNoInterrupt = 1,
  kReadUs = 1000000,
  kStepUs = 100,
};

struct Descriptor {
  u64 address;
  u32 bytes;
  u16 flags, next;
};
/// A ring and one request.
struct Queue {
  struct Descriptor descriptors[kRing];
  struct {
    u16 flags, index, ring[kRing + 1];
  } available;
  struct {
    u16 flags, index;
    struct {
      u32 id, bytes;
    } ring[kRing];
  } used __attribute__((aligned(4)));
  struct {
    u32 type, priority;
    u64 sector;
  } header __attribute__((aligned(8)));
  u8 data[kBdifSector], status;
};

struct AppleDisk {
  struct PciFunction f;
  struct BorrowedBar bar;
  u64 common, notify, device;
  u32 notify_multiplier;
};

/// The structures of the registers, which are all in one BAR.
static const char* find_structures(struct AppleDisk* d) {
  u32 offset[kDeviceCfg + 1] = {0}, found = 0, bar = 0;
  u32 at = get8(d->f.config + kPciCapabilities) & ~3u;
  for (u32 n = 0; at != 0 && n < 48; ++n) {
    const u64 capability = d->f.config + at;
    const u32 type = get8(capability + 3);
    if (get8(capability) == kVendorCapability && type <= kDeviceCfg) {
      found |= 1u << type;
      offset[type] = get32(capability + 8);
      bar = get8(capability + 4);
      if (type == kNotifyCfg) d->notify_multiplier = get32(capability + 16);
    }
    at = get8(capability + 1) & ~3u;
  }
  WANT("the virtio structures of a modern function", found & 0x1e, 0x1e);
  d->bar = borrow_bar(&d->f, bar);
  WANT_THAT(d->bar.at != 0, "BAR %u is no memory", bar);
  d->common = d->bar.at + offset[kCommonCfg];
  d->notify = d->bar.at + offset[kNotifyCfg];
  d->device = d->bar.at + offset[kDeviceCfg];
  return 0;
}

static u64 capacity(const struct AppleDisk* d) {
  return get32(d->device) | (u64)get32(d->device + 4) << 32;
}

// ---- Reading the first sector ------------------------------------------------------------------

static const char* negotiate(const struct AppleDisk* d) {
  put8(d->common + kDeviceStatus, kAcknowledge);
  put8(d->common + kDeviceStatus, kAcknowledge | kDriver);
  put32(d->common + kDeviceFeatureSelect, 1);
  const u32 high = get32(d->common + kDeviceFeature);
  WANT_THAT(high & 1, "VIRTIO_F_VERSION_1 is not offered");
  put32(d->common + kDriverFeatureSelect, 0);
  put32(d->common + kDriverFeature, 0);
  put32(d->common + kDriverFeatureSelect, 1);
  put32(d->common + kDriverFeature, 1);
  put8(d->common + kDeviceStatus, kAcknowledge | kDriver | kFeaturesOk);
  WANT_THAT(get8(d->common + kDeviceStatus) & kFeaturesOk, "FEATURES_OK does not stay");
  return 0;
}

static void put_pair(u64 at, u64 value) {
  put32(at, (u32)value);
  put32(at + 4, (u32)(value >> 32));
}

static const char* read_first(const struct AppleDisk* d, struct Queue* q) {
  CHECK(negotiate(d));
  put16(d->common + kQueueSelect, 0);
  WANT_THAT(get16(d->common + kQueueSize) >= kRing, "queue 0 has %u descriptors",
            get16(d->common + kQueueSize));
  put16(d->common + kQueueSize, kRing);
  put_pair(d->common + kQueueDesc, (u64)q->descriptors);
  put_pair(d->common + kQueueDriver, (u64)&q->available);
  put_pair(d->common + kQueueDevice, (u64)&q->used);
  put16(d->common + kQueueEnable, 1);
  put8(d->common + kDeviceStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
  q->descriptors[0] = (struct Descriptor){(u64)&q->header, sizeof q->header, kNext, 1};
  q->descriptors[1] = (struct Descriptor){(u64)q->data, sizeof q->data, kNext | kDeviceWrites, 2};
  q->descriptors[2] = (struct Descriptor){(u64)&q->status, 1, kDeviceWrites, 0};
  q->status = 0xee;
  q->available.flags = kNoInterrupt;
  q->available.index = 1;  // ring[0], descriptor 0
  DSB();
  put16(d->notify + get16(d->common + kQueueNotifyOff) * (u64)d->notify_multiplier, 0);
  const u64 start = counter();
  while (*(volatile u16*)&q->used.index == 0) {
    WANT_THAT(counter() - start < micros(kReadUs), "reading the first sector does not end");
    wait_until(counter() + micros(kStepUs));
  }
  DSB();
  WANT("the status of reading the first sector", *(volatile u8*)&q->status, 0);
  WANT("bytes written by reading the first sector", *(volatile u32*)&q->used.ring[0].bytes,
       kBdifSector + 1);
  return 0;
}

/// The same first sector as the bdif has.
static const char* compare_first(struct CheckContext* c, const struct AppleDisk* d, u32 bdif) {
  struct Queue* const q = TAKE(c, sizeof *q, 64);
  u8* const other = TAKE(c, kBdifSector, 64);
  const u16 command = get16(d->f.config + kPciCommand);
  put16(d->f.config + kPciCommand, command | kBusMaster);
  const char* const why = read_first(d, q);
  put8(d->common + kDeviceStatus, 0);
  put16(d->f.config + kPciCommand, command);
  CHECK(why);
  CHECK(bdif_read(bdif, 0, other, kBdifSector));
  for (u32 i = 0; i < kBdifSector; ++i)
    WANT_THAT(*(volatile u8*)&q->data[i] == other[i],
              "byte %u of the first sector is 0x%x, and the bdif's 0x%x", i, q->data[i], other[i]);
  return 0;
}

// ---- The check ---------------------------------------------------------------------------------

/// `seen` are the variants so far: only the first of each is the bdif's.
static const char* apple_disk(struct CheckContext* c, const struct AppleDisk* d, u32* seen) {
  WANT("the class", get32(d->f.config + kPciClass) >> 8, 0x010000);
  WANT("the subsystem", get32(d->f.config + kSubsystem), 0x11001af4);
  const u32 variant = get32(d->device + kVariant);
  WANT_THAT(variant == 1 || variant == 2, "the variant is %u, not 1 (root) or 2 (aux)", variant);
  const u32 bdif = variant == 1 ? kBdifRoot : kBdifAux;
  const u64 sectors = bdif_sectors(bdif);
  if ((*seen & 1u << variant) || sectors == 0) return 0;
  *seen |= 1u << variant;
  WANT_THAT(capacity(d) == sectors, "%lu sectors, and the bdif has %lu", capacity(d), sectors);
  // Somebody's driver has it: it is not for a check.
  if (get8(d->common + kDeviceStatus) != 0) return 0;
  return compare_first(c, d, bdif);
}

const char* check_apple_disks(struct CheckContext* c) {
  u32 seen = 0;
  bool any = false;
  for (u32 slot = 0; slot < kSlots; ++slot) {
    struct AppleDisk d = {.f = {slot, PCI_ECAM + (u64)slot * 0x8000}};
    if (get32(d.f.config) != kAppleDisk) continue;
    any = true;
    const char* why = find_structures(&d);
    if (why == 0) why = apple_disk(c, &d, &seen);
    give_bar_back(&d.bar);
    CHECK(why);
  }
  return any ? 0 : check_absent;
}
