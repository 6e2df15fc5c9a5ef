// Pictures in memory: sizes, rectangles, views of somebody else's pixels, and pixels of one's own.
//
// Pixels are XRGB8888 in the host's byte order inside this project; what guests have in other
// formats is converted where it is drawn (pixman does the work).
#pragma once

#include <pixman.h>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "base/types.h"

namespace quince::ui {

/// In pixels.
struct Size {
  u32 width = 0, height = 0;
  bool operator==(const Size&) const = default;
  bool empty() const { return width == 0 || height == 0; }
};

/// A part of a picture.  Never reaches over its edges: clipped() sees to that.
struct Rect {
  u32 x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Rect&) const = default;
  bool empty() const { return width == 0 || height == 0; }
  Size size() const { return {width, height}; }
  /// What of it is inside a picture of this size.
  Rect clipped(Size s) const {
    const u32 left = std::min(x, s.width), top = std::min(y, s.height);
    return {left, top, std::min(width, s.width - left), std::min(height, s.height - top)};
  }
  static Rect all(Size s) { return {0, 0, s.width, s.height}; }
};

/// No picture is wider or higher: what guests can make the host allocate has a bound (8192 × 8192
/// pixels of 4 bytes are 256 MiB).
inline constexpr u32 kMaxSide = 8192;

/// The formats that guests' pixels come in.  Bytes in memory, from the first: Xrgb8888 is B, G, R,
/// nothing.
using PixelFormat = pixman_format_code_t;
inline constexpr PixelFormat kXrgb8888 = PIXMAN_x8r8g8b8;
inline unsigned bytes_per_pixel(PixelFormat f) { return PIXMAN_FORMAT_BPP(f) / 8; }

/// Pixels that belong to somebody else.  They may change while they are read, when a guest draws in
/// them; what is then seen is some mixture.
struct PixelView {
  const u8* bytes = nullptr;
  u32 stride = 0;  ///< bytes from a row to the next; a multiple of 4
  Size size = {};
  PixelFormat format = kXrgb8888;
  /// Rows and stride as a guest gave them fit into this many bytes, and are such as pixman takes.
  bool fits(u64 available) const {
    if (size.empty() || size.width > kMaxSide || size.height > kMaxSide || stride % 4 != 0)
      return false;
    const u64 row = u64{size.width} * bytes_per_pixel(format);
    return row <= stride && u64{stride} * (size.height - 1) + row <= available;
  }
};

/// XRGB8888 pixels of one's own.
class Picture {
 public:
  Picture() = default;
  /// Black.  No side is over kMaxSide.
  explicit Picture(Size size);

  Size size() const { return size_; }
  u32 stride() const { return size_.width * 4; }  ///< bytes
  u32* row(u32 y) { return pixels_.data() + std::size_t{y} * size_.width; }
  const u32* row(u32 y) const { return pixels_.data() + std::size_t{y} * size_.width; }
  u32 at(u32 x, u32 y) const { return row(y)[x]; }
  PixelView view() const {
    return {reinterpret_cast<const u8*>(pixels_.data()), stride(), size_, kXrgb8888};
  }

  /// Copies `from` of a source to the place `x`, `y`; what does not fit is cut off.
  void copy(const PixelView& source, Rect from, u32 x, u32 y);
  /// Composes an image with alpha (premultiplied ARGB8888) over this; it may reach over the edges.
  void blend(std::span<const u32> argb, Size size, s32 x, s32 y);
  void fill(Rect area, u32 colour);

  bool operator==(const Picture&) const = default;

 private:
  Size size_;
  std::vector<u32> pixels_;
};

/// A set of rectangles that is small: past a number of them it becomes the one around all.
class Damage {
 public:
  static constexpr int kMaxRects = 32;
  Damage() { pixman_region32_init(&region_); }
  ~Damage() { pixman_region32_fini(&region_); }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;

  void add(Rect r);
  void clear() { pixman_region32_clear(&region_); }
  bool empty() const {
    return pixman_region32_not_empty(const_cast<pixman_region32_t*>(&region_)) == 0;
  }
  /// The rectangles, which do not overlap.
  std::vector<Rect> rects() const;

 private:
  pixman_region32_t region_;
};

}  // namespace quince::ui
