#include "block/disk.h"

#include "block/disk_common.h"
#include "block/iov.h"

namespace quince::block {

namespace {

// Enough to keep a host disk busy; more only wait for each other.
constexpr unsigned kWorkers = 4;

class ThreadedDisk final : public QueuedDisk {
 public:
  ThreadedDisk(std::unique_ptr<Image> image, bool can_discard, Completions& completions)
      : QueuedDisk(std::move(image), can_discard, completions), workers_(*image_, finished_) {}

 private:
  void start(Request& request) override { workers_.add(request); }

  Workers workers_;  // last: its threads use what is above
};

class SynchronousDisk final : public QueuedDisk {
 public:
  using QueuedDisk::QueuedDisk;

 private:
  void start(Request& request) override { finished_.ended(request, perform(*image_, request)); }
};

Status check(const Image& image, const Request& r) {
  if (r.op == Op::Flush) return {};
  if (r.offset > image.size() || r.length > image.size() - r.offset)
    return Status::invalid_argument;
  if ((r.op == Op::Read || r.op == Op::Write) && total_length(r.parts) != r.length)
    return Status::invalid_argument;
  if (r.op != Op::Read && image.read_only()) return Status::read_only_file_system;
  return {};
}

}  // namespace

Status perform(Image& image, const Request& r) {
  switch (r.op) {
    case Op::Read:
      return image.read(r.offset, r.parts);
    case Op::Write:
      return image.write(r.offset, r.parts);
    case Op::Flush:
      return image.read_only() ? Status{} : image.flush();
    case Op::Discard:
      return image.discard(r.offset, r.length);
    case Op::WriteZeroes:
      return image.write_zeroes(r.offset, r.length, r.unmap);
  }
  return Status::invalid_argument;
}

void QueuedDisk::submit(Request& request) {
  finished_.started();
  const Status s = check(*image_, request);
  if (s != Status{} || (request.op != Op::Flush && request.length == 0))
    finished_.ended(request, s);
  else
    start(request);
}

Workers::Workers(Image& image, Finished& finished) : image_(image), finished_(finished) {
  for (unsigned n = 0; n < kWorkers; ++n) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    const std::lock_guard hold(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void Workers::add(Request& request) {
  {
    const std::lock_guard hold(mutex_);
    queue_.push_back(&request);
  }
  changed_.notify_one();
}

void Workers::work() {
  for (;;) {
    Request* request = nullptr;
    {
      std::unique_lock hold(mutex_);
      changed_.wait(hold, [&] { return stop_ || !queue_.empty(); });
      if (queue_.empty()) return;
      request = queue_.front();
      queue_.pop_front();
    }
    finished_.ended(*request, perform(image_, *request));
  }
}

std::unique_ptr<Disk> make_threaded_disk(std::unique_ptr<Image> image, bool can_discard,
                                         Completions& completions) {
  return std::make_unique<ThreadedDisk>(std::move(image), can_discard, completions);
}

std::unique_ptr<Disk> make_synchronous_disk(std::unique_ptr<Image> image, bool can_discard,
                                            Completions& completions) {
  return std::make_unique<SynchronousDisk>(std::move(image), can_discard, completions);
}

}  // namespace quince::block
