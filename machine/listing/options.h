// What is to be said of translated code: -d in_asm,out_asm, -dfilter, -perfmap.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince::machine {

/// Guest addresses from `first` to `last`.
struct AddressRange {
  u64 first = 0, last = 0;
  bool operator==(const AddressRange&) const = default;
};

struct CodeLogOptions {
  bool in_asm = false, out_asm = false;
  std::vector<AddressRange> filter;  ///< list only regions with an instruction in one; empty: all
  bool perf_map = false;
};

/// -dfilter's argument: "FIRST..LAST", "FIRST+SIZE" or "LAST-SIZE", separated by commas (QEMU's manual, "-dfilter").
Result<std::vector<AddressRange>> parse_address_ranges(std::string_view text);

}  // namespace quince::machine
