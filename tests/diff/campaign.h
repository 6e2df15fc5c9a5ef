// A run of the differential tester: batches of cases on two engines at the same time, and what
// they do not agree about.
#pragma once

#include <map>

#include "tests/diff/exceptions.h"
#include "tests/diff/generator.h"
#include "tests/diff/report.h"

namespace quince::test {

struct CampaignOptions {
  u64 seed = 1;
  unsigned sets = 16;             ///< operand sets for each word or block
  unsigned findings_for_row = 2;  ///< that are kept; all are counted
};

class Campaign {
 public:
  /// `ours` is judged, `theirs` judges; `scope` is what it can judge.
  Campaign(QuinceEngine& probe, Engine& ours, Engine& theirs, Scope scope, CampaignOptions options);

  /// About `cases` cases of a row: every directed word, and random ones.
  Result<void> run_row(int row, u64 cases);
  /// Cases of one word.
  Result<void> run_word(int row, u32 insn, std::span<const u32> then, u64 cases, Operands& random);
  /// Cases of one word with these states.
  Result<void> run_states(int row, u32 insn, std::span<const OracleState> states);
  /// Sequences that a row of sequence_rows() takes part in.
  Result<void> run_sequences(int row, u64 cases);
  /// FPCR of what is run from now on; without one, each case has its own.
  void set_fpcr(std::optional<u32> fpcr) { generator_.set_fpcr(fpcr); }
  /// `count` random blocks.
  Result<void> run_blocks(u64 count);
  /// About `cases` cases of what an exception leaves out, compared all the same; how many of them
  /// differ.
  Result<u64> run_exception(const Exception& e, u64 cases);
  /// Compares what has not been compared yet, and shrinks what was found.
  Result<void> flush();

  const std::vector<Finding>& findings() const { return findings_; }
  /// Every difference, also of those that are not kept.
  u64 differences() const { return differences_; }
  /// Compared cases of a row, of kBlock or of kSequence.
  u64 compared(int row) const { return compared_.contains(row) ? compared_.at(row) : 0; }
  u64 compared() const { return total_; }
  /// What was left out because it came to no end.
  u64 endless() const { return endless_; }
  /// Cases that ended with a fault of an access.
  u64 faults() const { return faults_; }

 private:
  struct Batch {
    std::vector<Planned> plan;
    std::vector<OracleCase> cases;
    std::vector<OracleResult> ours;
    bool stray = false;
  };
  Result<void> reserve(unsigned cases);
  Result<void> submit();
  Result<void> collect();
  Result<void> clear_slots();
  void compare(const Planned& p, const OracleResult& ours, const OracleResult& theirs);

  QuinceEngine& probe_;
  Engine& ours_;
  Engine& theirs_;
  Generator generator_;
  CampaignOptions options_;
  Batch next_, flying_;
  bool in_flight_ = false;
  const Exception* only_ = nullptr;  ///< run_exception()'s
  u32 slots_ = 0;
  std::vector<Finding> findings_;
  std::size_t shrunk_ = 0;  ///< how many of them are
  std::map<int, unsigned> kept_;
  std::map<int, u64> compared_;
  u64 differences_ = 0, total_ = 0, endless_ = 0, faults_ = 0;
};

}  // namespace quince::test
