#include "ui/layout.h"

#include <algorithm>

namespace quince::ui {

namespace {

/// The largest size of the picture's proportions in the window.
Size largest(Size picture, Size window) {
  const u64 pw = picture.width, ph = picture.height;
  if (window.width * ph <= window.height * pw)
    return {window.width, std::max(1u, static_cast<u32>(window.width * ph / pw))};
  return {std::max(1u, static_cast<u32>(window.height * pw / ph)), window.height};
}

/// The guest's pixel that has most of what is painted at `offset`: that under its middle.
u32 pixel_at(s64 offset, u32 pixels, u32 shown) {
  const s64 at = (2 * offset + 1) * s64{pixels} / (2 * s64{shown});
  return static_cast<u32>(std::clamp<s64>(at, 0, s64{pixels} - 1));
}

u16 middle_of(u32 pixel, u32 pixels) {
  constexpr u64 kSteps = u64{PositionInput::kMax} + 1;
  return static_cast<u16>((2 * u64{pixel} + 1) * kSteps / (2 * u64{pixels}));
}

}  // namespace

Rect place(Size picture, Size window, const WindowOptions& options) {
  if (picture.empty() || window.empty()) return {};
  const u32 whole = std::min(window.width / picture.width, window.height / picture.height);
  u32 scale = 0;
  if (options.scale != 0)
    scale = options.scale <= whole ? options.scale : 0;
  else if (options.scaling == Scaling::Integer)
    scale = whole;
  const Size size =
      scale != 0 ? Size{picture.width * scale, picture.height * scale} : largest(picture, window);
  return {(window.width - size.width) / 2, (window.height - size.height) / 2, size.width,
          size.height};
}

bool is_whole_multiple(Size picture, Size shown) {
  return !picture.empty() && shown.width % picture.width == 0 &&
         shown.height % picture.height == 0 &&
         shown.width / picture.width == shown.height / picture.height;
}

PicturePoint picture_point(Rect shown, Size picture, s32 x, s32 y) {
  if (shown.empty() || picture.empty()) return {};
  const s64 dx = s64{x} - shown.x, dy = s64{y} - shown.y;
  return {.x = pixel_at(dx, picture.width, shown.width),
          .y = pixel_at(dy, picture.height, shown.height),
          .inside = dx >= 0 && dy >= 0 && dx < shown.width && dy < shown.height};
}

PositionInput position_of(Size picture, u32 x, u32 y) {
  if (picture.empty()) return {};
  return {middle_of(std::min(x, picture.width - 1), picture.width),
          middle_of(std::min(y, picture.height - 1), picture.height)};
}

}  // namespace quince::ui
