#include "machine/chardev/pty_port.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace quince::machine {

Result<std::unique_ptr<CharBackend>> PtyPort::open(const CharHost& host, const std::string& link) {
  std::unique_ptr<PtyPort> port(new PtyPort(host));
  port->master_ = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, PATH_MAX> name{};
  const int master = port->master_.get();
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0 ||
      ::ptsname_r(master, name.data(), name.size()) != 0)
    return fail("could not create a pseudo-terminal: {}", std::strerror(errno));
  port->name_ = name.data();
  {
    // Opened and closed once, the slave counts as closed from here on.
    const Fd slave(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios t{};
    if (!slave || ::tcgetattr(slave.get(), &t) != 0)
      return fail("could not open '{}': {}", port->name_, std::strerror(errno));
    ::cfmakeraw(&t);
    ::tcsetattr(slave.get(), TCSANOW, &t);
  }
  port->opened_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!port->opened_ || ::inotify_add_watch(port->opened_.get(), name.data(), IN_OPEN) < 0)
    return fail("could not watch '{}': {}", port->name_, std::strerror(errno));
  if (!link.empty()) {
    if (::symlink(name.data(), link.c_str()) != 0)
      return fail("could not link '{}' to '{}': {}", link, port->name_, std::strerror(errno));
    port->link_ = link;
  }
  port->opened_watch_ = host.loop.watch(port->opened_.get(), EventLoop::Readable,
                                        [p = port.get()](unsigned) { p->on_slave_opened(); });
  return port;
}

PtyPort::~PtyPort() {
  if (!link_.empty()) ::unlink(link_.c_str());
  close();
}

void PtyPort::on_slave_opened() {
  alignas(inotify_event) std::array<char, 4096> events;
  while (::read(opened_.get(), events.data(), events.size()) > 0) continue;
  const hw::IoLock::Guard held(host().lock);
  look();
}

void PtyPort::peer_closed() {
  disconnect();
  look();  // the next program may be there already, and its coming was taken for nothing new
}

/// Begins a connection if a program has the slave open.  Its going is seen as the end of input.
void PtyPort::look() {
  if (is_streaming()) return;
  pollfd p{master_.get(), 0, 0};
  if (::poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0) return;
  Ends ends;
  ends.in = ends.out = master_.get();
  connect(std::move(ends));
}

}  // namespace quince::machine
