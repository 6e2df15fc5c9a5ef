// Every command and its completion codes: xHCI 1.2, 4.6.
#include "tests/support/xhci_bench.h"

namespace quince::test {
namespace {

using namespace hw::xhci;
using D = XhciDriver;
using hw::UsbSpeed;

struct CommandTest : ::testing::Test {
  explicit CommandTest(hw::XhciPciConfig c = {}) : b(c) {
    EXPECT_TRUE(b.xhci.controller().port(1)->attach(device));  // super speed: port 1
    d.start();
  }
  ~CommandTest() override {
    if (device.port() != nullptr) device.port()->detach();
  }
  unsigned addressed() {
    Code code{};
    const unsigned slot = d.address(1, 0, UsbSpeed::Super, false, &code);
    EXPECT_EQ(code, Code::Success);
    return slot;
  }
  unsigned configured() {
    const unsigned slot = addressed();
    EXPECT_EQ(d.control(slot, {0x00, 9, 1, 0, 0, 0, 0, 0}).code, Code::Success);
    EXPECT_EQ(d.configure(slot, {{2, EpType::BulkOut, 1024}, {3, EpType::BulkIn, 1024}}),
              Code::Success);
    return slot;
  }
  UsbTestDevice device{"usb"};
  XhciBench b;
  XhciDriver& d = b.driver;
};

TEST_F(CommandTest, NoOpGoesToRing0) {
  const XhciEvent e = d.command(TrbType::NoOpCommand);
  EXPECT_EQ(e.type, TrbType::CommandCompletion);
  EXPECT_EQ(e.code, Code::Success);
}

TEST_F(CommandTest, UnknownIsATrbError) {
  for (const unsigned type : {18u, 19u, 20u, 22u, 24u, 25u, 49u, 50u, 63u})
    EXPECT_EQ(d.command(static_cast<TrbType>(type)).code, Code::TrbError) << type;
}

TEST_F(CommandTest, SlotsAreTheLowestFreeAndRunOut) {
  b.write(D::kConfig, 2);
  EXPECT_EQ(d.command(TrbType::EnableSlot).slot, 1u);
  EXPECT_EQ(d.command(TrbType::EnableSlot).slot, 2u);
  EXPECT_EQ(d.command(TrbType::EnableSlot).code, Code::NoSlotsAvailable) << "MaxSlotsEn";
  EXPECT_EQ(d.command_on(TrbType::DisableSlot, 1).code, Code::Success);
  EXPECT_EQ(d.command(TrbType::EnableSlot).slot, 1u);
}

TEST_F(CommandTest, BadSlots) {
  for (const TrbType t : {TrbType::DisableSlot, TrbType::AddressDevice, TrbType::ConfigureEndpoint,
                          TrbType::EvaluateContext, TrbType::ResetEndpoint, TrbType::StopEndpoint,
                          TrbType::SetTrDequeuePointer, TrbType::ResetDevice}) {
    EXPECT_EQ(d.command_on(t, 0).code, Code::TrbError);
    EXPECT_EQ(d.command_on(t, 65).code, Code::TrbError);
    EXPECT_EQ(d.command_on(t, 7).code, Code::SlotNotEnabled);
  }
}

TEST_F(CommandTest, AddressDevice) {
  const unsigned slot = addressed();
  EXPECT_EQ(device.address(), slot);
  EXPECT_EQ(d.slot_state(slot), SlotState::Addressed);
  EXPECT_EQ(d.context_word(slot, 0, 3) & 0xff, slot);
  EXPECT_EQ(d.endpoint_state(slot, 1), EpState::Running);
  EXPECT_EQ(d.command_on(TrbType::AddressDevice, slot, 0, d.input()).code, Code::ContextStateError);
}

TEST_F(CommandTest, AddressDeviceWithoutTheRequest) {
  Code code{};
  const unsigned slot = d.address(1, 0, UsbSpeed::Super, true, &code);
  EXPECT_EQ(code, Code::Success);
  EXPECT_EQ(device.address(), 0);
  EXPECT_EQ(d.slot_state(slot), SlotState::Default);
  EXPECT_EQ(d.command(TrbType::AddressDevice, slot << 24 | kBsr, d.input()).code,
            Code::ContextStateError);
  EXPECT_EQ(d.command_on(TrbType::AddressDevice, slot, 0, d.input()).code, Code::Success);
  EXPECT_EQ(device.address(), slot);
}

TEST_F(CommandTest, AddressDeviceErrors) {
  Code code{};
  d.address(9, 0, UsbSpeed::Super, false, &code);
  EXPECT_EQ(code, Code::TrbError) << "no such port";
  d.address(2, 0, UsbSpeed::Super, false, &code);
  EXPECT_EQ(code, Code::UsbTransactionError) << "nothing there";
  d.address(1, 3, UsbSpeed::Super, false, &code);
  EXPECT_EQ(code, Code::UsbTransactionError) << "a route into something that is no hub";
  addressed();
  d.address(1, 0, UsbSpeed::Super, false, &code);
  EXPECT_EQ(code, Code::TrbError) << "another slot has it";
  const unsigned slot = d.command(TrbType::EnableSlot).slot;
  d.write32(d.input() + 4, 1);
  EXPECT_EQ(d.command_on(TrbType::AddressDevice, slot, 0, d.input()).code, Code::TrbError)
      << "the add flags are not slot and endpoint 0";
}

TEST_F(CommandTest, AddressOfAPortThatIsNotEnabled) {
  d.set_portsc(1, kPed);
  Code code{};
  d.address(1, 0, UsbSpeed::Super, false, &code);
  EXPECT_EQ(code, Code::UsbTransactionError);
}

TEST_F(CommandTest, ConfigureEndpoint) {
  const unsigned slot = configured();
  EXPECT_EQ(d.slot_state(slot), SlotState::Configured);
  EXPECT_EQ(d.context_word(slot, 0, 0) >> 27, 3u) << "context entries";
  EXPECT_EQ(d.endpoint_state(slot, 2), EpState::Running);
  EXPECT_EQ(d.endpoint_state(slot, 3), EpState::Running);
  EXPECT_EQ(d.configure(slot, {}, 1 << 2 | 1 << 3), Code::Success);
  EXPECT_EQ(d.endpoint_state(slot, 2), EpState::Disabled);
  EXPECT_EQ(d.slot_state(slot), SlotState::Addressed);
}

TEST_F(CommandTest, ConfigureEndpointErrors) {
  Code code{};
  const unsigned early = d.address(1, 0, UsbSpeed::Super, true, &code);
  EXPECT_EQ(d.configure(early, {}), Code::ContextStateError);
  d.command_on(TrbType::DisableSlot, early);
  const unsigned slot = addressed();
  EXPECT_EQ(d.configure(slot, {}, 2), Code::TrbError) << "dropping endpoint 0";
  EXPECT_EQ(d.configure(slot, {{3, EpType::BulkOut, 64}}), Code::ParameterError) << "direction";
  EXPECT_EQ(d.configure(slot, {{2, EpType::BulkOut, 0}}), Code::ParameterError);
  EXPECT_EQ(d.configure(slot, {{2, EpType::BulkOut, 1024}, {5, EpType::None, 8}}),
            Code::ParameterError);
  EXPECT_EQ(d.endpoint_state(slot, 2), EpState::Disabled) << "all or nothing";
  EXPECT_EQ(d.configure(slot, {{2, EpType::InterruptOut, 64, 1, 2}}), Code::ParameterError)
      << "streams are for bulk";
}

TEST_F(CommandTest, Deconfigure) {
  const unsigned slot = configured();
  EXPECT_EQ(d.command(TrbType::ConfigureEndpoint, slot << 24 | kDeconfigure).code, Code::Success);
  EXPECT_EQ(d.slot_state(slot), SlotState::Addressed);
  EXPECT_EQ(d.endpoint_state(slot, 2), EpState::Disabled);
  EXPECT_EQ(d.endpoint_state(slot, 1), EpState::Running);
}

TEST_F(CommandTest, EvaluateContext) {
  const unsigned slot = addressed();
  d.write(d.input(), std::vector<u8>(3 * kContextSize));
  d.write32(d.input() + 4, 3);
  d.write32(d.input() + kContextSize + 4, 0x1234);    // max exit latency
  d.write32(d.input() + kContextSize + 8, 5u << 22);  // interrupter target
  d.write32(d.input() + 2 * kContextSize + 4, 64u << 16);
  EXPECT_EQ(d.command_on(TrbType::EvaluateContext, slot, 0, d.input()).code, Code::Success);
  EXPECT_EQ(d.context_word(slot, 0, 1) & 0xffff, 0x1234u);
  EXPECT_EQ(d.context_word(slot, 0, 2) >> 22, 5u);
  EXPECT_EQ(d.context_word(slot, 1, 1) >> 16, 64u);
  d.write32(d.input() + 4, 4);
  EXPECT_EQ(d.command_on(TrbType::EvaluateContext, slot, 0, d.input()).code, Code::TrbError);
}

TEST_F(CommandTest, StopResetAndSetDequeue) {
  const unsigned slot = configured();
  using T = TrbType;
  EXPECT_EQ(d.command_on(T::StopEndpoint, slot, 0).code, Code::TrbError);
  EXPECT_EQ(d.command_on(T::StopEndpoint, slot, 9).code, Code::EndpointNotEnabled);
  EXPECT_EQ(d.command_on(T::SetTrDequeuePointer, slot, 3).code, Code::ContextStateError);
  EXPECT_EQ(d.command_on(T::ResetEndpoint, slot, 3).code, Code::ContextStateError);
  EXPECT_EQ(d.command_on(T::StopEndpoint, slot, 3).code, Code::Success);
  EXPECT_EQ(d.endpoint_state(slot, 3), EpState::Stopped);
  EXPECT_EQ(d.command_on(T::StopEndpoint, slot, 3).code, Code::ContextStateError);
  const u64 elsewhere = d.allocate(256) | 1;
  EXPECT_EQ(d.command_on(T::SetTrDequeuePointer, slot, 3, elsewhere, 7u << 16).code,
            Code::InvalidStreamId);
  EXPECT_EQ(d.command_on(T::SetTrDequeuePointer, slot, 3, elsewhere).code, Code::Success);
  EXPECT_EQ(d.read64(d.device_context(slot) + 3 * kContextSize + 8), elsewhere);
  device.answer = hw::UsbStatus::Stall;
  d.push_normal(slot, 2, {d.allocate(64), 64});
  d.doorbell(slot, 2);
  EXPECT_EQ(d.endpoint_state(slot, 2), EpState::Halted);
  EXPECT_EQ(d.command_on(T::StopEndpoint, slot, 2).code, Code::ContextStateError);
  EXPECT_EQ(d.command_on(T::ResetEndpoint, slot, 2).code, Code::Success);
  EXPECT_EQ(d.endpoint_state(slot, 2), EpState::Stopped);
}

TEST_F(CommandTest, ResetDevice) {
  const unsigned fresh = d.command(TrbType::EnableSlot).slot;
  EXPECT_EQ(d.command_on(TrbType::ResetDevice, fresh).code, Code::ContextStateError);
  const unsigned slot = configured();
  EXPECT_EQ(d.command_on(TrbType::ResetDevice, slot).code, Code::Success);
  EXPECT_EQ(d.slot_state(slot), SlotState::Default);
  EXPECT_EQ(d.context_word(slot, 0, 3) & 0xff, 0u);
  EXPECT_EQ(d.endpoint_state(slot, 2), EpState::Disabled);
  EXPECT_EQ(d.endpoint_state(slot, 1), EpState::Running);
}

TEST_F(CommandTest, GetPortBandwidth) {
  const u64 at = d.allocate(32);
  EXPECT_EQ(d.command(TrbType::GetPortBandwidth, 0, at).code, Code::Success);
  EXPECT_EQ(d.read(at, 10), (std::vector<u8>{0, 80, 80, 80, 80, 80, 80, 80, 80, 0}));
}

TEST_F(CommandTest, CommandStop) {
  EXPECT_EQ(b.read(D::kCrcr), 0u);
  d.command(TrbType::NoOpCommand);
  EXPECT_EQ(b.read(D::kCrcr), kCrr);
  const u64 next = d.commands().position() & ~u64{1};
  d.wr64(D::kCrcr, 0xdead'0000 | kCommandStop);
  EXPECT_EQ(b.read(D::kCrcr), 0u);
  const auto events = d.take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].code, Code::CommandRingStopped);
  EXPECT_EQ(events[0].pointer, next) << "where it goes on";
  EXPECT_EQ(d.command(TrbType::NoOpCommand).code, Code::Success);
}

TEST_F(CommandTest, ALoopOfLinksCostsNothing) {
  const u64 ring = d.allocate(64);
  d.write(ring, Trb{.parameter = ring, .control = Trb::type_bits(TrbType::Link) | kCycle}.bytes());
  d.wr64(D::kCrcr, ring | 1);
  d.doorbell(0, 0);
  EXPECT_NE(b.read(D::kUsbsts) & kHce, 0u);
}

TEST_F(CommandTest, AnEndlessRingIsDoneInPieces) {
  const u64 ring = d.allocate(64);
  d.write(ring, Trb{.control = Trb::type_bits(TrbType::NoOpCommand) | kCycle}.bytes());
  d.write(ring + 16,
          Trb{.parameter = ring, .control = Trb::type_bits(TrbType::Link) | kCycle}.bytes());
  d.wr64(D::kCrcr, ring | 1);
  d.doorbell(0, 0);
  b.advance(100 * hw::kMillisecond);  // comes back
  EXPECT_EQ(b.read(D::kUsbsts) & kHce, 0u);
  b.write(D::kUsbcmd, 0);
  EXPECT_EQ(b.timers.next_deadline(), hw::kNever);
}

struct NecTest : CommandTest {
  NecTest() : CommandTest({.controller = {.nec = true}}) {}
};

TEST_F(NecTest, VendorCommands) {
  const XhciEvent firmware = d.command(TrbType::NecGetFirmware);
  EXPECT_EQ(firmware.type, TrbType::NecCommandCompletion);
  EXPECT_EQ(firmware.code, Code::Success);
  EXPECT_EQ(firmware.length & 0xffff, 0x3025u);
  // With all rotations by 0: the complement of (l - k) + (l + k) - (h ^ k).
  const u64 at =
      d.commands().push({.parameter = 5, .control = Trb::type_bits(TrbType::NecChallenge)});
  d.doorbell(0, 0);
  std::optional<Trb> answer;
  while (const auto t = d.events().next())
    if (t->parameter == at) answer = t;
  ASSERT_TRUE(answer);
  const u32 value = ~(u32{10} - 0x4943'4878u);
  EXPECT_EQ(answer->status & 0xffff, value & 0xffff);
  EXPECT_EQ(answer->control >> 16, value >> 16);
}

}  // namespace
}  // namespace quince::test
