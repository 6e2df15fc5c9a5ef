#include "ui/keyboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace quince::ui {

namespace {

// clang-format off
constexpr HotKeyInfo kHotKeys[] = {
    // Usages of the HID Usage Tables, page 0x07.
    {HotKey::FullScreen,   0x09, "F",     "full screen, and back"},
    {HotKey::Grab,         0x0a, "G",     "grabs keyboard and mouse, and releases them"},
    {HotKey::OriginalSize, 0x18, "U",     "makes the window as large as the picture"},
    {HotKey::Screenshot,   0x16, "S",     "writes a screenshot: to the file of -screenshot, or one named by the date"},
    {HotKey::Status,       0x0c, "I",     "shows instructions, CPU time, frames, disk and network by second"},
    {HotKey::CtrlAltDel,   0x4d, "End",   "presses Ctrl+Alt+Del in the guest"},
    {HotKey::Pause,        0x48, "Pause", "stops the machine, and lets it go on"},
    {HotKey::Reset,        0x15, "R",     "resets the machine"},
    {HotKey::PowerButton,  0x13, "P",     "presses the power button"},
    {HotKey::Quit,         0x14, "Q",     "ends the machine"},
};
// clang-format on

constexpr u8 kFirstModifier = key::kLeftControl, kLastModifier = key::kRightGui;

/// Bits from kFirstModifier on.
unsigned bits_of(HotKeyModifier modifier) {
  const auto bit = [](u8 usage) { return 1u << (usage - kFirstModifier); };
  switch (modifier) {
    case HotKeyModifier::LeftCtrlAlt:
      return bit(key::kLeftControl) | bit(key::kLeftAlt);
    case HotKeyModifier::LeftShiftCtrlAlt:
      return bit(key::kLeftShift) | bit(key::kLeftControl) | bit(key::kLeftAlt);
    case HotKeyModifier::RightCtrl:
      return bit(key::kRightControl);
  }
  return 0;
}

}  // namespace

std::span<const HotKeyInfo> hot_keys() { return kHotKeys; }

const char* to_string(HotKeyModifier modifier) {
  switch (modifier) {
    case HotKeyModifier::LeftCtrlAlt:
      return "Ctrl+Alt";
    case HotKeyModifier::LeftShiftCtrlAlt:
      return "Shift+Ctrl+Alt";
    case HotKeyModifier::RightCtrl:
      return "Right Ctrl";
  }
  return "";
}

std::string name_of(HotKey hot_key, HotKeyModifier modifier) {
  const auto it = std::find_if(std::begin(kHotKeys), std::end(kHotKeys),
                               [&](const HotKeyInfo& k) { return k.hot_key == hot_key; });
  return it == std::end(kHotKeys) ? "" : fmt::format("{}+{}", to_string(modifier), it->key);
}

std::string hot_keys_help() {
  std::string s = fmt::format("Keys of the window, with {} unless grab-mod= says otherwise:\n",
                              to_string(HotKeyModifier::LeftCtrlAlt));
  for (const HotKeyInfo& k : kHotKeys) s += fmt::format("  {:<6} {}\n", k.key, k.does);
  return s;
}

bool Keyboard::modifier_held() const {
  unsigned bits = 0;
  for (unsigned usage = kFirstModifier; usage <= kLastModifier; ++usage)
    if (pressed_[usage]) bits |= 1u << (usage - kFirstModifier);
  return bits == bits_of(modifier_);
}

std::vector<InputEvent> Keyboard::let_go() {
  std::vector<InputEvent> events;
  for (unsigned usage = 0; usage < held_.size(); ++usage)
    if (held_[usage]) events.emplace_back(KeyInput{static_cast<u8>(usage), false});
  held_.reset();
  return events;
}

Keyboard::Outcome Keyboard::key(u8 usage, bool down) {
  if (pressed_[usage] == down) return {};
  pressed_[usage] = down;
  if (!down) {
    if (!held_[usage]) return {};
    held_[usage] = false;
    return {.events = {KeyInput{usage, false}}};
  }
  const auto it = std::find_if(std::begin(kHotKeys), std::end(kHotKeys),
                               [&](const HotKeyInfo& k) { return k.usage == usage; });
  if (it != std::end(kHotKeys) && modifier_held()) return {it->hot_key, let_go()};
  held_[usage] = true;
  return {.events = {KeyInput{usage, true}}};
}

std::vector<InputEvent> Keyboard::release_all() {
  pressed_.reset();
  return let_go();
}

std::vector<InputEvent> Keyboard::ctrl_alt_del(bool down) {
  std::vector<InputEvent> events;
  for (const u8 usage : {key::kLeftControl, key::kLeftAlt, key::kDelete})
    events.emplace_back(KeyInput{usage, down});
  return events;
}

}  // namespace quince::ui
