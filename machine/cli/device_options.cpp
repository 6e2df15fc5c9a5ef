// What is plugged into the machine: -device, -chardev, -serial and their kind.
#include <fmt/format.h>

#include <algorithm>

#include "machine/cli/parser.h"

namespace quince::machine::cli {

Result<void> on_device(Parser& p, std::string_view v) {
  if (v == "help" || v == "?") {
    p.out.print = "name \"loader\", desc \"a file or a number in memory\"\n";
    return {};
  }
  std::string driver;
  std::vector<std::pair<std::string, std::string>> properties;
  for (const auto& [key, value] : split_options(v, "driver")) {
    if (key == "driver")
      driver = value;
    else if (key != "id")
      properties.emplace_back(key, value);
  }
  if (driver != "loader") return fail("'{}' is not a valid device model name", driver);
  p.out.config.loaders.push_back(TRY(firmware::LoaderOptions::parse(properties)));
  return {};
}

Result<CharConfig> parse_char(const Parser& p, std::string_view v) {
  CharConfig c;
  if (v == "null" || v == "none") return c;
  if (v == "stdio" || v == "mon:stdio") {
    c.kind = CharConfig::Kind::Stdio;
    c.mux = v != "stdio";
    c.signals = !c.mux;
    return c;
  }
  if (v.starts_with("file:")) {
    c.kind = CharConfig::Kind::File;
    c.path = v.substr(5);
    return c;
  }
  if (v.starts_with("chardev:")) {
    for (const auto& [id, dev] : p.chardevs)
      if (id == v.substr(8)) return dev;
    return fail("there is no chardev '{}'", v.substr(8));
  }
  return fail("'{}' is not implemented (stdio, mon:stdio, file:PATH, null, chardev:ID)", v);
}

Result<void> on_chardev(Parser& p, std::string_view v) {
  CharConfig c;
  std::string id;
  for (const auto& [key, value] : split_options(v, "backend")) {
    if (key == "backend") {
      if (value == "stdio")
        c.kind = CharConfig::Kind::Stdio;
      else if (value == "file")
        c.kind = CharConfig::Kind::File;
      else if (value != "null")
        return fail("'{}' is not implemented (stdio, file, null)", value);
    } else if (key == "id") {
      id = value;
    } else if (key == "path") {
      c.path = value;
    } else if (key == "mux") {
      c.mux = TRY(parse_switch(value));
      if (c.mux) c.signals = false;
    } else if (key == "signal") {
      c.signals = TRY(parse_switch(value));
    } else {
      return fail("property '{}' is not implemented", key);
    }
  }
  if (id.empty()) return fail("id= is missing");
  if (c.kind == CharConfig::Kind::File && c.path.empty()) return fail("file needs path=");
  for (const auto& [other, _] : p.chardevs)
    if (other == id) return fail("there are two chardevs '{}'", id);
  p.chardevs.emplace_back(id, c);
  return {};
}

Result<void> on_serial(Parser& p, std::string_view v) {
  if (p.serial) return fail("there is one serial port");
  p.serial = v;
  return {};
}

Result<void> on_nographic(Parser& p, std::string_view) {
  p.nographic = true;
  return {};
}

/// Options whose only implemented value is "none".
Result<void> only_none(Parser&, std::string_view v) {
  if (v != "none") return fail("'{}' is not implemented (only none)", v);
  return {};
}

}  // namespace quince::machine::cli
