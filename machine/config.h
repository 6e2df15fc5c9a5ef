// What the command line asks for, as plain data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/option_values.h"
#include "base/types.h"
#include "firmware/loader.h"
#include "hw/virtio/9p/fsdev_options.h"
#include "hw/vmapple/cfg.h"
#include "machine/chardev/chardev.h"
#include "machine/clock.h"
#include "machine/drive_config.h"
#include "machine/listing/options.h"
#include "machine/memory_backend.h"
#include "net/config.h"
#include "ui/window_options.h"

namespace quince::machine {

/// One of an option that may be given several times: -device, -drive, -netdev, -chardev, ...
struct OptionGroup {
  std::string kind;         ///< the first word: a driver, a type of back end
  std::string id;           ///< what others call it by; may be empty
  PropertyList properties;  ///< everything else
  std::string option;       ///< for messages: "-device virtio-blk-pci"
};

/// -fw_cfg: a file that firmware can read.
struct FwCfgFile {
  std::string name;
  std::string path;  ///< empty: `text` is what it holds
  std::string text;
};

/// -boot: what firmware is told through fw_cfg.
struct BootConfig {
  bool menu = false;                     ///< it shows a menu
  std::optional<u16> splash_time_ms;     ///< for so long
  std::optional<s32> reboot_timeout_ms;  ///< when nothing boots it resets after this; -1: never
  bool strict = false;                   ///< it boots from devices with a bootindex only
};

/// What happens when a guest says that it has crashed.
enum class PanicAction : u8 { None, Pause, Shutdown, ExitFailure };

/// What happens on a guest event (-no-reboot, -no-shutdown, -action).
struct ActionConfig {
  bool reboot_is_shutdown = false;
  bool shutdown_is_pause = false;
  PanicAction panic = PanicAction::Shutdown;
};

/// What only 'vmapple' has (-M vmapple,ecid=, ...).
struct PlatformConfig {
  hw::VmappleCfgConfig
      cfg;                ///< but for what the machine knows better: CPUs, memory, random numbers
  std::string root, aux;  ///< the drives that firmware reads through bdif, by id; empty: none
};

/// Whether a board's own display is there.
enum class BoardDisplay : u8 {
  Auto,  ///< when no other display is plugged in
  On,
  Off
};

/// What a person sees.
struct DisplayConfig {
  enum class Front : u8 {
    Default,  ///< a window, where there is a head and a desktop to show it on
    None,
    Sdl,
  };
  Front front = Front::Default;
  ui::WindowOptions window;
  BoardDisplay board = BoardDisplay::Auto;  ///< -M display=
  u32 width = 1920, height = 1080;          ///< -M display-mode=: pixels of the board's own
  std::string screenshot;  ///< -screenshot: written on SIGUSR1 and at the end; empty: none
};

/// A whole machine.
/// What runs the guest's instructions.
struct EngineConfig {
  enum class Kind : u8 {
    Default,   ///< Jit where the host can, else Interp
    Interp,    ///< the interpreter alone
    Jit,       ///< translated code, and the interpreter for what ran seldom
    Lockstep,  ///< the same, and the interpreter for all; the first difference ends the run
  };
  Kind kind = Kind::Default;   ///< -engine
  u64 chaos = 0;               ///< -engine jit,chaos=: TranslationOptions::chaos
  bool track_code = false;     ///< -engine ...,track-code=on: VcpuPorts::track_code
  u64 code_bytes = 128 * MiB;  ///< -accel tcg,tb-size=: for translated code, of all vCPUs together
};

struct MachineConfig {
  std::string board = "vmapple";
  std::string cpu;               ///< the -cpu option; "" is the default model
  unsigned cpus = 1;
  u64 ram = 0;                   ///< bytes; 0 is the board's default
  std::vector<MemoryBackendOptions> memory_backends;  ///< -object memory-backend-*
  std::string memory_backend;  ///< the one that is the guest's memory; empty: one of its own
  std::string kernel, initrd, dtb, bios, append, dumpdtb;
  std::vector<firmware::LoaderOptions> loaders;  ///< -device loader
  bool msi = true;                               ///< -M msi=: PCI functions have MSI and MSI-X
  CharOptions serial;                            ///< where the UART leads
  std::vector<CharOptions> chardevs;
  std::vector<DriveConfig> drives;
  std::vector<net::NetdevOptions> netdevs;
  std::vector<net::DumpOptions> dumps;   ///< -object filter-dump
  std::vector<p9::FsdevOptions> fsdevs;  ///< -fsdev, and -virtfs's share of it
  std::vector<OptionGroup> objects;      ///< others
  std::vector<OptionGroup> devices;      ///< -device, and what short forms of it make
  bool usb = false;                      ///< a USB controller, if `devices` has none
  bool usb_input = false;                ///< and the keyboard and tablet of the board itself
  std::vector<OptionGroup> globals;      ///< -global: defaults for a driver's properties
  std::vector<FwCfgFile> fw_cfg;
  BootConfig boot;
  bool its = true;  ///< -M virt,its=: messages reach the GIC through an ITS
  DisplayConfig display;
  ActionConfig actions;
  PlatformConfig platform;
  ClockConfig clock;
  bool paused = false;           ///< -S
  bool single_thread = false;    ///< -accel tcg,thread=single
  EngineConfig engine;
  std::string name;
  u8 escape_key = 1;             ///< -echr: of terminals that several share; 1 is Ctrl-A
  std::string pid_file;          ///< -pidfile; empty: none
  u32 boot_time = 0;             ///< the date at power-on, in seconds since 1970, if rtc_fixed
  bool rtc_fixed = false;        ///< boot_time was given
  bool rtc_host = false;         ///< the host's date was asked for, also for a deterministic run
  std::vector<std::string> log_items;   ///< -d
  std::string log_file;                 ///< -D
  std::vector<AddressRange> log_filter;  ///< -dfilter
  bool perf_map = false;                 ///< -perfmap
  std::vector<std::string> traces;      ///< -trace globs
  u64 seed = 0;                  ///< for everything random in a deterministic run (-seed)
  bool has_seed = false;
};

}  // namespace quince::machine
