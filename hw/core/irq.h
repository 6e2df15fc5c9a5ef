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

/// Joins any number of drivers into one wire: high while any of them is.  It counts, which is
/// enough because an IrqLine reports changes only; the line number means nothing here.  A driver
/// that goes away must have let its wire go.
class SharedIrq final : public IrqSink {
 public:
  explicit SharedIrq(IrqLine out) : out_(static_cast<IrqLine&&>(out)) {}
  SharedIrq(SharedIrq&&) = delete;  // drivers keep its address
  void set_line(unsigned, bool high) override {
    high_ = high ? high_ + 1 : high_ - 1;
    out_.set(high_ != 0);
  }
  /// A wire into this one.
  IrqLine input() { return IrqLine(*this, 0); }

 private:
  IrqLine out_;
  u32 high_ = 0;  // drivers that are high now
};

}  // namespace quince::hw
