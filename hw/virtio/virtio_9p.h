// 9P transport device (device type 9 of virtio 1.2, section 5; the layout is Linux's
// include/uapi/linux/virtio_9p.h): a folder of the host as a file system of the guest.
//
// Modelled: the mount tag, one queue of 128, whose chains are a request and room for its answer.
// The protocol is hw/virtio/9p.  Chains without a whole header or without room for an error need a
// reset, as does an answer that has no room, as in QEMU; other mistakes are answered.
//
// Requests run on an Executor, one after another.  A reset waits for them.  A snapshot waits until
// those that were taken have run, and has their answers' lengths and the whole session: fids by
// path.  After a load files are opened again; what is not there any more answers EIO.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "hw/virtio/9p/server.h"
#include "hw/virtio/executor.h"
#include "hw/virtio/virtio_device.h"

namespace quince::hw {

inline constexpr unsigned VIRTIO_9P_MOUNT_TAG = 0;

struct Virtio9pConfig {
  u64 features = VirtioDevice::kCommonFeatures;
  std::string mount_tag = {};

  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

class Virtio9p final : public VirtioDevice {
 public:
  static constexpr u16 kQueueSize = 128;
  static constexpr std::size_t kMaxTag = 31;  ///< bytes, as QEMU

  /// `config` passed check().  The executor outlives the device.
  Virtio9p(std::string_view name, const Virtio9pConfig& config, std::unique_ptr<p9::Folder> folder,
           Executor& executor, Log& log, TimerQueue& timers);
  ~Virtio9p() override;

  u32 config_size() const override { return static_cast<u32>(2 + config_.mount_tag.size()); }
  unsigned in_flight() const { return busy_; }

 private:
  static constexpr u32 kNoAnswer = ~u32{0};  ///< an answer that had no room

  /// A request on its way, from next() to push().
  struct Slot {
    Virtio9p* device = nullptr;
    VirtqElement element;
    Executor::Job job;
    u32 written = 0;  // bytes of answer, or kNoAnswer
    bool mixed = false;
  };

  bool handle_queue(unsigned n) override;
  void stop(std::optional<unsigned> only) override;
  void reset_type() override { server_.reset(); }
  void snapshot_type(Archive& ar) override;
  void restored_type() override;
  void fill_config(std::span<u8> out) const override;

  Slot& take_slot();
  void free_slot(Slot& slot);
  static void run(void* context);
  static void done(void* context);
  void finish(Slot& slot);
  void warn_mixed();

  const Virtio9pConfig config_;
  Executor& executor_;
  // Of whoever runs a job; of the caller when none is outstanding.
  p9::Server server_;
  std::vector<u8> request_, reply_;

  std::vector<std::unique_ptr<Slot>> slots_;  // of all heads that were ever in use at once
  std::vector<Slot*> free_;
  unsigned busy_ = 0;
  bool stopping_ = false;  // what ends now is forgotten
  bool warned_ = false;
  std::array<u32, kQueueSize> answers_{};  // of a snapshot, by head
};

}  // namespace quince::hw
