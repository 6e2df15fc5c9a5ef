// What the kinds of Disk share.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "block/block.h"
#include "block/finished.h"

namespace quince::block {

/// Does a request on the calling thread.
Status perform(Image& image, const Request& request);

/// Checks each request and hands the good ones to start().
class QueuedDisk : public Disk {
 public:
  QueuedDisk(std::unique_ptr<Image> image, bool can_discard, Completions& completions)
      : image_(std::move(image)), can_discard_(can_discard), finished_(completions) {}

  u64 size() const override { return image_->size(); }
  bool read_only() const override { return image_->read_only(); }
  bool can_discard() const override { return can_discard_ && !read_only(); }
  void submit(Request& request) final;
  void drain() override { finished_.drain(); }

 protected:
  /// Sees to it that finished_.ended() is called, now or later.
  virtual void start(Request& request) = 0;

  const std::unique_ptr<Image> image_;
  const bool can_discard_;
  Finished finished_;
};

/// The threads that do requests.  They end, after what was queued, when it is destroyed.
class Workers {
 public:
  Workers(Image& image, Finished& finished);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  void add(Request& request);  ///< any thread

 private:
  void work();

  Image& image_;
  Finished& finished_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request*> queue_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace quince::block
