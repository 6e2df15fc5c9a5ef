// A guest's cursor in the form that hosts take.
#pragma once

#include <vector>

#include "ui/console.h"

namespace quince::ui {

/// The image in straight alpha (ARGB8888), and with `width` × `height` pixels for what the guest
/// drew with image.size: cursors grow with the picture.  The hot spot moves along.  No side is over
/// CursorImage::kMaxSide.
struct HostCursor {
  Size size = {};
  u32 hot_x = 0, hot_y = 0;
  std::vector<u32> argb = {};
};
HostCursor host_cursor(const CursorImage& image, Size picture, Size shown);

}  // namespace quince::ui
