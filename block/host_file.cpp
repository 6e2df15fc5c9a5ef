#include "block/host_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/bits.h"
#include "block/iov.h"
#include "block/probe.h"

namespace quince::block {

namespace {

Status from_errno(int e) { return static_cast<Status>(e); }

/// Memory for O_DIRECT.
using Aligned = std::unique_ptr<u8, decltype(&std::free)>;
Aligned aligned_memory(u64 size, u64 align) {
  return Aligned(static_cast<u8*>(std::aligned_alloc(align, align_up(size, align))), &std::free);
}

constexpr u64 kBounceBytes = 1 * MiB;

/// What O_DIRECT asks for on this file, or 0 if it has none.
u32 direct_alignment(int fd) {
#ifdef STATX_DIOALIGN
  struct statx sx {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 &&
      (sx.stx_mask & STATX_DIOALIGN) != 0)
    return std::max(sx.stx_dio_mem_align, sx.stx_dio_offset_align);
#endif
  return 4096;  // enough for every disk there is
}

Result<int> open_fd(const std::string& path, const HostFile::Options& o) {
  // O_NONBLOCK: somebody may name a FIFO, and opening one waits for its other end.
  int flags = O_CLOEXEC | O_NONBLOCK | (o.read_only ? O_RDONLY : O_RDWR);
  if (o.create) flags |= O_CREAT;
  if (o.direct) flags |= O_DIRECT;
  const int fd = ::open(path.c_str(), flags, 0644);
  if (fd >= 0) return fd;
  if (errno == EINVAL && o.direct)
    return fail("could not open '{}': the file system has no O_DIRECT (cache=none, directsync)",
                path);
  return fail("could not open '{}': {}", path, std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<HostFile>> HostFile::open(const std::string& path, const Options& o) {
  Fd fd(TRY(open_fd(path, o)));
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  TRY_VOID(lock_file(fd.get(), path, {!o.read_only, o.resizes, o.share_rw}, o.locking));
  std::unique_ptr<HostFile> f(new HostFile(path, std::move(fd)));
  f->read_only_ = o.read_only;
  f->guessed_ = o.guessed;
  if (o.direct) f->align_ = direct_alignment(f->fd_.get());
  if (o.direct && f->align_ == 0)
    return fail("could not open '{}': the file system has no O_DIRECT (cache=none, directsync)",
                path);
  TRY_VOID(f->examine());
  if (o.create && !f->device_)
    if (const Status s = f->resize(0); s != Status{})
      return fail("could not empty '{}': {}", path, std::make_error_code(s).message());
  return f;
}

Result<std::unique_ptr<HostFile>> HostFile::temporary(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {  // not every file system can make files without a name
    std::string path = folder + "/quince.XXXXXX";
    fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return fail("no temporary file in '{}': {}", folder, std::strerror(errno));
    ::unlink(path.c_str());
  }
  return std::unique_ptr<HostFile>(new HostFile("temporary file in " + folder, Fd(fd)));
}

Result<std::unique_ptr<HostFile>> HostFile::in_memory() {
  Fd fd(::memfd_create("quince-overlay", MFD_CLOEXEC));
  if (!fd) return fail("no memory for an overlay: {}", std::strerror(errno));
  return std::unique_ptr<HostFile>(new HostFile("memory", std::move(fd)));
}

Result<void> HostFile::examine() {
  struct stat st {};
  if (::fstat(fd_.get(), &st) != 0)
    return fail("could not open '{}': {}", name_, std::strerror(errno));
  if (S_ISBLK(st.st_mode)) {
    u64 bytes = 0;
    if (::ioctl(fd_.get(), BLKGETSIZE64, &bytes) != 0)
      return fail("could not read the size of '{}': {}", name_, std::strerror(errno));
    device_ = true;
    size_ = bytes;
    return {};
  }
  if (!S_ISREG(st.st_mode))
    return fail("could not open '{}': neither a regular file nor a block device", name_);
  size_ = static_cast<u64>(st.st_size);
  return {};
}

int HostFile::plain_fd() const {
  // A request of sectors is always aligned to 512 bytes and to nothing more.
  return guessed_ || align_ > 512 ? -1 : fd_.get();
}

u64 HostFile::allocated() const {
  struct stat st {};
  if (::fstat(fd_.get(), &st) != 0) return 0;
  return static_cast<u64>(st.st_blocks) * 512;
}

void HostFile::grown(u64 end) {
  u64 now = size_.load(std::memory_order_relaxed);
  while (now < end && !size_.compare_exchange_weak(now, end, std::memory_order_acq_rel)) {
  }
}

/// All of the parts by preadv or pwritev, however many calls that takes.
Status HostFile::transfer(u64 offset, std::span<const iovec> parts, bool write) {
  std::vector<iovec> left(parts.begin(), parts.end());
  std::span<iovec> rest(left);
  while (!rest.empty()) {
    if (rest.front().iov_len == 0) {
      rest = rest.subspan(1);
      continue;
    }
    const int count = static_cast<int>(std::min<std::size_t>(rest.size(), IOV_MAX));
    const auto at = static_cast<off_t>(offset);
    ssize_t n = write ? ::pwritev(fd_.get(), rest.data(), count, at)
                      : ::preadv(fd_.get(), rest.data(), count, at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return from_errno(errno);
    if (n == 0 && write) return Status::io_error;
    if (n == 0) {  // past the end
      fill_zero(rest, 0, total_length(rest));
      return {};
    }
    offset += static_cast<u64>(n);
    while (n > 0) {
      iovec& p = rest.front();
      const auto used = std::min<std::size_t>(p.iov_len, static_cast<std::size_t>(n));
      p.iov_base = static_cast<u8*>(p.iov_base) + used;
      p.iov_len -= used;
      n -= static_cast<ssize_t>(used);
      if (p.iov_len == 0) rest = rest.subspan(1);
    }
    // A short read inside a direct file ends at its end; going on there would not be aligned.
    if (!write && align_ != 0 && !is_aligned(offset, align_)) {
      fill_zero(rest, 0, total_length(rest));
      return {};
    }
  }
  return {};
}

bool HostFile::aligned(u64 offset, std::span<const iovec> parts) const {
  if (!is_aligned(offset, align_)) return false;
  return std::all_of(parts.begin(), parts.end(), [&](const iovec& p) {
    return is_aligned(reinterpret_cast<std::uintptr_t>(p.iov_base), align_) &&
           is_aligned(p.iov_len, align_);
  });
}

/// O_DIRECT with parts or a range that are not aligned.
Status HostFile::bounce(u64 offset, std::span<const iovec> parts, bool write) {
  const u64 length = total_length(parts);
  const u64 buffer_size = std::min(kBounceBytes, align_up(length, align_) + align_);
  const Aligned buffer = aligned_memory(buffer_size, align_);
  if (!buffer) return Status::not_enough_memory;
  for (u64 done = 0; done < length;) {
    const u64 from = align_down(offset + done, align_);
    const u64 skip = offset + done - from;
    const u64 n = std::min(length - done, align_down(buffer_size, align_) - skip);
    const std::span<u8> block(buffer.get(), align_up(skip + n, align_));
    const iovec whole = part(block);
    if (!write) {
      if (const Status s = transfer(from, {&whole, 1}, false); s != Status{}) return s;
      scatter(parts, done, block.subspan(skip, n));
    } else {
      const bool exact = skip == 0 && n == block.size();
      // At the end of the file the size may have to be put right, which concerns every write there.
      const bool at_end = !device_ && from + block.size() > size();
      const u64 lock_end = at_end ? ~u64{0} : from + block.size();
      const RangeLock::Guard guard(blocks_, from, lock_end, !exact || at_end);
      if (!exact)
        if (const Status s = transfer(from, {&whole, 1}, false); s != Status{}) return s;
      gather(parts, done, block.subspan(skip, n));
      if (const Status s = transfer(from, {&whole, 1}, true); s != Status{}) return s;
      grown(offset + done + n);
      // The last block may reach over the end that the file should have.
      if (at_end && from + block.size() > size())
        if (::ftruncate(fd_.get(), static_cast<off_t>(size())) != 0) return from_errno(errno);
    }
    done += n;
  }
  return {};
}

Status HostFile::read(u64 offset, std::span<const iovec> parts) {
  if (align_ != 0 && !aligned(offset, parts)) return bounce(offset, parts, false);
  return transfer(offset, parts, false);
}

bool HostFile::would_look_like_format(u64 offset, std::span<const iovec> parts) const {
  if (!guessed_ || offset >= kProbeBytes || total_length(parts) == 0) return false;
  std::array<u8, kProbeBytes> start{};
  const iovec whole = part(std::span<u8>(start));
  if (const_cast<HostFile*>(this)->read(0, {&whole, 1}) != Status{}) return true;
  const u64 n = std::min<u64>(kProbeBytes - offset, total_length(parts));
  gather(parts, 0, std::span<u8>(start).subspan(offset, n));
  return !probe_format(start).empty();
}

Status HostFile::write(u64 offset, std::span<const iovec> parts) {
  if (would_look_like_format(offset, parts)) return Status::operation_not_permitted;
  const u64 end = offset + total_length(parts);
  if (align_ == 0) {
    const Status s = transfer(offset, parts, true);
    if (s == Status{}) grown(end);
    return s;
  }
  if (!aligned(offset, parts)) return bounce(offset, parts, true);
  const RangeLock::Guard guard(blocks_, offset, end, false);
  const Status s = transfer(offset, parts, true);
  if (s == Status{}) grown(end);
  return s;
}

Status HostFile::flush() {
  if (lost_.load(std::memory_order_relaxed)) return Status::io_error;
  if (::fdatasync(fd_.get()) == 0) return {};
  const int e = errno;
  // After a failed write-back the kernel counts the pages as clean: asking again would succeed
  // although the data is gone.
  if (align_ == 0) lost_.store(true, std::memory_order_relaxed);
  return from_errno(e);
}

int HostFile::allocate(int mode, u64 offset, u64 length) {
  for (;;) {
    if (::fallocate(fd_.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0)
      return 0;
    if (errno != EINTR) return errno;
  }
}

Status HostFile::discard(u64 offset, u64 length) {
  if (length == 0 || !can_punch_.load(std::memory_order_relaxed)) return {};
  const int e = allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
  if (e == EOPNOTSUPP || e == ENOSYS) can_punch_.store(false, std::memory_order_relaxed);
  return {};  // a hint: what cannot be given back is kept
}

Status HostFile::write_zero_bytes(u64 offset, u64 length) {
  const u64 chunk = std::min<u64>(length, 256 * KiB);
  std::vector<u8> zeroes(chunk);
  for (u64 done = 0; done < length;) {
    const iovec p = part(std::span<u8>(zeroes).first(std::min(chunk, length - done)));
    if (const Status s = write(offset + done, {&p, 1}); s != Status{}) return s;
    done += p.iov_len;
  }
  return {};
}

Status HostFile::write_zeroes(u64 offset, u64 length, bool unmap) {
  if (length == 0) return {};
  const auto unsupported = [](int e) { return e == EOPNOTSUPP || e == ENOSYS || e == EINVAL; };
  int e = EOPNOTSUPP;
  // Not by ftruncate: it would cut off what another thread writes past the end meanwhile.
  if (!device_ && offset + length > size())
    if (const Status s = write_zero_bytes(offset + length - 1, 1); s != Status{}) return s;
  if (unmap && can_punch_.load(std::memory_order_relaxed)) {
    e = allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
    if (unsupported(e)) can_punch_.store(false, std::memory_order_relaxed);
  }
  if (unsupported(e) && can_zero_.load(std::memory_order_relaxed)) {
    e = allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
    if (unsupported(e)) can_zero_.store(false, std::memory_order_relaxed);
  }
  if (unsupported(e)) return write_zero_bytes(offset, length);
  return e == 0 ? Status{} : from_errno(e);
}

Image::Extent HostFile::extent(u64 offset, u64 length) {
  if (device_) return {false, length};
  const u64 end = size();
  if (offset >= end) return {true, length};
  const off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return {true, length};  // a hole up to the end
  if (data < 0) return {false, length};
  const u64 hole_length = static_cast<u64>(data) - offset;
  if (hole_length > 0) return {true, std::min(length, hole_length)};
  const off_t hole = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_HOLE);
  if (hole <= static_cast<off_t>(offset)) return {false, length};
  return {false, std::min(length, static_cast<u64>(hole) - offset)};
}

Status HostFile::resize(u64 size) {
  if (device_) return size <= this->size() ? Status{} : Status::invalid_argument;
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return from_errno(errno);
  size_.store(size, std::memory_order_release);
  return {};
}

}  // namespace quince::block
