// Input devices (virtio 1.2, 5.8): a keyboard, a mouse, a tablet.
//
// Modelled: both queues, the whole configuration space; keys, buttons, wheels, motions and places as
// events of Linux (linux/input-event-codes.h); lights by the status queue.  Deliberately missing:
// force feedback, touch, a device of the host that is passed through.
//
// Names and ids are shaped as QEMU's (bus "virtual", vendor 0x0627).  As there, wheels turn REL_WHEEL
// and REL_HWHEEL, and a driver that gives no buffers loses events.  Unlike there, it does not lose the
// end of a key: up to kMaxPending events wait, and when more come, the device remembers which keys are
// down and says afterwards what has changed.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/result.h"
#include "hw/virtio/virtio_device.h"
#include "ui/input.h"

namespace quince::hw {

enum class VirtioInputKind : u8 { Keyboard, Mouse, Tablet };

struct VirtioInputConfig {
  static constexpr std::size_t kMaxText = 128;  ///< bytes

  u64 features = VirtioDevice::kCommonFeatures;
  VirtioInputKind kind = VirtioInputKind::Keyboard;
  std::string serial = {};  ///< what the driver reads; may be empty

  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

/// struct virtio_input_event.
struct VirtioInputEvent {
  u16 type = 0, code = 0;
  u32 value = 0;
};
static_assert(sizeof(VirtioInputEvent) == 8);

class VirtioInput final : public VirtioDevice, public ui::InputReceiver {
 public:
  static constexpr unsigned kEvents = 0, kStatus = 1;  ///< queues (5.8.2)
  static constexpr u16 kQueueSize = 64;
  static constexpr u32 kConfigSize = 136;
  static constexpr std::size_t kMaxPending = 1024;  ///< events that wait for buffers

  /// `config` passed check(); `input` outlives the device.
  VirtioInput(std::string_view name, const VirtioInputConfig& config, ui::Input& input, Log& log,
              TimerQueue& timers);
  ~VirtioInput() override;

  u32 config_size() const override { return kConfigSize; }

  // ui::InputReceiver.
  unsigned input_kinds() const override;
  bool input_ready() const override { return driver_ok() && filled_; }
  void input(std::span<const ui::InputEvent> events) override;

 private:
  static constexpr std::size_t kCodes = 768;  // KEY_CNT
  using KeySet = std::array<u64, kCodes / 64>;
  static bool has(const KeySet& s, u16 code) { return bit(s[code / 64], code % 64); }
  static void put(KeySet& s, u16 code, bool on);

  bool handle_queue(unsigned n) override;
  void reset_type() override;
  void negotiated() override { input_.changed(); }
  void snapshot_type(Archive& ar) override;
  void restored_type() override;
  void fill_config(std::span<u8> out) const override;
  bool config_written(u64 off, std::span<const u8> in) override;

  std::size_t describe(std::span<u8> out) const;
  std::size_t event_bits(u8 type, std::span<u8> out) const;
  void key(u16 code, bool down);
  void add(u16 type, u16 code, s32 value);
  void catch_up();
  bool feed();
  bool take_status();
  void set_lights(u8 lights);

  const VirtioInputConfig config_;
  ui::Input& input_;
  VirtqElement element_;

  // The state.
  u8 select_ = 0, subsel_ = 0;
  bool filled_ = false;  // the driver has given buffers for events
  u8 lights_ = 0;
  KeySet down_{}, told_{};  // keys and buttons: as they are, and as the driver knows or will know
  std::vector<VirtioInputEvent> pending_;
};

}  // namespace quince::hw
