// What the X server says of requests that fail.
#pragma once

namespace quince::ui::sdl {

/// An error of an X server that SDL talks to ends nothing from here on; the first one is said on stderr.  Xlib's own answer
/// is exit(1), in the middle of a guest's work.  SDL itself asks for such errors: it wakes who waits for events by an event
/// to a window, over a connection of its own, so that the window may be gone by then.  First thread, before SDL_Init, so
/// that SDL's handler has this one behind it, and puts it back at its end.  Without Xlib nothing is done.
void survive_x11_errors();

}  // namespace quince::ui::sdl
