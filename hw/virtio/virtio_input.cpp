#include "hw/virtio/virtio_input.h"

#include <linux/input-event-codes.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "hw/input/key_codes.h"

namespace quince::hw {

namespace {

// struct virtio_input_config (5.8.4).
constexpr std::size_t kSelect = 0, kSubsel = 1, kSize = 2, kUnion = 8;
constexpr u8 VIRTIO_INPUT_CFG_ID_NAME = 0x01, VIRTIO_INPUT_CFG_ID_SERIAL = 0x02,
             VIRTIO_INPUT_CFG_ID_DEVIDS = 0x03, VIRTIO_INPUT_CFG_EV_BITS = 0x11,
             VIRTIO_INPUT_CFG_ABS_INFO = 0x12;

constexpr u16 kQueueSizes[] = {VirtioInput::kQueueSize, VirtioInput::kQueueSize};
constexpr u16 kBusVirtual = 0x06, kVendor = 0x0627, kVersion = 1;
constexpr u16 kButtons[ui::kPointerButtons] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE,
                                               BTN_EXTRA};
constexpr u8 kLights =
    ui::kNumLight | ui::kCapsLight | ui::kScrollLight | ui::kComposeLight | ui::kKanaLight;
static_assert(1 << LED_NUML == ui::kNumLight && 1 << LED_CAPSL == ui::kCapsLight &&
              1 << LED_SCROLLL == ui::kScrollLight && 1 << LED_COMPOSE == ui::kComposeLight &&
              1 << LED_KANA == ui::kKanaLight);

struct KindInfo {
  const char* name;
  u16 product;
  unsigned kinds;
};
const KindInfo& info_of(VirtioInputKind k) {
  static constexpr KindInfo kKinds[] = {{"Quince Virtio Keyboard", 1, ui::kKeys},
                                        {"Quince Virtio Mouse", 2, ui::kRelative},
                                        {"Quince Virtio Tablet", 3, ui::kAbsolute}};
  return kKinds[static_cast<unsigned>(k)];
}

/// Sets a bit of a bitmap, and says how many bytes it has now.
std::size_t set(std::span<u8> map, unsigned n, std::size_t bytes) {
  map[n / 8] |= static_cast<u8>(1 << (n % 8));
  return std::max<std::size_t>(bytes, n / 8 + 1);
}

}  // namespace

Result<void> VirtioInputConfig::check() const {
  if (serial.size() > kMaxText) return fail("serial: must have at most {} bytes", kMaxText);
  return {};
}

VirtioInput::VirtioInput(std::string_view name, const VirtioInputConfig& config, ui::Input& input,
                         Log& log, TimerQueue& timers)
    : VirtioDevice(name, VirtioId::Input, config.features, kQueueSizes, log, timers),
      config_(config),
      input_(input) {
  input_.add(*this);
}

VirtioInput::~VirtioInput() { input_.remove(*this); }

// ---- Life ---------------------------------------------------------------------------------------

void VirtioInput::reset_type() {
  select_ = subsel_ = 0;
  filled_ = false;
  down_ = told_ = {};
  pending_.clear();
  set_lights(0);
  input_.changed();
}

void VirtioInput::snapshot_type(Archive& ar) {
  static_assert(sizeof(VirtioInputEvent) == 8);
  std::vector<u8> pending(pending_.size() * sizeof(VirtioInputEvent));
  if (!pending.empty()) std::memcpy(pending.data(), pending_.data(), pending.size());
  ar.field("select", select_);
  ar.field("subsel", subsel_);
  ar.field("filled", filled_);
  ar.field("lights", lights_);
  ar.field("down", down_);
  ar.field("told", told_);
  ar.blob("pending", pending, kMaxPending * sizeof(VirtioInputEvent));
  if (!ar.loading()) return;
  lights_ &= kLights;
  if (pending.size() % sizeof(VirtioInputEvent) != 0) {
    ar.refuse("pending", "part of an event");
    pending.clear();
  }
  pending_.resize(pending.size() / sizeof(VirtioInputEvent));
  if (!pending.empty()) std::memcpy(pending_.data(), pending.data(), pending.size());
  for (unsigned n = 0; n < queue_count(); ++n)
    if (queue(n)->in_flight_count() != 0) ar.refuse("in_flight", "this device keeps no chains");
}

void VirtioInput::restored_type() {
  set_lights(lights_);
  input_.changed();
}

void VirtioInput::set_lights(u8 lights) {
  lights_ = lights;
  if (config_.kind == VirtioInputKind::Keyboard) input_.set_lights(lights);
}

// ---- Configuration ------------------------------------------------------------------------------

void VirtioInput::fill_config(std::span<u8> out) const {
  out[kSelect] = select_;
  out[kSubsel] = subsel_;
  out[kSize] = static_cast<u8>(describe(out.subspan(kUnion)));
}

bool VirtioInput::config_written(u64 off, std::span<const u8> in) {
  if (off > kSubsel || in.size() > 2 - off) return false;
  for (std::size_t i = 0; i < in.size(); ++i) (off + i == kSelect ? select_ : subsel_) = in[i];
  return true;
}

/// What the driver selected; says how many bytes it has.  0: nothing.
std::size_t VirtioInput::describe(std::span<u8> out) const {
  const auto text = [&](std::string_view s) {
    std::copy(s.begin(), s.end(), out.begin());
    return s.size();
  };
  if (select_ == VIRTIO_INPUT_CFG_EV_BITS) return event_bits(subsel_, out);
  if (select_ == VIRTIO_INPUT_CFG_ABS_INFO) {
    if (config_.kind != VirtioInputKind::Tablet || subsel_ > ABS_Y) return 0;
    store_le<u32>(&out[4], ui::PositionInput::kMax);  // min, max, fuzz, flat, res
    return 20;
  }
  if (subsel_ != 0) return 0;
  const KindInfo& info = info_of(config_.kind);
  if (select_ == VIRTIO_INPUT_CFG_ID_NAME) return text(info.name);
  if (select_ == VIRTIO_INPUT_CFG_ID_SERIAL) return text(config_.serial);
  if (select_ != VIRTIO_INPUT_CFG_ID_DEVIDS) return 0;
  const u16 ids[] = {kBusVirtual, kVendor, info.product, kVersion};
  for (std::size_t i = 0; i < std::size(ids); ++i) store_le<u16>(&out[2 * i], ids[i]);
  return sizeof ids;
}

std::size_t VirtioInput::event_bits(u8 type, std::span<u8> out) const {
  std::size_t n = 0;
  if (config_.kind == VirtioInputKind::Keyboard) {
    if (type == EV_KEY)
      for (const KeyCode& k : key_codes()) n = set(out, k.linux, n);
    if (type == EV_LED)
      for (unsigned led = LED_NUML; led <= LED_KANA; ++led) n = set(out, led, n);
    // The driver repeats keys itself: that there is a byte says so.
    return type == EV_REP ? 1 : n;
  }
  if (type == EV_KEY)
    for (const u16 button : kButtons) n = set(out, button, n);
  if (type == EV_REL) {
    n = set(out, REL_WHEEL, set(out, REL_HWHEEL, n));
    if (config_.kind == VirtioInputKind::Mouse) n = set(out, REL_X, set(out, REL_Y, n));
  }
  if (type == EV_ABS && config_.kind == VirtioInputKind::Tablet)
    n = set(out, ABS_X, set(out, ABS_Y, n));
  return n;
}

// ---- From front ends ----------------------------------------------------------------------------

unsigned VirtioInput::input_kinds() const { return info_of(config_.kind).kinds; }

void VirtioInput::put(KeySet& s, u16 code, bool on) {
  const u64 b = u64{1} << (code % 64);
  s[code / 64] = on ? s[code / 64] | b : s[code / 64] & ~b;
}

void VirtioInput::input(std::span<const ui::InputEvent> events) {
  if (!driver_ok()) return;  // there is nobody, and it will begin with no key down
  const std::size_t before = pending_.size();
  for (const ui::InputEvent& e : events) {
    if (const auto* k = std::get_if<ui::KeyInput>(&e)) {
      if (const u16 code = linux_key(k->usage); code != 0) key(code, k->down);
    } else if (const auto* b = std::get_if<ui::ButtonInput>(&e)) {
      key(kButtons[static_cast<unsigned>(b->button)], b->down);
    } else if (const auto* p = std::get_if<ui::PositionInput>(&e)) {
      add(EV_ABS, ABS_X, std::min(p->x, ui::PositionInput::kMax));
      add(EV_ABS, ABS_Y, std::min(p->y, ui::PositionInput::kMax));
    } else if (const auto* m = std::get_if<ui::MotionInput>(&e)) {
      if (m->dx != 0) add(EV_REL, REL_X, m->dx);
      if (m->dy != 0) add(EV_REL, REL_Y, m->dy);
    } else if (const auto* w = std::get_if<ui::WheelInput>(&e)) {
      if (w->dy != 0) add(EV_REL, REL_WHEEL, w->dy);
      if (w->dx != 0) add(EV_REL, REL_HWHEEL, w->dx);
    }
  }
  if (pending_.size() != before) add(EV_SYN, SYN_REPORT, 0);
  if (feed()) handle_later(kEvents);
}

void VirtioInput::key(u16 code, bool down) {
  put(down_, code, down);
  if (has(told_, code) == down || pending_.size() >= kMaxPending - 1) return;
  put(told_, code, down);
  add(EV_KEY, code, down);
}

/// The last place is kept for the end of a report.
void VirtioInput::add(u16 type, u16 code, s32 value) {
  if (pending_.size() < kMaxPending - (type == EV_SYN ? 0 : 1))
    pending_.push_back({type, code, static_cast<u32>(value)});
}

/// Keys that went up or down while there was no room.
void VirtioInput::catch_up() {
  for (std::size_t i = 0; i < down_.size(); ++i)
    for (u64 changed = down_[i] ^ told_[i]; changed != 0; changed &= changed - 1) {
      const u16 code = static_cast<u16>(64 * i + static_cast<unsigned>(std::countr_zero(changed)));
      key(code, has(down_, code));
    }
  if (!pending_.empty()) add(EV_SYN, SYN_REPORT, 0);
}

// ---- Queues -------------------------------------------------------------------------------------

bool VirtioInput::handle_queue(unsigned n) {
  if (n == kStatus) return take_status();
  if (!filled_ && queue(kEvents)->available(dma())) {
    filled_ = true;
    input_.changed();
  }
  return feed();
}

/// Gives the driver what it has buffers for.  Says true when there may be more to give.
bool VirtioInput::feed() {
  if (pending_.empty()) catch_up();
  std::size_t given = 0;
  unsigned taken = 0;
  for (; taken < kBurst && given < pending_.size() && next(kEvents, element_); ++taken) {
    const VirtioInputEvent& e = pending_[given];
    const bool fits = element_.writable_size() >= sizeof e;
    if (fits) ++given;
    push(kEvents, element_,
         fits ? element_.copy_in(0, {reinterpret_cast<const u8*>(&e), sizeof e}) : 0);
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(given));
  if (taken != 0) signal(kEvents);
  if (broken()) input_.changed();
  return taken == kBurst || (pending_.empty() && down_ != told_);
}

bool VirtioInput::take_status() {
  unsigned taken = 0;
  u8 lights = lights_;
  for (; taken < kBurst && next(kStatus, element_); ++taken) {
    VirtioInputEvent e;
    const bool whole = element_.copy_out(0, {reinterpret_cast<u8*>(&e), sizeof e}) == sizeof e;
    push(kStatus, element_, 0);
    if (!whole || e.type != EV_LED || e.code > LED_KANA) continue;
    const u8 light = static_cast<u8>(1 << e.code);
    lights = static_cast<u8>(e.value != 0 ? lights | light : lights & ~light);
  }
  if (lights != lights_) set_lights(lights);
  if (taken != 0) signal(kStatus);
  return taken == kBurst;
}

}  // namespace quince::hw
