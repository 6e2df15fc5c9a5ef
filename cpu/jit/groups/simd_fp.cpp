#include "cpu/a64/sem/simd_fp.h"
#include "cpu/a64/sem/simd_fp_convert.h"
#include "cpu/a64/sem/simd_fp_elem.h"
#include "cpu/jit/bind_call.h"

namespace quince::cpu::jit {

namespace {
using namespace a64;
const JitRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_JIT_CALL_ROW(FpCall, id, pattern)
#include "cpu/a64/isa/simd_fp.inc"
#undef A64
};
}  // namespace

std::span<const JitRow> group_simd_fp() { return kRows; }

}  // namespace quince::cpu::jit
