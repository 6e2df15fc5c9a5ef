// The boot ROM that the emulator brings along (rom/).
#pragma once

#include <span>

#include "base/types.h"

namespace quince::firmware {

/// Its image, for the board's firmware slot.
std::span<const u8> boot_rom();

/// Whether an image is a build of that ROM, by its name behind the first instruction.  It then expects the
/// address of a device tree in X0 and the start of a kernel in X1, 0 where there is none; other firmware of the
/// platform gets nothing.
bool is_boot_rom(std::span<const u8> image);

}  // namespace quince::firmware
