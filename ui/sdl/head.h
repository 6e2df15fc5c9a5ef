// One head of the machine in a window: its picture or the splash, its cursor, and its size.
#pragma once

#include <chrono>
#include <optional>

#include "ui/console.h"
#include "ui/display.h"
#include "ui/sdl/screen.h"

namespace quince::ui::sdl {

using Clock = std::chrono::steady_clock;

class Head {
 public:
  /// All of them outlive the head.
  /// `number` counts the heads: each is on a monitor of its own, while there are enough.
  static Result<std::unique_ptr<Head>> create(Console& console, int number,
                                              const MachineFacts& facts, const std::string& hint,
                                              const WindowOptions& options);

  Console& console() { return console_; }
  Screen& screen() { return *screen_; }
  /// Nobody sees it: minimised or closed.  Nothing is done for it then.
  bool visible() const { return visible_; }
  void close();

  /// An event of this window.
  void on_window_event(const SDL_WindowEvent& e, Clock::time_point now);
  /// Once a frame: fetches what changed, and presents when something did.  True when the picture is
  /// another one.
  bool refresh(Clock::time_point now);
  /// A pointer of the guest's own is painted into the window, as there is none of the host's.
  void paint_pointer(bool on);
  /// The pixel of the guest's picture at a point of SDL's events.
  PicturePoint point(s32 x, s32 y) const;
  void set_full_screen(bool on);
  /// As large as the picture, or as its fixed scale makes it.
  void original_size();
  /// Something over the picture is another.
  void repaint() {
    screen_->invalidate();
    dirty_ = true;
  }

 private:
  Head(Console& console, const MachineFacts& facts, const std::string& hint,
       const WindowOptions& options, std::unique_ptr<Screen> screen);
  void size_changed(Clock::time_point now);
  void wish(Clock::time_point now);
  void show_splash();
  void follow_pointer();

  Console& console_;
  const MachineFacts& facts_;
  const std::string& hint_;
  const WindowOptions& options_;
  std::unique_ptr<Screen> screen_;
  Console::Viewer viewer_;
  Picture copy_;  // of the guest's picture
  Picture splash_picture_;
  bool visible_ = true;
  bool dirty_ = true;          // what is presented is not what it was
  bool splash_ = false;        // the guest shows nothing
  bool person_sized_ = false;  // somebody chose the window's size: it stays
  Size seen_size_ = {};
  Size before_full_screen_ = {};
  std::optional<Clock::time_point> wish_at_;  // the guest is told of the window's size then
  bool pointer_painted_ = false;
  Cursor pointer_;
};

}  // namespace quince::ui::sdl
