// qemu-aarch64 as an engine: a child process that runs oracle/oracle.c.
#pragma once

#include <memory>

#include "base/fd.h"
#include "tests/diff/engine.h"

namespace quince::test {

/// The CPU with every feature.  SVE and SME off: they change nothing that the tests run, but the
/// layout of signal frames.
inline constexpr const char* kOracleMax = "max,sve=off,sme=off";

/// Why there is no oracle on this machine; empty when there is one.
std::string oracle_missing();

class QemuEngine final : public Engine {
 public:
  /// Starts the child with a -cpu option.
  static Result<std::unique_ptr<QemuEngine>> create(const char* cpu = kOracleMax);
  ~QemuEngine() override;

  std::string name() const override { return "qemu-aarch64"; }
  Result<void> start(std::span<const OracleCase> cases, bool guarded) override;
  Result<std::span<const OracleResult>> finish() override;
  bool stray() const override { return shared_->stray != 0; }

  /// True when it has FEAT_LSE2 (qemu 8.1), so that misaligned atomics can be compared.
  bool lse2() const { return lse2_; }

 private:
  QemuEngine() = default;
  Result<void> spawn(const char* cpu);
  /// The error of a child that has gone.
  Error gone();

  int pid_ = -1;
  Fd to_, from_;
  OracleShared* shared_ = nullptr;
  bool lse2_ = false;
};

}  // namespace quince::test
