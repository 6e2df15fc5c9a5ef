// LLVM's machine code playground as a second opinion on encodings and their text.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/types.h"

namespace quince::test {

/// Why there is no llvm-mc on this machine; empty when there is one.
std::string llvm_mc_missing();

/// What llvm-mc makes of each word: its assembly text, "" for an invalid encoding.
std::vector<std::string> llvm_disassemble(std::span<const u32> words);

/// The word that llvm-mc assembles each line to, or its complaint.
struct Assembled {
  bool ok = false;
  u32 word = 0;
  std::string error;
};
std::vector<Assembled> llvm_assemble(std::span<const std::string> lines);

}  // namespace quince::test
