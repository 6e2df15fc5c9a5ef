#include "tests/support/pin.h"

namespace quince::test {

void Pin::set_line(unsigned line, bool level) {
  if (level && !high) ++edges;
  high = level;
  last_line = line;
}

}  // namespace quince::test
