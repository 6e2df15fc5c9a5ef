// The global exclusive monitor of a machine's memory (Arm DDI 0487, B2.12.2): whether somebody has written
// to a location since a load exclusive, whatever was written.
//
// It counts.  Every granule of 16 bytes has a version; a load exclusive takes a note of it, whoever writes
// changes it, and a store exclusive finds the same version or fails.  Only writes to *watched* pages count
// (GuestRam::watched): the first store exclusive to a page fails and makes it one, and when no CPU has a
// fast way to write there any more, monitors in it can be set.  So other memory pays nothing, and a
// watched page that is written to again and again, with no load exclusive, is one no longer.
//
// Pages share slots by a hash of their address: a collision makes a store exclusive fail for no reason
// now and then, which the architecture allows.  Physical addresses are the key, so that two deterministic
// runs collide alike.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "base/addr.h"
#include "base/types.h"

namespace quince::hw {

class ExclusiveMonitors {
 public:
  static constexpr u64 kGranule = 16;
  static constexpr u64 kPage = 4096;
  /// Watched writes without a load exclusive after which a page is not worth watching; twice as many each
  /// time that happens, up to the other number.
  static constexpr u32 kIdleWrites = 1024, kMostIdleWrites = 1 << 20;

  ExclusiveMonitors();
  ExclusiveMonitors(const ExclusiveMonitors&) = delete;
  ExclusiveMonitors& operator=(const ExclusiveMonitors&) = delete;

  /// What a load exclusive remembers of its location; a default one says that nobody watches there.
  struct Token {
    u32 epoch = 0;
    u32 version = 0;
    explicit operator bool() const { return epoch != 0; }
    bool operator==(const Token&) const = default;
  };
  class Held;
  struct Layout;

 private:
  struct alignas(64) Slot {
    std::atomic<bool> locked{false};
    // What follows is for who has it locked.
    u32 epoch = 1;   ///< changes when a page is no longer watched; not 0
    u32 writes = 0;  ///< since the last load exclusive
    u32 patience = kIdleWrites;
    std::array<u32, kPage / kGranule> versions{};
  };
  static constexpr unsigned kSlotBits = 7;
  Slot& slot(PhysAddr a) const;

  std::unique_ptr<Slot[]> slots_;
};

/// A watched page while it is read or written; any thread's, for a few instructions of the host.  Others
/// that want a page of the same slot turn in a loop meanwhile.
class ExclusiveMonitors::Held {
 public:
  Held() = default;
  Held(ExclusiveMonitors& m, PhysAddr a) { take(m, a); }
  ~Held() { release(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  /// Takes the page of `a`; `a` is what the functions below are about.
  void take(ExclusiveMonitors& m, PhysAddr a);
  void release();
  explicit operator bool() const { return slot_ != nullptr; }
  /// The page's slot, for translated code, which finds in it what Layout says.
  const void* slot() const { return slot_; }

  Token token() const { return {slot_->epoch, slot_->versions[granule(at_.raw())]}; }
  /// Bytes from `a` on, all of them in the page, are written: every monitor for them is lost.
  void wrote(u64 length);
  /// A load exclusive was here.
  void loaded() { slot_->writes = 0; }
  /// Counts a write; true when there were so many that nobody seems to need the page watched.
  bool idle() { return ++slot_->writes >= slot_->patience; }
  /// The page is watched no longer: every monitor in it is lost.
  void forget();

 private:
  static u64 granule(u64 a) { return a % kPage / kGranule; }

  Slot* slot_ = nullptr;
  PhysAddr at_;
};

/// Where in a page's slot is what (cpu/jit/x64/exclusives.cpp): the lock, a byte that is 1 while somebody holds it, and what
/// it guards.
struct ExclusiveMonitors::Layout {
  static constexpr std::size_t kLocked = offsetof(Slot, locked), kEpoch = offsetof(Slot, epoch),
                               kWrites = offsetof(Slot, writes),
                               kVersions = offsetof(Slot, versions);
  static_assert(sizeof(std::atomic<bool>) == 1 && std::atomic<bool>::is_always_lock_free);
};

}  // namespace quince::hw
