// GICv2m frame.  See gicv2m.h.
#include "hw/gic/gicv2m.h"

#include "hw/gic/gicv3_spec.h"

namespace quince::hw {

namespace {
constexpr u32 kIidr = 0x51u << 20;  // the product id that QEMU's frame reports
}  // namespace

// clang-format off
constexpr std::array<Reg<Gicv2m>, 4> Gicv2m::kRegs{{
    {{0x008, "MSI_TYPER"},     Op::get<&Gicv2m::typer>, nullptr},
    {{.offset = kSetSpi, .name = "MSI_SETSPI_NS", .access = 2 | 4},
                               nullptr,                 Op::set<&Gicv2m::set_spi>},
    {{0xfcc, "MSI_IIDR"},      Op::constant<kIidr>,     nullptr},
    {{.offset = 0xfd0, .name = "MSI_IDR", .count = 12},
                               Op::constant<0>,         nullptr},
}};
// clang-format on

std::span<const Reg<Gicv2m>> Gicv2m::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

u32 Gicv2m::typer() const {
  return (config_.valid_bit ? 1u << 31 : 0) | (config_.first_spi + gic::kFirstSpi) << 16 |
         config_.spis;
}

void Gicv2m::set_spi(u32 v) {
  const u32 spi = static_cast<u32>(bits(v, 9, 0)) - gic::kFirstSpi - config_.first_spi;
  if (spi >= config_.spis) return;
  spis_.set_line(config_.first_spi + spi, true);
  spis_.set_line(config_.first_spi + spi, false);
}

}  // namespace quince::hw
