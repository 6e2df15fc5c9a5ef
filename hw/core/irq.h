// Interrupt wires.
#pragma once

#include "base/types.h"

namespace quince::hw {

/// Implemented by interrupt controllers and vCPUs; ordinary devices never see it.
class IrqSink {
 public:
  /// The level of input `line` changed.  Called with the I/O lock held.
  virtual void set_line(unsigned line, bool high) = 0;

 protected:
  ~IrqSink() = default;
};

/// A wire from a device to a controller input, held by value by the device that drives it.  The
/// sink hears of a level only when it changes.  An unconnected line is valid.
class IrqLine {
 public:
  IrqLine() = default;
  IrqLine(IrqSink& sink, unsigned line) : sink_(&sink), line_(line) {}
  IrqLine(IrqLine&&) = default;
  IrqLine& operator=(IrqLine&&) = default;
  IrqLine(const IrqLine&) = delete;  // two drivers of one wire must be explicit: SharedIrq
  IrqLine& operator=(const IrqLine&) = delete;

  void set(bool high) {
    if (high == high_) return;
    high_ = high;
    if (sink_ != nullptr) sink_->set_line(line_, high);
  }
  bool high() const { return high_; }

 private:
  IrqSink* sink_ = nullptr;
  unsigned line_ = 0;
  bool high_ = false;
};

/// Joins up to 64 drivers into one wire: high while any of them is.
class SharedIrq final : public IrqSink {
 public:
  explicit SharedIrq(IrqLine out) : out_(static_cast<IrqLine&&>(out)) {}
  void set_line(unsigned line, bool high) override {
    const u64 b = u64{1} << (line & 63);
    inputs_ = high ? inputs_ | b : inputs_ & ~b;
    out_.set(inputs_ != 0);
  }

 private:
  IrqLine out_;
  u64 inputs_ = 0;
};

}  // namespace quince::hw
