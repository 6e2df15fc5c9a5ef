// `-device loader`: a file or a number in guest memory before the machine starts.
//
// Modelled: QEMU's generic loader (its manual, "Generic Loader"): file=,addr=[,force-raw=on],
// data=,data-len=,addr=[,data-be=on], cpu-num= and addr=,cpu-num= alone.
// Deliberately missing: U-Boot and Intel HEX files, which are loaded as the bytes they are.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "firmware/load_list.h"

namespace quince::firmware {

/// The properties of one loader, checked against each other.
struct LoaderOptions {
  std::string file = {};              ///< empty: none
  std::optional<PhysAddr> addr = {};  ///< of the data or the raw file; the ELF file has its own
  bool force_raw = false;             ///< take an ELF file as bytes
  std::optional<u64> data = {};
  unsigned data_len = 0;  ///< bytes of `data`, 1..8
  bool data_be = false;   ///< most significant byte first
  std::optional<unsigned> cpu_num = {};

  /// From "name=value" pairs, without the "driver" and "id" of -device.
  static Result<LoaderOptions> parse(
      std::span<const std::pair<std::string, std::string>> properties);
};

/// What a loader does.
struct LoaderPlan {
  LoadList memory;
  std::optional<PhysAddr> pc = {};  ///< where `cpu` starts instead of its usual place
  unsigned cpu = 0;
};

/// Reads the file, if any, and checks it.
Result<LoaderPlan> plan_loader(const LoaderOptions& options);

}  // namespace quince::firmware
