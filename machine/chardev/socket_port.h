// A Unix or TCP socket as a back end.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/listener.h"
#include "machine/chardev/socket_address.h"
#include "machine/chardev/stream_port.h"

namespace quince::machine {

/// One connection at a time.  A server takes the next client when the last one went; those who
/// come meanwhile wait in the kernel.  A client with reconnect tries again when its server goes
/// or is not there yet.
class SocketPort final : public StreamPort {
 public:
  /// Blocks while a server waits for its first client and while a client without reconnect
  /// connects.
  static Result<std::unique_ptr<CharBackend>> open(const CharHost& host,
                                                   const SocketOptions& options);
  ~SocketPort() override;

  /// "unix:/tmp/s,server=on", "disconnected:tcp:127.0.0.1:4444".  A server at port 0 names the
  /// port that it got.
  std::string description() const override;

 private:
  SocketPort(const CharHost& host, SocketOptions options);
  void peer_closed() override;

  Result<void> open_passed();
  Result<void> open_server();
  Result<void> open_client();
  Result<void> wait_for_client();
  void listen_on(Fd listening);
  void adopt(Fd fd);

  bool try_connect();
  void on_connecting(unsigned events);
  void retry_later();
  void on_retry();

  SocketOptions options_;
  std::vector<SocketAddress> addresses_;
  std::unique_ptr<Listener> listener_;  ///< runs while there is no client
  dev_t file_device_ = 0;  ///< of the socket file that listen made
  ino_t file_inode_ = 0;   ///< 0: there is none

  // Client.
  std::size_t next_address_ = 0;
  Fd connecting_;
  EventLoop::Watch connecting_watch_;
  Fd retry_timer_;  ///< timerfd, when there is a reconnect
  EventLoop::Watch retry_watch_;
  std::string error_;  ///< of the last attempt
};

}  // namespace quince::machine
