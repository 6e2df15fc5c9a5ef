// What the comparison with the oracle leaves out, each with its reason.  Reviewed: a row may be
// here only when the oracle cannot know the answer, never because we differ.
#pragma once

#include <string_view>

#include "cpu/a64/table.h"
#include "tests/isa/oracle/protocol.h"

namespace quince::test {

/// Why no word of this row is compared; null when it is.
const char* excluded_row(const a64::RowInfo& row);

/// Why this word of a row is not compared; null when it is: what the architecture leaves
/// CONSTRAINED UNPREDICTABLE, and what would leave the sandbox.  `lse2`: the oracle has FEAT_LSE2.
const char* excluded_word(const a64::RowInfo& row, u32 insn, bool lse2);

/// Why this case of a word is not compared; null when it is: errors of the oracle that show with
/// certain operands only.
const char* excluded_case(const a64::RowInfo& row, const OracleCase& c);

/// Why llvm-mc's opinion of this encoding, which it disassembles to `llvm`, does not count; null
/// when it does.
const char* excused_encoding(u32 insn, std::string_view llvm = {});

/// Several encodings of this row mean the same, and an assembler chooses one.
bool several_encodings(const a64::RowInfo& row);

}  // namespace quince::test
