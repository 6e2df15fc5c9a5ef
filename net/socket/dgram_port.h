// `-netdev dgram` and `-netdev socket,udp=|mcast=|fd=`: a frame in each datagram, over UDP, a
// multicast group, or Unix datagrams.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "net/config.h"
#include "net/host.h"
#include "net/offload.h"
#include "net/socket/address.h"

namespace quince::net {

/// Everything public is called with the I/O lock held.
class DgramPort final : public Port, private EventLoop::Poller {
 public:
  static Result<std::unique_ptr<DgramPort>> create(const DgramOptions& options, const Host& host);
  ~DgramPort() override;
  DgramPort(const DgramPort&) = delete;
  DgramPort& operator=(const DgramPort&) = delete;

  void send(std::span<const u8> frame, const Offload& offload) override;
  void attach(Receiver* receiver) override;
  void accept_input() override;
  u64 dropped() const { return dropped_; }  ///< frames from the guest

 private:
  explicit DgramPort(const Host& host) : host_(host), buffer_(kMaxFrame) {}
  Result<void> start(const DgramOptions& options);
  Result<void> bind(const SocketAddress& address, const std::string& name);
  Result<void> join(const SocketAddress& group, const std::string& interface_address);
  bool deliver();
  void read();

  s64 prepare(std::vector<EventLoop::PollFd>& fds) override;
  void ready(std::span<const EventLoop::PollFd> fds) override;

  Host host_;
  Fd fd_;
  std::string unlink_;                   ///< the local path
  std::optional<SocketAddress> remote_;  ///< none: the socket is connected
  Receiver* receiver_ = nullptr;
  std::vector<u8> buffer_;
  std::size_t waiting_ = 0;  ///< bytes of a frame that the device had no room for
  Finisher finisher_;
  u64 dropped_ = 0;
  EventLoop::Watch watch_;
};

}  // namespace quince::net
