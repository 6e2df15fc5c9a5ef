#include "ui/input.h"

#include <algorithm>

#include "base/assert.h"

namespace quince::ui {

Input::~Input() { QUINCE_ASSERT(state_->receivers.empty()); }

void Input::add(InputReceiver& receiver) {
  state_->receivers.push_back(&receiver);
  changed();
}

void Input::remove(InputReceiver& receiver) {
  std::erase(state_->receivers, &receiver);
  std::ranges::replace(state_->key_holders, &receiver, nullptr);
  std::ranges::replace(state_->button_holders, &receiver, nullptr);
  changed();
}

void Input::changed() {
  unsigned kinds = 0;
  for (const InputReceiver* r : state_->receivers)
    if (r->input_ready()) kinds |= r->input_kinds();
  state_->kinds.store(kinds, std::memory_order_relaxed);
}

InputReceiver* Input::State::receiver_of(InputKind kind) const {
  InputReceiver* last = nullptr;
  for (InputReceiver* r : receivers) {
    if ((r->input_kinds() & kind) == 0) continue;
    if (last == nullptr || r->input_ready() || !last->input_ready()) last = r;
  }
  return last;
}

InputReceiver* Input::State::pointer() const {
  InputReceiver* const absolute = receiver_of(kAbsolute);
  if (absolute != nullptr && absolute->input_ready()) return absolute;
  InputReceiver* const relative = receiver_of(kRelative);
  return relative != nullptr ? relative : absolute;
}

namespace {

/// Who hears that something went down or up; `now` would, if it were not held.
InputReceiver* holder_of(InputReceiver*& holder, bool down, InputReceiver* now) {
  InputReceiver* const r = holder != nullptr ? holder : now;
  holder = down ? r : nullptr;
  return r;
}

}  // namespace

InputReceiver* Input::State::receiver_of(const InputEvent& e) {
  if (const auto* k = std::get_if<KeyInput>(&e))
    return holder_of(key_holders[k->usage], k->down, receiver_of(kKeys));
  if (const auto* b = std::get_if<ButtonInput>(&e))
    return holder_of(button_holders[static_cast<std::size_t>(b->button)], b->down, pointer());
  if (std::holds_alternative<PositionInput>(e)) return receiver_of(kAbsolute);
  if (std::holds_alternative<MotionInput>(e)) return receiver_of(kRelative);
  return pointer();
}

/// Each receiver hears once of a moment, in the order in which they first have something to hear.
void Input::State::deliver(std::span<const InputEvent> events) {
  std::vector<std::pair<InputReceiver*, std::vector<InputEvent>>> parts;
  for (const InputEvent& e : events) {
    InputReceiver* const r = receiver_of(e);
    if (r == nullptr) continue;
    auto part =
        std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.first == r; });
    if (part == parts.end()) part = parts.insert(parts.end(), {r, {}});
    part->second.push_back(e);
  }
  for (const auto& [r, part] : parts) r->input(part);
}

void Input::send(std::vector<InputEvent> events) {
  host_.post([state = state_, events = std::move(events)] { state->deliver(events); });
}

}  // namespace quince::ui
