// EventLoop: pollers, which name their descriptors before each wait.
#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/fd.h"

namespace quince {
namespace {

/// Runs until `poller` was ready once more.  Waits may end for no reason.
template <class P>
void run_until_ready(EventLoop& loop, P& poller) {
  const unsigned before = poller.readied;
  while (poller.readied == before) loop.run_once(-1);
}

class TestPoller final : public EventLoop::Poller {
 public:
  s64 prepare(std::vector<EventLoop::PollFd>& fds) override {
    ++prepared;
    fds.insert(fds.end(), wanted.begin(), wanted.end());
    return timeout;
  }
  void ready(std::span<const EventLoop::PollFd> fds) override {
    ++readied;
    seen.assign(fds.begin(), fds.end());
  }

  std::vector<EventLoop::PollFd> wanted;
  s64 timeout = -1;
  unsigned prepared = 0;
  unsigned readied = 0;
  std::vector<EventLoop::PollFd> seen;
};

struct Pair {
  Pair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
    a = Fd(fds[0]);
    b = Fd(fds[1]);
  }
  Fd a;
  Fd b;
};

TEST(EventLoopPoller, TellsWhichDescriptorIsReadyForWhat) {
  EventLoop loop;
  TestPoller poller;
  Pair one;
  Pair two;
  const EventLoop::Watch watch = loop.add_poller(poller);
  poller.wanted = {{one.a.get(), EventLoop::Readable}, {two.a.get(), EventLoop::Readable}};
  ASSERT_EQ(::write(two.b.get(), "x", 1), 1);
  run_until_ready(loop, poller);
  ASSERT_EQ(poller.seen.size(), 2u);
  EXPECT_EQ(poller.seen[0].revents, 0u);
  EXPECT_EQ(poller.seen[1].revents, unsigned{EventLoop::Readable});

  poller.wanted = {{one.a.get(), EventLoop::Writable}};  // fewer, and for another event
  run_until_ready(loop, poller);
  ASSERT_EQ(poller.seen.size(), 1u);
  EXPECT_EQ(poller.seen[0].revents, unsigned{EventLoop::Writable});

  poller.wanted = {{one.a.get(), 0}};
  one.b.reset();
  run_until_ready(loop, poller);
  EXPECT_EQ(poller.seen[0].revents, unsigned{EventLoop::HangUp});
}

TEST(EventLoopPoller, IsReadyAfterTheTimeItAskedFor) {
  EventLoop loop;
  TestPoller poller;
  const EventLoop::Watch watch = loop.add_poller(poller);
  loop.run_once(0);
  EXPECT_EQ(poller.readied, 0u);
  poller.timeout = 1'000'000;
  const unsigned before = poller.prepared;
  run_until_ready(loop, poller);            // would never end if the deadline were not kept
  EXPECT_LE(poller.prepared - before, 3u);  // and waits meanwhile
  poller.timeout = 0;
  run_until_ready(loop, poller);
}

TEST(EventLoopPoller, IsAskedNoMoreOnceItsWatchIsGone) {
  EventLoop loop;
  TestPoller poller;
  EventLoop::Watch watch = loop.add_poller(poller);
  loop.run_once(0);
  const unsigned before = poller.prepared;
  EXPECT_GT(before, 0u);
  watch.reset();
  loop.run_once(0);
  EXPECT_EQ(poller.prepared, before);
}

}  // namespace
}  // namespace quince
