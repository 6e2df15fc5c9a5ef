// A vCPU with 4 MiB of RAM at address 0 and a clock that stands still, for tests of what
// instructions do to system state.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>

#include "cpu/sysreg.h"
#include "cpu/vcpu.h"
#include "tests/support/engine.h"

namespace quince::cpu::test {

/// Where test code runs and where exceptions go.
inline constexpr u64 kCode = 0x1000, kVectors = 0x8000;
inline constexpr u64 kUndefined = 0x00, kTrap = 0x18;

struct Bench {
  explicit Bench(std::string_view option = "")
      : model(*parse_cpu_model(option)), ram(std::move(*hw::GuestRam::create("ram", 4 * MiB))) {
    EXPECT_TRUE(space.map_ram(PhysAddr(0), *ram));
    ports.space = &space;
    ports.io_lock = &lock;
    ports.clock = &clock;
    ports.log = &log;
    c = std::make_unique<Vcpu>(0, 0, model, ports);
    quince::test::use_test_engine(*c);
    restart();
  }
  /// Rebuilds the vCPU after a change of the ports.
  void reconnect() {
    c = std::make_unique<Vcpu>(0, 0, model, ports);
    quince::test::use_test_engine(*c);
    restart();
  }
  /// Reset, with exceptions going to kVectors.
  void restart(unsigned el = 1) {
    c->reset(kCode, true);
    c->s.sys.vbar_el1 = kVectors;
    c->s.sys.cpacr_el1 = u64{3} << 20;
    c->s.sys.oslar_locked = 0;
    set_el(el);
  }
  void set_el(unsigned el) {
    c->s.pstate.el = static_cast<u8>(el);
    c->s.pstate.spsel = el == 0 ? 0 : 1;
    c->context_changed();
  }

  /// The class of the exception that was just taken, or -1: `at` is where the vCPU was.
  int exception() const {
    const u64 pc = c->s.pc;
    if (pc < kVectors || pc >= kVectors + 0x800) return -1;
    return static_cast<int>(bits(c->s.sys.esr_el1, 31, 26));
  }
  u32 iss() const { return static_cast<u32>(bits(c->s.sys.esr_el1, 24, 0)); }

  bool read(const char* name, u64& out) { return sysreg_read(*c, id_of(name), 0, out); }
  bool write(const char* name, u64 in) { return sysreg_write(*c, id_of(name), 0, in); }
  /// Reads a register that can be read.
  u64 get(const char* name) {
    u64 v = 0;
    EXPECT_TRUE(read(name, v)) << name;
    return v;
  }
  /// Writes a register that can be written.
  void set(const char* name, u64 in) { EXPECT_TRUE(write(name, in)) << name; }

  static hw::SysRegId id_of(std::string_view name) {
    for (const SysRegRow& row : sysreg_rows())
      if (row.name == name) return row.id;
    ADD_FAILURE() << "no register " << name;
    return {};
  }

  /// Puts instructions at kCode, followed by branches to self, and runs them.
  RunExit run(std::initializer_list<u32> code, u64 budget = 100) {
    u8* p = ram->data() + kCode;
    for (const u32 insn : code) {
      store_le(p, insn);
      p += 4;
    }
    store_le(p, u32{0x1400'0000});  // B .
    for (u64 v = kVectors; v < kVectors + 0x800; v += 0x80)
      store_le(ram->data() + v, u32{0x1400'0000});
    c->invalidate_all_code(false);
    c->s.pc = kCode;
    const RunExit why = c->run(budget);
    EXPECT_NE(why, RunExit::Differs);
    return why;
  }

  u64 load64(u64 pa) const { return load_le<u64>(ram->data() + pa); }
  void store64(u64 pa, u64 v) { store_le(ram->data() + pa, v); }

  Log log;
  hw::AddressSpace space{log};
  hw::IoLock lock;
  hw::ManualClock clock;
  CpuModel model;
  std::unique_ptr<hw::GuestRam> ram;
  VcpuPorts ports;
  std::unique_ptr<Vcpu> c;
};

/// MRS Xt, reg and MSR reg, Xt.
inline u32 mrs(hw::SysRegId id, u32 rt) { return 0xd520'0000u | u32{id.raw} << 5 | rt; }
inline u32 msr(hw::SysRegId id, u32 rt) { return 0xd500'0000u | u32{id.raw} << 5 | rt; }

}  // namespace quince::cpu::test
