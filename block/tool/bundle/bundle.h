// Virtual machines of tools that use Apple's Virtualization framework.
//
// The formats are known from the tools' sources and documentation (macosvm's README, tart's VMConfig, UTM's
// UTMAppleConfiguration, Apple's sample "Running macOS in a virtual machine"); the machine identifier is a
// property list with the ECID, as docs/platform.md says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.h"
#include "base/result.h"
#include "base/types.h"

namespace quince::block::tool {

struct Bundle {
  u64 ecid = 0;
  std::optional<MacAddress> mac;
  std::string disk, aux;  ///< paths
  u64 memory = 0;         ///< bytes; 0: not said
  u64 cpus = 0;           ///< 0: not said
};

/// Looks which tool has made the folder, and reads it.  Errors name the file and what is wrong in it.
Result<Bundle> read_bundle(const std::string& folder);

// The parts, on bytes in memory.  `folder` is where relative paths begin.
Result<Bundle> parse_macosvm(std::string_view json, const std::string& folder);
Result<Bundle> parse_tart(std::string_view json, const std::string& folder);
Result<Bundle> parse_utm(std::string_view plist, const std::string& folder);
/// The ECID in a property list, binary or XML.
Result<u64> parse_machine_identifier(std::string_view plist);

}  // namespace quince::block::tool
