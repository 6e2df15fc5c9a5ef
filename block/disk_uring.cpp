// Requests by io_uring(7).  Reads and writes of a plain file go to the ring; everything else, and
// what the ring cannot take or does by half, goes to the worker threads.
#include <liburing.h>

#include <atomic>
#include <climits>
#include <cstring>
#include <thread>

#include "block/disk.h"
#include "block/disk_common.h"

namespace quince::block {

namespace {

constexpr unsigned kDepth = 128;

class UringDisk final : public QueuedDisk {
 public:
  UringDisk(std::unique_ptr<Image> image, bool can_discard, Completions& completions,
            const io_uring& ring)
      : QueuedDisk(std::move(image), can_discard, completions),
        ring_(ring),
        workers_(*image_, finished_),
        reaper_([this] { reap(); }) {}
  ~UringDisk() override;

 private:
  void start(Request& request) override;
  void reap();

  io_uring ring_;
  std::atomic<unsigned> in_flight_{0};
  Workers workers_;
  std::thread reaper_;
};

void UringDisk::start(Request& r) {
  const bool moves = r.op == Op::Read || r.op == Op::Write;
  // No more than the ring holds: then neither of its queues can overflow.
  if (!moves || r.parts.size() > IOV_MAX || in_flight_.load() >= kDepth) return workers_.add(r);
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) return workers_.add(r);
  const auto count = static_cast<unsigned>(r.parts.size());
  if (r.op == Op::Read)
    io_uring_prep_readv(sqe, image_->plain_fd(), r.parts.data(), count, r.offset);
  else
    io_uring_prep_writev(sqe, image_->plain_fd(), r.parts.data(), count, r.offset);
  io_uring_sqe_set_data(sqe, &r);
  in_flight_.fetch_add(1);
  if (io_uring_submit(&ring_) >= 1) return;
  // The kernel did not take it.  The entry stays in the queue, so it becomes one without effect,
  // to be taken with the next.
  io_uring_prep_nop(sqe);
  io_uring_sqe_set_data(sqe, &ring_);
  workers_.add(r);
}

void UringDisk::reap() {
  for (;;) {
    io_uring_cqe* cqe = nullptr;
    const int waited = io_uring_wait_cqe(&ring_, &cqe);
    if (waited == -EINTR || waited == -EAGAIN) continue;
    if (waited < 0) return;
    void* data = io_uring_cqe_get_data(cqe);
    const int result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    if (data == nullptr) return;
    in_flight_.fetch_sub(1);
    if (data == &ring_) continue;
    auto& r = *static_cast<Request*>(data);
    if (result >= 0 && static_cast<u64>(result) == r.length)
      finished_.ended(r, {});
    else if (result >= 0 || result == -EAGAIN || result == -EINTR)
      workers_.add(r);  // doing it again from the start is the same, only longer
    else
      finished_.ended(r, static_cast<Status>(-result));
  }
}

UringDisk::~UringDisk() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    io_uring_submit(&ring_);
    sqe = io_uring_get_sqe(&ring_);
  }
  io_uring_prep_nop(sqe);
  io_uring_sqe_set_data(sqe, nullptr);
  while (io_uring_submit(&ring_) < 0) std::this_thread::yield();
  reaper_.join();
  io_uring_queue_exit(&ring_);
}

}  // namespace

Result<std::unique_ptr<Disk>> make_uring_disk(std::unique_ptr<Image>& image, bool can_discard,
                                              Completions& completions) {
  if (image->plain_fd() < 0) return fail("{}: not a plain file", image->name());
  io_uring ring;
  const int e = io_uring_queue_init(kDepth, &ring, 0);
  if (e < 0) return fail("the host refuses io_uring: {}", std::strerror(-e));
  return std::make_unique<UringDisk>(std::move(image), can_discard, completions, ring);
}

}  // namespace quince::block
