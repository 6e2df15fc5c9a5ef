// What the parts of an xHCI controller share: how it was built, its way to memory, whether it runs.
#pragma once

#include "base/log.h"
#include "base/result.h"
#include "hw/core/dma.h"
#include "hw/core/timer.h"
#include "hw/usb/xhci/xhci_spec.h"

namespace quince::hw {

/// What a user chooses.
struct XhciConfig {
  unsigned p2 = 4, p3 = 4;  ///< ports of USB 2 and of USB 3
  unsigned intrs = 16;      ///< interrupters; rounded up to a power of two
  unsigned slots = 64;
  bool streams = true;
  /// Without messages every event goes to ring 0 (conditional-intr-mapping).
  bool conditional_mapping = false;
  /// The quirks of nec-usb-xhci: event rings tables at 16 bytes, two vendor commands.
  bool nec = false;

  Result<void> check() const;
  unsigned interrupters() const { return std::bit_ceil(intrs); }
  unsigned ports() const { return p2 + p3; }
};

/// How the controller's function signals.
class XhciSignals {
 public:
  /// MSI or MSI-X is in use.
  virtual bool messages() const = 0;
  /// Sends the message of an interrupter; only while messages() is true.
  virtual void send(unsigned interrupter) = 0;
  virtual void set_pin(bool high) = 0;

 protected:
  ~XhciSignals() = default;
};

class XhciCore {
 public:
  XhciCore(std::string_view n, const XhciConfig& c, DmaPort& d, TimerQueue& t, Log& l,
           XhciSignals& s)
      : name(n), config(c), dma(d), timers(t), log(l), signals(s) {}

  const std::string name;
  const XhciConfig config;
  DmaPort& dma;
  TimerQueue& timers;
  Log& log;
  XhciSignals& signals;

  // The registers that every part looks at.
  u32 usbcmd = 0;
  u32 usbsts = xhci::kHcHalted;
  u64 dcbaap = 0;
  u32 config_reg = 0;
  u64 run_since = 0;  ///< guest time at which R/S was set

  u64 now() const { return timers.now_ns(); }
  bool running() const { return (usbsts & (xhci::kHcHalted | xhci::kHce)) == 0; }
  /// How many slots the host has enabled (CONFIG).
  unsigned slots() const {
    return std::min(static_cast<unsigned>(config_reg & 0xff), config.slots);
  }

  /// Copies from and to memory.  What is not memory is a Host System Error, and the controller
  /// halts (4.10.2.6): false.
  bool read(u64 address, std::span<u8> out) {
    return dma.read(PhysAddr(address), out) || host_error(address);
  }
  bool write(u64 address, std::span<const u8> in) {
    return dma.write(PhysAddr(address), in) || host_error(address);
  }
  bool host_error(u64 address);
  /// The host broke a rule that leaves nothing to go on with: USBSTS.HCE.
  void controller_error(const char* why);
};

}  // namespace quince::hw
