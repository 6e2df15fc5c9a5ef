// GICv3 interrupt controller (Arm IHI 0069): what a board puts together.  What is modelled, and
// what is not, stands in gic_core.h.
#pragma once

#include <memory>
#include <vector>

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/gic/gic_core.h"
#include "hw/gic/gic_cpu_interface.h"
#include "hw/gic/gic_distributor.h"
#include "hw/gic/gic_redistributor.h"

namespace quince::hw {

/// The whole controller: one unit for reset and snapshot, with a port for each of its parts.
class Gicv3 final : public Device {
 public:
  /// The two windows are named "<name>-dist" and "<name>-redist".
  Gicv3(std::string_view name, Log& log, const GicConfig& config);

  void reset() override { core_.reset(); }
  void snapshot(Archive& ar) override { core_.snapshot(ar); }
  void restored() override { core_.restored(); }

  /// GICD_*, 64 KiB.
  MmioDevice& distributor() { return distributor_; }
  /// GICR_*, redistributors_size() bytes: 128 KiB for each CPU.
  MmioDevice& redistributors() { return redistributors_; }
  u64 redistributors_size() const { return redistributors_.size(); }
  /// ICC_*_EL1 of a CPU.
  SysRegTarget& cpu_interface(unsigned cpu) { return interfaces_[cpu]; }

  /// For an ITS.
  GicCore& core() { return core_; }

  /// Inputs by SPI number: line 0 is INTID 32.  Lines that do not exist are ignored.
  IrqSink& spi_sink() { return spi_sink_; }
  /// Inputs of a CPU by INTID, 16 to 31.
  IrqSink& ppi_sink(unsigned cpu) { return ppi_sinks_[cpu]; }
  /// The outputs to a CPU.
  void connect_cpu(unsigned cpu, IrqLine irq, IrqLine fiq);

  /// While muted, changes of the inputs are ignored: a machine goes, or loads a snapshot, which has
  /// the levels.  restored() derives the outputs from them.
  void mute(bool on) { core_.mute(on); }

 private:
  struct SpiSink final : IrqSink {
    explicit SpiSink(GicCore& c) : core(c) {}
    void set_line(unsigned line, bool high) override;
    GicCore& core;
  };
  struct PpiSink final : IrqSink {
    PpiSink(GicCore& c, unsigned n) : core(c), cpu(n) {}
    void set_line(unsigned line, bool high) override;
    GicCore& core;
    unsigned cpu;
  };

  GicCore core_;
  GicDistributor distributor_;
  GicRedistributors redistributors_;
  std::vector<GicCpuInterface> interfaces_;
  SpiSink spi_sink_;
  std::vector<PpiSink> ppi_sinks_;
};

}  // namespace quince::hw
