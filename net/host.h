// What back ends get from the machine that they serve.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/event_loop.h"
#include "base/log.h"
#include "base/result.h"
#include "net/net.h"

namespace quince::net {

/// A stream of bytes that something else owns (a character device), for `guestfwd`.  Called with
/// the I/O lock held.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Takes all of `data`, or drops what it cannot keep.
  virtual void write(std::span<const u8> data) = 0;
  /// What there is to read goes to `take`, which says how many bytes it had room for; the rest
  /// waits until resume().
  virtual void on_input(std::function<std::size_t(std::span<const u8>)> take) = 0;
  virtual void resume() = 0;
};

/// The machine, as back ends see it.  All of it outlives them.
struct Host {
  EventLoop& loop;
  Log& log;
  WithLock with_lock;
  /// One line for the person at the terminal; the program's name is put before it.
  std::function<void(const std::string&)> report;
  /// Opens the target of a `guestfwd` that is not ours ("chardev:ID"); may be null.
  std::function<Result<std::unique_ptr<ByteStream>>(const std::string&)> open_stream = nullptr;
};

}  // namespace quince::net
