// The status overlay: what a machine does by second, from two looks at its counters.
#pragma once

#include <optional>
#include <string>

#include "ui/display.h"
#include "ui/picture.h"

namespace quince::ui {

/// By second.
struct Rates {
  bool running = false;
  double instructions = 0;
  double host_cpus = 0;  ///< 1: one CPU of the host is busy
  double frames = 0;
  double disk_bytes = 0;
  double net_bytes = 0;
};

class Meter {
 public:
  /// `now_ns` is the time of the look and `frames` how many were presented so far.  Nothing at the
  /// first look, and when no time has passed.
  std::optional<Rates> look(const Status& status, u64 now_ns, u64 frames);

 private:
  struct Look {
    Status status;
    u64 ns = 0, frames = 0;
  };
  std::optional<Look> last_;
};

/// A line for each.
std::string to_text(const Rates& rates);

/// Light text on a dark ground, for corners of windows.
Picture label(std::string_view utf8, u32 scale);

}  // namespace quince::ui
