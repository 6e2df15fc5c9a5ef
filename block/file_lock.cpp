#include "block/file_lock.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace quince::block {

namespace {

// Permissions by number, in QEMU's words.
enum Permission : unsigned { kConsistentRead, kWrite, kWriteUnchanged, kResize, kCount };
constexpr std::array<const char*, kCount> kNames = {"consistent read", "write", "write unchanged",
                                                    "resize"};
constexpr off_t kUsedBase = 100;
constexpr off_t kRefusedBase = 200;

struct flock byte_lock(int type, off_t byte) {
  struct flock l {};
  l.l_type = static_cast<short>(type);
  l.l_whence = SEEK_SET;
  l.l_start = byte;
  l.l_len = 1;
  return l;
}

int set_byte(int fd, int type, off_t byte) {
  struct flock l = byte_lock(type, byte);
  return ::fcntl(fd, F_OFD_SETLK, &l) == 0 ? 0 : errno;
}

/// Whether somebody else has a lock on the byte.
bool held_by_other(int fd, off_t byte) {
  struct flock l = byte_lock(F_WRLCK, byte);
  return ::fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

void release(int fd) {
  for (unsigned n = 0; n < kCount; ++n) {
    set_byte(fd, F_UNLCK, kUsedBase + n);
    set_byte(fd, F_UNLCK, kRefusedBase + n);
  }
}

}  // namespace

Result<void> lock_file(int fd, const std::string& name, LockRequest request, Locking locking) {
  if (locking == Locking::Off) return {};
  unsigned used = 1u << kConsistentRead;
  if (request.write) used |= 1u << kWrite;
  if (request.write && request.resize) used |= 1u << kResize;
  unsigned allowed = (1u << kConsistentRead) | (1u << kWriteUnchanged);
  if (request.share_rw) allowed |= (1u << kWrite) | (1u << kResize);

  for (unsigned n = 0; n < kCount; ++n) {
    int error = 0;
    if ((used >> n) & 1) error = set_byte(fd, F_RDLCK, kUsedBase + n);
    if (error == 0 && ((allowed >> n) & 1) == 0) error = set_byte(fd, F_RDLCK, kRefusedBase + n);
    if (error == 0) continue;
    release(fd);
    if (error == EAGAIN || error == EACCES)
      return fail("{}: Failed to get \"{}\" lock: another process is using the image", name,
                  kNames[n]);
    if (locking == Locking::Auto) return {};
    return fail("{}: locking=on: the file system has no locks: {}", name, std::strerror(error));
  }
  for (unsigned n = 0; n < kCount; ++n) {
    const bool uses = ((used >> n) & 1) != 0, refuses = ((allowed >> n) & 1) == 0;
    if (uses && held_by_other(fd, kRefusedBase + n)) {
      release(fd);
      return fail("{}: Failed to get \"{}\" lock: another process is using the image", name,
                  kNames[n]);
    }
    if (refuses && held_by_other(fd, kUsedBase + n)) {
      release(fd);
      return fail("{}: Failed to get shared \"{}\" lock: another process is using the image", name,
                  kNames[n]);
    }
  }
  return {};
}

}  // namespace quince::block
