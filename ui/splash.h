// What a window shows until its guest draws.
#pragma once

#include <string>

#include "ui/display.h"
#include "ui/picture.h"

namespace quince::ui {

/// "512 MiB", "2 GiB": in the largest unit in which it is a whole number, from MiB on.
std::string memory_text(u64 bytes);

/// The machine's name, what it has and what it starts, in the middle of a picture of this size;
/// `hint` stands at the lower edge.  Text that is too wide for the picture ends in "…".
Picture splash(const MachineFacts& facts, std::string_view hint, Size size);

}  // namespace quince::ui
