// Capability, operational, runtime and doorbell registers (xHCI 1.2, 5.3 to 5.6, 7.2).
//
// The values of the capability registers are those of QEMU's controllers, but for the segments that
// an event ring may have (HCSPARAMS2.ERST Max).
#pragma once

#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/usb/xhci/xhci_core.h"

namespace quince::hw {

/// What registers ask of the controller.
class XhciControl {
 public:
  virtual void run(bool on) = 0;
  virtual void host_controller_reset() = 0;
  virtual void save_state() = 0;
  virtual void restore_state() = 0;
  /// USBCMD or USBSTS changed otherwise.
  virtual void command_changed() = 0;
  virtual u32 crcr() const = 0;
  virtual void set_crcr_low(u32 v) = 0;
  virtual void set_crcr_high(u32 v) = 0;
  virtual void doorbell(unsigned slot, u32 v) = 0;

 protected:
  ~XhciControl() = default;
};

class XhciCapability final : public Stateless<RegMapDevice<XhciCapability>> {
 public:
  static constexpr u64 kSize = 0x40;
  explicit XhciCapability(const XhciCore& core);
  static std::span<const Reg<XhciCapability>> regs();
  void sync() {}

 private:
  friend RegOps<XhciCapability>;
  using Op = RegOps<XhciCapability>;
  u32 hcsparams1() const;
  u32 hccparams1() const;
  u32 protocol2() const;
  u32 protocol3() const;
  static const std::array<Reg<XhciCapability>, 16> kRegs;
  const XhciCore& core_;
};

class XhciOperational final : public RegMapDevice<XhciOperational> {
 public:
  static constexpr u64 kOffset = 0x40, kSize = 0x400;
  XhciOperational(XhciCore& core, XhciControl& control);
  static std::span<const Reg<XhciOperational>> regs();
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override {}
  void sync() {}

 private:
  friend RegOps<XhciOperational>;
  using Op = RegOps<XhciOperational>;
  struct State {
    u32 dnctrl = 0;
  };
  u32 usbcmd() const { return core_.usbcmd; }
  void set_usbcmd(u32 v);
  u32 usbsts() const { return core_.usbsts; }
  void set_usbsts(u32 v);
  u32 crcr() const { return control_.crcr(); }
  void set_crcr_low(u32 v) { control_.set_crcr_low(v); }
  void set_crcr_high(u32 v) { control_.set_crcr_high(v); }
  u32 dcbaap_low() const { return static_cast<u32>(core_.dcbaap); }
  u32 dcbaap_high() const { return static_cast<u32>(core_.dcbaap >> 32); }
  void set_dcbaap_low(u32 v) { core_.dcbaap = with_bits(core_.dcbaap, 31, 0, v & ~u32{0x3f}); }
  void set_dcbaap_high(u32 v) { core_.dcbaap = with_bits(core_.dcbaap, 63, 32, v); }
  u32 config() const { return core_.config_reg; }
  void set_config(u32 v) { core_.config_reg = v & 0xff; }

  static const std::array<Reg<XhciOperational>, 9> kRegs;
  XhciCore& core_;
  XhciControl& control_;
  State s_;
};

/// MFINDEX; the interrupters are devices of their own.
class XhciRuntime final : public Stateless<RegMapDevice<XhciRuntime>> {
 public:
  static constexpr u64 kOffset = 0x1000, kSize = 0x20;
  explicit XhciRuntime(const XhciCore& core);
  static std::span<const Reg<XhciRuntime>> regs();
  void sync() {}

 private:
  friend RegOps<XhciRuntime>;
  using Op = RegOps<XhciRuntime>;
  u32 mfindex() const;
  static const std::array<Reg<XhciRuntime>, 1> kRegs;
  const XhciCore& core_;
};

class XhciDoorbells final : public Stateless<RegMapDevice<XhciDoorbells>> {
 public:
  static constexpr u64 kOffset = 0x2000;
  XhciDoorbells(const XhciCore& core, XhciControl& control);
  static std::span<const Reg<XhciDoorbells>> regs();
  void sync() {}

 private:
  friend RegOps<XhciDoorbells>;
  using Op = RegOps<XhciDoorbells>;
  void ring(unsigned slot, u32 v) { control_.doorbell(slot, v); }
  static const std::array<Reg<XhciDoorbells>, 1> kRegs;
  XhciControl& control_;
};

}  // namespace quince::hw
