// Which devices firmware should boot from (bootindex=), as QEMU's boards tell it: fw_cfg's file
// "bootorder", a line for each device with its OpenFirmware path (IEEE 1275 and its PCI binding:
// a unit address is "DEVICE[,FUNCTION]" in hexadecimal).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/option_values.h"
#include "base/result.h"
#include "base/types.h"
#include "machine/plug/model.h"

namespace quince::machine {

inline constexpr PropertyInfo kBootProperties[] = {
    {"bootindex", "int32", "its place in the boot order, where firmware asks for one (none)"},
};

class BootOrder {
 public:
  /// Reads bootindex=: a smaller one comes first, -1 is none.  `path` is where the device is.  An
  /// error when another device has the same index.
  Result<void> claim(Properties& p, std::string path);

  bool empty() const { return paths_.empty(); }
  /// The file's contents: lines, with a NUL at the end; nothing when no device has an index.
  /// `strict`: firmware stops behind the last one.
  std::vector<u8> file(bool strict) const;

 private:
  std::map<u32, std::string> paths_;
};

/// The path of a host bridge's bus.  The address is the one of a bridge without registers of its
/// own, which EDK2 knows.
std::string root_bus_path();
/// A PCI function on the bus at `bus`, by what its class is called.
std::string pci_path(std::string_view bus, u8 devfn, std::string_view kind);
/// What is on a USB port, given the controller's path and the port's: a hub for each but the last
/// number of "1.2.3".
std::string usb_path(std::string_view controller, std::string_view port, std::string_view kind);
/// A memory-mapped virtio slot.
std::string virtio_mmio_path(u64 address);

}  // namespace quince::machine
