// The terminal, in a process of its own; queues; tasks of the loop.
#include "machine/chardev/stream_port.h"

#include <sys/wait.h>
#include <termios.h>

#include "char_bench.h"
#include "machine/chardev/stdio_port.h"

namespace quince::machine {
namespace {

using StreamPortTest = CharTest;

/// Runs `body` in a child whose standard input and output are the given descriptors, and
/// whose status is what that returns.
template <class F>
pid_t child_with(int in, int out, F body) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::_exit(body());
}

int status_of(pid_t pid) {
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

TEST(ByteQueueTest, IsFirstInFirstOutAndBounded) {
  ByteQueue q(10);
  EXPECT_EQ(q.push(bytes("abcdef")), 6u);
  q.pop(4);
  EXPECT_EQ(q.push(bytes("0123456789")), 8u);
  const auto front = q.front();
  EXPECT_EQ(std::string(front.begin(), front.end()), "ef01234567");
  EXPECT_EQ(q.room(), 0u);
  q.pop(100);
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(q.room(), 10u);
}

TEST_F(StreamPortTest, ATaskRunsOnceAndNotAfterItsOwner) {
  int runs = 0;
  auto task = std::make_unique<LoopTask>(loop, lock, [&] { ++runs; });
  task->request();
  task->request();
  settle();
  EXPECT_EQ(runs, 1);
  task->request();
  task.reset();
  settle();
  EXPECT_EQ(runs, 1);
}

// More than the pipe and the queue hold: the port waits while it runs, and writes the rest before
// it goes.
TEST_F(StreamPortTest, StandardOutputIsCompleteForASlowReader) {
  int out[2];
  ASSERT_EQ(::pipe(out), 0);
  const std::string text = pattern(3 * MiB);
  const Fd null(::open("/dev/null", O_RDWR));
  const pid_t pid = child_with(null.get(), out[1], [&] {
    EventLoop own;
    hw::IoLock own_lock;
    const CharHost h{.loop = own, .lock = own_lock};
    StdioPort port(h, true);
    for (std::size_t i = 0; i < text.size(); i += 4096) port.write(bytes(text).subspan(i, 4096));
    return port.dropped() == 0 ? 0 : 3;
  });
  ::close(out[1]);
  std::string seen;
  char data[65536];
  for (ssize_t n = 0; (n = ::read(out[0], data, sizeof data)) > 0;)
    seen.append(data, static_cast<std::size_t>(n));
  ::close(out[0]);
  EXPECT_EQ(status_of(pid), 0);
  EXPECT_TRUE(seen == text);
}

TEST_F(StreamPortTest, AReaderThatGoesAwayEndsTheOutputOnly) {
  int out[2], in[2];
  ASSERT_EQ(::pipe(out), 0);
  ASSERT_EQ(::pipe(in), 0);
  ::close(out[0]);
  const pid_t pid = child_with(in[0], out[1], [&] {
    EventLoop own;
    hw::IoLock own_lock;
    const CharHost h{.loop = own, .lock = own_lock};
    StdioPort port(h, true);
    TestDevice device;
    port.attach(&device);
    const std::string text = pattern(3 * MiB);
    port.write(bytes(text));
    while (device.received != "typed") own.run_once(-1);
    return port.is_connected() ? 0 : 4;
  });
  ::close(in[0]);
  ::close(out[1]);
  ASSERT_EQ(::write(in[1], "typed", 5), 5);
  ::close(in[1]);
  EXPECT_EQ(status_of(pid), 0);
}

TEST_F(StreamPortTest, TheTerminalIsRawWhileThePortLives) {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  char name[64];
  ASSERT_EQ(::ptsname_r(master.get(), name, sizeof name), 0);
  const Fd slave(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  const auto lflag = [&] {
    termios t{};
    ::tcgetattr(slave.get(), &t);
    return t.c_lflag & static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  };
  const auto cooked = lflag();
  ASSERT_NE(cooked, 0u);
  int go[2], ready[2];
  ASSERT_EQ(::pipe(go), 0);
  ASSERT_EQ(::pipe(ready), 0);
  for (const bool signals : {true, false}) {
    const pid_t pid = child_with(slave.get(), slave.get(), [&] {
      EventLoop own;
      hw::IoLock own_lock;
      const CharHost h{.loop = own, .lock = own_lock};
      StdioPort port(h, signals);
      // The flags of the terminal itself are not touched: they are shared with other programs.
      const bool blocking = (::fcntl(1, F_GETFL) & O_NONBLOCK) == 0;
      char c = blocking ? 'y' : 'n';
      if (::write(ready[1], &c, 1) != 1 || ::read(go[0], &c, 1) != 1) return 1;
      return 0;
    });
    char c = 0;
    ASSERT_EQ(::read(ready[0], &c, 1), 1);
    EXPECT_EQ(c, 'y');
    EXPECT_EQ(lflag(), signals ? static_cast<tcflag_t>(ISIG) : 0u);
    ASSERT_EQ(::write(go[1], "g", 1), 1);
    EXPECT_EQ(status_of(pid), 0);
    EXPECT_EQ(lflag(), cooked);
  }
}

}  // namespace
}  // namespace quince::machine
