#include "machine/chardev/stdio_port.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace quince::machine {

namespace {

constexpr u8 kEscapeKey = 1;  // Ctrl-A

/// Writes everything, waiting for a slow reader: a pipe or terminal that someone reads.  Gives up
/// when nobody does (EPIPE) or the descriptor is closed.
void write_all(int fd, std::span<const u8> data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return;
    data = data.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace

StdioPort::StdioPort(EventLoop& loop, hw::IoLock& lock, Options options,
                     std::function<void(Escape)> on_escape)
    : loop_(loop), lock_(lock), options_(options), on_escape_(std::move(on_escape)) {
  if (::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &saved_) == 0) {
    termios t = saved_;
    t.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | IEXTEN);
    if (!options_.signals) t.c_lflag &= ~static_cast<tcflag_t>(ISIG);
    raw_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
  }
  if (::fcntl(STDIN_FILENO, F_GETFL) != -1)
    watch_ = loop_.watch(STDIN_FILENO, EventLoop::Readable, [this](unsigned) { on_input(); });
}

StdioPort::~StdioPort() {
  if (raw_) ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
}

void StdioPort::write(std::span<const u8> data) { write_all(STDOUT_FILENO, data); }

void StdioPort::put(std::string_view text) {
  write_all(STDOUT_FILENO, {reinterpret_cast<const u8*>(text.data()), text.size()});
}

void StdioPort::on_input() {
  std::array<u8, 256> data;
  const ssize_t n = ::read(STDIN_FILENO, data.data(), data.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) return watch_.reset();  // closed: the machine goes on without input
  const hw::IoLock::Guard held(lock_);
  for (const u8 c : std::span(data).first(static_cast<std::size_t>(n))) key(c);
  deliver();
}

void StdioPort::key(u8 c) {
  const bool after_escape = std::exchange(escaped_, false);
  if (after_escape && c != kEscapeKey) return escape(c);
  if (options_.mux && c == kEscapeKey && !after_escape) {
    escaped_ = true;
    return;
  }
  if (input_.size() < kInputBuffer) input_.push_back(c);
}

void StdioPort::escape(u8 c) {
  switch (c) {
    case 'x': on_escape_(Escape::Exit); break;
    case 'r': on_escape_(Escape::Reset); break;
    case 'p': on_escape_(Escape::PowerDown); break;
    case 's': on_escape_(Escape::Pause); break;
    case 'b':
      if (receiver_ != nullptr) receiver_->receive_break();
      break;
    default:
      put("\r\nC-a h    this help\r\nC-a x    exit the emulator\r\nC-a r    reset the machine\r\n"
          "C-a p    press the power button\r\nC-a s    stop or continue the machine\r\n"
          "C-a b    send break\r\nC-a C-a  send C-a\r\n");
  }
}

void StdioPort::deliver() {
  if (receiver_ == nullptr) return;
  std::size_t done = 0;
  while (done < input_.size()) {
    const std::size_t n = std::min(receiver_->can_receive(), input_.size() - done);
    if (n == 0) break;
    receiver_->receive(std::span(input_).subspan(done, n));
    done += n;
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(done));
}

void StdioPort::accept_input() {
  // Called from inside the device: deliver from the loop, so that the two never nest.
  if (!input_.empty()) loop_.post([this] {
    const hw::IoLock::Guard held(lock_);
    deliver();
  });
}

Result<std::unique_ptr<hw::CharPort>> FilePort::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail("could not open '{}': {}", path, std::strerror(errno));
  return std::unique_ptr<hw::CharPort>(new FilePort(std::move(fd)));
}

void FilePort::write(std::span<const u8> data) { write_all(fd_.get(), data); }

}  // namespace quince::machine
