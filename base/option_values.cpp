#include "base/option_values.h"

#include <algorithm>
#include <charconv>

namespace quince {

PropertyList split_options(std::string_view text, std::string_view implied) {
  std::vector<std::string> items(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',' && i + 1 < text.size() && text[i + 1] == ',')
      items.back() += text[i++];
    else if (text[i] == ',')
      items.emplace_back();
    else
      items.back() += text[i];
  }
  PropertyList out;
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
    constexpr std::pair<char, u64> kScales[] = {
        {'B', 1},   {'b', 1},   {'K', KiB}, {'k', KiB},        {'M', MiB},
        {'m', MiB}, {'G', GiB}, {'g', GiB}, {'T', 1024 * GiB}, {'t', 1024 * GiB}};
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

Properties::Properties(PropertyList list) {
  for (auto& [name, value] : list) items_.push_back({std::move(name), std::move(value)});
}

bool Properties::has(std::string_view name) const {
  return std::any_of(items_.begin(), items_.end(), [&](const Item& i) { return i.name == name; });
}

std::optional<std::string> Properties::take(std::string_view name) {
  std::optional<std::string> last;
  for (Item& i : items_) {
    if (i.name != name) continue;
    i.taken = true;
    last = i.value;
  }
  return last;
}

std::string Properties::take_or(std::string_view name, std::string_view missing) {
  return take(name).value_or(std::string(missing));
}

std::vector<std::string> Properties::take_all(std::string_view name) {
  std::vector<std::string> all;
  for (Item& i : items_) {
    if (i.name != name) continue;
    i.taken = true;
    all.push_back(i.value);
  }
  return all;
}

Result<bool> Properties::flag(std::string_view name, bool missing) {
  const auto text = take(name);
  if (!text) return missing;
  const auto value = parse_switch(*text);
  if (!value) return tl::unexpected(value.error().in(name));
  return *value;
}

Result<u64> Properties::number(std::string_view name, u64 missing, u64 min, u64 max) {
  const auto text = take(name);
  if (!text) return missing;
  const auto value = parse_number(*text);
  if (!value) return tl::unexpected(value.error().in(name));
  if (*value < min || *value > max)
    return fail("{}={} is out of range ({} to {})", name, *text, min, max);
  return *value;
}

Result<u64> Properties::size(std::string_view name, u64 missing, u64 unit) {
  const auto text = take(name);
  if (!text) return missing;
  const auto value = parse_size(*text, unit);
  if (!value) return tl::unexpected(value.error().in(name));
  return *value;
}

Result<std::size_t> Properties::choice(std::string_view name,
                                       std::initializer_list<std::string_view> names,
                                       std::size_t missing) {
  const auto text = take(name);
  if (!text) return missing;
  const auto it = std::find(names.begin(), names.end(), *text);
  if (it != names.end()) return static_cast<std::size_t>(it - names.begin());
  std::string all;
  for (const std::string_view n : names) all += (all.empty() ? "" : ", ") + std::string(n);
  return fail("{}={} is not one of {}", name, *text, all);
}

Result<void> Properties::finish() const {
  const auto it =
      std::find_if(items_.begin(), items_.end(), [](const Item& i) { return !i.taken; });
  if (it != items_.end()) return fail("there is no property '{}'", it->name);
  return {};
}

}  // namespace quince
