#include "cpu/a64/sem/simd_fp.h"
#include "cpu/a64/sem/simd_fp_convert.h"
#include "cpu/a64/sem/simd_fp_elem.h"

#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_HELPER_ROW("simd_fp", FpHelper, id, pattern, text, feature)
#include "cpu/a64/isa/simd_fp.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_simd_fp() { return kRows; }

}  // namespace quince::cpu
