// What a person sees: -display, -full-screen, -screenshot.
#include <array>

#include "machine/cli/parser.h"
#include "ui/keyboard.h"

namespace quince::machine::cli {

namespace {

using Front = DisplayConfig::Front;

constexpr const char* kHelp =
    "Displays:\n"
    "  none   no window\n"
    "  sdl    a window for each head\n"
    "Options of sdl, as in -display sdl,scale=2,full-screen=on:\n"
    "  scale=fit|1..16          as large as the window (the guest follows its size), or a fixed\n"
    "                           number of pixels for each of the guest's\n"
    "  scaling=smooth|integer   what fills the window, or whole multiples only\n"
    "  full-screen=on|off       also fullscreen=, or -full-screen\n"
    "  grab=on|off              keys of the desktop go to the guest from the start\n"
    "  grab-mod=lctrl-lalt|lshift-lctrl-lalt|rctrl\n"
    "                           what is held for the keys below\n"
    "  show-cursor=on|off       the host's cursor stays over the picture\n"
    "  window-close=on|off      whether closing the window ends the machine\n"
    "  gl=off\n";

Result<void> read_scale(Properties& p, ui::WindowOptions& w) {
  const std::string value = p.take_or("scale", "fit");
  if (value == "fit") return {};
  const auto n = parse_number(value);
  if (!n || *n < 1 || *n > ui::WindowOptions::kMaxScale)
    return fail("scale '{}' is neither 'fit' nor a whole number from 1 to {}", value,
                ui::WindowOptions::kMaxScale);
  w.scale = static_cast<u32>(*n);
  return {};
}

Result<ui::WindowOptions> read_window(Properties& p) {
  ui::WindowOptions w;
  TRY_VOID(read_scale(p, w));
  const std::size_t scaling = TRY(p.choice("scaling", {"smooth", "integer"}, 0));
  w.scaling = scaling == 0 ? ui::Scaling::Smooth : ui::Scaling::Integer;
  w.full_screen = TRY(p.flag("full-screen", false));
  w.full_screen = TRY(p.flag("fullscreen", w.full_screen));
  w.grab = TRY(p.flag("grab", false));
  w.show_cursor = TRY(p.flag("show-cursor", false));
  w.window_close = TRY(p.flag("window-close", true));
  constexpr std::array kModifiers{ui::HotKeyModifier::LeftCtrlAlt,
                                  ui::HotKeyModifier::LeftShiftCtrlAlt,
                                  ui::HotKeyModifier::RightCtrl};
  w.modifier =
      kModifiers[TRY(p.choice("grab-mod", {"lctrl-lalt", "lshift-lctrl-lalt", "rctrl"}, 0))];
  const std::string gl = p.take_or("gl", "off");
  if (gl != "off") return fail("gl={} is not implemented (only off)", gl);
  return w;
}

}  // namespace

Result<void> on_display(Parser& p, std::string_view v) {
  Properties options(split_options(v, "type"));
  const std::string type = options.take_or("type", "");
  if (type == "help" || type == "?") {
    p.out.print = kHelp + ui::hot_keys_help();
    return {};
  }
  DisplayConfig& d = p.out.config.display;
  if (type == "none") {
    d.front = Front::None;
  } else if (type == "sdl") {
    d.front = Front::Sdl;
    d.window = TRY(read_window(options));
  } else {
    return fail("'{}' is not implemented (none, sdl; 'help' says more)", v.substr(0, v.find(',')));
  }
  return options.finish();
}

Result<void> on_full_screen(Parser& p, std::string_view) {
  p.full_screen = true;
  return {};
}

Result<void> on_screenshot(Parser& p, std::string_view v) {
  if (v.empty()) return fail("a file name is missing");
  p.out.config.display.screenshot = v;
  return {};
}

Result<void> finish_display(Parser& p) {
  DisplayConfig& d = p.out.config.display;
  d.window.screenshot = d.screenshot;
  if (!p.full_screen) return {};
  if (d.front == Front::None) return fail("-full-screen: there is no window");
  d.front = Front::Sdl;
  d.window.full_screen = true;
  return {};
}

}  // namespace quince::machine::cli
