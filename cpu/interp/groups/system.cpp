#include "cpu/a64/sem/system.h"

#include "cpu/a64/sem/system_pauth.h"
#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_HELPER_ROW("system", Helper, id, pattern, text, feature)
#include "cpu/a64/isa/system.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_system() { return kRows; }

}  // namespace quince::cpu
