// Reads key=value pairs and remembers which keys nobody asked for.
#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince::net {

/// One look at a list of pairs.  The last of several values counts; `all` gives each.
class OptionReader {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  explicit OptionReader(const Pairs& pairs) : pairs_(pairs), used_(pairs.size(), false) {}

  std::optional<std::string> text(std::string_view key) {
    std::optional<std::string> value;
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      if (pairs_[i].first == key) {
        used_[i] = true;
        value = pairs_[i].second;
      }
    return value;
  }

  std::vector<std::string> all(std::string_view key) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      if (pairs_[i].first == key) {
        used_[i] = true;
        values.push_back(pairs_[i].second);
      }
    return values;
  }

  /// on, off, yes, no, true, false, y, n.
  Result<std::optional<bool>> flag(std::string_view key) {
    const auto value = text(key);
    if (!value) return std::optional<bool>();
    for (const char* yes : {"on", "yes", "true", "y"})
      if (*value == yes) return std::optional(true);
    for (const char* no : {"off", "no", "false", "n"})
      if (*value == no) return std::optional(false);
    return fail("{}={}: expected on or off", key, *value);
  }

  Result<std::optional<u32>> number(std::string_view key, u32 most) {
    const auto value = text(key);
    if (!value) return std::optional<u32>();
    u32 v = 0;
    const char* last = value->data() + value->size();
    const auto [end, error] = std::from_chars(value->data(), last, v);
    if (error != std::errc{} || end != last || v > most)
      return fail("{}={}: expected a number up to {}", key, *value, most);
    return std::optional(v);
  }

  /// The first key that was not looked at.
  Result<void> finish() const {
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      if (!used_[i]) return fail("unknown parameter '{}'", pairs_[i].first);
    return {};
  }

 private:
  const Pairs& pairs_;
  std::vector<bool> used_;
};

}  // namespace quince::net
