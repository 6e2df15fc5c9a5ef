// SDL's objects, owned.
#pragma once

#include <SDL.h>

#include <memory>

namespace quince::ui::sdl {

struct Destroy {
  void operator()(SDL_Window* w) const { SDL_DestroyWindow(w); }
  void operator()(SDL_Renderer* r) const { SDL_DestroyRenderer(r); }
  void operator()(SDL_Texture* t) const { SDL_DestroyTexture(t); }
  void operator()(SDL_Surface* s) const { SDL_FreeSurface(s); }
  void operator()(SDL_Cursor* c) const { SDL_FreeCursor(c); }
};

template <class T>
using Owned = std::unique_ptr<T, Destroy>;

}  // namespace quince::ui::sdl
