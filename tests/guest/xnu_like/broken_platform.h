// Ways to break the platform of a machine that has not begun to run: what stands between the CPUs and the
// machine, devices in front of devices, other memory, other features.  Nothing of it is in the
// emulator: a CPU's ports are data, and the address space takes any device.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cpu/vcpu.h"
#include "machine/machine.h"

namespace quince::test {

constexpr unsigned kEveryCpu = ~0u;

class BrokenPlatform final : private cpu::HypercallPort {
 public:
  /// Called for each HVC; `forward` makes the real call.
  using Hvc = std::function<void(cpu::Vcpu& c, u32 function, const std::function<void()>& forward)>;
  /// Called after a read, with the value to change, and before a write: false drops it.
  using Mmio = std::function<bool(u64 offset, bool write, u64& value)>;
  using SysReg = std::function<bool(cpu::Vcpu& c, hw::SysRegId id, bool write, u64& value)>;

  BrokenPlatform();
  ~BrokenPlatform();

  /// The machine to break, before it runs.  It must be gone before this object.
  void attach(machine::Machine& m) { machine_ = &m; }
  machine::Machine& machine() { return *machine_; }

  void on_hvc(Hvc f);
  /// The answer to one function, on all CPUs.
  void answer(u32 function, u64 x0);
  /// After PAC_SET_INITIAL_STATE, on one CPU or on kEveryCpu: what a call that keeps too little leaves.
  void after_pac_start(unsigned cpu, std::function<void(cpu::CpuState& s)> f);
  /// In front of the device that is mapped at `base`.
  void on_mmio(u64 base, Mmio f);
  /// In front of the GIC's system registers of one CPU.
  void on_gic(unsigned cpu, SysReg f);
  /// In front of the registers of the timers of one CPU.
  void on_timer(unsigned cpu, SysReg f);
  void set_counter_hz(u64 hz);
  cpu::CpuModel& model();

  void write_memory(u64 pa, std::span<const u8> bytes);
  /// Maps a block behind the end of RAM in the kernel's tables: 16 KiB, 32 MiB blocks, by TTBR1_EL1.
  void map_behind_ram(u64 ttbr1);
  /// Replaces an instruction of the guest wherever it stands in its code; false when it does not.
  bool patch(u32 instruction, u32 by);

 private:
  class Overlay;
  class Port;

  void hvc(cpu::Vcpu& c, u16 imm) override;
  cpu::VcpuPorts& ports(unsigned cpu);

  machine::Machine* machine_ = nullptr;
  Hvc hvc_;
  std::vector<std::unique_ptr<Overlay>> overlays_;
  std::vector<std::unique_ptr<Port>> ports_;
};

}  // namespace quince::test
