// The engine that a run of the tests is about: QUINCE_TEST_ENGINE, "interp" where it is not set.
#pragma once

#include <cstdlib>
#include <string>

#include "base/assert.h"
#include "cpu/vcpu.h"

namespace quince::test {

/// As `quince -engine` has it; "interp-smp" and "jit-smp": as in a machine of several vCPUs, where the
/// accesses of pairs are single-copy atomic and barriers are code.
inline std::string test_engine() {
  const char* v = std::getenv("QUINCE_TEST_ENGINE");
  return v == nullptr || *v == 0 ? "interp" : v;
}

inline bool test_translates() { return test_engine().starts_with("jit"); }
inline bool test_multiprocessor() { return test_engine().ends_with("-smp"); }

/// A vCPU of a test gets the engine of this run.  What is translated is translated at once, so that
/// code which runs once is covered, too.
inline void use_test_engine(cpu::Vcpu& c) {
  if (test_translates()) QUINCE_ASSERT(c.use_jit(16 * MiB, 1));
}

}  // namespace quince::test
