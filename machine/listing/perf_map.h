// -perfmap: a file from which Linux's perf has the names of translated code.
//
// The format is that of tools/perf/Documentation/jit-interface.txt of the Linux sources: a line for each piece of code,
// "START SIZE name", both in hexadecimal.  Lines are never taken back: where code was forgotten and its place used
// again, perf has both names for it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace quince::machine {

class PerfMap {
 public:
  /// The file's name for a process, where perf looks for it.
  static std::string path_for(int pid);
  /// Makes the file, or empties it.  Refuses what is no plain file of this user.
  static Result<PerfMap> create(const std::string& path);

  /// Any thread.  A full disk loses the line and nothing else.
  void add(const u8* start, std::size_t bytes, std::string_view name) const;

 private:
  explicit PerfMap(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace quince::machine
