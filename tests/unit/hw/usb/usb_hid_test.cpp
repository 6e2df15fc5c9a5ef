// Keyboard, mouse and tablet (HID 1.11) as a host sees them.
#include <gtest/gtest.h>

#include "hw/usb/hid/usb_keyboard.h"
#include "hw/usb/hid/usb_pointer.h"
#include "tests/support/ui_host.h"
#include "tests/support/usb_test_host.h"

namespace quince::test {
namespace {

using hw::UsbKeyboard;
using hw::UsbMouse;
using hw::UsbSpeed;
using hw::UsbStatus;
using hw::UsbTablet;
using ui::ButtonInput;
using ui::KeyInput;
using ui::MotionInput;
using ui::PointerButton;
using ui::PositionInput;
using ui::WheelInput;
using Bytes = std::vector<u8>;

template <class D>
struct Bench {
  explicit Bench(bool high = true, bool configure = true)
      : device("hid", high, "", timers, input),
        host(device, high ? UsbSpeed::High : UsbSpeed::Full) {
    if (configure) host.configure();
  }
  void send(std::vector<ui::InputEvent> events) {
    input.send(std::move(events));
    ui.run();
  }
  void key(u8 usage, bool down) { send({KeyInput{usage, down}}); }
  void tap(u8 usage) {
    key(usage, true);
    key(usage, false);
  }
  Bytes poll() { return host.in(1, 8); }
  bool nothing() { return poll().empty() && host.status == UsbStatus::Nak; }

  UiHost ui;
  ui::Input input{ui};
  hw::TimerQueue timers;
  D device;
  UsbTestHost host;
};

TEST(UsbHid, ThereIsNothingToSendTo) {
  Bench<UsbKeyboard> b;
  EXPECT_EQ(b.host.out(1, {0}), UsbStatus::Stall);
  EXPECT_TRUE(b.nothing()) << "the endpoint of the other direction goes on";
}

// ---- Descriptors -------------------------------------------------------------------------------

TEST(UsbHidDescriptors, ReportDescriptorLengthsAndHidDescriptors) {
  const auto lengths = [](auto&& b) {
    const Bytes report = b.host.get(0x81, 6, 0x2200, 0, 0xff);
    const Bytes hid = b.host.get(0x81, 6, 0x2100, 0, 0xff);
    EXPECT_EQ(load_le<u16>(&hid[7]), report.size());
    return std::pair(report.size(), load_le<u16>(&hid[2]));
  };
  EXPECT_EQ(lengths(Bench<UsbKeyboard>()), std::pair(std::size_t{63}, u16{0x111}));
  EXPECT_EQ(lengths(Bench<UsbMouse>()), std::pair(std::size_t{52}, u16{0x001}));
  EXPECT_EQ(lengths(Bench<UsbTablet>()), std::pair(std::size_t{74}, u16{0x001}));
}

TEST(UsbHidDescriptors, BothSpeeds) {
  Bench<UsbKeyboard> high;
  EXPECT_EQ(high.host.descriptor(1),
            (Bytes{18, 1, 0, 2, 0, 0, 0, 64, 0x27, 0x06, 1, 0, 0, 0, 1, 2, 3, 1}));
  const Bytes c = high.host.descriptor(2);
  EXPECT_EQ(c, (Bytes{9, 2, 34,   0,    1, 1, 4, 0xa0, 50, 9, 4, 0, 0,    1, 3, 1, 1,
                      0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0, 7, 5, 0x81, 3, 8, 0, 7}));
  Bench<UsbTablet> full(false);
  EXPECT_EQ(full.host.descriptor(1)[3], 1) << "USB 1.0";
  EXPECT_EQ(full.host.descriptor(1)[7], 8);
  const Bytes t = full.host.descriptor(2);
  EXPECT_EQ(Bytes(t.begin() + 14, t.begin() + 17), (Bytes{3, 0, 0}));
  EXPECT_EQ(t.back(), 10) << "milliseconds";
  EXPECT_EQ(Bench<UsbTablet>().host.descriptor(2).back(), 4) << "1 ms";
  EXPECT_EQ(Bench<UsbMouse>().host.descriptor(2).back(), 7) << "8 ms";
}

// ---- Keyboard ----------------------------------------------------------------------------------

TEST(UsbKeyboard, OneEventForEachReport) {
  Bench<UsbKeyboard> b;
  EXPECT_TRUE(b.nothing());
  b.send({KeyInput{ui::key::kLeftShift, true}, KeyInput{ui::key::kA, true}});
  EXPECT_EQ(b.host.bus.woken, Bytes{0x81});
  EXPECT_EQ(b.poll(), (Bytes{2, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(b.poll(), (Bytes{2, 0, 4, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(b.nothing());
  b.key(ui::key::kA, false);
  b.key(ui::key::kLeftShift, false);
  EXPECT_EQ(b.poll(), (Bytes{2, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(b.poll(), Bytes(8));
  EXPECT_TRUE(b.nothing());
}

TEST(UsbKeyboard, RollOver) {
  Bench<UsbKeyboard> b;
  for (u8 k = 4; k < 11; ++k) b.key(k, true);
  for (int i = 0; i < 5; ++i) b.poll();
  EXPECT_EQ(b.poll(), (Bytes{0, 0, 4, 5, 6, 7, 8, 9}));
  b.key(ui::key::kRightGui, true);
  EXPECT_EQ(b.poll(), (Bytes{0, 0, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(b.poll(), (Bytes{0x80, 0, 1, 1, 1, 1, 1, 1})) << "modifiers are still told";
  b.key(5, false);
  EXPECT_EQ(b.poll(), (Bytes{0x80, 0, 4, 6, 7, 8, 9, 10}));
}

TEST(UsbKeyboard, AFullQueueLosesTapsButNoKeyIsStuck) {
  Bench<UsbKeyboard> b;
  b.key(0x90, true);  // a Korean key, above those of a 101-key board
  EXPECT_EQ(b.poll(), (Bytes{0, 0, 0x90, 0, 0, 0, 0, 0}));
  for (int i = 0; i < 8; ++i) b.tap(0x1e);
  b.key(0x90, false);  // there is no room for these
  b.tap(0x1f);
  b.key(ui::key::kLeftControl, true);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(b.poll(), (Bytes{0, 0, 0x1e, 0x90, 0, 0, 0, 0}));
    EXPECT_EQ(b.poll(), (Bytes{0, 0, 0x90, 0, 0, 0, 0, 0}));
  }
  EXPECT_EQ(b.poll(), Bytes(8)) << "what is up first";
  EXPECT_EQ(b.poll(), (Bytes{1, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(b.nothing());
}

TEST(UsbKeyboard, IgnoresWhatIsNoKeyAndWhatIsNoNews) {
  Bench<UsbKeyboard> b;
  for (u8 k = 0; k < 4; ++k) b.key(k, true);
  b.key(0xe8, true);
  b.key(ui::key::kA, false);
  EXPECT_TRUE(b.nothing());
  b.key(ui::key::kA, true);
  b.key(ui::key::kA, true);
  b.poll();
  EXPECT_TRUE(b.nothing()) << "no repeats";
}

TEST(UsbKeyboard, ForgetsWhatCameBeforeTheDriver) {
  Bench<UsbKeyboard> b(true, false);
  EXPECT_EQ(b.input.kinds(), 0u);
  b.key(ui::key::kA, true);
  b.host.configure();
  EXPECT_EQ(b.input.kinds(), ui::kKeys);
  EXPECT_TRUE(b.nothing());
  b.tap(ui::key::kEnter);
  b.host.bus.port().reset();
  EXPECT_EQ(b.input.kinds(), 0u);
  b.host.configure();
  EXPECT_TRUE(b.nothing()) << "a reset empties the queue";
}

TEST(UsbKeyboard, Lights) {
  Bench<UsbKeyboard> b;
  EXPECT_EQ(b.host.set(0x21, 9, 0x200, 0, {0xff}), UsbStatus::Ok);
  EXPECT_EQ(b.input.lights(), 0x1f);
  EXPECT_EQ(b.host.set(0x21, 9, 0x200, 0, {ui::kCapsLight}), UsbStatus::Ok);
  EXPECT_EQ(b.input.lights(), ui::kCapsLight);
  EXPECT_EQ(b.host.get(0xa1, 1, 0x200, 0, 8), Bytes{ui::kCapsLight});
  EXPECT_EQ(b.host.set(0x21, 9, 0x200, 0), UsbStatus::Stall) << "no byte";
  EXPECT_EQ(b.host.set(0x21, 9, 0x300, 0, {1}), UsbStatus::Stall) << "there are no features";
  EXPECT_EQ(b.host.set(0x21, 9, 0x201, 0, {1}), UsbStatus::Stall) << "there are no ids";
  EXPECT_EQ(b.host.set(0x21, 9, 0x200, 1, {1}), UsbStatus::Stall) << "there is one interface";
  b.device.reset();
  EXPECT_EQ(b.input.lights(), 0);
}

TEST(UsbKeyboard, ProtocolAndGetReport) {
  Bench<UsbKeyboard> b;
  EXPECT_EQ(b.host.get(0xa1, 3, 0, 0, 1), Bytes{1}) << "the report protocol at first";
  EXPECT_EQ(b.host.set(0x21, 11, 0, 0), UsbStatus::Ok);
  EXPECT_EQ(b.host.get(0xa1, 3, 0, 0, 1), Bytes{0});
  EXPECT_EQ(b.host.set(0x21, 11, 2, 0), UsbStatus::Stall);
  b.tap(ui::key::kA);
  EXPECT_EQ(b.host.get(0xa1, 1, 0x100, 0, 8), (Bytes{0, 0, 4, 0, 0, 0, 0, 0}));
  EXPECT_EQ(b.poll(), Bytes(8)) << "the request took the press";
  EXPECT_EQ(b.host.get(0xa1, 1, 0x100, 0, 8), Bytes(8)) << "no news: the state";
  b.host.bus.port().reset();
  b.host.configure();
  EXPECT_EQ(b.host.get(0xa1, 3, 0, 0, 1), Bytes{1});
}

TEST(UsbKeyboard, IdleRepeatsTheReport) {
  Bench<UsbKeyboard> b;
  b.timers.advance_to(hw::kSecond);
  EXPECT_EQ(b.host.set(0x21, 10, 0x0200, 0), UsbStatus::Ok);  // 8 ms
  EXPECT_EQ(b.host.get(0xa1, 2, 0, 0, 1), Bytes{2});
  EXPECT_TRUE(b.nothing());
  b.timers.advance_to(hw::kSecond + 8 * hw::kMillisecond - 1);
  EXPECT_TRUE(b.nothing());
  EXPECT_TRUE(b.host.bus.woken.empty());
  b.timers.advance_to(hw::kSecond + 8 * hw::kMillisecond);
  EXPECT_EQ(b.host.bus.woken, Bytes{0x81});
  EXPECT_EQ(b.poll(), Bytes(8));
  EXPECT_TRUE(b.nothing()) << "once";
  b.timers.advance_to(hw::kSecond + 12 * hw::kMillisecond);
  b.key(ui::key::kA, true);
  b.poll();
  b.timers.advance_to(hw::kSecond + 19 * hw::kMillisecond);
  EXPECT_TRUE(b.nothing()) << "the period begins with each report";
  b.timers.advance_to(hw::kSecond + 20 * hw::kMillisecond);
  EXPECT_EQ(b.poll(), (Bytes{0, 0, 4, 0, 0, 0, 0, 0}));
  EXPECT_EQ(b.host.set(0x21, 10, 0, 0), UsbStatus::Ok);
  b.timers.advance_to(2 * hw::kSecond);
  EXPECT_TRUE(b.nothing()) << "0 is never";
}

TEST(UsbKeyboard, WakesTheHostForAKeyAndNotForARepetition) {
  Bench<UsbKeyboard> b;
  EXPECT_EQ(b.host.set(0x21, 10, 0x0100, 0), UsbStatus::Ok);
  EXPECT_EQ(b.host.set(0x00, 3, 1, 0), UsbStatus::Ok);
  b.host.bus.port().set_state(hw::UsbPort::State::Suspended);
  b.timers.advance_to(hw::kSecond);
  EXPECT_EQ(b.host.bus.wakes, 0u);
  b.key(ui::key::kA, true);
  EXPECT_EQ(b.host.bus.wakes, 1u);
  b.host.bus.port().set_state(hw::UsbPort::State::Enabled);
  EXPECT_EQ(b.poll(), (Bytes{0, 0, 4, 0, 0, 0, 0, 0})) << "nothing is lost";
}

TEST(UsbKeyboard, AShortBufferIsAnOverrun) {
  Bench<UsbKeyboard> b;
  b.tap(ui::key::kA);
  auto p = UsbTestPacket::to_host(1, 4);
  EXPECT_EQ(b.device.handle_data(p), UsbStatus::Ok);
  EXPECT_TRUE(p.overrun());
}

TEST(UsbKeyboard, SnapshotInTheMiddleOfAWord) {
  Bench<UsbKeyboard> a, c;
  a.timers.advance_to(hw::kSecond);
  c.timers.advance_to(hw::kSecond);
  EXPECT_EQ(a.host.set(0x21, 9, 0x200, 0, {2}), UsbStatus::Ok);
  EXPECT_EQ(a.host.set(0x21, 10, 0x0300, 0), UsbStatus::Ok);
  a.key(ui::key::kLeftShift, true);
  a.poll();
  for (u8 k = 4; k < 14; ++k) a.tap(k);
  usb_copy(a.device, c.device);
  EXPECT_EQ(c.input.lights(), 2);
  EXPECT_EQ(c.host.get(0xa1, 2, 0, 0, 1), Bytes{3});
  for (int i = 0; i < 25; ++i) EXPECT_EQ(a.poll(), c.poll()) << i;
  c.timers.advance_to(2 * hw::kSecond);
  EXPECT_EQ(c.host.bus.woken.size(), 1u) << "the idle timer runs";
}

// ---- Pointers ----------------------------------------------------------------------------------

TEST(UsbMouse, MotionIsMergedAndGoesOnInTheNextReport) {
  Bench<UsbMouse> b;
  b.send({MotionInput{100, -3}});
  b.send({MotionInput{100, -3}, WheelInput{0, 1}});
  EXPECT_EQ(b.poll(), (Bytes{0, 127, 0xfa, 1}));
  EXPECT_EQ(b.poll(), (Bytes{0, 73, 0, 0}));
  EXPECT_TRUE(b.nothing());
  b.send({MotionInput{-200, 0}, WheelInput{0, -130}});
  EXPECT_EQ(b.poll(), (Bytes{0, 0x81, 0, 0x81}));
  EXPECT_EQ(b.poll(), (Bytes{0, 0xb7, 0, 0xfd}));
  EXPECT_TRUE(b.nothing());
  b.send({WheelInput{5, 0}});
  EXPECT_TRUE(b.nothing()) << "there is no horizontal wheel";
}

TEST(UsbMouse, ClicksAreNeitherMovedNorLost) {
  Bench<UsbMouse> b;
  b.send({MotionInput{5, 0}, ButtonInput{PointerButton::Left, true},
          ButtonInput{PointerButton::Left, false}, MotionInput{7, 0}});
  EXPECT_EQ(b.poll(), (Bytes{0, 5, 0, 0}));
  EXPECT_EQ(b.poll(), (Bytes{1, 0, 0, 0}));
  EXPECT_EQ(b.poll(), (Bytes{0, 0, 0, 0}));
  EXPECT_EQ(b.poll(), (Bytes{0, 7, 0, 0}));
  EXPECT_TRUE(b.nothing());
  unsigned n = 0;
  for (const auto button :
       {PointerButton::Right, PointerButton::Middle, PointerButton::Back, PointerButton::Forward}) {
    b.send({ButtonInput{button, true}});
    EXPECT_EQ(b.poll(), (Bytes{static_cast<u8>(2 << n++), 0, 0, 0}));
    b.send({ButtonInput{button, false}});
    b.poll();
  }
  b.send({ButtonInput{PointerButton::Right, false}});
  EXPECT_TRUE(b.nothing()) << "no news";
}

TEST(UsbMouse, AFullQueueKeepsTheSumAndTheButtons) {
  Bench<UsbMouse> b;
  for (int i = 0; i < 40; ++i)
    b.send({MotionInput{1, 0}, ButtonInput{PointerButton::Left, i % 2 == 0}});
  b.send({ButtonInput{PointerButton::Right, true}});
  int sum = 0, reports = 0;
  Bytes last;
  for (Bytes r = b.poll(); !r.empty(); r = b.poll(), ++reports) {
    sum += r[1];
    last = r;
  }
  EXPECT_EQ(sum, 40);
  EXPECT_EQ(reports, 16);
  EXPECT_EQ(last[0], 2);
}

TEST(UsbMouse, MovementsThatNobodyReadsDoNotOverflow) {
  Bench<UsbMouse> b;
  for (int i = 0; i < 5; ++i) b.send({MotionInput{0x7fff'ffff, -0x7fff'ffff}});
  EXPECT_EQ(b.poll(), (Bytes{0, 127, 0x81, 0}));
}

TEST(UsbTablet, PositionsAndClicks) {
  Bench<UsbTablet> b;
  b.send({PositionInput{1, 2}});
  b.send({PositionInput{0x1234, 0x7fff}, ButtonInput{PointerButton::Left, true}});
  b.send({PositionInput{0xffff, 0}, WheelInput{0, -1}});
  EXPECT_EQ(b.poll(), (Bytes{0, 0x34, 0x12, 0xff, 0x7f, 0})) << "the newest position";
  EXPECT_EQ(b.poll(), (Bytes{1, 0x34, 0x12, 0xff, 0x7f, 0})) << "clicked where it was";
  EXPECT_EQ(b.poll(), (Bytes{1, 0xff, 0x7f, 0, 0, 0xff})) << "dragged, inside the picture";
  EXPECT_TRUE(b.nothing());
  b.send({ButtonInput{PointerButton::Back, true}});
  EXPECT_TRUE(b.nothing()) << "it has three buttons";
  EXPECT_EQ(b.host.get(0xa1, 1, 0x100, 0, 6), (Bytes{1, 0xff, 0x7f, 0, 0, 0})) << "the state";
}

TEST(UsbTablet, HasNoBootProtocolAndNoLights) {
  Bench<UsbTablet> b;
  EXPECT_EQ(b.host.control(0xa1, 3, 0, 0, 1).status, UsbStatus::Stall);
  EXPECT_EQ(b.host.set(0x21, 11, 0, 0), UsbStatus::Stall);
  EXPECT_EQ(b.host.set(0x21, 9, 0x200, 0, {1}), UsbStatus::Stall);
  EXPECT_EQ(b.host.control(0xa1, 1, 0x200, 0, 8).status, UsbStatus::Stall);
  EXPECT_EQ(Bench<UsbMouse>().host.get(0xa1, 3, 0, 0, 1), Bytes{1});
}

TEST(UsbTablet, SnapshotKeepsTheQueue) {
  Bench<UsbTablet> a, c;
  for (u16 i = 0; i < 20; ++i)
    a.send({PositionInput{i, i}, ButtonInput{PointerButton::Middle, i % 2 == 0}, WheelInput{0, 1}});
  a.poll();
  usb_copy(a.device, c.device);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(a.poll(), c.poll()) << i;
}

TEST(UsbHid, ADamagedSnapshotIsRefused) {
  Bench<UsbTablet> a;
  Archive ar(Archive::Mode::Save);
  a.device.snapshot(ar);
  auto image = ar.encode();
  // The field "count", the first byte of whose value follows its name and type.
  const std::string_view text(reinterpret_cast<const char*>(image.data()), image.size());
  const std::size_t at = text.find("count");
  ASSERT_NE(at, std::string_view::npos);
  bool refused = false;
  for (std::size_t i = at; i < std::min(at + 32, image.size()); ++i) {
    auto bad = image;
    bad[i] = 200;
    auto load = Archive::decode(bad);
    if (!load) continue;
    load->set_mode(Archive::Mode::Load);
    Bench<UsbTablet> c;
    c.device.snapshot(*load);
    if (!load->finish()) refused = true;
    c.device.restored();
    c.poll();
  }
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace quince::test
