// What is plugged into the machine: -device, -global, -object, -fw_cfg.
#include <fmt/format.h>

#include <algorithm>

#include "machine/cli/parser.h"
#include "machine/plug/model.h"

namespace quince::machine::cli {

OptionGroup split_group(std::string_view option, std::string_view kind_key, std::string_view text) {
  OptionGroup g;
  for (auto& [key, value] : split_options(text, kind_key)) {
    if (key == kind_key)
      g.kind = std::move(value);
    else if (key == "id")
      g.id = std::move(value);
    else
      g.properties.emplace_back(std::move(key), std::move(value));
  }
  g.option = fmt::format("-{} {}", option, g.kind);
  return g;
}

Result<void> on_device(Parser& p, std::string_view v) {
  if (v == "help" || v == "?") {
    p.out.print = device_list_help();
    return {};
  }
  OptionGroup g = split_group("device", "driver", v);
  if (g.kind == "loader") {
    if (v == "loader,help" || v == "loader,?") {
      p.out.print =
          "loader options:\n"
          "  file=<path>      - an ELF file, or bytes for addr=\n"
          "  addr=<address>   - where data or a raw file goes; without both, where cpu-num starts\n"
          "  force-raw=<bool> - an ELF file is bytes too\n"
          "  data=<number>    - a number instead of a file, with data-len=<1..8>, data-be=<bool>\n"
          "  cpu-num=<number> - the CPU that starts at the file's entry or at addr\n";
      return {};
    }
    p.out.config.loaders.push_back(TRY(firmware::LoaderOptions::parse(g.properties)));
    return {};
  }
  const DeviceModel* model = find_device_model(g.kind);
  if (model == nullptr) return fail("'{}' is not a valid device model name", g.kind);
  for (const auto& item : g.properties)
    if (item.first == "help" || item.first == "?") {
      p.out.print = device_help(*model);
      return {};
    }
  p.out.config.devices.push_back(std::move(g));
  return {};
}

/// "DRIVER.PROPERTY=VALUE", or driver=,property=,value=.
Result<void> on_global(Parser& p, std::string_view v) {
  OptionGroup g;
  const std::size_t eq = v.find('=');
  const std::size_t dot = v.substr(0, eq).rfind('.');
  if (eq == std::string_view::npos) return fail("'{}' is not DRIVER.PROPERTY=VALUE", v);
  if (dot != std::string_view::npos) {
    g.kind = v.substr(0, dot);
    g.properties.emplace_back(v.substr(dot + 1, eq - dot - 1), v.substr(eq + 1));
  } else {
    Properties list(split_options(v, ""));
    g.kind = list.take_or("driver", "");
    g.properties.emplace_back(list.take_or("property", ""), list.take_or("value", ""));
    TRY_VOID(list.finish());
  }
  const auto& [property, value] = g.properties[0];
  // The one property of the slots themselves: their registers are those of version 2.
  if (g.kind == "virtio-mmio" && property == "force-legacy") {
    if (TRY(parse_switch(value))) return fail("virtio-mmio.force-legacy=on is not implemented");
    return {};
  }
  const DeviceModel* model = find_device_model(g.kind);
  if (model == nullptr) return fail("'{}' is not a valid device model name", g.kind);
  if (!model->has_property(property)) return fail("'{}' has no property '{}'", g.kind, property);
  p.out.config.globals.push_back(std::move(g));
  return {};
}

Result<void> on_object(Parser& p, std::string_view v) {
  OptionGroup g = split_group("object", "qom-type", v);
  if (g.id.empty()) return fail("{}: id= is missing", g.kind);
  if (g.kind == "filter-dump") {
    PropertyList pairs = g.properties;
    pairs.emplace_back("id", g.id);
    p.out.config.dumps.push_back(TRY(net::parse_filter_dump(pairs)));
    return {};
  }
  if (is_memory_backend(g.kind)) {
    PropertyList pairs = g.properties;
    pairs.emplace_back("id", g.id);
    p.out.config.memory_backends.push_back(TRY(parse_memory_backend(g.kind, Properties(pairs))));
    return {};
  }
  if (g.kind == "rng-random" || g.kind == "rng-builtin") {
    Properties list(g.properties);
    const std::string file = list.take_or("filename", "/dev/urandom");
    if (g.kind == "rng-random" && file != "/dev/urandom" && file != "/dev/random")
      return fail("rng-random: filename={} is not implemented (/dev/urandom, /dev/random)", file);
    TRY_VOID(list.finish());
  } else {
    return fail("'{}' is not implemented", g.kind);
  }
  p.out.config.objects.push_back(std::move(g));
  return {};
}

/// One node with all of the memory is what there is.
Result<void> on_numa(Parser& p, std::string_view v) {
  Properties list(split_options(v, "type"));
  if (list.take_or("type", "") != "node") return fail("only 'node' is implemented");
  TRY(list.number("nodeid", 0, 0, 0));
  if (list.has("cpus")) return fail("cpus= is not implemented: there is one node");
  if (const auto memory = list.take("memdev")) p.out.config.memory_backend = *memory;
  return list.finish();
}

Result<void> on_fw_cfg(Parser& p, std::string_view v) {
  Properties list(split_options(v, "name"));
  FwCfgFile f;
  f.name = list.take_or("name", "");
  f.path = list.take_or("file", "");
  const auto text = list.take("string");
  f.text = text.value_or("");
  TRY_VOID(list.finish());
  if (f.name.empty()) return fail("name= is missing");
  if (f.path.empty() == !text) return fail("either file= or string= is needed");
  p.out.config.fw_cfg.push_back(std::move(f));
  return {};
}

}  // namespace quince::machine::cli
