// What the headers of this folder share.
#pragma once

#include "base/types.h"

/// The head of a meaning: a function template over an engine (cpu/interp/interp.h).
#define A64_SEM template <class E> [[gnu::always_inline]] inline void

namespace quince::a64 {

/// How the second register operand of an instruction is shifted (DecodeShift).
enum class ShiftType : u8 { Lsl = 0, Lsr = 1, Asr = 2, Ror = 3 };

}  // namespace quince::a64
