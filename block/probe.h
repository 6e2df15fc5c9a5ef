// Which format a file has, by its first bytes.
#pragma once

#include <span>
#include <string_view>

#include "base/types.h"

namespace quince::block {

/// How much of the file the answer depends on, in bytes.
inline constexpr u64 kProbeBytes = 512;

/// The name of the format that the start of a file announces ("qcow2", or one that is known by
/// name only), or "" when nothing is recognised, which means raw.
std::string_view probe_format(std::span<const u8> start);

}  // namespace quince::block
