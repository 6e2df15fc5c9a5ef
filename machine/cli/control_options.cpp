// Control and diagnosis: -action, -d, -dfilter, -perfmap, -trace, -seed, -version.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "machine/cli/parser.h"

namespace quince::machine::cli {

namespace {

std::optional<PanicAction> find_panic_action(std::string_view name) {
  constexpr std::pair<std::string_view, PanicAction> kNames[] = {
      {"none", PanicAction::None},
      {"pause", PanicAction::Pause},
      {"shutdown", PanicAction::Shutdown},
      {"exit-failure", PanicAction::ExitFailure}};
  for (const auto& [known, action] : kNames)
    if (known == name) return action;
  return {};
}

}  // namespace

Result<void> on_action(Parser& p, std::string_view v) {
  ActionConfig& a = p.out.config.actions;
  for (const auto& [key, value] : split_options(v, "")) {
    if (key == "reboot" && (value == "reset" || value == "shutdown"))
      a.reboot_is_shutdown = value == "shutdown";
    else if (key == "shutdown" && (value == "poweroff" || value == "pause"))
      a.shutdown_is_pause = value == "pause";
    else if (key == "panic" && find_panic_action(value))
      a.panic = *find_panic_action(value);
    else
      return fail(
          "{}={} is not implemented (reboot=reset|shutdown, shutdown=poweroff|pause, "
          "panic=none|pause|shutdown|exit-failure)",
          key, value);
  }
  return {};
}

Result<void> on_log(Parser& p, std::string_view v) {
  if (v == "help" || v == "?") {
    std::string s = "Log items (comma separated):\n";
    for (const auto& c : log_categories()) s += fmt::format("{:<15} {}\n", c.name, c.help);
    p.out.print = s;
    return {};
  }
  for (const auto& pair : split_options(v, "")) {
    const std::string& item = pair.first;
    const bool known = item.starts_with("trace:") ||
                       std::any_of(log_categories().begin(), log_categories().end(),
                                   [&name = item](const auto& c) { return name == c.name; });
    if (!known) return no_such("log item", item);
    p.out.config.log_items.push_back(item);
  }
  return {};
}

Result<void> on_log_filter(Parser& p, std::string_view v) {
  const auto ranges = TRY(parse_address_ranges(v));
  auto& all = p.out.config.log_filter;
  all.insert(all.end(), ranges.begin(), ranges.end());
  return {};
}

Result<void> on_perf_map(Parser& p, std::string_view) {
  p.out.config.perf_map = true;
  return {};
}

Result<void> on_jit_dump(Parser&, std::string_view) {
  return fail("it is not implemented; -perfmap gives perf the names of translated code");
}

Result<void> on_trace(Parser& p, std::string_view v) {
  for (const auto& [key, value] : split_options(v, "enable")) {
    if (key == "file")
      p.out.config.log_file = value;
    else if (key == "enable" || value == "on")
      p.out.config.traces.push_back(key == "enable" ? value : key);
    else
      return fail("property '{}' is not implemented", key);
  }
  return {};
}

Result<void> on_seed(Parser& p, std::string_view v) {
  p.out.config.seed = TRY(parse_number(v));
  p.out.config.has_seed = true;
  return {};
}

Result<void> on_no_reboot(Parser& p, std::string_view) {
  p.out.config.actions.reboot_is_shutdown = true;
  return {};
}

Result<void> on_no_shutdown(Parser& p, std::string_view) {
  p.out.config.actions.shutdown_is_pause = true;
  return {};
}

Result<void> on_paused(Parser& p, std::string_view) {
  p.out.config.paused = true;
  return {};
}

Result<void> on_version(Parser& p, std::string_view) {
  p.out.print = version_line(p.compat ? Dialect::Qemu : Dialect::Quince);
  return {};
}

Result<void> on_help(Parser& p, std::string_view) {
  p.out.print = help_text(p.compat ? Dialect::Qemu : Dialect::Quince);
  return {};
}

}  // namespace quince::machine::cli
