// GICv3: the parts put together.  See gicv3.h.
#include "hw/gic/gicv3.h"

namespace quince::hw {

Gicv3::Gicv3(std::string_view name, Log& log, const GicConfig& config)
    : Device(name),
      core_(name, log, config),
      distributor_(Device::name() + "-dist", core_),
      redistributors_(Device::name() + "-redist", core_),
      spi_sink_(core_) {
  for (unsigned c = 0; c < core_.cpus(); ++c) {
    interfaces_.emplace_back(core_, c);
    ppi_sinks_.emplace_back(core_, c);
  }
}

void Gicv3::connect_cpu(unsigned cpu, IrqLine irq, IrqLine fiq) {
  core_.connect(cpu, std::move(irq), std::move(fiq));
}

void Gicv3::SpiSink::set_line(unsigned line, bool high) {
  if (line < gic::kMaxSpis) core.set_line(0, gic::kFirstSpi + line, high);
}

void Gicv3::PpiSink::set_line(unsigned line, bool high) {
  if (line < gic::kFirstSpi) core.set_line(cpu, line, high);
}

}  // namespace quince::hw
