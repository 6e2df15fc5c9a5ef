#include "net/netdev.h"

#include "net/pcap.h"
#include "net/slirp/slirp_port.h"
#include "net/socket/dgram_port.h"
#include "net/socket/stream_port.h"

namespace quince::net {

namespace {

/// A function for each type of back end.
struct Maker {
  const Host& host;
  Hubs& hubs;
  const TakePort& take_port;
  Netdev& out;

  template <class P>
  Result<void> keep(const char* type, Result<std::unique_ptr<P>> port) {
    if (!port) return tl::unexpected(port.error().in(type));
    out.port = std::move(*port);
    return {};
  }

  Result<void> operator()(const UserOptions& o) {
    auto port = SlirpPort::create(o, host);
    if (port) out.user = port->get();
    return keep("user", std::move(port));
  }
  Result<void> operator()(const StreamOptions& o) {
    return keep("stream", StreamPort::create(o, host));
  }
  Result<void> operator()(const DgramOptions& o) {
    return keep("dgram", DgramPort::create(o, host));
  }
  Result<void> operator()(const SocketFdOptions& o) {
    Address address;
    address.type = Address::Type::Fd;
    address.fd = o.fd;
    int type = 0;
    socklen_t size = sizeof type;
    // What is no socket at all is refused where it is adopted.
    if (::getsockopt(o.fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM) {
      DgramOptions d;
      d.local = address;
      return keep("socket", DgramPort::create(d, host));
    }
    StreamOptions s;
    s.address = address;
    return keep("socket", StreamPort::create(s, host));
  }
  Result<void> operator()(const HubportOptions& o) {
    std::unique_ptr<Port> uplink;
    if (!o.netdev.empty()) {
      uplink = take_port(o.netdev);
      if (uplink == nullptr) return fail("hubport: there is no free netdev '{}'", o.netdev);
    }
    out.port = std::make_unique<HubPort>(hubs.get(o.hub), std::move(uplink), host);
    return {};
  }
};

}  // namespace

Result<Netdev> make_netdev(const NetdevOptions& options, const Host& host, Hubs& hubs,
                           const TakePort& take_port) {
  Netdev out;
  out.id = options.id;
  TRY_VOID(std::visit(Maker{host, hubs, take_port, out}, options.backend));
  return out;
}

Result<void> add_filter_dump(Netdev& netdev, const DumpOptions& options, const Host& host) {
  // The file first: after an error the netdev is what it was.
  auto file = PcapFile::create(options.file, options.max_length);
  if (!file) return tl::unexpected(file.error().in("filter-dump"));
  netdev.port = std::make_unique<DumpPort>(options, std::move(*file), std::move(netdev.port), host);
  return {};
}

}  // namespace quince::net
