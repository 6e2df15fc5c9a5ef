// The engine that a run of the tests is about: QUINCE_TEST_ENGINE, "interp" where it is not set.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "base/assert.h"
#include "cpu/vcpu.h"

namespace quince::test {

/// Whether the run says so; machines that are not about the CPU have the program's default otherwise.
inline bool engine_was_chosen() {
  const char* v = std::getenv("QUINCE_TEST_ENGINE");
  return v != nullptr && *v != 0;
}

/// As `quince -engine` has it, for instance "lockstep" or "jit,chaos=7"; "interp-smp", "jit-smp" and so on: as in
/// a machine of several vCPUs, where the accesses of pairs are single-copy atomic and barriers are code.
inline std::string test_engine() {
  return engine_was_chosen() ? std::getenv("QUINCE_TEST_ENGINE") : "interp";
}

inline bool test_multiprocessor() { return test_engine().find("-smp") != std::string::npos; }

/// How many times longer a run with this engine may take, about.
inline unsigned test_slowness() {
  const std::string engine = test_engine();
  if (engine.starts_with("lockstep")) return 15;
  return engine.find(",chaos=") != engine.npos ? 4 : 1;
}

/// Options for a vCPU's translated code in this run; nothing for the interpreter.  What is translated is
/// translated at once, so that code which runs once is covered, too.
inline std::optional<cpu::TranslationOptions> test_translation() {
  const std::string engine = test_engine();
  if (engine.starts_with("interp")) return std::nullopt;
  const bool lockstep = engine.starts_with("lockstep");
  QUINCE_ASSERT(lockstep || engine.starts_with("jit"));
  const std::size_t chaos = engine.find(",chaos=");
  return cpu::TranslationOptions{
      .bytes = 16 * MiB,
      .threshold = 1,
      .lockstep = lockstep,
      .chaos = chaos == engine.npos ? 0 : std::strtoull(engine.c_str() + chaos + 7, nullptr, 10)};
}
inline bool test_translates() { return test_translation().has_value(); }

/// A vCPU of a test gets the engine of this run.
inline void use_test_engine(cpu::Vcpu& c) {
  if (const auto options = test_translation()) QUINCE_ASSERT(c.use_jit(*options));
}

}  // namespace quince::test
