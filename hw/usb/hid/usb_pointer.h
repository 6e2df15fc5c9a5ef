// USB pointers: usb-mouse (relative, HID 1.11 appendix B.2) and usb-tablet (absolute).
//
// Both have a queue of UsbHid::kQueue entries: where the pointer was (or how far it moved), the
// wheel and the buttons.  A movement goes into the newest entry that the host has not read, unless
// that entry is a change of buttons: a click stays where it was made.  When the queue is full
// everything goes into its newest entry.  Wheel and mouse movements that do not fit into a report
// go on in the next one.
#pragma once

#include "hw/usb/hid/usb_hid.h"

namespace quince::hw {

class UsbPointer : public UsbHid {
 protected:
  struct Entry {
    u8 buttons = 0;  // bit 0 left, 1 right, 2 middle, 3 back, 4 forward
    s32 x = 0, y = 0;
    s32 wheel = 0;
    bool click = false;  // the buttons are others than in the entry before
  };

  /// `buttons`: how many the device has.
  UsbPointer(std::string_view name, const UsbTable& table, std::string serial, TimerQueue& timers,
             ui::Input& input, ui::InputKind kind, unsigned buttons);

  /// From what an entry says, what goes into a report now, and removes it.  `x` and `y` of a new
  /// entry begin as `after` says.
  virtual UsbReply render(Entry& e) = 0;
  /// Whether everything that an entry says was reported.
  virtual bool done(const Entry& e) const = 0;
  virtual Entry following(const Entry& e) const = 0;
  virtual void moved(Entry& e, const ui::InputEvent& event) const = 0;
  virtual bool valid(const Entry& e) const = 0;

 private:
  struct State {
    std::array<Entry, kQueue> queue;
    u8 first = 0, count = 0;
    Entry last;  // what the host has been told
  };

  bool news() const override { return s_.count != 0; }
  UsbReply next_report() override;
  void event(const ui::InputEvent& e) override;
  void reset_type() override { s_ = {}; }
  void snapshot_type(Archive& ar) override;

  Entry& newest() { return s_.queue[(s_.first + s_.count - 1u) % kQueue]; }
  /// A new entry behind the newest one, or the newest one when there is no room.
  Entry& append();
  void button(const ui::ButtonInput& b);

  const unsigned buttons_;
  State s_;
};

class UsbMouse final : public UsbPointer {
 public:
  UsbMouse(std::string_view name, bool high_speed, std::string serial, TimerQueue& timers,
           ui::Input& input);

 private:
  UsbReply render(Entry& e) override;
  bool done(const Entry& e) const override { return e.x == 0 && e.y == 0 && e.wheel == 0; }
  Entry following(const Entry& e) const override { return {.buttons = e.buttons}; }
  void moved(Entry& e, const ui::InputEvent& event) const override;
  bool valid(const Entry& e) const override;
};

class UsbTablet final : public UsbPointer {
 public:
  UsbTablet(std::string_view name, bool high_speed, std::string serial, TimerQueue& timers,
            ui::Input& input);

 private:
  UsbReply render(Entry& e) override;
  bool done(const Entry& e) const override { return e.wheel == 0; }
  Entry following(const Entry& e) const override {
    return {.buttons = e.buttons, .x = e.x, .y = e.y};
  }
  void moved(Entry& e, const ui::InputEvent& event) const override;
  bool valid(const Entry& e) const override;
};

}  // namespace quince::hw
