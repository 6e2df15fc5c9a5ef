// Memory balloon device (virtio 1.2, 5.5).
//
// Modelled: inflation and deflation, which give pages to the host and take them back; statistics of
// the guest's memory, asked for in intervals (VIRTIO_BALLOON_F_STATS_VQ); deflation by the guest
// when it is out of memory; free page reporting with the value of poisoned pages, after which pages
// that the guest does not use are the host's until they are touched.  Deliberately missing: free
// page hints, which serve live migration only, and MUST_TELL_HOST: a page that the guest uses again
// is simply there.
//
// Pages really go back to the host (DmaPort::discard), and read as zeroes afterwards.  Memory that
// the host cannot take back stays, and the guest does not notice.
//
// Queue numbers.  5.5.2 gives reporting_vq the number 4.  Drivers of Linux and devices of QEMU leave
// no holes for queues that are not there, so there it is 3.  Both numbers lead to it here, and 2
// does without statistics.
#pragma once

#include <array>
#include <optional>

#include "hw/virtio/virtio_device.h"

namespace quince::hw {

struct VirtioBalloonConfig {
  u64 features = VirtioDevice::kCommonFeatures;  ///< of every type; those of balloons are added
  bool deflate_on_oom = false;  ///< the guest may take pages back when it has no others
  bool free_page_reporting = false;
  u64 stats_interval_ns = 0;  ///< guest time between questions for statistics; 0: none are asked
};

class VirtioBalloon final : public VirtioDevice {
 public:
  static constexpr u16 kQueueSize = 128, kReportingQueueSize = 32;
  static constexpr unsigned kInflate = 0, kDeflate = 1, kStats = 2;
  static constexpr u32 kConfigSize = 8, kConfigSizePoison = 16;
  /// Tags of statistics that are kept (5.5.6.3, and those that newer drivers have).
  static constexpr unsigned kStatTags = 16;
  static constexpr u64 kNoStat = ~u64{0};
  /// What one notification gives back at most; more waits for the machine thread.
  static constexpr u64 kPassBytes = 64 * MiB;
  static constexpr unsigned kPassPages = 4096;  ///< the same for page frame numbers

  static constexpr u64 kShortestInterval = kMillisecond;

  VirtioBalloon(std::string_view name, const VirtioBalloonConfig& config, Log& log,
                TimerQueue& timers);

  /// Asks the guest for a balloon of so many pages of 4096 bytes.  The request outlives resets.
  void set_target(u32 pages);
  u32 target() const { return target_; }
  /// How large the driver says that the balloon is, in pages of 4096 bytes.
  u32 actual() const { return s_.actual; }

  /// Asks for statistics so often, in guest time, at least kShortestInterval; 0: not.
  void set_stats_interval(u64 ns);
  u64 stats_interval_ns() const { return stats_interval_ns_; }
  /// What the guest said last, by tag; kNoStat where it said nothing.  Bytes, or a count of events.
  u64 stat(unsigned tag) const { return tag < kStatTags ? s_.stats[tag] : kNoStat; }
  /// When that was, in guest time; kNever: not yet.
  u64 stats_time_ns() const { return s_.stats_ns; }

  u32 config_size() const override;

 private:
  static constexpr std::array<u64, kStatTags> no_stats() {
    std::array<u64, kStatTags> a{};
    a.fill(kNoStat);
    return a;
  }
  struct State {
    u32 actual = 0;
    u32 poison_val = 0;
    bool stats_ready = false;  // the first available buffer of the queue was read
    u64 stats_ns = kNever;
    u64 next_stats_ns = kNever;  // when to ask
    std::array<u64, kStatTags> stats = no_stats();
    std::array<u64, 5> done{};  // of each queue: bytes of its first available chain that are done
  };

  bool handle_queue(unsigned n) override;
  void stop(std::optional<unsigned> only) override;
  void reset_type() override;
  void snapshot_type(Archive& ar) override;
  void restored_type() override { sync(); }
  void fill_config(std::span<u8> out) const override;
  bool config_written(u64 off, std::span<const u8> in) override;

  static u64 all_features(const VirtioBalloonConfig& config);
  static std::span<const u16> queue_sizes(const VirtioBalloonConfig& config);
  /// One chain, or a part of it: says whether it is done, and takes what it did from `left`.
  using Work = bool (VirtioBalloon::*)(u64& done, u64& left);
  bool work(unsigned n, Work chain, u64 budget);
  bool inflate(u64& done, u64& left);
  bool report(u64& done, u64& left);
  bool deflate(u64& done, u64& left);
  void discard_pages(std::span<u32> pfns);
  bool take_stats();
  void read_stats();
  void on_interval();
  void ask_later();
  void sync();

  Timer interval_;
  VirtqElement element_;
  // What the host asked for.
  u32 target_ = 0;
  u64 stats_interval_ns_;
  State s_;
};

}  // namespace quince::hw
