#include "ui/cursor.h"

#include <algorithm>

namespace quince::ui {

namespace {

/// A channel that was multiplied with `alpha`, as it was before.
u32 straight(u32 channel, u32 alpha) { return std::min(255u, (channel * 255 + alpha / 2) / alpha); }

u32 straight_pixel(u32 p) {
  const u32 a = p >> 24;
  if (a == 0 || a == 255) return a == 0 ? 0 : p;
  return a << 24 | straight(p >> 16 & 255, a) << 16 | straight(p >> 8 & 255, a) << 8 |
         straight(p & 255, a);
}

u32 scaled(u32 side, u32 picture, u32 shown) {
  if (picture == 0) return side;
  return static_cast<u32>(std::clamp<u64>(u64{side} * shown / picture, 1, CursorImage::kMaxSide));
}

}  // namespace

HostCursor host_cursor(const CursorImage& image, Size picture, Size shown) {
  if (image.size.empty() || image.argb.size() < std::size_t{image.size.width} * image.size.height)
    return {};
  HostCursor c{.size = {scaled(image.size.width, picture.width, shown.width),
                        scaled(image.size.height, picture.height, shown.height)}};
  c.hot_x = std::min(image.hot_x * c.size.width / image.size.width, c.size.width - 1);
  c.hot_y = std::min(image.hot_y * c.size.height / image.size.height, c.size.height - 1);
  c.argb.reserve(std::size_t{c.size.width} * c.size.height);
  for (u32 y = 0; y < c.size.height; ++y) {
    const u32* row =
        image.argb.data() + std::size_t{y * image.size.height / c.size.height} * image.size.width;
    for (u32 x = 0; x < c.size.width; ++x)
      c.argb.push_back(straight_pixel(row[x * image.size.width / c.size.width]));
  }
  return c;
}

}  // namespace quince::ui
