#include "net/slirp/guestfwd.h"

#include <libslirp.h>

#include <algorithm>
#include <limits>

namespace quince::net {

SlirpGuestForward::SlirpGuestForward(Slirp* slirp, const GuestForward& rule,
                                     std::unique_ptr<ByteStream> target)
    : slirp_(slirp), server_(rule.server), port_(rule.port), target_(std::move(target)) {
  target_->on_input([this](std::span<const u8> data) { return from_target(data); });
}

Result<std::unique_ptr<SlirpGuestForward>> SlirpGuestForward::create(
    Slirp* slirp, const GuestForward& rule, std::unique_ptr<ByteStream> target) {
  std::unique_ptr<SlirpGuestForward> f(new SlirpGuestForward(slirp, rule, std::move(target)));
  // The stack never asks again about bytes that it could not get rid of here, so all are taken.
  const SlirpWriteCb write = [](const void* data, size_t size, void* self) -> ssize_t {
    static_cast<SlirpGuestForward*>(self)->target_->write({static_cast<const u8*>(data), size});
    return static_cast<ssize_t>(size);
  };
  if (slirp_add_guestfwd(slirp, write, f.get(), &f->server_, f->port_) < 0)
    return fail("Could not set up guest forwarding rule '{}': the address and port are in use",
                rule.rule);
  return f;
}

std::size_t SlirpGuestForward::from_target(std::span<const u8> data) {
  const std::size_t room = slirp_socket_can_recv(slirp_, server_, port_);
  const std::size_t n = std::min({data.size(), room, std::size_t{1} << 20});
  if (n != 0) slirp_socket_recv(slirp_, server_, port_, data.data(), static_cast<int>(n));
  return n;
}

}  // namespace quince::net
