#include "hw/usb/hid/usb_pointer.h"

#include "hw/core/archive.h"
#include "hw/usb/hid/hid_tables.h"

namespace quince::hw {

namespace {

/// Signed bytes of a report.
constexpr s32 kStep = 127;
/// Movements that nobody reads stop growing here.
constexpr s32 kFarthest = 1 << 20;
constexpr unsigned kMouseButtons = 5, kTabletButtons = 3;

void add(s32& to, s32 by) {
  to = static_cast<s32>(std::clamp<s64>(s64{to} + by, -kFarthest, kFarthest));
}

/// The part that a signed byte has room for; the rest stays.
u8 take_step(s32& from) {
  const s32 step = std::clamp(from, -kStep, kStep);
  from -= step;
  return static_cast<u8>(step);
}

bool near(s32 v) { return v >= -kFarthest && v <= kFarthest; }

}  // namespace

UsbPointer::UsbPointer(std::string_view name, const UsbTable& table, std::string serial,
                       TimerQueue& timers, ui::Input& input, ui::InputKind kind, unsigned buttons)
    : UsbHid(name, table, std::move(serial), timers, input, kind), buttons_(buttons) {}

UsbPointer::Entry& UsbPointer::append() {
  if (s_.count == kQueue) return newest();
  const Entry before = s_.count == 0 ? s_.last : newest();
  ++s_.count;
  return newest() = following(before);
}

void UsbPointer::button(const ui::ButtonInput& b) {
  const unsigned n = static_cast<unsigned>(b.button);
  if (n >= buttons_) return;
  const u8 before = s_.count == 0 ? s_.last.buttons : newest().buttons;
  const u8 now = static_cast<u8>(b.down ? before | 1u << n : before & ~(1u << n));
  if (now == before) return;
  Entry& e = append();
  e.buttons = now;
  e.click = true;
}

void UsbPointer::event(const ui::InputEvent& e) {
  if (const auto* b = std::get_if<ui::ButtonInput>(&e)) return button(*b);
  if (std::holds_alternative<ui::KeyInput>(e)) return;
  if (const auto* w = std::get_if<ui::WheelInput>(&e); w != nullptr && w->dy == 0) return;
  moved(s_.count != 0 && !newest().click ? newest() : append(), e);
}

UsbReply UsbPointer::next_report() {
  if (s_.count == 0) return render(s_.last);
  Entry& e = s_.queue[s_.first];
  UsbReply r = render(e);
  s_.last = following(e);
  if (done(e)) {
    s_.first = static_cast<u8>((s_.first + 1u) % kQueue);
    --s_.count;
  }
  return r;
}

void UsbPointer::snapshot_type(Archive& ar) {
  std::array<u8, kQueue + 1> buttons;
  std::array<s32, kQueue + 1> x, y, wheel;
  std::array<bool, kQueue + 1> click;
  const auto entry = [&](unsigned i) -> Entry& { return i == kQueue ? s_.last : s_.queue[i]; };
  for (unsigned i = 0; i <= kQueue; ++i) {
    const Entry& e = entry(i);
    buttons[i] = e.buttons;
    x[i] = e.x;
    y[i] = e.y;
    wheel[i] = e.wheel;
    click[i] = e.click;
  }
  ar.field("buttons", buttons);
  ar.field("x", x);
  ar.field("y", y);
  ar.field("wheel", wheel);
  ar.field("click", click);
  ar.field("first", s_.first);
  ar.field("count", s_.count);
  for (unsigned i = 0; i <= kQueue; ++i) {
    Entry& e = entry(i);
    e = {buttons[i], x[i], y[i], wheel[i], click[i]};
    if (buttons[i] >> buttons_ != 0 || !near(wheel[i]) || !valid(e)) {
      ar.refuse("buttons", "an entry is out of range");
      e = {};
    }
  }
  if (s_.first >= kQueue || s_.count > kQueue) {
    ar.refuse("count", "out of range");
    s_.first = s_.count = 0;
  }
}

// ---- Mouse -------------------------------------------------------------------------------------

UsbMouse::UsbMouse(std::string_view name, bool high_speed, std::string serial, TimerQueue& timers,
                   ui::Input& input)
    : UsbPointer(name, hid_mouse_table(high_speed), std::move(serial), timers, input, ui::kRelative,
                 kMouseButtons) {}

void UsbMouse::moved(Entry& e, const ui::InputEvent& event) const {
  if (const auto* m = std::get_if<ui::MotionInput>(&event)) {
    add(e.x, m->dx);
    add(e.y, m->dy);
  } else if (const auto* w = std::get_if<ui::WheelInput>(&event)) {
    add(e.wheel, w->dy);
  }
}

UsbReply UsbMouse::render(Entry& e) {
  UsbReply r(kHidMouseReport);
  r[0] = e.buttons;
  r[1] = take_step(e.x);
  r[2] = take_step(e.y);
  r[3] = take_step(e.wheel);
  return r;
}

bool UsbMouse::valid(const Entry& e) const { return near(e.x) && near(e.y); }

// ---- Tablet ------------------------------------------------------------------------------------

UsbTablet::UsbTablet(std::string_view name, bool high_speed, std::string serial, TimerQueue& timers,
                     ui::Input& input)
    : UsbPointer(name, hid_tablet_table(high_speed), std::move(serial), timers, input,
                 ui::kAbsolute, kTabletButtons) {}

void UsbTablet::moved(Entry& e, const ui::InputEvent& event) const {
  if (const auto* p = std::get_if<ui::PositionInput>(&event)) {
    e.x = std::min(p->x, ui::PositionInput::kMax);
    e.y = std::min(p->y, ui::PositionInput::kMax);
  } else if (const auto* w = std::get_if<ui::WheelInput>(&event)) {
    add(e.wheel, w->dy);
  }
}

UsbReply UsbTablet::render(Entry& e) {
  UsbReply r(kHidTabletReport);
  r[0] = e.buttons;
  store_le<u16>(&r[1], static_cast<u16>(e.x));
  store_le<u16>(&r[3], static_cast<u16>(e.y));
  r[5] = take_step(e.wheel);
  return r;
}

bool UsbTablet::valid(const Entry& e) const {
  const auto inside = [](s32 v) { return v >= 0 && v <= ui::PositionInput::kMax; };
  return inside(e.x) && inside(e.y);
}

}  // namespace quince::hw
