#include "cpu/a64/sem/simd_copy.h"
#include "cpu/a64/sem/simd_misc.h"
#include "cpu/a64/sem/simd_shift.h"
#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_HELPER_ROW("simd_int", FpHelper, id, pattern, text, feature)
#include "cpu/a64/isa/simd_int.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_simd_int() { return kRows; }

}  // namespace quince::cpu
