#include "machine/chardev/file_port.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace quince::machine {

namespace {

Result<Fd> open_path(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0644));
  if (!fd) return fail("could not open '{}': {}", path, std::strerror(errno));
  return fd;
}

/// Our own open file description: nobody else sees the flag.
void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags != -1) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

Result<Fd> open_output(const std::string& path, bool append) {
  Fd fd = TRY(open_path(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC)));
  set_nonblocking(fd.get());
  return fd;
}

}  // namespace

Result<std::unique_ptr<CharBackend>> FilePort::open(const CharHost& host, const std::string& path,
                                                    bool append, const std::string& input_path) {
  Fd input;
  if (!input_path.empty()) {
    input = TRY(open_path(input_path, O_RDONLY | O_NONBLOCK));
    struct stat st {};
    if (::fstat(input.get(), &st) == 0 && S_ISDIR(st.st_mode))
      return fail("could not open '{}': {}", input_path, std::strerror(EISDIR));
  }
  Fd output = TRY(open_output(path, append));
  std::unique_ptr<FilePort> port(new FilePort(host));
  port->connect(Ends::two(std::move(input), std::move(output)));
  return port;
}

Result<std::unique_ptr<CharBackend>> PipePort::open(const CharHost& host, const std::string& path) {
  constexpr int kFlags = O_RDWR | O_NONBLOCK;
  std::unique_ptr<PipePort> port(new PipePort(host));
  Result<Fd> in = open_path(path + ".in", kFlags), out = open_path(path + ".out", kFlags);
  if (in && out) {
    port->connect(Ends::two(std::move(*in), std::move(*out)));
    return port;
  }
  Result<Fd> both = open_path(path, kFlags);
  if (!both)
    return fail("neither '{0}.in' and '{0}.out' nor '{0}' could be opened: {1}", path,
                std::strerror(errno));
  struct stat st {};
  if (::fstat(both->get(), &st) == 0 && S_ISREG(st.st_mode))
    return fail("'{}' is a file, not a pipe", path);
  port->connect(Ends::one(std::move(*both)));
  return port;
}

Result<std::unique_ptr<CharBackend>> SerialLinePort::open(const CharHost& host,
                                                          const std::string& path) {
  Fd fd = TRY(open_path(path, O_RDWR | O_NONBLOCK));
  if (::isatty(fd.get()) == 0) return fail("'{}' is not a serial line or terminal", path);
  std::unique_ptr<SerialLinePort> port(new SerialLinePort(host));
  port->line_ = std::move(fd);
  port->terminal_.set_line(port->line_.get());
  Ends ends;
  ends.in = ends.out = port->line_.get();
  port->connect(std::move(ends));
  return port;
}

SerialLinePort::~SerialLinePort() { close(); }

Result<std::unique_ptr<CharBackend>> LoggedPort::open(std::unique_ptr<CharBackend> port,
                                                      const std::string& path, bool append) {
  auto log = open_output(path, append);
  if (!log) return tl::unexpected(log.error().in("logfile"));
  return std::unique_ptr<CharBackend>(new LoggedPort(std::move(port), std::move(*log)));
}

void LoggedPort::write(std::span<const u8> data) {
  port_->write(data);
  while (log_ && !data.empty()) {
    const ssize_t n = ::write(log_.get(), data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      // A pipe that is full has lost these bytes; anything else will not get better.
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      return log_.reset();
    }
    data = data.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace quince::machine
