// What the command line asks for, as plain data.
#pragma once

#include <string>
#include <vector>

#include "base/types.h"
#include "firmware/loader.h"
#include "machine/clock.h"

namespace quince::machine {

/// Where a serial port or a monitor leads.
struct CharConfig {
  enum class Kind : u8 { Null, Stdio, File };
  Kind kind = Kind::Null;
  std::string path;       ///< Kind::File
  bool mux = false;       ///< Ctrl-A escapes, and the monitor, share it (mon:stdio)
  bool signals = true;    ///< Ctrl-C ends the emulator instead of reaching the guest
};

/// What happens on a guest event (-no-reboot, -no-shutdown, -action).
struct ActionConfig {
  bool reboot_is_shutdown = false;
  bool shutdown_is_pause = false;
};

/// A whole machine.
struct MachineConfig {
  std::string board = "vmapple";
  std::string cpu;               ///< the -cpu option; "" is the default model
  unsigned cpus = 1;
  u64 ram = 0;                   ///< bytes; 0 is the board's default
  std::string kernel, initrd, dtb, bios, append, dumpdtb;
  std::vector<firmware::LoaderOptions> loaders;  ///< -device loader
  bool msi = true;               ///< -M msi=: PCI functions have MSI and MSI-X
  CharConfig serial;
  ActionConfig actions;
  ClockConfig clock;
  bool paused = false;           ///< -S
  bool single_thread = false;    ///< -accel tcg,thread=single
  std::string name;
  u32 boot_time = 0;             ///< the date at power-on, in seconds since 1970, if rtc_fixed
  bool rtc_fixed = false;        ///< boot_time was given
  bool rtc_host = false;         ///< the host's date was asked for, also for a deterministic run
  std::vector<std::string> log_items;   ///< -d
  std::string log_file;                 ///< -D
  std::vector<std::string> traces;      ///< -trace globs
  u64 seed = 0;                  ///< for everything random in a deterministic run (-seed)
  bool has_seed = false;
};

}  // namespace quince::machine
