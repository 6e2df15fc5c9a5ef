// The base of every device: a name, reset and snapshot.  Nothing else.
#pragma once

#include <string>
#include <string_view>

namespace quince {
class Archive;
}

namespace quince::hw {

/// A unit of the machine with state of its own.  Every call is made with the I/O lock held; a
/// device contains no locks, atomics or threads.
class Device {
 public:
  explicit Device(std::string_view name) : name_(name) {}
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// The name from the board's table; snapshots and logs use it.
  const std::string& name() const { return name_; }

  /// State as after power-on; outputs follow.
  virtual void reset() = 0;
  /// Visits every named field of the state: save, load, schema and diff (hw/core/archive.h).
  virtual void snapshot(Archive& ar) = 0;
  /// Called after a load: derives outputs and timers from the state.
  virtual void restored() = 0;

 private:
  std::string name_;
};

}  // namespace quince::hw
