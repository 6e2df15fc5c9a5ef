// The text of -chardev and -serial, as QEMU spells it.
#include <algorithm>
#include <array>
#include <bit>

#include "machine/chardev/chardev.h"

namespace quince::machine {

namespace {

using Kind = CharOptions::Kind;

struct Backend {
  const char* name;
  Kind kind;
};
constexpr std::array kBackends = std::to_array<Backend>({
    {"file", Kind::File},
    {"null", Kind::Null},
    {"pipe", Kind::Pipe},
    {"pty", Kind::Pty},
    {"ringbuf", Kind::RingBuf},
    {"serial", Kind::Serial},
    {"socket", Kind::Socket},
    {"stdio", Kind::Stdio},
    {"testdev", Kind::Testdev},
    {"tty", Kind::Serial},
});

constexpr u64 kMaxRingBuf = 64 * MiB;
constexpr u64 kMaxReconnectMs = 86'400'000;

Result<std::string> need(Properties& p, std::string_view backend, std::string_view name) {
  const auto value = p.take(name);
  if (!value || value->empty()) return fail("{} needs {}=", backend, name);
  return *value;
}

/// "nowait" for "wait=off", and so on: the old spelling, which is still the usual one.
Result<bool> flag(Properties& p, const std::string& name, bool missing) {
  if (TRY(p.flag("no" + name, false))) {
    TRY(p.flag(name, false));
    return false;
  }
  return p.flag(name, missing);
}

Result<void> parse_reconnect(Properties& p, SocketOptions& s) {
  if (p.has("reconnect") && p.has("reconnect-ms"))
    return fail("reconnect and reconnect-ms exclude each other");
  const bool given = p.has("reconnect") || p.has("reconnect-ms");
  s.reconnect_ms = 1000 * TRY(p.number("reconnect", 0, 0, kMaxReconnectMs / 1000));
  if (s.reconnect_ms == 0) s.reconnect_ms = TRY(p.number("reconnect-ms", 0, 0, kMaxReconnectMs));
  if (given && s.server) return fail("reconnect is for a client, not with server=on");
  return {};
}

Result<void> parse_inet(Properties& p, SocketOptions& s) {
  s.host = p.take_or("host", "");
  s.port = TRY(need(p, "socket with host=", "port"));
  // Given alone, a family excludes the other one.
  const bool only4 = TRY(p.flag("ipv4", false)), only6 = TRY(p.flag("ipv6", false));
  if (p.has("ipv4") || p.has("ipv6")) {
    s.ipv4 = only4 || (!p.has("ipv4") && !only6);
    s.ipv6 = only6 || (!p.has("ipv6") && !only4);
  }
  if (!s.ipv4 && !s.ipv6) return fail("ipv4=off and ipv6=off leave no address");
  if (p.has("to")) {
    if (!s.server) return fail("to= is for a server");
    s.to = static_cast<u32>(TRY(p.number("to", 0, 1, 65535)));
    const u64 first = TRY(parse_number(s.port));
    if (s.to < first) return fail("to={} is below port={}", s.to, s.port);
  }
  return {};
}

/// What this program does not speak, unless it is switched off.
Result<void> refuse_protocols(Properties& p) {
  for (const char* name : {"telnet", "tn3270", "websocket"})
    if (TRY(p.flag(name, false))) return fail("{}=on is not implemented", name);
  for (const char* name : {"tls-creds", "tls-authz", "yank"})
    if (p.has(name)) return fail("{} is not implemented", name);
  return {};
}

Result<void> parse_socket(Properties& p, SocketOptions& s) {
  const bool has_wait = p.has("wait") || p.has("nowait");
  s.server = TRY(flag(p, "server", false));
  s.wait = TRY(flag(p, "wait", s.server));
  if (!s.server && has_wait && s.wait) return fail("wait is for server=on");
  s.nodelay = TRY(p.flag("nodelay", false)) || !TRY(p.flag("delay", true));
  TRY_VOID(parse_reconnect(p, s));
  TRY_VOID(refuse_protocols(p));
  const int forms = int{p.has("path")} + int{p.has("fd")} + int{p.has("host") || p.has("port")};
  if (forms != 1) return fail("socket needs one of path=, fd=, and host= with port=");
  if (p.has("fd")) {
    s.fd = static_cast<int>(TRY(p.number("fd", 0, 0, 0x7fffffff)));
    if (s.reconnect_ms != 0) return fail("reconnect needs an address, not fd=");
    return {};
  }
  if (!p.has("path")) return parse_inet(p, s);
  s.path = TRY(need(p, "socket", "path"));
  s.abstract = TRY(p.flag("abstract", false));
  s.tight = TRY(p.flag("tight", true));
  return {};
}

Result<void> parse_kind(Properties& p, std::string_view name, CharOptions& o) {
  switch (o.kind) {
    case Kind::Stdio:
      o.signals = TRY(p.flag("signal", true));
      break;
    case Kind::File:
      o.path = TRY(need(p, name, "path"));
      o.append = TRY(p.flag("append", false));
      o.input_path = p.take_or("input-path", "");
      break;
    case Kind::Pipe:
    case Kind::Serial:
      o.path = TRY(need(p, name, "path"));
      break;
    case Kind::Pty:
      o.path = p.take_or("path", "");
      break;
    case Kind::RingBuf:
      o.size = TRY(p.size("size", 64 * KiB));
      if (!std::has_single_bit(o.size) || o.size > kMaxRingBuf)
        return fail("size: {} is not a power of two up to {}", o.size, kMaxRingBuf);
      break;
    case Kind::Socket:
      return parse_socket(p, o.socket);
    case Kind::Null:
    case Kind::Testdev:
    case Kind::Reference:
      break;
  }
  return {};
}

/// The options of a back end that is given without properties.
CharOptions plain(Kind kind, std::string_view path = {}) {
  CharOptions o;
  o.kind = kind;
  o.path = path;
  return o;
}

/// Splits "PATH,key=value,..." at the first comma, and parses what follows as of a socket.
Result<CharOptions> socket_at(PropertyList address, std::string_view rest) {
  CharOptions o;
  o.kind = Kind::Socket;
  for (auto& item : split_options(rest, "")) address.push_back(std::move(item));
  Properties p(std::move(address));
  TRY_VOID(parse_socket(p, o.socket));
  o.logfile = p.take_or("logfile", "");
  o.log_append = TRY(p.flag("logappend", false));
  TRY_VOID(p.finish());
  return o;
}

Result<CharOptions> parse_unix(std::string_view text) {
  const std::size_t comma = text.find(',');
  const std::string_view path = text.substr(0, comma);
  if (path.empty()) return fail("unix: needs a path");
  return socket_at({{"path", std::string(path)}},
                   comma == std::string_view::npos ? "" : text.substr(comma + 1));
}

/// "HOST:PORT,...", with an IPv6 address in brackets.
Result<CharOptions> parse_tcp(std::string_view text) {
  const std::size_t comma = text.find(',');
  std::string_view address = text.substr(0, comma);
  std::string_view host;
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    if (end == std::string_view::npos) return fail("'{}' has no closing bracket", address);
    host = address.substr(1, end - 1);
    address = address.substr(end + 1);
  } else {
    host = address.substr(0, address.find(':'));
    address = address.substr(host.size());
  }
  if (!address.starts_with(':') || address.size() == 1)
    return fail("'{}' is not HOST:PORT", text.substr(0, comma));
  return socket_at({{"host", std::string(host)}, {"port", std::string(address.substr(1))}},
                   comma == std::string_view::npos ? "" : text.substr(comma + 1));
}

Result<CharOptions> parse_named(std::string_view text) {
  const auto after = [&](std::string_view prefix) { return text.substr(prefix.size()); };
  const auto with_path = [&](std::string_view prefix, Kind kind) -> Result<CharOptions> {
    if (after(prefix).empty()) return fail("{} needs a path", prefix);
    return plain(kind, after(prefix));
  };
  if (text == "null" || text == "none") return plain(Kind::Null);
  if (text == "stdio") return plain(Kind::Stdio);
  if (text == "pty") return plain(Kind::Pty);
  if (text.starts_with("pty:")) return with_path("pty:", Kind::Pty);
  if (text == "ringbuf") return plain(Kind::RingBuf);
  if (text == "testdev") return plain(Kind::Testdev);
  if (text.starts_with("file:")) return with_path("file:", Kind::File);
  if (text.starts_with("pipe:")) return with_path("pipe:", Kind::Pipe);
  if (text.starts_with("/dev/")) return plain(Kind::Serial, text);
  if (text.starts_with("unix:")) return parse_unix(after("unix:"));
  if (text.starts_with("tcp:")) return parse_tcp(after("tcp:"));
  if (text == "vc" || text.starts_with("vc:"))
    return fail("'{}' is not implemented: there are no text consoles in a window", text);
  for (const char* known : {"telnet:", "websocket:", "udp:", "con:", "COM", "braille", "msmouse"})
    if (text.starts_with(known)) return fail("'{}' is not implemented", text);
  return fail("'{}' is not a valid char driver", text);
}

}  // namespace

Result<CharOptions> parse_chardev(Properties p) {
  CharOptions o;
  const std::string name = p.take_or("backend", "");
  if (name.empty()) return fail("the back end is missing; 'help' lists what there is");
  const auto it = std::find_if(kBackends.begin(), kBackends.end(),
                               [&](const Backend& b) { return name == b.name; });
  if (it == kBackends.end())
    return fail("'{}' is not a valid char driver name; 'help' lists what is", name);
  o.kind = it->kind;
  o.id = p.take_or("id", "");
  if (o.id.empty()) return fail("id= is missing");
  o.mux = TRY(p.flag("mux", false));
  o.logfile = p.take_or("logfile", "");
  o.log_append = TRY(p.flag("logappend", false));
  if (o.log_append && o.logfile.empty()) return fail("logappend needs logfile=");
  TRY_VOID(parse_kind(p, name, o));
  TRY_VOID(p.finish());
  return o;
}

Result<CharOptions> parse_serial(std::string_view text) {
  if (text.starts_with("chardev:")) {
    if (text.size() == 8) return fail("chardev: needs the id of one");
    CharOptions o = plain(Kind::Reference);
    o.id = text.substr(8);
    return o;
  }
  if (!text.starts_with("mon:")) return parse_named(text);
  CharOptions o = TRY(parse_named(text.substr(4)));
  if (o.kind == Kind::Null) return fail("'{}' has no terminal for a monitor", text);
  o.mux = true;
  o.signals = false;  // Ctrl-C is for the guest; Ctrl-A x ends the emulator
  return o;
}

std::string chardev_help() {
  std::string text = "Available chardev backend types:\n";
  for (const Backend& b : kBackends) text += fmt::format("  {}\n", b.name);
  return text;
}

}  // namespace quince::machine
