// A USB keyboard: usb-kbd (HID 1.11, appendix B.1 and C).
//
// Modelled: eight modifiers, six keys in a report and the roll-over report for more, the five
// lights.  Each report takes one key event from a queue of UsbHid::kQueue.  When the queue is full,
// events are not queued; once the host has read the queue, the keys that it believes down are made
// those that are down, one report each: no key is ever stuck.
#pragma once

#include "hw/usb/hid/usb_hid.h"

namespace quince::hw {

class UsbKeyboard final : public UsbHid {
 public:
  UsbKeyboard(std::string_view name, bool high_speed, std::string serial, TimerQueue& timers,
              ui::Input& input);

 private:
  /// A set of usages.
  class Keys {
   public:
    bool has(u8 usage) const { return bit(words_[usage / 64u], usage % 64u); }
    void set(u8 usage, bool down) {
      const u64 b = u64{1} << usage % 64u;
      words_[usage / 64u] = down ? words_[usage / 64u] | b : words_[usage / 64u] & ~b;
    }
    bool operator==(const Keys&) const = default;
    /// The lowest usage that is in `a` and not in `b`, or 0.
    static u8 first_only_in(const Keys& a, const Keys& b);
    std::array<u64, 4>& words() { return words_; }
    u8 modifiers() const { return static_cast<u8>(words_[3] >> 32); }

   private:
    std::array<u64, 4> words_{};
  };
  struct State {
    Keys held;   // what is down
    Keys shown;  // what the host has been told
    std::array<u8, kQueue> usage{};
    std::array<bool, kQueue> down{};
    u8 first = 0, count = 0;
    u8 lights = 0;
  };

  bool news() const override { return s_.count != 0 || s_.held != s_.shown; }
  UsbReply next_report() override;
  void event(const ui::InputEvent& e) override;
  void reset_type() override;
  void snapshot_type(Archive& ar) override;
  void restored_type() override;
  bool output(std::span<const u8> data) override;
  UsbReply last_output() const override { return {s_.lights}; }

  void take_event();
  void set_lights(u8 lights);

  State s_;
};

}  // namespace quince::hw
