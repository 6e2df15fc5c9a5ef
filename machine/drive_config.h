// `-drive` and its short forms as a structure.
#pragma once

#include <optional>
#include <string>

#include "base/option_values.h"
#include "block/open.h"

namespace quince::machine {

/// An image, how it is opened, and what it is plugged into.
struct DriveConfig {
  enum class Interface : u8 {
    None,    ///< a -device names it
    Virtio,  ///< a virtio-blk-pci of its own
    Pflash,  ///< a bank of flash: unit 0 holds code, unit 1 variables
  };
  Interface interface = Interface::Virtio;
  std::optional<unsigned> unit;  ///< index= or unit=
  std::string id;
  std::string serial;
  block::OpenOptions open;
  std::string option;  ///< for messages: "-drive", "-hda"
};

/// `-drive` in QEMU's spelling.  The boards' default interface is virtio.
Result<DriveConfig> parse_drive(PropertyList properties);

}  // namespace quince::machine
