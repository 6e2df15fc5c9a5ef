#include "ui/sdl/x11_errors.h"

#include <X11/Xlib.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdio>

namespace quince::ui::sdl {

namespace {

int say_once(::Display*, XErrorEvent* e) {
  static std::atomic_flag said;
  if (!said.test_and_set())
    std::fprintf(stderr,
                 "quince: warning: the X server's error %d to request %d (more are not told)\n",
                 e->error_code, e->request_code);
  return 0;  // nobody looks at it
}

}  // namespace

void survive_x11_errors() {
  // The one that SDL loads, where it uses it.
  void* const library = ::dlopen("libX11.so.6", RTLD_LAZY);
  if (library == nullptr) return;
  if (void* const set = ::dlsym(library, "XSetErrorHandler"))
    reinterpret_cast<decltype(&XSetErrorHandler)>(set)(say_once);
}

}  // namespace quince::ui::sdl
