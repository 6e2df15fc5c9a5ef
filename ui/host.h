// What the machine lends to consoles and front ends.
#pragma once

#include <functional>

namespace quince::ui {

class Host {
 public:
  virtual ~Host() = default;
  /// Runs `fn` soon on the machine thread with the I/O lock held, in the order of posting.  From
  /// any thread, without the I/O lock or with it.  Dropped when the machine has ended.
  virtual void post(std::function<void()> fn) = 0;
};

}  // namespace quince::ui
