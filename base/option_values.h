// The values of options as users of QEMU write them: lists of properties, sizes, numbers, switches.
//
// Text comes from the command line and from control protocols.  Every error is one line without
// the option's name; who knows the option puts it in front (Error::in).
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince {

/// "name=value" pairs in their order.
using PropertyList = std::vector<std::pair<std::string, std::string>>;

/// "key=value,flag,..." as QEMU writes it: ",," is a comma inside a value.  A first item without
/// '=' gets the key `implied`, if that is not empty.  Other items without '=' are "item=on".
PropertyList split_options(std::string_view text, std::string_view implied);

/// A size like 512M, 4G, 65536K; without a suffix in units of `unit` bytes.
Result<u64> parse_size(std::string_view text, u64 unit);
/// A number in decimal or, after 0x, hexadecimal.
Result<u64> parse_number(std::string_view text);
/// on/off/yes/no/true/false.
Result<bool> parse_switch(std::string_view text);

/// Reads the properties of one option by name; what nobody asked for is an error at the end.  Of
/// a property that was given twice, the last one counts.
///
///   Properties p(split_options(text, "driver"));
///   const u64 queues = TRY(p.number("num-queues", 1, 1, 64));
///   TRY_VOID(p.finish());
class Properties {
 public:
  Properties() = default;
  explicit Properties(PropertyList list);

  bool has(std::string_view name) const;
  /// The value, or nothing when it was not given.
  std::optional<std::string> take(std::string_view name);
  std::string take_or(std::string_view name, std::string_view missing);
  /// Every value of a property that may be given several times, in order.
  std::vector<std::string> take_all(std::string_view name);

  Result<bool> flag(std::string_view name, bool missing);
  /// From `min` to `max`; `missing` need not be in that range.
  Result<u64> number(std::string_view name, u64 missing, u64 min = 0, u64 max = ~u64{0});
  /// In bytes; a number without a suffix counts in `unit` bytes.
  Result<u64> size(std::string_view name, u64 missing, u64 unit = 1);
  /// The index of one of `names`; `missing` when the property was not given.
  Result<std::size_t> choice(std::string_view name, std::initializer_list<std::string_view> names,
                             std::size_t missing);

  /// An error that names a property which was not taken.
  Result<void> finish() const;

 private:
  struct Item {
    std::string name, value;
    bool taken = false;
  };
  std::vector<Item> items_;
};

}  // namespace quince
