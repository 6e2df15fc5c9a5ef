// Back ends of the network under what guests, peers and users may send.  Sanitizers are the judge, and
// the promises of each type.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "net/ipv4_reassembly.h"
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

/// A datagram for the user network itself: nothing may leave for the network of the host.
Bytes local_datagram(std::mt19937& rng, u16 id) {
  Build b{.tcp = false, .ip_id = id};
  b.target_port = static_cast<u16>(rng() % 2 != 0 ? 67 : 69);
  b.payload = Bytes(rng() % (rng() % 16 == 0 ? 65'480 : 400), static_cast<u8>(rng()));
  if (rng() % 4 == 0) b.ip_options = Bytes(4 * (rng() % 4), 1);
  Bytes f = build_packet(b);
  if (rng() % 3 == 0) {  // an echo request
    f[kEthernetHeader + 9] = 1;
    const std::span<u8> icmp = std::span(f).subspan(l4_offset(b));
    std::fill_n(icmp.begin(), 8, u8{0});
    icmp[0] = 8;
    store_be16(&icmp[2], static_cast<u16>(~plain_sum(icmp)));
  }
  set_fragment(f, 0, false);
  return f;
}

/// Cut anywhere, and in any order.
std::vector<Bytes> random_fragments(std::mt19937& rng, const Bytes& frame) {
  std::size_t left = frame.size() - kEthernetHeader - std::size_t{4} * (frame[14] & 0xf);
  const std::size_t blocks = left > 4000 ? 400 : 8;
  std::vector<std::size_t> sizes;
  while (left > 8) {
    sizes.push_back(std::min((left - 1) & ~std::size_t{7}, 8 * (1 + rng() % blocks)));
    left -= sizes.back();
  }
  sizes.push_back(left);
  auto pieces = fragments_of(frame, sizes);
  if (rng() % 2 == 0) std::shuffle(pieces.begin(), pieces.end(), rng);
  return pieces;
}

/// Changes where a fragment belongs, how long it is, or what is in it.
void damage(std::mt19937& rng, Bytes& f) {
  if (f.size() < 34 || (f[14] & 0xf) < 5 || f.size() < 14u + 4 * (f[14] & 0xf)) return;  // damaged
  const u16 place = load_be16(&f[20]);
  switch (rng() % 7) {
    case 0:
      return set_fragment(f, std::size_t{8} * (place & 0x1fff), (place & 0x2000) == 0);
    case 1:
      return set_fragment(f, 8 * (rng() % 0x2000), rng() % 2 != 0);
    case 2:
      return set_fragment(f, 8 * (rng() % 64), rng() % 2 != 0);
    case 3:
      store_be16(&f[16], static_cast<u16>(rng() % (f.size() + 8)));
      return renew_ip_csum(f);
    case 4:
      f.resize(rng() % (f.size() + 1));
      return;
    case 5:
      f.back() ^= 1;
      return;
    default:
      f[14 + rng() % 20] = static_cast<u8>(rng());
      return;
  }
}

/// What becomes whole is a datagram, and it is the one that was cut unless somebody meddled with it.
TEST(NetFuzz, AnyFragments) {
  std::mt19937 rng(seed());
  Ipv4Reassembler r;
  s64 now_ns = 0;
  unsigned whole = 0, untouched = 0;
  for (unsigned round = 0; round < rounds(6'000); ++round) {
    const u16 id = static_cast<u16>(rng() % 512);
    const Bytes frame = local_datagram(rng, id);
    auto pieces = random_fragments(rng, frame);
    const bool sound = rng() % 2 != 0;
    for (auto n = sound ? 0 : 1 + rng() % 3; n != 0; --n) {
      const std::size_t which = rng() % pieces.size();
      if (rng() % 2 != 0) pieces.push_back(pieces[which]);
      damage(rng, pieces[which]);
    }
    if (rng() % 8 == 0) pieces.erase(pieces.begin());
    if (sound) r.clear();  // nothing of an older one with the same number
    bool came = false;
    for (const Bytes& piece : pieces) {
      const Bytes exact(piece);  // no spare capacity, so that ASan sees the end
      if (rng() % 256 == 0) now_ns += static_cast<s64>(rng());
      const auto out = r.take(exact, now_ns);
      ASSERT_LE(r.open(), Ipv4Reassembler::kMaxOpen);
      if (out.empty() || out.data() == exact.data()) continue;
      ++whole;
      ASSERT_LE(out.size(), kEthernetHeader + 0xffff);
      ASSERT_EQ(out.size(), kEthernetHeader + load_be16(&out[16]));
      ASSERT_EQ(load_be16(&out[20]), 0);
      ASSERT_EQ(plain_sum(out.subspan(14, std::size_t{4} * (out[14] & 0xf))), 0xffff);
      if (!sound) continue;
      came = true;
      ASSERT_TRUE(std::equal(out.begin(), out.end(), frame.begin(), frame.end()));
    }
    untouched += sound && came;
  }
  EXPECT_GT(untouched, rounds(6'000) / 4);
  EXPECT_GT(whole, untouched);
}

/// libslirp 4.7 does not survive all of these when it puts them together itself.
TEST(NetFuzz, AnyFragmentsToTheUserNetwork) {
  Bench bench;
  auto port = SlirpPort::create(default_user_options(), bench.host());
  ASSERT_TRUE(port) << port.error().message();
  Guest guest(bench, **port);
  guest.arp_request(2);
  std::mt19937 rng(seed());
  for (unsigned round = 0; round < rounds(3'000); ++round) {
    auto pieces = random_fragments(rng, local_datagram(rng, static_cast<u16>(rng() % 64)));
    for (auto n = rng() % 3; n != 0; --n) {
      Bytes& f = pieces[rng() % pieces.size()];
      const Bytes before = f;
      damage(rng, f);
      // Addresses stay.
      if (f.size() >= 34) std::copy_n(&before[26], 8, &f[26]);
    }
    for (const Bytes& f : pieces) guest.send(f);
    if (round % 64 == 0) bench.settle();
  }
  bench.settle();
  EXPECT_GT(guest.ping_replies.size(), rounds(3'000) / 20);
  guest.arp_replies = 0;
  guest.arp_request(2);
  EXPECT_TRUE(bench.until([&] { return guest.arp_replies != 0; }));
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
