// The machine itself: -M, -cpu, -smp, -m, -accel, -icount, -rtc.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/model.h"
#include "hw/display/edid.h"
#include "machine/cli/parser.h"

namespace quince::machine::cli {

namespace {

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

std::string machine_help() {
  std::string s = "Supported machines are:\n";
  for (const Board* b : boards())
    s +=
        fmt::format("{:<20} {}{}\n", b->name, b->description, b == boards()[0] ? " (default)" : "");
  return s;
}

std::string board_options_help(std::string_view name) {
  const Board* board = find_board(name);
  std::string s = fmt::format(
      "{} options:\n"
      "  accel=<string>         - tcg\n"
      "  display=<string>       - on, off or auto: the board's own, where it has one (auto: on\n"
      "                           without another)\n"
      "  display-mode=<W>x<H>   - its size in pixels (1920x1080)\n"
      "  dumpdtb=<file>         - write the generated device tree and exit\n"
      "  gic-version=<string>   - 3\n"
      "  memory-backend=<id>    - an -object memory-backend-*: the guest's memory\n"
      "  msi=<bool>             - PCI functions have MSI and MSI-X (on)\n",
      name);
  s += fmt::format("  usb=<bool>             - there is a USB controller ({})\n",
                   board != nullptr && board->usb_input ? "on" : "off");
  if (board != nullptr && board->has(Slot::Its))
    s += "  its=<bool>             - messages go through an ITS (on)\n";
  if (board != nullptr && board->has(Slot::Bdif)) s += platform_options_help();
  return s;
}

Result<void> set_board_display(DisplayConfig& c, std::string_view value) {
  const auto on = parse_switch(value);
  if (!on && value != "auto") return fail("display={} is none of on, off, auto", value);
  c.board = value == "auto" ? BoardDisplay::Auto : *on ? BoardDisplay::On : BoardDisplay::Off;
  return {};
}

}  // namespace

Result<void> on_machine(Parser& p, std::string_view v) {
  MachineConfig& c = p.out.config;
  for (const auto& [key, value] : split_options(v, "type")) {
    if (key == "help" || key == "?" || value == "help" || value == "?") {
      p.out.print = key == "type" ? machine_help() : board_options_help(c.board);
      return {};
    }
    if (key == "type") {
      // "none" is what tools name that only ask for a list (`-M none -accel help`).
      if (find_board(value) == nullptr && value != "none") return no_such("machine", value);
      c.board = value;
    } else if (key == "dumpdtb") {
      c.dumpdtb = value;
    } else if (key == "display") {
      TRY_VOID(set_board_display(c.display, value));
    } else if (key == "display-mode") {
      const hw::DisplayMode mode = TRY(hw::parse_display_mode(value));
      c.display.width = mode.width;
      c.display.height = mode.height;
    } else if (key == "gic-version") {
      if (value != "3" && value != "max")
        return fail("gic-version={} is not implemented (only 3)", value);
    } else if (key == "memory-backend") {
      c.memory_backend = value;
    } else if (key == "msi") {
      c.msi = TRY(parse_switch(value));
    } else if (key == "its") {
      c.its = TRY(parse_switch(value));
      p.its_asked = c.its;
    } else if (key == "usb") {
      p.usb = TRY(parse_switch(value));
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
    } else if (!TRY(on_platform_option(p, key, value))) {
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
  struct {
    const char* key;
    u64 n;
  } items[] = {{"sockets", 0},  {"cores", 0}, {"threads", 0},
               {"clusters", 0}, {"cpus", 0},  {"maxcpus", 0}};
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
  Properties props(split_options(v, "size"));
  MachineConfig& c = p.out.config;
  if (props.has("size")) {
    c.ram = TRY(props.size("size", 0, MiB));
    if (c.ram == 0) return fail("the guest needs memory");
  }
  const u64 slots = TRY(props.number("slots", 0, 0, 256));
  const u64 most = TRY(props.size("maxmem", 0, MiB));
  if (most != 0 && most < c.ram) return fail("maxmem is less than the memory itself");
  if (slots != 0 || most > c.ram)
    p.out.warnings.push_back(
        "warning: -m: memory cannot be added later; slots and maxmem change nothing");
  return props.finish();
}

/// What an option asks of a board is known to be there only when every -M was read.
Result<void> finish_machine(Parser& p, const Board& board) {
  if (!p.its_asked) return {};
  if (!board.has(Slot::Its)) return fail("-M: its=on: machine '{}' has no ITS", board.name);
  if (!p.out.config.msi) return fail("-M: its=on: with msi=off there are no messages for it");
  return {};
}

/// The memory's size is that of its back end.
Result<void> finish_memory(Parser& p) {
  MachineConfig& c = p.out.config;
  if (c.memory_backend.empty()) return {};
  const auto it = std::find_if(c.memory_backends.begin(), c.memory_backends.end(),
                               [&](const auto& m) { return m.id == c.memory_backend; });
  if (it == c.memory_backends.end())
    return fail("-M: there is no memory-backend object '{}'", c.memory_backend);
  if (c.ram != 0 && c.ram != it->size)
    return fail("-m: {} bytes, and memory-backend '{}' has {}", c.ram, it->id, it->size);
  c.ram = it->size;
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
      if (value != "single" && value != "multi")
        return fail("thread={} is neither single nor multi", value);
      p.out.config.single_thread = value == "single";
    } else if (key == "tb-size") {
      const u64 mib = TRY(parse_number(value));
      if (mib < 1 || mib > 2047) return fail("tb-size={}: 1 to 2047 MiB", value);
      p.out.config.engine.code_bytes = mib * MiB;
    } else {
      return fail("property '{}' is not implemented", key);
    }
  }
  return {};
}

Result<void> on_engine(Parser& p, std::string_view v) {
  using Kind = EngineConfig::Kind;
  EngineConfig& engine = p.out.config.engine;
  engine.chaos = 0;
  engine.track_code = false;
  for (const auto& [key, value] : split_options(v, "engine")) {
    if (key == "engine") {
      if (value != "interp" && value != "jit" && value != "lockstep")
        return fail("'{}' is none of interp, jit and lockstep", value);
      engine.kind = value == "jit"        ? Kind::Jit
                    : value == "lockstep" ? Kind::Lockstep
                                          : Kind::Interp;
    } else if (key == "chaos") {
      engine.chaos = TRY(parse_number(value));
      if (engine.chaos == 0)
        return fail("chaos={}: a number from 1, where the random numbers begin", value);
    } else if (key == "track-code") {
      engine.track_code = TRY(parse_switch(value));
    } else {
      return fail("property '{}' is not implemented", key);
    }
  }
  if (engine.chaos != 0 && engine.kind == Kind::Interp)
    return fail("chaos= is for translated code: jit or lockstep");
  return {};
}

Result<void> on_enable_kvm(Parser& p, std::string_view) {
  add_accel(p, "kvm", "-enable-kvm: kvm is not implemented (only -accel tcg)");
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
      p.out.config.rtc_host = true;
    } else if (key == "base") {
      const u64 seconds = TRY(parse_number(value));
      if (seconds > ~u32{0}) return fail("base={} does not fit the 32-bit clock", seconds);
      p.out.config.boot_time = static_cast<u32>(seconds);
      p.out.config.rtc_fixed = true;
      p.out.config.rtc_host = false;
    } else if (key != "clock" || value != "vm") {
      return fail("{}={} is not implemented (base=utc|SECONDS, clock=vm)", key, value);
    }
  }
  return {};
}

}  // namespace quince::machine::cli
