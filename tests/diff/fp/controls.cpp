#include "tests/diff/fp/controls.h"

#include <string_view>

namespace quince::test {

namespace {

constexpr u32 kFZ16 = 1u << 19, kFZ = 1u << 24, kDN = 1u << 25, kAHP = 1u << 26;

/// FMLAL reads halves and writes singles; conversions between formats have both.
bool between_formats(std::string_view id) {
  return id.starts_with("FCVT_") || id.starts_with("FCVTN_") || id.starts_with("FCVTL_") ||
         id.starts_with("FMLAL") || id.starts_with("FMLSL");
}

}  // namespace

std::vector<u32> fpcr_modes(const a64::RowInfo& row) {
  const std::string_view id = row.id;
  const bool between = between_formats(id);
  const bool half = id.ends_with("h") || between, wide = !id.ends_with("h") || between;
  std::vector<u32> modes;
  for (u32 rounding = 0; rounding < 4; ++rounding)
    for (const u32 flush : {0u, kFZ16, kFZ, kFZ16 | kFZ})
      if (((flush & kFZ16) == 0 || half) && ((flush & kFZ) == 0 || wide))
        modes.push_back(rounding << 22 | flush);
  return modes;
}

u32 fpcr_others(const a64::RowInfo& row) { return between_formats(row.id) ? kDN | kAHP : kDN; }

std::vector<u32> fpcr_values(const a64::RowInfo& row) {
  std::vector<u32> values;
  for (const u32 mode : fpcr_modes(row))
    for (const u32 others : {0u, kDN, kAHP, kDN | kAHP})
      if ((others & ~fpcr_others(row)) == 0) values.push_back(mode | others);
  return values;
}

}  // namespace quince::test
