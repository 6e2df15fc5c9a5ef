// `-netdev user`: a network behind address translation, in user space (libslirp 4.7, libslirp.h).
//
// Modelled: what libslirp does (DHCP, DNS, TFTP, BOOTP, ICMP echo, TCP and UDP over IPv4 and IPv6),
// forwarding in both directions, added and removed at run time.  Missing on purpose: SMB, and the
// state of connections in a snapshot; a restored guest finds its connections reset.
//
// libslirp checks every checksum that it gets and takes TCP segments of any length that IPv4 allows,
// so a large segment is handed over whole with its checksum filled in.  Packets of IPv6 over its MTU
// it refuses, so there segments are cut.  Fragments of IPv4 it gets as one datagram when the last has
// come; what is over its MTU on the way to the guest it fragments itself.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "net/config.h"
#include "net/frame_queue.h"
#include "net/host.h"
#include "net/ipv4_reassembly.h"
#include "net/offload.h"

struct Slirp;

namespace quince::net {

class SlirpGuestForward;

/// The user network.  Everything public is called with the I/O lock held.
class SlirpPort final : public Port, private EventLoop::Poller {
 public:
  /// Fails with one line when a forward cannot be set up: all of them or nothing.
  static Result<std::unique_ptr<SlirpPort>> create(const UserOptions& options, const Host& host);
  ~SlirpPort() override;
  SlirpPort(const SlirpPort&) = delete;
  SlirpPort& operator=(const SlirpPort&) = delete;

  Features features() const override { return {.csum = false, .segments = true}; }
  void send(std::span<const u8> frame, const Offload& offload) override;
  void attach(Receiver* receiver) override;
  void accept_input() override;

  /// Adds a rule as `hostfwd=` has it.  A host port of 0 becomes a free one, which is reported.
  Result<HostForward> add_hostfwd(const std::string& rule);
  /// Removes the forward of "tcp:address:port".
  Result<void> remove_hostfwd(const std::string& rule);
  /// What is forwarded now; host_port is the real one.
  const std::vector<HostForward>& hostfwds() const { return forwards_; }

  /// A table of connections, for `info usernet`.
  std::string connection_info() const;

  /// Frames that neither the guest nor the queue had room for.
  u64 dropped() const { return queue_.dropped(); }
  /// How often the forwards' listeners were left alone because no descriptor was free.
  u64 listener_rests() const { return listener_rests_; }
  /// Datagrams of the guest that wait for more fragments.
  std::size_t open_datagrams() const { return fragments_.open(); }

 private:
  struct Callbacks;
  struct StackTimer {
    void (*fn)(void* opaque) = nullptr;
    void* opaque = nullptr;
    s64 expires_ms = -1;  ///< of the host's monotonic clock; negative: not armed
  };

  explicit SlirpPort(const Host& host);
  Result<void> start(const UserOptions& options);
  Result<HostForward> add(HostForward forward);
  Result<void> add_guestfwd(const GuestForward& forward);
  int new_descriptor(const std::vector<int>& before) const;
  std::vector<int> descriptors() const;

  s64 prepare(std::vector<EventLoop::PollFd>& fds) override;
  void ready(std::span<const EventLoop::PollFd> fds) override;
  void input(std::span<const u8> frame);
  void wake();
  bool is_listener(int fd) const;
  void rest_if_short();

  Host host_;
  Slirp* slirp_ = nullptr;
  Receiver* receiver_ = nullptr;
  FrameQueue queue_;  ///< to the guest
  Finisher finisher_;
  Ipv4Reassembler fragments_;     ///< from the guest
  std::list<StackTimer> timers_;  ///< the stack keeps pointers to them
  std::vector<HostForward> forwards_;
  std::vector<int> listeners_;  ///< the stack's, of TCP forwards
  s64 rests_until_ms_ = 0;      ///< listeners_ do; of the host's monotonic clock
  u64 listener_rests_ = 0;
  std::vector<std::unique_ptr<SlirpGuestForward>> guest_forwards_;
  bool woken_ = false;  ///< the loop was, and has not come round yet
  EventLoop::Watch watch_;
};

}  // namespace quince::net
