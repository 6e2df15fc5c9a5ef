// What Apple's boot loader hands to the kernel: boot_args (XNU, pexpert/pexpert/arm64/boot.h, the
// layout of macOS 13) and a device tree in Apple's binary format (pexpert/pexpert/device_tree.h).
// Modelled: the nodes and properties that the xnu_like guest reads.  Missing on purpose: all others.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"

namespace quince::test {

/// Where the guest looks for boot_args; the device tree is in the following page.
constexpr u64 kHandOverAddress = 0x7100'0000;

/// A node of the tree.  Values are the bytes as they stand there.
struct AppleNode {
  using Property = std::pair<std::string, std::vector<u8>>;

  std::vector<Property> properties;
  std::vector<AppleNode> children;

  AppleNode& child(std::string_view name);
  void set(std::string_view name, std::string_view text);  ///< with its NUL
  void set(std::string_view name, const std::vector<u64>& words);
  void set32(std::string_view name, u32 word);
  /// The node in Apple's format, and its children.
  void append_to(std::vector<u8>& out) const;
};

struct HandOver {
  unsigned cpus = 1;
  u64 ram = u64{256} << 20;  ///< bytes
  u16 revision = 2, version = 2;
  u64 virt_base = 0xffff'fe00'1000'0000, phys_base = 0x7000'0000;
  u64 timebase = 24'000'000;  ///< Hz
  std::string command_line = "-v";

  /// boot_args and the tree, for kHandOverAddress.
  std::vector<u8> bytes() const;
};

}  // namespace quince::test
