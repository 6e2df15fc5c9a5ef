// -device models of PCI that are no virtio devices.
#include <bit>

#include "hw/pci/irq_testdev.h"
#include "hw/pci/root_port.h"
#include "hw/pci/testdev.h"
#include "hw/pvpanic/pvpanic.h"
#include "machine/plug/model.h"
#include "machine/plug/plugger.h"

namespace quince::machine {

namespace {

Result<void> plug_root_port(Plugger& plugger, Properties& p) {
  const hw::FunctionPorts ports = TRY(plugger.claim_pci(p));
  hw::RootPort& port = plugger.keep(std::make_unique<hw::RootPort>(plugger.name(), ports));
  plugger.add_bus(*port.secondary(), plugger.path_of(ports, "pci-bridge"));
  return {};
}

Result<void> plug_testdev(Plugger& plugger, Properties& p) {
  const u64 membar = TRY(p.size("membar", 0));
  if (membar != 0 && (!std::has_single_bit(membar) || membar < 4 * KiB))
    return fail("membar={} is not a power of two of 4 KiB or more", membar);
  plugger.keep(std::make_unique<hw::PciTestdev>(plugger.name(), TRY(plugger.claim_pci(p)), membar));
  return {};
}

Result<void> plug_irq_testdev(Plugger& plugger, Properties& p) {
  plugger.keep(std::make_unique<hw::IrqTestdev>(plugger.name(), TRY(plugger.claim_pci(p))));
  return {};
}

Result<void> plug_pvpanic(Plugger& plugger, Properties& p) {
  const u64 events = TRY(p.number("events", hw::kPvpanicAll, 0, hw::kPvpanicAll));
  plugger.keep(std::make_unique<hw::PvpanicPci>(plugger.name(), TRY(plugger.claim_pci(p)),
                                                static_cast<u8>(events), plugger.panic_host()));
  return {};
}

}  // namespace

void add_pci_models(std::vector<DeviceModel>& to) {
  to.push_back({.name = "pcie-root-port",
                .help = "PCI Express port: a bus of one slot, named by the id",
                .plug = plug_root_port});
  to.push_back({.name = "pci-testdev",
                .help = "test device of kvm-unit-tests",
                .properties = {{"membar", "size", "a memory BAR of this size besides"}},
                .plug = plug_testdev});
  to.push_back({.name = "pvpanic-pci",
                .help = "by which a guest says that it has crashed (-action panic=)",
                .properties = {{"events", "uint8",
                                "what it may say, or-ed: 1 crashed, 2 crashed and a "
                                "kernel saves the evidence, 4 turn me off (7)"}},
                .plug = plug_pvpanic});
  to.push_back({.name = "quince-irq-testdev",
                .help = "raises its interrupts, and copies memory, as a test wants it",
                .plug = plug_irq_testdev});
}

}  // namespace quince::machine
