// There is no public manual: hw/vmapple/gpu.h says where these registers are known from.  The first mode
// of the first display is used as it is.  Missing on purpose: choosing a mode, the other displays, the
// interrupt, everything behind the pre-boot registers.
#include "firmware/rom/drivers/framebuffer.h"

#include "firmware/rom/lib/cpu.h"
#include "firmware/rom/lib/attempt.h"

#define GPU_BASE 0x30200000ul

enum {
  kModeCount = 0x1204,
  kModeSize = 0x120c,
  kFbStart = 0x1210,
  kFbLength = 0x1214,
  kFbDepth = 0x1218,
  kStrideAlign = 0x1224,
  kFbStride = 0x1228,
  kPixel = 4,
  kLeastSide = 64,  // smaller than this is no picture
  kPlace = 0x10000,
};

static bool read_mode(struct Framebuffer* f) {
  u32 modes;
  if (!attempt_get32(GPU_BASE + kModeCount, &modes) || modes == 0) return false;
  const u32 size = get32(GPU_BASE + kModeSize);
  f->width = size >> 16;
  f->height = size & 0xffff;
  return f->width >= kLeastSide && f->height >= kLeastSide;
}

/// What somebody has set up already.
static bool use_present(struct Framebuffer* f, u64 ram, u64 ram_end) {
  f->start = *(volatile u64*)(GPU_BASE + kFbStart);
  f->stride = get32(GPU_BASE + kFbStride);
  if (f->stride == 0) f->stride = f->width * kPixel;
  f->bytes = (u64)f->stride * f->height;
  return f->start >= ram && f->start < ram_end && f->bytes <= ram_end - f->start &&
         f->start % 8 == 0 && f->stride % 8 == 0 && f->stride >= f->width * kPixel;
}

static bool set_up(struct Framebuffer* f, u64 ram, u64 ram_end) {
  u32 align = get32(GPU_BASE + kStrideAlign);
  if (align < 8 || (align & (align - 1)) != 0 || align > kPlace) align = 64;
  f->stride = (f->width * kPixel + align - 1) & ~(align - 1);
  f->bytes = (u64)f->stride * f->height;
  if (f->bytes > (ram_end - ram) / 4) return false;
  f->start = (ram_end - f->bytes) & ~(kPlace - 1ul);
  put32(GPU_BASE + kFbStride, f->stride);
  put32(GPU_BASE + kFbLength, (u32)f->bytes);
  put32(GPU_BASE + kFbDepth, 32);
  // One access of 64 bits: halves would show a wrong place for a moment.
  put64(GPU_BASE + kFbStart, f->start);
  return true;
}

bool framebuffer_find(struct Framebuffer* f, u64 ram, u64 ram_end) {
  return read_mode(f) && (use_present(f, ram, ram_end) || set_up(f, ram, ram_end));
}

void framebuffer_move(u64 start) { put64(GPU_BASE + kFbStart, start); }
