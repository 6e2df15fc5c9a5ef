// The user network, spoken to in frames: by a guest on one side and sockets of the host on the
// other.
#include "net/slirp/slirp_port.h"

#include <fstream>
#include <map>

#include "host_socket.h"
#include "tests/support/net_guest.h"
#include "tests/support/no_descriptors.h"

namespace quince::net {
namespace {

const Bytes kGateway = {10, 0, 2, 2};

class UserNet : public testing::Test {
 protected:
  /// The network with options in QEMU's spelling.
  void start(OptionPairs pairs = {}) {
    auto port = try_start(std::move(pairs));
    ASSERT_TRUE(port) << port.error().message();
    port_ = std::move(*port);
    guest_ = std::make_unique<Guest>(bench_, *port_);
  }
  Result<std::unique_ptr<SlirpPort>> try_start(OptionPairs pairs) {
    pairs.insert(pairs.begin(), {"type", "user"});
    auto options = parse_netdev(pairs);
    if (!options) return tl::unexpected(options.error());
    return SlirpPort::create(std::get<UserOptions>(options->backend), bench_.host());
  }
  ~UserNet() override { guest_.reset(); }

  /// A connection from the guest to a server of the host.
  GuestTcp& connect(const HostServer& server, Fd& host_side) {
    GuestTcp& c = guest_->connect(kGateway, server.port());
    EXPECT_TRUE(bench_.until([&] { return c.established && server.accept(host_side); }));
    return c;
  }

  Bench bench_;
  std::unique_ptr<SlirpPort> port_;
  std::unique_ptr<Guest> guest_;
};

Bytes numbered(std::size_t n) {
  Bytes b(n);
  for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<u8>(i * 7 + i / 251);
  return b;
}

TEST_F(UserNet, AnswersArpForItsOwnAddresses) {
  start();
  guest_->arp_request(2);
  guest_->arp_request(3);
  guest_->arp_request(77);
  ASSERT_TRUE(bench_.until([&] { return guest_->arp_replies >= 2; }));
  bench_.settle();
  EXPECT_EQ(guest_->arp_replies, 2u);
}

/// The options of a DHCP message by number.
std::map<u8, Bytes> dhcp_options(const Bytes& message) {
  std::map<u8, Bytes> options;
  for (std::size_t i = 240; i + 1 < message.size() && message[i] != 255;) {
    if (message[i] == 0) {
      ++i;
      continue;
    }
    const auto from = message.begin() + static_cast<std::ptrdiff_t>(i + 2);
    options[message[i]] = Bytes(from, from + message[i + 1]);
    i += 2u + message[i + 1];
  }
  return options;
}

Bytes dhcp_message(u8 type, const Bytes& more = {}) {
  Bytes m(240);
  m[0] = 1, m[1] = 1, m[2] = 6;
  const Bytes mac = from_hex("525400123456");
  std::copy(mac.begin(), mac.end(), m.begin() + 28);
  const Bytes cookie = from_hex("63825363");
  std::copy(cookie.begin(), cookie.end(), m.begin() + 236);
  for (const u8 b : {u8{53}, u8{1}, type}) m.push_back(b);
  m.insert(m.end(), more.begin(), more.end());
  m.push_back(255);
  return m;
}

TEST_F(UserNet, GivesOutAnAddressByDhcp) {
  start({{"net", "192.168.76.0/24"},
         {"dhcpstart", "192.168.76.9"},
         {"hostname", "sand"},
         {"domainname", "example.org"}});
  const Bytes broadcast = {255, 255, 255, 255};
  guest_->udp(68, broadcast, 67, dhcp_message(1));
  ASSERT_TRUE(bench_.until([&] { return !guest_->udp_received.empty(); }));
  Bytes offer = guest_->udp_received[0].payload;
  EXPECT_EQ(Bytes(&offer[16], &offer[20]), (Bytes{192, 168, 76, 9}));
  auto options = dhcp_options(offer);
  EXPECT_EQ(options[53], Bytes{2});  // DHCPOFFER
  EXPECT_EQ(options[1], (Bytes{255, 255, 255, 0}));
  EXPECT_EQ(options[3], (Bytes{192, 168, 76, 2}));
  EXPECT_EQ(options[6], (Bytes{192, 168, 76, 3}));
  EXPECT_EQ(options[12], (Bytes{'s', 'a', 'n', 'd'}));
  EXPECT_EQ(options[15].size(), std::string_view("example.org").size());
  guest_->udp(68, broadcast, 67, dhcp_message(3, {50, 4, 192, 168, 76, 9}));
  ASSERT_TRUE(bench_.until([&] { return guest_->udp_received.size() >= 2; }));
  EXPECT_EQ(dhcp_options(guest_->udp_received[1].payload)[53], Bytes{5});  // DHCPACK
}

TEST_F(UserNet, ConnectsToAServerOfTheHostAndBack) {
  start();
  const HostServer server;
  Fd host;
  GuestTcp& c = connect(server, host);
  guest_->write(c, numbered(1000));
  Bytes got;
  ASSERT_TRUE(bench_.until([&] { return read_more(host, got) && got.size() == 1000; }));
  EXPECT_EQ(got, numbered(1000));
  write_all(host, numbered(5000));
  ASSERT_TRUE(bench_.until([&] { return c.received.size() == 5000; }));
  EXPECT_EQ(c.received, numbered(5000));
  EXPECT_TRUE(guest_->device.offloads.back().csum_valid);
  guest_->close(c);
  ASSERT_TRUE(bench_.until([&] { return !read_more(host, got); }));
  host.reset();
  ASSERT_TRUE(bench_.until([&] { return c.fin; }));
}

// The stack takes a segment of the greatest length whole; it is never cut, and its checksum is
// filled in on the way.
TEST_F(UserNet, TakesASegmentOf64KiB) {
  start();
  const HostServer server;
  Fd host;
  GuestTcp& c = connect(server, host);
  const Bytes data = numbered(65535 - 40);
  guest_->write(c, data, 1460);
  Bytes got;
  ASSERT_TRUE(bench_.until([&] { return read_more(host, got) && got.size() == data.size(); }));
  EXPECT_EQ(got, data);
  ASSERT_TRUE(bench_.until([&] { return c.acked == c.seq; }));
}

/// Asks fec0::2 for its hardware address, and so tells it fec0::15's (RFC 4861 section 4.3).
Bytes neighbor_solicitation() {
  Bytes f = from_hex(
      "3333ff000002 525400123456 86dd 60000000 0020 3a ff"
      "fec00000000000000000000000000015 ff0200000000000000000001ff000002"
      "87 00 0000 00000000 fec00000000000000000000000000002 01 01 525400123456");
  const std::span<const u8> addresses = std::span(f).subspan(22, 32);
  const u32 pseudo = plain_sum(addresses) + 32u + 58u;
  store_be16(&f[56], static_cast<u16>(~plain_sum(std::span(f).subspan(54), pseudo)));
  return f;
}

// The stack answers what is over its MTU with "packet too big", and a guest that sent a segment to
// be cut would not know what to do about it.
TEST_F(UserNet, CutsSegmentsOfIpv6) {
  start({{"ipv6", "on"}});
  guest_->send(neighbor_solicitation());
  Build b;
  b.v6 = true;
  b.target_mac = from_hex("525600000002");
  b.source = from_hex("fec00000000000000000000000000015");
  b.target = from_hex("fec00000000000000000000000000002");
  b.flags = 0x10;
  b.payload = numbered(4000);
  b.open_csum = true;
  Offload o;
  o.needs_csum = true;
  o.csum_start = static_cast<u16>(l4_offset(b));
  o.csum_offset = 16;
  o.segment = Offload::Segment::Tcp6;
  o.segment_size = 1440;
  guest_->send(build_packet(b), o);
  bench_.settle();
  unsigned resets = 0;  // there is no such connection
  for (const Bytes& f : guest_->device.frames) {
    EXPECT_FALSE(f[20] == 58 && f[54] == 2) << "packet too big";
    if (f[20] == kIpTcp) resets += (parse_packet(f).flags & 4) != 0;
  }
  EXPECT_EQ(resets, 3u);
}

// Datagrams over the MTU, up to the largest, to a server of the host and back.
TEST_F(UserNet, LargeDatagramsComeAndGoInFragments) {
  start();
  guest_->arp_request(2);  // so that the stack knows where the answers go
  const HostServer server(SOCK_DGRAM);
  const std::size_t smallest = 1500 - 28 + 1, largest = 65535 - 28;
  for (const std::size_t size : {smallest, std::size_t{2000}, std::size_t{9000}, largest}) {
    const Bytes data = numbered(size);
    guest_->udp_in_fragments(5000, kGateway, server.port(), data, 1480);
    Bytes got(70'000);
    sockaddr_in from{};
    socklen_t from_size = sizeof from;
    ssize_t n = -1;
    ASSERT_TRUE(bench_.until([&] {
      n = ::recvfrom(server.fd(), got.data(), got.size(), MSG_DONTWAIT,
                     reinterpret_cast<sockaddr*>(&from), &from_size);
      return n >= 0;
    })) << size;
    got.resize(static_cast<std::size_t>(n));
    EXPECT_TRUE(got == data) << size;
    guest_->udp_received.clear();
    guest_->fragments_received = 0;
    ASSERT_EQ(::sendto(server.fd(), got.data(), got.size(), 0,
                       reinterpret_cast<const sockaddr*>(&from), from_size),
              n);
    ASSERT_TRUE(bench_.until([&] { return !guest_->udp_received.empty(); })) << size;
    EXPECT_TRUE(guest_->udp_received[0].payload == data) << size;
    EXPECT_EQ(guest_->fragments_received, (size + 8 + 1479) / 1480);
  }
}

TEST_F(UserNet, AnswersALargePing) {
  start();
  const std::size_t largest = 65535 - 28;
  for (const std::size_t size : {std::size_t{56}, std::size_t{2000}, largest}) {
    guest_->ping_replies.clear();
    guest_->ping(kGateway, numbered(size), 1480);
    ASSERT_TRUE(bench_.until([&] { return !guest_->ping_replies.empty(); })) << size;
    EXPECT_TRUE(guest_->ping_replies[0] == numbered(size)) << size;
  }
}

// What a card left unfinished does not go on with the next.
TEST_F(UserNet, FragmentsAreForgottenWithTheirDevice) {
  start();
  const auto pieces =
      fragments_of(build_packet({.tcp = false, .target_port = 9, .payload = numbered(2000)}), 1480);
  guest_->send(pieces[0]);
  EXPECT_EQ(port_->open_datagrams(), 1u);
  bench_.guest([&] { port_->attach(nullptr); });
  EXPECT_EQ(port_->open_datagrams(), 0u);
}

TEST_F(UserNet, RefusesAConnectionThatNobodyTakes) {
  start();
  u16 port = 0;
  {
    const HostServer server;
    port = server.port();
  }
  const GuestTcp& c = guest_->connect(kGateway, port);
  ASSERT_TRUE(bench_.until([&] { return c.reset; }));
}

TEST_F(UserNet, RestrictedReachesNothing) {
  start({{"restrict", "on"}});
  const HostServer server;
  GuestTcp& c = guest_->connect(kGateway, server.port());
  guest_->arp_request(2);
  ASSERT_TRUE(bench_.until([&] { return guest_->arp_replies == 1; }));
  bench_.settle();
  Fd host;
  EXPECT_FALSE(server.accept(host));
  EXPECT_FALSE(c.established);
}

// hostfwd=tcp::0-:22: a free port is chosen, said, and leads to the guest.
TEST_F(UserNet, ForwardsAPortOfTheHost) {
  start({{"hostfwd", "tcp:127.0.0.1:0-:22"}});
  ASSERT_EQ(port_->hostfwds().size(), 1u);
  const u16 port = port_->hostfwds()[0].host_port;
  ASSERT_NE(port, 0);
  ASSERT_EQ(bench_.reports.size(), 1u);
  EXPECT_EQ(bench_.reports[0], fmt::format("hostfwd: tcp 127.0.0.1:{} -> :22", port));
  guest_->listen(22);
  const Fd host = connect_to(port);
  ASSERT_TRUE(host);
  write_all(host, numbered(3000));
  ASSERT_TRUE(bench_.until([&] {
    return guest_->accepted() != nullptr && guest_->accepted()->received.size() == 3000;
  }));
  EXPECT_EQ(guest_->accepted()->received, numbered(3000));
  guest_->write(*guest_->accepted(), numbered(900));
  Bytes got;
  ASSERT_TRUE(bench_.until([&] { return read_more(host, got) && got.size() == 900; }));
}

TEST_F(UserNet, ForwardsComeAndGoAtRunTime) {
  start();
  const auto tcp = port_->add_hostfwd("tcp:127.0.0.1:0-:22");
  const auto udp = port_->add_hostfwd("udp:127.0.0.1:0-10.0.2.15:53");
  ASSERT_TRUE(tcp && udp);
  EXPECT_NE(udp->host_port, 0);
  EXPECT_TRUE(connect_to(tcp->host_port));
  EXPECT_NE(port_->connection_info().find(std::to_string(udp->host_port)), std::string::npos);

  const std::string name = fmt::format("tcp:127.0.0.1:{}", tcp->host_port);
  EXPECT_TRUE(port_->remove_hostfwd(name));
  EXPECT_FALSE(connect_to(tcp->host_port));
  EXPECT_EQ(port_->hostfwds().size(), 1u);
  const auto again = port_->remove_hostfwd(name);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(), "host forwarding rule '" + name + "' not found");
}

TEST_F(UserNet, AForwardRestsWhileDescriptorsAreShort) {
  start({{"hostfwd", "tcp:127.0.0.1:0-:22"}});
  guest_->listen(22);
  bench_.settle();
  const Fd host = connect_to(port_->hostfwds()[0].host_port);
  ASSERT_TRUE(host);
  {
    const NoDescriptors none;
    bench_.settle();
  }
  EXPECT_EQ(port_->listener_rests(), 1u);
  EXPECT_EQ(guest_->accepted(), nullptr);
  write_all(host, numbered(100));
  ASSERT_TRUE(bench_.until([&] {
    return guest_->accepted() != nullptr && guest_->accepted()->received == numbered(100);
  }));
  EXPECT_EQ(port_->listener_rests(), 1u);
}

TEST_F(UserNet, ABusyPortIsSaidInTheWordsThatToolsLookFor) {
  const HostServer server;
  const std::string rule = fmt::format("tcp:127.0.0.1:{}-:22", server.port());
  const auto port = try_start({{"hostfwd", rule}});
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().message(),
            "Could not set up host forwarding rule '" + rule + "': Address already in use");
}

TEST_F(UserNet, GuestfwdLeadsToAServer) {
  const HostServer server;
  start({{"guestfwd", fmt::format("tcp:10.0.2.100:80-tcp:127.0.0.1:{}", server.port())}});
  Fd host;
  GuestTcp& c = guest_->connect({10, 0, 2, 100}, 80);
  ASSERT_TRUE(bench_.until([&] { return c.established && (host || server.accept(host)); }));
  guest_->write(c, numbered(700));
  Bytes got;
  ASSERT_TRUE(bench_.until([&] { return read_more(host, got) && got.size() == 700; }));
  write_all(host, numbered(100'000));  // more than the guest's window
  ASSERT_TRUE(bench_.until([&] { return c.received.size() == 100'000; }));
  EXPECT_EQ(c.received, numbered(100'000));
}

TEST_F(UserNet, GuestfwdLeadsToACommandAndToAUnixSocket) {
  const TempDir dir;
  const Fd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  const sockaddr_un name = unix_name(dir / "s");
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  start({{"guestfwd", "tcp:10.0.2.100:7-cmd:/bin/cat"},
         {"guestfwd", "tcp:10.0.2.101:7-unix:" + (dir / "s")}});
  GuestTcp& cat = guest_->connect({10, 0, 2, 100}, 7);
  ASSERT_TRUE(bench_.until([&] { return cat.established; }));
  guest_->write(cat, numbered(100));
  ASSERT_TRUE(bench_.until([&] { return cat.received == numbered(100); }));

  GuestTcp& c = guest_->connect({10, 0, 2, 101}, 7);
  Fd host;
  ASSERT_TRUE(bench_.until([&] {
    if (!host) host = Fd(::accept4(server.get(), nullptr, nullptr, SOCK_NONBLOCK));
    return host && c.established;
  }));
  guest_->write(c, numbered(50));
  Bytes got;
  ASSERT_TRUE(bench_.until([&] { return read_more(host, got) && got == numbered(50); }));
}

TEST_F(UserNet, GuestfwdToNobodyIsAnError) {
  u16 port = 0;
  {
    const HostServer server;
    port = server.port();
  }
  const auto net =
      try_start({{"guestfwd", fmt::format("tcp:10.0.2.100:80-tcp:127.0.0.1:{}", port)}});
  ASSERT_FALSE(net);
  EXPECT_NE(net.error().message().find("Connection refused"), std::string::npos);
  const auto unknown = try_start({{"guestfwd", "tcp:10.0.2.100:80-what"}});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message().find("expected cmd:, tcp: or unix:"), std::string::npos);
}

TEST_F(UserNet, ServesFilesByTftp) {
  const TempDir dir;
  std::ofstream(dir / "boot.img") << "bytes of a file";
  start({{"tftp", dir.path()}});
  Bytes request = {0, 1};
  for (const char* part : {"boot.img", "octet"}) {
    request.insert(request.end(), part, part + std::strlen(part));
    request.push_back(0);
  }
  guest_->udp(1069, kGateway, 69, request);
  ASSERT_TRUE(bench_.until([&] { return !guest_->udp_received.empty(); }));
  const Bytes& answer = guest_->udp_received[0].payload;
  ASSERT_EQ(Bytes(answer.begin(), answer.begin() + 4), (Bytes{0, 3, 0, 1}));
  EXPECT_EQ(std::string(answer.begin() + 4, answer.end()), "bytes of a file");
}

TEST_F(UserNet, ADeviceWithoutRoomGetsItsFramesLater) {
  start();
  guest_->device.room = 0;
  for (unsigned i = 0; i < 5; ++i) guest_->arp_request(2);
  bench_.settle();
  EXPECT_EQ(guest_->device.frames.size(), 0u);
  guest_->device.room = 2;
  bench_.guest([&] { port_->accept_input(); });
  ASSERT_TRUE(bench_.until([&] { return guest_->device.frames.size() == 2; }));
  guest_->device.room = 100;
  bench_.guest([&] { port_->accept_input(); });
  ASSERT_TRUE(bench_.until([&] { return guest_->device.frames.size() == 5; }));
  EXPECT_EQ(port_->dropped(), 0u);
}

TEST_F(UserNet, TheQueueToTheDeviceIsBounded) {
  start();
  guest_->device.room = 0;
  for (unsigned i = 0; i < FrameQueue::kMaxFrames + 10; ++i) guest_->arp_request(2);
  EXPECT_EQ(port_->dropped(), 10u);
  bench_.guest([&] { port_->attach(nullptr); });  // and forgotten with its device
  bench_.guest([&] { port_->attach(&guest_->device); });
  guest_->device.room = 1'000'000;
  bench_.settle();
  EXPECT_EQ(guest_->device.frames.size(), 0u);
}

}  // namespace
}  // namespace quince::net
