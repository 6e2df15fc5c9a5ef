// The SCSI side of a disk: what a command means, without how its data moves.
//
// SPC-4 and SBC-3.  Modelled: READ and WRITE of 6, 10, 12 and 16 bytes with DPO and FUA, VERIFY (the
// medium is read, or compared with data), SYNCHRONIZE CACHE, READ CAPACITY, INQUIRY with VPD pages
// 00, 80, 83, B0 and B1, MODE SENSE with pages 01, 08 and 0A, REQUEST SENSE in both formats, START
// STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL, REPORT LUNS and READ FORMAT CAPACITIES; unit attention
// after power-on and after the medium came back.
//
// Deliberately missing: MODE SELECT (nothing is changeable), UNMAP and WRITE SAME, reservations,
// protection information, task management.  SYNCHRONIZE CACHE flushes the whole disk.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "block/block.h"
#include "hw/core/archive.h"
#include "hw/usb/storage/scsi_spec.h"

namespace quince::hw {

struct ScsiDiskConfig {
  u32 logical_block = 512;   ///< bytes: 512 to 4096, a power of two
  u32 physical_block = 512;  ///< bytes, a power of two, not below logical_block
  bool removable = false;    ///< the guest may eject the medium
  std::string serial = {};   ///< at most kMaxSerial characters

  static constexpr std::size_t kMaxSerial = 36;
  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

/// What a command comes to.  Plain data: it is saved with the transport's state.
struct ScsiTask {
  enum class Action : u8 {
    None,     ///< no data
    Reply,    ///< to the host: what execute() gave
    Read,     ///< to the host, from the disk
    Write,    ///< from the host, to the disk
    Compare,  ///< from the host, to be compared with the disk
    Verify,   ///< no data; the disk is read
  };
  Action action = Action::None;
  bool flush = false;  ///< at the end, what was written is made durable
  bool good = true;    ///< false: CHECK CONDITION, and the sense data says why
  u64 offset = 0;      ///< on the disk, in bytes
  u64 length = 0;      ///< of the data or of what is verified, in bytes

  bool to_host() const { return action == Action::Reply || action == Action::Read; }
  bool from_host() const { return action == Action::Write || action == Action::Compare; }
  /// Bytes that the command moves over the transport.
  u64 data_length() const { return to_host() || from_host() ? length : 0; }
  void snapshot(Archive& ar);
};

class ScsiDisk {
 public:
  static constexpr std::size_t kCdb = 16;
  /// The longest reply.
  static constexpr std::size_t kMaxReply = 256;

  /// `config` passed check().  The disk outlives this.
  ScsiDisk(const ScsiDiskConfig& config, block::Disk& disk) : config_(config), disk_(disk) {}

  /// Power-on: the medium is in.
  void reset() { s_ = {}; }
  /// A hard reset by the transport: what was ejected stays out.
  void hard_reset() { s_ = {.ejected = s_.ejected}; }
  void snapshot(Archive& ar);

  /// Understands a command for a logical unit.  `reply` becomes the data of Action::Reply, cut to
  /// what the host allows.  Ranges of the task are inside the disk as it is now.
  ScsiTask execute(std::span<const u8, kCdb> cdb, unsigned lun, std::vector<u8>& reply);
  /// The task has failed.
  void fail(ScsiTask& task, scsi::Sense sense) {
    task.good = false;
    s_.sense = sense;
  }
  /// What an error of the disk is in sense data.
  static scsi::Sense sense_of(block::Status status, bool writing);

  block::Disk& disk() { return disk_; }
  const ScsiDiskConfig& config() const { return config_; }

 private:
  struct State {
    scsi::Sense sense = scsi::kNoSense;      // of the last command
    scsi::Sense attention = scsi::kPowerOn;  // pending unit attention, or none
    bool ejected = false, stopped = false, prevented = false;
  };
  using Cdb = std::span<const u8, kCdb>;

  ScsiTask bad(scsi::Sense sense);
  ScsiTask answer(std::vector<u8>& reply, u64 allocation) const;
  /// False when there is no medium to work with; sets the sense data.
  bool ready();
  ScsiTask range(Cdb cdb, ScsiTask::Action action);
  ScsiTask read_or_write(Cdb cdb, ScsiTask::Action action);
  ScsiTask verify(Cdb cdb);
  ScsiTask synchronize_cache(Cdb cdb);
  ScsiTask start_stop(Cdb cdb);
  ScsiTask prevent_removal(Cdb cdb);
  ScsiTask request_sense(Cdb cdb, unsigned lun, std::vector<u8>& reply);
  ScsiTask inquiry(Cdb cdb, unsigned lun, std::vector<u8>& reply);
  ScsiTask vital_product_data(Cdb cdb, std::vector<u8>& reply);
  ScsiTask mode_sense(Cdb cdb, std::vector<u8>& reply);
  ScsiTask read_capacity_10(Cdb cdb, std::vector<u8>& reply);
  ScsiTask service_action_in(Cdb cdb, std::vector<u8>& reply);
  ScsiTask read_format_capacities(Cdb cdb, std::vector<u8>& reply);
  ScsiTask report_luns(Cdb cdb, std::vector<u8>& reply);
  u64 blocks() const { return disk_.size() / config_.logical_block; }

  const ScsiDiskConfig config_;
  block::Disk& disk_;
  State s_;
};

}  // namespace quince::hw
