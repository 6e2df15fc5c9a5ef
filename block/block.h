// Disks: what a device asks, what an image format answers, and how completions come back.
//
// Two interfaces, because formats are easier to get right when they are synchronous and devices
// must never wait: an `Image` (raw, qcow2, an overlay) does one operation on the calling thread;
// a `Disk` queues requests, has an image do them on other threads, and reports them done on the
// machine thread.
#pragma once

#include <sys/uio.h>

#include <functional>
#include <span>
#include <string>
#include <system_error>

#include "base/types.h"

namespace quince::block {

/// An outcome; `std::errc{}` is success.  EIO stands for everything that has no better name.
using Status = std::errc;

/// The contents of a disk, or a file that holds an image.  Operations come from several threads at
/// once and may block; ranges are in bytes, inside the image, and need no alignment.
class Image {
 public:
  virtual ~Image() = default;

  /// For messages: the file's name.
  virtual const std::string& name() const = 0;
  /// The size that a guest sees, in bytes.
  virtual u64 size() const = 0;
  virtual bool read_only() const = 0;

  /// Moves exactly the bytes of `parts`.  A write is durable only after a flush that began when it
  /// had returned.
  [[nodiscard]] virtual Status read(u64 offset, std::span<const iovec> parts) = 0;
  [[nodiscard]] virtual Status write(u64 offset, std::span<const iovec> parts) = 0;
  /// Makes every write that has returned survive a crash of this process and of the host.
  [[nodiscard]] virtual Status flush() = 0;
  /// A hint that the bytes are not needed; they may read as anything afterwards that they were, or
  /// as zeroes.
  [[nodiscard]] virtual Status discard(u64 offset, u64 length) = 0;
  /// The bytes read as zeroes; with `unmap` their storage may be given back.
  [[nodiscard]] virtual Status write_zeroes(u64 offset, u64 length, bool unmap) = 0;
  /// Whether the bytes at `offset` read as zeroes without looking at data, and for how many bytes
  /// (at most `length`, at least 1) that answer holds.  May answer "no" when it does not know.
  struct Extent {
    bool zero = false;
    u64 length = 0;
  };
  virtual Extent extent(u64 /*offset*/, u64 length) { return {false, length}; }
  /// Changes the size; new bytes read as zeroes.  No other operation may run meanwhile.
  [[nodiscard]] virtual Status resize(u64 /*size*/) { return Status::operation_not_supported; }
  /// A descriptor for io_uring: reading and writing at the same offsets through it is all that
  /// read() and write() do with ranges of whole sectors.  -1 where that is not so.
  virtual int plain_fd() const { return -1; }
};

enum class Op : u8 { Read, Write, Flush, Discard, WriteZeroes };

/// One request to a disk.  The caller owns it, `parts` and what they point to, and keeps them
/// until `done` was called.
struct Request {
  Op op = Op::Read;
  bool unmap = false;  ///< WriteZeroes only
  u64 offset = 0;      ///< bytes
  u64 length = 0;      ///< bytes; equal to the sum of `parts` for Read and Write
  std::span<const iovec> parts = {};
  void (*done)(Request& request, Status status) = nullptr;
  void* context = nullptr;
};

/// The disk that a device sees.  Everything is called with the I/O lock held, on any thread.  It is
/// drained before it is destroyed.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual u64 size() const = 0;  ///< bytes
  virtual bool read_only() const = 0;
  virtual bool can_discard() const = 0;

  /// Takes a request; never blocks.  `done` is called later, never from inside submit(), with the
  /// I/O lock held.  A range outside the disk ends with EINVAL, a write to a read-only disk with
  /// EROFS.  Requests may end in any order; a flush covers what has ended before it was submitted.
  virtual void submit(Request& request) = 0;
  /// Returns when no request is outstanding; `done` of each was called by then, on this thread.
  /// For resets and snapshots: waits for the host, no longer than its I/O takes.
  virtual void drain() = 0;
};

/// How a disk asks for its completions to be handled: `wake()` may be called from any thread, and
/// soon after `run` is called on the machine thread with the I/O lock held; several wakes may make
/// one run, and a run with nothing to do is harmless.  The machine makes one for each disk, and it
/// outlives the disk.
class Completions {
 public:
  virtual ~Completions() = default;
  /// An empty function ends it: `run` is not called any more, not even for an earlier wake().
  virtual void on_wake(std::function<void()> run) = 0;
  virtual void wake() = 0;
};

}  // namespace quince::block
