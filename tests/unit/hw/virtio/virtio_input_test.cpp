#include "hw/virtio/virtio_input.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "hw/core/archive.h"
#include "hw/input/key_codes.h"
#include "tests/support/pin.h"
#include "tests/support/ui_host.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using test::DriverQueue;
using ui::ButtonInput;
using ui::KeyInput;
using ui::MotionInput;
using ui::PositionInput;
using ui::WheelInput;

// Numbers of Linux's evdev.
constexpr u16 kSyn = 0, kKey = 1, kRel = 2, kAbs = 3, kLed = 0x11, kRep = 0x14;
constexpr u16 kKeyA = 30, kKeyYen = 124, kBtnLeft = 0x110, kBtnExtra = 0x114;

struct VirtioInputTest : ::testing::Test {
  test::GuestMemory memory;
  test::Pin pin;
  TimerQueue timers;
  test::UiHost host;
  ui::Input input{host};
  VirtioInputConfig config;
  std::unique_ptr<VirtioInput> device;
  std::unique_ptr<VirtioMmio> slot;
  std::unique_ptr<test::MmioDriverPort> port;
  std::unique_ptr<test::VirtioDriver> driver;

  void make(VirtioInputKind kind) {
    config.kind = kind;
    device = std::make_unique<VirtioInput>("input", config, input, memory.log(), timers);
    slot = std::make_unique<VirtioMmio>("slot", pin.wire(), memory.port());
    slot->plug(*device);
    port = std::make_unique<test::MmioDriverPort>(*slot);
    driver = std::make_unique<test::VirtioDriver>(*port, memory);
    ASSERT_TRUE(driver->start(~u64{0}, 64));
  }
  void start(VirtioInputKind kind, unsigned buffers = 32) {
    make(kind);
    give(buffers);
  }
  DriverQueue& events() { return driver->queue(VirtioInput::kEvents); }
  void give(unsigned buffers) {
    for (unsigned n = 0; n < buffers; ++n) {
      spaces.push_back(events().space(8));
      events().add({spaces.back()});
    }
    driver->kick(VirtioInput::kEvents);
    settle();
  }
  void settle() {
    for (unsigned i = 0; i < 100 && timers.next_deadline() != kNever; ++i) timers.run_due();
  }
  void send(std::vector<ui::InputEvent> all) {
    input.send(std::move(all));
    host.run();
    settle();
  }
  struct Event {
    u16 type, code;
    s32 value;
    bool operator==(const Event&) const = default;
  };
  /// What the driver got.
  std::vector<Event> got() {
    std::vector<Event> all;
    while (const auto used = events().reap()) {
      EXPECT_EQ(used->length, 8u);
      const u64 at = spaces.front().address;
      spaces.erase(spaces.begin());
      all.push_back({memory.get<u16>(at), memory.get<u16>(at + 2),
                     static_cast<s32>(memory.get<u32>(at + 4))});
    }
    return all;
  }
  /// Selects a part of the configuration and reads it.
  std::vector<u8> read(u8 select, u8 subsel) {
    port->write_config(0, 1, select);
    port->write_config(1, 1, subsel);
    std::vector<u8> out(port->read_config(2, 1));
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<u8>(port->read_config(8 + i, 1));
    return out;
  }
  static bool has(const std::vector<u8>& map, unsigned n) {
    return n / 8 < map.size() && bit(map[n / 8], n % 8);
  }

  std::vector<DriverQueue::Buffer> spaces;  // in the order in which they are used
};

std::ostream& operator<<(std::ostream& to, const VirtioInputTest::Event& e) {
  return to << e.type << ' ' << e.code << ' ' << e.value;
}
using Events = std::vector<VirtioInputTest::Event>;

// ---- What it is --------------------------------------------------------------------------------

TEST_F(VirtioInputTest, AKeyboardSaysWhatItHas) {
  config.serial = "K1";
  make(VirtioInputKind::Keyboard);
  EXPECT_EQ(port->rd(0x08), 18u);
  const auto name = read(1, 0);
  EXPECT_EQ(std::string(name.begin(), name.end()), "Quince Virtio Keyboard");
  EXPECT_EQ(read(2, 0), (std::vector<u8>{'K', '1'}));
  EXPECT_EQ(read(3, 0), (std::vector<u8>{6, 0, 0x27, 6, 1, 0, 1, 0}));
  const auto keys = read(0x11, kKey);
  for (const KeyCode& k : key_codes()) EXPECT_TRUE(has(keys, k.linux)) << k.linux;
  EXPECT_FALSE(has(keys, 0));
  EXPECT_FALSE(has(keys, kBtnLeft));
  EXPECT_EQ(read(0x11, kLed), (std::vector<u8>{0x1f}));
  EXPECT_EQ(read(0x11, kRep), (std::vector<u8>{0}));
  EXPECT_TRUE(read(0x11, kAbs).empty());
  EXPECT_TRUE(read(0x12, 0).empty());
  EXPECT_TRUE(read(0x10, 0).empty());
  EXPECT_TRUE(read(1, 1).empty());
  EXPECT_TRUE(read(0x77, 0).empty());
  EXPECT_TRUE(read(0, 0).empty());
  port->write_config(8, 4, 1);  // read-only
  EXPECT_EQ(port->read_config(0x100, 4), 0u);
}

TEST_F(VirtioInputTest, PointersSayWhatTheyHave) {
  make(VirtioInputKind::Tablet);
  EXPECT_TRUE(has(read(0x11, kKey), kBtnLeft));
  EXPECT_TRUE(has(read(0x11, kKey), kBtnExtra));
  EXPECT_EQ(read(0x11, kAbs), (std::vector<u8>{3}));
  EXPECT_EQ(read(0x11, kRel), (std::vector<u8>{0x40, 1}));  // both wheels
  const std::vector<u8> range{0, 0, 0, 0, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(read(0x12, 0), range);
  EXPECT_EQ(read(0x12, 1), range);
  EXPECT_TRUE(read(0x12, 2).empty());
  EXPECT_EQ(read(3, 0)[4], 3);
  slot.reset();
  driver.reset();
  device.reset();
  make(VirtioInputKind::Mouse);
  EXPECT_EQ(read(0x11, kRel), (std::vector<u8>{0x43, 1}));
  EXPECT_TRUE(read(0x11, kAbs).empty());
  EXPECT_TRUE(read(0x11, kLed).empty());
  EXPECT_EQ(read(3, 0)[4], 2);
}

// ---- Events ------------------------------------------------------------------------------------

TEST_F(VirtioInputTest, KeysGoDownAndUp) {
  start(VirtioInputKind::Keyboard);
  send({KeyInput{ui::key::kA, true}});
  EXPECT_EQ(got(), (Events{{kKey, kKeyA, 1}, {kSyn, 0, 0}}));
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_QUEUE);
  send({KeyInput{ui::key::kA, true}});  // the guest repeats keys itself
  EXPECT_EQ(got(), Events{});
  send({KeyInput{ui::key::kA, false}, KeyInput{0x89, true}});
  EXPECT_EQ(got(), (Events{{kKey, kKeyA, 0}, {kKey, kKeyYen, 1}, {kSyn, 0, 0}}));
  send({KeyInput{0x03, true}});  // no key
  EXPECT_EQ(got(), Events{});
}

// 003x: what a front end sends is what Linux reads, for every key.
TEST_F(VirtioInputTest, EveryKeyArrives) {
  start(VirtioInputKind::Keyboard, 0);
  for (const KeyCode& k : key_codes()) {
    give(4);
    send({KeyInput{k.usage, true}});
    send({KeyInput{k.usage, false}});
    EXPECT_EQ(got(), (Events{{kKey, k.linux, 1}, {kSyn, 0, 0}, {kKey, k.linux, 0}, {kSyn, 0, 0}}));
  }
}

TEST_F(VirtioInputTest, ATabletSaysPlaces) {
  start(VirtioInputKind::Tablet);
  send({PositionInput{100, 0x7fff}, ButtonInput{ui::PointerButton::Left, true}, WheelInput{-1, 2}});
  EXPECT_EQ(got(), (Events{{kAbs, 0, 100},
                           {kAbs, 1, 0x7fff},
                           {kKey, kBtnLeft, 1},
                           {kRel, 8, 2},
                           {kRel, 6, -1},
                           {kSyn, 0, 0}}));
  send({PositionInput{0xffff, 0}});  // never beyond what it said
  EXPECT_EQ(got()[0], (VirtioInputTest::Event{kAbs, 0, 0x7fff}));
}

TEST_F(VirtioInputTest, AMouseMoves) {
  start(VirtioInputKind::Mouse);
  send({MotionInput{-3, 0}, ButtonInput{ui::PointerButton::Forward, true}});
  EXPECT_EQ(got(), (Events{{kRel, 0, -3}, {kKey, kBtnExtra, 1}, {kSyn, 0, 0}}));
  send({MotionInput{0, 0}});
  EXPECT_EQ(got(), Events{});
}

TEST_F(VirtioInputTest, ReadyWhenTheDriverHasBuffers) {
  make(VirtioInputKind::Keyboard);
  EXPECT_EQ(input.kinds(), 0u);
  give(1);
  EXPECT_EQ(input.kinds(), unsigned{ui::kKeys});
  port->set_status(0);
  EXPECT_EQ(input.kinds(), 0u);
  ASSERT_TRUE(driver->start(~u64{0}, 64));
  give(1);
  EXPECT_EQ(input.kinds(), unsigned{ui::kKeys});
  events().set_avail_idx(1000);  // a lying ring
  driver->kick(VirtioInput::kEvents);
  send({KeyInput{ui::key::kA, true}});
  EXPECT_TRUE(driver->needs_reset());
  EXPECT_EQ(input.kinds(), 0u);
}

TEST_F(VirtioInputTest, BuffersThatAreTooSmallAreGivenBack) {
  start(VirtioInputKind::Keyboard, 0);
  events().add({events().space(7)});
  events().add({events().buffer("for reading")});
  spaces.push_back(events().space(8));
  events().add({spaces.back()});
  driver->kick(VirtioInput::kEvents);
  send({KeyInput{ui::key::kA, true}});
  EXPECT_EQ(events().reap()->length, 0u);
  EXPECT_EQ(events().reap()->length, 0u);
  EXPECT_EQ(got(), (Events{{kKey, kKeyA, 1}}));
}

// ---- A driver that is slow ---------------------------------------------------------------------

TEST_F(VirtioInputTest, EventsWaitForBuffers) {
  start(VirtioInputKind::Keyboard, 1);
  send({KeyInput{ui::key::kA, true}});
  send({KeyInput{ui::key::kA, false}});
  EXPECT_EQ(got(), (Events{{kKey, kKeyA, 1}}));
  give(8);
  EXPECT_EQ(got(), (Events{{kSyn, 0, 0}, {kKey, kKeyA, 0}, {kSyn, 0, 0}}));
}

TEST_F(VirtioInputTest, NoKeyStaysDownForever) {
  start(VirtioInputKind::Keyboard, 0);
  give(1);
  send({KeyInput{ui::key::kEnter, true}});
  got();
  for (unsigned i = 0; i < 2000; ++i) {  // far more than it keeps
    send({KeyInput{ui::key::kA, true}});
    send({KeyInput{ui::key::kA, false}});
  }
  send({KeyInput{ui::key::kEnter, false}});
  send({KeyInput{ui::key::kSpace, true}});
  Events all;
  for (std::size_t part = 32; part == 32;) {
    give(32);
    const Events more = got();
    all.insert(all.end(), more.begin(), more.end());
    part = more.size();
  }
  EXPECT_LE(all.size(), VirtioInput::kMaxPending + 8);
  const auto last = [&](u16 code) {
    const auto it = std::find_if(all.rbegin(), all.rend(), [code](const Event& e) {
      return e.type == kKey && e.code == code;
    });
    return it == all.rend() ? -1 : it->value;
  };
  EXPECT_EQ(last(kKeyA), 0);
  EXPECT_EQ(last(28), 0);
  EXPECT_EQ(last(57), 1);
  EXPECT_EQ(all.back().type, kSyn);
}

TEST_F(VirtioInputTest, ANewDriverBeginsWithNoKeyDown) {
  start(VirtioInputKind::Keyboard);
  send({KeyInput{ui::key::kA, true}});
  got();
  spaces.clear();
  port->set_status(0);
  send({KeyInput{ui::key::kEnter, true}});  // nobody is there
  ASSERT_TRUE(driver->start(~u64{0}, 64));
  give(8);
  send({KeyInput{ui::key::kA, false}, KeyInput{ui::key::kEnter, false}});
  EXPECT_EQ(got(), Events{});
}

// ---- Lights ------------------------------------------------------------------------------------

TEST_F(VirtioInputTest, Lights) {
  start(VirtioInputKind::Keyboard);
  DriverQueue& q = driver->queue(VirtioInput::kStatus);
  const auto light = [&](u16 type, u16 code, u32 value) {
    const VirtioInputEvent e{type, code, value};
    q.add({q.buffer({reinterpret_cast<const char*>(&e), sizeof e})});
    driver->kick(VirtioInput::kStatus);
    EXPECT_TRUE(q.reap());
  };
  light(kLed, 1, 1);
  EXPECT_EQ(input.lights(), ui::kCapsLight);
  light(kLed, 4, 1);
  EXPECT_EQ(input.lights(), ui::kCapsLight | ui::kKanaLight);
  light(kLed, 1, 0);
  light(kLed, 5, 1);  // no such light
  light(kSyn, 0, 0);
  light(kRep, 2, 1);
  EXPECT_EQ(input.lights(), ui::kKanaLight);
  q.add({q.buffer("abc")});
  driver->kick(VirtioInput::kStatus);
  EXPECT_TRUE(q.reap());
  slot->reset();
  EXPECT_EQ(input.lights(), 0);
}

// ---- Snapshots ---------------------------------------------------------------------------------

TEST_F(VirtioInputTest, ASnapshotHasWhatWaits) {
  start(VirtioInputKind::Keyboard, 1);
  send({KeyInput{ui::key::kA, true}});
  got();
  DriverQueue& q = driver->queue(VirtioInput::kStatus);
  const VirtioInputEvent on{kLed, 0, 1};
  q.add({q.buffer({reinterpret_cast<const char*>(&on), sizeof on})});
  driver->kick(VirtioInput::kStatus);
  Archive ar(Archive::Mode::Save);
  slot->snapshot(ar);
  slot->reset();
  EXPECT_EQ(input.kinds(), 0u);
  ar.set_mode(Archive::Mode::Load);
  slot->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  slot->restored();
  EXPECT_EQ(input.kinds(), unsigned{ui::kKeys});
  EXPECT_EQ(input.lights(), ui::kNumLight);
  send({KeyInput{ui::key::kA, false}});
  give(8);
  EXPECT_EQ(got(), (Events{{kSyn, 0, 0}, {kKey, kKeyA, 0}, {kSyn, 0, 0}}));
}

TEST(VirtioInputConfig, WhatIsWrongIsNamed) {
  EXPECT_TRUE((VirtioInputConfig{.serial = std::string(128, 's')}.check()));
  EXPECT_FALSE((VirtioInputConfig{.serial = std::string(129, 's')}.check()));
}

}  // namespace
}  // namespace quince::hw
