// Checksums and cutting: known packets, and what must hold for all.
#include "net/offload.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "tests/support/packets.h"

namespace quince::net {
namespace {

using Segment = Offload::Segment;

struct Out {
  std::vector<Bytes> frames;
  std::vector<Offload> offloads;
  bool ok = false;
};

Out finish(const Bytes& frame, const Offload& offload, Features features = {}) {
  Out out;
  const auto finisher = std::make_unique<Finisher>();
  out.ok = finisher->finish(frame, offload, features, [&](std::span<const u8> f, const Offload& o) {
    out.frames.emplace_back(f.begin(), f.end());
    out.offloads.push_back(o);
  });
  return out;
}

Bytes random_bytes(std::mt19937& rng, std::size_t n) {
  Bytes b(n);
  for (u8& x : b) x = static_cast<u8>(rng());
  return b;
}

const Bytes kSource6 = from_hex("fec00000000000000000000000000015");
const Bytes kTarget6 = from_hex("fec00000000000000000000000000002");

Offload open_csum(const Build& b) {
  Offload o;
  o.needs_csum = true;
  o.csum_start = static_cast<u16>(l4_offset(b));
  o.csum_offset = b.tcp ? 16 : 6;
  return o;
}

Offload segment_of(const Build& b, u16 size) {
  Offload o = open_csum(b);
  o.segment = !b.tcp ? Segment::Udp : b.v6 ? Segment::Tcp6 : Segment::Tcp4;
  o.segment_size = size;
  o.header_length = static_cast<u16>(l4_offset(b) + (b.tcp ? 20 + b.tcp_options.size() : 8));
  return o;
}

TEST(OnesSum, OfTheExampleOfRfc1071) { EXPECT_EQ(ones_sum(from_hex("0001f203f4f5f6f7")), 0xddf2); }

TEST(OnesSum, OfAHeaderThatWasSeenOnANetwork) {
  // A widely published IPv4 header; its checksum is b861.
  EXPECT_EQ(ones_sum(from_hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7")), 0xffff);
  EXPECT_EQ(static_cast<u16>(~ones_sum(from_hex("4500007300004000401100 00c0a80001c0a800c7"))),
            0xb861);
}

TEST(OnesSum, IsThePlainOneForAllLengths) {
  std::mt19937 rng(1);
  for (std::size_t n = 0; n < 300; ++n) {
    const Bytes b = random_bytes(rng, n);
    EXPECT_EQ(ones_sum(b), plain_sum(b)) << n;
  }
  EXPECT_EQ(ones_sum(Bytes(65536, 0xff)), 0xffff);
}

TEST(Finisher, PassesOnWhatTheOtherSideTakes) {
  const Build b{.payload = Bytes(3000, 1), .open_csum = true};
  const Bytes frame = build_packet(b);
  const Out csum = finish(frame, open_csum(b), {.csum = true});
  ASSERT_EQ(csum.frames, std::vector<Bytes>{frame});
  EXPECT_TRUE(csum.offloads[0].needs_csum);
  const Out segment = finish(frame, segment_of(b, 1460), {.csum = true, .segments = true});
  ASSERT_EQ(segment.frames, std::vector<Bytes>{frame});
  EXPECT_EQ(segment.offloads[0].segment, Segment::Tcp4);
  EXPECT_EQ(finish(frame, {}).frames, std::vector<Bytes>{frame});
}

TEST(Finisher, FillsInTheChecksumOfTcpAndUdp) {
  for (const bool v6 : {false, true})
    for (const bool tcp : {false, true})
      for (const std::size_t size : {0u, 1u, 2u, 1400u, 1401u}) {
        Build b{.v6 = v6, .tcp = tcp, .payload = Bytes(size, 0x5a), .open_csum = true};
        if (v6) b.source = kSource6, b.target = kTarget6;
        const Out out = finish(build_packet(b), open_csum(b));
        ASSERT_EQ(out.frames.size(), 1u);
        EXPECT_TRUE(out.offloads[0].csum_valid && !out.offloads[0].needs_csum);
        EXPECT_TRUE(parse_packet(out.frames[0]).l4_csum_ok);
        b.open_csum = false;
        EXPECT_EQ(out.frames[0], build_packet(b));
      }
}

TEST(Finisher, WritesAChecksumOfZeroAsItsOtherZero) {
  Build b{.tcp = false, .payload = {0, 0}, .open_csum = true};
  Bytes frame = build_packet(b);
  // Choose the payload so that the sum is ffff and its complement 0.
  const u16 partial = plain_sum(std::span(frame).subspan(l4_offset(b)));
  store_be16(&frame[frame.size() - 2], static_cast<u16>(0xffff - partial));
  const Out out = finish(frame, open_csum(b));
  ASSERT_TRUE(out.ok);
  EXPECT_EQ(parse_packet(out.frames[0]).l4_csum, 0xffff);
  EXPECT_TRUE(parse_packet(out.frames[0]).l4_csum_ok);
}

TEST(Finisher, RefusesAChecksumOutsideTheFrame) {
  const Bytes frame(60);
  Offload o;
  o.needs_csum = true;
  o.csum_start = 50;
  o.csum_offset = 9;  // the last byte would be number 60
  EXPECT_FALSE(finish(frame, o).ok);
  o.csum_offset = 8;
  EXPECT_TRUE(finish(frame, o).ok);
  o.csum_start = 0xffff;
  o.csum_offset = 0xffff;
  EXPECT_FALSE(finish(frame, o).ok);
}

TEST(Cutting, FlagsGoWhereTheyBelong) {
  // CWR, PSH, ACK and FIN: CWR says something once, at the first piece; FIN and PSH at the last.
  const Build b{.ip_id = 0xffff,
                .seq = 0xffff'ff00,
                .flags = 0x99,
                .payload = Bytes(2500, 3),
                .open_csum = true};
  Offload o = segment_of(b, 1000);
  o.ecn = true;
  const Out out = finish(build_packet(b), o);
  ASSERT_EQ(out.frames.size(), 3u);
  const Packet first = parse_packet(out.frames[0]);
  const Packet middle = parse_packet(out.frames[1]);
  const Packet last = parse_packet(out.frames[2]);
  EXPECT_EQ(first.flags, 0x90);
  EXPECT_EQ(middle.flags, 0x10);
  EXPECT_EQ(last.flags, 0x19);
  EXPECT_EQ(first.ip_id, 0xffff);
  EXPECT_EQ(middle.ip_id, 0);
  EXPECT_EQ(last.ip_id, 1);
  EXPECT_EQ(middle.seq, 0xffff'ff00 + 1000u);
  EXPECT_EQ(last.seq, 2000u - 0x100u);  // wrapped
  EXPECT_EQ(last.payload.size(), 500u);
}

TEST(Cutting, OneThatTakesSegmentsButNoOpenChecksumGetsTheWhole) {
  for (const bool v6 : {false, true}) {
    Build b{.v6 = v6, .payload = Bytes(60000, 9), .open_csum = true};
    if (v6) b.source = kSource6, b.target = kTarget6;
    const Out out = finish(build_packet(b), segment_of(b, 1460), {.segments = true});
    ASSERT_EQ(out.frames.size(), 1u);
    b.open_csum = false;
    EXPECT_EQ(out.frames[0], build_packet(b));
  }
}

TEST(Cutting, WhatIsTooLongForTheLengthFieldsMakesTwo) {
  Build b{.payload = Bytes(65500, 9), .open_csum = true};
  Bytes frame = build_packet(b);
  store_be16(&frame[kEthernetHeader + 2], 0);  // 65540 do not fit; senders may write 0
  const Out out = finish(frame, segment_of(b, 1460), {.segments = true});
  ASSERT_EQ(out.frames.size(), 2u);
  EXPECT_EQ(parse_packet(out.frames[0]).ip_length, 65535u);
  EXPECT_EQ(parse_packet(out.frames[1]).payload.size(), 5u);
  EXPECT_TRUE(parse_packet(out.frames[1]).l4_csum_ok);
}

TEST(Cutting, AUdpSenderWithoutChecksumsGetsPiecesWithout) {
  const Build b{.tcp = false, .payload = Bytes(100, 1)};
  Bytes frame = build_packet(b);
  store_be16(&frame[l4_offset(b) + 6], 0);
  Offload o = segment_of(b, 60);
  o.needs_csum = false;
  const Out out = finish(frame, o);
  ASSERT_EQ(out.frames.size(), 2u);
  EXPECT_EQ(parse_packet(out.frames[0]).l4_csum, 0);
  EXPECT_EQ(parse_packet(out.frames[0]).udp_length, 68u);
}

TEST(Cutting, RefusesWhatIsNotWhatItIsCalled) {
  const Build tcp4{.payload = Bytes(3000, 1), .open_csum = true};
  const Bytes frame = build_packet(tcp4);
  const Offload good = segment_of(tcp4, 1460);
  EXPECT_TRUE(finish(frame, good).ok);
  Offload o = good;
  o.segment = Segment::Tcp6;
  EXPECT_FALSE(finish(frame, o).ok);
  o.segment = Segment::Udp;
  EXPECT_FALSE(finish(frame, o).ok);
  o = good;
  o.segment_size = kMinSegmentSize - 1;
  EXPECT_FALSE(finish(frame, o).ok);
  const auto changed = [&](std::size_t offset, u8 value) {
    Bytes f = frame;
    f[offset] = value;
    return finish(f, good).ok;
  };
  EXPECT_FALSE(changed(12, 0x86));                    // Ethernet type
  EXPECT_FALSE(changed(kEthernetHeader, 0x44));       // IP header too short
  EXPECT_FALSE(changed(kEthernetHeader + 6, 0x20));   // a fragment
  EXPECT_FALSE(changed(kEthernetHeader + 9, 1));      // ICMP
  EXPECT_FALSE(changed(l4_offset(tcp4) + 12, 0x40));  // TCP header too short
  EXPECT_FALSE(finish(Bytes(frame.begin(), frame.begin() + 40), good).ok);
  EXPECT_FALSE(finish(Bytes(kMaxFrame + 1), good).ok);
}

/// Whatever is cut: every piece is a sound packet, and together they say what the whole said.
TEST(Cutting, PiecesAreSoundAndComplete) {
  std::mt19937 rng(2);
  const auto below = [&](unsigned n) { return rng() % n; };
  for (unsigned round = 0; round < 300; ++round) {
    Build b{.v6 = below(2) != 0, .tcp = below(3) != 0, .seq = static_cast<u32>(rng())};
    if (b.v6) b.source = kSource6, b.target = kTarget6;
    b.ip_options = Bytes(b.v6 ? 0 : 4 * below(11), 1);
    b.tcp_options = Bytes(4 * below(11), 1);
    b.flags = static_cast<u8>(rng());
    b.payload = random_bytes(rng, below(8) == 0 ? below(65000) : below(4000));
    b.open_csum = true;
    const u16 size = static_cast<u16>(kMinSegmentSize + below(3000));
    const Out out = finish(build_packet(b), segment_of(b, size));
    ASSERT_TRUE(out.ok);
    Bytes all;
    for (std::size_t i = 0; i < out.frames.size(); ++i) {
      const Packet p = parse_packet(out.frames[i]);
      ASSERT_TRUE(p.ip_csum_ok && p.l4_csum_ok) << "round " << round << " piece " << i;
      ASSERT_EQ(p.ip_length, out.frames[i].size() - kEthernetHeader);
      ASSERT_LE(p.payload.size(), size);
      ASSERT_TRUE(p.payload.size() == size || i + 1 == out.frames.size());
      if (b.tcp) {
        ASSERT_EQ(p.seq, b.seq + static_cast<u32>(all.size()));
      } else {
        ASSERT_EQ(p.udp_length, 8 + p.payload.size());
      }
      all.insert(all.end(), p.payload.begin(), p.payload.end());
    }
    ASSERT_EQ(all, b.payload);
  }
}

TEST(Cutting, FindsItsWayThroughTagsAndExtensionHeaders) {
  for (unsigned n = 0; n <= 2; ++n) {
    const Build tagged{.vlan_tags = n, .payload = Bytes(100, 1), .open_csum = true};
    EXPECT_EQ(finish(build_packet(tagged), segment_of(tagged, 50)).frames.size(), 2u);
    Build b{.v6 = true, .extensions = n, .payload = Bytes(100, 1), .open_csum = true};
    b.source = kSource6, b.target = kTarget6;
    const Out out = finish(build_packet(b), segment_of(b, 60));
    ASSERT_EQ(out.frames.size(), 2u);
    b.payload.resize(60);
    b.open_csum = false;
    b.flags = 0x10;
    EXPECT_EQ(out.frames[0], build_packet(b));
  }
}

}  // namespace
}  // namespace quince::net
