// Back ends as the machine builds them: hubs, dumps, and another emulator at the other end.
#include "net/netdev.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "host_socket.h"
#include "net/slirp/slirp_port.h"
#include "net/socket/stream_port.h"
#include "tests/support/net_guest.h"

extern char** environ;

namespace quince::net {
namespace {

class NetdevTest : public testing::Test {
 protected:
  Netdev make(const OptionPairs& pairs) {
    const auto options = parse_netdev(pairs);
    EXPECT_TRUE(options) << options.error().message();
    auto made = make_netdev(*options, bench_.host(), hubs_, take());
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::move(*made) : Netdev{};
  }
  TakePort take() {
    return [this](const std::string& id) {
      return id == spare_.id ? std::move(spare_.port) : nullptr;
    };
  }
  Netdev hub_port(const char* hub = "0") { return make({{"type", "hubport"}, {"hubid", hub}}); }
  void attach(Netdev& n, Receiver* d) {
    bench_.guest([&] { n.port->attach(d); });
  }
  void send(Netdev& n, const Bytes& frame, const Offload& o = {}) {
    bench_.guest([&] { n.port->send(frame, o); });
  }

  Bench bench_;
  Hubs hubs_;
  Netdev spare_;
};

TEST_F(NetdevTest, AHubSendsAFrameOutOfAllOtherPorts) {
  Netdev a = hub_port(), b = hub_port(), c = hub_port(), elsewhere = hub_port("1");
  TestDevice da(bench_), db(bench_), dc(bench_), de(bench_);
  attach(a, &da);
  attach(b, &db);
  attach(c, &dc);
  attach(elsewhere, &de);
  send(a, test_frame(60, 1));
  ASSERT_TRUE(bench_.until([&] { return !db.frames.empty() && !dc.frames.empty(); }));
  bench_.settle();
  EXPECT_EQ(db.frames, std::vector<Bytes>{test_frame(60, 1)});
  EXPECT_TRUE(da.frames.empty());
  EXPECT_TRUE(de.frames.empty());
  b.port.reset();
  send(a, test_frame(60, 2));
  ASSERT_TRUE(bench_.until([&] { return dc.frames.size() == 2; }));
}

TEST_F(NetdevTest, AHubGivesEachDeviceWhatItTakes) {
  Netdev a = hub_port(), b = hub_port(), c = hub_port();
  TestDevice simple(bench_), able(bench_);
  able.wants = {.csum = true, .segments = true};
  attach(b, &simple);
  attach(c, &able);
  const Build build{.payload = Bytes(3000, 1), .open_csum = true};
  Offload o;
  o.needs_csum = true;
  o.csum_start = static_cast<u16>(l4_offset(build));
  o.csum_offset = 16;
  o.segment = Offload::Segment::Tcp4;
  o.segment_size = 1000;
  send(a, build_packet(build), o);
  ASSERT_TRUE(bench_.until([&] { return simple.frames.size() == 3 && able.frames.size() == 1; }));
  EXPECT_EQ(able.offloads[0].segment, Offload::Segment::Tcp4);
  EXPECT_TRUE(parse_packet(simple.frames[2]).l4_csum_ok);
}

TEST_F(NetdevTest, ABackEndCanBePluggedIntoAHub) {
  spare_ = make({{"type", "user"}, {"id", "net0"}});
  SlirpPort* const user = spare_.user;
  ASSERT_NE(user, nullptr);
  Netdev uplink = make({{"type", "hubport"}, {"hubid", "0"}, {"netdev", "net0"}});
  Netdev port = hub_port();
  {
    Guest guest(bench_, *port.port);
    guest.arp_request(2);
    ASSERT_TRUE(bench_.until([&] { return guest.arp_replies == 1; }));
  }
  EXPECT_TRUE(user->add_hostfwd("tcp:127.0.0.1:0-:22"));
  const auto none =
      make_netdev(*parse_netdev({{"type", "hubport"}, {"hubid", "0"}, {"netdev", "x"}}),
                  bench_.host(), hubs_, take());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message(), "hubport: there is no free netdev 'x'");
}

TEST_F(NetdevTest, ErrorsNameTheType) {
  const auto options = parse_netdev({{"type", "socket"}, {"fd", "1000000"}});
  ASSERT_TRUE(options);
  const auto n = make_netdev(*options, bench_.host(), hubs_, take());
  ASSERT_FALSE(n);
  EXPECT_EQ(n.error().message(), "socket: fd 1000000: Bad file descriptor");
}

/// Reads a file as pcap-savefile(5) says, and nothing else.
std::vector<std::pair<u32, Bytes>> read_pcap(const std::string& path, u32 snapshot_length) {
  const auto file = read_file(path);
  EXPECT_TRUE(file);
  const Bytes& b = *file;
  const auto word = [&b](std::size_t at) {
    return u32{b[at]} | u32{b[at + 1]} << 8 | u32{b[at + 2]} << 16 | u32{b[at + 3]} << 24;
  };
  EXPECT_GE(b.size(), 24u);
  EXPECT_EQ(word(0), 0xa1b2c3d4u);
  EXPECT_EQ(word(4), 0x00040002u);
  EXPECT_EQ(word(16), snapshot_length);
  EXPECT_EQ(word(20), 1u);
  std::vector<std::pair<u32, Bytes>> frames;
  for (std::size_t at = 24; at + 16 <= b.size();) {
    EXPECT_GT(word(at), 1'600'000'000u);
    EXPECT_LT(word(at + 4), 1'000'000u);
    const u32 captured = word(at + 8);
    EXPECT_LE(at + 16 + captured, b.size());
    frames.emplace_back(word(at + 12), Bytes(&b[at + 16], &b[at + 16] + captured));
    at += 16 + captured;
  }
  return frames;
}

TEST_F(NetdevTest, ADumpHasWhatWentBothWays) {
  const TempDir dir;
  Netdev a = hub_port(), b = hub_port();
  const auto dump = [&](Netdev& n, const char* file, OptionPairs more) {
    more.insert(more.end(), {{"netdev", "n"}, {"file", dir / file}});
    ASSERT_TRUE(add_filter_dump(n, *parse_filter_dump(more), bench_.host()));
  };
  dump(a, "all", {{"maxlen", "100"}});
  dump(a, "rx", {{"queue", "rx"}});
  dump(a, "tx", {{"queue", "tx"}});
  dump(a, "off", {{"status", "off"}});
  TestDevice da(bench_), db(bench_);
  da.wants = {.csum = true};
  attach(a, &da);
  attach(b, &db);
  EXPECT_TRUE(a.port->features().segments);
  send(a, test_frame(60, 1));
  da.room = 0;  // what the device had no room for is written when it comes
  send(b, test_frame(1500, 2));
  bench_.settle();
  da.room = 1;
  bench_.guest([&] { a.port->accept_input(); });
  ASSERT_TRUE(bench_.until([&] { return da.frames.size() == 1 && db.frames.size() == 1; }));
  const Bytes second = test_frame(1500, 2);
  const auto all = read_pcap(dir / "all", 100);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0], (std::pair{60u, test_frame(60, 1)}));
  EXPECT_EQ(all[1], (std::pair{1500u, Bytes(second.begin(), second.begin() + 100)}));
  ASSERT_EQ(read_pcap(dir / "rx", 65536).size(), 1u);
  EXPECT_EQ(read_pcap(dir / "rx", 65536)[0].second, test_frame(60, 1));
  ASSERT_EQ(read_pcap(dir / "tx", 65536).size(), 1u);
  EXPECT_EQ(read_pcap(dir / "tx", 65536)[0].second, second);
  EXPECT_TRUE(read_pcap(dir / "off", 65536).empty());
}

TEST_F(NetdevTest, ADumpGoesToRegularFilesOnly) {
  const TempDir dir;
  Netdev a = hub_port();
  DumpOptions o;
  o.file = dir.path();
  EXPECT_EQ(add_filter_dump(a, o, bench_.host()).error().message(),
            "filter-dump: could not open '" + dir.path() + "': Is a directory");
  o.file = "/dev/null";
  EXPECT_EQ(add_filter_dump(a, o, bench_.host()).error().message(),
            "filter-dump: could not open '/dev/null': not a regular file");
  EXPECT_NE(a.port, nullptr);
}

/// A QEMU without a machine whose back ends are joined by a hub; gone with this.
class OtherEmulator {
 public:
  explicit OtherEmulator(std::vector<std::string> netdevs) {
    std::vector<std::string> args = {"qemu-system-aarch64", "-M",       "none",
                                     "-nodefaults",         "-display", "none"};
    for (std::size_t i = 0; i < netdevs.size(); ++i) {
      const std::string n = std::to_string(i);
      args.insert(args.end(), {"-netdev", netdevs[i] + ",id=n" + n, "-netdev",
                               "hubport,hubid=0,id=h" + n + ",netdev=n" + n});
    }
    std::vector<char*> argv;
    for (std::string& a : args) argv.push_back(a.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    if (::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~OtherEmulator() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  OtherEmulator(const OtherEmulator&) = delete;
  OtherEmulator& operator=(const OtherEmulator&) = delete;
  bool runs() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
};

// QEMU judges the framing: it is the client of our server and the server of our client, and what
// goes in at one comes out at the other, and at a datagram socket. Its own user network answers.
TEST_F(NetdevTest, AnotherEmulatorUnderstandsUs) {
  const TempDir dir;
  const std::string name = dir.path() + "/";
  Netdev server = make(
      {{"type", "stream"}, {"server", "on"}, {"addr.type", "unix"}, {"addr.path", name + "ours"}});
  Netdev client = make({{"type", "stream"},
                        {"addr.type", "unix"},
                        {"addr.path", name + "theirs"},
                        {"reconnect-ms", "20"}});
  Netdev dgram = make({{"type", "dgram"},
                       {"local.type", "unix"},
                       {"local.path", name + "da"},
                       {"remote.type", "unix"},
                       {"remote.path", name + "db"}});
  const OtherEmulator qemu({"stream,server=off,addr.type=unix,addr.path=" + name + "ours",
                            "stream,server=on,addr.type=unix,addr.path=" + name + "theirs",
                            "dgram,local.type=unix,local.path=" + name +
                                "db,remote.type=unix,remote.path=" + name + "da",
                            "user,restrict=on"});
  if (!qemu.runs()) GTEST_SKIP() << "there is no qemu-system-aarch64";
  TestDevice a(bench_), b(bench_), c(bench_);
  attach(server, &a);
  attach(client, &b);
  attach(dgram, &c);
  const auto connected = [](const Netdev& n) {
    return static_cast<const StreamPort&>(*n.port).connected();
  };
  ASSERT_TRUE(bench_.until([&] { return connected(server) && connected(client); }));
  for (u8 i = 1; i <= 3; ++i) {
    Netdev& from = i == 1 ? server : i == 2 ? client : dgram;
    a.frames.clear(), b.frames.clear(), c.frames.clear();
    const Bytes frame = test_frame(i == 3 ? 1400 : 1514, i);
    // Others on the hub may have something to say as well.
    const auto has = [&frame](const TestDevice& d) {
      return std::find(d.frames.begin(), d.frames.end(), frame) != d.frames.end();
    };
    // It is lost while the other emulator is still about to accept us: then it is sent again.
    ASSERT_TRUE(bench_.until([&] {
      if (has(a) + has(b) + has(c) == 2) return true;
      send(from, frame);
      return false;
    })) << unsigned{i};
    EXPECT_FALSE(has(i == 1 ? a : i == 2 ? b : c));
  }
  Guest guest(bench_, *server.port);
  guest.arp_request(2);
  EXPECT_TRUE(bench_.until([&] { return guest.arp_replies == 1; }));
}

}  // namespace
}  // namespace quince::net
