#include "cpu/a64/sem/fp.h"
#include "cpu/a64/sem/fp_convert.h"

#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_HELPER_ROW("fp", FpHelper, id, pattern, text, feature)
#include "cpu/a64/isa/fp.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_fp() { return kRows; }

}  // namespace quince::cpu
