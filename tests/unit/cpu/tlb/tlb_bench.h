// Several vCPUs over one RAM with translation tables, for tests of what their TLBs keep.
//
// 4 KiB granule, 30 bits in each half: level 2 tables with blocks, level 3 tables with pages.  Two
// roots for each half.  Each page of data begins with code that puts the page's number into X0, so
// that a load and a fetch both tell where they were.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "cpu/sysreg.h"
#include "cpu/vcpu.h"
#include "tests/support/engine.h"

namespace quince::cpu::test {

inline constexpr u64 kTlbRoots = 0x10000, kTlbTables = 0x20000, kTlbVectors = 0x8000;
inline constexpr u64 kTlbData = 0x100000;    ///< 16 pages
inline constexpr u64 kTlbBlocks = 0x400000;  ///< two blocks of 2 MiB
inline constexpr u64 kTlbRam = 0x800000;
inline constexpr u64 kUpper = ~u64{0} << 30;

class TlbBench final : public Siblings {
 public:
  explicit TlbBench(unsigned cpus, bool threaded = false)
      : model(*parse_cpu_model("max")),
        threaded_(threaded),
        ram(std::move(*hw::GuestRam::create("ram", kTlbRam))) {
    EXPECT_TRUE(space.map_ram(PhysAddr(0), *ram));
    VcpuPorts ports;
    ports.space = &space;
    ports.io_lock = &lock;
    ports.clock = &clock;
    ports.log = &log;
    ports.siblings = this;
    for (unsigned pa = 0; pa < kTlbRam; pa += 0x1000) {
      store_le(ram->data() + pa, u32{0xd280'0000} | (pa >> 12) << 5);  // MOVZ X0, #page
      store_le(ram->data() + pa + 4, u32{0x1400'0000});                // B .
    }
    for (u64 v = kTlbVectors; v < kTlbVectors + 0x800; v += 0x80)
      store_le(ram->data() + v, u32{0x1400'0000});
    for (u64 root = 0; root < 4; ++root)
      for (u64 i = 0; i < 512; ++i) write_entry(kTlbRoots + root * 0x1000 + 8 * i, 0);
    // Code, vectors and tables, for EL1: in both roots of the lower half, global.
    for (u64 root = 0; root < 2; ++root) write_entry(kTlbRoots + root * 0x1000, 0x701);
    for (u64 i = 0; i < 16 * 512; ++i) write_entry(kTlbTables + 8 * i, 0);
    for (unsigned n = 0; n < cpus; ++n) {
      cpu.push_back(std::make_unique<Vcpu>(n, n, model, ports));
      Vcpu& c = *cpu.back();
      quince::test::use_test_engine(c);
      c.reset(0x1000, true);
      SysRegs& r = c.s.sys;
      r.vbar_el1 = kTlbVectors;
      r.mair_el1 = 0xff;
      r.tcr_el1 = 34 | 34 << 16 | u64{2} << 30 | u64{2} << 32;
      r.ttbr0_el1 = kTlbRoots;
      r.ttbr1_el1 = kTlbRoots + 0x2000;
      r.sctlr_el1 = 1 | 1u << 2 | u64{1} << 23;  // M, C, SPAN
      c.context_changed();
    }
  }

  /// A store to a table, as a guest's.
  void write_entry(u64 pa, u64 entry) {
    __atomic_store_n(reinterpret_cast<u64*>(ram->data() + pa), entry, __ATOMIC_RELEASE);
  }
  u64 entry(u64 pa) const {
    return __atomic_load_n(reinterpret_cast<const u64*>(ram->data() + pa), __ATOMIC_ACQUIRE);
  }
  /// Where root `n` (0, 1: lower half; 2, 3: upper) has the level 2 entry of `va`.
  static u64 level2_at(unsigned n, u64 va) { return kTlbRoots + n * 0x1000 + 8 * (va >> 21 & 511); }
  /// The level 3 table of root `n` and 2 MiB slot 1, or 2 or 3, and the entry of `va` in it.
  static u64 level3_table(unsigned n, u64 va) {
    return kTlbTables + (2 * n + (va >> 22 & 1)) * 0x1000;
  }
  static u64 level3_at(unsigned n, u64 va) { return level3_table(n, va) + 8 * (va >> 12 & 511); }

  /// MSR or a system instruction, by its name.
  static void write(Vcpu& c, std::string_view name, u64 value) {
    for (const SysRegRow& row : sysreg_rows())
      if (row.name == name) {
        EXPECT_TRUE(sysreg_write(c, row.id, 0, value)) << name;
        return;
      }
    ADD_FAILURE() << "no register " << name;
  }
  /// Goes to an exception level and PSTATE.PAN as guests do, which leaves every TLB alone.
  static void go_to(Vcpu& c, unsigned el, bool pan, u64 pc) {
    if (c.s.pstate.el == 0) c.take_exception(ExceptionClass::Svc, 0, c.s.pc);
    c.s.sys.spsr_el1 = 0x3c0 | (el == 0 ? 0 : 5) | (pan ? u64{1} << 22 : 0);
    c.exception_return(pc);
  }

  void broadcast(Vcpu& from, const Maintenance& m) override {
    for (const auto& c : cpu)
      if (c.get() != &from) c->post_maintenance(m);
    moved();
  }
  void complete(Vcpu& from) override {
    for (const auto& c : cpu) {
      if (c.get() == &from) continue;
      if (!threaded_) {
        c->apply_maintenance();
        continue;
      }
      const u64 target = c->maintenance_posted();
      for (unsigned turn = 0;; ++turn) {
        const u32 seen = moves_.load();
        serve(from);  // two vCPUs may wait for each other
        if (c->maintenance_applied() >= target || c->parked()) break;
        if (turn > kSpins)
          moves_.wait(seen);
        else
          __builtin_ia32_pause();
      }
    }
  }
  /// Applies what the others have asked of `c`, on its thread.
  void serve(Vcpu& c) {
    if (c.maintenance_applied() == c.maintenance_posted()) return;
    c.apply_maintenance();
    moved();
  }
  /// Sleeps until another vCPU asks for something, has done something or ends; not when `enough`.
  template <class F>
  void rest(Vcpu& c, F enough) {
    const u32 seen = moves_.load();
    if (c.maintenance_applied() == c.maintenance_posted() && !enough()) moves_.wait(seen);
  }
  void set_parked(Vcpu& c, bool parked) {
    c.set_parked(parked);
    moved();
  }
  bool completed(Vcpu& from) override {
    for (const auto& c : cpu)
      if (c->maintenance_applied() < c->maintenance_posted() && (c.get() == &from || !c->parked()))
        return false;
    return true;
  }
  void send_event(Vcpu&) override {}
  bool multiprocessor() const override { return cpu.size() > 1; }

  Log log;
  hw::AddressSpace space{log};
  hw::IoLock lock;
  hw::ManualClock clock;
  const CpuModel model;
  const bool threaded_;
  std::unique_ptr<hw::GuestRam> ram;
  std::vector<std::unique_ptr<Vcpu>> cpu;

 private:
  /// A vCPU that answers at once is not slept for: what it has kept then has little time to go.
  static constexpr unsigned kSpins = 2000;
  void moved() {
    ++moves_;
    moves_.notify_all();
  }
  std::atomic<u32> moves_{0};  ///< counts what a vCPU in complete() may wait for
};

}  // namespace quince::cpu::test
