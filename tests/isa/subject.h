// Our side of the comparison: an OracleCase on a VcpuHarness, answered as the oracle answers.
#pragma once

#include <optional>
#include <span>

#include "cpu/model.h"
#include "tests/isa/oracle/protocol.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {

/// Linux signal numbers, as the oracle reports them.
inline constexpr u32 kSigill = 4, kSigtrap = 5, kSigbus = 7, kSigsegv = 11;

/// A CPU with every feature.
cpu::CpuModel full_model();

/// Where the instructions of a slot are.
constexpr u64 slot_address(u32 slot) { return ORACLE_SLOTS + slot * ORACLE_SLOT_SIZE; }

class Subject {
 public:
  Subject();

  void set_guarded(bool guarded) { harness_.set_guarded(guarded); }
  /// Puts the instructions of a batch into their slots.
  void place(std::span<const OracleCase> cases);
  /// Runs one; nothing when it did not come to an end (a branch to itself, WFI).
  std::optional<OracleResult> run(const OracleCase& c);
  /// Zeroes the data between the pieces, and tells whether something was there.
  bool clean_data();
  VcpuHarness& harness() { return harness_; }

 private:
  u8* data(u64 offset) { return harness_.host(ORACLE_DATA + offset); }

  VcpuHarness harness_;
};

}  // namespace quince::test
