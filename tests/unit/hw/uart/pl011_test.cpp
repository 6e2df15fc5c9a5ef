#include "hw/uart/pl011.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "hw/core/archive.h"
#include "tests/support/pin.h"

namespace quince::hw {
namespace {

using namespace pl011;
using test::Pin;

constexpr u64 kDR = 0x00, kRSR = 0x04, kFR = 0x18, kILPR = 0x20, kIBRD = 0x24, kFBRD = 0x28,
              kLCR = 0x2c, kCR = 0x30, kIFLS = 0x34, kIMSC = 0x38, kRIS = 0x3c, kMIS = 0x40,
              kICR = 0x44, kDMACR = 0x48;
constexpr u64 kBit115200 = kSecond / 115200;

/// A terminal: remembers what was sent to it, and types when there is room, at once.
struct Terminal final : CharPort {
  void write(std::span<const u8> data) override { screen.append(data.begin(), data.end()); }
  void attach(CharReceiver* r) override { receiver = r; }
  void accept_input() override {
    ++accepts;
    pump();
  }
  void type(std::string_view text) {
    typed.insert(typed.end(), text.begin(), text.end());
    pump();
  }
  void pump() {
    while (!typed.empty() && receiver->can_receive() != 0) {
      const std::size_t n = std::min(receiver->can_receive(), typed.size());
      const std::vector<u8> part(typed.begin(), typed.begin() + static_cast<std::ptrdiff_t>(n));
      typed.erase(typed.begin(), typed.begin() + static_cast<std::ptrdiff_t>(n));
      receiver->receive(part);
    }
  }
  CharReceiver* receiver = nullptr;
  std::string screen;
  std::deque<u8> typed;
  int accepts = 0;
};

struct Pl011Test : ::testing::Test {
  Terminal term;
  Pin irq;
  TimerQueue clock;
  Pl011 uart{"uart0", irq.wire(), clock, term};

  u32 rd(u64 off, unsigned size = 4) {
    u64 v = 0;
    EXPECT_EQ(uart.read(off, {size}, v), Bus::Ok) << std::hex << off;
    return static_cast<u32>(v);
  }
  void wr(u64 off, u32 v, unsigned size = 4) {
    EXPECT_EQ(uart.write(off, {size}, v), Bus::Ok) << std::hex << off;
  }
  void fifo_on() {
    wr(kIBRD, 13);
    wr(kFBRD, 1);
    wr(kLCR, 0x70);
    wr(kCR, 0x301);
  }
  void pass(u64 ns) { clock.advance_to(clock.now_ns() + ns); }
  /// The driver's loop: reads until UARTFR says empty.
  std::string drain() {
    std::string s;
    while ((rd(kFR) & kFrRXFE) == 0) s += static_cast<char>(rd(kDR));
    return s;
  }
};

TEST_F(Pl011Test, ResetValues) {
  wr(kLCR, 0x70);
  wr(kIFLS, 0);
  wr(kIMSC, 0x7ff);
  wr(kDR, 'x');
  term.type("lost");
  uart.reset();
  EXPECT_EQ(rd(kFR), 0x90u);
  EXPECT_EQ(rd(kCR), 0x300u);
  EXPECT_EQ(rd(kIFLS), 0x12u);
  for (const u64 r : {kRSR, kILPR, kIBRD, kFBRD, kLCR, kIMSC, kRIS, kMIS, kDMACR})
    EXPECT_EQ(rd(r), 0u) << r;
  EXPECT_FALSE(irq.high);
}

TEST_F(Pl011Test, RegistersKeepTheirImplementedBits) {
  for (const auto& [reg, kept] : {std::pair{kILPR, 0xffu},
                                  {kIBRD, 0xffffu},
                                  {kFBRD, 0x3fu},
                                  {kLCR, 0xffu},
                                  {kCR, 0xff87u},
                                  {kIFLS, 0x3fu},
                                  {kIMSC, 0x7ffu},
                                  {kDMACR, 7u}}) {
    wr(reg, ~0u);
    EXPECT_EQ(rd(reg), kept) << reg;
    wr(reg, 0);
    EXPECT_EQ(rd(reg), 0u) << reg;
  }
}

TEST_F(Pl011Test, TransmitsAtOnceWhateverTheSizeOfTheAccess) {
  wr(kDR, 'o');
  wr(kDR, 'k', 1);
  wr(kDR, '\n', 2);
  EXPECT_EQ(term.screen, "ok\n");
  EXPECT_EQ(rd(kFR), 0x90u);
}

// xnu's console: no interrupts, polls UARTFR before every character.
TEST_F(Pl011Test, PollingAsXnuDoes) {
  for (const auto& [reg, v] : {std::pair{kCR, 0u},
                               {kRSR, 0u},
                               {kLCR, 0x70u},
                               {kIBRD, 0x27u},
                               {kFBRD, 9u},
                               {kIMSC, 0u},
                               {kICR, 0x7ffu},
                               {kCR, 0x301u}})
    wr(reg, v);
  for (const char c : std::string_view("login: ")) {
    EXPECT_EQ(rd(kFR) & (1 << 5), 0u);
    wr(kDR, static_cast<u8>(c));
  }
  term.type("me");
  EXPECT_EQ(drain(), "me");
  EXPECT_EQ(term.screen, "login: ");
  pass(kSecond);
  EXPECT_EQ(irq.edges, 0);
}

// Linux: fills the FIFO, then enables UARTTXINTR and goes on from its handler, which does not
// clear it but masks it when there is nothing more.
TEST_F(Pl011Test, TransmitInterruptAsLinuxUsesIt) {
  fifo_on();
  EXPECT_EQ(rd(kRIS), 0u);
  wr(kIMSC, kIntRX | kIntRT);
  std::string_view text = "a line that is longer than the transmit FIFO, twice over";
  const auto fill = [&](std::size_t n) {
    for (; n != 0 && !text.empty() && (rd(kFR) & (1 << 5)) == 0; --n, text.remove_prefix(1))
      wr(kDR, static_cast<u8>(text[0]));
  };
  fill(8);
  wr(kIMSC, kIntRX | kIntRT | kIntTX);
  for (int n = 0; !text.empty() && n < 20; ++n) {
    ASSERT_TRUE(irq.high);
    ASSERT_EQ(rd(kMIS), kIntTX);
    fill(8);
  }
  EXPECT_TRUE(irq.high);
  wr(kIMSC, kIntRX | kIntRT);
  EXPECT_FALSE(irq.high);
  EXPECT_EQ(term.screen, "a line that is longer than the transmit FIFO, twice over");
  wr(kICR, kIntTX);
  EXPECT_EQ(rd(kRIS), 0u);
  wr(kDR, '!');
  EXPECT_EQ(rd(kRIS), kIntTX);
}

TEST_F(Pl011Test, OneCharacterReachesAnInterruptDrivenGuestAfter32Bits) {
  fifo_on();
  wr(kIMSC, kIntRX | kIntRT);
  term.type("x");
  EXPECT_EQ(rd(kFR) & kFrRXFE, 0u);
  pass(31 * kBit115200);
  EXPECT_FALSE(irq.high);
  pass(2 * kBit115200);
  EXPECT_TRUE(irq.high);
  EXPECT_EQ(rd(kMIS), kIntRT);
  EXPECT_EQ(drain(), "x");
  EXPECT_FALSE(irq.high);
  EXPECT_EQ(rd(kRIS), 0u);
}

TEST_F(Pl011Test, TheTimeoutFollowsTheBaudRateAndTheLastCharacter) {
  fifo_on();
  wr(kIBRD, 1);  // 16 cycles of 24 MHz per bit
  wr(kFBRD, 0);
  const u64 period = 32 * 16 * kSecond / kUartClockHz;
  term.type("a");
  pass(period - 1);
  term.type("b");
  pass(period - 1);
  EXPECT_EQ(rd(kRIS), 0u);
  pass(1);
  EXPECT_EQ(rd(kRIS), kIntRT);
}

TEST_F(Pl011Test, ReceiveTriggerLevels) {
  const unsigned levels[] = {2, 4, 8, 12, 14};
  for (u32 i = 0; i < 5; ++i) {
    fifo_on();
    wr(kIFLS, i << 3);
    term.type(std::string(levels[i] - 1, '.'));
    EXPECT_EQ(rd(kRIS) & kIntRX, 0u) << i;
    term.type(".");
    EXPECT_EQ(rd(kRIS) & kIntRX, kIntRX) << i;
    EXPECT_EQ(rd(kDR), static_cast<u32>('.'));
    EXPECT_EQ(rd(kRIS) & kIntRX, 0u) << i;  // below the level
    drain();
  }
}

TEST_F(Pl011Test, WithoutFifosEachCharacterInterrupts) {
  wr(kIMSC, kIntRX);
  term.type("ab");
  EXPECT_TRUE(irq.high);
  EXPECT_EQ(rd(kFR), kFrTXFE | kFrRXFF);
  EXPECT_EQ(term.typed.size(), 1u);
  EXPECT_EQ(rd(kDR), static_cast<u32>('a'));
  EXPECT_EQ(irq.edges, 2);  // the room was used at once
  EXPECT_EQ(rd(kDR), static_cast<u32>('b'));
  EXPECT_FALSE(irq.high);
  EXPECT_EQ(rd(kDR), 0u);  // empty
}

TEST_F(Pl011Test, ALongPasteArrivesWholeThroughInterrupts) {
  fifo_on();
  wr(kIMSC, kIntRX | kIntRT);
  std::string paste, got;
  for (int i = 0; i < 1000; ++i) paste += static_cast<char>('0' + i % 75);
  term.type(paste);
  EXPECT_EQ(rd(kFR) & kFrRXFF, kFrRXFF);
  for (int n = 0; got.size() < paste.size() && n < 2000; ++n) {
    pass(kMillisecond);
    if (!irq.high) break;
    for (int i = 0; i < 3 && (rd(kFR) & kFrRXFE) == 0; ++i) got += static_cast<char>(rd(kDR));
  }
  EXPECT_EQ(got, paste);
  EXPECT_EQ(rd(kRIS) & kIntOE, 0u);
}

// Drivers clear everything pending when they start, whatever is waiting in the FIFO.
TEST_F(Pl011Test, ClearingInterruptsStrandsNoCharacter) {
  fifo_on();
  term.type("0123456789");
  pass(kMillisecond);
  EXPECT_EQ(rd(kRIS), kIntRX | kIntRT);
  wr(kICR, kIntRX | kIntRT);
  wr(kIMSC, kIntRX | kIntRT);
  EXPECT_FALSE(irq.high);
  pass(kMillisecond);
  EXPECT_TRUE(irq.high);
  EXPECT_EQ(drain(), "0123456789");
}

TEST_F(Pl011Test, TogglingFenEmptiesTheFifoAndAsksForMore) {
  fifo_on();
  term.type("0123456789abcdefXY");
  EXPECT_EQ(term.typed.size(), 2u);
  wr(kLCR, 0x60);
  EXPECT_EQ(drain(), "XY");
  wr(kLCR, 0x70);
  EXPECT_EQ(rd(kFR) & kFrRXFE, kFrRXFE);
  pass(kSecond);
  EXPECT_EQ(rd(kRIS), 0u);
}

TEST_F(Pl011Test, BreakIsACharacterWithAnError) {
  fifo_on();
  wr(kIMSC, kIntBE);
  term.type("a");
  term.receiver->receive_break();
  EXPECT_TRUE(irq.high);
  EXPECT_EQ(rd(kDR), static_cast<u32>('a'));
  EXPECT_EQ(rd(kRSR), 0u);
  EXPECT_EQ(rd(kDR), kDrBE);
  EXPECT_EQ(rd(kRSR), kDrBE >> 8);
  wr(kRSR, 0);
  EXPECT_EQ(rd(kRSR), 0u);
  wr(kICR, kIntBE);
  EXPECT_FALSE(irq.high);
}

TEST_F(Pl011Test, OverrunIsSeenAtOnceAndInTheNextCharacterThatFindsRoom) {
  fifo_on();
  wr(kCR, 0x301 | kCrLBE);
  for (char c = 'a'; c < 'a' + 16; ++c) wr(kDR, static_cast<u8>(c));
  EXPECT_EQ(rd(kRIS) & kIntOE, 0u);
  wr(kDR, '!');
  EXPECT_EQ(rd(kRIS) & kIntOE, kIntOE);
  EXPECT_EQ(rd(kRSR), kRsrOE);
  EXPECT_EQ(rd(kDR), static_cast<u32>('a'));
  wr(kDR, 'z');
  for (char c = 'b'; c < 'a' + 16; ++c) EXPECT_EQ(rd(kDR), static_cast<u32>(c));
  wr(kRSR, 0);
  EXPECT_EQ(rd(kDR), kDrOE | 'z');
  EXPECT_EQ(rd(kRSR), kRsrOE);
}

TEST_F(Pl011Test, LoopbackOfDataAndBreak) {
  fifo_on();
  wr(kCR, 0x301 | kCrLBE);
  wr(kDR, 'q');
  EXPECT_EQ(rd(kDR), static_cast<u32>('q'));
  wr(kLCR, 0x70 | kLcrBRK);
  EXPECT_EQ(rd(kDR), kDrBE);
  EXPECT_EQ(rd(kFR) & kFrRXFE, kFrRXFE);  // one character per break
  wr(kLCR, 0x70);
  term.type("held back");
  term.receiver->receive_break();
  EXPECT_EQ(rd(kFR) & kFrRXFE, kFrRXFE);
  wr(kCR, 0x301);
  EXPECT_EQ(drain(), "held back");
}

TEST_F(Pl011Test, LoopbackOfModemLines) {
  const struct {
    u32 cr, fr, interrupt;
  } lines[] = {{kCrOut2, kFrRI, kIntRI},
               {kCrOut1, kFrDCD, kIntDCD},
               {kCrRTS, kFrCTS, kIntCTS},
               {kCrDTR, kFrDSR, kIntDSR}};
  for (const auto& l : lines) {
    wr(kCR, l.cr);
    EXPECT_EQ(rd(kFR), 0x90u);
    EXPECT_EQ(rd(kRIS), 0u);
    wr(kCR, l.cr | kCrLBE);
    EXPECT_EQ(rd(kFR), 0x90u | l.fr);
    EXPECT_EQ(rd(kRIS), l.interrupt);
    wr(kICR, l.interrupt);
    wr(kCR, kCrLBE);
    EXPECT_EQ(rd(kFR), 0x90u);
    EXPECT_EQ(rd(kRIS), l.interrupt);
    wr(kICR, l.interrupt);
  }
}

TEST_F(Pl011Test, ReceivesWhileDisabled) {
  wr(kCR, 0);
  term.type("k");
  EXPECT_EQ(rd(kDR), static_cast<u32>('k'));
  wr(kDR, 'o');
  EXPECT_EQ(term.screen, "o");
}

TEST_F(Pl011Test, ADebuggerDoesNotTakeCharacters) {
  term.type("d");
  u64 v = 0;
  EXPECT_EQ(uart.read(kDR, {.size = 4, .debug = true}, v), Bus::WriteOnly);
  wr(kDR, 'w', 1);  // nor does a narrow write
  EXPECT_EQ(drain(), "d");
}

TEST_F(Pl011Test, Identification) {
  const u32 id[] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(rd(0xfe0 + 4 * i), id[i]);
}

TEST_F(Pl011Test, GuestErrorsAreAnsweredNotFatal) {
  u64 v = 0;
  EXPECT_EQ(uart.read(kICR, {4}, v), Bus::WriteOnly);
  for (const u64 r : {kFR, kRIS, kMIS, u64{0xff0}}) EXPECT_EQ(uart.write(r, {4}, 1), Bus::ReadOnly);
  EXPECT_EQ(uart.read(0x08, {4}, v), Bus::BadRegister);
  EXPECT_EQ(uart.read(0x1000, {4}, v), Bus::BadRegister);
  EXPECT_EQ(uart.read(kDR, {8}, v), Bus::BadSize);
}

TEST_F(Pl011Test, SnapshotKeepsTheFifoAndTheTimeout) {
  fifo_on();
  wr(kIMSC, kIntRT);
  term.type("0123");
  EXPECT_EQ(rd(kDR), static_cast<u32>('0'));
  Archive ar(Archive::Mode::Save);
  uart.snapshot(ar);

  Terminal term2;
  Pin irq2;
  TimerQueue clock2;
  Pl011 copy{"uart0", irq2.wire(), clock2, term2};
  ar.set_mode(Archive::Mode::Load);
  copy.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  term2.typed = {'4'};
  copy.restored();
  EXPECT_EQ(term2.typed.size(), 1u);  // no input while machines are being restored
  clock2.advance_to(0);
  EXPECT_EQ(term2.typed.size(), 0u);
  EXPECT_EQ(irq2.edges, 0);
  clock2.advance_to(33 * kBit115200);
  EXPECT_TRUE(irq2.high);
  u64 v = 0;
  for (const char c : std::string_view("1234")) {
    EXPECT_EQ(copy.read(kDR, {4}, v), Bus::Ok);
    EXPECT_EQ(v, static_cast<u8>(c));
  }
}

TEST_F(Pl011Test, ResetLetsABackEndThatWaitedGoOn) {
  term.type("abc");
  EXPECT_EQ(term.typed.size(), 2u);
  uart.reset();
  EXPECT_EQ(term.typed.size(), 2u);
  pass(0);
  EXPECT_EQ(drain(), "bc");
}

TEST(Pl011Attach, DetachesWhenItGoes) {
  Terminal term;
  TimerQueue clock;
  {
    Pl011 uart("uart0", IrqLine(), clock, term);
    EXPECT_NE(term.receiver, nullptr);
  }
  EXPECT_EQ(term.receiver, nullptr);
}

}  // namespace
}  // namespace quince::hw
