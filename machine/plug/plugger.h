// Plugs devices into a machine that is being built.
#pragma once

#include <concepts>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/option_values.h"
#include "base/result.h"
#include "hw/core/address_space.h"
#include "hw/core/device.h"
#include "hw/core/timer.h"
#include "hw/fw_cfg/fw_cfg.h"
#include "hw/pci/pci_bus.h"
#include "hw/usb/usb.h"
#include "hw/virtio/virtio_console.h"
#include "hw/virtio/virtio_mmio.h"
#include "machine/backends.h"
#include "machine/config.h"
#include "machine/plug/boot_order.h"
#include "ui/display.h"

namespace quince::machine {

/// What a board offers to devices.
struct PlugPlaces {
  hw::PciBus* root = nullptr;  ///< "pcie.0", or null
  bool msi = true;             ///< PCI functions may have MSI and MSI-X
  unsigned cpus = 1;           ///< of the machine: what has queues has one for each, by default
  ui::Display* display = nullptr;  ///< where heads and input devices are put; never null on a board
  hw::FwCfg* fw_cfg = nullptr;     ///< null where the board has none
  bool conditional_intr_mapping = false;  ///< the default of that property
  /// Empty slots, by number; slots that are taken stay in the list.
  std::vector<hw::VirtioMmio*> mmio_slots = {};
  u64 mmio_base = 0;  ///< the address of the first one
};

/// Knows what is plugged in where; model tables call it to claim places and to keep what they make.
class Plugger {
 public:
  Plugger(PlugPlaces places, Backends& backends, hw::AddressSpace& space, hw::TimerQueue& timers,
          Log& log);

  /// Builds what one -device asks for; `globals` give defaults.  An error names the option.
  Result<void> plug(const OptionGroup& device, std::span<const OptionGroup> globals);

  /// What was built, in order; to be destroyed in the reverse one.
  std::vector<std::unique_ptr<hw::Device>> take_devices() { return std::move(devices_); }
  /// The units among them that are reset and saved, in order.
  const std::vector<hw::Device*>& units() const { return units_; }
  /// What firmware is to boot from.
  const BootOrder& boot_order() const { return boot_order_; }

  // ---- For models, while they are in `plug` ----

  /// The name of the unit: the option's id, or the driver's name and a number.
  const std::string& name() const { return name_; }
  Backends& backends() { return backends_; }
  hw::AddressSpace& space() { return space_; }
  hw::TimerQueue& timers() { return timers_; }
  Log& log() { return log_; }
  bool msi() const { return places_.msi; }
  unsigned cpus() const { return places_.cpus; }
  ui::Display& display() { return *places_.display; }
  hw::FwCfg* fw_cfg() { return places_.fw_cfg; }
  bool conditional_intr_mapping() const { return places_.conditional_intr_mapping; }
  /// Counts the network cards, from 0: each has an address of its own by default.
  unsigned next_nic() { return nics_++; }

  /// Reads bus=, addr=, multifunction=, intx=, romfile= and rombar=.
  Result<hw::FunctionPorts> claim_pci(Properties& p);
  /// Reads bus=; the first free slot counts from the last one down, as on QEMU's board.
  Result<hw::VirtioMmio*> claim_mmio(Properties& p);
  /// Offers the bus behind a port under its name.  `path`: the port's, for the boot order.
  void add_bus(hw::PciBus& bus, std::string path) { buses_[bus.name()] = {&bus, std::move(path)}; }
  /// Where a claimed place is, for the boot order; of a PCI function by what its class is called.
  std::string path_of(const hw::FunctionPorts& ports, std::string_view kind) const;
  std::string path_of(const hw::VirtioMmio& slot) const;
  /// Of what is on a USB port, by the name of its kind.
  std::string path_of(const hw::UsbPort& port, std::string_view kind) const;
  /// Reads bootindex= of a device that firmware can boot from.
  Result<void> claim_boot(Properties& p, std::string path) {
    return boot_order_.claim(p, std::move(path));
  }

  /// Offers the ports of a controller under its name: ID.0, or virtio-serial-bus.N without an id.
  void add_serial_bus(hw::VirtioConsole& controller);
  /// Reads bus=; without it, the first controller.
  Result<hw::VirtioConsole*> claim_serial(Properties& p);

  /// Offers the ports of a controller under its name: ID.0, or usb-bus.N without an id.  `path`: the
  /// controller's, for the boot order.
  void add_usb_bus(hw::UsbBus& bus, std::string path);
  /// Reads bus= and port=; without them, the first free port of the first controller, or of a hub
  /// behind it, that has one of the device's speeds.  The model then attaches its device.
  Result<hw::UsbPort*> claim_usb(Properties& p, hw::UsbSpeeds speeds);

  /// Keeps a device that is a unit of its own.
  template <std::derived_from<hw::Device> D>
  D& keep(std::unique_ptr<D> device) {
    units_.push_back(device.get());
    return own(std::move(device));
  }
  /// Keeps one that another unit resets and saves: a virtio device behind its transport.
  template <std::derived_from<hw::Device> D>
  D& own(std::unique_ptr<D> device) {
    D& ref = *device;
    devices_.push_back(std::move(device));
    return ref;
  }

 private:
  PlugPlaces places_;
  Backends& backends_;
  hw::AddressSpace& space_;
  hw::TimerQueue& timers_;
  Log& log_;
  struct Bus {
    hw::PciBus* bus;
    std::string path;
  };
  std::map<std::string, Bus> buses_;
  struct SerialBus {
    std::string name;
    hw::VirtioConsole* controller;
  };
  std::vector<SerialBus> serial_buses_;
  struct UsbBus {
    std::string name;
    hw::UsbBus* bus;
    std::string path;
  };
  std::vector<UsbBus> usb_buses_;
  std::map<std::string, unsigned> counts_;  // of devices without an id, by driver
  std::vector<std::string> ids_;
  std::vector<std::unique_ptr<hw::Device>> devices_;
  std::vector<hw::Device*> units_;
  BootOrder boot_order_;
  std::string name_;
  bool has_id_ = false;  // name_ is the option's id
  unsigned nics_ = 0;
};

}  // namespace quince::machine
