// Entropy device (virtio 1.2, 5.4).
//
// One queue, no feature bits of its own, no configuration.  An answer may be shorter than the
// buffer (5.4.6.1): it has kMaxAnswer bytes at most.  A limit of bytes in a period holds requests
// back until the next period, as QEMU's max-bytes and period do.
#pragma once

#include "hw/core/entropy.h"
#include "hw/virtio/virtio_device.h"

namespace quince::hw {

struct VirtioRngConfig {
  u64 features = VirtioDevice::kCommonFeatures;
  u64 max_bytes = 0;  ///< in each period; 0: no limit
  u64 period_ns = 65536 * kMillisecond;
};

class VirtioRng final : public VirtioDevice {
 public:
  static constexpr u16 kQueueSize = 8;
  static constexpr std::size_t kMaxAnswer = 4096;  ///< bytes for each chain

  VirtioRng(std::string_view name, const VirtioRngConfig& config, EntropySource& source, Log& log,
            TimerQueue& timers);

 private:
  struct State {
    u64 period_end_ns = 0;
    u64 given = 0;         // bytes in this period
    bool waiting = false;  // a request waits for the next period
  };

  bool handle_queue(unsigned n) override;
  void stop(std::optional<unsigned> only) override;
  void snapshot_type(Archive& ar) override;
  void restored_type() override { sync(); }
  void on_period();
  void sync();
  u64 allowance();

  const VirtioRngConfig config_;
  EntropySource& source_;
  Timer period_;
  VirtqElement element_;
  State s_;
};

}  // namespace quince::hw
