#include "machine/listing/perf_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace quince::machine {

std::string PerfMap::path_for(int pid) { return fmt::format("/tmp/perf-{}.map", pid); }

Result<PerfMap> PerfMap::create(const std::string& path) {
  // In a folder that everybody may write to: neither a link nor somebody else's file.
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  struct stat s {};
  if (!fd || ::fstat(fd.get(), &s) != 0)
    return fail("could not open '{}': {}", path, std::strerror(errno));
  if (!S_ISREG(s.st_mode) || s.st_uid != ::geteuid())
    return fail("'{}' is not a plain file of this user", path);
  if (::ftruncate(fd.get(), 0) != 0)
    return fail("could not empty '{}': {}", path, std::strerror(errno));
  return PerfMap(std::move(fd));
}

void PerfMap::add(const u8* start, std::size_t bytes, std::string_view name) const {
  const std::string line = fmt::format("{:x} {:x} {}\n", reinterpret_cast<u64>(start), bytes, name);
  (void)!::write(fd_.get(), line.data(), line.size());  // one append, whole
}

}  // namespace quince::machine
