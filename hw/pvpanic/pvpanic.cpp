#include "hw/pvpanic/pvpanic.h"

namespace quince::hw {

namespace {

// docs/specs/pci-ids of QEMU.
constexpr PciIdentity kIdentity{.vendor = 0x1b36,
                                .device = 0x0011,
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100,
                                .revision = 1,
                                .class_code = 0x08'8000,  // another system peripheral
                                .interrupt_pin = 0};
/// A memory BAR has 16 bytes at least.
constexpr u64 kBarSize = 16;

}  // namespace

constexpr std::array<Reg<Pvpanic>, 1> Pvpanic::kRegs{{
    {{.offset = 0, .name = "EVENTS", .size = 1, .access = 1 | 2, .count = 2},
     RegOps<Pvpanic>::get<&Pvpanic::offered>,
     RegOps<Pvpanic>::set<&Pvpanic::said>},
}};

std::span<const Reg<Pvpanic>> Pvpanic::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

Pvpanic::Pvpanic(std::string_view name, u8 events, PvpanicHost& host, Log& log)
    : Stateless(name), events_(events), host_(host), log_(log) {}

void Pvpanic::said(unsigned, u8 events) {
  if ((events & ~events_) != 0)
    log_.guest_error("pvpanic", "{}: events {:#x}, of which {:#x} are offered", name(), events,
                     events_);
  if ((events & events_) != 0) host_.pvpanic(events & events_);
}

PvpanicPci::PvpanicPci(std::string_view name, const FunctionPorts& ports, u8 events,
                       PvpanicHost& host)
    : PciFunction(name, kIdentity, ports),
      registers_(Device::name() + ".regs", events, host, log()) {
  add_bar(0, BarType::Mem32, kBarSize);
  map_in_bar(0, 0, Pvpanic::kSize, registers_);
}

}  // namespace quince::hw
