#include "cpu/a64/sem/dp_reg.h"

#include "cpu/jit/bind.h"

namespace quince::cpu::jit {

namespace {
using namespace a64;
const JitRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_JIT_ENGINE_ROW(Engine, id, pattern)
#include "cpu/a64/isa/dp_reg.inc"
#undef A64
};
}  // namespace

std::span<const JitRow> group_dp_reg() { return kRows; }

}  // namespace quince::cpu::jit
