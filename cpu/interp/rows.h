// From an instruction word to the interpreter's handler for it.
#pragma once

#include "cpu/features.h"
#include "cpu/interp/code_page.h"

namespace quince::cpu {

/// The handler of the row that `insn` decodes to; null when there is none or its feature is off.
Handler make_handler_for(u32 insn, const FeatureSet& features);

/// The handler of an operation of a code page that never ran.
Handler not_decoded();

}  // namespace quince::cpu
