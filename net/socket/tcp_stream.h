// A TCP connection to a server of the host, as the target of a `guestfwd=tcp:...-tcp:HOST:PORT`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "net/host.h"

namespace quince::net {

/// Both directions are bounded: what the server does not read in time is dropped after
/// kMaxBuffered bytes, with one line about it; what the guest does not read stays with the kernel.
class TcpStream final : public ByteStream, private EventLoop::Poller {
 public:
  static constexpr std::size_t kMaxBuffered = 16 * MiB;

  /// Connects to "host:port".  A server that is not there is an error, if that shows at once.
  static Result<std::unique_ptr<TcpStream>> connect(const std::string& target, const Host& host);
  ~TcpStream() override;
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  void write(std::span<const u8> data) override;
  void on_input(std::function<std::size_t(std::span<const u8>)> take) override {
    take_ = std::move(take);
  }
  void resume() override;

 private:
  TcpStream(std::string target, const Host& host) : target_(std::move(target)), host_(host) {}
  s64 prepare(std::vector<EventLoop::PollFd>& fds) override;
  void ready(std::span<const EventLoop::PollFd> fds) override;
  void ready_locked(unsigned events);
  void flush();
  void end(const char* why);

  std::string target_;
  Host host_;
  Fd fd_;
  bool connecting_ = false;
  bool complained_ = false;
  std::function<std::size_t(std::span<const u8>)> take_;
  std::vector<u8> in_;   ///< read, and not taken yet
  std::vector<u8> out_;  ///< not written yet
  EventLoop::Watch watch_;
};

}  // namespace quince::net
