// The one lock of the I/O world: devices, timers and back ends run only under it.
#pragma once

#include <mutex>

namespace quince::hw {

class IoLock;

/// Proof that the I/O lock is held; only IoLock::Guard makes one.  Functions that need the lock
/// take it by reference, so "called without the lock" does not compile.
class IoLockHeld {
 public:
  IoLockHeld(const IoLockHeld&) = delete;
  IoLockHeld& operator=(const IoLockHeld&) = delete;

 protected:
  IoLockHeld() = default;
  ~IoLockHeld() = default;
};

class IoLock {
 public:
  /// Holds the lock for a scope.
  class Guard : public IoLockHeld {
   public:
    explicit Guard(IoLock& lock) : lock_(lock.mutex_) {}

   private:
    std::lock_guard<std::mutex> lock_;
  };

 private:
  std::mutex mutex_;
};

}  // namespace quince::hw
