#include "cpu/a64/sem/simd_copy.h"
#include "cpu/a64/sem/simd_misc.h"
#include "cpu/a64/sem/simd_shift.h"
#include "cpu/jit/bind_call.h"

namespace quince::cpu::jit {

namespace {
using namespace a64;
const JitRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_JIT_CALL_ROW(FpCall, id, pattern)
#include "cpu/a64/isa/simd_int.inc"
#undef A64
};
}  // namespace

std::span<const JitRow> group_simd_int() { return kRows; }

}  // namespace quince::cpu::jit
