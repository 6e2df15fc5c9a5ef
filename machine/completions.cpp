#include "machine/completions.h"

namespace quince::machine {

void LoopCompletions::wake() {
  if (shared_->posted.exchange(true)) return;
  loop_.post([weak = std::weak_ptr(shared_)] {
    const std::shared_ptr<Shared> shared = weak.lock();
    if (shared == nullptr) return;
    const hw::IoLock::Guard held(shared->lock);
    shared->posted.store(false);
    if (shared->run) shared->run();
  });
}

}  // namespace quince::machine
