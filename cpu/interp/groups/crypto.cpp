#include "cpu/a64/sem/crypto.h"

#include "cpu/interp/bind.h"

namespace quince::cpu {

namespace {
using namespace a64;
const InterpRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_HELPER_ROW("crypto", FpHelper, id, pattern, text, feature)
#include "cpu/a64/isa/crypto.inc"
#undef A64
};
}  // namespace

std::span<const InterpRow> group_crypto() { return kRows; }

}  // namespace quince::cpu
