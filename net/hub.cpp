#include "net/hub.h"

namespace quince::net {

void Hub::broadcast(const HubPort* from, std::span<const u8> frame, const Offload& offload) {
  for (HubPort* port : ports_)
    if (port != from) port->forward(frame, offload);
}

std::shared_ptr<Hub> Hubs::get(u32 number) {
  std::shared_ptr<Hub> hub = hubs_[number].lock();
  if (hub == nullptr) {
    hub = std::make_shared<Hub>();
    hubs_[number] = hub;
  }
  return hub;
}

HubPort::HubPort(std::shared_ptr<Hub> hub, std::unique_ptr<Port> uplink, const Host& host)
    : hub_(std::move(hub)), uplink_(std::move(uplink)), host_(host) {
  hub_->add(this);
  if (uplink_ != nullptr) uplink_->attach(this);
  watch_ = host_.loop.add_poller(*this);
}

HubPort::~HubPort() {
  watch_.reset();
  if (uplink_ != nullptr) uplink_->attach(nullptr);
  hub_->remove(this);
}

void HubPort::send(std::span<const u8> frame, const Offload& offload) {
  hub_->broadcast(this, frame, offload);
}

bool HubPort::receive(std::span<const u8> frame, const Offload& offload) {
  hub_->broadcast(this, frame, offload);
  return true;
}

void HubPort::forward(std::span<const u8> frame, const Offload& offload) {
  if (uplink_ != nullptr) return uplink_->send(frame, offload);
  if (receiver_ == nullptr) return;
  const bool sound =
      finisher_.finish(frame, offload, receiver_->features(),
                       [this](std::span<const u8> f, const Offload& o) { queue_.push(f, o); });
  if (!sound) host_.log.guest_error("net.hub", "hub: a frame contradicts its header");
  host_.loop.wake();
}

void HubPort::attach(Receiver* receiver) {
  receiver_ = receiver;
  queue_.clear();
}

void HubPort::accept_input() {
  if (!queue_.empty()) host_.loop.wake();
}

s64 HubPort::prepare(std::vector<EventLoop::PollFd>&) {
  host_.with_lock([this] { queue_.deliver(receiver_); });
  return -1;
}

}  // namespace quince::net
