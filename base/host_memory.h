// Memory of the host for a guest: anonymous, behind a memfd, or behind a file.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/types.h"

namespace quince {

/// What kind of memory it is.
struct HostMemoryOptions {
  enum class Kind : u8 {
    Anonymous,  ///< private to this process: no descriptor
    Memfd,
    File,  ///< `path`: a file, which is made or grown from nothing, or a folder for a nameless one
  };
  Kind kind = Kind::Memfd;
  bool share = true;      ///< writes reach the file, and whoever else maps it
  bool seal = true;       ///< Memfd: its size is fixed for everybody
  bool hugetlb = false;   ///< Memfd: on reserved huge pages
  u64 hugetlb_size = 0;   ///< of such a page, in bytes; 0: the host's default
  bool prealloc = false;  ///< every page is taken now, or this fails
  std::string path = {};
  bool discard_data = false;  ///< File: the contents need not reach the disk at the end
};

/// Owns a mapping of readable and writable memory and, but for Anonymous, its descriptor, which
/// another process may map too.  Without `prealloc` or huge pages the host's memory is taken when
/// it is touched.
class HostMemory {
 public:
  HostMemory() = default;
  HostMemory(HostMemory&&) = default;
  HostMemory& operator=(HostMemory&&) = delete;
  ~HostMemory();

  /// `size` is a multiple of the page size.  Pages of a memfd or a new file are zero.  An error
  /// begins with the property that cannot be had where it is one ("hugetlb: ...").
  static Result<HostMemory> create(const std::string& name, u64 size,
                                   const HostMemoryOptions& options);

  u8* data() const { return mapping_.data(); }
  u64 size() const { return mapping_.size(); }
  /// -1 when there is none.
  int fd() const { return fd_.get(); }
  /// Whether another process that maps fd() sees what is written here.
  bool shared() const { return shared_; }
  /// Bytes of a page: 4096 but for huge pages.
  u64 page_size() const { return page_size_; }
  /// What was asked for and could not be had, for the person at the terminal; mostly empty.
  const std::string& warning() const { return warning_; }

  /// Gives pages back to the host, while others may use the memory: they read as zeroes, and are
  /// taken again when they are touched.  `offset` and `length` are multiples of 4096.  False when
  /// that cannot be, and then nothing changed: huge pages are reserved and might not come back, and
  /// below a private mapping of a file would appear what the file has.
  bool discard(u64 offset, u64 length);

 private:
  Result<void> open_memfd(const std::string& name, u64 size, const HostMemoryOptions& o);
  Result<void> open_file(u64 size, const std::string& path);
  Result<void> resize(u64 size);
  Result<void> map(u64 size, const HostMemoryOptions& o);
  Result<void> populate();

  Fd fd_;
  Mapping mapping_;
  bool shared_ = false;
  bool discard_ = false;
  int discard_advice_ = -1;  ///< of madvise, for discard(); -1: it cannot be done
  u64 page_size_ = 4096;
  std::string created_;  ///< a file that was made and would be left behind by an error
  std::string warning_;
};

}  // namespace quince
