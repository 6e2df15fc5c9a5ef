// `-netdev stream` and `-netdev socket,listen=|connect=|fd=`: a connection that carries frames
// after their lengths, as other emulators, passt and gvproxy speak it.
//
// A server serves one peer at a time; others wait in the backlog until it has left.  A client
// whose peer leaves connects again if it was told to, else the cable stays dead.  The guest's link
// stays up meanwhile, and its frames are dropped.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "base/listener.h"
#include "net/config.h"
#include "net/host.h"
#include "net/offload.h"
#include "net/socket/address.h"
#include "net/socket/framing.h"

namespace quince::net {

/// Everything public is called with the I/O lock held.
class StreamPort final : public Port, private EventLoop::Poller {
 public:
  static Result<std::unique_ptr<StreamPort>> create(const StreamOptions& options, const Host& host);
  ~StreamPort() override;
  StreamPort(const StreamPort&) = delete;
  StreamPort& operator=(const StreamPort&) = delete;

  void send(std::span<const u8> frame, const Offload& offload) override;
  void attach(Receiver* receiver) override;
  void accept_input() override;

  bool connected() const { return connection_ && !connecting_; }
  /// The port of an Inet server, which may have been left to the system; 0 for others.
  u16 listening_port() const;
  u64 dropped() const { return dropped_; }  ///< frames from the guest

 private:
  StreamPort(const StreamOptions& options, const Host& host) : options_(options), host_(host) {}
  Result<void> start();
  Result<void> listen();
  void serve(Fd listening);
  int connect(bool at_start = false);
  void connection_ended(const char* why);
  void flush();
  void read();
  bool deliver();

  s64 prepare(std::vector<EventLoop::PollFd>& fds) override;
  void ready(std::span<const EventLoop::PollFd> fds) override;
  s64 prepare_locked(std::vector<EventLoop::PollFd>& fds);
  void ready_locked(std::span<const EventLoop::PollFd> fds);

  StreamOptions options_;
  Host host_;
  std::vector<SocketAddress> addresses_;  ///< to connect to, in turns
  std::size_t next_address_ = 0;
  std::unique_ptr<Listener> listener_;  ///< runs while there is no connection
  std::string unlink_;  ///< the listener's path
  Fd connection_;
  bool connecting_ = false;
  bool deaf_ = false;         ///< the peer takes nothing more
  bool input_waits_ = false;  ///< the device had no room
  s64 retry_at_ns_ = -1;      ///< of the host's monotonic clock; negative: never
  Receiver* receiver_ = nullptr;
  FrameParser in_;
  FrameWriter out_;
  Finisher finisher_;
  u64 dropped_ = 0;
  EventLoop::Watch watch_;
};

}  // namespace quince::net
