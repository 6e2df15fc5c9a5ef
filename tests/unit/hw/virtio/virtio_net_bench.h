// What tests of the network device stand on: a device, its driver, and a port that keeps frames.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "hw/virtio/virtio_net.h"
#include "tests/support/fake_port.h"
#include "tests/support/packets.h"
#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {

using net::Build;
using net::Bytes;
using test::DriverQueue;
using Buffer = DriverQueue::Buffer;
using Segment = net::Offload::Segment;

struct VirtioNetBench : ::testing::Test {
  test::GuestMemory memory{16 * MiB};
  test::Pin pin;
  TimerQueue timers;
  test::FakePort cable;
  VirtioNetConfig config;
  std::unique_ptr<VirtioNet> nic;
  std::unique_ptr<VirtioMmio> slot;
  std::unique_ptr<test::MmioDriverPort> port;
  std::unique_ptr<test::VirtioDriver> driver;

  void make() { make(memory.port(), &cable); }
  void make(const DmaPort& dma, net::Port* to) {
    ASSERT_TRUE(config.check());
    driver.reset();
    port.reset();
    slot.reset();
    nic.reset();
    slot = std::make_unique<VirtioMmio>("slot", pin.wire(), dma);
    nic = std::make_unique<VirtioNet>("nic", config, to, memory.log(), timers);
    slot->plug(*nic);
    port = std::make_unique<test::MmioDriverPort>(*slot);
    driver = std::make_unique<test::VirtioDriver>(*port, memory);
  }
  void start(u64 features = ~u64{0}, u16 size = 64) {
    make();
    ASSERT_TRUE(driver->start(features, size));
  }
  static u64 without(auto... n) { return ~feature_bits(n...); }

  DriverQueue& rx(unsigned pair = 0) { return driver->queue(2 * pair); }
  DriverQueue& tx(unsigned pair = 0) { return driver->queue(2 * pair + 1); }

  Buffer bytes(const void* data, std::size_t size) {
    return tx().buffer({static_cast<const char*>(data), size});
  }
  Buffer bytes(const Bytes& b) { return b.empty() ? tx().buffer("") : bytes(b.data(), b.size()); }
  /// A header and a frame in one buffer.
  Buffer packet(const Bytes& frame, const VirtioNetHdr& h = {}) {
    Bytes all(sizeof h);
    std::memcpy(all.data(), &h, sizeof h);
    all.insert(all.end(), frame.begin(), frame.end());
    return bytes(all);
  }
  void send(const Bytes& frame, const VirtioNetHdr& h = {}, unsigned pair = 0) {
    tx(pair).add({packet(frame, h)});
    driver->kick(2 * pair + 1);
    EXPECT_TRUE(tx(pair).reap());
  }

  /// Fresh receive buffers.
  std::vector<Buffer> room(std::size_t count, u32 length, unsigned pair = 0) {
    std::vector<Buffer> out;
    for (std::size_t i = 0; i < count; ++i) {
      out.push_back(rx(pair).space(length));
      rx(pair).add({out.back()});
    }
    return out;
  }
  bool deliver(const Bytes& frame, const net::Offload& offload = {}) {
    return cable.receiver->receive(frame, offload);
  }
  VirtioNetHdr header(const Buffer& b) { return memory.get_object<VirtioNetHdr>(b.address); }
  Bytes data(const Buffer& b, std::size_t size, std::size_t offset = sizeof(VirtioNetHdr)) {
    const u8* p = memory.host(b.address) + offset;
    return Bytes(p, p + size);
  }
  /// Whether a frame reaches the driver, which has room for it.
  bool passes(const Bytes& frame, const net::Offload& offload = {}) {
    room(1, 2048);
    const u16 before = rx().used_idx();
    EXPECT_TRUE(deliver(frame, offload));
    while (rx().reap()) {
    }
    return rx().used_idx() != before;
  }

  unsigned control_queue() {
    return bit(driver->features(), VIRTIO_NET_F_MQ) ? 2u * config.queue_pairs : 2;
  }
  /// A command; what the device says to it.
  u8 command(u8 of_class, u8 number, const Bytes& argument) {
    DriverQueue& q = driver->queue(control_queue());
    const u8 head[] = {of_class, number};
    const Buffer ack = q.space(1);
    memory.put<u8>(ack.address, 0xee);
    q.add({bytes(head, 2), bytes(argument), ack});
    driver->kick(control_queue());
    const auto used = q.reap();
    EXPECT_TRUE(used && used->length == 1);
    return memory.get<u8>(ack.address);
  }

  static Bytes frame_to(Bytes mac, std::size_t size = 60, u8 mark = 0x5a) {
    Bytes f(size, mark);
    if (size >= mac.size()) std::copy(mac.begin(), mac.end(), f.begin());
    if (size >= 14) f[12] = 0x88, f[13] = 0xb5;
    return f;
  }
  static Bytes frame(std::size_t size = 60, u8 mark = 0x5a) {
    return frame_to({0x52, 0x54, 0, 0x12, 0x34, 0x56}, size, mark);
  }
};

}  // namespace quince::hw
