// Where a picture is in a window, and where in the picture a point of the window is.
//
// All of it counts in pixels of the screen.  Where a desktop scales windows (HiDPI), its front end
// converts first.
#pragma once

#include "ui/input.h"
#include "ui/picture.h"
#include "ui/window_options.h"

namespace quince::ui {

/// The part of a window that shows a picture: centred, with the picture's proportions.  Of a fixed
/// scale when that fits.  Else the largest that fits: any for Scaling::Smooth, a whole multiple for
/// Scaling::Integer.  A picture that is larger than the window becomes smaller in either.
Rect place(Size picture, Size window, const WindowOptions& options);

/// A pixel of the picture is a whole number of pixels wide and high: there is nothing to smooth.
bool is_whole_multiple(Size picture, Size shown);

/// The pixel of the picture that is shown at a point of the window; for a point beside the picture
/// the nearest one.
struct PicturePoint {
  u32 x = 0, y = 0;
  bool inside = false;  ///< the picture is there
};
PicturePoint picture_point(Rect shown, Size picture, s32 x, s32 y);

/// The middle of a pixel as a tablet says it, so that guests find that pixel whichever way they
/// round.
PositionInput position_of(Size picture, u32 x, u32 y);

}  // namespace quince::ui
