// Stream and datagram ports, with the other end in the test's hands.
#include "net/socket/stream_port.h"

#include <fcntl.h>

#include "host_socket.h"
#include "net/socket/dgram_port.h"
#include "tests/support/net_bench.h"
#include "tests/support/no_descriptors.h"

namespace quince::net {
namespace {

Bytes framed(const Bytes& frame) {
  Bytes out(4);
  store_be32(out.data(), static_cast<u32>(frame.size()));
  out.insert(out.end(), frame.begin(), frame.end());
  return out;
}

std::pair<Fd, Fd> pair_of(int type) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, type, 0, fds.data()), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

/// Gives up a descriptor to a port, which closes it.
int give(Fd& fd) {
  const int n = ::dup(fd.get());
  fd.reset();
  return n;
}

Address unix_address(const std::string& path) {
  Address a;
  a.type = Address::Type::Unix;
  a.path = path;
  return a;
}

Address inet_address(u16 port) {
  Address a;
  a.host = "127.0.0.1";
  a.port = std::to_string(port);
  return a;
}

Fd connect_unix(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  const sockaddr_un a = unix_name(path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) return Fd();
  return fd;
}

class Stream : public testing::Test {
 protected:
  void start(const StreamOptions& o) {
    auto port = StreamPort::create(o, bench_.host());
    ASSERT_TRUE(port) << port.error().message();
    port_ = std::move(*port);
    bench_.guest([&] { port_->attach(&device_); });
  }
  /// On one end of a socket pair; the other is `peer_`.
  void start_pair() {
    auto [ours, theirs] = pair_of(SOCK_STREAM);
    peer_ = std::move(theirs);
    StreamOptions o;
    o.address.type = Address::Type::Fd;
    o.address.fd = give(ours);
    start(o);
  }
  void send(const Bytes& frame, const Offload& offload = {}) {
    bench_.guest([&] { port_->send(frame, offload); });
  }
  bool receives(std::size_t frames) {
    return bench_.until([&] { return device_.frames.size() >= frames; });
  }

  Bench bench_;
  TestDevice device_{bench_};
  std::unique_ptr<StreamPort> port_;
  Fd peer_;
};

TEST_F(Stream, FramesGoBothWaysAfterTheirLengths) {
  start_pair();
  const Bytes frame = test_frame(60, 7);
  send(frame);
  Bytes got;
  ASSERT_TRUE(bench_.until([&] { return read_more(peer_, got) && got.size() == 64; }));
  EXPECT_EQ(got, framed(frame));
  Bytes two = framed(test_frame(1500, 1));
  const Bytes second = framed(test_frame(kMaxFrame, 2));
  two.insert(two.end(), second.begin(), second.end());
  std::size_t done = 0;  // in pieces: of the length, of the frame, and over the border
  for (const std::size_t n : {std::size_t{2}, std::size_t{700}, std::size_t{900}, two.size()}) {
    const std::size_t now = std::min(n, two.size() - done);
    write_all(peer_, std::span(two).subspan(done, now));
    done += now;
    bench_.settle();
  }
  ASSERT_TRUE(receives(2));
  EXPECT_EQ(device_.frames[0], test_frame(1500, 1));
  EXPECT_EQ(device_.frames[1], test_frame(kMaxFrame, 2));
}

TEST_F(Stream, WhatThePeerCouldNotUseIsFinishedFirst) {
  start_pair();
  const Build b{.payload = Bytes(3000, 1), .open_csum = true};
  Offload o;
  o.needs_csum = true;
  o.csum_start = static_cast<u16>(l4_offset(b));
  o.csum_offset = 16;
  o.segment = Offload::Segment::Tcp4;
  o.segment_size = 1460;
  send(build_packet(b), o);
  Bytes got;
  ASSERT_TRUE(bench_.until([&] { return read_more(peer_, got) && got.size() == 3 * 58 + 3000; }));
  EXPECT_TRUE(parse_packet(std::span(got).subspan(4)).l4_csum_ok);
}

TEST_F(Stream, APeerThatDoesNotReadCostsWholeFramesOnly) {
  start_pair();
  const Bytes frame = test_frame(60'000, 3);
  unsigned sent = 0;
  while (port_->dropped() == 0) {
    send(frame);
    ASSERT_LT(++sent, 1000u);
  }
  Bytes got;
  const std::size_t whole = (sent - port_->dropped()) * (frame.size() + 4);
  ASSERT_TRUE(bench_.until([&] { return read_more(peer_, got) && got.size() == whole; }));
  EXPECT_EQ(Bytes(got.end() - 60'004, got.end()), framed(frame));
  send(frame);  // and it goes on
  ASSERT_TRUE(bench_.until([&] { return read_more(peer_, got) && got.size() == whole + 60'004; }));
}

// 003r: what was sent before the peer left arrives, also when the device had no room for it.
TEST_F(Stream, APeerThatLeavesIsHeardOut) {
  start_pair();
  device_.room = 0;
  const Bytes frame = framed(test_frame(1000, 4));
  for (unsigned i = 0; i < 65; ++i) write_all(peer_, frame);
  peer_.reset();
  send(test_frame(60, 1));  // finds out that nobody listens
  bench_.settle();
  EXPECT_TRUE(device_.frames.empty());
  device_.room = 1'000'000;
  bench_.guest([&] { port_->accept_input(); });
  ASSERT_TRUE(receives(65));
  ASSERT_TRUE(bench_.until([&] { return !bench_.reports.empty(); }));
  EXPECT_FALSE(port_->connected());
  EXPECT_NE(bench_.reports[0].find("closed by the other side"), std::string::npos);
  send(test_frame(60, 1));
  EXPECT_GE(port_->dropped(), 1u);
}

// 003q: while the device takes nothing and the peer has left, the loop sleeps.
TEST_F(Stream, ALeftPeerOfAFullDeviceKeepsNobodyAwake) {
  start_pair();
  device_.room = 0;
  write_all(peer_, framed(test_frame(100, 1)));
  peer_.reset();
  bench_.settle();
  unsigned rounds = 0;
  bool over = false;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  while (!over) {
    bench_.loop().run_once(60'000'000);
    ++rounds;
    over = std::chrono::steady_clock::now() > end;
  }
  EXPECT_LE(rounds, 3u);
}

TEST_F(Stream, ALengthThatMakesNoSenseEndsTheConnection) {
  start_pair();
  write_all(peer_, from_hex("7fffffff 00"));
  ASSERT_TRUE(bench_.until([&] { return !port_->connected(); }));
  Bytes rest;
  EXPECT_FALSE(read_more(peer_, rest));
}

TEST_F(Stream, FramesTooShortToBeOneAreDropped) {
  start_pair();
  write_all(peer_, from_hex("00000000 00000003 010203"));
  write_all(peer_, framed(test_frame(60, 9)));
  ASSERT_TRUE(receives(1));
  EXPECT_EQ(device_.frames[0], test_frame(60, 9));
}

// A server serves one peer, then the next; the socket goes with it.
TEST_F(Stream, AServerServesOnePeerAfterTheOther) {
  const TempDir dir;
  StreamOptions o;
  o.address = unix_address(dir / "net");
  o.server = true;
  start(o);
  for (u8 i = 1; i <= 4; ++i) {
    const Fd peer = connect_unix(dir / "net");
    ASSERT_TRUE(peer);
    write_all(peer, framed(test_frame(60, i)));
    ASSERT_TRUE(receives(i));
    EXPECT_EQ(device_.frames.back(), test_frame(60, i));
  }
  EXPECT_TRUE(bench_.reports.empty());
  port_.reset();
  EXPECT_FALSE(std::filesystem::exists(dir / "net"));
}

TEST_F(Stream, AServerReplacesASocketThatWasLeftBehindButNoFile) {
  const TempDir dir;
  {
    const Fd old(::socket(AF_UNIX, SOCK_STREAM, 0));
    const sockaddr_un a = unix_name(dir / "net");
    ASSERT_EQ(::bind(old.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
    ASSERT_EQ(::close(::open((dir / "file").c_str(), O_CREAT | O_WRONLY, 0600)), 0);
  }
  StreamOptions o;
  o.server = true;
  o.address = unix_address(dir / "net");
  start(o);
  o.address = unix_address(dir / "file");
  const auto refused = StreamPort::create(o, bench_.host());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "cannot listen on 'unix:" + (dir / "file") + "': Address already in use");
  EXPECT_TRUE(std::filesystem::exists(dir / "file"));
}

TEST_F(Stream, AnInetServerMayHaveAnyPort) {
  StreamOptions o;
  o.server = true;
  o.address = inet_address(0);
  start(o);
  const Fd peer = connect_to(port_->listening_port());
  ASSERT_TRUE(peer);
  write_all(peer, framed(test_frame(60, 5)));
  ASSERT_TRUE(receives(1));
}

TEST_F(Stream, AClientWhoseServerIsNotThereIsAnError) {
  const TempDir dir;
  StreamOptions o;
  o.address = unix_address(dir / "nobody");
  const auto none = StreamPort::create(o, bench_.host());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message(),
            "cannot connect to 'unix:" + (dir / "nobody") + "': No such file or directory");
  o.address = unix_address(std::string(200, 'x'));
  EXPECT_FALSE(StreamPort::create(o, bench_.host()));
  u16 port = 0;
  {
    const HostServer server;
    port = server.port();
  }
  o.address = inet_address(port);
  const auto refused = StreamPort::create(o, bench_.host());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("Connection refused"), std::string::npos);
}

TEST_F(Stream, APeerThatComesWhenDescriptorsAreShortIsServedLater) {
  const TempDir dir;
  StreamOptions o;
  o.server = true;
  o.address = unix_address(dir / "net");
  start(o);
  bench_.settle();
  EXPECT_FALSE(port_->connected());
  peer_ = connect_unix(dir / "net");
  ASSERT_TRUE(peer_);
  {
    const NoDescriptors none;
    bench_.settle();
  }
  EXPECT_FALSE(port_->connected());
  write_all(peer_, framed(test_frame(60, 1)));
  EXPECT_TRUE(receives(1));
}

// 003q: the client's side.
TEST_F(Stream, AClientConnectsAgain) {
  const TempDir dir;
  StreamOptions o;
  o.address = unix_address(dir / "net");
  o.reconnect_ms = 5;
  start(o);  // nobody is there yet
  EXPECT_FALSE(port_->connected());
  for (u8 i = 1; i <= 3; ++i) {
    Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const sockaddr_un a = unix_name(dir / "net");
    ::unlink((dir / "net").c_str());
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    Fd peer;
    ASSERT_TRUE(bench_.until([&] {
      if (!peer) peer = Fd(::accept(listener.get(), nullptr, nullptr));
      return peer && port_->connected();
    }));
    write_all(peer, framed(test_frame(60, i)));
    ASSERT_TRUE(receives(i));
    peer.reset();
    listener.reset();
    ASSERT_TRUE(bench_.until([&] { return !port_->connected(); }));
  }
  EXPECT_TRUE(bench_.reports.empty());
}

class Dgram : public testing::Test {
 protected:
  void start(const DgramOptions& o) {
    auto port = DgramPort::create(o, bench_.host());
    ASSERT_TRUE(port) << port.error().message();
    port_ = std::move(*port);
    bench_.guest([&] { port_->attach(&device_); });
  }
  void send(const Bytes& frame) {
    bench_.guest([&] { port_->send(frame, {}); });
  }

  Bench bench_;
  TestDevice device_{bench_};
  std::unique_ptr<DgramPort> port_;
};

TEST_F(Dgram, AFrameIsADatagramOfADescriptor) {
  auto [ours, theirs] = pair_of(SOCK_DGRAM);
  DgramOptions o;
  o.local.emplace();
  o.local->type = Address::Type::Fd;
  o.local->fd = give(ours);
  start(o);
  send(test_frame(1514, 1));
  Bytes got(4096);
  ASSERT_EQ(::recv(theirs.get(), got.data(), got.size(), MSG_DONTWAIT), 1514);
  write_all(theirs, test_frame(60, 2));
  write_all(theirs, test_frame(3, 3));  // too short to be a frame
  write_all(theirs, test_frame(61, 4));
  ASSERT_TRUE(bench_.until([&] { return device_.frames.size() >= 2; }));
  EXPECT_EQ(device_.frames[1], test_frame(61, 4));
}

TEST_F(Dgram, ADeviceWithoutRoomLosesNothingThatWasRead) {
  auto [ours, theirs] = pair_of(SOCK_DGRAM);
  DgramOptions o;
  o.local.emplace();
  o.local->type = Address::Type::Fd;
  o.local->fd = give(ours);
  start(o);
  device_.room = 1;
  for (u8 i = 1; i <= 5; ++i) write_all(theirs, test_frame(60, i));
  bench_.settle();
  EXPECT_EQ(device_.frames.size(), 1u);
  device_.room = 100;
  bench_.guest([&] { port_->accept_input(); });
  ASSERT_TRUE(bench_.until([&] { return device_.frames.size() == 5; }));
  for (u8 i = 1; i <= 5; ++i) EXPECT_EQ(device_.frames[i - 1u], test_frame(60, i));
}

TEST_F(Dgram, TwoPortsTalkOverUdpAndOverUnixSockets) {
  const TempDir dir;
  u16 a = 0, b = 0;
  {
    const HostServer one(SOCK_DGRAM), two(SOCK_DGRAM);
    a = one.port();
    b = two.port();
  }
  for (const bool udp : {true, false}) {
    DgramOptions o;
    o.local = udp ? inet_address(a) : unix_address(dir / "a");
    o.remote = udp ? inet_address(b) : unix_address(dir / "b");
    start(o);
    send(test_frame(60, 1));  // nobody there yet; it is lost and nothing else happens
    std::swap(o.local, o.remote);
    auto other = DgramPort::create(o, bench_.host());
    ASSERT_TRUE(other) << other.error().message();
    device_.frames.clear();
    bench_.guest([&] { (*other)->send(test_frame(70, 2), {}); });
    ASSERT_TRUE(bench_.until([&] { return device_.frames.size() == 1; }));
    EXPECT_EQ(device_.frames[0], test_frame(70, 2));
  }
  port_.reset();
  EXPECT_FALSE(std::filesystem::exists(dir / "a"));
}

TEST_F(Dgram, MembersOfAGroupHearEachOther) {
  u16 p = 0;
  {
    const HostServer one(SOCK_DGRAM);
    p = one.port();
  }
  DgramOptions o;
  o.remote = inet_address(p);
  o.remote->host = "230.0.0.1";
  o.interface_address = "127.0.0.1";
  start(o);
  auto other = DgramPort::create(o, bench_.host());
  ASSERT_TRUE(other) << other.error().message();
  bench_.guest([&] { (*other)->send(test_frame(70, 2), {}); });
  ASSERT_TRUE(bench_.until([&] { return device_.frames.size() == 1; }));
  EXPECT_EQ(device_.frames[0], test_frame(70, 2));
}

TEST_F(Dgram, ADescriptorOfAnotherKindIsRefused) {
  auto [ours, theirs] = pair_of(SOCK_STREAM);
  DgramOptions o;
  o.local.emplace();
  o.local->type = Address::Type::Fd;
  o.local->fd = ours.get();
  const auto port = DgramPort::create(o, bench_.host());
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().message(), fmt::format("fd {}: not a datagram socket", ours.get()));
}

}  // namespace
}  // namespace quince::net
