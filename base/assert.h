// Assertions for our own invariants.  Never for what a guest or a user did (docs/architecture.md,
// "Errors"): those have architectural responses or a Result.
#pragma once

namespace quince {

/// Prints the failed condition with its place and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace quince

/// Checked in every build; keep it off hot paths.
#define QUINCE_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::quince::assertion_failed(#condition, __FILE__, __LINE__))

/// A place that the program's own logic rules out.
#define QUINCE_UNREACHABLE() ::quince::assertion_failed("unreachable", __FILE__, __LINE__)
