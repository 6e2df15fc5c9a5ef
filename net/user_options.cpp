#include "net/user_options.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <bit>
#include <cstring>

namespace quince::net {

namespace {

using Text = std::optional<std::string>;

u32 value(in_addr a) { return ntohl(a.s_addr); }
in_addr address(u32 v) { return in_addr{htonl(v)}; }

Result<in_addr> parse_ipv4(std::string_view key, const std::string& text) {
  in_addr a{};
  if (::inet_pton(AF_INET, text.c_str(), &a) != 1)
    return fail("{}={}: expected an IPv4 address", key, text);
  return a;
}

Result<in6_addr> parse_ipv6(std::string_view key, const std::string& text) {
  in6_addr a{};
  if (::inet_pton(AF_INET6, text.c_str(), &a) != 1)
    return fail("{}={}: expected an IPv6 address", key, text);
  return a;
}

/// The mask that a network without one has: by its class, and by RFC 1918 and RFC 2544.
u32 usual_mask(u32 network) {
  struct Row {
    u32 first, mask, netmask;
  };
  static constexpr Row kRows[] = {
      {0x0000'0000, 0x8000'0000, 0xff00'0000},  // class A
      {0xac10'0000, 0xfff0'0000, 0xfff0'0000},  // 172.16/12
      {0x8000'0000, 0xc000'0000, 0xffff'0000},  // class B
      {0xc0a8'0000, 0xffff'0000, 0xffff'0000},  // 192.168/16
      {0xc612'0000, 0xfffe'0000, 0xfffe'0000},  // 198.18/15
      {0xc000'0000, 0xe000'0000, 0xffff'ff00},  // class C
  };
  for (const Row& r : kRows)
    if ((network & r.mask) == r.first) return r.netmask;
  return 0xffff'fff0;
}

/// "10.0.2.0", "10.0.2.0/24" or "10.0.2.0/255.255.255.0".
Result<void> parse_network(const std::string& text, UserOptions& o) {
  const std::size_t slash = text.find('/');
  const u32 network = value(TRY(parse_ipv4("net", text.substr(0, slash))));
  u32 mask = usual_mask(network);
  if (slash != std::string::npos) {
    const std::string m = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(m.data(), m.data() + m.size(), length);
    if (error == std::errc{} && end == m.data() + m.size()) {
      if (length < 4 || length > 30) return fail("net={}: the prefix is 4 to 30 bits long", text);
      mask = ~u32{0} << (32 - length);
    } else {
      mask = value(TRY(parse_ipv4("net", m)));
      if (std::countl_one(mask) != std::popcount(mask) || std::popcount(mask) < 4 ||
          std::popcount(mask) > 30)
        return fail("net={}: that is no mask of a network", text);
    }
  }
  o.network = address(network & mask);
  o.netmask = address(mask);
  return {};
}

/// Addresses of the IPv4 network: given ones must be inside it and differ.
Result<void> place_ipv4(UserOptions& o, const Text& host, const Text& dhcp, const Text& dns) {
  const u32 mask = value(o.netmask);
  const u32 network = value(o.network);
  const auto place = [&](const char* key, const Text& text, u32 usual) -> Result<in_addr> {
    if (!text) return address(network | (usual & ~mask));
    const in_addr a = TRY(parse_ipv4(key, *text));
    if ((value(a) & mask) != network) return fail("{}={}: not inside the network", key, *text);
    return a;
  };
  o.host = TRY(place("host", host, 0x0202));
  o.dns = TRY(place("dns", dns, 0x0203));
  o.dhcp_start = TRY(place("dhcpstart", dhcp, 0x020f));
  if (o.dns.s_addr == o.host.s_addr)
    return fail("dns={}: the same address as the host", to_string(o.dns));
  if (o.dhcp_start.s_addr == o.host.s_addr || o.dhcp_start.s_addr == o.dns.s_addr)
    return fail("dhcpstart={}: the same address as the host or the name server",
                to_string(o.dhcp_start));
  return {};
}

in6_addr with_suffix(in6_addr prefix, u8 suffix) {
  prefix.s6_addr[15] |= suffix;
  return prefix;
}

bool same_prefix(const in6_addr& a, const in6_addr& b, unsigned length) {
  const unsigned bytes = length / 8;
  if (std::memcmp(a.s6_addr, b.s6_addr, bytes) != 0) return false;
  return length % 8 == 0 || ((a.s6_addr[bytes] ^ b.s6_addr[bytes]) >> (8 - length % 8)) == 0;
}

Result<void> parse_ipv6_network(OptionReader& in, UserOptions& o) {
  Text prefix = in.text("ipv6-prefix");
  std::optional<u32> length = TRY(in.number("ipv6-prefixlen", 126));
  if (const auto net = in.text("ipv6-net")) {  // "fec0::/64", the two in one
    const std::size_t slash = net->find('/');
    prefix = net->substr(0, slash);
    if (slash != std::string::npos) {
      const OptionReader::Pairs one{{"ipv6-net", net->substr(slash + 1)}};
      length = TRY(OptionReader(one).number("ipv6-net", 126));
    }
  }
  o.ipv6_prefix = TRY(parse_ipv6("ipv6-prefix", prefix.value_or("fec0::")));
  o.ipv6_prefix_length = static_cast<u8>(length.value_or(64));
  const auto place = [&](const char* key, u8 usual) -> Result<in6_addr> {
    const auto text = in.text(key);
    if (!text) return with_suffix(o.ipv6_prefix, usual);
    const in6_addr a = TRY(parse_ipv6(key, *text));
    if (!same_prefix(a, o.ipv6_prefix, o.ipv6_prefix_length))
      return fail("{}={}: not inside the network", key, *text);
    return a;
  };
  o.ipv6_host = TRY(place("ipv6-host", 2));
  o.ipv6_dns = TRY(place("ipv6-dns", 3));
  if (std::memcmp(&o.ipv6_host, &o.ipv6_dns, sizeof o.ipv6_host) == 0)
    return fail("ipv6-dns: the same address as the host");
  return {};
}

/// [tcp]:server:port-target
Result<GuestForward> parse_guestfwd(const std::string& rule, const UserOptions& o) {
  // The left side has the form of a host's, so that its parser does.
  const std::size_t dash = rule.find('-');
  const auto bad = [&](const char* why) {
    return fail("guestfwd={}: {} (expected tcp:ADDRESS:PORT-TARGET)", rule, why);
  };
  if (dash == std::string::npos || dash + 1 == rule.size()) return bad("no target");
  const auto side = parse_hostfwd_removal(rule.substr(0, dash));
  if (!side || side->udp || side->host_port == 0) return bad("bad address or port");
  GuestForward f{side->host, side->host_port, rule.substr(dash + 1), rule};
  if ((value(f.server) & value(o.netmask)) != value(o.network))
    return bad("the address is not inside the guest's network");
  if (f.server.s_addr == o.dns.s_addr) return bad("the address is the name server's");
  return f;
}

/// Text of bounded length without line breaks, for DHCP fields.
Result<std::string> bounded(OptionReader& in, std::string_view key, std::size_t most) {
  const auto text = in.text(key);
  if (!text) return std::string();
  if (text->empty()) return fail("{}: must not be empty", key);
  if (text->size() > most) return fail("{}: longer than {} bytes", key, most);
  return *text;
}

Result<void> choose_families(OptionReader& in, UserOptions& o) {
  const auto ipv4 = TRY(in.flag("ipv4"));
  const auto ipv6 = TRY(in.flag("ipv6"));
  // Asking for one alone switches the other off.
  o.ipv4 = ipv4.value_or(!ipv6.value_or(false));
  o.ipv6 = ipv6.value_or(!ipv4.value_or(false));
  if (!o.ipv4 && !o.ipv6) return fail("ipv4=off and ipv6=off leave nothing");
  return {};
}

}  // namespace

UserOptions default_user_options() {
  const OptionReader::Pairs none;
  OptionReader in(none);
  return parse_user(in).value();
}

Result<UserOptions> parse_user(OptionReader& in) {
  UserOptions o;
  TRY_VOID(choose_families(in, o));
  o.restricted = TRY(in.flag("restrict")).value_or(false);

  const Text net = in.text("net"), host = in.text("host"), dns = in.text("dns"),
             dhcp = in.text("dhcpstart");
  if (!o.ipv4 && (net || host || dns || dhcp))
    return fail("net, host, dns and dhcpstart need ipv4=on");
  TRY_VOID(parse_network(net.value_or("10.0.2.0/24"), o));
  TRY_VOID(place_ipv4(o, host, dhcp, dns));
  TRY_VOID(parse_ipv6_network(in, o));

  o.hostname = TRY(bounded(in, "hostname", 32));
  o.domain_name = TRY(bounded(in, "domainname", 255));
  o.tftp_server_name = TRY(bounded(in, "tftp-server-name", 255));
  o.bootfile = TRY(bounded(in, "bootfile", 127));
  o.dns_search = in.all("dnssearch");
  if (const auto tftp = in.text("tftp")) {
    struct stat st {};
    if (::stat(tftp->c_str(), &st) != 0) return fail("tftp={}: {}", *tftp, std::strerror(errno));
    if (!S_ISDIR(st.st_mode)) return fail("tftp={}: not a folder", *tftp);
    o.tftp = *tftp;
  }
  if (in.text("smb") || in.text("smbserver"))
    return fail("smb: not supported; share a folder with -virtfs");

  for (const std::string& rule : in.all("hostfwd"))
    o.host_forwards.push_back(TRY(parse_hostfwd(rule)));
  for (const std::string& rule : in.all("guestfwd"))
    o.guest_forwards.push_back(TRY(parse_guestfwd(rule, o)));
  return o;
}

}  // namespace quince::net
