#include "base/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace quince {

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Mapping::reset() {
  if (data_ != nullptr) ::munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

Result<std::vector<u8>> read_file(const std::string& path, u64 limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail("could not open '{}': {}", path, std::strerror(errno));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail("could not read '{}': {}", path, std::strerror(errno));
  if (S_ISDIR(st.st_mode)) return fail("could not read '{}': is a directory", path);
  if (static_cast<u64>(st.st_size) > limit)
    return fail("'{}' is too large ({} bytes, the limit is {})", path, st.st_size, limit);
  std::vector<u8> data(static_cast<std::size_t>(st.st_size));
  std::size_t done = 0;
  // A pipe or /proc file has no size: grow as it comes.
  for (;;) {
    if (done == data.size()) {
      u8 more = 0;
      const ssize_t n = ::read(fd.get(), &more, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      data.push_back(more);
      ++done;
      if (data.size() > limit) return fail("'{}' is too large (the limit is {})", path, limit);
      data.resize(data.size() + 64 * KiB);
      continue;
    }
    const ssize_t n = ::read(fd.get(), data.data() + done, data.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("could not read '{}': {}", path, std::strerror(errno));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  data.resize(done);
  return data;
}

}  // namespace quince
