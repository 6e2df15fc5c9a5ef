// The three ways to run an image's operations beside the machine.
#pragma once

#include <memory>

#include "base/result.h"
#include "block/block.h"

namespace quince::block {

/// A few threads that take requests in the order of submission.  The queue is as long as its users
/// make it, and a device's rings bound that.
std::unique_ptr<Disk> make_threaded_disk(std::unique_ptr<Image> image, bool can_discard,
                                         Completions& completions);

/// io_uring for reads and writes, threads for the rest.  Fails when the host refuses io_uring;
/// `image` is untouched then.  It needs image->plain_fd().
Result<std::unique_ptr<Disk>> make_uring_disk(std::unique_ptr<Image>& image, bool can_discard,
                                              Completions& completions);

/// Does the work inside submit() and reports it by `completions`: for deterministic runs, in which
/// nothing may depend on the speed of the host.
std::unique_ptr<Disk> make_synchronous_disk(std::unique_ptr<Image> image, bool can_discard,
                                            Completions& completions);

}  // namespace quince::block
