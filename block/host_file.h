// A file or block device of the host: a raw disk image, and what holds an image of another format.
//
// Sparse files stay sparse: discarded and zeroed ranges become holes where the file system has such
// (fallocate(2)), and holes are reported as zeroes (lseek(2), SEEK_DATA).  With O_DIRECT, buffers
// that are not aligned go through a bounce buffer, and ranges that are not through a
// read-modify-write of the blocks around them.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "block/block.h"
#include "block/file_lock.h"
#include "block/range_lock.h"

namespace quince::block {

class HostFile final : public Image {
 public:
  struct Options {
    bool read_only = false;
    bool direct = false;   ///< O_DIRECT
    bool create = false;   ///< make the file, or empty it; with the lock held only
    bool resizes = false;  ///< a format above it will write past its end
    bool share_rw = false;
    Locking locking = Locking::Auto;
    /// The format was guessed: a write that would make the start of the file look like another
    /// format is refused (EPERM), or the guest would choose what we open next time.
    bool guessed = false;
  };

  static Result<std::unique_ptr<HostFile>> open(const std::string& path, const Options& options);
  /// An empty file without a name, in `folder`; it is gone with the last descriptor.
  static Result<std::unique_ptr<HostFile>> temporary(const std::string& folder);
  /// The same in memory.
  static Result<std::unique_ptr<HostFile>> in_memory();

  const std::string& name() const override { return name_; }
  u64 size() const override { return size_.load(std::memory_order_acquire); }
  bool read_only() const override { return read_only_; }
  /// Reading past the end gives zeroes; writing past it makes the file grow.
  Status read(u64 offset, std::span<const iovec> parts) override;
  Status write(u64 offset, std::span<const iovec> parts) override;
  Status flush() override;
  Status discard(u64 offset, u64 length) override;
  Status write_zeroes(u64 offset, u64 length, bool unmap) override;
  Extent extent(u64 offset, u64 length) override;
  Status resize(u64 size) override;
  int plain_fd() const override;

  bool direct() const { return align_ != 0; }
  /// Bytes of storage in use; 0 for a device.
  u64 allocated() const;

 private:
  HostFile(std::string name, Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
  Result<void> examine();

  Status transfer(u64 offset, std::span<const iovec> parts, bool write);
  Status bounce(u64 offset, std::span<const iovec> parts, bool write);
  bool aligned(u64 offset, std::span<const iovec> parts) const;
  bool would_look_like_format(u64 offset, std::span<const iovec> parts) const;
  int allocate(int mode, u64 offset, u64 length);
  Status write_zero_bytes(u64 offset, u64 length);
  void grown(u64 end);

  const std::string name_;
  const Fd fd_;
  bool read_only_ = false;
  bool guessed_ = false;
  bool device_ = false;
  u32 align_ = 0;  // of offsets, lengths and buffers with O_DIRECT, in bytes; 0 without
  std::atomic<u64> size_{0};
  std::atomic<bool> can_punch_{true}, can_zero_{true};
  std::atomic<bool> lost_{false};  // an fdatasync failed: the page cache may have forgotten writes
  RangeLock blocks_;               // with O_DIRECT: read-modify-write against other writes
};

}  // namespace quince::block
