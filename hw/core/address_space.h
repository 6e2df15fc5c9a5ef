// The guest physical address space: RAM banks and device windows.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/addr.h"
#include "base/log.h"
#include "base/result.h"
#include "hw/core/exclusives.h"
#include "hw/core/io_lock.h"
#include "hw/core/mmio.h"
#include "hw/core/ram.h"

namespace quince::hw {

/// What a failed device access becomes.
enum class OnError : u8 {
  RazWi,  ///< reads as zero, writes are ignored
  Abort,  ///< a synchronous external abort
};

/// One entry of a FlatView: RAM, a device window, or memory whose writes go to a device.
struct Section {
  PhysAddr base;
  u64 size = 0;
  GuestRam* ram = nullptr;  ///< with `offset` into it
  GuestRam* rom = nullptr;  ///< map_rom: the memory that `ram` is while it is shown
  MmioDevice* device = nullptr;
  u64 offset = 0;  ///< of the section's start, in the RAM bank or the device
  bool read_only = false;  ///< writes are ignored, or go to the device where there is one
  bool doorbell = false;   ///< a device that takes writes from bus masters
  OnError on_error = OnError::RazWi;

  bool contains(PhysAddr a) const { return a >= base && a - base < size; }
  /// Whether an access goes to memory, not to a device.
  bool is_memory(bool writing) const { return ram != nullptr && (!writing || device == nullptr); }
};

/// An immutable, sorted picture of the address space.  Readers keep the one that they have; a
/// change makes a new one.
class FlatView {
 public:
  explicit FlatView(std::vector<Section> sections) : sections_(std::move(sections)) {}
  /// The section that holds an address, or null.
  const Section* find(PhysAddr a) const;
  const std::vector<Section>& sections() const { return sections_; }

 private:
  std::vector<Section> sections_;
};

/// Builds and owns the current FlatView, and dispatches device accesses.
class AddressSpace {
 public:
  explicit AddressSpace(Log& log);

  /// Adds a window.  Overlap with an earlier one is an error.  Empty or wrapping windows are too.
  Result<void> map(PhysAddr base, u64 size, MmioDevice& device, OnError on_error = OnError::RazWi);
  /// The same for a window that also takes bus masters' writes: message-signalled interrupts.
  /// What it leads to must not call back into a bus master.
  Result<void> map_doorbell(PhysAddr base, u64 size, MmioDevice& device,
                            OnError on_error = OnError::RazWi);
  Result<void> map_ram(PhysAddr base, GuestRam& ram, bool read_only = false);
  /// Memory to read and execute, while writes go to `device` (a flash chip); show_rom(base, false)
  /// sends reads to it as well, and true brings the memory back.
  Result<void> map_rom(PhysAddr base, GuestRam& ram, MmioDevice& device);
  void show_rom(PhysAddr base, bool memory);
  /// Removes the window that starts at `base`.
  void unmap(PhysAddr base);

  /// The current view; callable from any thread.  Compare generation() to know when it changed.
  std::shared_ptr<const FlatView> view() const;
  u64 generation() const { return generation_.load(std::memory_order_acquire); }

  /// The outcome of a physical access by a vCPU.
  enum class [[nodiscard]] Outcome : u8 { Ok, ExternalAbort };
  /// A device access at any alignment of 1, 2, 4 or 8 bytes: split into aligned pieces where it must be.
  Outcome read(const IoLockHeld&, PhysAddr a, Access access, u64& out);
  Outcome write(const IoLockHeld&, PhysAddr a, Access access, u64 in);

  /// A bus master's write to a doorbell: one access of 1, 2, 4 or 8 bytes, naturally aligned.  `s`
  /// is a section of the current view that holds all of it.  False when the device refused it.
  bool ring(const Section& s, PhysAddr a, Access access, u64 in);

  Log& log() { return log_; }
  /// The monitors of all memory here; callable from any thread.
  ExclusiveMonitors& exclusives() { return exclusives_; }

  /// Called when memory that was readable went away, with the I/O lock held: what was remembered of
  /// the old view must be forgotten before the access that caused it ends.
  using Changed = void (*)(void* context);
  void on_memory_gone(Changed fn, void* context) {
    memory_gone_ = fn;
    memory_gone_context_ = context;
  }

  /// Called, on any thread, when a bus master has written to a page with instructions that an engine knows
  /// (GuestRam::add_code): its physical address.  Before the first such write.
  using CodeWritten = void (*)(void* context, PhysAddr page);
  void on_code_written(CodeWritten fn, void* context) {
    code_written_ = fn;
    code_written_context_ = context;
  }
  bool tells_code_written() const { return code_written_ != nullptr; }
  void code_written(PhysAddr page) const { code_written_(code_written_context_, page); }

 private:
  Result<void> insert(Section s);
  void publish();
  Outcome failed(const Section* s, PhysAddr a, const char* verb, Access access, Bus why);

  Log& log_;
  ExclusiveMonitors exclusives_;
  TracePoint trace_read_{log_, "mmio.read"};
  TracePoint trace_write_{log_, "mmio.write"};
  TracePoint trace_doorbell_{log_, "dma.doorbell"};
  Changed memory_gone_ = nullptr;
  void* memory_gone_context_ = nullptr;
  CodeWritten code_written_ = nullptr;
  void* code_written_context_ = nullptr;
  std::vector<Section> sections_;
  mutable std::mutex mutex_;  // guards view_ only
  std::shared_ptr<const FlatView> view_;
  std::atomic<u64> generation_{0};
};

}  // namespace quince::hw
