// The USB devices of a machine whose plugs a person can pull and put back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hw/core/archive.h"
#include "hw/usb/usb.h"

namespace quince::machine {

/// A device that is out stays a unit of the machine: it is reset and saved with it, keeps its drive,
/// and comes back to the port that it was in.  On the machine thread with the I/O lock held.
class UsbPlugs {
 public:
  /// While the machine is built: a device that is plugged in.  It outlives this, as its port does.
  void add(hw::UsbDevice& device);

  /// Takes a device out, and with it what is plugged in behind it.  Its transfers end with an error;
  /// what the host's disk does for one is waited for.  Errors: there is none of that name (-device's
  /// id=, or "usb-kbd.0"), or it is out already.
  Result<void> pull(std::string_view name);
  /// Puts it back.  Errors: there is none of that name, or it is plugged in.
  Result<void> put_back(std::string_view name);

  /// Saves who is out, and refuses a snapshot of a machine with other devices out: a plug that moves
  /// is an event for the guest, which loading is not.
  void snapshot(Archive& ar);

 private:
  struct Plug {
    hw::UsbDevice* device;
    hw::UsbPort* port;
  };
  Result<Plug*> find(std::string_view name);

  std::vector<Plug> plugs_;
};

}  // namespace quince::machine
