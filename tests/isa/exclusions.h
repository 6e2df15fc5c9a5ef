// What the comparison with llvm-mc leaves out, each with its reason.  Reviewed: an encoding may be
// here only when llvm-mc cannot know, never because we differ.  tests/diff/exceptions.cpp is the list
// for what instructions do.
#pragma once

#include <string_view>

#include "cpu/a64/table.h"

namespace quince::test {

/// Why llvm-mc's opinion of this encoding, which it disassembles to `llvm`, does not count; null
/// when it does.
const char* excused_encoding(u32 insn, std::string_view llvm = {});

/// Several encodings of this row mean the same, and an assembler chooses one.
bool several_encodings(const a64::RowInfo& row);

}  // namespace quince::test
