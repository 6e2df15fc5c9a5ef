// Addresses of network cards (IEEE 802).
#pragma once

#include <array>
#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace quince {

/// In the order in which they are written and sent.
using MacAddress = std::array<u8, 6>;

/// The value of an option: six bytes in hexadecimal, with ':' or '-' between them.
Result<MacAddress> parse_mac(std::string_view option, std::string_view text);

}  // namespace quince
