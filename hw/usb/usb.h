// What USB devices, ports and host controllers are to each other.
//
// USB 2.0, chapters 5 (data flow), 8.4 (packets), 9 (devices) and 11 (hubs); USB 3.2, chapter 9.
//
// A controller hands a device whole transfers: the data stage of a control transfer, or what one
// transfer descriptor of another endpoint describes, of any number of bus packets.  The device moves
// bytes through the UsbPacket and never sees an address of the guest.
//
//   UsbBus (the controller) has UsbPorts; a UsbPort holds a UsbDevice; a hub is a UsbDevice that has
//   ports.  Ports are told of attach and detach through their UsbPortOwner: the root hub or a hub.
//
// Deliberately missing: bus bandwidth and time on the wire, transaction translators (a hub passes
// transfers of any speed on), data toggles, suspend currents.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"
#include "hw/core/device.h"

namespace quince::hw {

class UsbBus;
class UsbDevice;
class UsbPort;

/// The codes of an xHCI port's Port Speed field with the usual protocol speed ids (xHCI 7.2.2.1.1).
enum class UsbSpeed : u8 { None = 0, Full = 1, Low = 2, High = 3, Super = 4 };

/// A set of speeds.
class UsbSpeeds {
 public:
  constexpr UsbSpeeds() = default;
  constexpr UsbSpeeds(std::initializer_list<UsbSpeed> list) {
    for (UsbSpeed s : list) mask_ = static_cast<u8>(mask_ | 1u << static_cast<u8>(s));
  }
  constexpr bool has(UsbSpeed s) const { return bit(mask_, static_cast<u8>(s)); }
  /// The fastest that is in both sets, or None.
  constexpr UsbSpeed fastest_common(UsbSpeeds other) const {
    for (UsbSpeed s : {UsbSpeed::Super, UsbSpeed::High, UsbSpeed::Full, UsbSpeed::Low})
      if (has(s) && other.has(s)) return s;
    return UsbSpeed::None;
  }
  constexpr UsbSpeeds operator|(UsbSpeeds o) const {
    UsbSpeeds both;
    both.mask_ = static_cast<u8>(mask_ | o.mask_);
    return both;
  }

 private:
  u8 mask_ = 0;
};

/// How a transfer went, or that it has not ended.
enum class UsbStatus : u8 {
  Ok,                ///< ended; with fewer bytes than asked for it is a short packet
  Nak,               ///< nothing was done; UsbPort::wakeup() says when it may be tried again
  Stall,             ///< the endpoint is halted, or a request is not understood
  Babble,            ///< the device sent more than fits
  TransactionError,  ///< no answer
  Pending,           ///< the device has kept the packet and will call complete()
};
const char* to_string(UsbStatus s);

/// The eight bytes of a control transfer's setup stage (USB 2.0, 9.3).
struct UsbSetup {
  u8 bmRequestType = 0;
  u8 bRequest = 0;
  u16 wValue = 0;
  u16 wIndex = 0;
  u16 wLength = 0;

  static UsbSetup from_bytes(std::span<const u8, 8> b) {
    return {b[0], b[1], load_le<u16>(&b[2]), load_le<u16>(&b[4]), load_le<u16>(&b[6])};
  }
  /// The data stage goes to the host.
  bool in() const { return bit(bmRequestType, 7); }
  /// bmRequestType and bRequest in one number, for a switch: 0x8006 is GET_DESCRIPTOR of a device.
  u16 request() const { return static_cast<u16>(bmRequestType << 8 | bRequest); }
  u8 value_high() const { return static_cast<u8>(wValue >> 8); }
  u8 value_low() const { return static_cast<u8>(wValue); }
};

/// One transfer.  The controller owns it.  A device uses it inside handle_control() and
/// handle_data(), and after these only when it has answered Pending: then until it calls complete(),
/// or until its cancel() is called.
class UsbPacket {
 public:
  UsbPacket(const UsbPacket&) = delete;
  UsbPacket& operator=(const UsbPacket&) = delete;

  /// Towards the host.
  bool in() const { return in_; }
  /// 0 to 15.
  u8 endpoint() const { return endpoint_; }
  /// bEndpointAddress: the number, and bit 7 for IN.
  u8 address() const { return static_cast<u8>(endpoint_ | (in_ ? 0x80 : 0)); }
  /// The stream of a SuperSpeed bulk endpoint, or 0.
  u16 stream() const { return stream_; }
  /// Bytes of the host's buffer: what an OUT transfer carries, what an IN transfer may at most.
  u32 length() const { return length_; }
  /// How many of them were moved.
  u32 moved() const { return moved_; }
  u32 left() const { return length_ - moved_; }

  /// IN: the next bytes to the host; says how many there was room for.  Who writes more than left()
  /// sends a packet that is too long.  The controller makes that a babble, unless the buffer ends
  /// where a packet does: then the host has only not asked for the rest.
  u32 write(std::span<const u8> bytes);
  /// OUT: the next bytes from the host; says how many there were, the rest of `bytes` is zero.
  u32 read(std::span<u8> bytes);
  /// IN: more was written than fits.
  bool overrun() const { return overrun_; }
  /// The buffer is not memory.  The controller deals with it; a device may go on as if it were.
  bool failed() const { return failed_; }

  /// The end of a transfer that was Pending; any status but Pending and Nak.  The controller may hand
  /// over the next transfer before this returns: it is the last thing that a function does.
  void complete(UsbStatus status) { completed(status); }

 protected:
  UsbPacket() = default;
  ~UsbPacket() = default;
  /// For the controller: a new transfer, with nothing moved.
  void start(bool in, u8 endpoint, u16 stream, u32 length);
  /// Copies at a position of the buffer; the range is inside.  False when it is not memory.
  virtual bool put(u32 at, std::span<const u8> bytes) = 0;
  virtual bool get(u32 at, std::span<u8> bytes) = 0;
  virtual void completed(UsbStatus status) = 0;

 private:
  bool in_ = false, overrun_ = false, failed_ = false;
  u8 endpoint_ = 0;
  u16 stream_ = 0;
  u32 length_ = 0, moved_ = 0;
};

/// Something with a USB plug.  Not a PCI function: it is a unit of its own, which whoever plugged it
/// in resets and saves.  usb_described_device.h is what most derive from.
///
/// Snapshots: the controller hands transfers that were not complete over again after a load, from
/// their first byte.  A device therefore saves itself as it was before a packet that is Pending, and
/// does the same when a packet is cancelled: to the host the transfer has not happened.
class UsbDevice : public Device {
 public:
  using Device::Device;
  ~UsbDevice() override;

  /// Every speed that it can have.
  virtual UsbSpeeds speeds() const = 0;
  /// The speed that it has: the fastest that its port has too.  None while it is not plugged in.
  UsbSpeed speed() const { return speed_; }
  /// Where it is plugged in, or null.
  UsbPort* port() const { return port_; }

  /// A reset of its port: back to the default state (USB 2.0, 9.1.1.3).  No packet is pending.
  virtual void usb_reset() = 0;
  /// A control transfer to endpoint 0.  `data` is its data stage, of length 0 when it has none;
  /// data.length() is the host's buffer and may differ from wLength.
  virtual UsbStatus handle_control(const UsbSetup& setup, UsbPacket& data) = 0;
  /// A transfer of another endpoint; `packet` says which.
  virtual UsbStatus handle_data(UsbPacket& packet) = 0;
  /// A packet that is Pending is taken back: the device forgets it and never completes it.
  virtual void cancel(UsbPacket& packet) = 0;

  /// Hubs: ports 1 to ports(); null for other numbers.
  virtual unsigned ports() const { return 0; }
  virtual UsbPort* downstream(unsigned) { return nullptr; }

  /// Packets get through: every port between it and the controller is enabled.
  bool reachable() const;
  /// One of these ports is suspended.
  bool suspended() const;

 private:
  friend class UsbPort;
  UsbPort* port_ = nullptr;
  UsbSpeed speed_ = UsbSpeed::None;
};

/// Who has a port: the controller's root hub, or a hub.
class UsbPortOwner {
 public:
  /// port.device() was plugged in.  It is not reset, and the port is disabled.
  virtual void attached(UsbPort& port) = 0;
  /// port.device() is about to be taken out.  Its transfers have ended, and the port is disabled.
  virtual void detached(UsbPort& port) = 0;
  /// The device wants the suspended port to be resumed.
  virtual void remote_wakeup(UsbPort& port) = 0;

 protected:
  ~UsbPortOwner() = default;
};

/// A socket.
class UsbPort {
 public:
  enum class State : u8 { Disabled, Enabled, Suspended };

  /// A port of a controller.  `number` counts from 1.
  UsbPort(UsbBus& bus, UsbPortOwner& owner, unsigned number, UsbSpeeds speeds)
      : bus_(&bus), owner_(owner), number_(number), speeds_(speeds) {}
  /// A port of a hub.
  UsbPort(UsbDevice& hub, UsbPortOwner& owner, unsigned number, UsbSpeeds speeds)
      : hub_(&hub), owner_(owner), number_(number), speeds_(speeds) {}
  ~UsbPort();
  UsbPort(const UsbPort&) = delete;
  UsbPort& operator=(const UsbPort&) = delete;

  unsigned number() const { return number_; }
  /// As options write it: "1", "1.2".  Empty for a port of a hub that is not plugged in.
  std::string path() const;
  UsbSpeeds speeds() const { return speeds_; }
  /// The hub that has it; null for a port of the controller.
  UsbDevice* hub() const { return hub_; }
  /// The bus that it is on; null for a port of a hub that is not plugged in.
  UsbBus* bus() const;
  /// What is plugged in, or null.
  UsbDevice* device() const { return device_; }

  /// Plugs a device in, also while the machine runs.  Errors: in use, no common speed, too deep.
  Result<void> attach(UsbDevice& device);
  /// Takes it out.  Transfers to it, and to what is behind it, end with a TransactionError.
  void detach();

  // ---- For the owner.

  State state() const { return state_; }
  /// What the host made of the port.  Resumed ports have their transfers tried again; when one is
  /// no longer enabled, transfers that are pending are taken back.
  void set_state(State state);
  /// After a load, from the owner's restored(): the state without its consequences.
  void restore_state(State state) { state_ = state; }
  /// The host resets the port: the device goes to its default state, and the port is enabled.
  void reset();

  // ---- For the device.

  /// What was answered with Nak on an endpoint (bEndpointAddress) may be tried again.  The
  /// controller may do so before this returns: it is the last thing that a function does.
  void wakeup(u8 endpoint);
  /// Asks for the end of a suspension.  The device has been allowed to (DEVICE_REMOTE_WAKEUP).
  void remote_wakeup();

 private:
  friend class UsbDevice;
  UsbBus* bus_ = nullptr;
  UsbDevice* hub_ = nullptr;
  UsbPortOwner& owner_;
  const unsigned number_;
  const UsbSpeeds speeds_;
  UsbDevice* device_ = nullptr;
  State state_ = State::Disabled;
};

/// What the ports of a host controller lead to.
class UsbBus {
 public:
  /// Hubs between a device and the controller, at most (USB 2.0, 4.1.1).
  static constexpr unsigned kMaxHubs = 5;

  /// Ports 1 to ports(); null for other numbers.
  virtual unsigned ports() const = 0;
  virtual UsbPort* port(unsigned number) = 0;

  /// By path ("1", "1.2").  Errors: no such port.
  Result<UsbPort*> find(std::string_view path);
  /// The first port that has nothing in it and one of `speeds`; ports of the controller come first,
  /// then those of its hubs.  Null when there is none.
  UsbPort* first_free(UsbSpeeds speeds);

  // ---- For ports.

  /// An endpoint (bEndpointAddress) of a device has something to say.
  virtual void wakeup(UsbDevice& device, u8 endpoint) = 0;
  /// A device is gone, or its port is off: its transfers end now, those that were pending with
  /// TransactionError after UsbDevice::cancel().
  virtual void unreachable(UsbDevice& device) = 0;
  /// A device was suspended: what is pending is taken back and waits.
  virtual void suspended(UsbDevice& device) = 0;
  /// What waited for a device may be tried again.
  virtual void resumed(UsbDevice& device) = 0;
  /// A device was taken out, after unreachable(): nothing leads to it any more.
  virtual void removed(UsbDevice& device) = 0;
  /// A device is being destroyed while it is plugged in: its transfers are dropped, and it is not
  /// called any more.
  virtual void destroyed(UsbDevice& device) = 0;

 protected:
  ~UsbBus() = default;
};

}  // namespace quince::hw
