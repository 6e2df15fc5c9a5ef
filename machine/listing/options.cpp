#include "machine/listing/options.h"

#include "base/option_values.h"

namespace quince::machine {

namespace {

Result<AddressRange> parse_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  const std::size_t at = dots != text.npos ? dots : text.find_first_of("+-");
  if (at == text.npos) return fail("'{}' is not FIRST..LAST, FIRST+SIZE or LAST-SIZE", text);
  const u64 left = TRY(parse_number(text.substr(0, at)));
  const u64 right = TRY(parse_number(text.substr(at + (dots != text.npos ? 2 : 1))));
  if (dots != text.npos) {
    if (right < left) return fail("'{}' ends before it begins", text);
    return AddressRange{left, right};
  }
  if (right == 0) return fail("'{}' has no size", text);
  const bool up = text[at] == '+';
  if (right - 1 > (up ? ~left : left)) return fail("'{}' does not fit into 64 bits", text);
  return up ? AddressRange{left, left + (right - 1)} : AddressRange{left - (right - 1), left};
}

}  // namespace

Result<std::vector<AddressRange>> parse_address_ranges(std::string_view text) {
  std::vector<AddressRange> ranges;
  for (;;) {
    const std::size_t comma = text.find(',');
    ranges.push_back(TRY(parse_range(text.substr(0, comma))));
    if (comma == text.npos) return ranges;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace quince::machine
