// The floating-point reference as an engine: it judges single instructions that it knows.
#pragma once

#include <optional>

#include "tests/diff/engine.h"
#include "tests/diff/fp/rows.h"

namespace quince::test {

class ReferenceEngine final : public Engine {
 public:
  std::string name() const override { return "the reference"; }
  /// An error when the first instruction of a case is not one of fp_reference_has(), or more follow.
  Result<void> start(std::span<const OracleCase> cases, bool guarded) override;
  Result<std::span<const OracleResult>> finish() override { return std::span(results_); }
  bool stray() const override { return false; }

 private:
  bool take(u32 insn);

  std::optional<FpInstruction> insn_;
  std::vector<OracleResult> results_;
};

}  // namespace quince::test
