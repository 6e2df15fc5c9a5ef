#include "cpu/a64/sem/ldst.h"

#include "cpu/jit/bind.h"

namespace quince::cpu::jit {

namespace {
using namespace a64;
const JitRow kRows[] = {
#define A64(id, pattern, text, feature) QUINCE_JIT_ENGINE_ROW(Engine, id, pattern)
#include "cpu/a64/isa/ldst.inc"
#undef A64
};
}  // namespace

std::span<const JitRow> group_ldst() { return kRows; }

}  // namespace quince::cpu::jit
