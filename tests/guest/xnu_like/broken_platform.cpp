#include "tests/guest/xnu_like/broken_platform.h"

#include <gtest/gtest.h>

#include <cstring>

#include "hw/core/dma.h"

namespace quince::test {

namespace {

constexpr u32 kPacSetInitialState = 0xc100'0000;
constexpr u64 kCode = 0x7040'0000, kCodeBytes = 0x1'0000;  // runtime/link.ld

}  // namespace

/// A device in front of a device.
class BrokenPlatform::Overlay final : public hw::MmioDevice {
 public:
  Overlay(hw::MmioDevice& behind, Mmio f)
      : MmioDevice(behind.name()), behind_(behind), f_(std::move(f)) {}

  hw::Bus read(u64 off, hw::Access a, u64& out) override {
    const hw::Bus b = behind_.read(off, a, out);
    if (b == hw::Bus::Ok) f_(off, false, out);
    return b;
  }
  hw::Bus write(u64 off, hw::Access a, u64 in) override {
    return f_(off, true, in) ? behind_.write(off, a, in) : hw::Bus::Ok;
  }
  // The machine resets and saves the device behind by itself.
  void reset() override {}
  void snapshot(Archive&) override {}
  void restored() override {}

 private:
  hw::MmioDevice& behind_;
  Mmio f_;
};

/// System registers in front of a device's.
class BrokenPlatform::Port final : public hw::SysRegTarget {
 public:
  Port(cpu::Vcpu& c, hw::SysRegTarget& behind, SysReg f)
      : cpu_(c), behind_(behind), f_(std::move(f)) {}

  hw::Bus sysreg_read(hw::SysRegId id, u64& out) override {
    const hw::Bus b = behind_.sysreg_read(id, out);
    if (b == hw::Bus::Ok) f_(cpu_, id, false, out);
    return b;
  }
  hw::Bus sysreg_write(hw::SysRegId id, u64 in) override {
    return f_(cpu_, id, true, in) ? behind_.sysreg_write(id, in) : hw::Bus::Ok;
  }

 private:
  cpu::Vcpu& cpu_;
  hw::SysRegTarget& behind_;
  SysReg f_;
};

BrokenPlatform::BrokenPlatform() = default;
BrokenPlatform::~BrokenPlatform() = default;

/// The CPU reads its ports at each use; only the emulator itself has no reason to change them.
cpu::VcpuPorts& BrokenPlatform::ports(unsigned cpu) {
  return const_cast<cpu::VcpuPorts&>(machine_->cpus()[cpu]->ports());
}

cpu::CpuModel& BrokenPlatform::model() {
  return const_cast<cpu::CpuModel&>(machine_->cpus()[0]->model());
}

void BrokenPlatform::on_hvc(Hvc f) {
  hvc_ = std::move(f);
  for (unsigned i = 0; i < machine_->cpus().size(); ++i) ports(i).hypercalls = this;
}

void BrokenPlatform::hvc(cpu::Vcpu& c, u16 imm) {
  hvc_(c, static_cast<u32>(c.s.x[0]), [&] { machine_->hvc(c, imm); });
}

void BrokenPlatform::answer(u32 function, u64 x0) {
  on_hvc([=](cpu::Vcpu& c, u32 called, const std::function<void()>& forward) {
    forward();
    if (called == function) c.s.x[0] = x0;
  });
}

void BrokenPlatform::after_pac_start(unsigned cpu, std::function<void(cpu::CpuState&)> f) {
  on_hvc([=, f = std::move(f)](cpu::Vcpu& c, u32 called, const std::function<void()>& forward) {
    forward();
    if (called == kPacSetInitialState && (cpu == kEveryCpu || c.index() == cpu)) {
      f(c.s);
      c.context_changed();
    }
  });
}

void BrokenPlatform::on_mmio(u64 base, Mmio f) {
  const hw::Section* s = machine_->space().view()->find(PhysAddr(base));
  ASSERT_TRUE(s != nullptr && s->device != nullptr);
  const u64 size = s->size;
  overlays_.push_back(std::make_unique<Overlay>(*s->device, std::move(f)));
  machine_->space().unmap(PhysAddr(base));
  ASSERT_TRUE(machine_->space().map(PhysAddr(base), size, *overlays_.back()));
}

void BrokenPlatform::on_gic(unsigned cpu, SysReg f) {
  cpu::VcpuPorts& p = ports(cpu);
  ports_.push_back(std::make_unique<Port>(*machine_->cpus()[cpu], *p.gic, std::move(f)));
  p.gic = ports_.back().get();
}

void BrokenPlatform::on_timer(unsigned cpu, SysReg f) {
  cpu::VcpuPorts& p = ports(cpu);
  ports_.push_back(std::make_unique<Port>(*machine_->cpus()[cpu], *p.timer, std::move(f)));
  p.timer = ports_.back().get();
}

void BrokenPlatform::set_counter_hz(u64 hz) {
  for (unsigned i = 0; i < machine_->cpus().size(); ++i) ports(i).counter_hz = hz;
}

void BrokenPlatform::write_memory(u64 pa, std::span<const u8> bytes) {
  const hw::IoLock::Guard held(machine_->io_lock());
  hw::DmaPort port(machine_->space(), 0);
  port.set_enabled(true);
  ASSERT_TRUE(port.write(PhysAddr(pa), bytes));
}

void BrokenPlatform::map_behind_ram(u64 ttbr1) {
  constexpr u64 kTableMask = 0xffff'ffff'c000, kBlock32M = u64{1} << 25;
  const hw::IoLock::Guard held(machine_->io_lock());
  hw::DmaPort port(machine_->space(), 0);
  port.set_enabled(true);
  const auto table = [&](u64 pa) {
    return reinterpret_cast<u64*>(port.map_write(PhysAddr(pa & kTableMask), 0x4000).data());
  };
  // The last entry of the table that has the kernel is a block; behind it there is nothing.
  u64* const level1 = table(ttbr1);
  u64* const level2 = table(level1[0x7e0]);
  unsigned last = 0;
  for (unsigned i = 0; i < 32; ++i)
    if ((level2[i] & 3) == 1) last = i;
  level2[last + 1] = level2[last] + kBlock32M;
}

bool BrokenPlatform::patch(u32 instruction, u32 by) {
  const hw::IoLock::Guard held(machine_->io_lock());
  hw::DmaPort port(machine_->space(), 0);
  port.set_enabled(true);
  const std::span<u8> code = port.map_write(PhysAddr(kCode), kCodeBytes);
  bool found = false;
  for (std::size_t i = 0; i + 4 <= code.size(); i += 4) {
    u32 word = 0;
    std::memcpy(&word, code.data() + i, 4);
    if (word != instruction) continue;
    std::memcpy(code.data() + i, &by, 4);
    found = true;
  }
  return found;
}

}  // namespace quince::test
