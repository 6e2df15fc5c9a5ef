#include "ui/sdl/head.h"

#include <algorithm>

#include "ui/cursor.h"
#include "ui/meter.h"
#include "ui/splash.h"

namespace quince::ui::sdl {

namespace {

constexpr Size kFirstSize{1280, 800};
constexpr Size kLeastWish{320, 200};
/// A window's size counts when it has not changed for so long: guests change modes slowly.
constexpr std::chrono::milliseconds kSettle{250};

/// What a new window may have of the desktop, in SDL's points.
Size first_size(int monitor) {
  SDL_Rect room{};
  if (SDL_GetDisplayUsableBounds(monitor, &room) != 0) return kFirstSize;
  const auto part = [](int side) { return static_cast<u32>(std::max(160, side * 9 / 10)); };
  return {std::min(kFirstSize.width, part(room.w)), std::min(kFirstSize.height, part(room.h))};
}

}  // namespace

Head::Head(Console& console, const MachineFacts& facts, const std::string& hint,
           const WindowOptions& options, std::unique_ptr<Screen> screen)
    : console_(console),
      facts_(facts),
      hint_(hint),
      options_(options),
      screen_(std::move(screen)),
      viewer_(console),
      seen_size_(screen_->size()) {}

Result<std::unique_ptr<Head>> Head::create(Console& console, int number, const MachineFacts& facts,
                                           const std::string& hint, const WindowOptions& options) {
  const bool own_monitor = number < SDL_GetNumVideoDisplays();
  const int monitor = own_monitor ? number : 0;
  auto screen = TRY(Screen::create(facts.name, first_size(monitor), monitor, options));
  std::unique_ptr<Head> head(new Head(console, facts, hint, options, std::move(screen)));
  if (options.full_screen && own_monitor) head->set_full_screen(true);
  return head;
}

void Head::close() {
  visible_ = false;
  SDL_HideWindow(screen_->window());
}

void Head::on_window_event(const SDL_WindowEvent& e, Clock::time_point now) {
  switch (e.event) {
    case SDL_WINDOWEVENT_HIDDEN:
    case SDL_WINDOWEVENT_MINIMIZED:
      visible_ = false;
      break;
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_RESTORED:
    case SDL_WINDOWEVENT_MAXIMIZED:
      visible_ =
          (SDL_GetWindowFlags(screen_->window()) & (SDL_WINDOW_HIDDEN | SDL_WINDOW_MINIMIZED)) == 0;
      repaint();
      break;
    case SDL_WINDOWEVENT_RESIZED:  // not by us
      if (!screen_->full_screen() && screen_->size() != before_full_screen_) person_sized_ = true;
      size_changed(now);
      break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
      size_changed(now);
      break;
    case SDL_WINDOWEVENT_EXPOSED:
      repaint();
      break;
    default:
      break;
  }
}

void Head::size_changed(Clock::time_point now) {
  repaint();
  if (screen_->size() == seen_size_) return;
  seen_size_ = screen_->size();
  if (options_.scale == 0) wish_at_ = now + kSettle;
}

/// The guest may draw as large as the window is, unless its pixels have a fixed size.
void Head::wish(Clock::time_point now) {
  if (!wish_at_ || now < *wish_at_) return;
  wish_at_.reset();
  const Size window = screen_->size();
  const Size wanted{std::clamp(window.width, kLeastWish.width, kMaxSide),
                    std::clamp(window.height, kLeastWish.height, kMaxSide)};
  if (wanted != copy_.size()) console_.wish_size(wanted);
}

void Head::set_full_screen(bool on) {
  if (on && !screen_->full_screen()) before_full_screen_ = screen_->size();
  screen_->set_full_screen(on);
}

void Head::original_size() {
  if (screen_->full_screen() || copy_.size().empty()) return;
  const u32 scale = std::max(1u, options_.scale);
  person_sized_ = false;
  screen_->set_size({copy_.size().width * scale, copy_.size().height * scale});
}

void Head::show_splash() {
  if (splash_ && screen_->picture_size() == screen_->size()) return;
  splash_picture_ = splash(facts_, hint_, screen_->size());
  const Rect all = Rect::all(splash_picture_.size());
  screen_->set_picture(splash_picture_, {&all, 1});
  splash_ = true;
  dirty_ = true;
}

bool Head::refresh(Clock::time_point now) {
  if (!visible_) return false;
  const Console::Viewer::Update update = viewer_.fetch(copy_);
  if (copy_.size().empty()) {
    show_splash();
  } else if (update.any()) {
    splash_ = false;
    screen_->set_picture(copy_, update.changed);
    if (update.resized && !person_sized_) original_size();
    dirty_ = true;
  }
  wish(now);
  follow_pointer();
  if (dirty_ && !screen_->present())
    screen_->set_message(label("this host cannot show a picture so large", 1));
  dirty_ = false;
  return update.any();
}

void Head::paint_pointer(bool on) {
  if (pointer_painted_ == on) return;
  pointer_painted_ = on;
  pointer_ = {};
  if (!on) screen_->hide_pointer();
  dirty_ = true;
}

void Head::follow_pointer() {
  if (!pointer_painted_) return;
  const Cursor now = console_.cursor();
  if (now == pointer_) return;
  if (now.image == nullptr) {
    screen_->hide_pointer();
  } else {
    if (now.image != pointer_.image) {
      const HostCursor c = host_cursor(*now.image, copy_.size(), screen_->shown().size());
      screen_->set_pointer(c.argb, c.size);
    }
    screen_->move_pointer(now.x - static_cast<s32>(now.image->hot_x),
                          now.y - static_cast<s32>(now.image->hot_y));
  }
  pointer_ = now;
  dirty_ = true;
}

PicturePoint Head::point(s32 x, s32 y) const {
  const SDL_Point p = screen_->pixel_of(x, y);
  return picture_point(screen_->shown(), copy_.size(), p.x, p.y);
}

}  // namespace quince::ui::sdl
