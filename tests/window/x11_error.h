// An error of the X server, on purpose.
#pragma once

namespace quince::test {

/// Asks for something about a window that is not there, on a connection of its own: who hears of errors is the process's.
/// False where SDL has loaded no Xlib or there is no server.
bool make_x11_error();

}  // namespace quince::test
