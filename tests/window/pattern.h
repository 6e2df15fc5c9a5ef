// The picture of the probe: the colour of every pixel says where it is.
#pragma once

#include "ui/picture.h"

namespace quince::test {

inline u32 colour_at(u32 x, u32 y) { return (y & 0xfff) << 12 | (x & 0xfff); }

inline ui::Picture pattern(ui::Size size) {
  ui::Picture p(size);
  for (u32 y = 0; y < size.height; ++y)
    for (u32 x = 0; x < size.width; ++x) p.row(y)[x] = colour_at(x, y);
  return p;
}

}  // namespace quince::test
