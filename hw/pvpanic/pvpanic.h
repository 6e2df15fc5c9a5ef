// pvpanic: a register by which a guest says that it has crashed (QEMU's specification of that name,
// docs/specs/pvpanic).
//
// Modelled: the three events of the specification.  Deliberately missing: nothing.
#pragma once

#include <array>

#include "base/log.h"
#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/pci/pci_function.h"

namespace quince::hw {

/// What a guest says: bits of the register.
enum PvpanicEvent : u8 {
  kPvpanicPanicked = 1,     ///< it has crashed, and does not go on
  kPvpanicCrashLoaded = 2,  ///< it has crashed, and a kernel that saves the evidence goes on
  kPvpanicShutdown = 4,     ///< it wants to be turned off
};
inline constexpr u8 kPvpanicAll = kPvpanicPanicked | kPvpanicCrashLoaded | kPvpanicShutdown;

/// Who is told.
class PvpanicHost {
 public:
  /// Of PvpanicEvent, at least one, and of those that the device offers.  On the vCPU's thread,
  /// with the I/O lock held.
  virtual void pvpanic(u8 events) = 0;

 protected:
  ~PvpanicHost() = default;
};

class Pvpanic final : public Stateless<RegMapDevice<Pvpanic>> {
 public:
  static constexpr u64 kSize = 2;

  /// `events` are those that it offers: of PvpanicEvent.
  Pvpanic(std::string_view name, u8 events, PvpanicHost& host, Log& log);

  static std::span<const Reg<Pvpanic>> regs();
  void sync() {}

 private:
  friend RegOps<Pvpanic>;
  struct State {};
  u8 offered(unsigned) const { return events_; }
  void said(unsigned, u8 events);
  static const std::array<Reg<Pvpanic>, 1> kRegs;

  const u8 events_;
  PvpanicHost& host_;
  Log& log_;
  [[no_unique_address]] State s_;
};

class PvpanicPci final : public PciFunction {
 public:
  PvpanicPci(std::string_view name, const FunctionPorts& ports, u8 events, PvpanicHost& host);

 private:
  Pvpanic registers_;
};

}  // namespace quince::hw
