#include "ui/picture.h"

#include "base/assert.h"

namespace quince::ui {

namespace {

struct Unref {
  void operator()(pixman_image_t* image) const { pixman_image_unref(image); }
};
using Image = std::unique_ptr<pixman_image_t, Unref>;

/// pixman's face of somebody's pixels, which it does not change when they are a source.
Image image_of(PixelFormat format, Size size, const void* bits, u32 stride) {
  Image image(pixman_image_create_bits_no_clear(
      format, static_cast<int>(size.width), static_cast<int>(size.height),
      static_cast<u32*>(const_cast<void*>(bits)), static_cast<int>(stride)));
  QUINCE_ASSERT(image != nullptr);  // out of memory, or a stride that fits() refuses
  return image;
}

}  // namespace

Picture::Picture(Size size) : size_(size), pixels_(std::size_t{size.width} * size.height) {
  QUINCE_ASSERT(size.width <= kMaxSide && size.height <= kMaxSide);
}

void Picture::copy(const PixelView& source, Rect from, u32 x, u32 y) {
  from = from.clipped(source.size);
  const Rect to = Rect{x, y, from.width, from.height}.clipped(size_);
  if (to.empty()) return;
  const Image src = image_of(source.format, source.size, source.bytes, source.stride);
  const Image dst = image_of(kXrgb8888, size_, pixels_.data(), stride());
  pixman_image_composite32(PIXMAN_OP_SRC, src.get(), nullptr, dst.get(), static_cast<int>(from.x),
                           static_cast<int>(from.y), 0, 0, static_cast<int>(to.x),
                           static_cast<int>(to.y), static_cast<int>(to.width),
                           static_cast<int>(to.height));
}

void Picture::blend(std::span<const u32> argb, Size size, s32 x, s32 y) {
  if (size_.empty() || size.empty()) return;
  QUINCE_ASSERT(argb.size() >= std::size_t{size.width} * size.height);
  const Image src = image_of(PIXMAN_a8r8g8b8, size, argb.data(), size.width * 4);
  const Image dst = image_of(kXrgb8888, size_, pixels_.data(), stride());
  pixman_image_composite32(PIXMAN_OP_OVER, src.get(), nullptr, dst.get(), 0, 0, 0, 0, x, y,
                           static_cast<int>(size.width), static_cast<int>(size.height));
}

void Picture::fill(Rect area, u32 colour) {
  area = area.clipped(size_);
  for (u32 y = area.y; y < area.y + area.height; ++y)
    std::fill_n(row(y) + area.x, area.width, colour);
}

void Damage::add(Rect r) {
  if (r.empty()) return;
  pixman_region32_union_rect(&region_, &region_, static_cast<int>(r.x), static_cast<int>(r.y),
                             r.width, r.height);
  if (pixman_region32_n_rects(&region_) <= kMaxRects) return;
  const pixman_box32_t around = *pixman_region32_extents(&region_);
  pixman_region32_reset(&region_, &around);
}

std::vector<Rect> Damage::rects() const {
  int n = 0;
  const pixman_box32_t* box =
      pixman_region32_rectangles(const_cast<pixman_region32_t*>(&region_), &n);
  std::vector<Rect> all;
  for (int i = 0; i < n; ++i)
    all.push_back({static_cast<u32>(box[i].x1), static_cast<u32>(box[i].y1),
                   static_cast<u32>(box[i].x2 - box[i].x1),
                   static_cast<u32>(box[i].y2 - box[i].y1)});
  return all;
}

}  // namespace quince::ui
