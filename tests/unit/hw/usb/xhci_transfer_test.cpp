// Transfers: xHCI 1.2, 4.10 to 4.12.
#include <numeric>

#include "tests/support/xhci_bench.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using D = XhciDriver;
using hw::UsbSpeed;
using hw::UsbStatus;

std::vector<u8> pattern(std::size_t n) {
  std::vector<u8> v(n);
  std::iota(v.begin(), v.end(), u8{1});
  return v;
}

/// The test device at super speed, configured, with every endpoint it has.
struct TransferTest : ::testing::Test {
  TransferTest() {
    EXPECT_TRUE(b.xhci.controller().port(1)->attach(device));
    d.start();
    slot = d.enumerate(1, UsbSpeed::Super);
    EXPECT_EQ(d.configure(slot, {{kOut, EpType::BulkOut, 1024},
                                 {kIn, EpType::BulkIn, 1024},
                                 {kInterrupt, EpType::InterruptIn, 8, 3},
                                 {kIsochOut, EpType::IsochOut, 64, 3},
                                 {kIsochIn, EpType::IsochIn, 64, 3}}),
              Code::Success);
    d.take();
    buffer = d.allocate(16 * KiB, 4096);
  }
  ~TransferTest() override {
    if (device.port() != nullptr) device.port()->detach();
  }
  static constexpr unsigned kOut = 2, kIn = 3, kInterrupt = 5, kIsochOut = 6, kIsochIn = 7;

  /// The transfer events that are there.
  std::vector<XhciEvent> events() {
    std::vector<XhciEvent> all;
    for (const XhciEvent& e : d.take())
      if (e.type == TrbType::TransferEvent) all.push_back(e);
    return all;
  }
  XhciEvent event() {
    const auto all = events();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? XhciEvent{} : all[0];
  }
  u64 normal(unsigned dci, u32 length, u32 flags = kIoc, u64 offset = 0) {
    return d.push_normal(slot, dci, {buffer + offset, length}, flags);
  }

  UsbTestDevice device{"usb"};
  XhciBench b;
  XhciDriver& d = b.driver;
  unsigned slot = 0;
  u64 buffer = 0;
};

TEST_F(TransferTest, ControlReadAndWrite) {
  const u64 at = d.allocate(64);
  XhciEvent e = d.control(slot, {0x80, 6, 0, 1, 0, 0, 18, 0}, {at, 18});
  EXPECT_EQ(e.code, Code::Success);
  EXPECT_EQ(d.read(at, 2), (std::vector<u8>{18, 1}));
  d.write(at, pattern(5));
  e = d.control(slot, {0x40, UsbTestDevice::kVendorWrite, 0, 0, 0, 0, 5, 0}, {at, 5});
  EXPECT_EQ(e.code, Code::Success);
  EXPECT_EQ(device.written, pattern(5));
}

TEST_F(TransferTest, ControlStagesOneByOne) {
  const u64 at = d.allocate(64);
  auto& ring = d.ring(slot, 1);
  // Each stage is a descriptor of its own, and software may wait for each (4.11.2.2).
  const u64 setup = ring.push({.parameter = 0x0012'0000'0100'0680,
                               .status = 8,
                               .control = Trb::type_bits(TrbType::SetupStage) | kIdt | kIoc});
  d.doorbell(slot, 1);
  EXPECT_EQ(event().pointer, setup);
  ring.push({.parameter = at,
             .status = 64,
             .control = Trb::type_bits(TrbType::DataStage) | kDirIn | kIoc | kIsp});
  d.doorbell(slot, 1);
  const XhciEvent data = event();
  EXPECT_EQ(data.code, Code::ShortPacket);
  EXPECT_EQ(data.length, 64u - 18);
  ring.push({.control = Trb::type_bits(TrbType::StatusStage) | kIoc});
  d.doorbell(slot, 1);
  EXPECT_EQ(event().code, Code::Success);
}

TEST_F(TransferTest, AStalledRequestHaltsAndIsGivenUp) {
  const u64 at = d.allocate(64);
  const u64 start = d.ring(slot, 1).position();
  const XhciEvent e = d.control(slot, {0x80, 6, 0, 99, 0, 0, 18, 0}, {at, 18});
  EXPECT_EQ(e.code, Code::StallError);
  EXPECT_EQ(e.length, 18u);
  EXPECT_EQ(d.endpoint_state(slot, 1), EpState::Halted);
  EXPECT_EQ(d.read64(d.device_context(slot) + kContextSize + 8), start) << "at its setup stage";
  d.doorbell(slot, 1);
  EXPECT_TRUE(events().empty()) << "halted is halted";
  EXPECT_EQ(d.command_on(TrbType::ResetEndpoint, slot, 1).code, Code::Success);
  EXPECT_EQ(d.command_on(TrbType::SetTrDequeuePointer, slot, 1, d.ring(slot, 1).position()).code,
            Code::Success);
  EXPECT_EQ(d.control(slot, {0x80, 6, 0, 1, 0, 0, 18, 0}, {at, 18}).code, Code::Success);
}

TEST_F(TransferTest, BadControlStagesAreTrbErrors) {
  const auto bad = [&](Trb trb) {
    d.ring(slot, 1).push(trb);
    d.doorbell(slot, 1);
    const Code code = event().code;
    EXPECT_EQ(d.endpoint_state(slot, 1), EpState::Error);
    EXPECT_EQ(d.command_on(TrbType::SetTrDequeuePointer, slot, 1, d.ring(slot, 1).position()).code,
              Code::Success);
    EXPECT_EQ(d.endpoint_state(slot, 1), EpState::Stopped);
    return code;
  };
  EXPECT_EQ(bad({.control = Trb::type_bits(TrbType::DataStage)}), Code::TrbError) << "no setup";
  EXPECT_EQ(bad({.control = Trb::type_bits(TrbType::StatusStage)}), Code::TrbError);
  EXPECT_EQ(bad({.status = 8, .control = Trb::type_bits(TrbType::SetupStage)}), Code::TrbError)
      << "not immediate";
  EXPECT_EQ(bad({.control = Trb::type_bits(TrbType::Isoch)}), Code::TrbError);
  EXPECT_EQ(bad({.control = Trb::type_bits(static_cast<TrbType>(60))}), Code::TrbError);
  d.ring(slot, 1).push({.parameter = 0x0012'0000'0100'0680,
                        .status = 8,
                        .control = Trb::type_bits(TrbType::SetupStage) | kIdt});
  EXPECT_EQ(bad({.parameter = buffer, .status = 18, .control = Trb::type_bits(TrbType::DataStage)}),
            Code::TrbError)
      << "the other direction";
}

TEST_F(TransferTest, BulkOutOfSeveralBlocks) {
  d.write(buffer, pattern(100));
  normal(kOut, 30, kChain);
  normal(kOut, 0, kChain, 30);
  normal(kOut, 50, kChain, 30);
  const u64 last = normal(kOut, 20, kIoc, 80);
  d.doorbell(slot, kOut);
  const XhciEvent e = event();
  EXPECT_EQ(e.code, Code::Success);
  EXPECT_EQ(e.pointer, last);
  EXPECT_EQ(e.length, 0u);
  ASSERT_EQ(device.from_host.size(), 1u) << "one transfer";
  EXPECT_EQ(device.from_host[0].second, pattern(100));
}

TEST_F(TransferTest, ImmediateData) {
  d.ring(slot, kOut)
      .push({.parameter = 0x0807'0605'0403'0201,
             .status = 6,
             .control = Trb::type_bits(TrbType::Normal) | kIdt | kIoc});
  d.doorbell(slot, kOut);
  EXPECT_EQ(event().code, Code::Success);
  EXPECT_EQ(device.from_host.at(0).second, pattern(6));
  d.ring(slot, kOut).push({.status = 9, .control = Trb::type_bits(TrbType::Normal) | kIdt});
  d.doorbell(slot, kOut);
  EXPECT_EQ(event().code, Code::TrbError) << "more than 8";
  d.ring(slot, kIn).push({.status = 4, .control = Trb::type_bits(TrbType::Normal) | kIdt});
  d.doorbell(slot, kIn);
  EXPECT_EQ(event().code, Code::TrbError) << "the other way";
}

TEST_F(TransferTest, ADescriptorThatIsNotCompleteWaits) {
  normal(kOut, 30, kChain);
  d.doorbell(slot, kOut);
  EXPECT_EQ(device.transfers, 0u);
  normal(kOut, 30, kIoc, 30);
  d.doorbell(slot, kOut);
  EXPECT_EQ(device.transfers, 1u);
  EXPECT_EQ(event().code, Code::Success);
}

TEST_F(TransferTest, ShortPacketIsToldOnce) {
  device.queue(0x81, pattern(30));
  normal(kIn, 20, kChain | kIsp);
  const u64 second = normal(kIn, 20, kChain | kIsp, 20);
  normal(kIn, 20, kIoc | kIsp, 40);
  d.doorbell(slot, kIn);
  const XhciEvent e = event();
  EXPECT_EQ(e.code, Code::ShortPacket);
  EXPECT_EQ(e.pointer, second);
  EXPECT_EQ(e.length, 10u) << "not transferred of that block";
  EXPECT_EQ(d.read(buffer, 30), pattern(30));
  // Without ISP, the last block's IOC tells it.
  device.queue(0x81, pattern(5));
  normal(kIn, 20, kChain);
  const u64 last = normal(kIn, 20, kIoc, 20);
  d.doorbell(slot, kIn);
  const XhciEvent l = event();
  EXPECT_EQ(l.code, Code::ShortPacket);
  EXPECT_EQ(l.pointer, last);
}

TEST_F(TransferTest, EventDataHasTheBytesSoFar) {
  device.queue(0x81, pattern(30));
  normal(kIn, 20, kChain);
  d.ring(slot, kIn).push(
      {.parameter = 0x1111, .control = Trb::type_bits(TrbType::EventData) | kIoc | kChain});
  normal(kIn, 20, kChain, 20);
  d.ring(slot, kIn).push(
      {.parameter = 0x2222'0000'0000, .control = Trb::type_bits(TrbType::EventData) | kIoc});
  d.doorbell(slot, kIn);
  const auto all = events();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].event_data);
  EXPECT_EQ(all[0].pointer, 0x1111u);
  EXPECT_EQ(all[0].length, 20u);
  EXPECT_EQ(all[1].pointer, 0x2222'0000'0000u);
  EXPECT_EQ(all[1].length, 10u);
  EXPECT_EQ(all[1].code, Code::ShortPacket);
}

TEST_F(TransferTest, NakWaitsForTheDevice) {
  const u64 at = normal(kInterrupt, 8, kIoc | kIsp);
  d.doorbell(slot, kInterrupt);
  EXPECT_TRUE(events().empty());
  b.advance(hw::kSecond);
  EXPECT_TRUE(events().empty());
  device.queue(0x82, pattern(4));
  const XhciEvent e = event();
  EXPECT_EQ(e.pointer, at);
  EXPECT_EQ(e.code, Code::ShortPacket);
  EXPECT_EQ(e.endpoint, kInterrupt);
}

TEST_F(TransferTest, InterruptEndpointsKeepTheirInterval) {
  for (int n = 0; n < 3; ++n) {
    normal(kInterrupt, 8);
    device.queue(0x82, pattern(8));
  }
  d.doorbell(slot, kInterrupt);
  EXPECT_EQ(events().size(), 1u);
  b.advance((kMicroframe << 3) - 1);  // interval 3: 1 ms
  EXPECT_EQ(events().size(), 0u);
  b.advance(1);
  EXPECT_EQ(events().size(), 1u);
  b.advance(kMicroframe << 3);
  EXPECT_EQ(events().size(), 1u);
}

TEST_F(TransferTest, IsochronousIsPacedAndRunsDry) {
  for (int n = 0; n < 2; ++n)
    d.ring(slot, kIsochOut)
        .push(
            {.parameter = buffer, .status = 64, .control = Trb::type_bits(TrbType::Isoch) | kIoc});
  d.doorbell(slot, kIsochOut);
  EXPECT_EQ(event().code, Code::Success);
  b.advance(kMicroframe << 3);
  EXPECT_EQ(event().code, Code::Success);
  b.advance(kMicroframe << 3);
  EXPECT_EQ(event().code, Code::RingUnderrun);
  b.advance(hw::kSecond);
  EXPECT_TRUE(events().empty()) << "once";
  d.ring(slot, kIsochIn)
      .push({.parameter = buffer, .status = 64, .control = Trb::type_bits(TrbType::Isoch) | kIoc});
  d.doorbell(slot, kIsochIn);
  const XhciEvent in = event();
  EXPECT_EQ(in.code, Code::ShortPacket) << "the device had nothing, and nobody waits";
  EXPECT_EQ(in.length, 64u);
  b.advance(kMicroframe << 3);
  EXPECT_EQ(event().code, Code::RingOverrun);
  // Errors do not halt.
  device.answer = UsbStatus::TransactionError;
  d.ring(slot, kIsochIn)
      .push({.parameter = buffer, .status = 64, .control = Trb::type_bits(TrbType::Isoch) | kIoc});
  d.doorbell(slot, kIsochIn);
  EXPECT_EQ(event().code, Code::UsbTransactionError);
  EXPECT_EQ(d.endpoint_state(slot, kIsochIn), EpState::Running);
}

TEST_F(TransferTest, ErrorsHaltAtTheStartOfTheDescriptor) {
  const std::pair<UsbStatus, Code> cases[] = {
      {UsbStatus::Stall, Code::StallError},
      {UsbStatus::Babble, Code::BabbleDetected},
      {UsbStatus::TransactionError, Code::UsbTransactionError}};
  for (const auto& [status, code] : cases) {
    device.answer = status;
    const u64 start = d.ring(slot, kOut).position();
    normal(kOut, 30, kChain);
    normal(kOut, 30, 0, 30);
    d.doorbell(slot, kOut);
    const XhciEvent e = event();
    EXPECT_EQ(e.code, code);
    EXPECT_EQ(e.length, 30u);
    EXPECT_EQ(e.pointer | 1, start | 1);
    EXPECT_EQ(d.endpoint_state(slot, kOut), EpState::Halted);
    EXPECT_EQ(d.read64(d.device_context(slot) + kOut * kContextSize + 8), start);
    device.answer = UsbStatus::Ok;
    EXPECT_EQ(d.control(slot, {0x02, 1, 0, 0, 0x01, 0, 0, 0}).code, Code::Success);
    EXPECT_EQ(d.command_on(TrbType::ResetEndpoint, slot, kOut).code, Code::Success);
    d.doorbell(slot, kOut);  // the same once more
    EXPECT_TRUE(events().empty()) << "no IOC";
    EXPECT_EQ(device.from_host.size(), 1u);
    device.from_host.clear();
  }
}

TEST_F(TransferTest, TooLongIsABabbleUnlessItEndsAtAPacket) {
  device.queue(0x82, pattern(8));
  normal(kInterrupt, 4);
  d.doorbell(slot, kInterrupt);
  EXPECT_EQ(event().code, Code::BabbleDetected);
  device.queue(0x81, std::vector<u8>(2000));
  normal(kIn, 1024);
  d.doorbell(slot, kIn);
  EXPECT_EQ(event().code, Code::Success) << "the host did not ask for the second packet";
}

TEST_F(TransferTest, PendingTransfersEndWhenTheDeviceSays) {
  device.pend = true;
  const u64 first = normal(kOut, 10), second = normal(kOut, 10);
  d.doorbell(slot, kOut);
  EXPECT_EQ(device.pending.size(), 1u) << "one at a time";
  d.doorbell(slot, kOut);
  EXPECT_EQ(device.pending.size(), 1u);
  device.finish();
  EXPECT_EQ(event().pointer, first);
  EXPECT_EQ(device.pending.size(), 1u);
  device.finish(UsbStatus::Stall);
  const XhciEvent e = event();
  EXPECT_EQ(e.pointer, second);
  EXPECT_EQ(e.code, Code::StallError);
}

TEST_F(TransferTest, StopInTheMiddle) {
  device.pend = true;
  const u64 start = d.ring(slot, kOut).position();
  const u64 first = normal(kOut, 10);
  d.doorbell(slot, kOut);
  d.commands().push({.control = Trb::type_bits(TrbType::StopEndpoint) | kOut << 16 | slot << 24});
  d.doorbell(0, 0);
  const auto all = d.take();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].code, Code::Stopped);
  EXPECT_EQ(all[0].pointer, first);
  EXPECT_EQ(all[0].length, 10u);
  EXPECT_EQ(all[1].code, Code::Success);
  EXPECT_EQ(device.cancels, 1u);
  EXPECT_EQ(d.endpoint_state(slot, kOut), EpState::Stopped);
  EXPECT_EQ(d.read64(d.device_context(slot) + kOut * kContextSize + 8), start);
  device.pend = false;
  d.doorbell(slot, kOut);
  EXPECT_EQ(event().pointer, first) << "the doorbell starts it again";
  EXPECT_EQ(d.endpoint_state(slot, kOut), EpState::Running);
}

TEST_F(TransferTest, StopOfWhatWaitsForTheDevice) {
  const u64 at = normal(kInterrupt, 8);
  d.doorbell(slot, kInterrupt);
  d.commands().push(
      {.control = Trb::type_bits(TrbType::StopEndpoint) | kInterrupt << 16 | slot << 24});
  d.doorbell(0, 0);
  const auto all = d.take();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].code, Code::Stopped);
  EXPECT_EQ(all[0].pointer, at);
  device.queue(0x82, pattern(8));
  EXPECT_TRUE(events().empty()) << "stopped";
}

TEST_F(TransferTest, UnplugDuringATransfer) {
  device.pend = true;
  normal(kOut, 10);
  d.doorbell(slot, kOut);
  device.pend = false;
  normal(kInterrupt, 8);
  d.doorbell(slot, kInterrupt);
  b.xhci.controller().port(1)->detach();
  b.advance(hw::kMillisecond);
  const auto all = events();
  ASSERT_EQ(all.size(), 2u) << "the one that it had, and the one that waited";
  EXPECT_EQ(all[0].code, Code::UsbTransactionError);
  EXPECT_EQ(all[1].code, Code::UsbTransactionError);
  EXPECT_EQ(device.cancels, 1u);
  normal(kIn, 8);
  d.doorbell(slot, kIn);
  EXPECT_EQ(event().code, Code::UsbTransactionError);
  // Another device at the same place is not this slot's.
  UsbTestDevice other("other");
  ASSERT_TRUE(b.xhci.controller().port(1)->attach(other));
  normal(kIsochOut, 0);
  EXPECT_EQ(d.control(slot, {0x80, 6, 0, 1, 0, 0, 0, 0}).code, Code::UsbTransactionError);
  b.xhci.controller().port(1)->detach();
}

TEST_F(TransferTest, HaltTakesBackAndRunGoesOn) {
  device.pend = true;
  const u64 at = normal(kOut, 10);
  d.doorbell(slot, kOut);
  b.write(D::kUsbcmd, kInte);
  EXPECT_EQ(device.cancels, 1u);
  d.doorbell(slot, kOut);
  EXPECT_TRUE(device.pending.empty()) << "doorbells are not heard while it is halted";
  device.pend = false;
  b.write(D::kUsbcmd, kInte | kRunStop);
  b.advance(hw::kMillisecond);
  EXPECT_EQ(event().pointer, at);
}

// 001p: a reset in the middle takes back what devices have, and nothing comes later.
TEST_F(TransferTest, ResetsInTheMiddle) {
  for (const bool machine : {false, true}) {
    device.pend = true;
    normal(kOut, 10);
    d.doorbell(slot, kOut);
    ASSERT_EQ(device.pending.size(), 1u);
    const unsigned cancels = device.cancels;
    if (machine)
      b.xhci.reset();
    else
      b.write(D::kUsbcmd, kHcReset);
    EXPECT_EQ(device.cancels, cancels + 1);
    EXPECT_TRUE(device.pending.empty());
    const std::vector<u8> before(b.ram->data(), b.ram->data() + XhciBench::kRamSize);
    device.queue(0x82, pattern(8));
    b.advance(hw::kSecond);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), b.ram->data())) << "no event is written";
    device.pend = false;
    b.enable();
    d.start();
    slot = d.enumerate(1, UsbSpeed::Super);
    EXPECT_EQ(d.configure(slot, {{kOut, EpType::BulkOut, 1024}}), Code::Success);
    d.take();
  }
}

TEST_F(TransferTest, ASuspendedPortIsSilent) {
  normal(kIn, 8);
  d.set_portsc(1, kLws | 3u << 5);
  d.doorbell(slot, kIn);
  device.queue(0x81, pattern(8));
  b.advance(hw::kSecond);
  EXPECT_TRUE(events().empty());
  d.set_portsc(1, kLws);
  b.advance(hw::kMillisecond);
  EXPECT_EQ(event().code, Code::Success);
}

TEST_F(TransferTest, NoOpAndBlockedEvents) {
  d.ring(slot, kOut).push({.control = Trb::type_bits(TrbType::NoOp) | kIoc});
  d.doorbell(slot, kOut);
  EXPECT_EQ(event().code, Code::Success);
  b.write(0x1020, kIp | kIe);
  const u32 before = b.read(0x1020);
  normal(kOut, 4, kIoc | kBei);
  d.doorbell(slot, kOut);
  EXPECT_EQ(b.read(0x1020), before) << "BEI: an event without an interrupt";
  EXPECT_EQ(event().code, Code::Success);
}

TEST_F(TransferTest, ABufferThatIsNotMemoryHalts) {
  d.push_normal(slot, kOut, {0x9000'0000, 8});
  d.doorbell(slot, kOut);
  EXPECT_NE(b.read(D::kUsbsts) & kHse, 0u);
}

TEST_F(TransferTest, EndlessRingsCostNothing) {
  // A block and a link back, both always valid.
  const u64 ring = d.allocate(64);
  d.write(ring,
          Trb{.parameter = buffer, .status = 8, .control = Trb::type_bits(TrbType::Normal) | kCycle}
              .bytes());
  d.write(ring + 16,
          Trb{.parameter = ring, .control = Trb::type_bits(TrbType::Link) | kCycle}.bytes());
  EXPECT_EQ(d.command_on(TrbType::StopEndpoint, slot, kOut).code, Code::Success);
  EXPECT_EQ(d.command_on(TrbType::SetTrDequeuePointer, slot, kOut, ring | 1).code, Code::Success);
  d.doorbell(slot, kOut);
  EXPECT_EQ(device.transfers, hw::XhciTransfers::kMaxTds);
  b.advance(kMicroframe);
  EXPECT_EQ(device.transfers, 2 * hw::XhciTransfers::kMaxTds) << "and the rest later";
  // One descriptor without end.
  d.write32(ring + 12, Trb::type_bits(TrbType::Normal) | kCycle | kChain);
  b.advance(kMicroframe);
  EXPECT_EQ(event().code, Code::TrbError);
  EXPECT_EQ(d.endpoint_state(slot, kOut), EpState::Error);
  // Links only.
  d.write(ring, Trb{.parameter = ring, .control = Trb::type_bits(TrbType::Link) | kCycle}.bytes());
  EXPECT_EQ(d.command_on(TrbType::SetTrDequeuePointer, slot, kOut, ring | 1).code, Code::Success);
  d.doorbell(slot, kOut);
  EXPECT_EQ(event().code, Code::TrbError);
}

TEST_F(TransferTest, StreamsHaveRingsOfTheirOwn) {
  EXPECT_EQ(d.configure(slot, {{kIn, EpType::BulkIn, 1024, 0, 2, true}}, 1u << kIn), Code::Success);
  const u64 array = d.context_word(slot, kIn, 2) & ~u32{0xf};
  XhciProducerRing rings[8];
  for (unsigned s = 1; s < 8; ++s) {
    rings[s] = XhciProducerRing(b, {d.allocate(256)}, 16);
    d.write64(array + 16 * s, rings[s].start() | 1 << 1);
  }
  const auto push = [&](unsigned s) {
    const u64 at = rings[s].push({.parameter = buffer + 16 * s,
                                  .status = 8,
                                  .control = Trb::type_bits(TrbType::Normal) | kIoc});
    d.doorbell(slot, kIn, static_cast<u16>(s));
    return at;
  };
  push(3);
  const u64 five = push(5);
  EXPECT_TRUE(events().empty());
  device.answer = UsbStatus::Ok;
  device.queue(0x81, pattern(8));
  EXPECT_EQ(events().size(), 1u) << "whichever is asked first";
  device.queue(0x81, pattern(8));
  EXPECT_EQ(event().pointer, five);
  d.doorbell(slot, kIn, 0);
  EXPECT_EQ(event().code, Code::InvalidStreamId);
  d.doorbell(slot, kIn, 8);
  EXPECT_EQ(event().code, Code::InvalidStreamId);
  d.write64(array + 16 * 4, 3 << 1);
  d.doorbell(slot, kIn, 4);
  EXPECT_EQ(event().code, Code::InvalidStreamType);
  // Set TR Dequeue Pointer of a stream.
  EXPECT_EQ(d.command_on(TrbType::StopEndpoint, slot, kIn).code, Code::Success);
  const u64 fresh = d.allocate(256);
  EXPECT_EQ(
      d.command_on(TrbType::SetTrDequeuePointer, slot, kIn, fresh | 1 << 1 | 1, 5u << 16).code,
      Code::Success);
  EXPECT_EQ(d.read64(array + 16 * 5), fresh | 1 << 1 | 1);
  EXPECT_EQ(d.command_on(TrbType::SetTrDequeuePointer, slot, kIn, fresh | 1, 5u << 16).code,
            Code::InvalidStreamType);
  EXPECT_EQ(d.command_on(TrbType::SetTrDequeuePointer, slot, kIn, fresh | 1, 9u << 16).code,
            Code::InvalidStreamId);
}

TEST_F(TransferTest, SecondaryStreamArrays) {
  EXPECT_EQ(d.configure(slot, {{kIn, EpType::BulkIn, 1024, 0, 1, false}}, 1u << kIn),
            Code::Success);
  const u64 array = d.context_word(slot, kIn, 2) & ~u32{0xf};
  const u64 secondary = d.allocate(8 * 16);
  d.write64(array + 16 * 2, secondary | 2 << 1);  // 8 streams: ids 2 + 4 * n
  XhciProducerRing ring(b, {d.allocate(256)}, 16);
  d.write64(secondary + 16 * 5, ring.start());
  const u64 at = ring.push(
      {.parameter = buffer, .status = 8, .control = Trb::type_bits(TrbType::Normal) | kIoc});
  device.queue(0x81, pattern(8));
  d.doorbell(slot, kIn, 2 + 4 * 5);
  EXPECT_EQ(event().pointer, at);
  d.doorbell(slot, kIn, 2 + 4 * 8);
  EXPECT_EQ(event().code, Code::InvalidStreamId) << "beyond the array";
}

TEST_F(TransferTest, DoorbellsThatLeadNowhere) {
  d.doorbell(slot, 0);
  d.doorbell(slot, 32);
  d.doorbell(slot, 255);
  d.doorbell(slot, 31);
  d.doorbell(64, 1);
  d.doorbell(0, 1);
  EXPECT_TRUE(d.take().empty());
  EXPECT_EQ(b.read(D::kUsbsts) & (kHse | kHce), 0u);
}

}  // namespace
}  // namespace quince::test
