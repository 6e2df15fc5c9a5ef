#include "ui/input.h"

#include <gtest/gtest.h>

#include "tests/support/ui_host.h"

namespace quince::ui {
namespace {

struct Receiver final : InputReceiver {
  Receiver(Input& i, unsigned k, bool r = true) : kinds(k), ready(r), input_of(i) { i.add(*this); }
  ~Receiver() { input_of.remove(*this); }
  unsigned input_kinds() const override { return kinds; }
  bool input_ready() const override { return ready; }
  void input(std::span<const InputEvent> e) override { moments.emplace_back(e.begin(), e.end()); }
  unsigned kinds;
  bool ready;
  std::vector<std::vector<InputEvent>> moments;
  Input& input_of;
};

class InputTest : public testing::Test {
 protected:
  void send(std::vector<InputEvent> e) {
    input.send(std::move(e));
    host.run();
  }
  test::UiHost host;
  Input input{host};
};

const InputEvent kKey = KeyInput{key::kA, true};
const InputEvent kPosition = PositionInput{1, 2};
const InputEvent kMotion = MotionInput{3, -4};
const InputEvent kClick = ButtonInput{PointerButton::Left, true};
const InputEvent kKeyUp = KeyInput{key::kA, false};
const InputEvent kClickEnd = ButtonInput{PointerButton::Left, false};

TEST_F(InputTest, WithoutADeviceNothingHappens) {
  send({kKey, kPosition, kMotion, kClick});
  EXPECT_EQ(input.kinds(), 0u);
}

TEST_F(InputTest, EachDeviceHearsItsOwnPartOfAMoment) {
  Receiver keyboard(input, kKeys), tablet(input, kAbsolute);
  send({kKey, kPosition, kClick});
  EXPECT_EQ(keyboard.moments, (decltype(keyboard.moments){{kKey}}));
  EXPECT_EQ(tablet.moments, (decltype(tablet.moments){{kPosition, kClick}}));
}

TEST_F(InputTest, TheLastReadyDeviceOfAKindGetsIt) {
  Receiver one(input, kKeys), two(input, kKeys), three(input, kKeys, false);
  send({kKey, kKeyUp});
  EXPECT_EQ(one.moments.size(), 0u);
  EXPECT_EQ(two.moments.size(), 1u);
  EXPECT_EQ(three.moments.size(), 0u);
  one.ready = two.ready = false;
  input.changed();
  send({kKey});
  EXPECT_EQ(three.moments.size(), 1u);
}

TEST_F(InputTest, ButtonsGoWhereThePointerIs) {
  Receiver mouse(input, kRelative), tablet(input, kAbsolute, false);
  EXPECT_EQ(input.kinds(), static_cast<unsigned>(kRelative));
  send({kMotion, kClick, kClickEnd});
  EXPECT_EQ(mouse.moments, (decltype(mouse.moments){{kMotion, kClick, kClickEnd}}));
  tablet.ready = true;
  input.changed();
  EXPECT_EQ(input.kinds(), unsigned{kRelative | kAbsolute});
  send({kPosition, kClick});
  EXPECT_EQ(mouse.moments.size(), 1u);
  EXPECT_EQ(tablet.moments, (decltype(tablet.moments){{kPosition, kClick}}));
}

TEST_F(InputTest, WhatIsHeldGoesUpWhereItWentDown) {
  Receiver old(input, kKeys | kAbsolute), late(input, kKeys | kAbsolute, false);
  send({kKey, kClick});
  late.ready = true;
  input.changed();
  send({kKeyUp, kClickEnd});
  EXPECT_EQ(old.moments, (decltype(old.moments){{kKey, kClick}, {kKeyUp, kClickEnd}}));
  send({kKey, kClick});
  EXPECT_EQ(late.moments, (decltype(late.moments){{kKey, kClick}}));
}

TEST_F(InputTest, WhatWasHeldByADeviceThatIsGoneIsForgotten) {
  Receiver stays(input, kKeys);
  {
    const Receiver goes(input, kKeys);
    send({kKey});
  }
  send({kKeyUp});
  EXPECT_EQ(stays.moments, (decltype(stays.moments){{kKeyUp}}));
}

TEST_F(InputTest, EventsOnTheirWayWhenADeviceGoesAreLost) {
  {
    const Receiver keyboard(input, kKeys);
    input.send({kKey});
  }
  EXPECT_EQ(host.run(), 1u);
}

TEST_F(InputTest, LightsAreWhatTheGuestSetLast) {
  input.set_lights(kCapsLight | kNumLight);
  EXPECT_EQ(input.lights(), kCapsLight | kNumLight);
}

}  // namespace
}  // namespace quince::ui
