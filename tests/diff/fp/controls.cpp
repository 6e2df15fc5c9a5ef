#include "tests/diff/fp/controls.h"

#include <string_view>

namespace quince::test {

std::vector<u32> fpcr_values(const a64::RowInfo& row) {
  constexpr u32 kFZ16 = 1u << 19, kFZ = 1u << 24, kDN = 1u << 25, kAHP = 1u << 26;
  const std::string_view id = row.id;
  // FMLAL reads halves and writes singles; conversions between formats have both.
  const bool between = id.starts_with("FCVT_") || id.starts_with("FCVTN_") ||
                       id.starts_with("FCVTL_") || id.starts_with("FMLAL") ||
                       id.starts_with("FMLSL");
  const bool half = id.ends_with("h") || between;
  const bool wide = !id.ends_with("h") || between;
  std::vector<u32> values;
  for (u32 mode = 0; mode < 4; ++mode)
    for (u32 bits = 0; bits < 16; ++bits) {
      if ((bits & 1) != 0 && !half) continue;
      if ((bits & 2) != 0 && !wide) continue;
      if ((bits & 8) != 0 && !between) continue;
      values.push_back(mode << 22 | ((bits & 1) != 0 ? kFZ16 : 0) | ((bits & 2) != 0 ? kFZ : 0) |
                       ((bits & 4) != 0 ? kDN : 0) | ((bits & 8) != 0 ? kAHP : 0));
    }
  return values;
}

}  // namespace quince::test
