// Where a device's calls to the host run, which may block: on a thread beside, or, in runs that must
// be deterministic, at once.  The machine chooses, and a device cannot tell.
#pragma once

#include <memory>

#include "block/block.h"

namespace quince::hw {

/// Runs the jobs of one device one after another, in their order.  Everything is called with the
/// I/O lock held.  Nothing is outstanding when it is destroyed.
class Executor {
 public:
  /// The device owns it and keeps it until it is done.
  struct Job {
    void (*run)(void* context) = nullptr;   ///< on any thread, without the I/O lock
    void (*done)(void* context) = nullptr;  ///< with the I/O lock held, never inside submit()
    void* context = nullptr;
  };
  virtual ~Executor() = default;

  /// Takes a job.  True when it has run already, and then `done` is not called.
  [[nodiscard]] virtual bool submit(Job& job) = 0;
  /// Returns when every job has run, and `done` of each was called, on this thread.
  virtual void drain() = 0;
  /// Returns when every job has run.  Some may have to be told so: `done` is not called in here.
  virtual void settle() = 0;
};

/// Runs a job when it is submitted.
class InlineExecutor final : public Executor {
 public:
  bool submit(Job& job) override {
    job.run(job.context);
    return true;
  }
  void drain() override {}
  void settle() override {}
};

/// A thread of its own.  `completions` is how it asks for `done` to be called, and outlives it.
std::unique_ptr<Executor> make_worker_thread(block::Completions& completions);

}  // namespace quince::hw
