// Windows of Apple's virtual platform in which nothing happens: the second one of the AES engine, and the
// IOSurface mapper, whose requests are handed over in registers of the vCPU and need the GPU that is not
// there (docs/platform.md).
#pragma once

#include "base/log.h"
#include "hw/core/stateless.h"

namespace quince::hw {

/// Reads are zero, writes are ignored; a driver that tries to use it is told of in the log.
class InertDevice final : public Stateless<> {
 public:
  InertDevice(std::string_view name, Log& log) : Stateless(name), log_(log) {}

  Bus read(u64, Access, u64& out) override {
    out = 0;
    return Bus::Ok;
  }
  Bus write(u64 off, Access, u64 in) override {
    log_.unimp(name(), "{}: {:#x} is written to +{:#x}, which does nothing", name(), in, off);
    return Bus::Ok;
  }

 private:
  Log& log_;
};

}  // namespace quince::hw
