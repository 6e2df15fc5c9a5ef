// Requests that have ended, on their way from any thread to the machine thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "block/block.h"

namespace quince::block {

class Finished {
 public:
  explicit Finished(Completions& completions);
  ~Finished();
  Finished(const Finished&) = delete;
  Finished& operator=(const Finished&) = delete;

  void started();                               ///< a request was taken; I/O lock held
  void ended(Request& request, Status status);  ///< it is done; any thread
  /// Calls `done` for what has ended, I/O lock held.  No more than have ended when it begins, so
  /// that requests made by `done` cannot keep it for ever.
  void deliver();
  /// Delivers until nothing is outstanding.
  void drain();

 private:
  bool deliver_one();

  struct Outcome {
    Request* request;
    Status status;
  };
  Completions& completions_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Outcome> ended_;
  u64 outstanding_ = 0;  // taken and not yet reported
};

}  // namespace quince::block
