#include "cpu/jit/code_buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace quince::cpu::jit {

Result<std::unique_ptr<CodeBuffer>> CodeBuffer::create(std::size_t bytes) {
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return fail("no memory for translated code: {}", std::strerror(errno));
  (void)::madvise(at, bytes, MADV_HUGEPAGE);
  return std::unique_ptr<CodeBuffer>(new CodeBuffer(static_cast<u8*>(at), bytes));
}

CodeBuffer::~CodeBuffer() { ::munmap(at_, bytes_); }

}  // namespace quince::cpu::jit
