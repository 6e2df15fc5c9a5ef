// Keeps a flash bank in a disk image.
#pragma once

#include <vector>

#include "hw/core/ram.h"
#include "hw/flash/cfi_flash.h"

namespace quince::hw {

/// Writes changed blocks of a bank to a disk, one at a time and each from a copy, so that the guest
/// never waits; what changes again meanwhile is written again.  When nothing is left, the disk is
/// flushed.  Its end waits for all of that.
class DiskFlashStore final : public FlashStore {
 public:
  /// `disk` is at least as large as the bank and outlives this.
  DiskFlashStore(GuestRam& contents, block::Disk& disk, Log& log);
  ~DiskFlashStore() override;
  DiskFlashStore(const DiskFlashStore&) = delete;
  DiskFlashStore& operator=(const DiskFlashStore&) = delete;

  void changed(u64 offset, u64 length) override;

 private:
  static void done(block::Request& request, block::Status status);
  void write_next();

  GuestRam& contents_;
  block::Disk& disk_;
  Log& log_;
  std::vector<bool> changed_;  // by block
  bool busy_ = false;
  bool unflushed_ = false;
  std::vector<u8> copy_;
  iovec part_{};
  block::Request request_;
};

}  // namespace quince::hw
