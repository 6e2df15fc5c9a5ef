// A part of an image as an image: what follows a header.
#pragma once

#include <memory>

#include "base/result.h"
#include "block/block.h"

namespace quince::block {

/// From byte `offset` of `image` to its end.  An error when there is nothing there.
Result<std::unique_ptr<Image>> from_offset(std::unique_ptr<Image> image, u64 offset);

}  // namespace quince::block
