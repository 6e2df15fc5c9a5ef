#include "hw/display/ramfb.h"

#include <algorithm>
#include <optional>

#include "base/bits.h"
#include "hw/core/archive.h"

namespace quince::hw {

namespace {

// struct RAMFBCfg: offsets of its fields.
constexpr std::size_t kAddr = 0, kFourcc = 8, kWidth = 16, kHeight = 20, kStride = 24;

constexpr u32 fourcc(const char (&s)[5]) {
  return static_cast<u32>(s[0]) | static_cast<u32>(s[1]) << 8 | static_cast<u32>(s[2]) << 16 |
         static_cast<u32>(s[3]) << 24;
}

/// Formats of Linux's drm_fourcc.h; what is shown has no alpha.
std::optional<ui::PixelFormat> format_of(u32 code) {
  switch (code) {
    case fourcc("XR24"):
    case fourcc("AR24"):
      return PIXMAN_x8r8g8b8;
    case fourcc("XB24"):
    case fourcc("AB24"):
      return PIXMAN_x8b8g8r8;
    case fourcc("RX24"):
    case fourcc("RA24"):
      return PIXMAN_r8g8b8x8;
    case fourcc("BX24"):
    case fourcc("BA24"):
      return PIXMAN_b8g8r8x8;
    case fourcc("RG24"):
      return PIXMAN_r8g8b8;
    case fourcc("BG24"):
      return PIXMAN_b8g8r8;
    case fourcc("RG16"):
      return PIXMAN_r5g6b5;
    default:
      return {};
  }
}

}  // namespace

Ramfb::Ramfb(std::string_view name, ui::Console& console, DmaPort dma, Log& log)
    : Device(name), console_(console), dma_(std::move(dma)), log_(log) {}

void Ramfb::reset() {
  s_ = {};
  sync();
}

void Ramfb::snapshot(Archive& ar) { ar.field("file", s_.file); }

void Ramfb::sync() {
  if (scan()) return;
  console_.set_size({});
  if (s_.file != State{}.file)
    log_.guest_error("ramfb", "{}: the framebuffer's description cannot be", name());
}

bool Ramfb::scan() {
  const auto be32 = [this](std::size_t at) {
    return __builtin_bswap32(load_le<u32>(&s_.file[at]));
  };
  const u64 addr = __builtin_bswap64(load_le<u64>(&s_.file[kAddr]));
  const auto format = format_of(be32(kFourcc));
  if (!format) return false;
  ui::PixelView view{.bytes = nullptr,
                     .stride = be32(kStride),
                     .size = {be32(kWidth), be32(kHeight)},
                     .format = *format};
  const u64 row = u64{view.size.width} * ui::bytes_per_pixel(*format);
  if (view.stride == 0) view.stride = static_cast<u32>(std::min<u64>(row, 0xffff'ffff));
  if (!view.fits(~u64{0})) return false;
  const u64 length = u64{view.stride} * (view.size.height - 1) + row;
  const DmaPort::Run run = dma_.run(PhysAddr(addr), length, false);
  if (!run || run.length != length) return false;
  view.bytes = run.data();
  // pixman reads words.
  if (!is_aligned(reinterpret_cast<u64>(view.bytes), 4)) return false;
  console_.scan(view);
  return true;
}

}  // namespace quince::hw
