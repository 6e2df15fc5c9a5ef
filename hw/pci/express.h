// The PCI Express capability (PCI Express Base 4.0, section 7.5.3).
//
// Modelled: identification, a link of one lane at 2.5 GT/s that is up, and the error enables, which
// nothing raises.  Deliberately missing: power management of links, retraining, hot plug.
#pragma once

#include "hw/pci/config_space.h"

namespace quince::hw {

/// Device/Port Type.
enum class ExpressType : u8 { Endpoint = 0, RootPort = 4, IntegratedEndpoint = 9 };

/// Adds the capability, to 4096 or 256 bytes of configuration space; returns its offset.  `port`:
/// the number of a root port and of its slot.
unsigned add_express_capability(ConfigSpace& config, ExpressType type, u8 port);

}  // namespace quince::hw
