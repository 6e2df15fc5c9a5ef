// Hubs: what enters at one port leaves at all others (`-netdev hubport`).
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "net/frame_queue.h"
#include "net/host.h"
#include "net/offload.h"

namespace quince::net {

class HubPort;

/// One hub; it lives as long as one of its ports.
class Hub {
 public:
  void add(HubPort* port) { ports_.push_back(port); }
  void remove(HubPort* port) { std::erase(ports_, port); }
  /// Sends a frame out of every port but `from`.
  void broadcast(const HubPort* from, std::span<const u8> frame, const Offload& offload);

 private:
  std::vector<HubPort*> ports_;
};

/// The hubs of a machine, by number.
class Hubs {
 public:
  std::shared_ptr<Hub> get(u32 number);

 private:
  std::map<u32, std::weak_ptr<Hub>> hubs_;
};

/// A port of a hub, for a device; or with an uplink plugged in instead of one.  Everything public
/// is called with the I/O lock held.
class HubPort final : public Port, private EventLoop::Poller, private Receiver {
 public:
  /// `uplink` may be null.
  HubPort(std::shared_ptr<Hub> hub, std::unique_ptr<Port> uplink, const Host& host);
  ~HubPort() override;
  HubPort(const HubPort&) = delete;
  HubPort& operator=(const HubPort&) = delete;

  Features features() const override { return {.csum = true, .segments = true}; }
  void send(std::span<const u8> frame, const Offload& offload) override;
  void attach(Receiver* receiver) override;
  void accept_input() override;

  /// From the hub.
  void forward(std::span<const u8> frame, const Offload& offload);

 private:
  // The uplink's side.
  bool can_receive() const override { return true; }
  bool receive(std::span<const u8> frame, const Offload& offload) override;
  void link_changed(bool) override {}

  s64 prepare(std::vector<EventLoop::PollFd>& fds) override;
  void ready(std::span<const EventLoop::PollFd>) override {}

  std::shared_ptr<Hub> hub_;
  std::unique_ptr<Port> uplink_;
  Host host_;
  Receiver* receiver_ = nullptr;
  FrameQueue queue_;
  Finisher finisher_;
  EventLoop::Watch watch_;
};

}  // namespace quince::net
