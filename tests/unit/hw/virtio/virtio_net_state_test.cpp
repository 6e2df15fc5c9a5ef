// The network device: its link, rings that lie, snapshots.
#include "tests/unit/hw/virtio/virtio_net_bench.h"

namespace quince::hw {
namespace {

struct VirtioNetLinkTest : VirtioNetBench {};

// ---- Link --------------------------------------------------------------------------------------

TEST_F(VirtioNetLinkTest, TheLinkGoesDownAndUp) {
  start();
  nic->set_link(false);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(port->read_config(6, 2), 0u);
  nic->set_link(false);
  EXPECT_EQ(port->take_interrupts(), 0u);  // no news
  send(frame());
  EXPECT_TRUE(cable.sent.empty());
  EXPECT_FALSE(passes(frame()));
  port->set_status(0);  // a reset does not plug it in
  EXPECT_EQ(port->read_config(6, 2), 0u);
  ASSERT_TRUE(driver->start(~u64{0}));
  const u8 generation = port->config_generation();
  nic->set_link(true);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_NE(port->config_generation(), generation);
  EXPECT_EQ(port->read_config(6, 2), VIRTIO_NET_S_LINK_UP);
  send(frame());
  EXPECT_EQ(cable.sent.size(), 1u);
  EXPECT_TRUE(passes(frame()));
}

TEST_F(VirtioNetLinkTest, BothEndsOfTheCableMustBePluggedIn) {
  start();
  cable.receiver->link_changed(false);
  EXPECT_EQ(port->read_config(6, 2), 0u);
  nic->set_link(false);
  cable.receiver->link_changed(true);
  EXPECT_EQ(port->read_config(6, 2), 0u);
  nic->set_link(true);
  EXPECT_EQ(port->read_config(6, 2), VIRTIO_NET_S_LINK_UP);
}

TEST_F(VirtioNetLinkTest, WithoutTheStatusFeatureALinkIsJustSilent) {
  config.offers &= without(VIRTIO_NET_F_STATUS);
  start();
  nic->set_link(false);
  EXPECT_EQ(port->take_interrupts(), 0u);
  EXPECT_EQ(port->read_config(6, 2), 0u);
  send(frame());
  EXPECT_TRUE(cable.sent.empty());
}

TEST_F(VirtioNetLinkTest, ADeviceWithoutAPortIsANetworkWithoutAnybody) {
  make(memory.port(), nullptr);
  ASSERT_TRUE(driver->start(~u64{0}));
  room(1, 100);
  driver->kick(0);
  send(frame());
  EXPECT_FALSE(driver->needs_reset());
}

struct VirtioNetLies : VirtioNetBench {};

// ---- Lies --------------------------------------------------------------------------------------

TEST_F(VirtioNetLies, RingsThatLieCostTheDeviceAndNothingElse) {
  using Lie = void (*)(DriverQueue&);
  const Lie lies[] = {
      [](DriverQueue& q) { q.set_avail_idx(static_cast<u16>(q.avail_idx() + q.size() + 1)); },
      [](DriverQueue& q) { q.publish(q.size()); },
      [](DriverQueue& q) { q.publish(0), q.publish(0); },
      [](DriverQueue& q) {
        q.set_desc(0, {0, 100, VIRTQ_DESC_F_WRITE, 0}), q.publish(0);
      },
      [](DriverQueue& q) {
        q.set_desc(0, {q.desc_address(), 16, VIRTQ_DESC_F_NEXT, 0}), q.publish(0);
      },
      [](DriverQueue& q) {
        q.set_desc(0, {q.desc_address(), 16, VIRTQ_DESC_F_INDIRECT, 0});
        q.set_desc(1, {q.desc_address(), 0, VIRTQ_DESC_F_INDIRECT, 0});
        q.publish(1);
      },
  };
  for (const Lie& lie : lies)
    for (unsigned n = 0; n < 3; ++n) {
      start(~u64{0}, 16);
      if (n == 0) room(1, 100);  // taken first, and given back
      lie(driver->queue(n));
      driver->kick(n);
      deliver(frame(2000));
      EXPECT_TRUE(driver->needs_reset()) << n << " " << &lie - lies;
      for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(nic->queue(i)->in_flight_count(), 0u);
      ASSERT_TRUE(driver->start(~u64{0}));
      EXPECT_TRUE(passes(frame()));
    }
}

// ---- Snapshots ---------------------------------------------------------------------------------

struct VirtioNetSnapshotTest : VirtioNetBench {
  Archive save() {
    Archive ar(Archive::Mode::Save);
    slot->snapshot(ar);
    EXPECT_TRUE(ar.finish());
    return ar;
  }
  Result<void> load(Archive ar) {
    ar.set_mode(Archive::Mode::Load);
    slot->snapshot(ar);
    TRY_VOID(ar.finish());
    slot->restored();
    return {};
  }
};

TEST_F(VirtioNetSnapshotTest, AllThatADriverSetComesBack) {
  config.offers |= feature_bits(VIRTIO_NET_F_MQ);
  config.queue_pairs = 2;
  start();
  ASSERT_EQ(command(VIRTIO_NET_CTRL_MQ, 0, {2, 0}), VIRTIO_NET_OK);
  ASSERT_EQ(command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, {2, 0, 0, 0, 0, 9}),
            VIRTIO_NET_OK);
  ASSERT_EQ(command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, {0}), VIRTIO_NET_OK);
  ASSERT_EQ(command(VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, {2, 0, 0, 0, 0, 0, 0, 0}), VIRTIO_NET_OK);
  nic->set_link(false);
  room(4, 2048, 1);
  const Archive ar = save();
  const std::vector<u8> then(memory.bytes().begin(), memory.bytes().end());
  start();
  EXPECT_NE(Archive::diff(ar, save()), std::nullopt);
  std::ranges::copy(then, memory.bytes().begin());
  ASSERT_TRUE(load(ar));
  EXPECT_EQ(Archive::diff(ar, save()), std::nullopt);
  EXPECT_EQ(nic->mac(), (MacAddress{2, 0, 0, 0, 0, 9}));
  EXPECT_FALSE(nic->link());
  EXPECT_TRUE(cable.receiver->features().csum);
  EXPECT_FALSE(cable.receiver->features().segments);
}

TEST_F(VirtioNetSnapshotTest, AnotherCableIsAnnouncedAfterALoad) {
  start();
  const Archive ar = save();
  cable.receiver->link_changed(false);
  port->take_interrupts();
  ASSERT_TRUE(load(ar));
  EXPECT_EQ(port->read_config(6, 2), VIRTIO_NET_S_LINK_UP);  // not known yet
  timers.run_due();
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(port->read_config(6, 2), 0u);
}

TEST_F(VirtioNetSnapshotTest, DamagedSnapshotsAreRefused) {
  start(without(VIRTIO_NET_F_GUEST_ECN));
  // What is said first about a field counts.
  const auto why = [&](const char* field, auto value, const char* part = nullptr) {
    Archive ar(Archive::Mode::Save);
    ar.section("device", [&](Archive& a) {
      if (part == nullptr) return a.field(field, value);
      a.section(part, [&](Archive& inner) { inner.field(field, value); });
    });
    slot->snapshot(ar);
    const auto r = load(*Archive::decode(ar.encode()));
    EXPECT_TRUE(passes(frame()));  // whatever it was
    return r ? std::string("fine") : r.error().message();
  };
  const auto refused = [&](const char* field, auto... more) {
    const std::string message = why(field, more...);
    return message.find(field) != std::string::npos;
  };
  EXPECT_EQ(why("pairs", u16{1}), "fine");
  EXPECT_TRUE(refused("pairs", u16{0}));
  EXPECT_TRUE(refused("pairs", u16{2}));
  EXPECT_TRUE(refused("flows", std::array<u8, 256>{2}));
  EXPECT_EQ(why("offloads", feature_bits(VIRTIO_NET_F_GUEST_CSUM)), "fine");
  EXPECT_TRUE(refused("offloads", feature_bits(VIRTIO_NET_F_GUEST_ECN)));
  EXPECT_EQ(why("unicast", u8{64}, "filter"), "fine");
  EXPECT_TRUE(refused("unicast", u8{65}, "filter"));
  EXPECT_NE(why("multicast", u8{255}, "filter"), "fine");
  EXPECT_TRUE(refused("in_flight", std::array<u64, 16>{1 << 9}, "queue1"));
}

}  // namespace
}  // namespace quince::hw
