// The control queue of the network device, and what its commands do to received frames (virtio 1.2,
// 5.1.6.5).
#include "hw/virtio/net_flow.h"

#include <set>

#include "tests/unit/hw/virtio/virtio_net_bench.h"

namespace quince::hw {
namespace {

struct VirtioNetControlTest : VirtioNetBench {
  static constexpr u8 kOk = VIRTIO_NET_OK, kErr = VIRTIO_NET_ERR;

  const Bytes own{0x52, 0x54, 0, 0x12, 0x34, 0x56};
  const Bytes other{0x52, 0x54, 0, 0, 0, 1};
  const Bytes group{0x33, 0x33, 0, 0, 0, 1};
  const Bytes everybody{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

  u8 mode(u8 number, bool on) { return command(VIRTIO_NET_CTRL_RX, number, {on}); }
  static Bytes table(const std::vector<Bytes>& unicast, const std::vector<Bytes>& multicast) {
    Bytes out;
    for (const auto* list : {&unicast, &multicast}) {
      for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<u8>(list->size() >> (8 * i)));
      for (const Bytes& mac : *list) out.insert(out.end(), mac.begin(), mac.end());
    }
    return out;
  }
  u8 set_table(const Bytes& argument) {
    return command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, argument);
  }
  bool passes_to(const Bytes& mac) { return passes(frame_to(mac)); }
  static Bytes tagged(const Bytes& to, u16 vlan) {
    Bytes f = frame_to(to, 64);
    f[12] = 0x81, f[13] = 0x00;
    f[14] = static_cast<u8>(0xe0 | vlan >> 8);  // a priority, too
    f[15] = static_cast<u8>(vlan);
    return f;
  }
};

TEST_F(VirtioNetControlTest, EverythingPassesUntilTheDriverSaysOtherwise) {
  start();
  for (const Bytes& to : {own, other, group, everybody}) EXPECT_TRUE(passes_to(to));
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  EXPECT_TRUE(passes_to(own));
  EXPECT_TRUE(passes_to(everybody));
  EXPECT_FALSE(passes_to(other));
  EXPECT_FALSE(passes_to(group));
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_ALLMULTI, true), kOk);
  EXPECT_TRUE(passes_to(group));
  EXPECT_FALSE(passes_to(other));
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_ALLUNI, true), kOk);
  EXPECT_TRUE(passes_to(other));
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_NOMULTI, true), kOk);
  EXPECT_FALSE(passes_to(group));
  EXPECT_TRUE(passes_to(everybody));
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_NOUNI, true), kOk);
  EXPECT_FALSE(passes_to(own));
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_NOBCAST, true), kOk);
  EXPECT_FALSE(passes_to(everybody));
  ASSERT_TRUE(driver->start(~u64{0}));  // the next driver begins anew
  for (const Bytes& to : {own, other, group, everybody}) EXPECT_TRUE(passes_to(to));
}

TEST_F(VirtioNetControlTest, TheAddressTable) {
  start();
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  ASSERT_EQ(set_table(table({other}, {group})), kOk);
  EXPECT_TRUE(passes_to(own));
  EXPECT_TRUE(passes_to(other));
  EXPECT_TRUE(passes_to(group));
  EXPECT_FALSE(passes_to({0x52, 0x54, 0, 0, 0, 2}));
  EXPECT_FALSE(passes_to({0x33, 0x33, 0, 0, 0, 2}));
  // What is ill-formed changes nothing.
  for (const Bytes& bad :
       {Bytes{}, Bytes{1, 0, 0}, table({other, own}, {group}) /* cut below */, Bytes(7),
        Bytes{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, Bytes{0, 0, 0, 0, 0xab, 0xaa, 0xaa, 0x2a}}) {
    Bytes argument = bad;
    if (argument.size() > 8) argument.pop_back();
    EXPECT_EQ(set_table(argument), kErr);
  }
  Bytes longer = table({}, {});
  longer.push_back(0);
  EXPECT_EQ(set_table(longer), kErr);
  EXPECT_TRUE(passes_to(other));
  ASSERT_EQ(set_table(table({}, {group})), kOk);
  EXPECT_FALSE(passes_to(other));
  EXPECT_TRUE(passes_to(group));
  ASSERT_EQ(set_table(table({}, {})), kOk);
  EXPECT_FALSE(passes_to(group));
}

TEST_F(VirtioNetControlTest, ATableThatIsTooLongPassesAllOfItsKind) {
  start();
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  std::vector<Bytes> many;
  for (u8 i = 0; i < 64; ++i) many.push_back({2, 0, 0, 0, 1, i});
  ASSERT_EQ(set_table(table(many, {})), kOk);
  EXPECT_TRUE(passes_to(many.back()));
  EXPECT_FALSE(passes_to(other));
  ASSERT_EQ(set_table(table(many, {group})), kOk);  // no room is left for groups
  EXPECT_TRUE(passes_to({0x33, 0x33, 0, 0, 0, 2}));
  EXPECT_FALSE(passes_to(other));
  many.push_back({2, 0, 0, 0, 1, 64});
  ASSERT_EQ(set_table(table(many, {group})), kOk);
  EXPECT_TRUE(passes_to(other));
  EXPECT_TRUE(passes_to(group));
  EXPECT_FALSE(passes_to({0x33, 0x33, 0, 0, 0, 2}));
}

TEST_F(VirtioNetControlTest, TheAddressMayBeChanged) {
  start();
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, Bytes(5)), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, Bytes(7)), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_MAC, 2, other), kErr);
  EXPECT_TRUE(passes_to(own));
  ASSERT_EQ(command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other), kOk);
  EXPECT_EQ(port->read_config(5, 1), 1u);
  EXPECT_FALSE(passes_to(own));
  EXPECT_TRUE(passes_to(other));
  ASSERT_TRUE(driver->start(~u64{0}));
  EXPECT_EQ(port->read_config(5, 1), 0x56u);
}

TEST_F(VirtioNetControlTest, TheVlanTable) {
  start();
  EXPECT_TRUE(passes(tagged(own, 5)));  // promiscuous mode looks at no tags
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  EXPECT_FALSE(passes(tagged(own, 5)));
  EXPECT_TRUE(passes_to(own));
  ASSERT_EQ(command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, {5, 0}), kOk);
  ASSERT_EQ(command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, {0xff, 0x0f}), kOk);
  EXPECT_TRUE(passes(tagged(own, 5)));
  EXPECT_TRUE(passes(tagged(own, 4095)));
  EXPECT_FALSE(passes(tagged(own, 6)));
  EXPECT_FALSE(passes(tagged(other, 5)));
  ASSERT_EQ(command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, {5, 0}), kOk);
  EXPECT_FALSE(passes(tagged(own, 5)));
  EXPECT_EQ(command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, {0x00, 0x10}), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, {5}), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_VLAN, 2, {5, 0}), kErr);
  ASSERT_TRUE(driver->start(without(VIRTIO_NET_F_CTRL_VLAN)));
  ASSERT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  EXPECT_TRUE(passes(tagged(own, 5)));
}

TEST_F(VirtioNetControlTest, OffloadsMayBeSwitchedAtRunTime) {
  start(without(VIRTIO_NET_F_GUEST_ECN));
  const auto set = [&](u64 v) {
    Bytes b(8);
    store_le(b.data(), v);
    return command(VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, b);
  };
  EXPECT_EQ(set(feature_bits(VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_ECN)), kErr);
  EXPECT_EQ(set(feature_bits(VIRTIO_NET_F_MAC)), kErr);
  EXPECT_TRUE(cable.receiver->features().csum);
  ASSERT_EQ(set(0), kOk);
  EXPECT_FALSE(cable.receiver->features().csum);
  EXPECT_FALSE(passes(frame(), {.needs_csum = true}));  // made before
  ASSERT_EQ(set(feature_bits(VIRTIO_NET_F_GUEST_CSUM)), kOk);
  EXPECT_TRUE(cable.receiver->features().csum);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, Bytes(7)), kErr);
  start();
  ASSERT_EQ(
      set(feature_bits(VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN)),
      kOk);
  EXPECT_FALSE(cable.receiver->features().segments);  // not without checksums
}

TEST_F(VirtioNetControlTest, AnAnnouncementIsAskedForAndAcknowledged) {
  start();
  EXPECT_EQ(command(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, {}), kErr);
  port->take_interrupts();
  EXPECT_TRUE(nic->announce());
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(port->read_config(6, 2), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_ANNOUNCE, 1, {}), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, {}), kOk);
  EXPECT_EQ(port->read_config(6, 2), VIRTIO_NET_S_LINK_UP);
  start(without(VIRTIO_NET_F_GUEST_ANNOUNCE));
  EXPECT_FALSE(nic->announce());
}

TEST_F(VirtioNetControlTest, CommandsThatWereNotNegotiatedOrDoNotExistAreRefused) {
  start(feature_bits(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_VQ));
  EXPECT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kErr);
  EXPECT_EQ(mode(VIRTIO_NET_CTRL_RX_NOUNI, true), kErr);
  EXPECT_EQ(set_table(table({}, {})), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, {5, 0}), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, {1, 0}), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, Bytes(8)), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_ANNOUNCE, 0, {}), kErr);
  EXPECT_EQ(command(6, 0, {0, 0, 0, 0}), kErr);
  EXPECT_TRUE(passes_to(other));
  start();
  EXPECT_EQ(mode(6, true), kErr);
  EXPECT_EQ(command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, {}), kErr);
  for (const u8 number : Bytes{6, 7, 128, 255}) EXPECT_EQ(command(number, 0, {0, 0}), kErr);
  EXPECT_TRUE(passes_to(other));
  start(without(VIRTIO_NET_F_CTRL_VQ));
  driver->queue(2).add({bytes(Bytes(3)), tx().space(1)});
  driver->kick(2);
  EXPECT_FALSE(driver->queue(2).reap());  // there is no such queue
}

TEST_F(VirtioNetControlTest, CommandsInPiecesAndWithoutAHeader) {
  start();
  DriverQueue& q = driver->queue(2);
  const Buffer ack = q.space(8);
  const u8 zero = 0;
  q.add({bytes(&zero, 1), bytes(&zero, 1), bytes(&zero, 1), ack});
  driver->kick(2);
  EXPECT_EQ(q.reap()->length, 1u);
  EXPECT_EQ(memory.get<u8>(ack.address), kOk);
  EXPECT_FALSE(passes_to(other));
  for (const std::vector<Buffer>& chain :
       {std::vector<Buffer>{bytes(&zero, 1), q.space(1)}, {bytes(Bytes(3))}, {q.space(4)}}) {
    driver->queue(2).add(chain);
    driver->kick(2);
    EXPECT_TRUE(driver->needs_reset());
    EXPECT_EQ(nic->queue(2)->in_flight_count(), 0u);
    ASSERT_TRUE(driver->start(~u64{0}));
  }
}

// ---- Several pairs -----------------------------------------------------------------------------

struct VirtioNetPairsTest : VirtioNetControlTest {
  void start_pairs(u16 pairs, u64 features = ~u64{0}) {
    config.offers |= feature_bits(VIRTIO_NET_F_MQ);
    config.queue_pairs = pairs;
    start(features);
  }
  u8 set_pairs(u16 n) {
    return command(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
                   {static_cast<u8>(n), static_cast<u8>(n >> 8)});
  }
  /// The pair that a frame comes to.
  int pair_of(const Bytes& f) {
    for (unsigned p = 0; p < config.queue_pairs; ++p)
      if (rx(p).avail_idx() == rx(p).used_idx()) room(1, 2048, p);
    EXPECT_TRUE(deliver(f));
    int found = -1;
    for (unsigned p = 0; p < config.queue_pairs; ++p)
      while (rx(p).reap()) {
        EXPECT_EQ(found, -1);
        found = static_cast<int>(p);
      }
    return found;
  }
  static Bytes reply_to(Build b) {
    std::swap(b.source, b.target);
    std::swap(b.source_port, b.target_port);
    return net::build_packet(b);
  }
};

TEST_F(VirtioNetPairsTest, TheControlQueueIsBehindThePairsThatThereAre) {
  start_pairs(16);
  EXPECT_EQ(driver->queue_count(), 33u);
  EXPECT_EQ(control_queue(), 32u);
  EXPECT_EQ(port->queue_max(32), VirtioNet::kControlQueueSize);
  EXPECT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  for (const u16 n : std::vector<u16>{0, 17, 0x8000, 0xffff}) EXPECT_EQ(set_pairs(n), kErr);
  for (const u16 n : std::vector<u16>{1, 16, 5}) EXPECT_EQ(set_pairs(n), kOk);
  // Without the feature it is the third queue, and the others are nothing.
  start_pairs(16, without(VIRTIO_NET_F_MQ));
  EXPECT_EQ(control_queue(), 2u);
  EXPECT_EQ(mode(VIRTIO_NET_CTRL_RX_PROMISC, false), kOk);
  EXPECT_EQ(set_pairs(1), kErr);
  tx(1).add({packet(frame())});
  driver->kick(3);
  EXPECT_FALSE(tx(1).reap());
  EXPECT_TRUE(cable.sent.empty());
}

TEST_F(VirtioNetPairsTest, AnswersComeWhereTheFlowWasSentFrom) {
  start_pairs(4);
  std::vector<Build> flows;
  for (unsigned i = 0; i < 12; ++i) {
    Build b{.v6 = i % 2 != 0, .tcp = i % 3 != 0, .vlan_tags = i % 4 == 3 ? 1u : 0u};
    if (b.v6) b.source = Bytes(16, 0x20), b.target = Bytes(16, 0x21);
    b.source_port = static_cast<u16>(40000 + 77 * i);
    flows.push_back(b);
    EXPECT_EQ(pair_of(reply_to(b)), 0);  // one pair is in use
  }
  ASSERT_EQ(set_pairs(4), kOk);
  for (unsigned pair = 0; pair < 4; ++pair)
    for (const Build& b : flows) {
      send(net::build_packet(b), {}, pair);
      EXPECT_EQ(pair_of(reply_to(b)), static_cast<int>(pair));
    }
  // Fewer pairs, and what was learned is forgotten.
  ASSERT_EQ(set_pairs(2), kOk);
  send(net::build_packet(flows[0]), {}, 3);  // a pair out of use is not learned
  EXPECT_LT(pair_of(reply_to(flows[0])), 2);
  EXPECT_EQ(pair_of(frame()), 0);  // no IP
}

TEST_F(VirtioNetPairsTest, UnknownFlowsSpread) {
  start_pairs(4);
  ASSERT_EQ(set_pairs(4), kOk);
  std::array<unsigned, 4> seen{};
  for (unsigned i = 0; i < 64; ++i) {
    Build b;
    b.source_port = static_cast<u16>(1000 + i);
    const int pair = pair_of(net::build_packet(b));
    ASSERT_GE(pair, 0);
    EXPECT_EQ(pair_of(net::build_packet(b)), pair);
    ++seen[static_cast<unsigned>(pair)];
  }
  for (const unsigned n : seen) EXPECT_GT(n, 4u);
}

TEST(NetFlow, AFlowHasOneNumberInBothDirectionsAndOthersHaveOthers) {
  std::set<u32> seen;
  for (const bool v6 : {false, true})
    for (unsigned i = 0; i < 200; ++i) {
      Build b{.v6 = v6, .tcp = i % 2 != 0};
      if (v6) b.source = Bytes(16, 1), b.target = Bytes(16, 2);
      b.source[b.source.size() - 1] = static_cast<u8>(i);
      b.source_port = static_cast<u16>(2000 + i % 3);
      const auto h = flow_hash(net::build_packet(b));
      ASSERT_TRUE(h);
      seen.insert(*h);
      std::swap(b.source, b.target);
      std::swap(b.source_port, b.target_port);
      EXPECT_EQ(flow_hash(net::build_packet(b)), h);
    }
  EXPECT_EQ(seen.size(), 400u);
}

TEST(NetFlow, EveryLengthHasAnAnswer) {
  for (const bool v6 : {false, true})
    for (const unsigned tags : {0u, 1u, 2u}) {
      Build b{.v6 = v6, .vlan_tags = tags};
      if (v6) b.source = b.target = Bytes(16, 7);
      const Bytes whole = net::build_packet(b);
      const std::size_t ip = 14 + 4 * tags, header = v6 ? 40 : 20;
      for (std::size_t n = 0; n <= whole.size(); ++n) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        EXPECT_EQ(flow_hash(cut).has_value(), n >= ip + header) << n;
      }
    }
  // Fragments have no ports, the first one neither, so that they stay together.
  Build b;
  Bytes first = net::build_packet(b);
  first[20] = 0x20;
  b.source_port = 1;
  Bytes next = net::build_packet(b);
  next[21] = 0x20;
  EXPECT_EQ(flow_hash(first), flow_hash(next));
  EXPECT_FALSE(flow_hash(Bytes(60, 0xff)));
}

}  // namespace
}  // namespace quince::hw
