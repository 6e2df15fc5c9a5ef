// An image and the backing images below it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "block/block.h"
#include "block/file_lock.h"

namespace quince::block {

struct ChainOptions {
  bool read_only = false;  ///< the top; what is below is read-only always
  bool direct = false;     ///< O_DIRECT, for all of them
  bool discard = false;    ///< what the guest discards gives space back
  bool no_flush = false;   ///< cache=unsafe
  bool share_rw = false;
  bool backing = true;  ///< open the backing images; without, their parts read as zeroes
  Locking locking = Locking::Auto;
  std::function<void(const std::string&)> warn = {};
};

/// `format`: "raw", "qcow2", or "" to look at the file.  A raw image that was guessed cannot be
/// turned into another format by what is written to it.
Result<std::unique_ptr<Image>> open_chain(const std::string& path, const std::string& format,
                                          const ChainOptions& options);

/// The format of a file by its content; "raw" where nothing is recognised.
Result<std::string> guess_format(const std::string& path);

/// The path in a file name with or without "file:".  Fails for names that QEMU would understand as
/// another protocol.
Result<std::string> local_path(const std::string& name);

/// A file name in a backing chain: relative to the folder of the image that names it.
std::string backing_path(const std::string& image, const std::string& backing);

}  // namespace quince::block
