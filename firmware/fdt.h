// Device trees (Devicetree Specification 0.4, chapters 2 and 5) on top of libfdt: a writer for a
// new tree and an editor for an existing one.
//
// Both keep their first error and turn later calls into nothing, so that a tree reads as a list of
// what is in it; finish() gives the error or the blob.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace quince::firmware {

/// Linux on arm64 takes no larger device tree (booting.rst, "Setup the device tree").
inline constexpr std::size_t kMaxFdtBytes = 2 * MiB;

/// Writes a tree from its root down.
class FdtWriter {
 public:
  /// An open node; it ends with its scope.
  class [[nodiscard]] Node {
   public:
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    ~Node() { writer_.end_node(); }

   private:
    friend class FdtWriter;
    explicit Node(FdtWriter& writer) : writer_(writer) {}
    FdtWriter& writer_;
  };

  FdtWriter();

  /// Opens a node inside the innermost open one; the root node is open from the start.
  Node node(const std::string& name);

  /// Properties of the innermost open node, before its first inner node.
  void flag(const char* name) { bytes(name, {}); }
  void bytes(const char* name, std::span<const u8> value);
  void cells(const char* name, std::span<const u32> value);
  void cells(const char* name, std::initializer_list<u32> value) {
    cells(name, std::span(value.begin(), value.size()));
  }
  /// Two cells for each number.
  void cells64(const char* name, std::initializer_list<u64> value);
  void string(const char* name, std::string_view value) { strings(name, {value}); }
  void strings(const char* name, std::initializer_list<std::string_view> value);

  /// A phandle that no other node has.
  u32 new_phandle() { return next_phandle_++; }
  void phandle(u32 value) { cells("phandle", {value}); }

  /// Ends the root node and gives the finished blob.  Call once, with no Node open.
  Result<std::vector<u8>> finish();

 private:
  template <class Call>
  void step(Call call);
  void end_node();

  std::vector<u8> blob_;
  int error_ = 0;
  unsigned depth_ = 1;  // open nodes
  u32 next_phandle_ = 1;
};

/// Changes an existing tree.
class FdtEditor {
 public:
  /// Checks every part of a blob, whoever made it, and copies it.
  static Result<FdtEditor> open(std::span<const u8> blob);

  /// Whether a node exists.
  bool has_node(const char* path) const;
  /// A property's value; nothing when there is none.  Valid until the next change.
  std::optional<std::span<const u8>> property(const char* path, const char* name) const;
  /// How many cells addresses and sizes of the root's children take, 1 to 4.
  Result<unsigned> address_cells() const;
  Result<unsigned> size_cells() const;

  /// Adds a child of the root when it is not there.
  void ensure_node(const char* name);
  /// Takes away the children of the root whose name before the '@' is this.
  void remove_nodes(std::string_view name);

  /// Sets a property of an existing node.
  void bytes(const char* path, const char* name, std::span<const u8> value);
  void string(const char* path, const char* name, const std::string& value);
  /// `value` as big-endian cells; it must fit.
  void number(const char* path, const char* name, u64 value, unsigned cells);

  /// The packed blob.
  Result<std::vector<u8>> finish();

 private:
  FdtEditor() = default;
  template <class Call>
  void step(Call call);

  std::vector<u8> blob_;
  int error_ = 0;
};

/// Appends `value` as `cells` big-endian cells.  False when it does not fit.
[[nodiscard]] bool append_cells(std::vector<u8>& out, u64 value, unsigned cells);

}  // namespace quince::firmware
