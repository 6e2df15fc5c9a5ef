// The SDL front end: a window for each head of a machine, its keyboard and its mouse.
//
// Everything of SDL is called on one thread, the process's first.  The machine runs on others; what
// is shown is a copy, so that nothing here runs with a lock of the machine held while it presents.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ui/display.h"
#include "ui/keyboard.h"
#include "ui/meter.h"
#include "ui/sdl/head.h"
#include "ui/sdl/pointer.h"

namespace quince::ui::sdl {

class Front {
 public:
  /// Opens a window for each head, of which there is at least one.  `display` and `control` outlive
  /// the front end.  An error is one line without the option's name.
  static Result<std::unique_ptr<Front>> create(Display& display, Control& control,
                                               WindowOptions options);
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  /// Serves the windows until stop(); by the thread that created it.
  void run();
  /// Ends run(); from any thread.
  void stop();
  /// How many pictures were presented, of all heads.  By the thread of run().
  u64 frames() const { return frames_; }

 private:
  Front(Display& display, Control& control, WindowOptions options);
  Result<void> open_windows();
  void wait(Clock::time_point until);
  void handle(const SDL_Event& e);
  void on_key(const SDL_KeyboardEvent& e);
  void on_window(const SDL_WindowEvent& e);
  void close(Head& head);
  void on_hot_key(HotKey hot_key);
  void screenshot();
  void set_grab(bool on);
  void frame(Clock::time_point now);
  void look_at_meters(Clock::time_point now);
  void show_status(const std::optional<Rates>& rates);
  void say(const std::string& message, Clock::time_point now);
  void set_titles();
  void send(std::vector<InputEvent> events);
  Head* head_of(u32 window_id);
  Head& focused();
  bool any_visible() const;
  u32 label_scale(Head& head) const;

  Display& display_;
  Control& control_;
  const WindowOptions options_;
  const MachineFacts facts_;
  const std::string hint_;
  std::vector<std::unique_ptr<Head>> heads_;
  Keyboard keyboard_;
  Pointer pointer_;
  Meter meter_;
  Head* focused_ = nullptr;  // has the keyboard; null: none of ours
  Clock::duration frame_time_ = std::chrono::milliseconds(16);
  Clock::time_point next_look_ = {};
  std::optional<Clock::time_point> message_ends_;
  std::string title_;
  u64 frames_ = 0;
  bool grabbed_ = false, status_shown_ = false, running_ = true;
  u32 stop_event_ = 0;
  std::atomic<bool> stopped_{false};
};

}  // namespace quince::ui::sdl
