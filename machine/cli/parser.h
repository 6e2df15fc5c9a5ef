// Inside the command line: the parser's state, and what each option does to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine/board.h"
#include "machine/cli/command_line.h"
#include "machine/cli/root_disk.h"

namespace quince::machine::cli {

/// The parser's state while it goes through the arguments.
struct Parser {
  CommandLine out;
  bool compat = false;  ///< speak as QEMU does where tools look (-version, -help)
  std::optional<CharOptions> serial;
  std::vector<OptionGroup> nics;  // of -nic and -net
  unsigned hub_ports = 0;         // of -net
  bool snapshot = false;          // -snapshot
  bool nographic = false;
  bool its_asked = false;    // by -M its=on; without it, an ITS is there where the board has one
  bool boot_asked = false;   // by -boot
  bool full_screen = false;  // -full-screen
  std::optional<bool> usb;   // by -usb, -usbdevice and -M usb=
  bool no_defaults = false;  // -nodefaults
  std::string aux_file, aux_skip = "auto", root_file;  // by -M vmapple,aux=, aux-skip=, root=
  RootDisk root_disk = RootDisk::Auto;                 // by -M vmapple,root-disk=
  std::vector<OptionGroup> platform_devices;           // the disks that these make
  std::string platform_asked;                          // an option that only 'vmapple' has
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

// machine_options.cpp
Result<void> on_machine(Parser& p, std::string_view v);
Result<void> on_cpu(Parser& p, std::string_view v);
Result<void> on_smp(Parser& p, std::string_view v);
Result<void> on_memory(Parser& p, std::string_view v);
Result<void> finish_machine(Parser& p, const Board& board);
Result<void> finish_memory(Parser& p);
Result<void> on_accel(Parser& p, std::string_view v);
Result<void> on_engine(Parser& p, std::string_view v);
Result<void> on_enable_kvm(Parser& p, std::string_view v);
Result<void> on_icount(Parser& p, std::string_view v);
Result<void> on_rtc(Parser& p, std::string_view v);

// device_options.cpp
/// "KIND,id=...,name=value,..."; the kind may also be named by `kind_key`.
OptionGroup split_group(std::string_view option, std::string_view kind_key, std::string_view text);
Result<void> on_device(Parser& p, std::string_view v);
Result<void> on_global(Parser& p, std::string_view v);
Result<void> on_object(Parser& p, std::string_view v);
Result<void> on_numa(Parser& p, std::string_view v);
Result<void> on_fw_cfg(Parser& p, std::string_view v);

// boot_options.cpp
Result<void> on_boot(Parser& p, std::string_view v);
/// Warns where no firmware reads any of it.
void finish_boot(Parser& p, const Board& board);

// char_options.cpp
Result<void> on_chardev(Parser& p, std::string_view v);
Result<void> on_serial(Parser& p, std::string_view v);
Result<void> on_nographic(Parser& p, std::string_view v);
Result<void> on_echr(Parser& p, std::string_view v);
/// Options whose only implemented value is "none".
Result<void> only_none(Parser& p, std::string_view v);

// drive_options.cpp
Result<void> on_drive(Parser& p, std::string_view v);
Result<void> on_hda(Parser& p, std::string_view v);
Result<void> on_hdb(Parser& p, std::string_view v);
Result<void> on_hdc(Parser& p, std::string_view v);
Result<void> on_hdd(Parser& p, std::string_view v);
Result<void> on_cdrom(Parser& p, std::string_view v);
Result<void> on_pflash(Parser& p, std::string_view v);
Result<void> on_snapshot(Parser& p, std::string_view v);
/// Takes a drive whose id is no other's; without one, it gets one.
Result<void> add_drive(Parser& p, DriveConfig d);
/// Gives units to flash banks, and devices to drives with if=virtio.
Result<void> finish_drives(Parser& p);

// platform_options.cpp
/// One of -M that only 'vmapple' has; false when it is none of them.
Result<bool> on_platform_option(Parser& p, const std::string& key, const std::string& value);
std::string platform_options_help();
/// Before finish_drives(): the drives of aux= and root=.
Result<void> add_platform_drives(Parser& p);
/// After it: which drives firmware reads.
Result<void> finish_platform(Parser& p);

// display_options.cpp
Result<void> on_display(Parser& p, std::string_view v);
Result<void> on_full_screen(Parser& p, std::string_view v);
Result<void> on_screenshot(Parser& p, std::string_view v);
/// Brings -full-screen and -screenshot to the window.
Result<void> finish_display(Parser& p);

// fs_options.cpp
Result<void> on_fsdev(Parser& p, std::string_view v);
Result<void> on_virtfs(Parser& p, std::string_view v);

// net_options.cpp
Result<void> on_netdev(Parser& p, std::string_view v);
Result<void> on_nic(Parser& p, std::string_view v);
Result<void> on_net(Parser& p, std::string_view v);
void finish_nics(Parser& p);

// usb_options.cpp
Result<void> on_usb(Parser& p, std::string_view v);
Result<void> on_usbdevice(Parser& p, std::string_view v);
Result<void> on_nodefaults(Parser& p, std::string_view v);
/// What a board has by itself, unless -nodefaults is there.
void finish_usb(Parser& p, const Board& board);

// control_options.cpp
Result<void> on_action(Parser& p, std::string_view v);
Result<void> on_no_reboot(Parser& p, std::string_view v);
Result<void> on_no_shutdown(Parser& p, std::string_view v);
Result<void> on_paused(Parser& p, std::string_view v);
Result<void> on_log(Parser& p, std::string_view v);
Result<void> on_log_filter(Parser& p, std::string_view v);
Result<void> on_perf_map(Parser& p, std::string_view v);
Result<void> on_jit_dump(Parser& p, std::string_view v);
Result<void> on_trace(Parser& p, std::string_view v);
Result<void> on_seed(Parser& p, std::string_view v);
Result<void> on_version(Parser& p, std::string_view v);
Result<void> on_help(Parser& p, std::string_view v);

/// "WHAT 'VALUE' is not known; 'help' lists what is".
tl::unexpected<Error> no_such(std::string_view what, std::string_view value);

}  // namespace quince::machine::cli
