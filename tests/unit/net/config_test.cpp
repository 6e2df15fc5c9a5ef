// `-netdev` and `filter-dump`: what is understood, and what is refused with which words.
#include "net/config.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace quince::net {
namespace {

/// Splits "type,key=value,..." the way the command line does, without its quoting.
OptionPairs pairs(const std::string& text, const std::string& first = "type") {
  OptionPairs out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      out.emplace_back(first, item);
    } else {
      out.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    }
    at = end + 1;
  }
  return out;
}

std::string error(const std::string& text) {
  const auto o = parse_netdev(pairs(text));
  return o ? "accepted" : o.error().message();
}

template <class T>
T parsed(const std::string& text) {
  const auto o = parse_netdev(pairs(text));
  EXPECT_TRUE(o) << o.error().message();
  return o && std::holds_alternative<T>(o->backend) ? std::get<T>(o->backend) : T{};
}

std::string text6(const in6_addr& a) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &a, text.data(), text.size());
  return text.data();
}

TEST(NetdevUser, HasTheUsualNetwork) {
  const auto o = parsed<UserOptions>("user,id=net0");
  EXPECT_TRUE(o.ipv4 && o.ipv6 && !o.restricted);
  EXPECT_EQ(to_string(o.network), "10.0.2.0");
  EXPECT_EQ(to_string(o.netmask), "255.255.255.0");
  EXPECT_EQ(to_string(o.host), "10.0.2.2");
  EXPECT_EQ(to_string(o.dns), "10.0.2.3");
  EXPECT_EQ(to_string(o.dhcp_start), "10.0.2.15");
  EXPECT_EQ(text6(o.ipv6_prefix), "fec0::");
  EXPECT_EQ(text6(o.ipv6_host), "fec0::2");
  EXPECT_EQ(text6(o.ipv6_dns), "fec0::3");
  EXPECT_EQ(to_string(default_user_options().host), "10.0.2.2");
}

TEST(NetdevUser, PlacesAddressesInTheNetworkItIsGiven) {
  auto o = parsed<UserOptions>("user,net=192.168.0.0");
  EXPECT_EQ(to_string(o.netmask), "255.255.0.0");
  EXPECT_EQ(to_string(o.host), "192.168.2.2");
  o = parsed<UserOptions>("user,net=172.20.1.7/255.255.255.0,host=172.20.1.9");
  EXPECT_EQ(to_string(o.network), "172.20.1.0");
  EXPECT_EQ(to_string(o.host), "172.20.1.9");
  EXPECT_EQ(to_string(o.dhcp_start), "172.20.1.15");
  o = parsed<UserOptions>("user,ipv6-net=fd00:1::/48,ipv6-host=fd00:1::9");
  EXPECT_EQ(o.ipv6_prefix_length, 48);
  EXPECT_EQ(text6(o.ipv6_host), "fd00:1::9");
  EXPECT_EQ(text6(o.ipv6_dns), "fd00:1::3");
  EXPECT_FALSE(parsed<UserOptions>("user,ipv4=on").ipv6);
  EXPECT_FALSE(parsed<UserOptions>("user,ipv6=on").ipv4);
  EXPECT_FALSE(parsed<UserOptions>("user,ipv6=off").ipv6);
}

// The command lines of compatibility.md D1.
TEST(NetdevUser, UnderstandsWhatToolsSay) {
  const auto syzkaller =
      parsed<UserOptions>("user,id=net0,restrict=on,host=10.0.2.10,hostfwd=tcp:127.0.0.1:1569-:22");
  EXPECT_TRUE(syzkaller.restricted);
  EXPECT_EQ(to_string(syzkaller.host), "10.0.2.10");
  ASSERT_EQ(syzkaller.host_forwards.size(), 1u);
  EXPECT_EQ(syzkaller.host_forwards[0].host_port, 1569);
  EXPECT_EQ(syzkaller.host_forwards[0].guest_port, 22);
  const auto vmapple =
      parsed<UserOptions>("user,ipv6=off,hostfwd=tcp::2222-:22,hostfwd=udp::5901-10.0.2.15:5900");
  ASSERT_EQ(vmapple.host_forwards.size(), 2u);
  EXPECT_TRUE(vmapple.host_forwards[1].udp);
  EXPECT_EQ(to_string(vmapple.host_forwards[1].guest), "10.0.2.15");
  const auto o =
      parsed<UserOptions>("user,dnssearch=a.org,dnssearch=b.org,guestfwd=tcp:10.0.2.9:80-cmd:cat");
  EXPECT_EQ(o.dns_search, (std::vector<std::string>{"a.org", "b.org"}));
  ASSERT_EQ(o.guest_forwards.size(), 1u);
  EXPECT_EQ(o.guest_forwards[0].target, "cmd:cat");
  EXPECT_EQ(o.guest_forwards[0].port, 80);
}

TEST(NetdevUser, SaysWhatIsWrong) {
  EXPECT_EQ(error("user,hostfw=x"), "user: unknown parameter 'hostfw'");
  EXPECT_EQ(error("user,restrict=maybe"), "user: restrict=maybe: expected on or off");
  EXPECT_EQ(error("user,net=10.0.2"), "user: net=10.0.2: expected an IPv4 address");
  EXPECT_EQ(error("user,net=10.0.2.0/2"), "user: net=10.0.2.0/2: the prefix is 4 to 30 bits long");
  EXPECT_EQ(error("user,net=10.0.2.0/255.0.255.0"),
            "user: net=10.0.2.0/255.0.255.0: that is no mask of a network");
  EXPECT_EQ(error("user,host=10.0.3.2"), "user: host=10.0.3.2: not inside the network");
  EXPECT_EQ(error("user,dns=10.0.2.2"), "user: dns=10.0.2.2: the same address as the host");
  EXPECT_EQ(error("user,ipv6-host=fd00::1"), "user: ipv6-host=fd00::1: not inside the network");
  EXPECT_EQ(error("user,ipv4=off,ipv6=off"), "user: ipv4=off and ipv6=off leave nothing");
  EXPECT_EQ(error("user,ipv4=off,host=10.0.2.2"),
            "user: net, host, dns and dhcpstart need ipv4=on");
  EXPECT_EQ(error("user,smb=/tmp"), "user: smb: not supported; share a folder with -virtfs");
  EXPECT_EQ(error("user,tftp=/does/not/exist"),
            "user: tftp=/does/not/exist: No such file or directory");
  EXPECT_EQ(error("user,hostname=" + std::string(33, 'x')), "user: hostname: longer than 32 bytes");
  EXPECT_EQ(error("user,hostfwd=tcp::99999-:22"),
            "user: Invalid host forwarding rule 'tcp::99999-:22' (bad host port)");
  EXPECT_EQ(error("user,hostfwd=sctp::1-:2"),
            "user: Invalid host forwarding rule 'sctp::1-:2' (bad protocol name)");
  EXPECT_EQ(error("user,hostfwd=tcp::1-:0"),
            "user: Invalid host forwarding rule 'tcp::1-:0' (bad guest port)");
  EXPECT_EQ(error("user,guestfwd=tcp:10.9.2.9:80-cmd:cat"),
            "user: guestfwd=tcp:10.9.2.9:80-cmd:cat: the address is not inside the guest's network "
            "(expected tcp:ADDRESS:PORT-TARGET)");
}

TEST(NetdevStream, UnderstandsItsAddresses) {
  auto o =
      parsed<StreamOptions>("stream,id=n,server=off,addr.type=unix,addr.path=/tmp/passt.socket");
  EXPECT_FALSE(o.server);
  EXPECT_EQ(o.address.type, Address::Type::Unix);
  EXPECT_EQ(o.address.path, "/tmp/passt.socket");
  o = parsed<StreamOptions>("stream,addr.type=inet,addr.host=::1,addr.port=1234,server=on");
  EXPECT_TRUE(o.server);
  EXPECT_EQ(o.address.host, "::1");
  o = parsed<StreamOptions>("stream,addr.type=fd,addr.str=7");
  EXPECT_EQ(o.address.fd, 7);
  EXPECT_EQ(parsed<StreamOptions>("stream,addr.type=unix,addr.path=x,reconnect=2").reconnect_ms,
            2000u);
  EXPECT_EQ(parsed<StreamOptions>("stream,addr.type=unix,addr.path=x,reconnect-ms=7").reconnect_ms,
            7u);

  EXPECT_EQ(error("stream"), "stream: addr.type is missing");
  EXPECT_EQ(error("stream,addr.type=vsock"), "stream: addr.type=vsock: expected inet, unix or fd");
  EXPECT_EQ(error("stream,addr.type=unix"), "stream: addr.type=unix needs addr.path");
  EXPECT_EQ(error("stream,addr.type=unix,addr.path=x,addr.host=y"),
            "stream: unknown parameter 'addr.host'");
  EXPECT_EQ(error("stream,addr.type=fd,addr.str=name"),
            "stream: addr.str=name: expected a number up to 1048576");
  EXPECT_EQ(error("stream,addr.type=unix,addr.path=x,reconnect=1,server=on"),
            "stream: reconnect: only a client reconnects");
}

TEST(NetdevDgram, UnderstandsItsAddresses) {
  auto o = parsed<DgramOptions>(
      "dgram,remote.type=inet,remote.host=224.0.0.9,remote.port=1,local.type=inet,local.host=127.0."
      "0.1");
  EXPECT_EQ(o.interface_address, "127.0.0.1");
  EXPECT_FALSE(o.local);
  o = parsed<DgramOptions>("dgram,local.type=unix,local.path=a,remote.type=unix,remote.path=b");
  EXPECT_EQ(o.local->path, "a");
  EXPECT_EQ(o.remote->path, "b");
  EXPECT_EQ(parsed<DgramOptions>("dgram,local.type=fd,local.str=5").local->fd, 5);
  EXPECT_EQ(error("dgram,remote.type=unix,remote.path=b"), "dgram: local.path is missing");
  EXPECT_EQ(error("dgram,local.type=unix,local.path=b"), "dgram: remote.type is missing");
  EXPECT_EQ(error("dgram,remote.type=fd,remote.str=3"),
            "dgram: remote.type=fd: only local can be one");
}

TEST(NetdevSocket, IsWhatItWasGiven) {
  EXPECT_EQ(parsed<SocketFdOptions>("socket,fd=3").fd, 3);
  EXPECT_TRUE(parsed<StreamOptions>("socket,listen=:1234").server);
  const auto connect = parsed<StreamOptions>("socket,connect=[::1]:1234");
  EXPECT_EQ(connect.address.host, "::1");
  EXPECT_EQ(connect.address.port, "1234");
  EXPECT_EQ(parsed<DgramOptions>("socket,mcast=230.0.0.1:1234").remote->host, "230.0.0.1");
  EXPECT_EQ(parsed<DgramOptions>("socket,udp=h:1,localaddr=:2").local->port, "2");
  EXPECT_EQ(error("socket"),
            "socket: exactly one of listen, connect, mcast, udp and fd is needed, 0 were given");
  EXPECT_EQ(error("socket,listen=:1,fd=3"),
            "socket: exactly one of listen, connect, mcast, udp and fd is needed, 2 were given");
  EXPECT_EQ(error("socket,udp=h:1"), "socket: udp: needs localaddr as well");
  EXPECT_EQ(error("socket,connect=here"), "socket: connect=here: expected HOST:PORT");
}

TEST(Netdev, TypesAreKnownByName) {
  EXPECT_EQ(parsed<HubportOptions>("hubport,hubid=3,netdev=n").hub, 3u);
  EXPECT_EQ(error("hubport"), "hubport: hubid is missing");
  EXPECT_EQ(error("tap"), "tap: unknown type (known: user, socket, stream, dgram, hubport)");
  EXPECT_EQ(parse_netdev({{"id", "x"}}).error().message(), "no type given");
  EXPECT_EQ(parse_netdev(pairs("user,id=net0"))->id, "net0");
}

TEST(FilterDump, HasItsKeys) {
  const auto o = parse_filter_dump(pairs("id=d,netdev=n,file=f,maxlen=100,queue=rx"));
  ASSERT_TRUE(o);
  EXPECT_EQ(o->max_length, 100u);
  EXPECT_TRUE(o->from_guest && !o->to_guest && o->enabled);
  const auto says = [](const std::string& t) {
    return parse_filter_dump(pairs(t)).error().message();
  };
  EXPECT_EQ(says("file=f"), "netdev is missing");
  EXPECT_EQ(says("netdev=n"), "file is missing");
  EXPECT_EQ(says("netdev=n,file=f,queue=no"), "queue=no: expected all, rx or tx");
  EXPECT_EQ(says("netdev=n,file=f,insert=before"), "unknown parameter 'insert'");
}

}  // namespace
}  // namespace quince::net
