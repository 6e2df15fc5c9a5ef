// Character back ends: -chardev, -serial, -nographic, -echr.
#include <algorithm>

#include "machine/cli/parser.h"

namespace quince::machine::cli {

Result<void> on_chardev(Parser& p, std::string_view v) {
  if (v == "help" || v == "?") {
    p.out.print = chardev_help();
    return {};
  }
  CharOptions c = TRY(parse_chardev(Properties(split_options(v, "backend"))));
  for (const CharOptions& other : p.out.config.chardevs)
    if (other.id == c.id) return fail("there are two chardevs '{}'", c.id);
  p.out.config.chardevs.push_back(std::move(c));
  return {};
}

Result<void> on_serial(Parser& p, std::string_view v) {
  if (p.serial) return fail("there is one serial port");
  p.serial = TRY(parse_serial(v));
  return {};
}

Result<void> on_nographic(Parser& p, std::string_view) {
  p.nographic = true;
  p.out.config.display.front = DisplayConfig::Front::None;
  return {};
}

Result<void> on_echr(Parser& p, std::string_view v) {
  const u64 key = TRY(parse_number(v));
  if (key > 0xff) return fail("{} is no character (0 to 255)", v);
  p.out.config.escape_key = static_cast<u8>(key);
  return {};
}

Result<void> only_none(Parser&, std::string_view v) {
  if (v != "none") return fail("'{}' is not implemented (only none)", v);
  return {};
}

}  // namespace quince::machine::cli
