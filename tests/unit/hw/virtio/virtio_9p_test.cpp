#include "hw/virtio/virtio_9p.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>
#include <mutex>

#include "tests/support/block_io.h"
#include "tests/support/p9_client.h"
#include "tests/support/pin.h"
#include "tests/support/temp_dir.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using p9::Msg;
using test::DriverQueue;
using test::GuestMemory;
using test::MmioDriverPort;
using test::P9Client;
using test::P9Fields;
using test::Pin;
using test::VirtioDriver;

/// Runs jobs when the test says so.
struct HeldExecutor final : Executor {
  bool submit(Job& job) override {
    waiting.push_back(&job);
    return false;
  }
  void run_one() {
    Job* j = waiting.front();
    waiting.pop_front();
    j->run(j->context);
    ended.push_back(j);
  }
  void deliver() {
    while (!ended.empty()) {
      Job* j = ended.front();
      ended.pop_front();
      j->done(j->context);
    }
  }
  void settle() override {
    while (!waiting.empty()) run_one();
  }
  void drain() override {
    settle();
    deliver();
  }
  std::deque<Job*> waiting, ended;
};

struct Virtio9pTest : ::testing::Test {
  test::TempDir dir;
  /// A machine's worth of it.
  struct Side {
    explicit Side(Virtio9pTest& t, Executor& executor, GuestMemory& memory)
        : dev("9p", {.mount_tag = "host0"}, *p9::Folder::open({.path = t.dir.path()}), executor,
              memory.log(), timers) {
      slot.emplace("slot", pin.wire(), memory.port());
      slot->plug(dev);
      port.emplace(*slot);
      driver.emplace(*port, memory);
    }
    Pin pin;
    TimerQueue timers;
    Virtio9p dev;
    std::optional<VirtioMmio> slot;
    std::optional<MmioDriverPort> port;
    std::optional<VirtioDriver> driver;
  };
  GuestMemory memory{16 * MiB};
  InlineExecutor inline_executor;
  HeldExecutor held;

  struct Request {
    DriverQueue::Buffer out, in;
  };
  Request add(Side& s, std::span<const u8> message, u32 room) {
    const std::string text(message.begin(), message.end());
    Request r{s.driver->queue(0).buffer(text), s.driver->queue(0).space(room)};
    s.driver->queue(0).add({r.out, r.in});
    return r;
  }
  std::vector<u8> reply_of(const DriverQueue::Used& used, const Request& r) {
    const std::string text = memory.text(r.in.address, used.length);
    return {text.begin(), text.end()};
  }
  /// A client whose requests go through the ring and are answered at once.
  P9Client client(Side& s) {
    return P9Client([this, &s](std::span<const u8> m) {
      const Request r = add(s, m, 8192);
      s.driver->kick(0);
      const auto used = s.driver->queue(0).reap();
      return used ? reply_of(*used, r) : std::vector<u8>();
    });
  }
};

TEST_F(Virtio9pTest, IsWhatADriverLooksFor) {
  Side s(*this, inline_executor, memory);
  ASSERT_TRUE(s.driver->start(~u64{0}, 128));
  EXPECT_EQ(s.port->rd(0x08), 9u);
  EXPECT_EQ(s.driver->features() & 1, 1u);
  EXPECT_EQ(s.port->queue_max(0), 128u);
  EXPECT_EQ(s.port->queue_max(1), 0u);
  EXPECT_EQ(s.port->read_config(0, 2), 5u);
  EXPECT_EQ(s.port->read_config(2, 4), 0x74736f68u);  // "host"
  EXPECT_EQ(s.port->read_config(6, 1), u64{'0'});
  EXPECT_EQ(s.port->read_config(7, 1), 0u);
}

TEST_F(Virtio9pTest, ATagIsChecked) {
  EXPECT_TRUE(Virtio9pConfig{.mount_tag = std::string(31, 'x')}.check());
  EXPECT_EQ(Virtio9pConfig{}.check().error().message(), "mount_tag= is missing");
  EXPECT_NE(Virtio9pConfig{.mount_tag = std::string(32, 'x')}.check().error().message().find(
                "longer than 31 bytes"),
            std::string::npos);
}

TEST_F(Virtio9pTest, FilesAreReached) {
  Side s(*this, inline_executor, memory);
  ASSERT_TRUE(s.driver->start(~u64{0}, 128));
  P9Client c = client(s);
  ASSERT_EQ(c.version(8192), 0);
  ASSERT_EQ(c.attach(0, p9::kNoUid), 0);
  ASSERT_EQ(c.make_file({}, "f", "hello"), 0);
  std::string text;
  ASSERT_EQ(c.read_file({"f"}, text), 0);
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(c.clunk(77), ENOENT);
  EXPECT_EQ(s.port->take_interrupts(), VIRTIO_ISR_QUEUE);
  EXPECT_EQ(s.dev.in_flight(), 0u);
}

// Linux gives data of large requests in pages of their own, and pages of its own for the answer.
TEST_F(Virtio9pTest, MessagesMayBeInPieces) {
  Side s(*this, inline_executor, memory);
  ASSERT_TRUE(s.driver->start(~u64{0}, 128));
  P9Client c = client(s);
  ASSERT_EQ(c.version(8192), 0);
  ASSERT_EQ(c.attach(0, p9::kNoUid), 0);
  ASSERT_EQ(c.lcreate(0, "f", O_RDWR, 0644), 0);
  DriverQueue& q = s.driver->queue(0);
  const auto head = P9Client::message(Msg::Twrite, 3, P9Fields() << u32{0} << u64{0} << u32{6});
  const auto answer = q.space(11);
  q.add({q.buffer({reinterpret_cast<const char*>(head.data()), head.size()}), q.buffer("abc"),
         q.buffer("def"), answer});
  s.driver->kick(0);
  EXPECT_EQ(q.reap()->length, 11u);
  EXPECT_EQ(memory.get<u32>(answer.address + 7), 6u);
  const auto read = P9Client::message(Msg::Tread, 4, P9Fields() << u32{0} << u64{0} << u32{6});
  const auto first = q.space(11), second = q.space(4), third = q.space(100);
  q.add({q.buffer({reinterpret_cast<const char*>(read.data()), read.size()}), first, second, third},
        DriverQueue::How::Indirect);
  s.driver->kick(0);
  EXPECT_EQ(q.reap()->length, 17u);
  EXPECT_EQ(memory.get<u32>(first.address), 17u);
  EXPECT_EQ(memory.text(second.address, 4), "abcd");
  EXPECT_EQ(memory.text(third.address, 3), std::string("ef\0", 3));
}

TEST_F(Virtio9pTest, ChainsThatCannotBeAnsweredNeedAReset) {
  const auto getattr = P9Client::message(Msg::Tgetattr, 1, P9Fields() << u32{0} << u64{0});
  for (int n = 0; n < 3; ++n) {
    Side s(*this, inline_executor, memory);
    ASSERT_TRUE(s.driver->start(~u64{0}, 128));
    P9Client c = client(s);
    ASSERT_EQ(c.version(8192), 0);
    ASSERT_EQ(c.attach(0), 0);
    if (n == 0) add(s, std::vector<u8>{6, 0, 0, 0, 116, 0}, 100);
    if (n == 1) add(s, getattr, 10);
    if (n == 2) add(s, getattr, 100);  // the answer has 160 bytes
    s.driver->kick(0);
    EXPECT_TRUE(s.driver->needs_reset()) << n;
    EXPECT_FALSE(s.driver->queue(0).reap());
    EXPECT_EQ(s.dev.in_flight(), 0u);
    ASSERT_TRUE(s.driver->start(~u64{0}, 128));  // after which it works
    EXPECT_EQ(client(s).version(8192), 0);
  }
}

TEST_F(Virtio9pTest, AMessageBeyondTheSessionsSizeIsRefused) {
  Side s(*this, inline_executor, memory);
  ASSERT_TRUE(s.driver->start(~u64{0}, 128));
  P9Client c = client(s);
  ASSERT_EQ(c.version(4096), 0);
  ASSERT_EQ(c.attach(0, p9::kNoUid), 0);
  ASSERT_EQ(c.lcreate(0, "f", O_RDWR, 0644), 0);
  EXPECT_EQ(c.write(0, 0, std::string(4096 - 23, 'x')), 0);
  EXPECT_EQ(c.write(0, 0, std::string(4096 - 22, 'x')), EINVAL);
  EXPECT_FALSE(s.driver->needs_reset());
}

TEST_F(Virtio9pTest, AResetForgetsWhatRuns) {
  Side s(*this, held, memory);
  ASSERT_TRUE(s.driver->start(~u64{0}, 128));
  const auto m = P9Client::message(Msg::Tversion, 1, P9Fields() << u32{8192} << "9P2000.L");
  const Request r = add(s, m, 100);
  s.driver->kick(0);
  EXPECT_EQ(s.dev.in_flight(), 1u);
  held.run_one();
  EXPECT_FALSE(s.driver->queue(0).reap());
  s.port->set_status(0);
  EXPECT_EQ(s.dev.in_flight(), 0u);
  EXPECT_TRUE(held.ended.empty());
  EXPECT_FALSE(s.driver->queue(0).reap());
  ASSERT_TRUE(s.driver->start(~u64{0}, 128));
  add(s,
      P9Client::message(Msg::Tattach, 1,
                        P9Fields() << u32{0} << u32{0} << ""
                                   << "" << u32{0}),
      100);
  s.driver->kick(0);
  held.drain();
  EXPECT_TRUE(s.driver->queue(0).reap());
  EXPECT_EQ(r.in.length, 100u);
}

TEST_F(Virtio9pTest, AFlushIsAnsweredAfterWhatItNames) {
  Side s(*this, held, memory);
  ASSERT_TRUE(s.driver->start(~u64{0}, 128));
  const Request a =
      add(s, P9Client::message(Msg::Tversion, 7, P9Fields() << u32{8192} << "9P2000.L"), 100);
  const Request b = add(s, P9Client::message(Msg::Tflush, 8, P9Fields() << u16{7}), 100);
  s.driver->kick(0);
  held.drain();
  const auto first = s.driver->queue(0).reap(), second = s.driver->queue(0).reap();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(reply_of(*first, a)[4], 101);
  EXPECT_EQ(reply_of(*second, b)[4], 109);
  EXPECT_EQ(second->length, 7u);
}

TEST_F(Virtio9pTest, ASnapshotHasTheSessionAndWhatRuns) {
  std::ofstream(dir / "f") << "hello";
  Side a(*this, held, memory);
  ASSERT_TRUE(a.driver->start(~u64{0}, 128));
  P9Client c([&](std::span<const u8> m) {
    const Request r = add(a, m, 8192);
    a.driver->kick(0);
    held.drain();
    const auto used = a.driver->queue(0).reap();
    return used ? reply_of(*used, r) : std::vector<u8>();
  });
  ASSERT_EQ(c.version(8192), 0);
  ASSERT_EQ(c.attach(0, p9::kNoUid), 0);
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.lopen(1, O_RDONLY), 0);
  // A folder that is made once, whatever happens.
  const Request r =
      add(a, P9Client::message(Msg::Tmkdir, 9, P9Fields() << u32{0} << "d" << u32{0755} << u32{0}),
          100);
  a.driver->kick(0);
  Archive ar(Archive::Mode::Save);
  a.slot->snapshot(ar);
  ar.set_mode(Archive::Mode::Load);

  InlineExecutor other;
  Side b(*this, other, memory);  // the same memory, as after a load
  b.slot->snapshot(ar);
  ASSERT_TRUE(ar.finish()) << ar.finish().error().message();
  b.slot->restored();
  b.timers.advance_to(0);
  const auto used = a.driver->queue(0).reap();  // the ring is the one driver's
  ASSERT_TRUE(used);
  EXPECT_EQ(reply_of(*used, r)[4], 73);  // Rmkdir, and no error that it exists
  EXPECT_EQ(b.port->take_interrupts(), VIRTIO_ISR_QUEUE);
  const Request read =
      add(a, P9Client::message(Msg::Tread, 9, P9Fields() << u32{1} << u64{0} << u32{9}), 100);
  b.driver->kick(0);
  const auto data = a.driver->queue(0).reap();
  ASSERT_TRUE(data);
  EXPECT_EQ(memory.text(read.in.address + 11, 5), "hello");
  held.drain();
}

TEST_F(Virtio9pTest, ASnapshotWithANonsenseSessionIsRefused) {
  Side a(*this, inline_executor, memory);
  Archive ar(Archive::Mode::Save);
  a.slot->snapshot(ar);
  std::vector<u8> image = ar.encode();
  // The session begins with its format, 1, behind its name and type.
  const std::string text(image.begin(), image.end());
  const std::size_t at = text.find("session");
  ASSERT_NE(at, std::string::npos);
  const std::size_t format = text.find('\1', at + 20);
  ASSERT_NE(format, std::string::npos);
  image[format] = 9;
  auto damaged = Archive::decode(image);
  if (damaged) {
    damaged->set_mode(Archive::Mode::Load);
    a.slot->snapshot(*damaged);
    EXPECT_FALSE(damaged->finish());
  }
}

TEST_F(Virtio9pTest, AWorkerThreadAnswersOnTheMachineThread) {
  test::TestCompletions completions;
  auto worker = make_worker_thread(completions);
  {
    Side s(*this, *worker, memory);
    ASSERT_TRUE(s.driver->start(~u64{0}, 128));
    P9Client c([&](std::span<const u8> m) {
      const Request r = add(s, m, 8192);
      s.driver->kick(0);
      EXPECT_FALSE(s.driver->queue(0).reap());  // only the machine thread pushes
      completions.run_once();
      const auto used = s.driver->queue(0).reap();
      return used ? reply_of(*used, r) : std::vector<u8>();
    });
    ASSERT_EQ(c.version(8192), 0);
    ASSERT_EQ(c.attach(0, p9::kNoUid), 0);
    for (int n = 0; n < 50; ++n) ASSERT_EQ(c.make_file({}, "f" + std::to_string(n), "text"), 0);
    std::string text;
    ASSERT_EQ(c.read_file({"f49"}, text), 0);
    EXPECT_EQ(text, "text");
    // A device that goes, and a reset, wait for what runs.
    for (int n = 0; n < 20; ++n)
      add(s, P9Client::message(Msg::Tgetattr, 9, P9Fields() << u32{0} << u64{0}), 200);
    s.driver->kick(0);
    s.port->set_status(0);
    EXPECT_EQ(s.dev.in_flight(), 0u);
    EXPECT_FALSE(s.driver->queue(0).reap());
    ASSERT_TRUE(s.driver->start(~u64{0}, 128));
    add(s, P9Client::message(Msg::Tversion, 1, P9Fields() << u32{8192} << "9P2000.L"), 100);
    s.driver->kick(0);
  }
}

}  // namespace
}  // namespace quince::hw
