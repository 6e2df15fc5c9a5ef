#include "hw/virtio/executor.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/assert.h"

namespace quince::hw {

namespace {

class WorkerThread final : public Executor {
 public:
  explicit WorkerThread(block::Completions& completions)
      : completions_(completions), thread_([this] { work(); }) {
    completions_.on_wake([this] { deliver(); });
  }
  ~WorkerThread() override {
    completions_.on_wake({});
    {
      const std::lock_guard hold(mutex_);
      QUINCE_ASSERT(waiting_.empty() && !running_ && ended_.empty());
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  bool submit(Job& job) override {
    {
      const std::lock_guard hold(mutex_);
      waiting_.push_back(&job);
    }
    changed_.notify_all();
    return false;
  }
  void drain() override {
    for (;;) {
      settle();
      if (!deliver_one()) return;
    }
  }
  void settle() override {
    std::unique_lock hold(mutex_);
    changed_.wait(hold, [&] { return waiting_.empty() && !running_; });
  }

 private:
  void work() {
    std::unique_lock hold(mutex_);
    for (;;) {
      changed_.wait(hold, [&] { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      Job* const job = waiting_.front();
      waiting_.pop_front();
      running_ = true;
      hold.unlock();
      job->run(job->context);
      hold.lock();
      running_ = false;
      ended_.push_back(job);
      const bool first = ended_.size() == 1;
      changed_.notify_all();
      if (!first) continue;  // woken already
      hold.unlock();
      completions_.wake();
      hold.lock();
    }
  }
  bool deliver_one() {
    Job* job = nullptr;
    {
      const std::lock_guard hold(mutex_);
      if (ended_.empty()) return false;
      job = ended_.front();
      ended_.pop_front();
    }
    job->done(job->context);
    return true;
  }
  // No more than have ended when it begins: jobs made by `done` cannot keep it for ever.
  void deliver() {
    std::size_t n = 0;
    {
      const std::lock_guard hold(mutex_);
      n = ended_.size();
    }
    while (n-- > 0 && deliver_one()) {
    }
    bool more = false;
    {
      const std::lock_guard hold(mutex_);
      more = !ended_.empty();
    }
    if (more) completions_.wake();
  }

  block::Completions& completions_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job*> waiting_;  // in their order
  std::deque<Job*> ended_;    // whose `done` is to be called
  bool running_ = false;
  bool stop_ = false;
  std::thread thread_;  // last: it uses what is above
};

}  // namespace

std::unique_ptr<Executor> make_worker_thread(block::Completions& completions) {
  return std::make_unique<WorkerThread>(completions);
}

}  // namespace quince::hw
