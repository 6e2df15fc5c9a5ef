// Buttons and meters from another thread, as a window uses them.  001o
#include "machine/control.h"

#include <gtest/gtest.h>

#include <thread>

#include "guest.h"
#include "machine/meters.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_port.h"

namespace quince::machine {
namespace {

using namespace test;
using quince::test::FakeDisk;
using quince::test::FakePort;

/// Adds one to kData at its start, then counts for ever.
Program counting_starts() {
  Program p;
  p.mov(1, kData).ldr(2, 1).add(2, 2, 1).str(2, 1);
  return p.b(0);
}

struct ControlTest : ::testing::TestWithParam<bool> {};

TEST_P(ControlTest, AnotherThreadStopsResetsAndEndsTheMachine) {
  MachineConfig c = config();
  c.clock.deterministic = false;
  c.single_thread = GetParam();
  load(c, counting_starts());
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  MachineControl control(*m);
  int status = -1;
  std::jthread machine([&] { status = m->run(); });
  const auto wait = [&](auto holds) {
    while (!holds()) std::this_thread::yield();
  };
  // Instructions are counted while the guest runs without an end.
  wait([&] { return control.status().instructions > 100'000; });
  EXPECT_TRUE(control.status().running);
  control.pause();
  wait([&] { return !control.status().running; });
  const u64 stopped_at = control.status().instructions;
  EXPECT_EQ(control.status().instructions, stopped_at);
  control.reset();
  control.resume();
  wait([&] { return control.status().instructions > stopped_at; });
  EXPECT_GT(control.status().host_cpu_ns, 0u);
  control.power_button();
  control.quit();
  machine.join();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(peek(*m, kData), 2u);  // it started twice
  EXPECT_FALSE(control.status().running);
  control.reset();  // nobody is there any more
}

INSTANTIATE_TEST_SUITE_P(Threads, ControlTest, ::testing::Bool());

TEST(Control, LookingChangesNothingInADeterministicRun) {
  u64 hashes[2] = {};
  for (const bool look : {false, true}) {
    MachineConfig c = config(2);
    Program p;
    p.mov(1, 400'000).sub(1, 1, 1).cbnz(1, -1);
    load(c, p.off());
    const auto m = make(std::move(c));
    ASSERT_NE(m, nullptr);
    MachineControl control(*m);
    std::jthread other;
    if (look)
      other = std::jthread([&](std::stop_token end) {
        while (!end.stop_requested()) control.status();
      });
    EXPECT_EQ(m->run(), 0);
    hashes[look] = m->state_hash();
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

TEST(Control, FactsAreThoseOfTheMachine) {
  MachineConfig c = config(3);
  c.name = "some name";
  load(c, counting_starts());
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  const ui::MachineFacts f = MachineControl(*m).facts();
  EXPECT_EQ(f.name, "some name");
  EXPECT_EQ(f.board, "vmapple");
  EXPECT_EQ(f.cpu, "3 × " + m->cpus()[0]->model().name);
  EXPECT_EQ(f.memory_bytes, 16 * MiB);
}

TEST(Meters, DisksCountTheBytesOfRequests) {
  Meters meters;
  auto owned = std::make_unique<FakeDisk>(4096);
  FakeDisk& disk = *owned;
  disk.is_read_only = true;
  MeteredDisk metered(std::move(owned), meters);
  EXPECT_EQ(metered.size(), 4096u);
  EXPECT_TRUE(metered.read_only());
  const auto submit = [&](block::Op op, u64 length) {
    static constexpr auto kDone = [](block::Request&, block::Status) {};
    std::vector<u8> bytes(length);
    const iovec part{bytes.data(), bytes.size()};
    block::Request r{.op = op, .length = length, .done = kDone};
    if (op == block::Op::Read || op == block::Op::Write) r.parts = {&part, 1};
    metered.submit(r);
    disk.waiting.clear();
  };
  submit(block::Op::Read, 512);
  submit(block::Op::Write, 1024);
  EXPECT_EQ(meters.disk_bytes, 1536u);
  submit(block::Op::Flush, 0);
  submit(block::Op::Discard, 4096);
  EXPECT_EQ(meters.disk_bytes, 1536u);
  submit(block::Op::WriteZeroes, 8);
  EXPECT_EQ(meters.disk_bytes, 1544u);
}

struct Card final : net::Receiver {
  bool can_receive() const override { return room; }
  bool receive(std::span<const u8> frame, const net::Offload&) override {
    if (room) seen += frame.size();
    return room;
  }
  void link_changed(bool up) override { link = up; }
  bool room = true, link = true;
  u64 seen = 0;
};

TEST(Meters, NetworksCountFramesBothWays) {
  Meters meters;
  FakePort port;
  Card card;
  const std::vector<u8> frame(100);
  {
    MeteredPort metered(port, meters);
    metered.send(frame, {});
    EXPECT_EQ(port.sent.size(), 1u);
    EXPECT_EQ(meters.net_bytes, 100u);
    EXPECT_EQ(port.receiver, nullptr);
    metered.attach(&card);
    EXPECT_TRUE(port.receiver->receive(frame, {}));
    EXPECT_EQ(meters.net_bytes, 200u);
    card.room = false;  // the port tries again: counted once
    EXPECT_FALSE(port.receiver->can_receive());
    EXPECT_FALSE(port.receiver->receive(frame, {}));
    EXPECT_EQ(meters.net_bytes, 200u);
    port.receiver->link_changed(false);
    EXPECT_FALSE(card.link);
    metered.accept_input();
    EXPECT_EQ(port.accepted, 1u);
  }
  EXPECT_EQ(port.receiver, nullptr);
}

}  // namespace
}  // namespace quince::machine
