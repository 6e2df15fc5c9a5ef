#include "machine/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace quince::machine {

namespace {

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Opens and locks the file of that name; `regular` says what it is.  The one that had the name
/// before may be removed by its machine between the two: then the lock is that of no name.
Result<Fd> open_locked(const std::string& path, bool& regular) {
  for (;;) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
    struct stat opened {
    }, named{};
    if (!fd || ::fstat(fd.get(), &opened) != 0)
      return fail("could not open '{}': {}", path, std::strerror(errno));
    regular = S_ISREG(opened.st_mode);
    if (!regular) return fd;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES)
        return fail("'{}' is in use by another process", path);
      return fail("could not lock '{}': {}", path, std::strerror(errno));
    }
    if (::stat(path.c_str(), &named) == 0 && same_file(opened, named)) return fd;
  }
}

}  // namespace

Result<PidFile> PidFile::create(const std::string& path) {
  bool regular = false;
  Fd fd = TRY(open_locked(path, regular));
  const std::string text = fmt::format("{}\n", ::getpid());
  if ((regular && ::ftruncate(fd.get(), 0) != 0) ||
      ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const std::string why = std::strerror(errno);
    if (regular) PidFile(path, std::move(fd));  // removes it
    return fail("could not write '{}': {}", path, why);
  }
  return PidFile(path, regular ? std::move(fd) : Fd());
}

PidFile::~PidFile() {
  if (!fd_) return;
  struct stat ours {
  }, named{};
  // Not through a link: that is somebody else's way to the file.
  if (::fstat(fd_.get(), &ours) == 0 && ::lstat(path_.c_str(), &named) == 0 &&
      same_file(ours, named))
    ::unlink(path_.c_str());
}

}  // namespace quince::machine
