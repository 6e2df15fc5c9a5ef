// A build without translated code (QUINCE_JIT=OFF, or a host whose instructions are not known).
#include "cpu/jit/jit.h"

namespace quince::cpu::jit {

class CodeBuffer {};
class Lockstep {};
class Chaos {};
struct Shared {};
struct Page {};
class Telling {};

Result<void> Jit::supported() { return fail("this program was built without translated code"); }

Result<std::unique_ptr<Jit>> Jit::create(Vcpu&, const TranslationOptions&) {
  return tl::unexpected(supported().error());
}

Jit::~Jit() = default;
bool Jit::run() { return false; }
void Jit::forget_page(CodePage&) {}
void Jit::forget_all() {}
void Jit::forget_jumps() {}
void Jit::forget_jumps(u64, u64) {}
void Jit::forget_private_jumps() {}

}  // namespace quince::cpu::jit
