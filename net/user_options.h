// The keys of `-netdev user`.
#pragma once

#include "net/config.h"
#include "net/option_reader.h"

namespace quince::net {

/// Reads and checks them; keys that stay unread are the caller's to refuse.
Result<UserOptions> parse_user(OptionReader& in);

}  // namespace quince::net
