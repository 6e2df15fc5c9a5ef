// Files, pipes, memory, logs.
#include "machine/chardev/file_port.h"

#include <sys/stat.h>

#include "char_bench.h"
#include "machine/chardev/ringbuf_port.h"

namespace quince::machine {
namespace {

using FilePortTest = CharTest;

TEST_F(FilePortTest, AFileIsReplacedOrContinued) {
  std::ofstream(file("out")) << "old ";
  for (const char* append : {"", ",append=on"}) {
    auto chardev = open("file,id=f,path=" + file("out") + append);
    ASSERT_NE(chardev, nullptr);
    hw::CharPort* port = *chardev->claim();
    write(*port, "new ");
    EXPECT_TRUE(port->is_connected());
    chardev->release(port);
  }
  EXPECT_EQ(contents(file("out")), "new new ");
  EXPECT_EQ(refused("file,id=f,path=" + file("none/x")),
            "could not open '" + file("none/x") + "': No such file or directory");
  EXPECT_EQ(refused("file,id=f,path=" + folder), "could not open '" + folder + "': Is a directory");
}

TEST_F(FilePortTest, InputComesFromAFileToItsEnd) {
  const std::string text = pattern(100'000);
  std::ofstream(file("in"), std::ios::binary) << text;
  auto chardev = open("file,id=f,path=" + file("out") + ",input-path=" + file("in"));
  ASSERT_NE(chardev, nullptr);
  TestDevice device;
  device.endless = false;
  device.room = 1000;
  hw::CharPort* port = *chardev->claim();
  port->attach(&device);
  ASSERT_TRUE(run_until([&] {
    device.room = 1000;
    accept_input(*port);
    return device.received.size() >= text.size();
  }));
  EXPECT_TRUE(device.received == text);
  EXPECT_TRUE(port->is_connected());  // the end of input is not the end
  write(*port, "still here");
  EXPECT_EQ(contents(file("out")), "still here");
  chardev->release(port);
  EXPECT_EQ(refused("file,id=f,path=" + file("out") + ",input-path=" + folder),
            "could not open '" + folder + "': Is a directory");
}

TEST_F(FilePortTest, PipesLeadInAndOut) {
  ASSERT_EQ(::mkfifo(file("p.in").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(file("p.out").c_str(), 0600), 0);
  auto chardev = open("pipe,id=p,path=" + file("p"));
  ASSERT_NE(chardev, nullptr);
  TestDevice device;
  hw::CharPort* port = *chardev->claim();
  port->attach(&device);
  for (int i = 0; i < 2; ++i) {  // a peer may go and another may come
    Peer in(::open(file("p.in").c_str(), O_WRONLY | O_NONBLOCK));
    ASSERT_TRUE(in);
    in.send("typed");
    ASSERT_TRUE(
        run_until([&] { return device.received == std::string(i == 0 ? "typed" : "typedtyped"); }));
  }
  Peer out(::open(file("p.out").c_str(), O_RDONLY | O_NONBLOCK));
  write(*port, "printed");
  EXPECT_EQ(out.read(), "printed");
  // Nobody reads: bounded.
  const std::string text = pattern(MiB);
  write(*port, text);
  write(*port, text);
  EXPECT_GT(chardev->dropped(), 0u);
  EXPECT_LT(chardev->dropped(), text.size());
  ASSERT_TRUE(
      run_until([&] { return out.read().size() == 7 + 2 * text.size() - chardev->dropped(); }));
  chardev->release(port);
}

TEST_F(FilePortTest, OnePipeServesForBothAndAFileDoesNot) {
  ASSERT_EQ(::mkfifo(file("p").c_str(), 0600), 0);
  EXPECT_NE(open("pipe,id=p,path=" + file("p")), nullptr);
  std::ofstream(file("f")) << "x";
  EXPECT_EQ(refused("pipe,id=p,path=" + file("f")), "'" + file("f") + "' is a file, not a pipe");
  EXPECT_EQ(refused("pipe,id=p,path=" + file("q")),
            "neither '" + file("q") + ".in' and '" + file("q") + ".out' nor '" + file("q") +
                "' could be opened: No such file or directory");
}

TEST_F(FilePortTest, ARingBufferKeepsTheNewest) {
  auto chardev = open("ringbuf,id=r,size=8");
  ASSERT_NE(chardev, nullptr);
  TestDevice device;
  device.room = 0;
  hw::CharPort* port = *chardev->claim();
  port->attach(&device);
  RingBufPort* ring = chardev->ringbuf();
  ASSERT_NE(ring, nullptr);
  const auto take = [&](std::size_t n) {
    const auto data = ring->take(n);
    return std::string(data.begin(), data.end());
  };
  write(*port, "abcdef");
  EXPECT_EQ(take(2), "ab");
  write(*port, "ghijk");
  EXPECT_EQ(chardev->dropped(), 1u);
  EXPECT_EQ(take(100), "defghijk");
  write(*port, "0123456789");
  EXPECT_EQ(take(100), "23456789");
  EXPECT_EQ(chardev->dropped(), 3u);
  EXPECT_EQ(take(100), "");
  EXPECT_EQ(ring->put(bytes("typed")), 5u);
  settle();
  EXPECT_EQ(device.received, "");
  device.room = 100;
  accept_input(*port);
  ASSERT_TRUE(run_until([&] { return device.received == "typed"; }));
  chardev->release(port);
}

TEST_F(FilePortTest, ALogHasTheOutputWhereverThatGoes) {
  for (const char* more : {"", ",logappend=on"}) {
    auto chardev = open("null,id=n,logfile=" + file("log") + more);
    ASSERT_NE(chardev, nullptr);
    write(**chardev->claim(), "line\n");
  }
  EXPECT_EQ(contents(file("log")), "line\nline\n");
  {
    // Behind a ring buffer, which still can be read.
    auto chardev = open("ringbuf,id=r,logfile=" + file("log"));
    write(**chardev->claim(), "both");
    EXPECT_EQ(chardev->ringbuf()->take(10).size(), 4u);
  }
  EXPECT_EQ(contents(file("log")), "both");
  EXPECT_EQ(refused("null,id=n,logfile=" + file("none/log")),
            "logfile: could not open '" + file("none/log") + "': No such file or directory");
  // A disk that is full ends the log and nothing else.
  auto full = open("ringbuf,id=r,logfile=/dev/full");
  write(**full->claim(), "lost");
  EXPECT_EQ(full->ringbuf()->take(10).size(), 4u);
}

// The end of kvm-unit-tests: `nq` is status (n << 1) | 1.
TEST_F(FilePortTest, TestdevEndsTheRunWithAStatus) {
  auto chardev = open("testdev,id=t");
  ASSERT_NE(chardev, nullptr);
  hw::CharPort* port = *chardev->claim();
  write(*port, "0q");
  write(*port, "1");
  write(*port, "2");
  write(*port, "q3x4q\nq-1q");
  EXPECT_EQ(exits, (std::vector<int>{1, 25, 9, 1, 255}));
}

}  // namespace
}  // namespace quince::machine
