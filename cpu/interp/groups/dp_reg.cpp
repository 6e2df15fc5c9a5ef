#include "cpu/a64/sem/dp_reg.h"

#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_ENGINE_ROW("dp_reg", Straight, id, pattern, text, feature)
#include "cpu/a64/isa/dp_reg.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_dp_reg() { return kRows; }

}  // namespace quince::cpu
