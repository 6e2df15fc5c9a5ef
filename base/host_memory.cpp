#include "base/host_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"
#include "base/bits.h"

namespace quince {

namespace {

constexpr u64 kHugePage = 2 * MiB;

const char* why() { return std::strerror(errno); }

/// Anonymous memory that begins where a transparent huge page may; MAP_FAILED with errno.
void* map_aligned(u64 size, int flags) {
  void* const p = ::mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (p == MAP_FAILED) return p;
  const u64 at = reinterpret_cast<u64>(p), begin = align_up(at, kHugePage);
  if (begin != at) ::munmap(p, begin - at);
  ::munmap(reinterpret_cast<void*>(begin + size), at + kHugePage - begin);
  return reinterpret_cast<void*>(begin);
}

/// The page size of the file system, when it is one of huge pages; else 4096.
u64 page_size_of(int fd) {
  struct statfs fs {};
  if (::fstatfs(fd, &fs) != 0 || fs.f_type != HUGETLBFS_MAGIC) return 4096;
  return static_cast<u64>(fs.f_bsize);
}

}  // namespace

HostMemory::~HostMemory() {
  // The file's pages are freed instead of written to the disk.
  if (discard_ && mapping_.data() != nullptr) ::madvise(data(), size(), MADV_REMOVE);
  if (!created_.empty()) ::unlink(created_.c_str());
}

Result<HostMemory> HostMemory::create(const std::string& name, u64 size,
                                      const HostMemoryOptions& o) {
  using Kind = HostMemoryOptions::Kind;
  HostMemory m;
  if (o.kind == Kind::Memfd) TRY_VOID(m.open_memfd(name, size, o));
  if (o.kind == Kind::File) TRY_VOID(m.open_file(size, o.path));
  TRY_VOID(m.map(size, o));
  if (o.prealloc) TRY_VOID(m.populate());
  m.discard_ = o.discard_data && m.shared_;
  m.created_.clear();
  return m;
}

Result<void> HostMemory::open_memfd(const std::string& name, u64 size, const HostMemoryOptions& o) {
  unsigned flags = MFD_CLOEXEC | (o.seal ? MFD_ALLOW_SEALING : 0u);
  if (o.hugetlb) {
    flags |= MFD_HUGETLB;
    if (o.hugetlb_size != 0)
      flags |= static_cast<unsigned>(std::countr_zero(o.hugetlb_size)) << MFD_HUGE_SHIFT;
  }
  fd_ = Fd(::memfd_create(name.c_str(), flags));
  bool seal = o.seal;
  if (!fd_ && errno == EINVAL && o.hugetlb && o.seal) {
    // Linux before 4.16 cannot seal huge pages.
    fd_ = Fd(::memfd_create(name.c_str(), flags & ~static_cast<unsigned>(MFD_ALLOW_SEALING)));
    seal = false;
    if (fd_) warning_ = "seal: the host cannot seal huge pages, so they are not sealed";
  }
  if (!fd_ && o.hugetlb_size != 0)
    return fail("hugetlbsize: the host has no pages of {} bytes: {}", o.hugetlb_size, why());
  if (!fd_ && o.hugetlb) return fail("hugetlb: {}", why());
  if (!fd_) return fail("cannot create memory '{}': {}", name, why());
  page_size_ = page_size_of(fd_.get());
  TRY_VOID(resize(size));
  if (seal && ::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return fail("seal: {}", why());
  return {};
}

Result<void> HostMemory::open_file(u64 size, const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) {
    std::string name = path + "/quince-memory-XXXXXX";
    fd_ = Fd(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd_) return fail("mem-path: cannot create a file in '{}': {}", path, why());
    ::unlink(name.c_str());
  } else {
    fd_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd_ && errno == ENOENT) {
      fd_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
      if (fd_) created_ = path;
    }
    if (!fd_) return fail("mem-path: cannot open '{}': {}", path, why());
  }
  if (::fstat(fd_.get(), &st) != 0) return fail("mem-path: cannot read '{}': {}", path, why());
  page_size_ = page_size_of(fd_.get());
  if (!S_ISREG(st.st_mode)) return fail("mem-path: '{}' is not a file", path);
  const u64 present = static_cast<u64>(st.st_size);
  if (present == 0) return resize(size);
  if (present < size)
    return fail("mem-path: '{}' has {} bytes, which is less than size={}", path, present, size);
  return {};
}

Result<void> HostMemory::resize(u64 size) {
  if (size % page_size_ != 0)
    return fail("size: {} is not a multiple of the page size {}", size, page_size_);
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
    return fail("size: cannot have {} bytes: {}", size, why());
  return {};
}

Result<void> HostMemory::map(u64 size, const HostMemoryOptions& o) {
  const bool huge = page_size_ != 4096;
  if (size % page_size_ != 0)
    return fail("size: {} is not a multiple of the page size {}", size, page_size_);
  // Huge pages are reserved here: without, a guest would end the emulator by touching one that the
  // host does not have.
  int flags = (o.share ? MAP_SHARED : MAP_PRIVATE) | (huge ? 0 : MAP_NORESERVE);
  if (!fd_) flags |= MAP_ANONYMOUS;
  void* const p = fd_ ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd_.get(), 0)
                      : map_aligned(size, flags);
  if (p == MAP_FAILED && huge)
    return fail("{}: {} bytes in pages of {} KiB: {}, see /proc/sys/vm/nr_hugepages",
                o.hugetlb ? "hugetlb" : "mem-path", size, page_size_ / KiB, why());
  if (p == MAP_FAILED) return fail("size: cannot map {} bytes: {}", size, why());
  mapping_ = Mapping(static_cast<u8*>(p), size);
  shared_ = o.share && fd_;
  if (!huge && (o.share || !fd_)) discard_advice_ = o.share ? MADV_REMOVE : MADV_DONTNEED;
  // Transparent huge pages: a hint; refusal costs only speed.
  if (!huge) ::madvise(p, size, MADV_HUGEPAGE);
  return {};
}

bool HostMemory::discard(u64 offset, u64 length) {
  QUINCE_ASSERT(offset <= size() && length <= size() - offset);
  return discard_advice_ >= 0 && ::madvise(data() + offset, length, discard_advice_) == 0;
}

Result<void> HostMemory::populate() {
  if (::madvise(data(), size(), MADV_POPULATE_WRITE) == 0) return {};
  if (errno != EINVAL) return fail("prealloc: {} bytes: {}", size(), why());
  // Linux before 5.14.  The file's space first, so that touching a page cannot fail for it.
  const int error = fd_ ? ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size())) : 0;
  if (error != 0) return fail("prealloc: {} bytes: {}", size(), std::strerror(error));
  for (u64 at = 0; at < size(); at += page_size_) {
    volatile u8* const byte = data() + at;
    *byte = *byte;
  }
  return {};
}

}  // namespace quince
