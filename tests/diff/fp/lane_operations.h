// What the floating-point rows do with one lane of one or two operands, by the instruction's name.
#pragma once

#include <string_view>

#include "tests/diff/fp/reference.h"

namespace quince::test {

using Unary = u64 (*)(ref::Fpu&, const ref::Format&, u64);
using Binary = u64 (*)(ref::Fpu&, const ref::Format&, u64, u64);

/// The operation of an instruction, FSQRT or FADD; null for a name that has none.
Unary find_unary(std::string_view name);
Binary find_binary(std::string_view name);

inline u64 fp_abs(const ref::Format& f, u64 a) { return a & ~f.sign_bit(); }
inline u64 fp_neg(const ref::Format& f, u64 a) { return a ^ f.sign_bit(); }

}  // namespace quince::test
