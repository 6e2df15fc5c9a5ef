#include "cpu/a64/sem/ldst_atomic.h"

#include "cpu/jit/bind.h"

namespace quince::cpu::jit {

namespace {
using namespace a64;
const JitRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_JIT_CALL_ROW(Call, id, pattern)
#include "cpu/a64/isa/ldst_atomic.inc"
#undef A64
};
}  // namespace

std::span<const JitRow> group_ldst_atomic() { return kRows; }

}  // namespace quince::cpu::jit
