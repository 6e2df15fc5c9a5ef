// A file in memory that fails and loses data on demand.
#pragma once

#include <map>
#include <mutex>
#include <random>

#include "tests/support/block_io.h"

namespace quince::test {

/// What an image format is put on to see what a crash leaves of it.  Its "disk" has what was
/// flushed, and of what was not, any part: a crash takes each unflushed write or drops it, and may
/// cut one in two, in units of a sector.
class FaultImage final : public Image {
 public:
  explicit FaultImage(Bytes content = {}) : durable_(content), now_(std::move(content)) {}

  /// From operation `n` on (0: the next), reads, writes and flushes fail; kNever ends that.
  static constexpr u64 kNever = ~u64{0};
  void fail_after(u64 n, bool reads = false) {
    const std::lock_guard hold(mutex_);
    fail_in_ = n;
    fail_reads_ = reads;
  }
  u64 operations() const { return operations_; }

  /// The content after a crash at this point.
  Bytes crash(std::mt19937_64& random) {
    const std::lock_guard hold(mutex_);
    Bytes disk = durable_;
    for (const Write& w : unflushed_)
      for (std::size_t at = 0; at < w.bytes.size();) {
        const std::size_t n =
            std::min<std::size_t>(512 - (w.offset + at) % 512, w.bytes.size() - at);
        // Mostly whole writes, sometimes sector by sector.
        const bool taken = w.torn ? random() % 2 == 0 : w.taken;
        if (taken) put(disk, w.offset + at, {w.bytes.data() + at, n});
        at += n;
      }
    return disk;
  }
  /// Decides anew what a crash would take.
  void shuffle(std::mt19937_64& random) {
    const std::lock_guard hold(mutex_);
    for (Write& w : unflushed_) {
      w.taken = random() % 2 == 0;
      w.torn = random() % 4 == 0;
    }
  }
  Bytes content() {
    const std::lock_guard hold(mutex_);
    return now_;
  }

  const std::string& name() const override { return name_; }
  u64 size() const override {
    const std::lock_guard hold(mutex_);
    return now_.size();
  }
  bool read_only() const override { return false; }
  Status read(u64 offset, std::span<const iovec> parts) override {
    const std::lock_guard hold(mutex_);
    if (fail_reads_ && failing()) return Status::io_error;
    const u64 length = block::total_length(parts);
    const u64 there = offset >= now_.size() ? 0 : std::min<u64>(length, now_.size() - offset);
    if (there != 0) block::scatter(parts, 0, std::span<const u8>(now_).subspan(offset, there));
    block::fill_zero(parts, there, length - there);
    return {};
  }
  Status write(u64 offset, std::span<const iovec> parts) override {
    const std::lock_guard hold(mutex_);
    if (failing()) return Status::io_error;
    Bytes bytes(block::total_length(parts));
    block::gather(parts, 0, bytes);
    put(now_, offset, bytes);
    unflushed_.push_back({offset, std::move(bytes)});
    return {};
  }
  Status flush() override {
    const std::lock_guard hold(mutex_);
    if (failing()) return Status::io_error;
    for (const Write& w : unflushed_) put(durable_, w.offset, w.bytes);
    unflushed_.clear();
    return {};
  }
  Status discard(u64 offset, u64 length) override {
    return write_zeroes(offset, offset < size() ? std::min(length, size() - offset) : 0, true);
  }
  Status write_zeroes(u64 offset, u64 length, bool /*unmap*/) override {
    return write_at(*this, offset, Bytes(length));
  }
  Status resize(u64 size) override {
    const std::lock_guard hold(mutex_);
    now_.resize(size);
    durable_ = now_;
    unflushed_.clear();
    return {};
  }

 private:
  struct Write {
    u64 offset = 0;
    Bytes bytes;
    bool taken = true, torn = false;
  };
  static void put(Bytes& to, u64 offset, std::span<const u8> bytes) {
    if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  bool failing() {
    ++operations_;
    if (fail_in_ == 0) return true;
    if (fail_in_ != kNever) --fail_in_;
    return false;
  }

  const std::string name_ = "fault image";
  mutable std::mutex mutex_;
  Bytes durable_, now_;
  std::vector<Write> unflushed_;
  u64 fail_in_ = kNever;
  bool fail_reads_ = false;
  u64 operations_ = 0;
};

}  // namespace quince::test
