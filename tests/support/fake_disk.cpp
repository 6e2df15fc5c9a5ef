#include "tests/support/fake_disk.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace quince::test {

using block::Op;
using block::Request;
using block::Status;

void FakeDisk::submit(Request& request) {
  u64 sum = 0;
  for (const iovec& p : request.parts) sum += p.iov_len;
  const bool moves = request.op == Op::Read || request.op == Op::Write;
  QUINCE_ASSERT(sum == (moves ? request.length : 0) && request.done != nullptr);
  QUINCE_ASSERT(std::ranges::find(waiting, &request) == waiting.end());
  waiting.push_back(&request);
}

void FakeDisk::finish(std::size_t index) {
  Request& r = *waiting.at(index);
  waiting.erase(waiting.begin() + static_cast<long>(index));
  Status status = fail;
  if (r.offset > data.size() || r.length > data.size() - r.offset)
    status = std::errc::invalid_argument;
  else if (is_read_only && r.op != Op::Read && r.op != Op::Flush)
    status = std::errc::read_only_file_system;
  if (record) done.push_back(r.op);
  if (status == Status{}) {
    u8* at = data.data() + r.offset;
    if (r.op == Op::WriteZeroes || r.op == Op::Discard) std::memset(at, 0, r.length);
    for (const iovec& p : r.parts) {
      if (r.op == Op::Read)
        std::memcpy(p.iov_base, at, p.iov_len);
      else
        std::memcpy(at, p.iov_base, p.iov_len);
      at += p.iov_len;
    }
  }
  r.done(r, status);
}

std::size_t FakeDisk::finish_all() {
  std::size_t n = 0;
  for (; !waiting.empty(); ++n) finish();
  return n;
}

void FakeDisk::drain() { finish_all(); }

}  // namespace quince::test
