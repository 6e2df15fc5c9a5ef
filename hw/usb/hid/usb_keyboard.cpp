#include "hw/usb/hid/usb_keyboard.h"

#include <bit>

#include "hw/core/archive.h"
#include "hw/usb/hid/hid_tables.h"

namespace quince::hw {

namespace {

// HID Usage Tables 1.22, page 7: what is below kFirstKey is no key, nor what is above kLastKey.
constexpr u8 kErrorRollOver = 0x01, kFirstKey = 0x04, kLastKey = ui::key::kRightGui;
constexpr unsigned kKeysInReport = 6, kFirstInReport = 2;
constexpr u8 kLights = 0x1f;

}  // namespace

UsbKeyboard::UsbKeyboard(std::string_view name, bool high_speed, std::string serial,
                         TimerQueue& timers, ui::Input& input)
    : UsbHid(name, hid_keyboard_table(high_speed), std::move(serial), timers, input, ui::kKeys) {}

u8 UsbKeyboard::Keys::first_only_in(const Keys& a, const Keys& b) {
  for (unsigned w = 0; w < a.words_.size(); ++w)
    if (const u64 only = a.words_[w] & ~b.words_[w]; only != 0)
      return static_cast<u8>(w * 64u + static_cast<unsigned>(std::countr_zero(only)));
  return 0;
}

void UsbKeyboard::event(const ui::InputEvent& e) {
  const auto* key = std::get_if<ui::KeyInput>(&e);
  if (key == nullptr || key->usage < kFirstKey || key->usage > kLastKey) return;
  if (s_.held.has(key->usage) == key->down) return;
  s_.held.set(key->usage, key->down);
  if (s_.count == kQueue) return;
  const unsigned at = (s_.first + s_.count) % kQueue;
  s_.usage[at] = key->usage;
  s_.down[at] = key->down;
  ++s_.count;
}

/// One key of the queue, or, when it is empty, one that the queue had no room for.
void UsbKeyboard::take_event() {
  if (s_.count != 0) {
    s_.shown.set(s_.usage[s_.first], s_.down[s_.first]);
    s_.first = static_cast<u8>((s_.first + 1u) % kQueue);
    --s_.count;
  } else if (const u8 up = Keys::first_only_in(s_.shown, s_.held); up != 0) {
    s_.shown.set(up, false);
  } else if (const u8 down = Keys::first_only_in(s_.held, s_.shown); down != 0) {
    s_.shown.set(down, true);
  }
}

UsbReply UsbKeyboard::next_report() {
  take_event();
  UsbReply r(kHidKeyboardReport);
  r[0] = s_.shown.modifiers();
  unsigned keys = 0;
  for (unsigned usage = kFirstKey; usage < ui::key::kLeftControl; ++usage) {
    if (!s_.shown.has(static_cast<u8>(usage))) continue;
    if (keys == kKeysInReport) {
      std::fill(r.begin() + kFirstInReport, r.end(), kErrorRollOver);
      break;
    }
    r[kFirstInReport + keys++] = static_cast<u8>(usage);
  }
  return r;
}

bool UsbKeyboard::output(std::span<const u8> data) {
  if (data.empty()) return false;
  set_lights(data[0] & kLights);
  return true;
}

void UsbKeyboard::set_lights(u8 lights) {
  if (lights == s_.lights) return;
  s_.lights = lights;
  front_end().set_lights(lights);
}

void UsbKeyboard::reset_type() {
  set_lights(0);
  s_ = {};
}

void UsbKeyboard::restored_type() { front_end().set_lights(s_.lights); }

void UsbKeyboard::snapshot_type(Archive& ar) {
  ar.field("held", s_.held.words());
  ar.field("shown", s_.shown.words());
  ar.field("usage", s_.usage);
  ar.field("down", s_.down);
  ar.field("first", s_.first);
  ar.field("count", s_.count);
  ar.field("lights", s_.lights);
  const auto real = [](Keys& k) {
    return (k.words()[0] & low_mask(kFirstKey)) == 0 && (k.words()[3] >> 40) == 0;
  };
  if (!real(s_.held)) ar.refuse("held", "no keys");
  if (!real(s_.shown)) ar.refuse("shown", "no keys");
  for (u8 usage : s_.usage)
    if (usage != 0 && (usage < kFirstKey || usage > kLastKey)) ar.refuse("usage", "no key");
  if (s_.first >= kQueue || s_.count > kQueue) {
    ar.refuse("count", "out of range");
    s_.first = s_.count = 0;
  }
  if (s_.lights > kLights) ar.refuse("lights", "out of range");
}

}  // namespace quince::hw
