// What runs cases: one implementation of the instruction set behind a common interface.  The
// interpreter in this process is one, qemu-aarch64 as a child process another.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "tests/diff/case.h"

namespace quince::test {

class Engine {
 public:
  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  virtual std::string name() const = 0;

  /// Starts a batch of 1 to ORACLE_BATCH cases; cases of one slot are neighbours.  `guarded`: the
  /// code pages are guarded (FEAT_BTI).  May return before it has ended.  An error is the end of the
  /// engine.
  virtual Result<void> start(std::span<const OracleCase> cases, bool guarded) = 0;

  /// The results of the batch, in its order, when it has ended; valid until the next start().
  virtual Result<std::span<const OracleResult>> finish() = 0;

  /// True when a case of the last batch changed data that no result shows.
  virtual bool stray() const = 0;
};

/// Runs one case; a case of its own slot.
Result<OracleResult> run_one(Engine& engine, const OracleCase& c, bool guarded);

}  // namespace quince::test
