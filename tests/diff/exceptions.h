// What the comparison with the oracle leaves out, as data: each with its reason and what decides it.
// Reviewed: an entry is here only when the oracle is wrong or cannot know the answer, or when the
// architecture leaves a choice; never because we differ.  diff_test shows that each is needed.
#pragma once

#include <span>
#include <string_view>

#include "cpu/a64/disasm/disasm.h"
#include "cpu/a64/table.h"
#include "tests/diff/case.h"

namespace quince::test {

/// What a judge of an exception may look at.
struct ExceptionInput {
  const a64::RowInfo& row;
  const a64::Decoded& fields;
  u32 insn;
  const OracleCase* c;  ///< null while only the word is known
};

struct Exception {
  enum class Kind : u8 {
    Unsafe,   ///< cannot be run in the oracle's process, or waits: not compared at all
    Private,  ///< the answer depends on what only the oracle's process has
    Choice,   ///< the architecture allows both answers
    Wrong,    ///< the oracle is wrong
  };
  /// FEAT_LSE2, which came with 8.1, tells them apart; reviewed with 7.2 and 10.0.
  enum class Versions : u8 { Any, Before8_1, From8_1 };
  std::string_view row;                       ///< a trailing '*' stands for any rest
  u32 mask, value;                            ///< words of the row with these bits
  bool (*applies)(const ExceptionInput& in);  ///< null: always
  bool by_operands;  ///< `applies` looks at the case: not known from the word
  Kind kind;
  Versions versions;
  const char* reason;
  const char* manual;  ///< section or pseudocode of the Arm ARM (DDI 0487) that decides
};

std::span<const Exception> exceptions();

/// True when the exception is about the row, or some of its words; and when it is about a version.
bool matches(const Exception& e, const a64::RowInfo& row);
bool in_version(const Exception& e, bool lse2);

/// The exception for any word of a row; null when there is none.  `lse2`: the oracle has FEAT_LSE2,
/// that is, its version is 8.1 or later.
const Exception* exception_of_row(const a64::RowInfo& row, bool lse2);

/// The exception for a word of a row; null when there is none.
const Exception* exception_of_word(const a64::RowInfo& row, u32 insn, bool lse2);

/// The exception for a case whose first instruction is of a row.
const Exception* exception_of_case(const a64::RowInfo& row, const OracleCase& c, bool lse2);

/// True when the row has exceptions that depend on its operands.
bool has_operand_exceptions(const a64::RowInfo& row);

/// The word with those bits set that should be ones and are not looked at by us, so that the oracle
/// has no choice.
u32 with_should_be_ones(const a64::RowInfo& row, u32 insn);

}  // namespace quince::test
