// The values of options: lists, sizes, numbers, switches.
#include <charconv>

#include "machine/options.h"

namespace quince::machine {

std::vector<std::pair<std::string, std::string>> split_options(std::string_view text,
                                                               std::string_view implied) {
  std::vector<std::string> items(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',' && i + 1 < text.size() && text[i + 1] == ',')
      items.back() += text[i++];
    else if (text[i] == ',')
      items.emplace_back();
    else
      items.back() += text[i];
  }
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string& item = items[i];
    const std::size_t eq = item.find('=');
    if (item.empty() && items.size() == 1) continue;
    if (eq != std::string::npos)
      out.emplace_back(item.substr(0, eq), item.substr(eq + 1));
    else if (i == 0 && !implied.empty())
      out.emplace_back(std::string(implied), item);
    else
      out.emplace_back(item, "on");
  }
  return out;
}

Result<u64> parse_number(std::string_view text) {
  std::string_view digits = text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  }
  u64 v = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), v, base);
  if (ec != std::errc{} || end != digits.data() + digits.size())
    return fail("'{}' is not a number", text);
  return v;
}

Result<u64> parse_size(std::string_view text, u64 unit) {
  std::string_view digits = text;
  u64 scale = unit;
  if (!digits.empty()) {
    const char suffix = digits.back();
    constexpr std::pair<char, u64> kScales[] = {{'B', 1},   {'b', 1},   {'K', KiB}, {'k', KiB},
                                                {'M', MiB}, {'m', MiB}, {'G', GiB}, {'g', GiB},
                                                {'T', 1024 * GiB}, {'t', 1024 * GiB}};
    for (const auto& [c, s] : kScales)
      if (suffix == c) {
        scale = s;
        digits.remove_suffix(1);
        break;
      }
  }
  const Result<u64> n = parse_number(digits);
  if (!n || *n > ~u64{0} / scale) return fail("'{}' is not a size", text);
  return *n * scale;
}

Result<bool> parse_switch(std::string_view text) {
  if (text == "on" || text == "yes" || text == "true" || text == "y") return true;
  if (text == "off" || text == "no" || text == "false" || text == "n") return false;
  return fail("'{}' is neither on nor off", text);
}

}  // namespace quince::machine
