// The network device: configuration, sending, receiving (virtio 1.2, 5.1).
#include "tests/unit/hw/virtio/virtio_net_bench.h"

namespace quince::hw {
namespace {

struct VirtioNetTest : VirtioNetBench {};

// ---- Configuration -----------------------------------------------------------------------------

TEST_F(VirtioNetTest, ConfigurationIsTheStructureOfTheSpecification) {
  config.offers |= feature_bits(VIRTIO_NET_F_MQ);
  config.queue_pairs = 3;
  config.mtu = 9000;
  config.speed = 10000;
  config.full_duplex = true;
  start();
  EXPECT_EQ(port->rd(0x08), 1u);
  EXPECT_EQ(port->read_config(0, 4), 0x1200'5452u);
  EXPECT_EQ(port->read_config(4, 2), 0x5634u);
  EXPECT_EQ(port->read_config(6, 2), VIRTIO_NET_S_LINK_UP);
  EXPECT_EQ(port->read_config(8, 2), 3u);
  EXPECT_EQ(port->read_config(10, 2), 9000u);
  EXPECT_EQ(port->read_config(12, 4), 10000u);
  EXPECT_EQ(port->read_config(16, 1), 1u);
  EXPECT_EQ(driver->queue_count(), 7u);
  EXPECT_EQ(
      driver->features() & ~VirtioDevice::kCommonFeatures,
      config.offers | feature_bits(VIRTIO_NET_F_MAC, VIRTIO_NET_F_MTU, VIRTIO_NET_F_SPEED_DUPLEX));
  port->write_config(0, 1, 0xff);  // the address is read-only without the legacy interface
  EXPECT_EQ(port->read_config(0, 1), 0x52u);
  config.speed.reset();
  config.full_duplex = false;
  start();
  EXPECT_EQ(port->read_config(12, 4), 0xffff'ffffu);
  EXPECT_EQ(port->read_config(16, 1), 0u);
}

TEST_F(VirtioNetTest, AFeatureIsNotOfferedWithoutWhatItNeeds) {
  const auto offered = [&](u64 switched_off) {
    config.offers = VirtioNetConfig::kDefaultOffers & ~switched_off;
    make();
    return port->device_features();
  };
  const u64 all = offered(0);
  EXPECT_EQ(all & feature_bits(VIRTIO_NET_F_MTU, VIRTIO_NET_F_MQ, VIRTIO_NET_F_SPEED_DUPLEX), 0u);
  EXPECT_EQ(all & ~offered(feature_bits(VIRTIO_NET_F_CSUM)),
            feature_bits(VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6,
                         VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_USO));
  EXPECT_EQ(all & ~offered(feature_bits(VIRTIO_NET_F_GUEST_CSUM)),
            feature_bits(VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
                         VIRTIO_NET_F_GUEST_ECN));
  EXPECT_EQ(all & ~offered(feature_bits(VIRTIO_NET_F_HOST_TSO4)),
            feature_bits(VIRTIO_NET_F_HOST_TSO4));
  EXPECT_EQ(all & ~offered(feature_bits(VIRTIO_NET_F_CTRL_VQ)),
            feature_bits(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_RX_EXTRA,
                         VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_MAC_ADDR,
                         VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_GUEST_ANNOUNCE));
  EXPECT_EQ(port->queue_max(2), 0u);  // nor is there a control queue
}

TEST_F(VirtioNetTest, BadConfigurationsNameTheirOption) {
  const auto why = [](auto change) {
    VirtioNetConfig c;
    change(c);
    const auto r = c.check();
    return r ? std::string("fine") : r.error().message().substr(0, r.error().message().find(':'));
  };
  using C = VirtioNetConfig;
  EXPECT_EQ(why([](C&) {}), "fine");
  EXPECT_EQ(why([](C& c) { c.mac = {}; }), "mac");
  EXPECT_EQ(why([](C& c) { c.mac[0] = 1; }), "mac");
  EXPECT_EQ(why([](C& c) { c.queue_pairs = 0; }), "queue-pairs");
  EXPECT_EQ(why([](C& c) { c.queue_pairs = 17; }), "queue-pairs");
  EXPECT_EQ(why([](C& c) { c.queue_pairs = 2; }), "mq");
  const u64 mq = feature_bits(VIRTIO_NET_F_MQ);
  EXPECT_EQ(why([&](C& c) { c.offers |= mq, c.queue_pairs = 16; }), "fine");
  EXPECT_EQ(why([&](C& c) { c.offers = mq; }), "mq");
  EXPECT_EQ(why([](C& c) { c.rx_queue_size = 128; }), "rx_queue_size");
  EXPECT_EQ(why([](C& c) { c.rx_queue_size = 2048; }), "rx_queue_size");
  EXPECT_EQ(why([](C& c) { c.tx_queue_size = 300; }), "tx_queue_size");
  EXPECT_EQ(why([](C& c) { c.mtu = 67; }), "host_mtu");
  EXPECT_EQ(why([](C& c) { c.mtu = 68; }), "fine");
  EXPECT_EQ(why([](C& c) { c.speed = 0x8000'0000; }), "speed");
}

// ---- Sending -----------------------------------------------------------------------------------

TEST_F(VirtioNetTest, AFrameInOnePieceIsSentFromGuestMemoryIfItIsCopiedLaterAnyway) {
  start();
  const Bytes f = frame(1514);
  const VirtioNetHdr open{
      .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16};
  const Buffer b = packet(f, open);
  tx().add({b});
  driver->kick(1);
  ASSERT_EQ(cable.sent.size(), 1u);
  EXPECT_EQ(cable.sent[0].frame, f);
  EXPECT_EQ(cable.sent[0].at, memory.host(b.address) + sizeof(VirtioNetHdr));
  EXPECT_EQ(tx().reap()->length, 0u);
  EXPECT_TRUE(pin.high);
  // The header for itself.
  const Buffer data = bytes(f);
  tx().add({bytes(&open, sizeof open), data}, DriverQueue::How::Indirect);
  driver->kick(1);
  EXPECT_EQ(cable.sent.at(1).at, memory.host(data.address));
  // With nothing left to do, the guest must not be able to change it any more.
  send(f);
  ASSERT_EQ(cable.sent.size(), 3u);
  EXPECT_EQ(cable.sent[2].frame, f);
  const std::span<u8> all = memory.bytes();
  EXPECT_TRUE(cable.sent[2].at < all.data() || cable.sent[2].at >= all.data() + all.size());
}

TEST_F(VirtioNetTest, FramesInPiecesAreGathered) {
  start();
  Bytes f(net::kMaxFrame);
  for (std::size_t i = 0; i < f.size(); ++i) f[i] = static_cast<u8>(i * 7 + i / 256);
  Bytes all(sizeof(VirtioNetHdr));
  all.insert(all.end(), f.begin(), f.end());
  std::vector<Buffer> pieces;  // the header is cut, too
  for (std::size_t at = 0, size = 5; at < all.size(); at += size, size = 1 + (size * 37) % 9000)
    pieces.push_back(bytes(&all[at], std::min(size, all.size() - at)));
  ASSERT_GT(pieces.size(), 10u);
  tx().add(pieces);
  driver->kick(1);
  ASSERT_EQ(cable.sent.size(), 1u);
  EXPECT_EQ(cable.sent[0].frame, f);
}

TEST_F(VirtioNetTest, HeadersBecomeOffloads) {
  start();
  const VirtioNetHdr h{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
                       .hdr_len = 54,
                       .gso_size = 1448,
                       .csum_start = 34,
                       .csum_offset = 16};
  send(frame(3000), h);
  ASSERT_EQ(cable.sent.size(), 1u);
  const net::Offload& o = cable.sent[0].offload;
  EXPECT_TRUE(o.needs_csum);
  EXPECT_EQ(o.csum_start, 34);
  EXPECT_EQ(o.csum_offset, 16);
  EXPECT_EQ(o.segment, Segment::Tcp4);
  EXPECT_TRUE(o.ecn);
  EXPECT_EQ(o.segment_size, 1448);
  EXPECT_EQ(o.header_length, 54);
  send(frame(3000), {.gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1});
  EXPECT_EQ(cable.sent.at(1).offload.segment, Segment::Tcp6);
  send(frame(3000), {.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 1});
  EXPECT_EQ(cable.sent.at(2).offload.segment, Segment::Udp);
  EXPECT_FALSE(cable.sent[2].offload.needs_csum);
}

TEST_F(VirtioNetTest, AWrongHeaderCostsItsFrameAndNothingElse) {
  start(without(VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_USO));
  const auto sent = [&](const VirtioNetHdr& h, std::size_t size = 60) {
    const std::size_t before = cable.sent.size();
    send(frame(size), h);
    EXPECT_FALSE(driver->needs_reset());
    return cable.sent.size() != before;
  };
  constexpr u8 kCsum = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  EXPECT_TRUE(sent({.flags = kCsum, .csum_start = 34, .csum_offset = 24}));
  EXPECT_FALSE(sent({.flags = kCsum, .csum_start = 34, .csum_offset = 25}));
  EXPECT_FALSE(sent({.flags = kCsum, .csum_start = 0xffff, .csum_offset = 0xffff}));
  EXPECT_TRUE(sent({.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1}));
  EXPECT_FALSE(sent({.gso_type = VIRTIO_NET_HDR_GSO_TCPV4}));  // pieces of nothing
  EXPECT_FALSE(
      sent({.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, .gso_size = 1}));
  for (const u8 type : {VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_GSO_UDP_L4, u8{2}, u8{3}, u8{0x80},
                        u8{0x7f}, u8{0xff}})
    EXPECT_FALSE(sent({.gso_type = type, .gso_size = 1})) << unsigned{type};
  EXPECT_TRUE(sent({}, 14));
  EXPECT_FALSE(sent({}, 13));
  EXPECT_FALSE(sent({}, 0));
  EXPECT_TRUE(sent({}, net::kMaxFrame));
  EXPECT_FALSE(sent({}, net::kMaxFrame + 1));
}

TEST_F(VirtioNetTest, WithoutTheFeatureHeadersSayNothing) {
  start(without(VIRTIO_NET_F_CSUM));
  send(frame(), {.flags = 0xff, .gso_type = 0xff, .csum_start = 0xffff});
  ASSERT_EQ(cable.sent.size(), 1u);
  EXPECT_FALSE(cable.sent[0].offload.needs_csum);
  EXPECT_EQ(cable.sent[0].offload.segment, Segment::None);
}

TEST_F(VirtioNetTest, APacketWithoutAWholeHeaderNeedsAReset) {
  start();
  for (const std::vector<Buffer>& chain :
       {std::vector<Buffer>{bytes(Bytes(11))}, {tx().space(100)}}) {
    tx().add({packet(frame())});
    tx().add(chain);
    driver->kick(1);
    EXPECT_TRUE(driver->needs_reset());
    EXPECT_EQ(cable.sent.size(), 1u);
    EXPECT_EQ(nic->queue(1)->in_flight_count(), 0u);
    ASSERT_TRUE(driver->start(~u64{0}));
    cable.sent.clear();
    send(frame());
    EXPECT_EQ(cable.sent.size(), 1u);
    cable.sent.clear();
  }
}

TEST_F(VirtioNetTest, OneNotificationSendsABurst) {
  config.tx_queue_size = 1024;
  start(~u64{0}, 1024);
  const Buffer small = packet(frame());
  for (unsigned i = 0; i < 600; ++i) tx().add({small});
  driver->kick(1);
  EXPECT_EQ(cable.sent.size(), VirtioDevice::kBurst);
  EXPECT_EQ(pin.edges, 1);
  timers.run_due();  // as the machine thread does
  timers.run_due();
  EXPECT_EQ(cable.sent.size(), 600u);
  while (tx().reap()) {
  }
  const Buffer large = packet(frame(60000));
  for (unsigned i = 0; i < 20; ++i) tx().add({large});
  driver->kick(1);
  EXPECT_EQ(cable.sent.size(), 600 + (VirtioNet::kBurstBytes + 59999) / 60000);
  timers.run_due();
  EXPECT_EQ(cable.sent.size(), 620u);
}

TEST_F(VirtioNetTest, InterruptsOfBurstsHonourEventIndices) {
  start();
  tx().set_used_event(3);  // at the fourth
  for (unsigned i = 0; i < 3; ++i) tx().add({packet(frame())});
  driver->kick(1);
  EXPECT_FALSE(pin.high);
  tx().add({packet(frame())});
  driver->kick(1);
  EXPECT_TRUE(pin.high);
}

// ---- Receiving ---------------------------------------------------------------------------------

TEST_F(VirtioNetTest, AFrameFillsABuffer) {
  start();
  const auto b = room(2, 1526);
  const Bytes f = frame(1514);
  ASSERT_TRUE(deliver(f));
  const auto used = rx().reap();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->length, 1526u);
  const VirtioNetHdr h = header(b[0]);
  EXPECT_EQ(h.flags, 0);
  EXPECT_EQ(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
  EXPECT_EQ(h.num_buffers, 1);
  EXPECT_EQ(data(b[0], f.size()), f);
  EXPECT_TRUE(pin.high);
  EXPECT_FALSE(rx().reap());
}

TEST_F(VirtioNetTest, AFrameMayFillSeveralBuffersWhichAppearTogether) {
  // Looks at the used index whenever the device writes the used ring.
  struct Seen {
    DriverQueue* q;
    std::vector<u16> idx;
  } seen{nullptr, {}};
  DmaPort dma = memory.port();
  memory.space().on_code_written(
      [](void* s, PhysAddr) {
        static_cast<Seen*>(s)->idx.push_back(static_cast<Seen*>(s)->q->used_idx());
      },
      &seen);
  make(dma, &cable);
  ASSERT_TRUE(driver->start(without(VIRTIO_F_EVENT_IDX)));  // whose index is in that ring, too
  seen.q = &rx();
  memory.ram().add_code(align_down(rx().used_address() - test::GuestMemory::kBase, 4096));

  Bytes f(9000);
  for (std::size_t i = 0; i < f.size(); ++i) f[i] = static_cast<u8>(i * 3 + i / 256);
  memory.alloc(4096);  // buffers are on other pages
  const auto b = room(8, 1500);
  ASSERT_TRUE(deliver(f));
  EXPECT_EQ(header(b[0]).num_buffers, 7);
  Bytes got = data(b[0], 1488);
  for (unsigned i = 0; i < 7; ++i) {
    const auto used = rx().reap();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->length, i < 6 ? 1500u : 12u);
    if (i == 0) continue;
    const Bytes more = data(b[i], used->length, 0);
    got.insert(got.end(), more.begin(), more.end());
  }
  EXPECT_EQ(got, f);
  EXPECT_FALSE(rx().reap());
  ASSERT_EQ(seen.idx.size(), 8u);  // seven entries, and the index
  for (unsigned i = 0; i < 7; ++i) EXPECT_EQ(seen.idx[i], 0u);
  EXPECT_EQ(seen.idx[7], 7u);
}

TEST_F(VirtioNetTest, FramesWaitForBuffers) {
  for (const u64 features : {~u64{0}, without(VIRTIO_F_EVENT_IDX)}) {
    start(features);
    const bool event_idx = bit(driver->features(), VIRTIO_F_EVENT_IDX);
    const Bytes f = frame(3000);
    EXPECT_FALSE(deliver(f));
    cable.accepted = 0;
    const auto b = room(2, 1500);
    EXPECT_TRUE(rx().should_kick(event_idx));
    driver->kick(0);
    EXPECT_EQ(cable.accepted, 1u);
    EXPECT_FALSE(deliver(f));  // two are not enough
    EXPECT_EQ(rx().used_idx(), 0u);
    EXPECT_EQ(nic->queue(0)->in_flight_count(), 0u);
    EXPECT_FALSE(deliver(f));
    room(1, 1500);
    EXPECT_TRUE(rx().should_kick(event_idx));
    driver->kick(0);
    EXPECT_TRUE(deliver(f));
    EXPECT_EQ(header(b[0]).num_buffers, 3);
    EXPECT_EQ(rx().used_idx(), 3u);
    // As long as nothing is missing, refills are no news.
    room(8, 1500);
    rx().should_kick(event_idx);
    driver->kick(0);
    EXPECT_TRUE(deliver(frame()));
    room(1, 1500);
    EXPECT_FALSE(rx().should_kick(event_idx));
  }
}

TEST_F(VirtioNetTest, NothingIsReceivedWithoutADriver) {
  make();
  EXPECT_FALSE(cable.receiver->can_receive());
  EXPECT_FALSE(deliver(frame()));
  ASSERT_TRUE(driver->start(~u64{0}));
  EXPECT_TRUE(cable.receiver->can_receive());
  port->set_status(0);
  EXPECT_FALSE(cable.receiver->can_receive());
  nic.reset();
  EXPECT_EQ(cable.receiver, nullptr);
  slot.reset();
}

TEST_F(VirtioNetTest, WithoutMergedBuffersAFrameThatDoesNotFitIsDropped) {
  start(without(VIRTIO_NET_F_MRG_RXBUF));
  const auto b = room(2, 200);
  EXPECT_TRUE(deliver(frame(189)));
  EXPECT_EQ(rx().used_idx(), 0u);
  EXPECT_TRUE(deliver(frame(188)));  // the buffer is still there
  EXPECT_EQ(rx().reap()->length, 200u);
  EXPECT_EQ(header(b[0]).num_buffers, 1);
  EXPECT_FALSE(driver->needs_reset());
  // A chain is one buffer.
  rx().add({rx().space(12), rx().space(1000), rx().space(1000)});
  ASSERT_TRUE(deliver(frame(100)));
  EXPECT_TRUE(deliver(frame(1900)));
  EXPECT_EQ(rx().used_idx(), 3u);
}

TEST_F(VirtioNetTest, AFrameThatAWholeQueueCannotHoldIsDropped) {
  start(~u64{0}, 8);
  room(8, 100);
  EXPECT_TRUE(deliver(frame(789)));
  EXPECT_EQ(rx().used_idx(), 0u);
  EXPECT_TRUE(deliver(frame(788)));
  EXPECT_EQ(rx().used_idx(), 8u);
}

TEST_F(VirtioNetTest, BuffersWithoutRoomNeedAReset) {
  for (const bool first : {true, false}) {
    start();
    if (!first) room(1, 100);
    rx().add({first ? rx().space(11) : rx().buffer("nothing writable")});
    EXPECT_TRUE(deliver(frame(200)));
    EXPECT_TRUE(driver->needs_reset());
    EXPECT_EQ(rx().used_idx(), 0u);
    EXPECT_EQ(nic->queue(0)->in_flight_count(), 0u);
    EXPECT_FALSE(cable.receiver->can_receive());
  }
}

TEST_F(VirtioNetTest, OffloadsBecomeHeaders) {
  start();
  EXPECT_TRUE(cable.receiver->features().csum);
  EXPECT_TRUE(cable.receiver->features().segments);
  const auto b = room(3, 4096);
  ASSERT_TRUE(deliver(frame(3000), {.needs_csum = true,
                                    .csum_start = 54,
                                    .csum_offset = 16,
                                    .segment = Segment::Tcp6,
                                    .ecn = true,
                                    .segment_size = 1400,
                                    .header_length = 74}));
  VirtioNetHdr h = header(b[0]);
  EXPECT_EQ(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
  EXPECT_EQ(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN);
  EXPECT_EQ(h.csum_start, 54);
  EXPECT_EQ(h.csum_offset, 16);
  EXPECT_EQ(h.gso_size, 1400);
  EXPECT_EQ(h.hdr_len, 74);
  ASSERT_TRUE(deliver(frame(3000), {.segment = Segment::Tcp4, .segment_size = 1400}));
  EXPECT_EQ(header(b[1]).gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
  ASSERT_TRUE(deliver(frame(), {.csum_valid = true}));
  EXPECT_EQ(header(b[2]).flags, VIRTIO_NET_HDR_F_DATA_VALID);
}

TEST_F(VirtioNetTest, ADriverGetsNoFrameThatItDoesNotTake) {
  start(without(VIRTIO_NET_F_GUEST_CSUM));
  EXPECT_FALSE(cable.receiver->features().csum);
  EXPECT_FALSE(passes(frame(), {.needs_csum = true}));
  const auto b = room(1, 100);
  ASSERT_TRUE(deliver(frame(), {.csum_valid = true}));
  EXPECT_EQ(header(b[0]).flags, 0);
  for (const unsigned one :
       {VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN}) {
    start(without(one));
    EXPECT_TRUE(cable.receiver->features().csum);
    EXPECT_FALSE(cable.receiver->features().segments);
    EXPECT_TRUE(passes(frame(), {.needs_csum = true}));
    EXPECT_FALSE(passes(frame(), {.segment = Segment::Tcp4, .segment_size = 100}));
  }
  start();
  EXPECT_FALSE(passes(frame(), {.segment = Segment::Udp, .segment_size = 100}));
  EXPECT_FALSE(passes(Bytes(13)));
  EXPECT_TRUE(passes(Bytes(14)));
  EXPECT_FALSE(passes(Bytes(net::kMaxFrame + 1)));
}

TEST_F(VirtioNetTest, AnMtuThatTheDriverKnowsIsKept) {
  config.mtu = 1000;
  start();
  EXPECT_TRUE(passes(frame(1014)));
  EXPECT_FALSE(passes(frame(1015)));
  Bytes tagged = frame(1018);
  tagged[12] = 0x81, tagged[13] = 0;
  EXPECT_TRUE(passes(tagged));
  tagged.push_back(0);
  EXPECT_FALSE(passes(tagged));
  EXPECT_TRUE(passes(frame(1900), {.segment = Segment::Tcp4, .segment_size = 900}));
  send(frame(1015));
  EXPECT_EQ(cable.sent.size(), 1u);
  start(without(VIRTIO_NET_F_MTU));
  EXPECT_TRUE(passes(frame(1015)));
}

TEST_F(VirtioNetTest, AStoppedQueueDropsItsFrames) {
  start();
  port->reset_queue(0);
  EXPECT_TRUE(deliver(frame()));
  driver->start_queue(0);
  EXPECT_TRUE(passes(frame()));
}

}  // namespace
}  // namespace quince::hw
