// The oracle as a child process: qemu-aarch64 running oracle/oracle.c.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/isa/oracle/protocol.h"

namespace quince::test {

/// The CPU with every feature.  SVE and SME off: they change nothing that the tests run, but the
/// layout of signal frames.
inline constexpr const char* kOracleMax = "max,sve=off,sme=off";

class OracleProcess {
 public:
  /// Starts the child with a -cpu option; `why` says why there is none.
  explicit OracleProcess(std::string& why, const char* cpu = kOracleMax);
  ~OracleProcess();
  OracleProcess(const OracleProcess&) = delete;
  OracleProcess& operator=(const OracleProcess&) = delete;

  /// Runs a batch; false when the child died, with the reason in error().
  bool run(std::span<const OracleCase> cases, bool guarded, std::vector<OracleResult>& out);
  const std::string& error() const { return error_; }

 private:
  bool transfer(bool in, void* data, std::size_t size);
  void reap();

  int pid_ = -1;
  Fd to_, from_;
  std::string error_;
};

/// Why there is no oracle on this machine; empty when there is one.
std::string oracle_missing();

}  // namespace quince::test
