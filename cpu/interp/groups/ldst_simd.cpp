#include "cpu/a64/sem/ldst_simd.h"

#include "cpu/a64/sem/ldst_struct.h"
#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
// Two files: plain loads and stores are templates, structures are functions.
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) \
  QUINCE_ENGINE_ROW("ldst_simd", FpStraight, id, pattern, text, feature)
#include "cpu/a64/isa/ldst_simd.inc"
#undef A64
#define A64(id, pattern, text, feature) \
  QUINCE_HELPER_ROW("ldst_struct", Helper, id, pattern, text, feature)
#include "cpu/a64/isa/ldst_struct.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_ldst_simd() { return kRows; }

}  // namespace quince::cpu
