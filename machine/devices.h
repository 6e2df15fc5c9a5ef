// The devices of a board.  Only the builder and the machine know them all.
#pragma once

#include <memory>
#include <vector>

#include "hw/flash/cfi_flash.h"
#include "hw/flash/disk_flash_store.h"
#include "hw/fw_cfg/fw_cfg.h"
#include "hw/gic/gicv2m.h"
#include "hw/gic/gicv3.h"
#include "hw/gic/its.h"
#include "hw/gpio/gpio_key.h"
#include "hw/gpio/pl061.h"
#include "hw/pci/host_bridge.h"
#include "hw/pvpanic/pvpanic.h"
#include "hw/rtc/pl031.h"
#include "hw/timer/generic_timer.h"
#include "hw/uart/pl011.h"
#include "hw/virtio/virtio_mmio.h"
#include "hw/vmapple/aes.h"
#include "hw/vmapple/avp_rtc.h"
#include "hw/vmapple/bdif.h"
#include "hw/vmapple/cfg.h"
#include "hw/vmapple/gpu.h"
#include "hw/vmapple/inert.h"
#include "machine/machine.h"

namespace quince::machine {

struct Machine::Devices {
  std::unique_ptr<hw::Gicv3> gic;
  std::vector<std::unique_ptr<hw::GenericTimer>> timers;  ///< one per CPU
  std::unique_ptr<hw::Pl011> uart;
  std::unique_ptr<hw::Pl031> rtc;
  std::unique_ptr<hw::Pl061> gpio;
  std::unique_ptr<hw::GpioKey> power_key;
  std::unique_ptr<hw::Gicv2m> msi_frame;  ///< null where messages go elsewhere or nowhere
  std::unique_ptr<hw::GicIts> its;        ///< likewise
  std::unique_ptr<hw::PciHostBridge> pcie;
  /// A bank of flash.  The store is told of changes by the chip and reads the memory.
  struct Flash {
    std::unique_ptr<hw::GuestRam> bank;
    std::unique_ptr<hw::FlashStore> store;  ///< null: nothing is kept
    std::unique_ptr<hw::CfiFlash> chip;
  };
  std::vector<Flash> flash;
  std::unique_ptr<hw::FwCfg> fw_cfg;
  std::vector<std::unique_ptr<hw::VirtioMmio>> virtio_slots;
  std::unique_ptr<hw::VmappleGpu> display;  ///< the board's own
  /// Of Apple's platform; null on other boards.
  struct Platform {
    std::unique_ptr<hw::GuestRam> cfg_ram;
    std::unique_ptr<hw::VmappleCfg> cfg;
    std::unique_ptr<hw::VmappleBdif> bdif;
    std::unique_ptr<hw::VmappleAes> aes;
    std::unique_ptr<hw::AvpRtc> avp_rtc;
    std::unique_ptr<hw::Pvpanic> pvpanic;
    std::unique_ptr<hw::InertDevice> aes2, iosurface;
  } platform;
  std::vector<std::unique_ptr<hw::Device>> plugged;  ///< -device, in order

  ~Devices() {
    while (!plugged.empty()) plugged.pop_back();  // later ones use earlier ones
  }
};

}  // namespace quince::machine
