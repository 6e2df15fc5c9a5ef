// Guest memory.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/host_memory.h"
#include "base/result.h"
#include "base/types.h"

namespace quince::hw {

/// One bank of guest memory.  Outside the I/O lock: vCPUs and bus masters access the
/// bytes directly, guest atomics go through std::atomic_ref.
class GuestRam {
 public:
  static constexpr u64 kPageSize = 4096;

  /// `size` bytes, a multiple of the page size.  Without options: on a sealed memfd of its own,
  /// zero-filled and taken from the host when touched.
  static Result<std::unique_ptr<GuestRam>> create(const std::string& name, u64 size,
                                                  const HostMemoryOptions& options = {});

  const std::string& name() const { return name_; }
  u8* data() const { return memory_.data(); }
  u64 size() const { return memory_.size(); }
  /// What the host gave: a descriptor for another process, whether that sees our writes.
  const HostMemory& host() const { return memory_; }

  /// Gives the whole pages inside of a range back to the host, while vCPUs run.  They read as zeroes
  /// from then on, and are dirty.  False when nothing changed: no whole page, or memory that the
  /// host cannot take back (HostMemory::discard).  Engines are not told: bus masters use
  /// DmaPort::discard.
  bool discard(u64 offset, u64 length);

  /// Dirty pages, for snapshots and displays: set by every writer, cleared by the reader.
  void mark_dirty(u64 offset, u64 length);
  bool test_and_clear_dirty(u64 page);
  bool dirty(u64 page) const;

  /// How many CPUs (at most 255) know instructions of a page and must hear of writes to it.  Each counts itself.
  void add_code(u64 offset) {
    code_count(offset / kPageSize).fetch_add(1, std::memory_order_relaxed);
  }
  void remove_code(u64 offset) {
    code_count(offset / kPageSize).fetch_sub(1, std::memory_order_relaxed);
  }
  bool has_code(u64 offset, u64 length) const;

  /// Pages with exclusive monitors (ExclusiveMonitors, whose lock of the page its callers hold).  Watched:
  /// no CPU learns a fast way to write there any more.  Monitored: and none has an old one.
  void mark_watched(u64 offset) { set_bit(watched_, offset / kPageSize); }
  void mark_monitored(u64 offset) { set_bit(monitored_, offset / kPageSize); }
  bool monitored(u64 offset) const { return test_bit(monitored_, offset / kPageSize); }
  void clear_watched(u64 offset);
  /// Callable without that lock, by who then takes it to write.
  bool watched(u64 offset) const { return test_bit(watched_, offset / kPageSize); }

 private:
  GuestRam(std::string name, HostMemory memory);
  using Bitmap = std::unique_ptr<std::atomic<u64>[]>;
  static void set_bit(const Bitmap& map, u64 n) {
    std::atomic<u64>& word = map[n / 64];
    const u64 b = u64{1} << (n % 64);
    if ((word.load(std::memory_order_relaxed) & b) == 0) word.fetch_or(b, std::memory_order_relaxed);
  }
  static bool test_bit(const Bitmap& map, u64 n) {
    return ((map[n / 64].load(std::memory_order_relaxed) >> (n % 64)) & 1) != 0;
  }

  std::atomic_ref<u8> code_count(u64 page) const { return std::atomic_ref(code_.get()[page]); }
  struct Free {
    void operator()(u8* p) const { std::free(p); }
  };

  std::string name_;
  HostMemory memory_;
  Bitmap dirty_;
  std::unique_ptr<u8, Free> code_;  ///< a byte per page, taken from the host when touched
  Bitmap watched_;
  Bitmap monitored_;
};

}  // namespace quince::hw
