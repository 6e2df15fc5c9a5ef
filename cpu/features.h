// The set of architectural features that a CPU has.
#pragma once

#include <bitset>
#include <cstddef>

#include "base/types.h"

namespace quince {

enum class Feature : u8 {
#define FEATURE(id, name, text) id,
#include "cpu/features.inc"
#undef FEATURE
  kCount
};

using FeatureSet = std::bitset<static_cast<std::size_t>(Feature::kCount)>;

inline bool has(const FeatureSet& set, Feature f) { return set[static_cast<std::size_t>(f)]; }

}  // namespace quince
