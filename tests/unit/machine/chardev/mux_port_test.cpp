// One terminal, several users, and the escape key.
#include "machine/chardev/mux_port.h"

#include "char_bench.h"

namespace quince::machine {
namespace {

/// A terminal in memory, in front of a mux.
class MuxPortTest : public CharTest {
 protected:
  struct Terminal final : CharBackend {
    void write(std::span<const u8> data) override { screen.append(data.begin(), data.end()); }
    void attach(hw::CharReceiver* r) override { receiver = r; }
    void accept_input() override { ++accepts; }
    std::string description() const override { return "terminal"; }
    hw::CharReceiver* receiver = nullptr;
    std::string screen;
    int accepts = 0;
  };

  MuxPortTest() {
    auto t = std::make_unique<Terminal>();
    terminal = t.get();
    mux = std::make_unique<MuxPort>(host(), std::move(t));
  }
  void type(std::string_view text) {
    const hw::IoLock::Guard held(lock);
    ASSERT_LE(text.size(), terminal->receiver->can_receive());
    terminal->receiver->receive(bytes(text));
  }

  Terminal* terminal = nullptr;
  std::unique_ptr<MuxPort> mux;
};

TEST_F(MuxPortTest, EscapesAreForTheMachineAndTheRestForTheGuest) {
  TestDevice console;
  hw::CharPort* port = mux->add();
  port->attach(&console);
  type("ab\x01");
  type("x\x01r\x01p\x01s");
  type(
      "c\x01\x01"
      "d");
  EXPECT_EQ(escapes, (std::vector{CharEscape::Exit, CharEscape::Reset, CharEscape::PowerDown,
                                  CharEscape::Pause}));
  EXPECT_EQ(console.received,
            "abc\x01"
            "d");
  EXPECT_EQ(terminal->screen, "");
  type(
      "\x01"
      "b");
  EXPECT_EQ(console.events.back(), 'b');
  type("\x01h");
  EXPECT_NE(terminal->screen.find("C-a x    exit the emulator"), std::string::npos);
  EXPECT_EQ(console.received,
            "abc\x01"
            "d");
}

TEST_F(MuxPortTest, TheKeyboardGoesRoundAndEverybodyPrints) {
  TestDevice console, monitor, third;
  hw::CharPort* a = mux->add();
  hw::CharPort* b = mux->add();
  hw::CharPort* c = mux->add();
  a->attach(&console);
  b->attach(&monitor);
  c->attach(&third);
  EXPECT_NE(mux->add(), nullptr);
  EXPECT_EQ(mux->add(), nullptr);
  type(
      "1\x01"
      "c2\x01"
      "c3\x01"
      "c\x01"
      "c4");  // the fourth has no device
  EXPECT_EQ(console.received, "14");
  EXPECT_EQ(monitor.received, "2");
  EXPECT_EQ(third.received, "3");
  EXPECT_TRUE(console.events.starts_with("fF") || console.events.find("fF") != std::string::npos);
  EXPECT_EQ(monitor.events.find('F'), 0u);
  write(*a, "A");
  write(*b, "B");
  EXPECT_EQ(terminal->screen, "AB");
  mux->remove(a);  // it had the keyboard
  type("5");
  EXPECT_EQ(monitor.received, "25");
}

TEST_F(MuxPortTest, WithOneUserThereIsNothingToSwitchTo) {
  TestDevice console;
  mux->add()->attach(&console);
  type(
      "\x01"
      "cx");
  EXPECT_EQ(console.received, "x");
  EXPECT_EQ(console.events, "d");
  EXPECT_NE(terminal->screen.find("this help"), std::string::npos);
}

TEST_F(MuxPortTest, EscapesWorkWhileTheGuestDoesNotRead) {
  TestDevice console;
  console.room = 0;
  hw::CharPort* port = mux->add();
  port->attach(&console);
  type(std::string(1000, 'k'));
  type("\x01x");
  EXPECT_EQ(escapes.size(), 1u);
  console.room = 2000;
  accept_input(*port);
  ASSERT_TRUE(run_until([&] { return console.received == std::string(1000, 'k'); }));
  EXPECT_GT(terminal->accepts, 0);
}

TEST_F(MuxPortTest, WhatIsTypedAheadIsBounded) {
  TestDevice console;
  console.room = 0;
  mux->add()->attach(&console);
  type(std::string(MuxPort::kInputBound, 'k'));
  EXPECT_EQ(terminal->receiver->can_receive(), 0u);
}

TEST_F(MuxPortTest, AnotherEscapeKey) {
  CharHost h = host();
  h.escape_key = 20;
  auto t = std::make_unique<Terminal>();
  Terminal* screen = t.get();
  MuxPort other(h, std::move(t));
  TestDevice console;
  other.add()->attach(&console);
  screen->receiver->receive(bytes("\x01\x14x"));
  EXPECT_EQ(console.received, "\x01");
  EXPECT_EQ(escapes, std::vector{CharEscape::Exit});
  screen->receiver->receive(bytes("\x14h"));
  EXPECT_NE(screen->screen.find("C-t x"), std::string::npos);
  h.escape_key = 0;  // not a letter with Ctrl
  auto nul_terminal = std::make_unique<Terminal>();
  Terminal* nul_screen = nul_terminal.get();
  MuxPort nul(h, std::move(nul_terminal));
  nul_screen->receiver->receive(bytes(std::string_view("\0h", 2)));
  EXPECT_NE(nul_screen->screen.find("0x00 x"), std::string::npos);
}

TEST_F(MuxPortTest, OnlyAMuxHasRoomForTwo) {
  auto one = open("null,id=one");
  ASSERT_TRUE(one->claim());
  EXPECT_EQ(one->claim().error().message(), "chardev 'one' is already in use");
  auto four = open("null,id=four,mux=on");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(four->claim());
  EXPECT_EQ(four->claim().error().message(),
            "chardev 'four' has 4 users, which is all it can have");
}

}  // namespace
}  // namespace quince::machine
