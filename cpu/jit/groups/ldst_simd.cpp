#include "cpu/a64/sem/ldst_simd.h"
#include "cpu/a64/sem/ldst_struct.h"

#include "cpu/jit/bind.h"

namespace quince::cpu::jit {

namespace {
using namespace a64;
const JitRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_JIT_ENGINE_ROW(FpEngine, id, pattern)
#include "cpu/a64/isa/ldst_simd.inc"
#undef A64
#define A64(id, pattern, text, feature) QUINCE_JIT_CALL_ROW(Call, id, pattern)
#include "cpu/a64/isa/ldst_struct.inc"
#undef A64
};
}  // namespace

std::span<const JitRow> group_ldst_simd() { return kRows; }

}  // namespace quince::cpu::jit
