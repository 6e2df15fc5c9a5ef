#include "cpu/a64/sem/ldst.h"

#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_MEMORY_ROW("ldst", id, pattern, text, feature)
#include "cpu/a64/isa/ldst.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_ldst() { return kRows; }

}  // namespace quince::cpu
