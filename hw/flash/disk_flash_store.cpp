#include "hw/flash/disk_flash_store.h"

#include <algorithm>

namespace quince::hw {

namespace {
constexpr u64 kBlock = CfiFlash::kBlockSize;
}

DiskFlashStore::DiskFlashStore(GuestRam& contents, block::Disk& disk, Log& log)
    : contents_(contents),
      disk_(disk),
      log_(log),
      changed_(contents.size() / kBlock),
      copy_(kBlock) {
  request_.done = &DiskFlashStore::done;
  request_.context = this;
}

DiskFlashStore::~DiskFlashStore() { disk_.drain(); }

void DiskFlashStore::changed(u64 offset, u64 length) {
  for (u64 b = offset / kBlock; b <= (offset + length - 1) / kBlock; ++b) changed_[b] = true;
  if (!busy_) write_next();
}

void DiskFlashStore::write_next() {
  const auto it = std::find(changed_.begin(), changed_.end(), true);
  busy_ = it != changed_.end() || unflushed_;
  if (!busy_) return;
  if (it != changed_.end()) {
    *it = false;
    request_.op = block::Op::Write;
    request_.offset = static_cast<u64>(it - changed_.begin()) * kBlock;
    request_.length = kBlock;
    std::copy_n(contents_.data() + request_.offset, kBlock, copy_.begin());
    part_ = {copy_.data(), copy_.size()};
    request_.parts = {&part_, 1};
    unflushed_ = true;
  } else {
    request_.op = block::Op::Flush;
    request_.offset = request_.length = 0;
    request_.parts = {};
    unflushed_ = false;
  }
  disk_.submit(request_);
}

void DiskFlashStore::done(block::Request& request, block::Status status) {
  auto& self = *static_cast<DiskFlashStore*>(request.context);
  if (status != block::Status{})
    self.log_.line("quince: a flash image could not be written: " +
                   std::make_error_code(status).message());
  self.write_next();
}

}  // namespace quince::hw
