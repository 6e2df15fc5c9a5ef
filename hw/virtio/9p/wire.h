// 9P messages as bytes: a reader that cannot leave its message, and a writer that cannot outgrow
// what it was given.
//
// Integers are little-endian; a string is its length in 16 bits and its bytes (intro(5)).
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "hw/virtio/9p/protocol.h"

namespace quince::p9 {

/// Reads fields in order.  After the first field that is not there every other is zero or empty,
/// and ok() says no.
class Reader {
 public:
  explicit Reader(std::span<const u8> bytes) : left_(bytes) {}

  u8 get8() { return get<u8>(); }
  u16 get16() { return get<u16>(); }
  u32 get32() { return get<u32>(); }
  u64 get64() { return get<u64>(); }
  /// A view into the message.
  std::span<const u8> bytes(std::size_t n) {
    if (n > left_.size()) {
      ok_ = false;
      left_ = {};
      return {};
    }
    const auto out = left_.first(n);
    left_ = left_.subspan(n);
    return out;
  }
  std::string_view text() {
    const auto b = bytes(get16());
    return {reinterpret_cast<const char*>(b.data()), b.size()};
  }
  std::size_t left() const { return left_.size(); }
  bool ok() const { return ok_; }

 private:
  template <class T>
  T get() {
    const auto b = bytes(sizeof(T));
    return b.empty() ? T{0} : load_le<T>(b.data());
  }

  std::span<const u8> left_;
  bool ok_ = true;
};

/// Appends fields to a vector, as long as they fit.
class Writer {
 public:
  /// The vector is emptied; it grows to `capacity` bytes at most.
  Writer(std::vector<u8>& out, std::size_t capacity) : out_(out), capacity_(capacity) {
    out_.clear();
  }

  void put8(u8 v) { put(v); }
  void put16(u16 v) { put(v); }
  void put32(u32 v) { put(v); }
  void put64(u64 v) { put(v); }
  void bytes(std::span<const u8> b) {
    if (b.size() > room()) {
      ok_ = false;
      return;
    }
    out_.insert(out_.end(), b.begin(), b.end());
  }
  /// Longer strings than a length can say do not fit.
  void text(std::string_view s) {
    if (s.size() > 0xffff) {
      ok_ = false;
      return;
    }
    put16(static_cast<u16>(s.size()));
    bytes({reinterpret_cast<const u8*>(s.data()), s.size()});
  }
  void qid(const Qid& q) {
    put8(q.type);
    put32(q.version);
    put64(q.path);
  }
  /// Makes room for `n` bytes and returns it for writing; empty when there is no room.
  std::span<u8> space(std::size_t n) {
    if (n > room()) {
      ok_ = false;
      return {};
    }
    out_.resize(out_.size() + n);
    return std::span(out_).last(n);
  }
  /// Takes bytes back, down to a size the message had.
  void truncate(std::size_t size) { out_.resize(size); }
  /// Overwrites an earlier field.
  void patch32(std::size_t at, u32 v) { store_le(out_.data() + at, v); }

  std::size_t size() const { return out_.size(); }
  std::size_t room() const { return capacity_ - out_.size(); }
  /// Whether everything so far fitted.
  bool ok() const { return ok_; }

 private:
  template <class T>
  void put(T v) {
    u8 b[sizeof(T)];
    store_le(b, v);
    bytes(b);
  }

  std::vector<u8>& out_;
  const std::size_t capacity_;
  bool ok_ = true;
};

}  // namespace quince::p9
