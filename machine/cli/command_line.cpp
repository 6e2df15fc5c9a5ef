#include "machine/cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "machine/board.h"
#include "machine/cli/parser.h"
#include "machine/version.h"

namespace quince::machine {

namespace cli {

tl::unexpected<Error> no_such(std::string_view what, std::string_view value) {
  return fail("{} '{}' is not known; 'help' lists what is", what, value);
}

}  // namespace cli

namespace {

using namespace cli;

template <auto F>
Result<void> text(Parser& p, std::string_view v) {
  p.out.config.*F = v;
  return {};
}

Result<void> accept(Parser&, std::string_view) { return {}; }

/// What it changes was looked for before the first option: it changes what options do.
Result<void> on_compat(Parser&, std::string_view v) {
  if (v != "qemu") return fail("'{}' is not known (only qemu)", v);
  return {};
}

bool asks_for_compat(std::span<const char* const> args) {
  for (std::size_t i = 0; i + 1 < args.size(); ++i)
    if (const std::string_view a = args[i]; a == "-compat" || a == "--compat")
      return args[i + 1] == std::string_view("qemu");
  return false;
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
    {"boot",         "[menu=on|off][,splash-time=MS][,reboot-timeout=MS][,strict=on|off]", "what firmware of 'virt' is told besides bootindex= of devices", on_boot},
    {"device",       "MODEL[,prop=value...]",              "a device ('-device help', '-device MODEL,help'), or loader,file=FILE[,addr=A]", on_device},
    {"global",       "MODEL.PROP=VALUE",                   "a default for every device of a model", on_global},
    {"drive",        "file=FILE[,if=virtio|none|pflash][,format=raw|qcow2]...", "a disk image", on_drive},
    {"hda",          "FILE",                               "a disk; likewise -hdb, -hdc, -hdd", on_hda},
    {"hdb",          "FILE",                               nullptr, on_hdb},
    {"hdc",          "FILE",                               nullptr, on_hdc},
    {"hdd",          "FILE",                               nullptr, on_hdd},
    {"cdrom",        "FILE",                               "a read-only disk", on_cdrom},
    {"pflash",       "FILE",                               "an image of flash: code, then variables", on_pflash},
    {"snapshot",     nullptr,                              "write to temporary files instead of the images", on_snapshot},
    {"netdev",       "user|socket|stream|dgram|hubport,id=ID...", "a network back end ('-netdev help')", on_netdev},
    {"nic",          "user|...[,model=virtio-net-pci][,mac=M]", "a network back end and its device", on_nic},
    {"net",          "nic|user|...",                       "the old form of the same", on_net},
    {"fsdev",        "local,id=ID,path=FOLDER,security_model=none|passthrough|mapped...", "a folder for -device virtio-9p-pci", on_fsdev},
    {"virtfs",       "local,mount_tag=TAG,path=FOLDER,security_model=M...", "a folder and its device", on_virtfs},
    {"serial",       "stdio|mon:stdio|file:F|pty|unix:P|tcp:H:P|null|chardev:ID", "where the serial port leads", on_serial},
    {"chardev",      "BACKEND,id=ID...",                   "a named character back end ('-chardev help')", on_chardev},
    {"object",       "memory-backend-ram|file|memfd,id=ID,size=S...", "memory for -M memory-backend=ID; also rng-builtin, rng-random, filter-dump", on_object},
    {"numa",         "node,memdev=ID",                     "the same by QEMU's other name", on_numa},
    {"usb",          nullptr,                              "a USB controller, if no -device is one", on_usb},
    {"usbdevice",    "keyboard|mouse|tablet",              "a USB device by its short name", on_usbdevice},
    {"nodefaults",   nullptr,                              "without the keyboard, tablet and USB controller that vmapple has by itself", on_nodefaults},
    {"fw_cfg",       "name=NAME,file=FILE|string=TEXT",    "a file for firmware (virt)", on_fw_cfg},
    {"nographic",    nullptr,                              "serial port on the terminal (Ctrl-A h for help)", on_nographic},
    {"echr",         "N",                                  "the escape key of a shared terminal by its code (1: Ctrl-A)", on_echr},
    {"display",      "none|sdl[,scale=N][,full-screen=on]...", "where heads are shown ('-display help' lists options and the window's keys)", on_display},
    {"full-screen",  nullptr,                              "the window covers the screen", on_full_screen},
    {"screenshot",   "FILE",                               "a PNG of the first head, on SIGUSR1 and at the end", on_screenshot},
    {"icount",       "[shift=]N|auto[,sleep=on|off]",      "deterministic: guest time by instructions", on_icount},
    {"accel",        "tcg[,thread=single|multi][,tb-size=MIB]", "engine threads, and memory for translated code", on_accel},
    {"engine",       "interp|jit|lockstep[,chaos=SEED][,track-code=on|off]", "interpreter, translated code, or each against the other; track-code: for guests without IC", on_engine},
    {"enable-kvm",   nullptr,                              nullptr, on_enable_kvm},
    {"rtc",          "base=utc|SECONDS[,clock=vm]",        "the clock at power-on", on_rtc},
    {"seed",         "N",                                  "seed of everything random in a deterministic run", on_seed},
    {"no-reboot",    nullptr,                              "end instead of rebooting", on_no_reboot},
    {"no-shutdown",  nullptr,                              "stop instead of ending when the guest powers off", on_no_shutdown},
    {"action",       "reboot=reset|shutdown,shutdown=poweroff|pause,panic=none|pause|shutdown|exit-failure", "the same two by name, and what a guest's pvpanic does (shutdown)", on_action},
    {"S",            nullptr,                              "start stopped (Ctrl-A s continues)", on_paused},
    {"d",            "ITEM[,...]",                         "log items ('-d help')", on_log},
    {"D",            "FILE",                               "log to a file", text<&MachineConfig::log_file>},
    {"dfilter",      "FIRST..LAST|FIRST+SIZE|LAST-SIZE[,...]", "guest addresses that -d in_asm and out_asm are about", on_log_filter},
    {"perfmap",      nullptr,                              "names of translated code for perf, in its perf-PID.map", on_perf_map},
    {"jitdump",      nullptr,                              nullptr, on_jit_dump},
    {"trace",        "GLOB",                               "switch trace points on", on_trace},
    {"name",         "TEXT",                               "a name for the machine, in what it says of itself", text<&MachineConfig::name>},
    {"pidfile",      "FILE",                               "the number of this process, while it runs", text<&MachineConfig::pid_file>},
    {"compat",       "qemu",                               "speak like QEMU where tools look, with 'virt' as the default board", on_compat},
    {"h",            nullptr,                              "this text", on_help},
    {"help",         nullptr,                              nullptr, on_help},
    {"version",      nullptr,                              "the version", on_version},
    // Accepted because callers of QEMU pass them; there is nothing here that they would change.
    {"no-user-config", nullptr, nullptr, accept},
    {"parallel",     "none",  nullptr, only_none},
    {"vga",          "none",  nullptr, only_none},
    {"monitor",      "none",  nullptr, only_none},
};
// clang-format on

const Option* find_option(std::string_view name) {
  const auto it = std::find_if(std::begin(kOptions), std::end(kOptions),
                               [&](const Option& o) { return name == o.name; });
  return it == std::end(kOptions) ? nullptr : &*it;
}

Result<void> finish(Parser& p, bool desktop) {
  MachineConfig& c = p.out.config;
  if (find_board(c.board) == nullptr) return fail("-M: machine '{}' has nothing to run", c.board);
  if (!p.accel_found && !p.accel_error.empty()) return fail("{}", p.accel_error);
  const bool on_terminal =
      p.nographic || (!desktop && c.display.front == DisplayConfig::Front::Default);
  c.serial = p.serial ? *p.serial : TRY(parse_serial(on_terminal ? "mon:stdio" : "null"));
  TRY_VOID(add_platform_drives(p));
  TRY_VOID(finish_drives(p));
  TRY_VOID(finish_platform(p));
  finish_nics(p);
  TRY_VOID(finish_display(p));
  const Board& board = *find_board(c.board);
  TRY_VOID(finish_machine(p, board));
  finish_usb(p, board);
  finish_boot(p, board);
  if (c.cpus > board.max_cpus)
    return fail("-smp: Invalid SMP CPUs {}. The max CPUs supported by machine '{}' is {}", c.cpus,
                c.board, board.max_cpus);
  TRY_VOID(finish_memory(p));
  if (c.ram == 0) c.ram = board.default_ram;
  if (c.ram % MiB != 0) return fail("-m: the size must be a multiple of 1 MiB");
  if (c.ram < 16 * MiB) return fail("-m: {} MiB is too little, the least is 16 MiB", c.ram / MiB);
  if (c.ram > board.max_ram)
    return fail("-m: {} MiB is too much, machine '{}' has room for {} MiB", c.ram / MiB, c.board,
                board.max_ram / MiB);
  if (c.kernel.empty() && !c.initrd.empty()) return fail("-initrd: only with -kernel");
  if (c.kernel.empty() && !c.append.empty()) return fail("-append: only with -kernel");
  if (c.kernel.empty() && !c.dtb.empty()) return fail("-dtb: only with -kernel");
  const bool flash = std::any_of(c.drives.begin(), c.drives.end(), [](const DriveConfig& d) {
    return d.interface == DriveConfig::Interface::Pflash && d.unit == 0u;
  });
  if (!board.has(Slot::Firmware) && c.kernel.empty() && c.bios.empty() && c.loaders.empty() &&
      c.dumpdtb.empty() && !flash)
    return fail(
        "nothing to boot: -kernel, -bios or -device loader is needed ('-help' lists the options)");
  return {};
}

}  // namespace

Dialect dialect_of(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return name.starts_with("qemu-system-aarch64") ? Dialect::Qemu : Dialect::Quince;
}

std::string version_line(Dialect dialect) {
  if (dialect == Dialect::Quince) return fmt::format("quince {}\n", kVersion);
  return fmt::format("QEMU emulator version 10.0.0 (compatible; quince {})\n", kVersion);
}

std::string help_text(Dialect dialect) {
  std::string s = dialect == Dialect::Qemu ? version_line(dialect) : "";
  s += fmt::format("quince {}: runs ARM64 machines\nusage: quince [options]\n\n", kVersion);
  for (const Option& o : kOptions)
    if (o.help != nullptr)
      s += fmt::format("-{} {}\n                {}\n", o.name,
                       o.argument != nullptr ? o.argument : "", o.help);
  return s;
}

Result<CommandLine> parse_command_line(std::span<const char* const> args, Dialect dialect,
                                       bool desktop) {
  Parser p;
  p.compat = dialect == Dialect::Qemu || asks_for_compat(args);
  if (p.compat) p.out.config.board = kVirt.name;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    if (!arg.empty() && arg[0] != '-') {
      TRY_VOID(on_hda(p, arg));
      continue;
    }
    if (arg.size() < 2) return fail("'{}': this is neither an option nor a disk", arg);
    const bool two = arg.starts_with("--");
    // "--name=value", too
    const std::size_t equals = two ? arg.find('=') : std::string_view::npos;
    const std::string_view name = arg.substr(two ? 2 : 1, equals - (two ? 2 : 1));
    const Option* o = find_option(name);
    if (o == nullptr) return fail("-{}: invalid option", name);
    std::string_view value;
    if (o->argument != nullptr && equals != std::string_view::npos) {
      value = arg.substr(equals + 1);
    } else if (equals != std::string_view::npos) {
      return fail("--{}: takes no value", name);
    } else if (o->argument != nullptr) {
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
  TRY_VOID(finish(p, desktop));
  return p.out;
}

}  // namespace quince::machine
