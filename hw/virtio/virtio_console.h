// Console device (virtio 1.2, 5.3), with several ports: what QEMU calls virtio-serial.
//
// Modelled: up to 31 ports, each a console or a serial port with a name; the control queues
// (VIRTIO_CONSOLE_F_MULTIPORT), by which both sides open and close ports; console sizes
// (VIRTIO_CONSOLE_F_SIZE); the emergency character (VIRTIO_CONSOLE_F_EMERG_WRITE).  Deliberately
// missing: ports that come and go while the machine runs (DEVICE_REMOVE).
//
// As in QEMU: port 0 is for a console, and the first console is put there; a serial port is open on
// the host's side while its back end has somebody at the other end, a console always; what a guest
// writes to a port that is closed there is taken and goes nowhere.  Unlike there: no control
// message is lost when the driver has no buffer for it.
//
// Nothing is copied into the device.  Input stays in the back end until the port is open and its
// ring has a buffer, and a back end whose port never opens is never asked to wait for it.  Output
// that the back end has no room for stays in the guest's ring; the device remembers how much of the
// first chain went out.  So no chain is in flight outside of a call.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "hw/core/char_port.h"
#include "hw/virtio/virtio_device.h"

namespace quince::hw {

struct VirtioConsoleConfig {
  u64 features = VirtioDevice::kCommonFeatures;  ///< of every type; those of consoles are added
  u32 max_ports = 31;                            ///< 1: no control queues, and only port 0
  bool emergency_write = true;

  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

/// One port.
struct VirtioPortConfig {
  bool console = false;
  std::string name = {};  ///< what the guest's driver calls it; may be empty
  std::optional<u32> nr = {};
};

class VirtioConsole final : public VirtioDevice {
 public:
  static constexpr u32 kMaxPorts = 31;
  static constexpr u16 kQueueSize = 128, kControlQueueSize = 32;
  static constexpr u32 kConfigSize = 12;
  static constexpr std::size_t kMaxName = 255;  ///< bytes
  /// Output of one port that one notification moves; more waits for the machine thread.
  static constexpr u64 kPassBytes = 64 * KiB;

  // Queue numbers (5.3.2).
  static constexpr unsigned kControlReceive = 2, kControlTransmit = 3;
  static constexpr unsigned receive_queue(u32 nr) { return nr == 0 ? 0 : 2 * nr + 2; }
  static constexpr unsigned transmit_queue(u32 nr) { return receive_queue(nr) + 1; }

  /// `config` passed check().
  VirtioConsole(std::string_view name, const VirtioConsoleConfig& config, Log& log,
                TimerQueue& timers);
  ~VirtioConsole() override;

  /// Adds a port before the machine runs, and says its number.  `back_end` outlives the device; with
  /// null nothing is at the other end.  An error begins with the property.
  Result<u32> add_port(const VirtioPortConfig& config, CharPort* back_end);
  /// The terminal of a console has another size now, in characters.
  void set_size(u32 nr, u16 cols, u16 rows);
  /// Whether the guest has opened a port.
  bool guest_open(u32 nr) const;

  u32 config_size() const override { return kConfigSize; }

 private:
  class Port;
  /// What has to be told about a port, or-ed.  Openings and sizes are compared with what was told.
  enum Pending : u8 { kAdd = 1, kConsole = 2, kName = 4, kClosed = 8, kAll = 15 };
  struct PortState {
    bool ready = false;       // the driver knows the port
    bool guest_open = false;  // ... and a program in the guest has opened it
    bool told_open = false;   // what the driver knows of our side
    u8 pending = 0;
    u16 told_cols = 0, told_rows = 0;
    u64 sent = 0;  // bytes of the first available chain that went out
  };
  /// What the host decides, not the driver.
  struct HostSide {
    bool open = false;
    u16 cols = 0, rows = 0;
    bool operator==(const HostSide&) const = default;
  };
  struct Message {
    u16 event = 0, value = 0;
  };

  bool handle_queue(unsigned n) override;
  void stop(std::optional<unsigned> only) override;
  void reset_type() override;
  void snapshot_type(Archive& ar) override;
  void restored_type() override;
  void fill_config(std::span<u8> out) const override;
  bool config_written(u64 off, std::span<const u8> in) override;

  static u64 all_features(const VirtioConsoleConfig& config);
  static std::vector<u16> queue_sizes(const VirtioConsoleConfig& config);
  bool multiport() const { return has_feature(VIRTIO_CONSOLE_F_MULTIPORT); }
  Port* port(u32 nr) const { return nr < kMaxPorts ? ports_[nr].get() : nullptr; }
  Result<u32> choose_number(const VirtioPortConfig& config) const;

  // Control messages.
  bool take_control();
  void on_control(const VirtioConsoleControl& c);
  std::optional<Message> to_tell(const Port& p) const;
  void told(Port& p, Message m);
  void tell();

  // Data.
  bool is_open(const Port& p) const;
  std::size_t input_room(const Port& p);
  void input(Port& p, std::span<const u8> data);
  bool output(u32 nr, Port* p);
  u64 write_out(Port& p, u64 limit);
  void peer_changed(Port& p, bool on);

  const VirtioConsoleConfig config_;
  std::array<std::unique_ptr<Port>, kMaxPorts> ports_;
  VirtqElement element_;
  std::vector<iovec> parts_;
};

}  // namespace quince::hw
