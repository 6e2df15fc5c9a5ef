// The interpreter of this process as an engine: cases on a VcpuHarness, answered as Linux would.
#pragma once

#include <optional>

#include "cpu/model.h"
#include "tests/diff/engine.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {

/// A CPU with every feature.
cpu::CpuModel full_model();

class QuinceEngine final : public Engine {
 public:
  QuinceEngine();

  std::string name() const override { return "quince"; }
  Result<void> start(std::span<const OracleCase> cases, bool guarded) override;
  Result<std::span<const OracleResult>> finish() override { return std::span(results_); }
  bool stray() const override { return stray_; }

  void set_guarded(bool guarded);
  /// Puts the instructions of a batch into their slots.
  void place(std::span<const OracleCase> cases);
  /// Runs one whose instructions are placed; nothing when it came to no end (a branch to itself,
  /// WFI).
  std::optional<OracleResult> run(const OracleCase& c);
  /// Zeroes the data between the pieces, and tells whether something was there.
  bool clean_data();
  VcpuHarness& harness() { return harness_; }

 private:
  bool run(const OracleCase& c, OracleResult& r);
  u8* data(u64 offset) { return harness_.host(ORACLE_DATA + offset); }

  VcpuHarness harness_;
  std::vector<OracleResult> results_;
  bool stray_ = false;
  std::array<u8, ORACLE_DATA_SIZE> before_{};  ///< the data as a case found it
  bool guarded_ = false;
};

}  // namespace quince::test
