// A guest that speaks TCP through the network device's rings to libslirp, which is another
// implementation of everything above Ethernet, and on to a socket of the host.
#include <map>
#include <memory>

#include "hw/virtio/virtio_net.h"
#include "net/slirp/slirp_port.h"
#include "tests/support/net_guest.h"
#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"
#include "tests/unit/net/host_socket.h"

namespace quince::hw {
namespace {

using net::Bytes;
using test::DriverQueue;

/// The driver, as a port of the guest's network stack.
class DriverPort final : public net::Port {
 public:
  DriverPort(net::Bench& bench, net::Port& network, u32 buffer, u64 features) : bench_(bench) {
    nic_ = std::make_unique<VirtioNet>("nic", VirtioNetConfig{}, &network, memory_.log(), timers_);
    slot_.plug(*nic_);
    EXPECT_TRUE(driver_.start(features, kBuffers));
    for (unsigned i = 0; i < kBuffers; ++i) {
      const auto b = rx().space(buffer);
      buffers_[rx().add({b})] = b;
    }
    packet_ = tx().space(static_cast<u32>(sizeof(VirtioNetHdr) + net::kMaxFrame));
    packet_.device_writes = false;
    bench_.guest([&] { driver_.kick(0); });
  }

  void send(std::span<const u8> frame, const net::Offload& o) override {
    VirtioNetHdr h;
    if (o.needs_csum) h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h.csum_start = o.csum_start;
    h.csum_offset = o.csum_offset;
    if (o.segment == net::Offload::Segment::Tcp4) h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    h.gso_size = o.segment_size;
    memory_.put_object(packet_.address, h);
    std::ranges::copy(frame, memory_.host(packet_.address + sizeof h));
    packet_.length = static_cast<u32>(sizeof h + frame.size());
    tx().add({packet_});
    if (tx().should_kick(true)) driver_.kick(1);
    EXPECT_TRUE(tx().reap());
  }
  void attach(net::Receiver* r) override { receiver_ = r; }

  /// What an interrupt makes a driver do: takes the frames and refills.
  void interrupt() {
    if (port_.take_interrupts() == 0) return;
    rx().set_used_event(rx().used_idx());  // all before is taken below
    while (const auto used = rx().reap()) {
      const VirtioNetHdr h = memory_.get_object<VirtioNetHdr>(buffers_[used->head].address);
      Bytes frame;
      append(frame, *used, sizeof h);
      for (unsigned i = 1; i < h.num_buffers; ++i) {
        const auto more = rx().reap();
        ASSERT_TRUE(more);
        append(frame, *more, 0);
      }
      merged_ += h.num_buffers > 1;
      net::Offload o;
      o.csum_valid = h.flags == VIRTIO_NET_HDR_F_DATA_VALID;
      bench_.host().with_lock([&] { receiver_->receive(frame, o); });
    }
    bench_.guest([&] {
      if (rx().should_kick(true)) driver_.kick(0);
    });
  }
  unsigned merged() const { return merged_; }

 private:
  static constexpr u16 kBuffers = 32;
  DriverQueue& rx() { return driver_.queue(0); }
  DriverQueue& tx() { return driver_.queue(1); }

  void append(Bytes& frame, const DriverQueue::Used& used, std::size_t skip) {
    const auto b = buffers_[used.head];
    frame.insert(frame.end(), memory_.host(b.address) + skip,
                 memory_.host(b.address) + used.length);
    buffers_[rx().add({b})] = b;
  }

  net::Bench& bench_;
  test::GuestMemory memory_;
  test::Pin pin_;
  TimerQueue timers_;
  std::unique_ptr<VirtioNet> nic_;
  VirtioMmio slot_{"slot", pin_.wire(), memory_.port()};
  test::MmioDriverPort port_{slot_};
  test::VirtioDriver driver_{port_, memory_};
  std::map<u16, DriverQueue::Buffer> buffers_;
  DriverQueue::Buffer packet_;
  net::Receiver* receiver_ = nullptr;
  unsigned merged_ = 0;
};

Bytes numbered(std::size_t n) {
  Bytes b(n);
  for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<u8>(i * 7 + i / 251);
  return b;
}

struct Case {
  const char* name;
  u32 buffer;    ///< bytes of a receive buffer
  u64 features;  ///< that the driver takes
};

class VirtioNetUser : public testing::TestWithParam<Case> {};

TEST_P(VirtioNetUser, CarriesTcpBothWays) {
  net::Bench bench;
  auto user = net::SlirpPort::create(net::default_user_options(), bench.host());
  ASSERT_TRUE(user) << user.error().message();
  DriverPort nic(bench, **user, GetParam().buffer, GetParam().features);
  net::Guest guest(bench, nic);
  const auto until = [&](auto done) {
    return bench.until([&] {
      nic.interrupt();
      return done();
    });
  };
  guest.arp_request(2);
  ASSERT_TRUE(until([&] { return guest.arp_replies == 1; }));

  const net::HostServer server;
  Fd host;
  net::GuestTcp& c = guest.connect({10, 0, 2, 2}, server.port());
  ASSERT_TRUE(until([&] { return c.established && (host || server.accept(host)); }));
  // With a checksum that the device's other side fills in, as one large segment.
  const bool large = bit(GetParam().features, VIRTIO_NET_F_HOST_TSO4);
  const Bytes question = numbered(large ? 50'000 : 1000);
  guest.write(c, question, large ? 1448 : 0);
  Bytes got;
  ASSERT_TRUE(until([&] { return net::read_more(host, got) && got.size() == question.size(); }));
  EXPECT_EQ(got, question);
  // More than the rings hold at once.
  const Bytes answer = numbered(200'000);
  std::size_t written = 0;
  ASSERT_TRUE(until([&] {
    const ssize_t n =
        ::send(host.get(), &answer[written], answer.size() - written, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) written += static_cast<std::size_t>(n);
    return c.received.size() == answer.size();
  }));
  EXPECT_EQ(c.received, answer);
  EXPECT_EQ(nic.merged() != 0, GetParam().buffer < 1526);
}

INSTANTIATE_TEST_SUITE_P(
    All, VirtioNetUser,
    testing::Values(Case{"Everything", 1526, ~u64{0}}, Case{"MergedBuffers", 200, ~u64{0}},
                    Case{"AlmostNothing", 1526,
                         feature_bits(VIRTIO_F_VERSION_1, VIRTIO_F_EVENT_IDX)}),
    [](const auto& i) { return i.param.name; });

}  // namespace
}  // namespace quince::hw
