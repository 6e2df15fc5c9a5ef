// Listings of translated code: what -d in_asm and -d out_asm print.
#pragma once

#include <string>

#include "cpu/jit/observer.h"

namespace quince::machine {

/// The guest's instructions of a region: address, word, assembly text.
std::string guest_listing(const cpu::jit::TranslatedCode& code);
/// Its host code: address, bytes and assembly text, below the guest's instruction that it is for.
std::string host_listing(const cpu::jit::TranslatedCode& code);
/// An instruction of the guest as text; ".inst 0x..." where it is none.
std::string guest_text(u32 word);

}  // namespace quince::machine
