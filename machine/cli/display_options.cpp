// What a person sees: -screenshot.
#include "machine/cli/parser.h"

namespace quince::machine::cli {

Result<void> on_screenshot(Parser& p, std::string_view v) {
  if (v.empty()) return fail("a file name is missing");
  p.out.config.display.screenshot = v;
  return {};
}

}  // namespace quince::machine::cli
