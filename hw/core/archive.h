// Snapshots: one visitor for save, load, schema and diff.
//
// A unit's `snapshot(Archive&)` visits its named fields once; what happens to them is the
// archive's mode.  Fields are matched by name and type, never by position.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince {

class Archive {
 public:
  enum class Mode : u8 { Save, Load };

  explicit Archive(Mode mode) : mode_(mode) {}

  Mode mode() const { return mode_; }
  bool loading() const { return mode_ == Mode::Load; }
  /// Turns a saved archive into one to load from.
  void set_mode(Mode mode);

  /// An integer, bool, enum, or an array of them.
  template <class T>
  void field(std::string_view name, T& x) {
    bytes(name, type_name<T>(), raw(x), nullptr);
  }
  /// A field that older snapshots lack.
  template <class T>
  void optional(std::string_view name, T& x, T missing) {
    bytes(name, type_name<T>(), raw(x), &missing);
  }
  /// A byte string whose length is part of the state; `max` bounds what a file may ask for.
  void blob(std::string_view name, std::vector<u8>& data, std::size_t max);

  /// Visits the fields of a unit or a part under "name.".
  template <class F>
  void section(std::string_view name, F&& visit) {
    const std::size_t before = prefix_.size();
    prefix_.append(name).append(".");
    visit(*this);
    prefix_.resize(before);
  }

  /// A value that is out of range after a load: refuses the snapshot by the field's name.
  void refuse(std::string_view name, std::string_view why);

  /// After a load: an error when a field was missing, had another type, or was not consumed.
  Result<void> finish() const;

  /// The saved fields as a file image and back.  `decode` refuses what it does not understand.
  std::vector<u8> encode() const;
  static Result<Archive> decode(std::span<const u8> image);

  /// "path type" lines of everything saved, sorted.
  std::string schema() const;
  /// "path = value" lines, sorted.
  std::string dump() const;
  /// The first difference by name between two saved archives, or nothing.
  static std::optional<std::string> diff(const Archive& a, const Archive& b);
  /// A 64-bit hash of names, types and values (FNV-1a).
  u64 hash() const;

 private:
  struct Entry {
    std::string type;
    std::vector<u8> data;
    mutable bool consumed = false;
  };

  template <class T>
  static std::string type_name() {
    if constexpr (std::is_enum_v<T>)
      return type_name<std::underlying_type_t<T>>();
    else if constexpr (std::is_same_v<T, bool>)
      return "bool";
    else if constexpr (std::is_integral_v<T> || std::is_same_v<T, u128>)
      return (std::is_signed_v<T> ? "s" : "u") + std::to_string(8 * sizeof(T));
    else
      return type_name<typename T::value_type>() + "[" + std::to_string(std::tuple_size_v<T>) + "]";
  }
  template <class T>
  static std::span<u8> raw(T& x) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    return {reinterpret_cast<u8*>(&x), sizeof x};
  }
  void bytes(std::string_view name, const std::string& type, std::span<u8> data, const void* missing);
  void error(std::string text);

  Mode mode_;
  std::string prefix_;
  std::map<std::string, Entry> entries_;
  std::string error_;
};

}  // namespace quince
