// A desktop for one test: an X server without a screen, a window manager, and a program on it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/types.h"
#include "tests/support/temp_dir.h"
#include "ui/picture.h"

namespace quince::test {

using Args = std::vector<std::string>;

/// A process whose input and output are pipes.  It is killed when this goes.
class Process {
 public:
  Process() = default;
  Process(const Args& args, const std::string& folder, const std::string& display);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void write_line(const std::string& line);
  /// The next line, or "" when it ended or none came in time.
  std::string read_line();
  /// Waits for its end: the exit status, or -1 when it was a signal.
  int wait();

 private:
  pid_t pid_ = -1;
  Fd in_, out_;
  std::string buffer_;
};

class Desktop {
 public:
  static constexpr ui::Size kSize{1600, 1000};

  /// The name of a program that is needed and missing, or "".
  static std::string missing();

  /// The windows that are asked for have titles that begin with `title`.
  explicit Desktop(std::string title);
  ~Desktop();

  /// Starts a program, which says "ready" when its window is there.
  void run(const Args& program);
  Process& program() { return *program_; }
  /// The X server's name, for DISPLAY.
  const std::string& display() const { return display_; }
  const std::string& folder() const { return folder_.path(); }
  /// Runs xdotool; what it printed.
  std::string xdotool(const Args& args);
  /// A pixel of the screen.
  u32 pixel(u32 x, u32 y) const;
  /// Waits until `holds`; false when it did not come to hold in time.
  bool wait_until(const std::function<bool()>& holds);
  /// The inside of the window on the screen.
  struct Window {
    s32 x = 0, y = 0;
    u32 width = 0, height = 0;
  };
  Window window();
  std::string window_id();

 private:
  const std::string title_;
  TempDir folder_;
  std::string display_;
  std::unique_ptr<Process> server_, manager_, program_;
  const u8* screen_ = nullptr;  // the server's file (XWD)
  std::size_t screen_bytes_ = 0;
};

}  // namespace quince::test
