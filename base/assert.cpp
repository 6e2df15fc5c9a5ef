#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace quince {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "quince: internal error: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace quince
