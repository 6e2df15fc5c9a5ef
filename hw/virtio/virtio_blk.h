// Block device (virtio 1.2, 5.2).
//
// Modelled: read, write, flush, the serial number, discard and write zeroes of one segment each,
// several queues, read-only disks, block size and topology, the write cache that the driver may
// switch off (VIRTIO_BLK_F_CONFIG_WCE).  Deliberately missing: secure erase, lifetime and zoned
// requests, which are answered UNSUPP; barriers and SCSI pass-through of legacy devices.
//
// Apple's platform has disks that say which one they are in a field that the specification uses for secure erase,
// and that know a barrier (docs/platform.md).  QEMU answers a barrier with success and does nothing; here
// it waits for what came before it, on every queue, flushes, and holds back what comes behind.
//
// Ill-formed chains without a header or without a status byte need a reset, as in QEMU; every other
// mistake is answered with a status.  The used length is that of all the writable part, as QEMU's.
//
// A request runs on a slot until the disk is done; kMaxInFlight slots serve all queues, and chains
// beyond wait in their ring.  A snapshot has the heads in flight, and the requests start anew after
// a load: each of them may be done twice.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/block.h"
#include "hw/virtio/virtio_device.h"

namespace quince::hw {

/// Which of the disks of Apple's platform it is: the number that the driver reads.
enum class AppleDisk : u8 { None = 0, Root = 1, Aux = 2 };

struct VirtioBlkConfig {
  u64 features = VirtioDevice::kCommonFeatures;  ///< of every type; those of disks are added
  u16 queues = 1;
  u16 queue_size = 256;      ///< a power of two
  std::string serial = {};   ///< at most 20 bytes
  u32 logical_block = 512;   ///< bytes, a power of two
  u32 physical_block = 512;  ///< bytes, a power of two, not below logical_block
  u32 min_io = 0;            ///< bytes; 0: not said
  u32 opt_io = 0;            ///< bytes; 0: not said
  u32 size_max = 0;          ///< bytes of one buffer; 0: not said
  bool discard = true;       ///< offered where the disk can
  bool write_zeroes = true;
  bool config_wce = true;  ///< the driver may switch the write cache off
  u32 max_discard_sectors = 0x3f'ffff;
  u32 max_write_zeroes_sectors = 0x3f'ffff;
  AppleDisk apple = AppleDisk::None;  ///< None: an ordinary disk

  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

class VirtioBlk : public VirtioDevice {
 public:
  static constexpr unsigned kMaxInFlight = 128;
  static constexpr u32 kConfigSize = 0x3c, kAppleConfigSize = 0x60;

  /// `config` passed check().  The disk outlives the device.
  VirtioBlk(std::string_view name, const VirtioBlkConfig& config, block::Disk& disk, Log& log,
            TimerQueue& timers);
  ~VirtioBlk() override;

  u32 config_size() const override {
    return config_.apple == AppleDisk::None ? kConfigSize : kAppleConfigSize;
  }
  /// The disk has another size now.
  void disk_resized() { config_changed(); }
  unsigned in_flight() const { return busy_; }

 private:
  struct State {
    bool writeback = true;  // false: a write ends when it is durable
    u64 stalled = 0;        // queues that wait for a slot, or-ed
  };
  struct Slot {
    VirtioBlk* device = nullptr;
    bool flush_after = false;  // a write that is to be durable
    unsigned queue = 0;
    VirtqElement element;
    std::vector<iovec> parts;
    block::Request request;
  };
  struct Header {  // struct virtio_blk_req
    u32 type = 0, reserved = 0;
    u64 sector = 0;
  };

  bool handle_queue(unsigned n) override;
  void stop(std::optional<unsigned> only) override;
  void reset_type() override { s_ = {}; }
  void negotiated() override;
  void snapshot_type(Archive& ar) override;
  void restored_type() override;
  void fill_config(std::span<u8> out) const override;
  bool config_written(u64 off, std::span<const u8> in) override;

  static u64 all_features(const VirtioBlkConfig& config, const block::Disk& disk);
  Slot* take_slot(unsigned queue);
  void free_slot(Slot& slot);
  // These say true when the request went to the disk, and else answer it.
  bool start(Slot& slot);
  bool start_transfer(Slot& slot, const Header& h, block::Op op);
  bool start_range(Slot& slot, block::Op op);
  bool answer(Slot& slot, u8 status);
  bool in_range(u64 sector, u64 length) const;
  void submit(Slot& slot, block::Op op, u64 offset, u64 length);
  static void done(block::Request& request, block::Status status);
  void finish(Slot& slot, block::Status status);
  void resume_stalled();
  void advance_barrier();
  u64 sectors() const;

  const VirtioBlkConfig config_;
  block::Disk& disk_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
  unsigned busy_ = 0;
  Slot* barrier_ = nullptr;  // it waits for those that are in flight, or is flushing
  bool barrier_flushes_ = false;
  // While stop() waits for the disk: whose requests are forgotten when they end.
  static constexpr unsigned kNone = ~0u, kAll = ~0u - 1;
  unsigned stopping_ = kNone;
  State s_;
};

}  // namespace quince::hw
