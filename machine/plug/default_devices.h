// The USB devices that a machine has besides those that -device names.
#pragma once

#include <vector>

#include "machine/config.h"

namespace quince::machine {

/// What is to be plugged in, in order: `config.devices`, with what `config.usb` and
/// `config.usb_input` ask for.
///
/// A controller is added when none is named, in front of the first device that goes to it, so that
/// PCI devices keep their places.  A keyboard is added unless there is a USB keyboard, and a tablet
/// unless there is a USB pointer.
std::vector<OptionGroup> devices_to_plug(const MachineConfig& config);

}  // namespace quince::machine
