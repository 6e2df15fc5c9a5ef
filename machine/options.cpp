#include "machine/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/log.h"
#include "cpu/model.h"
#include "machine/board.h"
#include "machine/version.h"

namespace quince::machine {

namespace {

/// The parser's state while it goes through the arguments.
struct Parser {
  CommandLine out;
  std::vector<std::pair<std::string, CharConfig>> chardevs;  // -chardev id
  std::optional<std::string> serial;  // the -serial value, resolved at the end
  bool nographic = false;
  bool accel_found = false;  // one of the accelerators that were named is here
  std::string accel_error;   // what to say when none is
};

using Handler = Result<void> (*)(Parser&, std::string_view value);

/// One option.
struct Option {
  const char* name;
  const char* argument;  ///< for the help; null: takes none
  const char* help;      ///< null: not shown (accepted for compatibility)
  Handler handle;
};

template <auto F>
Result<void> text(Parser& p, std::string_view v) {
  p.out.config.*F = v;
  return {};
}

Result<void> no_such(std::string_view what, std::string_view value) {
  return fail("{} '{}' is not known; 'help' lists what is", what, value);
}

Result<void> accept(Parser&, std::string_view) { return {}; }

/// Callers name accelerators in the order of their preference, as a list or by repeating the
/// option; the first that exists is used.
void add_accel(Parser& p, std::string_view names, std::string_view error) {
  for (std::size_t from = 0; from <= names.size();) {
    const std::size_t end = std::min(names.find(':', from), names.size());
    if (names.substr(from, end - from) == "tcg") p.accel_found = true;
    from = end + 1;
  }
  if (p.accel_error.empty()) p.accel_error = error;
}

// ---- Machine -----------------------------------------------------------------------------------

std::string machine_help() {
  std::string s = "Supported machines are:\n";
  for (const Board* b : boards())
    s += fmt::format("{:<20} {}{}\n", b->name, b->description, b == boards()[0] ? " (default)" : "");
  return s;
}

std::string board_options_help(std::string_view board) {
  return fmt::format(
      "{} options:\n"
      "  accel=<string>         - tcg\n"
      "  dumpdtb=<file>         - write the generated device tree and exit\n"
      "  gic-version=<string>   - 3\n", board);
}

Result<void> on_machine(Parser& p, std::string_view v) {
  MachineConfig& c = p.out.config;
  for (const auto& [key, value] : split_options(v, "type")) {
    if (key == "help" || key == "?" || value == "help" || value == "?") {
      p.out.print = key == "type" ? machine_help() : board_options_help(c.board);
      return {};
    }
    if (key == "type") {
      if (find_board(value) == nullptr) return no_such("machine", value);
      c.board = value;
    } else if (key == "dumpdtb") {
      c.dumpdtb = value;
    } else if (key == "gic-version") {
      if (value != "3" && value != "max") return fail("gic-version={} is not implemented (only 3)", value);
    } else if (key == "accel") {
      add_accel(p, value, fmt::format("-M: accel={} is not implemented (only tcg)", value));
    } else if (key == "virtualization" || key == "mte") {
      // In the usual command line of several tools, whose guests run without them as well.
      if (TRY(parse_switch(value)))
        p.out.warnings.push_back(
            fmt::format("warning: -M: {}=on is not there yet, the guest runs without it", key));
    } else if (key == "secure") {
      if (TRY(parse_switch(value)))
        return fail("{}=on is not implemented: the guest has EL0 and EL1", key);
    } else {
      return fail("property '{}' is not known for machine '{}'", key, c.board);
    }
  }
  return {};
}

Result<void> on_cpu(Parser& p, std::string_view v) {
  if (v == "help" || v == "?") {
    p.out.print = cpu::cpu_help();
    return {};
  }
  TRY(cpu::parse_cpu_model(v));
  p.out.config.cpu = v;
  return {};
}

Result<void> on_smp(Parser& p, std::string_view v) {
  // 0: not given.  A factor that is not given is what makes the product right.
  struct { const char* key; u64 n; } items[] = {
      {"sockets", 0}, {"cores", 0}, {"threads", 0}, {"clusters", 0}, {"cpus", 0}, {"maxcpus", 0}};
  for (const auto& [key, value] : split_options(v, "cpus")) {
    const auto item = std::find_if(std::begin(items), std::end(items),
                                   [&name = key](const auto& i) { return name == i.key; });
    if (item == std::end(items)) return fail("property '{}' is not known", key);
    item->n = TRY(parse_number(value));
    // More CPUs than this are refused too, in finish(), by what the board has room for.
    if (item->n == 0 || (item->n > 4096 && key != "cpus"))
      return fail("{}={} is out of range", key, item->n);
  }
  const u64 cpus = items[4].n, max = items[5].n;
  if (cpus != 0 && max != 0 && max < cpus) return fail("maxcpus={} is fewer than {}", max, cpus);
  u64 product = 1;
  for (unsigned i = 0; i < 4; ++i) product *= std::max<u64>(items[i].n, 1);
  const u64 total = max != 0 ? max : cpus != 0 ? cpus : product;
  const bool complete = items[0].n != 0 && items[1].n != 0 && items[2].n != 0;
  if (total % product != 0 || (complete && total != product))
    return fail("sockets * clusters * cores * threads is {}, not {}", product, total);
  p.out.config.cpus = static_cast<unsigned>(std::min<u64>(cpus != 0 ? cpus : total, ~0u));
  return {};
}

Result<void> on_memory(Parser& p, std::string_view v) {
  for (const auto& [key, value] : split_options(v, "size")) {
    if (key != "size") return fail("property '{}' is not implemented", key);
    p.out.config.ram = TRY(parse_size(value, MiB));
    if (p.out.config.ram == 0) return fail("the guest needs memory");
  }
  return {};
}

Result<void> on_accel(Parser& p, std::string_view v) {
  if (v == "help" || v == "?") {
    p.out.print = "Accelerators:\ntcg\n";
    return {};
  }
  for (const auto& [key, value] : split_options(v, "accel")) {
    if (key == "accel") {
      add_accel(p, value, fmt::format("-accel: '{}' is not implemented (only tcg)", value));
    } else if (key == "thread") {
      if (value != "single" && value != "multi") return fail("thread={} is neither single nor multi", value);
      p.out.config.single_thread = value == "single";
    } else {
      return fail("property '{}' is not implemented", key);
    }
  }
  return {};
}

Result<void> on_icount(Parser& p, std::string_view v) {
  ClockConfig& c = p.out.config.clock;
  c.deterministic = true;
  for (const auto& [key, value] : split_options(v, "shift")) {
    if (key == "shift" && value == "auto") {
      c.shift = 3;
    } else if (key == "shift") {
      const u64 n = TRY(parse_number(value));
      if (n > 10) return fail("shift={} is out of range (0 to 10)", n);
      c.shift = static_cast<unsigned>(n);
    } else if (key == "sleep") {
      c.sleep = TRY(parse_switch(value));
    } else if (key == "align") {
      if (TRY(parse_switch(value))) return fail("align=on is not implemented");
    } else {
      return fail("property '{}' is not implemented", key);
    }
  }
  return {};
}

Result<void> on_rtc(Parser& p, std::string_view v) {
  for (const auto& [key, value] : split_options(v, "")) {
    if (key == "base" && value == "utc") {
      p.out.config.rtc_fixed = false;
    } else if (key == "base") {
      const u64 seconds = TRY(parse_number(value));
      if (seconds > ~u32{0}) return fail("base={} does not fit the 32-bit clock", seconds);
      p.out.config.boot_time = static_cast<u32>(seconds);
      p.out.config.rtc_fixed = true;
    } else if (key != "clock" || value != "vm") {
      return fail("{}={} is not implemented (base=utc|SECONDS, clock=vm)", key, value);
    }
  }
  return {};
}

// ---- Devices -----------------------------------------------------------------------------------

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

// ---- Control and diagnosis ---------------------------------------------------------------------

Result<void> on_action(Parser& p, std::string_view v) {
  ActionConfig& a = p.out.config.actions;
  for (const auto& [key, value] : split_options(v, "")) {
    if (key == "reboot" && (value == "reset" || value == "shutdown"))
      a.reboot_is_shutdown = value == "shutdown";
    else if (key == "shutdown" && (value == "poweroff" || value == "pause"))
      a.shutdown_is_pause = value == "pause";
    else
      return fail("{}={} is not implemented (reboot=reset|shutdown, shutdown=poweroff|pause)", key, value);
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

template <bool ActionConfig::*F>
Result<void> set_action(Parser& p, std::string_view) {
  p.out.config.actions.*F = true;
  return {};
}

Result<void> on_paused(Parser& p, std::string_view) {
  p.out.config.paused = true;
  return {};
}

Result<void> on_version(Parser& p, std::string_view) {
  p.out.print = fmt::format("quince {}\n", kVersion);
  return {};
}

Result<void> on_help(Parser& p, std::string_view) {
  p.out.print = help_text();
  return {};
}

// clang-format off
constexpr Option kOptions[] = {
    // name          argument                              help
    {"M",            "MACHINE[,prop=value...]",            "the board ('-M help' lists them)", on_machine},
    {"machine",      "MACHINE[,prop=value...]",            nullptr, on_machine},
    {"cpu",          "MODEL[,feature=on|off...]",          "the CPU model ('-cpu help')", on_cpu},
    {"smp",          "N[,sockets=,cores=,threads=]",       "CPUs, 1 to 32", on_smp},
    {"m",            "SIZE[K|M|G]",                        "guest memory, in MiB without a suffix", on_memory},
    {"kernel",       "FILE",                               "Linux Image, Image.gz, EFI zboot, ELF or raw binary", text<&MachineConfig::kernel>},
    {"initrd",       "FILE",                               "initial RAM disk", text<&MachineConfig::initrd>},
    {"append",       "TEXT",                               "the kernel's command line", text<&MachineConfig::append>},
    {"dtb",          "FILE",                               "device tree instead of the generated one", text<&MachineConfig::dtb>},
    {"bios",         "FILE",                               "firmware image at the firmware slot", text<&MachineConfig::bios>},
    {"device",       "loader,file=FILE[,addr=A]",          "put a file or data into memory", on_device},
    {"serial",       "stdio|mon:stdio|file:F|null|chardev:ID", "where the serial port leads", on_serial},
    {"chardev",      "stdio|file|null,id=ID...",           "a named back end for -serial", on_chardev},
    {"nographic",    nullptr,                              "serial port on the terminal (Ctrl-A h for help)", on_nographic},
    {"display",      "none",                               "no window", only_none},
    {"icount",       "[shift=]N|auto[,sleep=on|off]",      "deterministic: guest time by instructions", on_icount},
    {"accel",        "tcg[,thread=single|multi]",          "engine threads", on_accel},
    {"rtc",          "base=utc|SECONDS[,clock=vm]",        "the clock at power-on", on_rtc},
    {"seed",         "N",                                  "seed of everything random in a deterministic run", on_seed},
    {"no-reboot",    nullptr,                              "end instead of rebooting", set_action<&ActionConfig::reboot_is_shutdown>},
    {"no-shutdown",  nullptr,                              "stop instead of ending when the guest powers off", set_action<&ActionConfig::shutdown_is_pause>},
    {"action",       "reboot=reset|shutdown,shutdown=poweroff|pause", "the same two by name", on_action},
    {"S",            nullptr,                              "start stopped (Ctrl-A s continues)", on_paused},
    {"d",            "ITEM[,...]",                         "log items ('-d help')", on_log},
    {"D",            "FILE",                               "log to a file", text<&MachineConfig::log_file>},
    {"trace",        "GLOB",                               "switch trace points on", on_trace},
    {"name",         "TEXT",                               "a name for the machine, in what it says of itself", text<&MachineConfig::name>},
    {"h",            nullptr,                              "this text", on_help},
    {"help",         nullptr,                              nullptr, on_help},
    {"version",      nullptr,                              "the version", on_version},
    // Accepted because callers of QEMU pass them; there is nothing here that they would change.
    {"nodefaults",   nullptr, nullptr, accept},
    {"no-user-config", nullptr, nullptr, accept},
    {"parallel",     "none",  nullptr, only_none},
    {"vga",          "none",  nullptr, only_none},
    {"net",          "none",  nullptr, only_none},
    {"nic",          "none",  nullptr, only_none},
    {"monitor",      "none",  nullptr, only_none},
};
// clang-format on

const Option* find_option(std::string_view name) {
  const auto it = std::find_if(std::begin(kOptions), std::end(kOptions),
                               [&](const Option& o) { return name == o.name; });
  return it == std::end(kOptions) ? nullptr : &*it;
}

Result<void> finish(Parser& p) {
  MachineConfig& c = p.out.config;
  if (!p.accel_found && !p.accel_error.empty()) return fail("{}", p.accel_error);
  auto port = parse_char(p, p.serial.value_or(p.nographic ? "mon:stdio" : "null"));
  if (!port) return tl::unexpected(port.error().in("-serial"));
  c.serial = *port;
  const Board& board = *find_board(c.board);
  if (c.cpus > board.max_cpus)
    return fail("-smp: Invalid SMP CPUs {}. The max CPUs supported by machine '{}' is {}", c.cpus,
                c.board, board.max_cpus);
  if (c.ram == 0) c.ram = board.default_ram;
  if (c.ram % MiB != 0) return fail("-m: the size must be a multiple of 1 MiB");
  if (c.ram < 16 * MiB) return fail("-m: {} MiB is too little, the least is 16 MiB", c.ram / MiB);
  if (c.ram > board.max_ram)
    return fail("-m: {} MiB is too much, machine '{}' has room for {} MiB", c.ram / MiB, c.board,
                board.max_ram / MiB);
  if (c.kernel.empty() && !c.initrd.empty()) return fail("-initrd: only with -kernel");
  if (c.kernel.empty() && !c.append.empty()) return fail("-append: only with -kernel");
  if (c.kernel.empty() && !c.dtb.empty()) return fail("-dtb: only with -kernel");
  if (c.kernel.empty() && c.bios.empty() && c.loaders.empty() && c.dumpdtb.empty())
    return fail("nothing to boot: -kernel, -bios or -device loader is needed ('-help' lists the options)");
  return {};
}

}  // namespace

std::string help_text() {
  std::string s = fmt::format("quince {}: runs ARM64 machines\nusage: quince [options]\n\n", kVersion);
  for (const Option& o : kOptions)
    if (o.help != nullptr)
      s += fmt::format("-{} {}\n                {}\n", o.name, o.argument != nullptr ? o.argument : "", o.help);
  return s;
}

Result<CommandLine> parse_command_line(std::span<const char* const> args) {
  Parser p;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    if (!arg.starts_with("-") || arg.size() < 2)
      return fail("{}: this is no option (a disk image as an argument is not implemented)", arg);
    const std::string_view name = arg.substr(arg.starts_with("--") ? 2 : 1);
    const Option* o = find_option(name);
    if (o == nullptr) return fail("-{}: invalid option", name);
    std::string_view value;
    if (o->argument != nullptr) {
      if (i + 1 == args.size()) return fail("-{}: requires an argument", name);
      value = args[++i];
    }
    const Result<void> r = o->handle(p, value);
    if (!r) {
      // What the option's own parser says begins with the option already.
      const std::string flag = fmt::format("-{}", o->name);
      return tl::unexpected(r.error().message().starts_with(flag) ? r.error() : r.error().in(flag));
    }
    if (!p.out.print.empty()) return p.out;
  }
  TRY_VOID(finish(p));
  return p.out;
}

}  // namespace quince::machine
