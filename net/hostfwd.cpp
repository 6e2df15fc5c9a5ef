#include "net/hostfwd.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace quince::net {

namespace {

/// Cuts off what comes before `separator`; all of the text if there is none.
std::optional<std::string_view> cut(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at + 1);
  return head;
}

bool parse_port(std::string_view text, unsigned least, u16& port) {
  unsigned v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size() || v < least || v > 0xffff)
    return false;
  port = static_cast<u16>(v);
  return true;
}

bool parse_address(std::string_view text, in_addr& address) {
  return text.empty() || ::inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

/// "[tcp|udp]:[addr]:port".  What is wrong with it, or null.
const char* parse_host_side(std::string_view text, HostForward& f) {
  const auto protocol = cut(text, ':');
  if (!protocol) return "no host address";
  if (*protocol == "udp") f.udp = true;
  if (!f.udp && *protocol != "tcp" && !protocol->empty()) return "bad protocol name";
  const auto address = cut(text, ':');
  if (!address) return "no host port";
  if (!parse_address(*address, f.host)) return "bad host address";
  if (!parse_port(text, 0, f.host_port)) return "bad host port";
  return nullptr;
}

}  // namespace

Result<HostForward> parse_hostfwd(const std::string& rule) {
  HostForward f;
  f.rule = rule;
  std::string_view guest = rule;
  const auto host = cut(guest, '-');
  const auto bad = [&rule](const char* why) {
    return fail("Invalid host forwarding rule '{}' ({})", rule, why);
  };
  if (!host) return bad("no '-' before the guest's address");
  if (const char* why = parse_host_side(*host, f)) return bad(why);
  const auto address = cut(guest, ':');
  if (!address) return bad("no guest port");
  if (!parse_address(*address, f.guest)) return bad("bad guest address");
  if (!parse_port(guest, 1, f.guest_port)) return bad("bad guest port");
  return f;
}

Result<HostForward> parse_hostfwd_removal(const std::string& rule) {
  HostForward f;
  f.rule = rule;
  if (const char* why = parse_host_side(rule, f))
    return fail("Invalid host forwarding rule '{}' ({})", rule, why);
  return f;
}

std::string to_string(in_addr address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address, text.data(), text.size());
  return text.data();
}

std::string describe(const HostForward& f) {
  // Who waits for the port connects from this host: a wildcard is no address to connect to.
  const std::string host = f.host.s_addr == 0 ? "127.0.0.1" : to_string(f.host);
  const std::string guest = f.guest.s_addr == 0 ? "" : to_string(f.guest);
  return fmt::format("{} {}:{} -> {}:{}", f.udp ? "udp" : "tcp", host, f.host_port, guest,
                     f.guest_port);
}

}  // namespace quince::net
