// What a person does with keyboard and pointer, on its way from front ends to input devices.
//
// Keys are usages of the USB HID Usage Tables 1.22, page 0x07 (10, Keyboard/Keypad Page): that is
// what USB keyboards report, and every front end and every other device translates to and from
// them.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "base/types.h"
#include "ui/host.h"

namespace quince::ui {

/// The usages that code names; the others are numbers of the table.
namespace key {
inline constexpr u8 kA = 0x04, k1 = 0x1e, kEnter = 0x28, kEscape = 0x29, kBackspace = 0x2a,
                    kTab = 0x2b, kSpace = 0x2c, kCapsLock = 0x39, kF1 = 0x3a, kDelete = 0x4c,
                    kScrollLock = 0x47, kNumLock = 0x53;
inline constexpr u8 kLeftControl = 0xe0, kLeftShift = 0xe1, kLeftAlt = 0xe2, kLeftGui = 0xe3,
                    kRightControl = 0xe4, kRightShift = 0xe5, kRightAlt = 0xe6, kRightGui = 0xe7;
}  // namespace key

/// A key went down or up.  No repeats: guests make their own.
struct KeyInput {
  u8 usage = 0;
  bool down = false;
  bool operator==(const KeyInput&) const = default;
};

enum class PointerButton : u8 { Left, Right, Middle, Back, Forward };
inline constexpr unsigned kPointerButtons = 5;

struct ButtonInput {
  PointerButton button = PointerButton::Left;
  bool down = false;
  bool operator==(const ButtonInput&) const = default;
};

/// The pointer is at a place of the picture: 0 to kMax from the left or top edge to the other.
struct PositionInput {
  static constexpr u16 kMax = 0x7fff;
  u16 x = 0, y = 0;
  bool operator==(const PositionInput&) const = default;
};

/// The pointer was moved: in the units of a mouse, down and to the right positive.
struct MotionInput {
  s32 dx = 0, dy = 0;
  bool operator==(const MotionInput&) const = default;
};

/// Notches, up (away from the person) and to the right positive.
struct WheelInput {
  s32 dx = 0, dy = 0;
  bool operator==(const WheelInput&) const = default;
};

using InputEvent = std::variant<KeyInput, ButtonInput, PositionInput, MotionInput, WheelInput>;

/// What a device can be told: bits.
enum InputKind : unsigned { kKeys = 1, kAbsolute = 2, kRelative = 4 };

/// Lights of a keyboard, as bits of the HID LED page in the order of a boot keyboard's report.
enum KeyboardLight : u8 {
  kNumLight = 1,
  kCapsLight = 2,
  kScrollLight = 4,
  kComposeLight = 8,
  kKanaLight = 16
};

/// An input device.  Called on the machine thread with the I/O lock held.
class InputReceiver {
 public:
  /// Of InputKind.
  virtual unsigned input_kinds() const = 0;
  /// The guest has a driver that listens.
  virtual bool input_ready() const = 0;
  /// What happened at one moment, in order; only of the device's kinds.
  virtual void input(std::span<const InputEvent> events) = 0;

 protected:
  ~InputReceiver() = default;
};

/// Where front ends put events in and devices take them out.
///
/// Of the devices of a kind, the last one that was added and is ready gets the events, or, while none
/// is ready, the last one.  Buttons and wheels go to the device of positions, when one is ready, and
/// else to that of motions.  What went down at one device goes up there too.
class Input {
 public:
  explicit Input(Host& host) : host_(host), state_(std::make_shared<State>()) {}
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // ---- For devices, with the I/O lock held.

  void add(InputReceiver& receiver);
  void remove(InputReceiver& receiver);
  /// A receiver's input_ready() or input_kinds() is another now.
  void changed();
  /// The guest has set the lights of the keyboard: of KeyboardLight.
  void set_lights(u8 lights) { state_->lights.store(lights, std::memory_order_relaxed); }

  // ---- For front ends, on any thread.

  /// What happened at one moment.  Positions are of the first console.
  void send(std::vector<InputEvent> events);
  /// The kinds for which there is a device that is ready: of InputKind.
  unsigned kinds() const { return state_->kinds.load(std::memory_order_relaxed); }
  u8 lights() const { return state_->lights.load(std::memory_order_relaxed); }

 private:
  struct State {
    std::vector<InputReceiver*> receivers;          // under the I/O lock, as are the next two
    std::array<InputReceiver*, 256> key_holders{};  // where a usage is down, or null
    std::array<InputReceiver*, kPointerButtons> button_holders{};
    std::atomic<unsigned> kinds{0};
    std::atomic<u8> lights{0};
    InputReceiver* receiver_of(InputKind kind) const;
    InputReceiver* pointer() const;
    InputReceiver* receiver_of(const InputEvent& e);
    void deliver(std::span<const InputEvent> events);
  };
  Host& host_;
  std::shared_ptr<State> state_;  // shared with events on their way
};

}  // namespace quince::ui
