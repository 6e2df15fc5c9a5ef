// PCI Express of a board: host bridge, windows and message frame, and what the device tree says.
#include "firmware/board_fdt.h"
#include "machine/devices.h"

namespace quince::machine {

namespace {
firmware::Range range_of(const MapEntry& e) { return {PhysAddr(e.base), e.size}; }
}  // namespace

Result<void> Machine::build_its() {
  const MapEntry& e = board_->entry(Slot::Its);
  auto its =
      std::make_unique<hw::GicIts>(e.name, devices_->gic->core(), hw::DmaPort(space_, 0), timers_);
  const u64 frame = hw::GicIts::kTranslationFrame;
  TRY_VOID(space_.map(PhysAddr(e.base), frame, *its));
  TRY_VOID(space_.map_doorbell(PhysAddr(e.base + frame), e.size - frame, its->translation_frame()));
  device_list_.push_back(its.get());
  devices_->its = std::move(its);
  return {};
}

Result<void> Machine::build_pcie() {
  Devices& d = *devices_;
  const bool messages = config_.msi && (has_its() || board_->has(Slot::MsiFrame));
  if (has_its()) {
    TRY_VOID(build_its());
  } else if (messages) {
    const MapEntry& e = board_->entry(Slot::MsiFrame);
    d.msi_frame =
        std::make_unique<hw::Gicv2m>(e.name, d.gic->spi_sink(),
                                     hw::Gicv2mConfig{.first_spi = static_cast<u32>(e.spi),
                                                      .spis = board_->msi_spis,
                                                      .valid_bit = board_->msi_valid_bit});
    TRY_VOID(space_.map_doorbell(PhysAddr(e.base), e.size, *d.msi_frame));
  }
  std::vector<hw::IrqLine> wires;
  for (unsigned i = 0; i < board_->pcie_wires; ++i)
    wires.emplace_back(d.gic->spi_sink(),
                       static_cast<unsigned>(board_->entry(Slot::PcieMmio).spi) + i);
  d.pcie = std::make_unique<hw::PciHostBridge>("pcie", space_, std::move(wires), messages);
  for (const MapEntry& e : board_->map) {
    hw::MmioDevice* window = nullptr;
    if (e.slot == Slot::Ecam) window = &d.pcie->ecam();
    if (e.slot == Slot::PciePio) window = &d.pcie->io_window(e.name);
    if (e.slot == Slot::PcieMmio || e.slot == Slot::PcieMmioHigh)
      window = &d.pcie->memory_window(e.name, PhysAddr(e.base));
    if (window != nullptr) TRY_VOID(space_.map(PhysAddr(e.base), e.size, *window));
  }
  device_list_.push_back(d.pcie.get());
  return {};
}

void Machine::describe_pcie(firmware::BoardDescription& b) const {
  if (devices_->its != nullptr) b.gic.its = range_of(board_->entry(Slot::Its));
  if (devices_->msi_frame != nullptr) {
    const MapEntry& e = board_->entry(Slot::MsiFrame);
    b.gic.msi = firmware::FdtGic::MsiFrame{range_of(e), static_cast<u32>(e.spi), board_->msi_spis};
  }
  firmware::FdtPcie p;
  const MapEntry& memory = board_->entry(Slot::PcieMmio);
  p.ecam = range_of(board_->entry(Slot::Ecam));
  p.buses = static_cast<u32>(p.ecam.size / MiB);
  p.mmio32 = range_of(memory);
  if (board_->has(Slot::PcieMmioHigh)) p.mmio64 = range_of(board_->entry(Slot::PcieMmioHigh));
  if (board_->has(Slot::PciePio)) p.io = range_of(board_->entry(Slot::PciePio));
  p.first_spi = static_cast<u32>(memory.spi);
  p.wires = board_->pcie_wires;
  b.pcie = p;
}

}  // namespace quince::machine
