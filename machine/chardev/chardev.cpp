#include "machine/chardev/chardev.h"

#include "machine/chardev/file_port.h"
#include "machine/chardev/mux_port.h"
#include "machine/chardev/pty_port.h"
#include "machine/chardev/ringbuf_port.h"
#include "machine/chardev/socket_port.h"
#include "machine/chardev/stdio_port.h"

namespace quince::machine {

namespace {

Result<std::unique_ptr<CharBackend>> open_pty(const CharOptions& o, const CharHost& host) {
  auto port = TRY(PtyPort::open(host, o.path));
  if (host.notice) {
    const std::string name = static_cast<const PtyPort&>(*port).name();
    host.notice(o.id.empty() ? fmt::format("char device redirected to {}", name)
                             : fmt::format("char device redirected to {} (label {})", name, o.id));
  }
  return port;
}

Result<std::unique_ptr<CharBackend>> open_port(const CharOptions& o, const CharHost& host) {
  using Kind = CharOptions::Kind;
  switch (o.kind) {
    case Kind::Null:
      return std::make_unique<NullPort>();
    case Kind::Stdio:
      return std::make_unique<StdioPort>(host, o.signals);
    case Kind::File:
      return FilePort::open(host, o.path, o.append, o.input_path);
    case Kind::Socket:
      return SocketPort::open(host, o.socket);
    case Kind::Pty:
      return open_pty(o, host);
    case Kind::Pipe:
      return PipePort::open(host, o.path);
    case Kind::RingBuf:
      return std::make_unique<RingBufPort>(host, o.size);
    case Kind::Serial:
      return SerialLinePort::open(host, o.path);
    case Kind::Testdev:
      return std::make_unique<TestdevPort>(host);
    case Kind::Reference:
      break;
  }
  return fail("there is no chardev '{}'", o.id);
}

Result<std::unique_ptr<CharBackend>> add_log(const CharOptions& o,
                                             std::unique_ptr<CharBackend> port) {
  if (o.logfile.empty()) return port;
  return LoggedPort::open(std::move(port), o.logfile, o.log_append);
}

}  // namespace

Result<std::unique_ptr<CharBackend>> open_char(const CharOptions& o, const CharHost& host) {
  auto port = TRY(open_port(o, host));
  return add_log(o, std::move(port));
}

Chardev::Chardev(CharOptions options) : options_(std::move(options)) {}
Chardev::~Chardev() = default;

Result<std::unique_ptr<Chardev>> Chardev::open(const CharOptions& options, const CharHost& host) {
  std::unique_ptr<Chardev> c(new Chardev(options));
  std::unique_ptr<CharBackend> port = TRY(open_port(options, host));
  c->ringbuf_ = dynamic_cast<RingBufPort*>(port.get());
  port = TRY(add_log(options, std::move(port)));
  if (options.mux)
    c->mux_ = std::make_unique<MuxPort>(host, std::move(port));
  else
    c->port_ = std::move(port);
  return c;
}

CharBackend& Chardev::backend() const { return mux_ != nullptr ? mux_->backend() : *port_; }

Result<hw::CharPort*> Chardev::claim() {
  hw::CharPort* port = mux_ != nullptr ? mux_->add() : claims_ == 0 ? port_.get() : nullptr;
  if (port == nullptr && mux_ != nullptr)
    return fail("chardev '{}' has {} users, which is all it can have", id(), claims_);
  if (port == nullptr) return fail("chardev '{}' is already in use", id());
  ++claims_;
  return port;
}

void Chardev::release(hw::CharPort* port) {
  port->attach(nullptr);
  if (mux_ != nullptr) mux_->remove(port);
  --claims_;
}

}  // namespace quince::machine
