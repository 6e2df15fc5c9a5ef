// What firmware should boot: -boot, and bootindex= of devices.
#include <fmt/format.h>

#include <algorithm>

#include "machine/cli/parser.h"

namespace quince::machine::cli {

namespace {

/// Letters for kinds of devices, each once, as QEMU reads them on every board.
Result<void> check_order(std::string_view letters) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (letters[i] < 'a' || letters[i] > 'p')
      return fail("order={}: '{}' is no boot device (a to p)", letters, letters[i]);
    if (letters.find(letters[i], i + 1) != std::string_view::npos)
      return fail("order={}: '{}' was given twice", letters, letters[i]);
  }
  return {};
}

}  // namespace

Result<void> on_boot(Parser& p, std::string_view v) {
  Properties list(split_options(v, "order"));
  BootConfig& b = p.out.config.boot;
  p.boot_asked = true;
  if (const auto order = list.take("order")) {
    TRY_VOID(check_order(*order));
    // No firmware of these boards asks for it, and QEMU's has no use for it either.
    p.out.warnings.push_back(
        "warning: -boot: order= changes nothing; bootindex= of a device gives the order");
  }
  if (list.has("once"))
    return fail("once= is not implemented: bootindex= of a device gives the order");
  if (list.has("splash")) return fail("splash= is not implemented: firmware shows no picture");
  b.menu = TRY(list.flag("menu", b.menu));
  b.strict = TRY(list.flag("strict", b.strict));
  if (list.has("splash-time"))
    b.splash_time_ms = static_cast<u16>(TRY(list.number("splash-time", 0, 0, 0xffff)));
  if (const auto timeout = list.take("reboot-timeout"); timeout && *timeout == "-1") {
    b.reboot_timeout_ms = -1;
  } else if (timeout) {
    const auto ms = parse_number(*timeout);
    if (!ms || *ms > 0xffff)
      return fail("reboot-timeout={} is out of range (-1 to 65535)", *timeout);
    b.reboot_timeout_ms = static_cast<s32>(*ms);
  }
  return list.finish();
}

void finish_boot(Parser& p, const Board& board) {
  if (board.has(Slot::FwCfg)) return;
  const BootConfig& b = p.out.config.boot;
  // The boot ROM knows menu= and splash-time=.
  const bool asked =
      p.boot_asked && (!board.has(Slot::Firmware) || b.strict || b.reboot_timeout_ms);
  const auto has_index = [](const OptionGroup& g) {
    return std::any_of(g.properties.begin(), g.properties.end(),
                       [](const auto& item) { return item.first == "bootindex"; });
  };
  const MachineConfig& c = p.out.config;
  const bool index = std::any_of(c.devices.begin(), c.devices.end(), has_index) ||
                     std::any_of(c.globals.begin(), c.globals.end(), has_index);
  for (const char* option : {asked ? "-boot" : nullptr, index ? "bootindex=" : nullptr})
    if (option != nullptr)
      p.out.warnings.push_back(
          fmt::format("warning: {}: firmware of machine '{}' cannot ask for it, it changes nothing",
                      option, board.name));
}

}  // namespace quince::machine::cli
