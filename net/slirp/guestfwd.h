// Where a `guestfwd=` leads that libslirp does not serve itself: one stream of bytes, which the
// connections of the guest share one after another.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/config.h"
#include "net/host.h"

struct Slirp;

namespace quince::net {

class SlirpGuestForward {
 public:
  /// Registers the forward; it stays until the stack itself goes.
  static Result<std::unique_ptr<SlirpGuestForward>> create(Slirp* slirp, const GuestForward& rule,
                                                           std::unique_ptr<ByteStream> target);
  /// The guest may have made room.
  void resume() { target_->resume(); }

 private:
  SlirpGuestForward(Slirp* slirp, const GuestForward& rule, std::unique_ptr<ByteStream> target);
  std::size_t from_target(std::span<const u8> data);

  Slirp* slirp_;
  in_addr server_;
  u16 port_;
  std::unique_ptr<ByteStream> target_;
};

}  // namespace quince::net
