#include "machine/chardev/stdio_port.h"

#include <fcntl.h>
#include <unistd.h>

namespace quince::machine {

void RawTerminal::set(int fd, bool signals) {
  restore();
  if (::isatty(fd) == 0 || ::tcgetattr(fd, &saved_) != 0) return;
  termios t = saved_;
  t.c_iflag &=
      ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  t.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | IEXTEN);
  if (!signals) t.c_lflag &= ~static_cast<tcflag_t>(ISIG);
  if (::tcsetattr(fd, TCSANOW, &t) == 0) fd_ = fd;
}

void RawTerminal::set_line(int fd) {
  restore();
  if (::isatty(fd) == 0 || ::tcgetattr(fd, &saved_) != 0) return;
  termios t = saved_;
  ::cfmakeraw(&t);
  ::cfsetspeed(&t, B115200);
  t.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS);
  t.c_cflag |= static_cast<tcflag_t>(CLOCAL | CREAD);
  if (::tcsetattr(fd, TCSANOW, &t) == 0) fd_ = fd;
}

void RawTerminal::restore() {
  if (fd_ >= 0) ::tcsetattr(fd_, TCSANOW, &saved_);
  fd_ = -1;
}

StdioPort::StdioPort(const CharHost& host, bool signals) : StreamPort(host, OnFull::Wait) {
  terminal_.set(STDIN_FILENO, signals);
  Ends ends = Ends::two(reopen_nonblocking(STDIN_FILENO, O_RDONLY),
                        reopen_nonblocking(STDOUT_FILENO, O_WRONLY));
  if (ends.in < 0 && ::fcntl(STDIN_FILENO, F_GETFL) != -1) ends.in = STDIN_FILENO;
  if (ends.out < 0 && ::fcntl(STDOUT_FILENO, F_GETFL) != -1) ends.out = STDOUT_FILENO;
  connect(std::move(ends));
}

}  // namespace quince::machine
