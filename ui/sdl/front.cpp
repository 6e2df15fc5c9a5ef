#include "ui/sdl/front.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "ui/png.h"
#include "ui/sdl/keys.h"
#include "ui/sdl/x11_errors.h"

namespace quince::ui::sdl {

namespace {

constexpr std::chrono::milliseconds kLookEvery{500};
constexpr std::chrono::seconds kMessageStays{3};
/// Without a visible window there is nothing to do but to wait for one, or for the end.
constexpr std::chrono::seconds kAsleep{1};

void set_hints() {
  SDL_SetHint(SDL_HINT_APP_NAME, "quince");
  SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");  // the machine has its own
  SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
  SDL_SetHint(SDL_HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0");
  SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
  SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0");
  // A software renderer draws on the window's own pixels, and not on a texture of OpenGL.
  SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
  // A grab is for keys that the desktop takes otherwise: Alt+Tab and the like.
  SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
  SDL_SetHint(SDL_HINT_ALLOW_ALT_TAB_WHILE_GRABBED, "0");
}

std::string dated_name() {
  return fmt::format("quince-{:%Y%m%d-%H%M%S}.png", fmt::localtime(std::time(nullptr)));
}

}  // namespace

Front::Front(Display& display, Control& control, WindowOptions options)
    : display_(display),
      control_(control),
      options_(std::move(options)),
      facts_(control.facts()),
      hint_(fmt::format("{} grabs the keyboard, {} is full screen",
                        name_of(HotKey::Grab, options_.modifier),
                        name_of(HotKey::FullScreen, options_.modifier))),
      keyboard_(options_.modifier),
      pointer_(display.input(), options_.show_cursor) {}

Front::~Front() {
  heads_.clear();
  SDL_Quit();
}

Result<std::unique_ptr<Front>> Front::create(Display& display, Control& control,
                                             WindowOptions options) {
  set_hints();
  survive_x11_errors();
  if (SDL_Init(SDL_INIT_VIDEO) != 0) {
    const std::string why = SDL_GetError();
    SDL_Quit();
    return fail("no display could be opened: {}", why);
  }
  std::unique_ptr<Front> front(new Front(display, control, std::move(options)));
  TRY_VOID(front->open_windows());
  return front;
}

Result<void> Front::open_windows() {
  stop_event_ = SDL_RegisterEvents(1);
  SDL_StopTextInput();  // keys, not what an input method makes of them
  for (Console& c : display_.consoles())
    heads_.push_back(
        TRY(Head::create(c, static_cast<int>(heads_.size()), facts_, hint_, options_)));
  SDL_DisplayMode mode{};
  const int display = std::max(0, SDL_GetWindowDisplayIndex(heads_.front()->screen().window()));
  if (SDL_GetCurrentDisplayMode(display, &mode) == 0 && mode.refresh_rate > 0)
    frame_time_ = std::chrono::nanoseconds(1'000'000'000 / mode.refresh_rate);
  focused_ = heads_.front().get();
  if (options_.grab || options_.full_screen) set_grab(true);
  set_titles();
  return {};
}

// ---- The loop ----------------------------------------------------------------------------------

void Front::run() {
  Clock::time_point next = Clock::now();
  while (!stopped_.load()) {
    wait(any_visible() ? next : Clock::now() + kAsleep);
    pointer_.flush();
    const Clock::time_point now = Clock::now();
    if (now < next) continue;
    frame(now);
    // Frames that a slow host has missed are not made up for.
    next = std::max(next + frame_time_, Clock::now());
  }
}

void Front::stop() {
  stopped_.store(true);
  SDL_Event e{};
  e.type = stop_event_;
  SDL_PushEvent(&e);
}

void Front::wait(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  SDL_Event e;
  if (SDL_WaitEventTimeout(&e, std::max(0, static_cast<int>(left.count()))) == 0) return;
  do handle(e);
  while (!stopped_.load() && SDL_PollEvent(&e) != 0);
}

void Front::frame(Clock::time_point now) {
  if (message_ends_ && now >= *message_ends_) {
    message_ends_.reset();
    for (const auto& h : heads_) {
      h->screen().set_message({});
      h->repaint();
    }
  }
  if (!any_visible()) return;
  if (now >= next_look_) look_at_meters(now);
  Head* const under = head_of(SDL_GetWindowID(SDL_GetMouseFocus()));
  if (pointer_.wants_grab()) set_grab(true);
  pointer_.refresh(under);
  for (const auto& h : heads_) {
    h->paint_pointer(pointer_.painted());
    if (h->refresh(now)) ++frames_;
  }
}

void Front::look_at_meters(Clock::time_point now) {
  next_look_ = now + kLookEvery;
  const Status status = control_.status();
  running_ = status.running;
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch());
  const auto rates = meter_.look(status, static_cast<u64>(ns.count()), frames_);
  if (status_shown_ && rates) show_status(rates);
  set_titles();
}

bool Front::any_visible() const {
  return std::any_of(heads_.begin(), heads_.end(), [](const auto& h) { return h->visible(); });
}

// ---- Events ------------------------------------------------------------------------------------

Head* Front::head_of(u32 window_id) {
  for (const auto& h : heads_)
    if (h->screen().id() == window_id) return h.get();
  return nullptr;
}

Head& Front::focused() { return focused_ != nullptr ? *focused_ : *heads_.front(); }

void Front::send(std::vector<InputEvent> events) {
  if (!events.empty()) display_.input().send(std::move(events));
}

void Front::handle(const SDL_Event& e) {
  const auto is_first = [this](u32 id) { return heads_.front()->screen().id() == id; };
  if (e.type != SDL_MOUSEMOTION) pointer_.flush();
  switch (e.type) {
    case SDL_KEYDOWN:
    case SDL_KEYUP:
      return on_key(e.key);
    case SDL_MOUSEMOTION:
      return pointer_.on_motion(e.motion, head_of(e.motion.windowID), is_first(e.motion.windowID));
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
      return pointer_.on_button(e.button, head_of(e.button.windowID), is_first(e.button.windowID));
    case SDL_MOUSEWHEEL:
      return pointer_.on_wheel(e.wheel, head_of(e.wheel.windowID));
    case SDL_WINDOWEVENT:
      return on_window(e.window);
    case SDL_QUIT:
      return close(*heads_.front());
    default:
      return;
  }
}

void Front::on_key(const SDL_KeyboardEvent& e) {
  const u8 usage = usage_of(e.keysym.scancode);
  if (usage == 0 || e.repeat != 0) return;
  Keyboard::Outcome outcome = keyboard_.key(usage, e.state == SDL_PRESSED);
  send(std::move(outcome.events));
  on_hot_key(outcome.hot_key);
}

void Front::on_window(const SDL_WindowEvent& e) {
  Head* const head = head_of(e.windowID);
  if (head == nullptr) return;
  if (e.event == SDL_WINDOWEVENT_FOCUS_GAINED) {
    focused_ = head;
  } else if (e.event == SDL_WINDOWEVENT_FOCUS_LOST) {
    send(keyboard_.release_all());
    pointer_.release_all();
    focused_ = nullptr;
  } else if (e.event == SDL_WINDOWEVENT_CLOSE) {
    close(*head);
  } else {
    head->on_window_event(e, Clock::now());
  }
}

/// The first window is the machine's; others can be closed alone.
void Front::close(Head& head) {
  if (&head != heads_.front().get()) return head.close();
  if (options_.window_close)
    control_.quit();
  else
    say(fmt::format("{} ends the machine", name_of(HotKey::Quit, options_.modifier)), Clock::now());
}

void Front::set_grab(bool on) {
  grabbed_ = on;
  pointer_.set_grabbed(on);
  for (const auto& h : heads_)  // in force for the one that has the keyboard
    SDL_SetWindowKeyboardGrab(h->screen().window(), on ? SDL_TRUE : SDL_FALSE);
  set_titles();
}

void Front::on_hot_key(HotKey hot_key) {
  Head& head = focused();
  switch (hot_key) {
    case HotKey::None:
      return;
    case HotKey::FullScreen: {
      const bool on = !head.screen().full_screen();
      head.set_full_screen(on);
      return set_grab(on);
    }
    case HotKey::Grab:
      return set_grab(!grabbed_);
    case HotKey::OriginalSize:
      return head.original_size();
    case HotKey::Screenshot:
      return screenshot();
    case HotKey::Status:
      status_shown_ = !status_shown_;
      return show_status({});
    case HotKey::CtrlAltDel:
      send(Keyboard::ctrl_alt_del(true));
      return send(Keyboard::ctrl_alt_del(false));
    case HotKey::Pause:
      return control_.status().running ? control_.pause() : control_.resume();
    case HotKey::Reset:
      return control_.reset();
    case HotKey::PowerButton:
      return control_.power_button();
    case HotKey::Quit:
      return control_.quit();
  }
}

void Front::screenshot() {
  const std::string path = options_.screenshot.empty() ? dated_name() : options_.screenshot;
  const auto written = write_png(focused().console().picture(true), path);
  if (!written)
    std::fputs(fmt::format("quince: screenshot: {}\n", written.error().message()).c_str(), stderr);
  say(written ? "screenshot: " + path : "no screenshot: " + written.error().message(),
      Clock::now());
}

// ---- What is painted over pictures, and titles ---------------------------------------------------

u32 Front::label_scale(Head& head) const {
  return std::clamp(head.screen().size().height / 800, 1u, 4u);
}

void Front::show_status(const std::optional<Rates>& rates) {
  for (const auto& h : heads_) {
    const std::string text = rates ? to_text(*rates) : to_text({.running = running_});
    h->screen().set_status(status_shown_ ? label(text, label_scale(*h)) : Picture());
    h->repaint();
  }
}

void Front::say(const std::string& message, Clock::time_point now) {
  Head& head = focused();
  head.screen().set_message(label(message, label_scale(head)));
  head.repaint();
  message_ends_ = now + kMessageStays;
}

void Front::set_titles() {
  std::string title = facts_.name == "quince" ? "quince" : facts_.name + " - quince";
  if (!running_) title += " (stopped)";
  if (grabbed_)
    title +=
        fmt::format(" - {} releases keyboard and mouse", name_of(HotKey::Grab, options_.modifier));
  if (title == title_) return;
  title_ = title;
  for (std::size_t n = 0; n < heads_.size(); ++n)
    SDL_SetWindowTitle(heads_[n]->screen().window(),
                       (n == 0 ? title : fmt::format("{} - head {}", title, n + 1)).c_str());
}

}  // namespace quince::ui::sdl
