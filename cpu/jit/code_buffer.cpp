#include "cpu/jit/code_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace quince::cpu::jit {

namespace {

void* map(std::size_t bytes, int protection, int flags, int fd) {
  return ::mmap(nullptr, bytes, protection, flags | MAP_NORESERVE, fd, 0);
}

}  // namespace

Result<std::unique_ptr<CodeBuffer>> CodeBuffer::create(std::size_t bytes, Views views) {
  if (views == Views::Auto) {
    void* const at =
        map(bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (at != MAP_FAILED) {
      (void)::madvise(at, bytes, MADV_HUGEPAGE);
      const auto p = static_cast<u8*>(at);
      return std::unique_ptr<CodeBuffer>(new CodeBuffer(p, p, bytes));
    }
  }
  const Fd fd(::memfd_create("quince-code", MFD_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
    return fail("no memory for translated code: {}", std::strerror(errno));
  void* const written = map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get());
  if (written == MAP_FAILED) return fail("no memory for translated code: {}", std::strerror(errno));
  void* const run = map(bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd.get());
  if (run == MAP_FAILED) {
    const int error = errno;
    ::munmap(written, bytes);
    return fail("the host runs no code that is made while it runs: {}", std::strerror(error));
  }
  return std::unique_ptr<CodeBuffer>(
      new CodeBuffer(static_cast<u8*>(written), static_cast<const u8*>(run), bytes));
}

CodeBuffer::~CodeBuffer() {
  if (has_two_views()) ::munmap(const_cast<u8*>(run_view(at_)), bytes_);
  ::munmap(at_, bytes_);
}

}  // namespace quince::cpu::jit
