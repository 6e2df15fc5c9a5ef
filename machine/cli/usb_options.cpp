// -usb, -usbdevice, -nodefaults: the USB devices that a machine has without -device.
#include <fmt/format.h>

#include "machine/cli/parser.h"

namespace quince::machine::cli {

namespace {

struct ShortName {
  const char* name;
  const char* model;
};
constexpr ShortName kShortNames[] = {
    {"keyboard", "usb-kbd"}, {"mouse", "usb-mouse"}, {"tablet", "usb-tablet"}};

}  // namespace

Result<void> on_usb(Parser& p, std::string_view) {
  p.usb = true;
  return {};
}

Result<void> on_usbdevice(Parser& p, std::string_view v) {
  for (const ShortName& s : kShortNames) {
    if (v != s.name) continue;
    OptionGroup g;
    g.kind = s.model;
    g.option = fmt::format("-usbdevice {}", v);
    p.out.config.devices.push_back(std::move(g));
    p.usb = true;
    return {};
  }
  return fail("'{}' is not known (keyboard, mouse, tablet); -device has the others", v);
}

Result<void> on_nodefaults(Parser& p, std::string_view) {
  p.no_defaults = true;
  return {};
}

void finish_usb(Parser& p, const Board& board) {
  p.out.config.usb = p.usb.value_or(false);
  p.out.config.usb_input = board.usb_input && !p.no_defaults && p.usb.value_or(true);
}

}  // namespace quince::machine::cli
