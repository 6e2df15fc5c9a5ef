// Fragments of IPv4 in every order and shape: what becomes a datagram, and what does not.
#include "net/ipv4_reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/packets.h"

namespace quince::net {
namespace {

Bytes text(std::size_t n, u8 start = 0) {
  Bytes b(n);
  for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<u8>(start + i * 7 + i / 251);
  return b;
}

class Reassembly : public testing::Test {
 protected:
  /// The datagram that came of a fragment; empty if none did.
  Bytes take(const Bytes& frame) {
    const Bytes exact(frame);  // no spare capacity, so that ASan sees the end
    const auto out = r_.take(exact, now_ns_);
    EXPECT_LE(r_.open(), Ipv4Reassembler::kMaxOpen);
    return {out.begin(), out.end()};
  }
  /// The same for several; only the last may make something whole.
  Bytes take_all(const std::vector<Bytes>& frames) {
    Bytes out;
    for (const Bytes& f : frames) {
      EXPECT_TRUE(out.empty()) << "whole before the last fragment";
      out = take(f);
    }
    return out;
  }
  void pass(s64 ns) { now_ns_ += ns; }

  Ipv4Reassembler r_;
  s64 now_ns_ = 1'000;
};

Bytes datagram(std::size_t payload, u16 id = 7) {
  return build_packet({.tcp = false, .ip_id = id, .payload = text(payload)});
}

/// `frame` without "don't fragment", which does not come through.
Bytes without_df(Bytes frame) {
  set_fragment(frame, 0, false);
  return frame;
}

TEST_F(Reassembly, WholePacketsPassAsTheyAre) {
  const Bytes frame = datagram(100);
  const auto out = r_.take(frame, 0);
  EXPECT_EQ(out.data(), frame.data());
  EXPECT_EQ(out.size(), frame.size());
  for (std::size_t n = 0; n < 24; ++n)
    EXPECT_EQ(take(Bytes(n, 0)).size(), n) << "not ours to judge";
  EXPECT_EQ(r_.held_bytes(), 0u);
}

TEST_F(Reassembly, InOrderAndInEveryOther) {
  const Bytes frame = datagram(4000);
  auto pieces = fragments_of(frame, {1000, 1008, 1400, 600});
  ASSERT_EQ(pieces.size(), 4u);
  std::vector<std::size_t> order = {0, 1, 2, 3};
  unsigned orders = 0;
  do {
    std::vector<Bytes> shuffled;
    for (const std::size_t i : order) shuffled.push_back(pieces[i]);
    const Bytes out = take_all(shuffled);
    ASSERT_EQ(out, without_df(frame));
    EXPECT_EQ(r_.open(), 0u);
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(orders, 24u);
  const Packet p = parse_packet(frame);
  EXPECT_TRUE(p.ip_csum_ok && p.l4_csum_ok);
}

/// Options that only the first fragment of a datagram has (Record Route, RFC 791), and no-operations.
Bytes with_options(Bytes frame, std::size_t size) {
  Bytes options(size, 1);
  options[0] = 7, options[1] = 11, options[2] = 4;
  frame.insert(frame.begin() + 34, options.begin(), options.end());
  frame[14] = static_cast<u8>(0x40 | (20 + size) / 4);
  store_be16(&frame[16], static_cast<u16>(frame.size() - 14));
  renew_ip_csum(frame);
  return frame;
}

TEST_F(Reassembly, TheFirstFragmentMayHaveMoreOptions) {
  const Bytes frame = datagram(100);
  auto pieces = fragments_of(frame, {48, 60});
  pieces[0] = with_options(pieces[0], 12);
  EXPECT_EQ(take_all({pieces[1], pieces[0]}), without_df(with_options(frame, 12)));
}

TEST_F(Reassembly, APaddedFragmentEndsWhereItsHeaderSays) {
  const Bytes frame = datagram(1000);
  auto pieces = fragments_of(frame, {1000, 8});
  pieces[1].resize(kMinEthernetFrame, 0xee);
  EXPECT_EQ(take_all(pieces), without_df(frame));
}

TEST_F(Reassembly, TheLargestDatagram) {
  const Bytes frame = datagram(65535 - 28);
  std::vector<std::size_t> sizes(44, 1480);
  sizes.push_back(65515 - 44 * 1480);
  EXPECT_EQ(take_all(fragments_of(frame, sizes)), without_df(frame));
  // The smallest fragments that there are.
  sizes.assign(65515 / 8, 8);
  sizes.push_back(65515 % 8);
  EXPECT_EQ(take_all(fragments_of(frame, sizes)), without_df(frame));
}

// The classic of 1996: a last fragment that ends behind what a length can say.
TEST_F(Reassembly, MoreThanALengthCanSayIsNoDatagram) {
  const Bytes frame = datagram(65535 - 28);
  std::vector<std::size_t> sizes(8, 8184);
  sizes.push_back(65515 - 8 * 8184);
  auto pieces = fragments_of(frame, sizes);
  pieces.back().push_back(0);
  store_be16(&pieces.back()[16], static_cast<u16>(pieces.back().size() - 14));
  renew_ip_csum(pieces.back());
  EXPECT_TRUE(take_all(pieces).empty());
  r_.clear();
  // Or one whose payload would fit behind a shorter header than the first fragment's.
  pieces = fragments_of(frame, sizes);
  pieces.front() = with_options(pieces.front(), 4);
  EXPECT_TRUE(take_all(pieces).empty());
  EXPECT_EQ(r_.open(), 0u);
  const Bytes shorter = datagram(65535 - 28 - 4);
  sizes.back() -= 4;
  pieces = fragments_of(shorter, sizes);
  pieces.front() = with_options(pieces.front(), 4);
  EXPECT_EQ(take_all(pieces), without_df(with_options(shorter, 4)));
}

TEST_F(Reassembly, CopiesChangeNothing) {
  const Bytes frame = datagram(300);
  const auto p = fragments_of(frame, {160, 80, 68});
  EXPECT_EQ(take_all({p[2], p[2], p[0], p[0], p[2], p[0], p[1]}), without_df(frame));
}

TEST_F(Reassembly, AnOverlapRefusesTheWholeDatagram) {
  const Bytes frame = datagram(300);
  const auto p = fragments_of(frame, {160, 80, 68});
  struct Case {
    const char* what;
    Bytes fragment;
  };
  std::vector<Case> cases = {{"other bytes", p[1]},
                             {"more than is there", fragments_of(frame, {152, 156})[1]},
                             {"less, and other bytes", fragments_of(frame, {160, 8, 140})[1]},
                             {"over two", fragments_of(frame, {80, 160, 68})[1]}};
  cases[0].fragment.back() ^= 1;
  cases[2].fragment.back() ^= 1;
  for (const Case& c : cases) {
    EXPECT_TRUE(take_all({p[1], c.fragment, p[0], p[2]}).empty()) << c.what;
    // Nor does it come back to life when all is sent again.
    EXPECT_TRUE(take_all(p).empty()) << c.what;
    EXPECT_EQ(r_.open(), 1u);
    pass(Ipv4Reassembler::kLifetimeNs);
    EXPECT_EQ(take_all(p), without_df(frame)) << c.what;
  }
}

TEST_F(Reassembly, AnOverlapDoesNotStandInForAMissingPiece) {
  const Bytes frame = datagram(300);
  const auto p = fragments_of(frame, {160, 80, 68});
  auto other = fragments_of(frame, {80})[0];  // as long as what is missing
  other.back() ^= 1;
  EXPECT_TRUE(take_all({p[0], other, p[2]}).empty());
}

TEST_F(Reassembly, TwoEndsAreAContradiction) {
  const Bytes frame = datagram(300);
  const auto p = fragments_of(frame, {160, 80, 68});
  auto early_end = p[1];
  set_fragment(early_end, 160, false);
  auto goes_on = fragments_of(datagram(400), {240, 72})[1];
  set_fragment(goes_on, 240, true);
  const auto behind = fragments_of(datagram(3000), {320, 80, 2608})[1];
  for (const auto& bad : {std::vector<Bytes>{p[2], early_end},
                          {early_end, p[2]},
                          {p[2], goes_on},
                          {goes_on, early_end},
                          {p[2], behind},
                          {behind, p[2]},
                          {p[1], early_end}}) {
    EXPECT_TRUE(take_all(bad).empty());
    EXPECT_TRUE(take_all(p).empty());
    EXPECT_EQ(r_.open(), 1u);
    r_.clear();
  }
}

TEST_F(Reassembly, AMissingPieceIsMissed) {
  const Bytes frame = datagram(300);
  const auto p = fragments_of(frame, {160, 80, 68});
  for (std::size_t missing = 0; missing < 3; ++missing) {
    for (std::size_t i = 0; i < 3; ++i)
      if (i != missing) {
        EXPECT_TRUE(take(p[i]).empty());
      }
    EXPECT_EQ(take(p[missing]), without_df(frame));
  }
}

TEST_F(Reassembly, OnlyWhatIsAlikeBelongsTogether) {
  const Build b{.tcp = false, .payload = text(300)};
  std::vector<Build> others(4, b);
  others[0].ip_id = 8;
  others[1].source[3] = 16;
  others[2].target[3] = 3;
  const auto p = fragments_of(build_packet(b), {160, 148});
  EXPECT_TRUE(take(p[0]).empty());
  for (std::size_t i = 0; i < others.size(); ++i) {
    auto q = fragments_of(build_packet(others[i]), {160, 148});
    if (i == 3) {  // another protocol
      q[1][23] = 1;
      renew_ip_csum(q[1]);
    }
    EXPECT_TRUE(take(q[1]).empty()) << i;
  }
  EXPECT_EQ(r_.open(), 5u);
  EXPECT_EQ(take(p[1]), without_df(build_packet(b)));
}

TEST_F(Reassembly, DamagedFragmentsAreNotKept) {
  const auto p = fragments_of(datagram(300), {160, 148});
  const auto bad = [&](const char* what, std::size_t which, auto&& change) {
    Bytes f = p[which];
    change(f);
    EXPECT_TRUE(take(f).empty()) << what;
    EXPECT_EQ(r_.open(), 0u) << what;
  };
  bad("checksum", 0, [](Bytes& f) { f[24] ^= 1; });
  bad("version", 0, [](Bytes& f) { f[14] = 0x65, renew_ip_csum(f); });
  bad("header too short", 0, [](Bytes& f) { f[14] = 0x44; });
  bad("header longer than the packet", 0,
      [](Bytes& f) { f.resize(14 + 32), store_be16(&f[16], 32), f[14] = 0x4f; });
  bad("longer than the frame", 1, [](Bytes& f) { f.pop_back(); });
  bad("no bytes", 1, [](Bytes& f) { store_be16(&f[16], 20), renew_ip_csum(f); });
  bad("not whole blocks", 0, [](Bytes& f) { store_be16(&f[16], 20 + 159), renew_ip_csum(f); });
  bad("cut in the header", 0, [](Bytes& f) { f.resize(33); });
}

TEST_F(Reassembly, TimePassesFromTheFirstFragmentOn) {
  const Bytes frame = datagram(300);
  const auto p = fragments_of(frame, {160, 80, 68});
  take(p[0]);
  pass(Ipv4Reassembler::kLifetimeNs - 1);
  take(p[1]);
  EXPECT_EQ(take(p[2]), without_df(frame));
  take(p[0]);
  pass(Ipv4Reassembler::kLifetimeNs - 1);
  take(p[1]);
  pass(1);
  EXPECT_TRUE(take(p[2]).empty());
  EXPECT_EQ(r_.open(), 1u);  // of the last one alone
  EXPECT_EQ(take_all({p[0], p[1]}), without_df(frame));
}

TEST_F(Reassembly, TheOldestGivesWay) {
  constexpr u16 kMany = 1000;
  std::size_t most = 0;
  for (u16 id = 0; id < kMany; ++id) {
    take(fragments_of(datagram(3000, id), {1480, 1528})[1]);
    most = std::max(most, r_.held_bytes());
  }
  EXPECT_EQ(r_.open(), Ipv4Reassembler::kMaxOpen);
  EXPECT_LE(most, (Ipv4Reassembler::kMaxOpen + 1) * 67 * KiB);
  constexpr u16 kOldest = kMany - Ipv4Reassembler::kMaxOpen;
  const auto first = [](u16 id) { return fragments_of(datagram(3000, id), {1480, 1528})[0]; };
  EXPECT_EQ(take(first(kOldest)), without_df(datagram(3000, kOldest)));
  EXPECT_TRUE(take(first(kOldest - 1)).empty());
  EXPECT_EQ(take(first(kMany - 1)), without_df(datagram(3000, kMany - 1)));
  r_.clear();
  EXPECT_EQ(r_.held_bytes(), 0u);
}

}  // namespace
}  // namespace quince::net
