// The text of translated code: x86-64 by the library Zydis, with names for what it refers to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "cpu/jit/observer.h"

namespace quince::machine {

/// How places in the code are written.
enum class Addresses : u8 {
  Real,      ///< as this process has them
  Symbolic,  ///< by the guest's instruction that they belong to, the same in every process
};

/// One instruction of the host, or a constant.
struct HostLine {
  u32 offset = 0;  ///< in the region's code
  u32 bytes = 0;
  std::size_t part = 0;  ///< of TranslatedCode::parts
  bool known = true;     ///< false: these bytes are no instruction
  std::string_view
      need;           ///< the extension that the host must have, by Zydis's name: "BMI2"; or "BASE"
  std::string label;  ///< Symbolic: how others call this place; empty: nobody does
  std::string text;   ///< Intel's syntax; "[r15+nzcv]" is the CpuState's member
};

/// All of a region's code, in order.
std::vector<HostLine> host_lines(const cpu::jit::TranslatedCode& code, Addresses addresses);

/// How a part is called: "add x0, x1, x2" is its caller's job, the rest is "load missed +0x8".
std::string part_name(const cpu::jit::CodePart& part, u64 region_pc);

}  // namespace quince::machine
