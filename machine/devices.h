// The devices of a board.  Only the builder and the machine know them all.
#pragma once

#include <memory>
#include <vector>

#include "hw/gic/gicv2m.h"
#include "hw/gic/gicv3.h"
#include "hw/gpio/gpio_key.h"
#include "hw/gpio/pl061.h"
#include "hw/pci/host_bridge.h"
#include "hw/rtc/pl031.h"
#include "hw/timer/generic_timer.h"
#include "hw/uart/pl011.h"
#include "machine/machine.h"

namespace quince::machine {

struct Machine::Devices {
  std::unique_ptr<hw::Gicv3> gic;
  std::vector<std::unique_ptr<hw::GenericTimer>> timers;  ///< one per CPU
  std::unique_ptr<hw::Pl011> uart;
  std::unique_ptr<hw::Pl031> rtc;
  std::unique_ptr<hw::Pl061> gpio;
  std::unique_ptr<hw::GpioKey> power_key;
  std::unique_ptr<hw::Gicv2m> msi_frame;  ///< null with msi=off
  std::unique_ptr<hw::PciHostBridge> pcie;
};

}  // namespace quince::machine
