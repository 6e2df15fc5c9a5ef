// What is done with a machine that runs Linux.  Each scenario says what it saw on stdout.
#pragma once

#include <string>

#include "base/result.h"
#include "base/types.h"

namespace quince::test {

struct LiveOptions {
  std::string guest;     ///< the folder that fetch-guest.sh and make-initramfs.sh fill
  u64 seed = 1;          ///< of everything random
  unsigned keys = 500;   ///< latency: presses, each with its release
  unsigned rounds = 20;  ///< unplug
  unsigned seconds = 0;  ///< soak: after the first boot
  bool window = false;   ///< soak: with the window, on an X server of its own
};

/// From a key that is pressed to the time stamp of Linux's event, in the controller's three modes;
/// in a deterministic run and in real time.  000d
Result<void> measure_latency(const LiveOptions& options);

/// Disks, and a hub with one, that are pulled during a transfer and put back.
Result<void> unplug_during_transfers(const LiveOptions& options);

/// Everything at once, at random: sizes, modes, keys, pointers, plugs, pauses, resets.  001o, 001p
Result<void> soak(const LiveOptions& options);

/// The command line's common part: board, memory, kernel, initramfs.
std::vector<std::string> linux_args(const LiveOptions& options, const std::string& memory);

}  // namespace quince::test
