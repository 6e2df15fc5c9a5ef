// The part that USB keyboard, mouse and tablet share (HID 1.11, chapters 4 and 7).
//
// Modelled: GET and SET_REPORT, GET and SET_IDLE, GET and SET_PROTOCOL (of boot devices), the
// interrupt IN endpoint.  Reports have the layout of the boot reports in both protocols, which
// appendix B allows.  The idle rate is 0 (no repetition) after a reset, as in QEMU's devices.
//
// A report is given when there is news, or when the idle period is over; else the answer is Nak.
// What happens before the host has chosen a configuration is forgotten.
// Deliberately missing: report ids, feature reports, interrupt OUT endpoints, physical descriptors.
#pragma once

#include <algorithm>
#include <array>

#include "hw/core/timer.h"
#include "hw/usb/usb_described_device.h"
#include "ui/input.h"

namespace quince::hw {

class UsbHid : public UsbDescribedDevice, private ui::InputReceiver {
 public:
  /// How many events wait for the host, at most.
  static constexpr unsigned kQueue = 16;
  static constexpr u8 kEndpoint = 0x81;
  /// The unit of idle rates (HID 1.11, 7.2.4).
  static constexpr u64 kIdleUnit = 4 * kMillisecond;

  ~UsbHid() override;

  void snapshot(Archive& ar) final;
  void restored() final;
  void usb_reset() final;

 protected:
  /// HID 1.11, 7.2.5.
  enum class Protocol : u8 { Boot = 0, Report = 1 };
  /// `input` outlives the device.
  UsbHid(std::string_view name, const UsbTable& table, std::string serial, TimerQueue& timers,
         ui::Input& input, unsigned kinds);

  /// The guest has not seen everything.
  virtual bool news() const = 0;
  /// The next report; takes one event from the queue when there is one.
  virtual UsbReply next_report() = 0;
  virtual void event(const ui::InputEvent& e) = 0;
  virtual void reset_type() = 0;
  virtual void snapshot_type(Archive& ar) = 0;
  virtual void restored_type() {}
  /// An output report from the host, and the last one.  False and empty: there is none.
  virtual bool output(std::span<const u8>) { return false; }
  virtual UsbReply last_output() const { return {}; }

  ui::Input& front_end() { return input_; }

 private:
  struct State {
    u8 idle = 0;  // in kIdleUnit; 0: never
    Protocol protocol = Protocol::Report;
    u64 reported_ns = 0;  // when the last report was given, or the idle rate was set
  };

  UsbStatus class_request(const UsbSetup& s, std::span<const u8> data, UsbReply& reply) final;
  UsbStatus get_report(const UsbSetup& s, UsbReply& reply);
  UsbStatus set_report(const UsbSetup& s, std::span<const u8> data);
  UsbStatus transfer(UsbPacket& packet) final;
  void configured(u8 value) final;
  // ui::InputReceiver
  unsigned input_kinds() const final { return kinds_; }
  bool input_ready() const final { return configuration() != 0 && port() != nullptr; }
  void input(std::span<const ui::InputEvent> events) final;

  UsbReply report();
  u64 idle_end() const;
  void sync();
  void idle_over();

  ui::Input& input_;
  const unsigned kinds_;
  TimerQueue& timers_;
  Timer idle_;
  State s_;
};

}  // namespace quince::hw
