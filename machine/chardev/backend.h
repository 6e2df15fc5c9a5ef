// What every character back end is.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "hw/core/char_port.h"
#include "hw/core/io_lock.h"

namespace quince::machine {

/// What a key after the escape key (Ctrl-A) asks the machine for.
enum class CharEscape : u8 { Exit, Reset, PowerDown, Pause };

/// The world of a back end.  It outlives the back ends; opened and closed on the loop's thread.
struct CharHost {
  EventLoop& loop;
  hw::IoLock& lock;
  /// A key of a multiplexed terminal.  On the loop's thread with the I/O lock held: whoever needs
  /// to stop the machine for it posts that.
  std::function<void(CharEscape)> on_escape = nullptr;
  /// The guest ended the run with a status (testdev).  On any thread, with the I/O lock held.
  std::function<void(int status)> on_exit = nullptr;
  /// One line for the person at the terminal: the name of a pty, a server that waits.
  std::function<void(std::string_view line)> notice = nullptr;
  u8 escape_key = 1;  ///< -echr; 1 is Ctrl-A
};

/// A character back end.
class CharBackend : public hw::CharPort {
 public:
  /// Where it leads now, in the form of `query-chardev`: "unix:/tmp/s,server=on", "pty:/dev/pts/3".
  virtual std::string description() const = 0;
  /// Output that was lost because the host did not take it in time, in bytes.
  virtual u64 dropped() const { return 0; }
};

}  // namespace quince::machine
