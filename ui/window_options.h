// What -display and -full-screen say about windows, as plain data.
#pragma once

#include <string>

#include "base/types.h"

namespace quince::ui {

enum class Scaling : u8 {
  Smooth,   ///< as large as fits, with smoothed pixels where they are no squares
  Integer,  ///< whole multiples only
};

/// The keys that make another key one of ours (ui/keyboard.h): -display grab-mod=.
enum class HotKeyModifier : u8 { LeftCtrlAlt, LeftShiftCtrlAlt, RightCtrl };

struct WindowOptions {
  static constexpr u32 kMaxScale = 16;
  u32 scale = 0;  ///< screen pixels for a pixel of the guest; 0: as the window's size wants
  Scaling scaling = Scaling::Smooth;
  bool full_screen = false;
  bool grab = false;         ///< the keyboard is grabbed from the start
  bool window_close = true;  ///< the window's close button ends the machine
  bool show_cursor = false;  ///< the host's cursor stays over the picture
  HotKeyModifier modifier = HotKeyModifier::LeftCtrlAlt;
  std::string screenshot;  ///< where the hot key puts pictures; empty: files named by the date
};

}  // namespace quince::ui
