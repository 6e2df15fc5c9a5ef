#include "cpu/a64/sem/system.h"
#include "cpu/a64/sem/system_pauth.h"

#include "cpu/jit/bind.h"

namespace quince::cpu::jit {

namespace {
using namespace a64;
const JitRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_JIT_CALL_ROW(Call, id, pattern)
#include "cpu/a64/isa/system.inc"
#undef A64
};
}  // namespace

std::span<const JitRow> group_system() { return kRows; }

}  // namespace quince::cpu::jit
