#include "cpu/a64/sem/ldst_atomic.h"

#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) \
  QUINCE_HELPER_ROW("ldst_atomic", Helper, id, pattern, text, feature)
#include "cpu/a64/isa/ldst_atomic.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_ldst_atomic() { return kRows; }

}  // namespace quince::cpu
