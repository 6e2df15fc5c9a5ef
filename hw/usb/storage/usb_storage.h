// A USB disk: usb-storage (USB Mass Storage Class, Bulk-Only Transport 1.0).
//
// Modelled: command and status wrappers, the thirteen cases of section 6.7, stalls and their
// recovery, Bulk-Only Mass Storage Reset, Get Max LUN; full, high and super speed.  Commands are
// those of ScsiDisk.  Where the standard leaves a choice: a command that fails before its data, or
// whose data do not go the way or not have the length that the host expects, stalls the data
// endpoint at once and moves nothing; data that the host sends after a write has failed are taken
// and dropped.
//
// Work that has no data (a flush, a verification) is done when the host asks for the status.  So
// there is always a transfer that waits for the disk, one at most, and state changes when it ends:
// after a load, or when a transfer is taken back, it begins anew, and parts of it may be done twice.
// Deliberately missing: streams (USB Attached SCSI), more than one unit.
#pragma once

#include <vector>

#include "hw/usb/storage/scsi_disk.h"
#include "hw/usb/usb_described_device.h"

namespace quince::hw {

class UsbStorage final : public UsbDescribedDevice {
 public:
  static constexpr u8 kIn = 0x81, kOut = 0x02;
  /// The most that goes to or from the disk at once, in bytes.
  static constexpr u32 kChunk = 256 * KiB;

  /// `config` passed check(), and its serial number is not empty.  The disk outlives the device.
  UsbStorage(std::string_view name, const ScsiDiskConfig& config, block::Disk& disk);
  ~UsbStorage() override;

  void reset() override;
  void usb_reset() override;
  void snapshot(Archive& ar) override;
  void cancel(UsbPacket& packet) override;

 private:
  enum class Phase : u8 { Command, Data, Stall, Status };
  /// bCSWStatus.
  enum class Csw : u8 { Passed = 0, Failed = 1, PhaseError = 2 };
  struct State {
    Phase phase = Phase::Command;
    Csw csw = Csw::Passed;
    bool invalid = false;  // endpoints are halted until a Mass Storage Reset
    bool to_host = false;  // bmCBWFlags
    u32 tag = 0;
    u32 expected = 0;  // dCBWDataTransferLength
    u32 moved = 0;     // bytes of the data phase, at most `expected`
    u32 done = 0;      // of these, what the command had a use for
  };
  /// Endpoints on which the host got Nak.
  struct Waiting {
    bool in = false, out = false;
  };
  /// What the disk does for a transfer.  Not state: it begins anew.
  struct Work {
    UsbPacket* packet = nullptr;
    ScsiTask::Action action = ScsiTask::Action::None;  // None: a flush
    u64 at = 0, left = 0;  // on the disk: what is next, what is not done
    bool dropped = false;  // the transfer is not there any more
    std::vector<u8> data, other;
    iovec part{};
    block::Request request;
  };

  UsbStatus class_request(const UsbSetup& s, std::span<const u8> data, UsbReply& reply) override;
  UsbStatus transfer(UsbPacket& packet) override;
  void configured(u8) override { break_off(); }
  void halt_cleared(u8 endpoint) override;

  UsbStatus serve(UsbPacket& packet);
  UsbStatus serve_in(UsbPacket& packet);
  UsbStatus serve_out(UsbPacket& packet);
  void served(bool in);
  UsbStatus command(UsbPacket& packet);
  UsbStatus refuse_wrapper();
  void choose_phase();
  UsbStatus data_in(UsbPacket& packet);
  UsbStatus data_out(UsbPacket& packet);
  UsbStatus status(UsbPacket& packet);
  UsbStatus send_status(UsbPacket& packet);
  UsbStatus received(UsbPacket& packet);
  UsbStatus sent(UsbPacket& packet);
  void fail(scsi::Sense sense);
  void drop(UsbPacket& packet);

  UsbStatus begin(UsbPacket& packet, ScsiTask::Action action, u64 at, u64 left);
  bool next_chunk();
  void submit(block::Op op, u64 length);
  static void done(block::Request& request, block::Status status);
  void chunk_done(block::Status status);
  UsbStatus ended();
  void abandon();
  void forget();
  void break_off();

  ScsiDisk scsi_;
  State s_;
  Waiting waiting_;
  ScsiTask task_;
  std::vector<u8> reply_;
  Work work_;
};

}  // namespace quince::hw
