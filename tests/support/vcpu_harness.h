// A single vCPU at EL0 with flat memory, for tests that run instructions one at a time.
//
// Memory is RAM at kBase, mapped where it is: a block for EL1 with the tables and the vectors, a
// block of code that EL0 may read, write and run, and data pages with nothing around them.  The
// vectors wait in a loop, so that an exception can be looked at from outside.
#pragma once

#include <memory>
#include <span>

#include "base/log.h"
#include "cpu/vcpu.h"
#include "hw/core/address_space.h"
#include "hw/core/io_lock.h"
#include "hw/core/ram.h"
#include "hw/core/timer.h"

namespace quince::test {

class VcpuHarness {
 public:
  static constexpr u64 kBase = 0x4000'0000;
  static constexpr u64 kBlock = 2 * MiB;
  static constexpr u64 kCode = kBase + kBlock;       ///< one block
  static constexpr u64 kDataBlock = kCode + kBlock;  ///< holds the data pages, else unmapped
  static constexpr u64 kVectors = kBase + 0x10'0000;
  static constexpr u32 kBrk = 0xd420'0000;  ///< BRK #0, what code memory is filled with

  /// Has code translated whatever QUINCE_TEST_ENGINE says.
  struct Translation {
    u8 threshold = 1;
    cpu::jit::CodeObserver* observer = nullptr;
    bool several = false;  ///< it takes itself for one of several vCPUs
    bool track_code = false;  ///< VcpuPorts::track_code
  };

  /// `data` and `data_size`: the data pages, inside the data block.
  VcpuHarness(const cpu::CpuModel& model, u64 data, u64 data_size,
              const Translation* translation = nullptr);

  cpu::Vcpu& vcpu() { return *vcpu_; }
  hw::AddressSpace& space() { return space_; }
  hw::GuestRam& ram() { return *ram_; }
  /// Host address of guest memory.
  u8* host(u64 va) { return ram_->data() + (va - kBase); }
  void write_insn(u64 va, u32 insn);
  u32 read_insn(u64 va) { return load_le<u32>(host(va)); }
  /// Must follow a change of code, before it runs.
  void code_changed() { vcpu_->invalidate_all_code(false); }
  /// Makes the code block guarded (FEAT_BTI), or not.
  void set_guarded(bool guarded);

  /// A fresh EL0 state, with the system registers that an operating system would set.
  void prepare(u64 pc);
  /// Runs until an exception; false when none came within a few instructions.  After an exception
  /// the vCPU is at EL1, and SP_EL0 is s.sp_bank[0].
  /// `budget`: how many taken branches are few.
  bool run_to_exception(u64 budget = 8);
  cpu::ExceptionClass exception_class() const {
    return static_cast<cpu::ExceptionClass>(vcpu_->s.sys.esr_el1 >> 26);
  }
  u32 syndrome() const { return static_cast<u32>(vcpu_->s.sys.esr_el1) & 0x1ff'ffff; }

 private:
  /// Of a vCPU that takes itself for one of several.
  class Company final : public cpu::Siblings {
    void broadcast(cpu::Vcpu&, const cpu::Maintenance&) override {}
    void complete(cpu::Vcpu&) override {}
    bool completed(cpu::Vcpu&) override { return true; }
    void send_event(cpu::Vcpu&) override {}
    bool multiprocessor() const override { return several; }

   public:
    bool several = false;
  };

  void map_code(bool guarded);

  Company company_;
  Log log_;
  hw::AddressSpace space_{log_};
  hw::IoLock io_lock_;
  hw::ManualClock clock_;
  std::unique_ptr<hw::GuestRam> ram_;
  const cpu::CpuModel model_;
  std::unique_ptr<cpu::Vcpu> vcpu_;
  cpu::CpuState fresh_;
};

}  // namespace quince::test
