// Back ends of the network under what guests, peers and users may send.  Sanitizers are the judge, and
// the promises of each type.
#include <array>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "net/offload.h"
#include "net/slirp/slirp_port.h"
#include "net/socket/framing.h"
#include "tests/support/net_guest.h"

namespace quince::net {
namespace {

using Segment = Offload::Segment;

unsigned from_environment(const char* name, unsigned usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

/// QUINCE_FUZZ_ACCESSES scales all: 200 000 is a short run.
unsigned rounds(unsigned usual) {
  const double scale = from_environment("QUINCE_FUZZ_ACCESSES", 200'000) / 200'000.0;
  return static_cast<unsigned>(usual * scale) + 1;
}
unsigned seed() { return from_environment("QUINCE_FUZZ_SEED", 1); }

/// Nothing that a guest can say makes more of a frame than its pieces, or reads past its end.
TEST(NetFuzz, AnyFrameWithAnyOffload) {
  std::mt19937 rng(seed());
  unsigned accepted = 0;
  const auto finisher = std::make_unique<Finisher>();
  for (unsigned round = 0; round < rounds(100'000); ++round) {
    Build b{.v6 = rng() % 2 != 0,
            .tcp = rng() % 2 != 0,
            .vlan_tags = static_cast<unsigned>(rng() % 2),
            .payload = Bytes(rng() % 200, 1),
            .open_csum = true};
    if (b.v6) b.source = b.target = Bytes(16, 0xfe);
    Bytes frame = build_packet(b);
    Offload o;
    o.needs_csum = true;
    o.csum_start = static_cast<u16>(l4_offset(b));
    o.csum_offset = b.tcp ? 16 : 6;
    o.segment = !b.tcp ? Segment::Udp : b.v6 ? Segment::Tcp6 : Segment::Tcp4;
    o.segment_size = static_cast<u16>(8 + rng() % 64);
    for (auto n = rng() % 5; n != 0; --n)
      frame[rng() % std::min<std::size_t>(frame.size(), 80)] = static_cast<u8>(rng());
    if (rng() % 4 == 0) frame.resize(rng() % (frame.size() + 1));
    if (rng() % 8 == 0) o.csum_start = static_cast<u16>(rng());
    if (rng() % 8 == 0) o.csum_offset = static_cast<u16>(rng() % 200);
    if (rng() % 4 == 0) o.segment = static_cast<Segment>(rng() % 4);
    if (rng() % 8 == 0) o.segment_size = static_cast<u16>(rng());
    const Bytes exact(frame);  // no spare capacity, so that ASan sees the end
    std::size_t bytes = 0, pieces = 0;
    const bool ok = finisher->finish(exact, o, {.csum = rng() % 2 != 0, .segments = rng() % 2 != 0},
                                     [&](std::span<const u8> f, const Offload&) {
                                       bytes += f.size();
                                       ++pieces;
                                     });
    ASSERT_EQ(ok, pieces != 0);
    ASSERT_LE(pieces, frame.size() / kMinSegmentSize + 1);
    ASSERT_LE(bytes, pieces * (frame.size() + 1));
    accepted += ok;
  }
  EXPECT_GT(accepted, rounds(100'000) / 5);
  EXPECT_LT(accepted, rounds(100'000));
}

TEST(NetFuzz, AnyBytesInAStream) {
  std::mt19937 rng(seed());
  unsigned frames = 0, broken = 0;
  FrameParser parser;
  for (unsigned round = 0; round < rounds(20'000); ++round) {
    Bytes stream(rng() % 300);
    for (u8& b : stream) b = rng() % 3 == 0 ? static_cast<u8>(rng() % 20) : u8{0};
    if (rng() % 4 == 0)
      for (u8& b : stream) b = static_cast<u8>(rng());
    parser.clear();
    std::size_t done = 0, bytes = 0;
    while (done < stream.size() && !parser.broken()) {
      const std::span<u8> space = parser.space();
      ASSERT_FALSE(space.empty());
      const std::size_t n = std::min({space.size(), stream.size() - done, 1 + rng() % 50});
      std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(done), n, space.begin());
      parser.filled(n);
      done += n;
      for (; const auto f = parser.next(); parser.pop()) {
        ++frames;
        bytes += 4 + f->size();
      }
    }
    ASSERT_LE(bytes, done);
    broken += parser.broken();
  }
  EXPECT_GT(frames, rounds(20'000) / 10);
  EXPECT_GT(broken, rounds(20'000) / 10);
}

/// The user network stays what it is, whatever a guest sends.
TEST(NetFuzz, AnyFrameToTheUserNetwork) {
  Bench bench;
  auto port = SlirpPort::create(default_user_options(), bench.host());
  ASSERT_TRUE(port) << port.error().message();
  Guest guest(bench, **port);
  std::mt19937 rng(seed());
  for (unsigned round = 0; round < rounds(20'000); ++round) {
    Build b;
    b.tcp = rng() % 2 != 0;
    b.target_port = static_cast<u16>(rng() % 2 != 0 ? 67 : 69);
    b.payload = Bytes(rng() % 64, static_cast<u8>(rng()));
    // Nothing may leave for the network of the host.
    b.target = {10, 0, 2, static_cast<u8>(rng() % 4)};
    Bytes f = build_packet(b);
    static constexpr std::array<u16, 5> kTypes = {0x0806, 0x0800, 0x86dd, 0x88f8, 0x1234};
    if (rng() % 2 != 0) store_be16(&f[12], kTypes[rng() % kTypes.size()]);
    for (auto n = rng() % 4; n != 0; --n) {
      const std::size_t at = rng() % f.size();
      if (at < 26 || at >= 34) f[at] = static_cast<u8>(rng());
    }
    if (rng() % 4 == 0) f.resize(rng() % (f.size() + 1));
    guest.send(f);
  }
  bench.settle();
  guest.arp_replies = 0;
  guest.arp_request(2);
  EXPECT_TRUE(bench.until([&] { return guest.arp_replies != 0; }));
}

/// Whatever is said of a back end, the answer is one line or options.
TEST(NetFuzz, AnyOptions) {
  static constexpr std::array kWords = {"type",      "user",       "stream",
                                        "dgram",     "socket",     "hubport",
                                        "net",       "host",       "dns",
                                        "dhcpstart", "ipv6-net",   "hostfwd",
                                        "guestfwd",  "addr.type",  "inet",
                                        "unix",      "addr.path",  "reconnect",
                                        "fd",        "listen",     "mcast",
                                        "localaddr", "hubid",      "10.0.2.0/24",
                                        "10.0.2.9",  "tcp::0-:22", "tcp:10.0.2.9:80-cmd:x",
                                        "fec0::/64", "on",         "off",
                                        "-1",        "4294967296", ":",
                                        "-",         "/",          ""};
  std::mt19937 rng(seed());
  unsigned accepted = 0;
  for (unsigned round = 0; round < rounds(50'000); ++round) {
    OptionPairs pairs = {{"type", kWords[1 + rng() % 5]}};
    for (auto n = rng() % 4; n != 0; --n) {
      std::string value = kWords[rng() % kWords.size()];
      if (!value.empty() && rng() % 4 == 0) value[rng() % value.size()] = static_cast<char>(rng());
      pairs.emplace_back(kWords[rng() % kWords.size()], value);
    }
    const auto o = parse_netdev(pairs);
    EXPECT_TRUE(o || !o.error().message().empty());
    accepted += o.has_value();
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace quince::net
