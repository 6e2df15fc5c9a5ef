#include "ui/sdl/pointer.h"

#include <optional>

#include "ui/cursor.h"

namespace quince::ui::sdl {

namespace {

std::optional<PointerButton> button_of(u8 sdl) {
  switch (sdl) {
    case SDL_BUTTON_LEFT:
      return PointerButton::Left;
    case SDL_BUTTON_RIGHT:
      return PointerButton::Right;
    case SDL_BUTTON_MIDDLE:
      return PointerButton::Middle;
    case SDL_BUTTON_X1:
      return PointerButton::Back;
    case SDL_BUTTON_X2:
      return PointerButton::Forward;
    default:
      return {};
  }
}

}  // namespace

/// Places that follow each other are the last one, and motions their sum: a fast mouse says more
/// than guests want to hear.
void Pointer::emit(InputEvent e) {
  if (!moment_.empty()) {
    auto* place = std::get_if<PositionInput>(&moment_.back());
    auto* motion = std::get_if<MotionInput>(&moment_.back());
    if (place != nullptr && std::holds_alternative<PositionInput>(e)) {
      *place = std::get<PositionInput>(e);
      return;
    }
    if (motion != nullptr && std::holds_alternative<MotionInput>(e)) {
      motion->dx += std::get<MotionInput>(e).dx;
      motion->dy += std::get<MotionInput>(e).dy;
      return;
    }
  }
  moment_.push_back(e);
}

void Pointer::flush() {
  if (moment_.empty()) return;
  input_.send(std::move(moment_));
  moment_.clear();
}

void Pointer::on_motion(const SDL_MouseMotionEvent& e, Head* head, bool first) {
  if (head == nullptr) return;
  const PicturePoint p = head->point(e.x, e.y);
  if (relative_) return emit(MotionInput{e.xrel, e.yrel});
  if (!absolute() || !first || head->console().size().empty()) return;
  emit(position_of(head->screen().picture_size(), p.x, p.y));
}

void Pointer::on_button(const SDL_MouseButtonEvent& e, Head* head, bool first) {
  const std::optional<PointerButton> button = button_of(e.button);
  if (!button || head == nullptr || !listens()) return;
  const bool down = e.state == SDL_PRESSED;
  const unsigned bit = 1u << static_cast<unsigned>(*button);
  if (!down && (held_ & bit) == 0) return;
  if (down && !absolute() && !relative_) {
    wants_grab_ = true;  // this click was for us
    return;
  }
  if (absolute() && !relative_) {
    const PicturePoint p = head->point(e.x, e.y);
    if (down && (!p.inside || !first)) return;
    if (first) emit(position_of(head->screen().picture_size(), p.x, p.y));
  }
  held_ = down ? held_ | bit : held_ & ~bit;
  emit(ButtonInput{*button, down});
  flush();
}

void Pointer::on_wheel(const SDL_MouseWheelEvent& e, Head* head) {
  if (head == nullptr || !listens() || (!absolute() && !relative_)) return;
  const int sign = e.direction == SDL_MOUSEWHEEL_FLIPPED ? -1 : 1;
  emit(WheelInput{e.x * sign, e.y * sign});
  flush();
}

void Pointer::release_all() {
  for (unsigned b = 0; b < kPointerButtons; ++b)
    if ((held_ & 1u << b) != 0) emit(ButtonInput{static_cast<PointerButton>(b), false});
  held_ = 0;
  flush();
}

void Pointer::set_grabbed(bool on) {
  grabbed_ = on;
  wants_grab_ = false;
}

void Pointer::show(bool on) {
  const int wanted = on || show_cursor_ ? SDL_ENABLE : SDL_DISABLE;
  if (SDL_ShowCursor(SDL_QUERY) != wanted) SDL_ShowCursor(wanted);
}

void Pointer::look_like(const Cursor& cursor, Head& head) {
  const Size scale = head.screen().shown().size();
  if (cursor.image == image_ && scale == image_scale_ && own_cursor_) return;
  image_ = cursor.image;
  image_scale_ = scale;
  HostCursor c = host_cursor(*image_, head.screen().picture_size(), scale);
  if (c.size.empty()) return;
  const Owned<SDL_Surface> surface(SDL_CreateRGBSurfaceWithFormatFrom(
      c.argb.data(), static_cast<int>(c.size.width), static_cast<int>(c.size.height), 32,
      static_cast<int>(c.size.width * 4), SDL_PIXELFORMAT_ARGB8888));
  if (surface == nullptr) return;
  Owned<SDL_Cursor> made(
      SDL_CreateColorCursor(surface.get(), static_cast<int>(c.hot_x), static_cast<int>(c.hot_y)));
  if (made == nullptr) return;
  SDL_SetCursor(made.get());  // before the old one goes
  cursor_ = std::move(made);
  own_cursor_ = true;
}

void Pointer::refresh(Head* head) {
  const bool relative = grabbed_ && !absolute() && listens();
  if (relative != relative_) {
    release_all();
    relative_ = relative;
    SDL_SetRelativeMouseMode(relative ? SDL_TRUE : SDL_FALSE);
  }
  if (head == nullptr || relative_) return;
  int x = 0, y = 0;
  SDL_GetMouseState(&x, &y);
  const bool guests = absolute() && head->console().shown() && head->point(x, y).inside;
  const Cursor cursor = guests ? head->console().cursor() : Cursor{};
  if (cursor.image != nullptr && !show_cursor_) {
    look_like(cursor, *head);
    return show(true);
  }
  if (own_cursor_) SDL_SetCursor(SDL_GetDefaultCursor());
  own_cursor_ = false;
  show(!guests);
}

}  // namespace quince::ui::sdl
