// -pidfile: a file with the number of this process, for who starts and ends machines.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace quince::machine {

/// The file, while the machine is there.  It is locked (fcntl(2), F_OFD_SETLK), so that two running
/// machines never share one; what a machine that was killed left behind is written anew.  Of files
/// that are not regular (a pipe) only the writing is done.
class PidFile {
 public:
  /// Writes it.  An error names the file and the reason.
  static Result<PidFile> create(const std::string& path);
  PidFile(PidFile&& other) noexcept = default;
  PidFile& operator=(PidFile&&) = delete;
  /// Removes it, if it is still this one that has the name.
  ~PidFile();

 private:
  PidFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  Fd fd_;  ///< with the lock; empty: there is nothing to remove
};

}  // namespace quince::machine
