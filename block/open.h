// From the words of a command line to an image and a disk: the entry point for the machine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "block/block.h"
#include "block/file_lock.h"
#include "block/policy.h"

namespace quince::block {

enum class Cache : u8 { Writeback, None, Writethrough, Directsync, Unsafe };
enum class Aio : u8 { Threads, IoUring, Native, Synchronous };
/// Where the writes go that the image is not to see.
enum class Snapshot : u8 { Off, File, Memory };

struct OpenOptions {
  std::string file = {};    ///< a path, or "file:" and a path
  std::string format = {};  ///< "raw", "qcow2", or "" to look at the file
  bool read_only = false;
  Snapshot snapshot = Snapshot::Off;
  Cache cache = Cache::Writeback;
  Aio aio = Aio::Threads;  ///< Synchronous is for deterministic runs and has no name
  bool discard = false;    ///< discard=unmap
  DetectZeroes detect_zeroes = DetectZeroes::Off;
  Locking locking = Locking::Auto;
  bool share_rw = false;
  u64 offset = 0;  ///< bytes of a raw image that are not of the disk: a header
  /// Gets warnings, each one line without an end; empty: nobody wants them.
  std::function<void(const std::string&)> warn = {};
};

/// The values of `cache=`, `aio=`, `discard=` (true: unmap), `detect-zeroes=` and `locking=`.  An
/// error names the option and what it knows.
Result<Cache> parse_cache(std::string_view value);
Result<Aio> parse_aio(std::string_view value);
Result<bool> parse_discard(std::string_view value);
Result<DetectZeroes> parse_detect_zeroes(std::string_view value);
Result<Locking> parse_locking(std::string_view value);

/// Opens an image with everything below it and takes its locks.  An error is one line that names
/// the file.
Result<std::unique_ptr<Image>> open_image(const OpenOptions& options);

/// A disk over an image that open_image() made with the same options.
std::unique_ptr<Disk> make_disk(std::unique_ptr<Image> image, const OpenOptions& options,
                                Completions& completions);

}  // namespace quince::block
