// The event register and the event stream.
#include "hw/core/archive.h"
#include "tests/unit/cpu/system/bench.h"

namespace quince::cpu {
namespace {

using test::Bench;

constexpr u32 kWfe = 0xd503'205f, kLdxr = 0xc85f'7c00;  // LDXR X0, [X0]
constexpr u64 kEvntEn = 4, kEvntDir = 8;
constexpr u64 stream(u64 evnti, u64 dir = 0) { return kEvntEn | dir | evnti << 4; }

struct EventStreamTest : ::testing::Test {
  Bench b;
  EventStreamTest() {
    b.ports.counter_hz = hw::kSecond / 4;  // a count is four nanoseconds
    b.reconnect();
  }
  void set_count(u64 n) { b.clock.set(4 * n); }
  u64 next_count() { return b.c->next_stream_event() / 4; }
};

TEST_F(EventStreamTest, EventsAreTransitionsOfOneBit) {
  set_count(100);
  b.set("CNTKCTL_EL1", stream(5));  // 32s: 0 to 1 at 32, 96, 160
  EXPECT_FALSE(b.c->take_event());
  EXPECT_EQ(next_count(), 160u);
  set_count(128);  // falls: not this way
  EXPECT_FALSE(b.c->take_event());
  set_count(159);
  EXPECT_FALSE(b.c->take_event());
  set_count(160);
  EXPECT_TRUE(b.c->take_event());
  EXPECT_FALSE(b.c->take_event());
  EXPECT_EQ(next_count(), 224u);
  set_count(1000);  // several are one
  EXPECT_TRUE(b.c->take_event());
  EXPECT_FALSE(b.c->take_event());

  b.set("CNTKCTL_EL1", stream(5, kEvntDir));  // 1 to 0 at 1024
  EXPECT_EQ(next_count(), 1024u);
  set_count(1023);
  EXPECT_FALSE(b.c->take_event());
  set_count(1024);
  EXPECT_TRUE(b.c->take_event());
  b.set("CNTKCTL_EL1", stream(0));
  EXPECT_EQ(next_count(), 1025u);
  b.set("CNTKCTL_EL1", stream(15, kEvntDir));
  EXPECT_EQ(next_count(), 0x1'0000u);
}

TEST_F(EventStreamTest, OffIsSilent) {
  b.set("CNTKCTL_EL1", stream(0) & ~kEvntEn);
  set_count(12345);
  EXPECT_FALSE(b.c->take_event());
  EXPECT_EQ(b.c->next_stream_event(), hw::kNever);
}

TEST_F(EventStreamTest, TheTimeIsTheFirstNanosecondOfTheCount) {
  b.ports.counter_hz = 24'000'000;
  b.reconnect();
  b.set("CNTKCTL_EL1", stream(3));
  const u64 at = b.c->next_stream_event();
  b.clock.set(at - 1);
  EXPECT_FALSE(b.c->take_event());
  b.clock.set(at);
  EXPECT_TRUE(b.c->take_event());
}

TEST_F(EventStreamTest, AWriteToTheRegisterLosesNoEvent) {
  b.set("CNTKCTL_EL1", stream(5));
  set_count(40);
  b.set("CNTKCTL_EL1", 3);  // off, with the event not taken yet
  EXPECT_TRUE(b.c->take_event());
  EXPECT_EQ(b.get("CNTKCTL_EL1"), 3u);
  b.set("CNTKCTL_EL1", ~u64{0});
  EXPECT_EQ(b.get("CNTKCTL_EL1"), 0x3ffu);
}

TEST_F(EventStreamTest, EndsWfe) {
  b.set("CNTKCTL_EL1", stream(5));
  EXPECT_EQ(b.run({kWfe}), RunExit::Wfe);
  EXPECT_FALSE(b.c->wfe_ends());
  set_count(32);
  EXPECT_TRUE(b.c->wfe_ends());
  set_count(96);  // before WFE: it does not sleep
  EXPECT_EQ(b.run({kWfe}), RunExit::Budget);
  EXPECT_EQ(b.run({kWfe}), RunExit::Wfe);
}

TEST_F(EventStreamTest, AnInterruptEndsWfeUnlessMasked) {
  EXPECT_EQ(b.run({kWfe}), RunExit::Wfe);
  b.c->set_line(0, true);
  EXPECT_TRUE(b.c->interrupt_pending());  // would end WFI
  EXPECT_FALSE(b.c->wfe_ends());
  b.c->set_daif(0);
  EXPECT_TRUE(b.c->wfe_ends());
  b.c->set_line(0, false);
  EXPECT_FALSE(b.c->wfe_ends());
}

TEST_F(EventStreamTest, SnapshotKeepsEvents) {
  b.set("CNTKCTL_EL1", stream(5));
  set_count(40);
  const auto reload = [&] {
    Archive save(Archive::Mode::Save);
    b.c->snapshot(save);
    const u64 hash = save.hash();
    b.restart();
    b.c->set_event();  // must not survive by itself
    save.set_mode(Archive::Mode::Load);
    b.c->snapshot(save);
    ASSERT_TRUE(save.finish());
    b.c->restored();
    Archive again(Archive::Mode::Save);
    b.c->snapshot(again);
    EXPECT_EQ(again.hash(), hash);
  };
  reload();
  EXPECT_TRUE(b.c->take_event());  // of the stream
  reload();
  EXPECT_FALSE(b.c->take_event());
  b.c->set_event();
  reload();
  EXPECT_TRUE(b.c->take_event());
  // The exclusive monitor does not survive, and what it would have done to WFE does.
  b.c->s.x[0] = 0x4000;
  b.run({kLdxr});
  reload();
  EXPECT_EQ(b.run({kWfe}), RunExit::Budget);
  EXPECT_EQ(b.run({kWfe}), RunExit::Wfe);
}

}  // namespace
}  // namespace quince::cpu
