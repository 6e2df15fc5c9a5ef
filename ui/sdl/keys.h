// SDL's keys as usages of the HID Keyboard/Keypad page.
#pragma once

#include <SDL_scancode.h>

#include "base/types.h"

namespace quince::ui::sdl {

/// The usage of a key; 0 when the page has none for it.
u8 usage_of(SDL_Scancode code);

}  // namespace quince::ui::sdl
