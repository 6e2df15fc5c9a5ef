// A machine thread that a test moves by hand, for consoles and input.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

#include "ui/host.h"

namespace quince::test {

class UiHost final : public ui::Host {
 public:
  void post(std::function<void()> fn) override {
    const std::lock_guard guard(lock_);
    posted_.push_back(std::move(fn));
  }
  /// Does what was posted; returns how much that was.
  std::size_t run() {
    std::deque<std::function<void()>> todo;
    {
      const std::lock_guard guard(lock_);
      todo.swap(posted_);
    }
    for (const auto& fn : todo) fn();
    return todo.size();
  }

 private:
  std::mutex lock_;
  std::deque<std::function<void()>> posted_;
};

}  // namespace quince::test
