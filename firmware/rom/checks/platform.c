// Devices that only this platform has (docs/platform.md): the backdoor to the disks, the display's registers before
// a driver, the clock.
#include "firmware/rom/checks/check.h"
#include "firmware/rom/drivers/bdif.h"
#include "firmware/rom/drivers/gic.h"

// ---- bdif --------------------------------------------------------------------------------------

static u32 bdif_register(u32 device, u32 reg) { return get32(BDIF_REGISTER(device, reg)); }

/// The size is right when the last sector can be read and the one behind it cannot.
static const char* bdif_disk(u32 device, u8* buffer) {
  const u64 sectors = bdif_sectors(device);
  if (sectors == 0) return 0;
  const u64 places[] = {0, sectors - 1};
  for (u32 i = 0; i < 2; ++i) {
    const u8 status = bdif_request(device, places[i], (u64)buffer, kBdifSector, kBdifRead);
    WANT_THAT(status == kBdifDone, "disk %u: the status of a read of sector %lu is 0x%x, not 0",
              device, places[i], status);
  }
  const u8 behind = bdif_request(device, sectors, (u64)buffer, kBdifSector, kBdifRead);
  const u8 neither = bdif_request(device, 0, (u64)buffer, kBdifSector, 0x20001);
  WANT_THAT(behind == kBdifFailed,
            "disk %u: reading behind its %lu sectors has the status 0x%x, not 1", device, sectors,
            behind);
  WANT_THAT(neither == kBdifFailed,
            "disk %u: a request that neither reads nor writes has the status 0x%x, not 1", device,
            neither);
  return 0;
}

/// It only reads: the disks are somebody's.
const char* check_bdif(struct CheckContext* c) {
  for (u32 device = kBdifRoot; device <= kBdifAux; ++device) {
    WANT("STATUS", bdif_register(device, kBdifStatus), 1);
    WANT("CFG of a disk", bdif_register(device, kBdifCfg), 2);
    WANT("BUSY of a disk", bdif_register(device, kBdifBusy), 1);
  }
  WANT("CFG of the USB port", bdif_register(kBdifUsb, kBdifCfg), 0x1a01);
  WANT("BUSY of the USB port", bdif_register(kBdifUsb, kBdifBusy), 0);
  WANT("a register that is none", bdif_register(kBdifRoot, 0x700), ~0u);
  u8* const buffer = TAKE(c, kBdifSector, 64);
  enum { kNoDisk = 7 };
  WANT("sectors of a disk that is none", bdif_sectors(kNoDisk), 0);
  WANT("the status of a disk that is none",
       bdif_request(kNoDisk, 0, (u64)buffer, kBdifSector, kBdifRead), kBdifNoStatus);
  CHECK(bdif_disk(kBdifRoot, buffer));
  return bdif_disk(kBdifAux, buffer);
}

// ---- gpu ---------------------------------------------------------------------------------------

#define GPU_BASE 0x30200000ul
enum {
  kFifoRead = 0x100c,
  kIntrStatusDisp = 0x1014,
  kFifoBasePage = 0x1030,
  kVersion = 0x1034,
  kModeCount = 0x1204,
  kModeSize = 0x120c,
  kFbStart = 0x1210,
  kDisplayIrq = 0x1220,
  kStrideAlign = 0x1224,
  kFbStride = 0x1228,
  kDisplayPorts = 0x122c,
  kBuiltinConnected = 0x1234,
  kGpuIntid = 49,
};
static u64 get64(u64 at) { return *(volatile u64*)at; }

static const char* gpu_mode(void) {
  WANT("MODE_COUNT", get32(GPU_BASE + kModeCount), 1);
  WANT("STRIDE_ALIGN", get32(GPU_BASE + kStrideAlign), 64);
  WANT("DISPLAY_PORTS", get32(GPU_BASE + kDisplayPorts), 1);
  WANT("BUILTIN_CONNECTED", get32(GPU_BASE + kBuiltinConnected), 1);
  const u32 size = get32(GPU_BASE + kModeSize), width = size >> 16, height = size & 0xffff;
  WANT_THAT(width >= 64 && height >= 64, "a mode of %ux%u", width, height);
  const u32 stride = get32(GPU_BASE + kFbStride);
  WANT_THAT(stride == 0 || (stride >= width * 4 && stride % 4 == 0),
            "FB_STRIDE is %u, and the mode %u pixels wide", stride, width);
  const u64 start = get64(GPU_BASE + kFbStart);
  WANT("the low half of FB_START", get32(GPU_BASE + kFbStart), start & ~0u);
  return 0;
}

/// A register of 64 bits, which nothing uses while the FIFO is off.
static const char* gpu_wide(void) {
  const u64 was = get64(GPU_BASE + kFifoBasePage);
  put64(GPU_BASE + kFifoBasePage, 0x123456789abcdef0);
  put32(GPU_BASE + kFifoBasePage, 0x0fedcba9);
  const u64 seen = get64(GPU_BASE + kFifoBasePage);
  put64(GPU_BASE + kFifoBasePage, was);
  WANT("FIFO_BASE_PAGE after a write of its low half", seen, 0x123456780fedcba9);
  return 0;
}

/// Its interrupt is a pulse.
static const char* gpu_interrupt(void) {
  gic_edge(kGpuIntid, true);
  put32(GPU_BASE + kDisplayIrq, 5);
  const bool pending = gic_pending(kGpuIntid);
  gic_set_pending(kGpuIntid, false);
  gic_edge(kGpuIntid, false);
  const u32 status = get32(GPU_BASE + kIntrStatusDisp), again = get32(GPU_BASE + kIntrStatusDisp);
  WANT_THAT(pending, "DISPLAY_IRQ does not pulse INTID 49");
  WANT("INTR_STATUS_DISP", status & 1 << 5, 1 << 5);
  WANT("INTR_STATUS_DISP after it was read", again, 0);
  return 0;
}

const char* check_gpu(struct CheckContext* c) {
  (void)c;
  u32 version;
  if (!attempt_get32(GPU_BASE + kVersion, &version)) return check_absent;
  WANT("VERSION", version, 0);
  WANT("FIFO_READ", get32(GPU_BASE + kFifoRead), 0);
  CHECK(gpu_mode());
  CHECK(gpu_wide());
  return gpu_interrupt();
}

// ---- iosurface ---------------------------------------------------------------------------------

#define IOSURFACE_BASE 0x30210000ul

/// It is inert: PRODUCER and CONSUMER agree, and there is no ring.
const char* check_iosurface(struct CheckContext* c) {
  (void)c;
  u32 value;
  for (u32 offset = 0x1000; offset <= 0x1020; offset += 4) {
    if (!attempt_get32(IOSURFACE_BASE + offset, &value)) return check_absent;
    WANT_THAT(value == 0, "the register at 0x%x is 0x%x, not 0", offset, value);
  }
  return 0;
}

// ---- avp-rtc -----------------------------------------------------------------------------------

#define AVP_RTC_BASE 0x30240000ul
#define RTC_DR 0x20050000ul
enum { kTime = 0x00, kControl = 0x18, kAvpStatus = 0x30, kId = 0x40 };

/// It counts, and it is the PL031's time.
const char* check_avp_rtc(struct CheckContext* c) {
  (void)c;
  u32 id;
  if (!attempt_get32(AVP_RTC_BASE + kId, &id)) return check_absent;
  WANT("ID", id, 0xf001);
  WANT("STATUS", get64(AVP_RTC_BASE + kAvpStatus), 0);
  const u64 control = get64(AVP_RTC_BASE + kControl);
  put64(AVP_RTC_BASE + kControl, control ^ 1);
  const u64 seen = get64(AVP_RTC_BASE + kControl);
  put64(AVP_RTC_BASE + kControl, control);
  WANT("CONTROL", seen, control ^ 1);
  const u64 before = get64(AVP_RTC_BASE + kTime), start = counter();
  u64 after = before;
  while (after < before + 5 && counter() - start < micros(2000))
    after = get64(AVP_RTC_BASE + kTime);
  WANT_THAT(after >= before + 5, "it was %lu, and 2 ms later it is %lu", before, after);
  const u32 seconds = (u32)(after / 1000000), rtc = get32(RTC_DR);
  WANT_THAT(rtc - seconds <= 1, "it is %u seconds, and the PL031 has %u", seconds, rtc);
  return 0;
}
