// One or two vCPUs at EL1 with a page of each kind, for the tests of loads and stores.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <memory>
#include <span>
#include <thread>

#include "base/bits.h"
#include "base/log.h"
#include "cpu/vcpu.h"
#include "hw/core/address_space.h"
#include "hw/core/io_lock.h"
#include "hw/core/ram.h"
#include "hw/core/timer.h"
#include "tests/support/engine.h"

namespace quince::test {

/// What ended a few instructions: the UDF behind them when all went well.
struct Ending {
  cpu::ExceptionClass ec;
  u32 fsc;      ///< ISS<5:0>, for data aborts
  bool write;   ///< ISS.WnR
  u64 far;
  u64 elr;
  bool at_end;  ///< behind the last instruction

  bool fine() const { return ec == cpu::ExceptionClass::Unknown && at_end; }
  bool undefined() const { return ec == cpu::ExceptionClass::Unknown && !at_end; }
  bool abort() const { return ec == cpu::ExceptionClass::DataAbortSame; }
};

/// Fault status codes, with the level where there is one.
inline constexpr u32 kTranslationL3 = 0x07, kPermissionL3 = 0x0f, kAlignment = 0x21;

class LdstMachine final : private cpu::Siblings {
 public:
  static constexpr u64 kBase = 0x4000'0000;
  static constexpr u64 kCode = kBase + 0x8000;
  /// Two pages that are not neighbours in physical memory, and nothing behind them.
  static constexpr u64 kData = kBase + 0x1'0000, kEnd = kData + 0x2000;
  static constexpr u64 kReadOnly = kBase + 0x1'4000;
  static constexpr u64 kUser = kBase + 0x1'5000;   ///< EL0 may read and write
  static constexpr u64 kAlias = kBase + 0x1'6000;  ///< the first page of kData once more
  static constexpr u64 kSctlrA = 2, kSctlrNaa = 1 << 6;

  /// All features, except FEAT_LSE2 when `lse2` is false.
  explicit LdstMachine(bool lse2 = true) {
    model_.features.set();
    model_.features.set(static_cast<std::size_t>(Feature::LSE2), lse2);
    ram_ = std::move(*hw::GuestRam::create("ram", 2 * MiB));
    EXPECT_TRUE(space_.map_ram(PhysAddr(kBase), *ram_));
    put<u64>(kBase + 8 * (kBase >> 30), (kBase + 0x1000) | 3);
    put<u64>(kBase + 0x1000 + 8 * ((kBase >> 21) & 511), (kBase + 0x2000) | 3);
    for (const u64 page : {kVectors, kCode, kData}) map(page, page, 0);
    map(kData + 0x1000, kBase + 0x2'0000, 0);
    map(kReadOnly, kReadOnly, kReadOnlyBits);
    map(kUser, kUser, kUserBits);
    map(kAlias, kData, 0);
    for (u64 at = kVectors; at < kVectors + 0x800; at += 4) put<u32>(at, 0x1400'0000);  // b .
    for (unsigned i = 0; i < vcpus_.size(); ++i) {
      vcpus_[i] = std::make_unique<cpu::Vcpu>(i, u64{1} << 31 | i, model_,
                                              cpu::VcpuPorts{.space = &space_,
                                                             .io_lock = &io_lock_,
                                                             .clock = &clock_,
                                                             .siblings = this,
                                                             .log = &log_});
      use_test_engine(*vcpus_[i]);
      prepare(*vcpus_[i]);
    }
  }

  cpu::Vcpu& vcpu(unsigned n = 0) { return *vcpus_[n]; }
  /// The vCPUs know of each other: they run on two threads.
  void connect() { connected_ = true; }

  /// Guest memory, by virtual address of the test's layout.
  u8* host(u64 va) {
    const bool second = va >= kData + 0x1000 && va < kEnd;
    return ram_->data() + (second ? va - kData - 0x1000 + 0x2'0000 : va - kBase);
  }
  template <class T>
  T get(u64 va) {
    return load_le<T>(host(va));
  }
  template <class T>
  void put(u64 va, T v) {
    store_le<T>(host(va), v);
  }

  /// Places instructions and a UDF behind them.
  void place(std::span<const u32> code) {
    u64 at = kCode;
    for (const u32 insn : code) put<u32>(at, insn), at += 4;
    put<u32>(at, 0);
    end_ = at;
    for (auto& c : vcpus_) c->invalidate_all_code(false);
  }
  /// Runs what is placed, to an exception.  Registers, PSTATE and the monitor stay as they are.
  Ending run_placed(cpu::Vcpu& c) {
    c.s.sys.esr_el1 = 0;
    c.s.pc = kCode;
    c.context_changed();
    c.set_parked(false);
    cpu::RunExit why{};
    while (c.s.sys.esr_el1 == 0 && why != cpu::RunExit::Differs) why = c.run(64);
    EXPECT_NE(why, cpu::RunExit::Differs);
    c.set_parked(true);
    const u64 esr = c.s.sys.esr_el1;
    return {.ec = static_cast<cpu::ExceptionClass>(esr >> 26),
            .fsc = static_cast<u32>(esr & 0x3f),
            .write = bit(esr, 6),
            .far = c.s.sys.far_el1,
            .elr = c.s.sys.elr_el1,
            .at_end = c.s.sys.elr_el1 == end_};
  }
  Ending run(std::span<const u32> code) {
    place(code);
    return run_placed(vcpu());
  }
  void place(std::initializer_list<u32> code) { place(std::span(code.begin(), code.size())); }
  Ending run(std::initializer_list<u32> code) { return run(std::span(code.begin(), code.size())); }

 private:
  void broadcast(cpu::Vcpu& from, const cpu::Maintenance& m) override {
    if (connected_) other(from).post_maintenance(m);
  }
  void complete(cpu::Vcpu& from) override {
    if (!connected_) return;
    cpu::Vcpu& c = other(from);
    const u64 target = c.maintenance_posted();
    while (c.maintenance_applied() < target && !c.parked()) {
      if (from.maintenance_applied() != from.maintenance_posted()) from.apply_maintenance();
      std::this_thread::yield();
    }
  }
  bool completed(cpu::Vcpu&) override {
    for (const auto& c : vcpus_)
      if (c->maintenance_applied() < c->maintenance_posted() && !c->parked()) return false;
    return true;
  }
  void send_event(cpu::Vcpu&) override {}
  bool multiprocessor() const override { return connected_; }
  cpu::Vcpu& other(const cpu::Vcpu& c) { return *vcpus_[1 - c.index()]; }

  static constexpr u64 kVectors = kBase + 0x3000;
  static constexpr u64 kReadOnlyBits = 1 << 7, kUserBits = 1 << 6;  // AP[2], AP[1]

  /// Page, AF, inner shareable, MAIR index 0.
  void map(u64 va, u64 pa, u64 more) {
    put<u64>(kBase + 0x2000 + 8 * ((va >> 12) & 511), pa | 3 | 3 << 8 | 1 << 10 | more);
  }
  void prepare(cpu::Vcpu& c) {
    cpu::SysRegs& r = c.s.sys;
    r.sctlr_el1 = 0x30d0'1805 | 1 << 3 | 1 << 23;  // M, C, I, SA, SPAN and what is RES1
    r.tcr_el1 = 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | u64{2} << 32;
    r.ttbr0_el1 = kBase;
    r.mair_el1 = 0xff;
    r.cpacr_el1 = 3 << 20;
    r.vbar_el1 = kVectors;
    c.s.sp = kData + 0x800;
    c.context_changed();
  }

  Log log_;
  hw::AddressSpace space_{log_};
  hw::IoLock io_lock_;
  hw::ManualClock clock_;
  std::unique_ptr<hw::GuestRam> ram_;
  cpu::CpuModel model_;
  u64 end_ = 0;
  bool connected_ = false;
  std::array<std::unique_ptr<cpu::Vcpu>, 2> vcpus_;
};

}  // namespace quince::test
