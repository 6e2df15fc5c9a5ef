#include "base/mac_address.h"

#include <charconv>

namespace quince {

Result<MacAddress> parse_mac(std::string_view option, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  MacAddress mac;
  for (u8& byte : mac) {
    const bool first = &byte == mac.data();
    if (!first && (at == end || (*at != ':' && *at != '-'))) break;
    if (!first) ++at;
    const char* const from = at;
    const auto [next, error] = std::from_chars(at, end, byte, 16);
    if (error != std::errc{} || next - from > 2) break;
    at = next;
    if (&byte == &mac.back() && at == end) return mac;
  }
  return fail("{}={} is not six bytes like 52:54:00:12:34:56", option, text);
}

}  // namespace quince
