#include "net/config.h"

#include "net/option_reader.h"
#include "net/user_options.h"

namespace quince::net {

namespace {

constexpr u32 kMaxReconnectSeconds = 86400;

/// A number that names an open descriptor.
Result<int> parse_fd(const std::string& key, const std::string& text) {
  const OptionReader::Pairs one{{key, text}};
  const auto fd = TRY(OptionReader(one).number(key, 1 << 20));
  return static_cast<int>(*fd);
}

/// addr.type=inet,addr.host=... with any word for "addr".  Nothing if none of it was said.
Result<std::optional<Address>> parse_address(OptionReader& in, const std::string& name) {
  const auto key = [&name](const char* k) { return name + "." + k; };
  const auto type = in.text(key("type"));
  if (!type) return std::optional<Address>();
  const auto need = [&](const char* k) -> Result<std::string> {
    auto text = in.text(key(k));
    if (!text || text->empty()) return fail("{}.type={} needs {}", name, *type, key(k));
    return std::move(*text);
  };
  Address a;
  if (*type == "inet") {
    a.type = Address::Type::Inet;
    a.host = in.text(key("host")).value_or("");
    a.port = TRY(need("port"));
    const auto ipv4 = TRY(in.flag(key("ipv4")));
    const auto ipv6 = TRY(in.flag(key("ipv6")));
    a.ipv4 = ipv4.value_or(!ipv6.value_or(false));
    a.ipv6 = ipv6.value_or(!ipv4.value_or(false));
    if (!a.ipv4 && !a.ipv6) return fail("{}: ipv4=off and ipv6=off leave nothing", name);
  } else if (*type == "unix") {
    a.type = Address::Type::Unix;
    a.path = TRY(need("path"));
    a.abstract = TRY(in.flag(key("abstract"))).value_or(false);
  } else if (*type == "fd") {
    a.type = Address::Type::Fd;
    const std::string fd = TRY(need("str"));
    a.fd = TRY(parse_fd(key("str"), fd));
  } else {
    return fail("{}.type={}: expected inet, unix or fd", name, *type);
  }
  return std::optional(a);
}

/// "host:port"; an IPv6 address stands in brackets.
Result<Address> parse_host_port(std::string_view key, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size())
    return fail("{}={}: expected HOST:PORT", key, text);
  Address a;
  a.host = text.substr(0, colon);
  a.port = text.substr(colon + 1);
  if (a.host.size() >= 2 && a.host.front() == '[' && a.host.back() == ']')
    a.host = a.host.substr(1, a.host.size() - 2);
  return a;
}

Result<StreamOptions> parse_stream(OptionReader& in) {
  StreamOptions o;
  const auto address = TRY(parse_address(in, "addr"));
  if (!address) return fail("addr.type is missing");
  o.address = *address;
  o.server = TRY(in.flag("server")).value_or(false);
  const auto seconds = TRY(in.number("reconnect", kMaxReconnectSeconds));
  const auto ms = TRY(in.number("reconnect-ms", kMaxReconnectSeconds * 1000));
  if (seconds && ms) return fail("reconnect and reconnect-ms say the same; give one of them");
  o.reconnect_ms = ms.value_or(seconds.value_or(0) * 1000);
  if (o.reconnect_ms != 0 && o.server) return fail("reconnect: only a client reconnects");
  if (o.reconnect_ms != 0 && o.address.type == Address::Type::Fd)
    return fail("reconnect: a descriptor cannot be connected again");
  return o;
}

Result<DgramOptions> parse_dgram(OptionReader& in) {
  DgramOptions o;
  // With a group as remote the local address names an interface, and needs no port.
  if (in.text("local.type").value_or("") == "inet")
    o.interface_address = in.text("local.host").value_or("");
  if (o.interface_address.empty() || in.text("local.port"))
    o.local = TRY(parse_address(in, "local"));
  o.remote = TRY(parse_address(in, "remote"));
  using Type = Address::Type;
  if (o.remote && o.remote->type == Type::Fd) return fail("remote.type=fd: only local can be one");
  if (o.local && o.local->type == Type::Fd) {
    if (o.remote) return fail("local.type=fd: the descriptor is connected; remote is of no use");
    return o;
  }
  if (!o.remote) return fail("remote.type is missing");
  if (o.local && o.local->type != o.remote->type)
    return fail("local.type and remote.type must be the same");
  if (!o.local && o.remote->type == Type::Unix) return fail("local.path is missing");
  return o;
}

/// The old form: what is given decides what it is.
Result<NetdevOptions> parse_socket(OptionReader& in, NetdevOptions o) {
  const auto fd = in.text("fd"), listen = in.text("listen"), connect = in.text("connect"),
             mcast = in.text("mcast"), udp = in.text("udp"), local = in.text("localaddr");
  const int given = !!fd + !!listen + !!connect + !!mcast + !!udp;
  if (given != 1)
    return fail("exactly one of listen, connect, mcast, udp and fd is needed, {} were given",
                given);
  if (local && !mcast && !udp) return fail("localaddr: only with mcast or udp");
  if (fd) {
    o.backend = SocketFdOptions{TRY(parse_fd("fd", *fd))};
  } else if (listen || connect) {
    StreamOptions s;
    s.server = listen.has_value();
    s.address = TRY(parse_host_port(listen ? "listen" : "connect", listen ? *listen : *connect));
    o.backend = std::move(s);
  } else {
    DgramOptions d;
    d.remote = TRY(parse_host_port(mcast ? "mcast" : "udp", mcast ? *mcast : *udp));
    if (udp) {
      if (!local) return fail("udp: needs localaddr as well");
      d.local = TRY(parse_host_port("localaddr", *local));
    }
    if (mcast && local) d.interface_address = *local;
    o.backend = std::move(d);
  }
  return o;
}

Result<HubportOptions> parse_hubport(OptionReader& in) {
  HubportOptions o;
  const auto hub = TRY(in.number("hubid", 0x7fff'ffff));
  if (!hub) return fail("hubid is missing");
  o.hub = *hub;
  o.netdev = in.text("netdev").value_or("");
  return o;
}

Result<NetdevOptions> parse_backend(OptionReader& in, const std::string& type, NetdevOptions o) {
  if (type == "user") {
    o.backend = TRY(parse_user(in));
  } else if (type == "socket") {
    o = TRY(parse_socket(in, std::move(o)));
  } else if (type == "stream") {
    o.backend = TRY(parse_stream(in));
  } else if (type == "dgram") {
    o.backend = TRY(parse_dgram(in));
  } else if (type == "hubport") {
    o.backend = TRY(parse_hubport(in));
  } else {
    return fail("unknown type (known: user, socket, stream, dgram, hubport)");
  }
  TRY_VOID(in.finish());
  return o;
}

}  // namespace

Result<NetdevOptions> parse_netdev(const OptionPairs& pairs) {
  OptionReader in(pairs);
  const auto type = in.text("type");
  if (!type || type->empty()) return fail("no type given");
  NetdevOptions o;
  o.id = in.text("id").value_or("");
  auto parsed = parse_backend(in, *type, std::move(o));
  if (!parsed) return tl::unexpected(parsed.error().in(*type));
  return parsed;
}

Result<DumpOptions> parse_filter_dump(const OptionPairs& pairs) {
  OptionReader in(pairs);
  DumpOptions o;
  o.id = in.text("id").value_or("");
  o.netdev = in.text("netdev").value_or("");
  o.file = in.text("file").value_or("");
  if (o.netdev.empty()) return fail("netdev is missing");
  if (o.file.empty()) return fail("file is missing");
  o.max_length = TRY(in.number("maxlen", 1 << 20)).value_or(65536);
  if (o.max_length == 0) return fail("maxlen=0: nothing would be kept");
  const std::string queue = in.text("queue").value_or("all");
  if (queue != "all" && queue != "rx" && queue != "tx")
    return fail("queue={}: expected all, rx or tx", queue);
  // The words are the back end's: it receives what the guest sends.
  o.from_guest = queue != "tx";
  o.to_guest = queue != "rx";
  o.enabled = TRY(in.flag("status")).value_or(true);
  TRY_VOID(in.finish());
  return o;
}

}  // namespace quince::net
