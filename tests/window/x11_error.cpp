#include "tests/window/x11_error.h"

#include <X11/Xlib.h>
#include <dlfcn.h>

namespace quince::test {

bool make_x11_error() {
  void* const library = ::dlopen("libX11.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return false;
  const auto open = reinterpret_cast<decltype(&XOpenDisplay)>(::dlsym(library, "XOpenDisplay"));
  const auto map = reinterpret_cast<decltype(&XMapWindow)>(::dlsym(library, "XMapWindow"));
  const auto sync = reinterpret_cast<decltype(&XSync)>(::dlsym(library, "XSync"));
  const auto close = reinterpret_cast<decltype(&XCloseDisplay)>(::dlsym(library, "XCloseDisplay"));
  ::Display* const display = open(nullptr);
  if (display == nullptr) return false;
  constexpr ::Window kNobodys = 1;
  map(display, kNobodys);
  sync(display, 0);
  close(display);
  return true;
}

}  // namespace quince::test
