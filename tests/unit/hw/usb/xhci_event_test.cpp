// Event rings, moderation and interrupts: xHCI 1.2, 4.9.4 and 4.17; the rows 000a to 000c.
#include "tests/support/xhci_bench.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using D = XhciDriver;
using hw::UsbSpeed;

void push_no_ops(XhciDriver& d, unsigned n) {
  for (unsigned i = 0; i < n; ++i)
    d.commands().push({.control = Trb::type_bits(TrbType::NoOpCommand)});
  d.doorbell(0, 0);
}

// 000a
TEST(XhciInterrupts, PinWithoutMessages) {
  XhciBench b({.msix = false});
  b.driver.start();
  EXPECT_FALSE(b.pin.high);
  push_no_ops(b.driver, 1);
  EXPECT_TRUE(b.pin.high);
  EXPECT_EQ(b.pin.edges, 1);
  EXPECT_EQ(b.read(0x1020), kIp | kIe);
  EXPECT_NE(b.read(D::kUsbsts) & kEint, 0u);
  b.write(D::kUsbsts, kEint);
  EXPECT_TRUE(b.pin.high) << "EINT is not the wire";
  b.write(0x1020, kIp | kIe);
  EXPECT_FALSE(b.pin.high);
  EXPECT_EQ(b.driver.take().size(), 1u);
  EXPECT_FALSE(b.pin.high);
}

TEST(XhciInterrupts, PinFollowsBothEnables) {
  XhciBench b({.msix = false});
  b.driver.start();
  push_no_ops(b.driver, 1);
  b.write(D::kUsbcmd, kRunStop);
  EXPECT_FALSE(b.pin.high);
  b.write(D::kUsbcmd, kRunStop | kInte);
  EXPECT_TRUE(b.pin.high);
  b.write(0x1020, 0);
  EXPECT_FALSE(b.pin.high);
  b.write(0x1020, kIe);
  EXPECT_TRUE(b.pin.high);
}

TEST(XhciInterrupts, EventsThatAreLeftRaiseItAgain) {
  XhciBench b({.msix = false});
  b.driver.start();
  push_no_ops(b.driver, 3);
  EXPECT_TRUE(b.driver.events().next());
  b.write(0x1020, kIp | kIe);
  EXPECT_FALSE(b.pin.high) << "EHB: software is at it";
  b.driver.events().acknowledge();
  EXPECT_TRUE(b.pin.high) << "two are left";
  b.write(0x1020, kIp | kIe);
  b.driver.take();
  EXPECT_FALSE(b.pin.high);
}

/// A device on port 1 with a bulk endpoint, and three rings.
struct ThreeRings {
  explicit ThreeRings(hw::XhciPciConfig c) : b(c) {
    EXPECT_TRUE(b.xhci.controller().port(1)->attach(device));
  }
  ~ThreeRings() { device.port()->detach(); }
  void go(unsigned rings = 3) {
    b.driver.start(rings);
    slot = b.driver.enumerate(1, UsbSpeed::Super);
    EXPECT_EQ(b.driver.configure(slot, {{3, EpType::BulkIn, 1024}}), Code::Success);
    buffer = b.driver.allocate(64);
    b.driver.take();
    b.write(0x1020, kIp | kIe);
  }
  /// A transfer whose event is for an interrupter.
  void transfer(unsigned interrupter) {
    b.driver.push_normal(slot, 3, {buffer, 8}, kIoc, interrupter);
    device.queue(0x81, std::vector<u8>(8));
    b.driver.doorbell(slot, 3);
  }
  UsbTestDevice device{"usb"};
  XhciBench b;
  unsigned slot = 0;
  u64 buffer = 0;
};

// 000b: three rings over one wire, and the option that sends all to ring 0.
TEST(XhciInterrupts, ConditionalMappingSendsAllToRing0InPinMode) {
  ThreeRings t({.controller = {.conditional_mapping = true}, .msix = false});
  t.go();
  t.transfer(1);
  t.transfer(2);
  EXPECT_TRUE(t.b.pin.high);
  EXPECT_EQ(t.b.driver.take(0).size(), 2u);
  EXPECT_TRUE(t.b.driver.take(1).empty());
  EXPECT_TRUE(t.b.driver.take(2).empty());
}

// 000b: without it each ring has its events, and any of them asks for the wire: none waits for a poll.
TEST(XhciInterrupts, EveryInterrupterAssertsTheWire) {
  ThreeRings t({.controller = {.conditional_mapping = false}, .msix = false});
  t.go();
  for (const unsigned n : {1u, 2u}) {
    EXPECT_FALSE(t.b.pin.high);
    t.transfer(n);
    EXPECT_TRUE(t.b.pin.high) << "at once";
    EXPECT_EQ(t.b.driver.take(n).size(), 1u);
    t.b.write(0x1020 + 0x20 * n, kIp | kIe);
  }
  EXPECT_FALSE(t.b.pin.high);
  EXPECT_TRUE(t.b.driver.take(0).empty());
}

// 000b: with messages in use the mapping is as it should be, whatever the option says.
TEST(XhciInterrupts, MsixVectorIsTheInterrupter) {
  ThreeRings t({.controller = {.conditional_mapping = true}});
  t.b.enable_msix();
  t.go();
  t.b.box.messages.clear();
  for (const unsigned n : {1u, 2u, 0u}) {
    t.transfer(n);
    EXPECT_EQ(t.b.driver.take(n).size(), 1u);
    EXPECT_EQ(t.b.read(0x1020 + 0x20 * n), kIe) << "the message clears IP";
  }
  EXPECT_EQ(t.b.box.messages, (std::vector<u32>{1, 2, 0}));
  EXPECT_FALSE(t.b.pin.high);
}

// §8.5: vector = interrupter modulo the messages that were granted.
TEST(XhciInterrupts, MsiVectorIsModuloWhatWasGranted) {
  for (const unsigned log2 : {0u, 1u, 2u, 4u}) {
    ThreeRings t({.msi = true, .msix = false});
    t.b.enable_msi(log2);
    t.go();
    t.b.box.messages.clear();
    for (const unsigned n : {0u, 1u, 2u}) t.transfer(n);
    const u32 mask = (1u << log2) - 1;
    EXPECT_EQ(t.b.box.messages, (std::vector<u32>{0x40, 0x40 | (1 & mask), 0x40 | (2 & mask)}));
  }
}

// 000c
TEST(XhciInterrupts, OneInterrupterTakesEverything) {
  ThreeRings t({.controller = {.intrs = 1}});
  t.b.enable_msix();
  t.go(1);
  t.transfer(1);
  t.transfer(2);
  EXPECT_EQ(t.b.driver.take(0).size(), 2u);
  EXPECT_EQ(t.b.read(0x04) >> 8 & 0x7ff, 1u);
}

TEST(XhciInterrupts, ATargetThatDoesNotExistGetsNothing) {
  ThreeRings t({.controller = {.intrs = 4}, .msix = false});
  t.go();
  t.transfer(7);
  for (const unsigned n : {0u, 1u, 2u}) EXPECT_TRUE(t.b.driver.take(n).empty());
}

TEST(XhciInterrupts, ModerationHoldsInterruptsApart) {
  XhciBench b;
  b.enable_msix();
  b.driver.start();
  b.box.messages.clear();
  b.write(0x1024, 4000);  // 1 ms
  push_no_ops(b.driver, 1);
  EXPECT_EQ(b.box.messages.size(), 1u) << "the first one at once";
  EXPECT_EQ(b.read(0x1024), 4000u << 16 | 4000u);
  b.driver.take();
  push_no_ops(b.driver, 1);
  push_no_ops(b.driver, 1);
  b.advance(999'999);
  EXPECT_EQ(b.box.messages.size(), 1u);
  EXPECT_EQ(b.read(0x1024) >> 16, 1u);
  b.advance(1);
  EXPECT_EQ(b.box.messages.size(), 2u) << "one for both";
  EXPECT_EQ(b.driver.take().size(), 2u);
  b.advance(hw::kSecond);
  EXPECT_EQ(b.box.messages.size(), 2u);
  push_no_ops(b.driver, 1);
  EXPECT_EQ(b.box.messages.size(), 3u) << "the counter had run down";
}

TEST(XhciInterrupts, TheModerationCounterMayBeWritten) {
  XhciBench b;
  b.enable_msix();
  b.driver.start();
  EXPECT_EQ(XhciBench().read(0x1024), 4000u) << "1 ms after a reset";
  b.box.messages.clear();
  b.write(0x1024, 400u << 16);
  push_no_ops(b.driver, 1);
  EXPECT_TRUE(b.box.messages.empty());
  b.advance(100 * hw::kMicrosecond);
  EXPECT_EQ(b.box.messages.size(), 1u);
  b.write(0x1024, 400u << 16);
  b.driver.take();
  push_no_ops(b.driver, 1);
  b.write(0x1024, 0);
  EXPECT_EQ(b.box.messages.size(), 2u) << "cut short";
}

TEST(XhciInterrupts, PinModerationCountsFromTheAcknowledge) {
  XhciBench b({.msix = false});
  b.driver.start();
  b.write(0x1024, 40);  // 10 us
  push_no_ops(b.driver, 1);
  EXPECT_TRUE(b.pin.high);
  b.advance(hw::kMillisecond);
  b.write(0x1020, kIp | kIe);
  b.driver.take();
  push_no_ops(b.driver, 1);
  EXPECT_FALSE(b.pin.high);
  b.advance(10 * hw::kMicrosecond);
  EXPECT_TRUE(b.pin.high);
}

TEST(XhciEventRing, SeveralSegmentsInOrder) {
  for (const unsigned segments : {1u, 2u, 3u, 16u}) {
    XhciBench b;
    b.driver.start(1, segments);
    unsigned seen = 0;
    for (unsigned round = 0; round < 100; ++round) {
      push_no_ops(b.driver, 7);
      for (const XhciEvent& e : b.driver.take()) {
        EXPECT_EQ(e.type, TrbType::CommandCompletion);
        EXPECT_EQ(e.code, Code::Success);
        ++seen;
      }
    }
    EXPECT_EQ(seen, 700u) << segments;
  }
}

TEST(XhciEventRing, FullRingSaysSoAndLosesNothing) {
  for (const unsigned segments : {1u, 3u}) {
    XhciBench b;
    b.driver.start(1, segments);
    const unsigned room = D::kSegment * segments;
    std::vector<u64> posted;
    for (unsigned i = 0; i < 3 * room; ++i) {
      // Never more commands on their ring than it has room for.
      posted.push_back(b.driver.commands().push({.control = Trb::type_bits(TrbType::NoOpCommand)}));
      b.driver.doorbell(0, 0);
      if (i == 20 && segments == 1) break;
    }
    std::vector<u64> got;
    unsigned full = 0;
    for (unsigned round = 0; round < 20 && got.size() < posted.size(); ++round) {
      for (const XhciEvent& e : b.driver.take()) {
        if (e.type == TrbType::HostController) {
          EXPECT_EQ(e.code, Code::EventRingFull);
          ++full;
        } else {
          got.push_back(e.pointer);
        }
      }
      b.advance(hw::kMillisecond);
    }
    EXPECT_GE(full, 1u);
    if (segments == 1) {
      EXPECT_EQ(got, posted);
    }
  }
}

TEST(XhciEventRing, TransfersWaitForRoom) {
  ThreeRings t({.msix = false});
  t.go();
  // Ring 1 is full; what leads to it stands still, and the rest goes on.
  for (unsigned i = 0; i < 2 * D::kSegment + 4; ++i) t.transfer(1);
  const unsigned before = t.device.transfers;
  t.transfer(1);
  EXPECT_EQ(t.device.transfers, before) << "not even started";
  EXPECT_EQ(t.b.driver.command(TrbType::NoOpCommand).code, Code::Success);
  unsigned seen = 0;
  for (unsigned round = 0; round < 10; ++round) {
    for (const XhciEvent& e : t.b.driver.take(1)) seen += e.type == TrbType::TransferEvent;
    t.b.advance(hw::kMillisecond);
  }
  EXPECT_EQ(seen, 2 * D::kSegment + 5);
}

TEST(XhciEventRing, BadTablesAreAHostControllerError) {
  const auto hce = [](auto&& lie) {
    XhciBench b;
    b.driver.start();
    lie(b);
    push_no_ops(b.driver, 1);
    return (b.read(D::kUsbsts) & kHce) != 0;
  };
  EXPECT_FALSE(hce([](XhciBench&) {}));
  EXPECT_TRUE(hce([](XhciBench& b) { b.write(0x1038, 0x4000'0000); })) << "ERDP is elsewhere";
  EXPECT_TRUE(hce([](XhciBench& b) { b.write(0x1028, 17); })) << "too many segments";
  EXPECT_TRUE(hce([](XhciBench& b) {
    const u64 table = b.read(0x1030);
    b.driver.write32(table + 8, 15);
  })) << "a segment of 15 entries";
  EXPECT_FALSE(hce([](XhciBench& b) { b.write(0x1028, 0); })) << "no ring at all";
}

TEST(XhciEventRing, GrowsAtItsEndWhileInUse) {
  XhciBench b;
  b.driver.start(1, 1);
  push_no_ops(b.driver, 10);
  EXPECT_EQ(b.driver.take().size(), 10u);
  // A second entry of the table, then ERSTSZ (4.9.4.1).
  const u64 more = b.driver.allocate(kTrbSize * 16), table = b.read(0x1030);
  b.driver.write64(table + 16, more);
  b.driver.write32(table + 24, 16);
  b.write(0x1028, 2);
  push_no_ops(b.driver, 10);
  std::array<u8, kTrbSize> first;
  b.read_memory(more, first);
  EXPECT_EQ(Trb::from_bytes(first).type(), TrbType::CommandCompletion);
}

}  // namespace
}  // namespace quince::test
