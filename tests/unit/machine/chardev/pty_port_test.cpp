// Pseudo-terminals: who has one open, and what passes through.
#include "machine/chardev/pty_port.h"

#include <termios.h>

#include "char_bench.h"
#include "machine/chardev/stream_port.h"

namespace quince::machine {
namespace {

class PtyPortTest : public CharTest {
 protected:
  static Peer program(const std::string& name) {
    return Peer(::open(name.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  }
};

TEST_F(PtyPortTest, ProgramsComeAndGo) {
  TestDevice device;
  auto chardev = open("pty,id=con");
  ASSERT_NE(chardev, nullptr);
  hw::CharPort* port = *chardev->claim();
  port->attach(&device);
  ASSERT_TRUE(chardev->description().starts_with("pty:/dev/pts/"));
  const std::string name = chardev->description().substr(4);
  EXPECT_EQ(notices,
            std::vector<std::string>{"char device redirected to " + name + " (label con)"});
  EXPECT_FALSE(port->is_connected());
  settle();
  EXPECT_FALSE(port->is_connected());
  for (int i = 0; i < 3; ++i) {
    write(*port, "while nobody looks");
    Peer p = program(name);
    ASSERT_TRUE(p);
    ASSERT_TRUE(run_until([&] { return port->is_connected(); })) << i;
    p.send("k\n\x03");  // raw: neither echo nor signal nor translation
    const std::string typed = "k\n\x03";
    ASSERT_TRUE(run_until([&] { return device.received.ends_with(typed); }));
    write(*port, "seen\n");
    ASSERT_TRUE(run_until([&] {
      write(*port, "");
      return p.read() == "seen\n";
    }));
    p.close();
    ASSERT_TRUE(run_until([&] { return !port->is_connected(); }));
  }
  EXPECT_EQ(device.received, "k\n\x03k\n\x03k\n\x03");
  chardev->release(port);
}

TEST_F(PtyPortTest, WhatWasTypedBeforeTheProgramWentArrives) {
  TestDevice device;
  device.room = 0;
  auto chardev = open("pty,id=con");
  hw::CharPort* port = *chardev->claim();
  port->attach(&device);
  Peer p = program(chardev->description().substr(4));
  ASSERT_TRUE(run_until([&] { return port->is_connected(); }));
  p.send("last words");
  p.close();
  settle();
  device.room = 100;
  accept_input(*port);
  ASSERT_TRUE(run_until([&] { return !port->is_connected(); }));
  EXPECT_EQ(device.received, "last words");
  chardev->release(port);
}

TEST_F(PtyPortTest, ALinkNamesIt) {
  {
    auto chardev = open("pty,id=con,path=" + file("link"));
    ASSERT_NE(chardev, nullptr);
    EXPECT_EQ("pty:" + std::filesystem::read_symlink(file("link")).string(),
              chardev->description());
  }
  EXPECT_FALSE(std::filesystem::is_symlink(file("link")));
  std::ofstream(file("taken")) << "x";
  EXPECT_TRUE(refused("pty,id=con,path=" + file("taken")).ends_with(": File exists"));
  EXPECT_EQ(contents(file("taken")), "x");
}

// A serial line of the host: one end of a pseudo-terminal stands for it.
TEST_F(PtyPortTest, ASerialLineIsSetToRawAndSetBack) {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  char name[64];
  ASSERT_EQ(::ptsname_r(master.get(), name, sizeof name), 0);
  const Fd keep(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios before{}, during{}, after{};
  ::tcgetattr(keep.get(), &before);
  {
    TestDevice device;
    auto chardev = open(std::string("serial,id=s,path=") + name);
    ASSERT_NE(chardev, nullptr);
    hw::CharPort* port = *chardev->claim();
    port->attach(&device);
    ::tcgetattr(keep.get(), &during);
    EXPECT_EQ(::cfgetospeed(&during), static_cast<speed_t>(B115200));
    EXPECT_EQ(during.c_lflag & static_cast<tcflag_t>(ICANON | ECHO | ISIG), 0u);
    ASSERT_EQ(::write(master.get(), "in\n", 3), 3);
    ASSERT_TRUE(run_until([&] { return device.received == "in\n"; }));
    write(*port, "out\n");
    char back[8] = {};
    ASSERT_TRUE(wait_for_fd(master.get(), POLLIN, 5000));
    EXPECT_EQ(::read(master.get(), back, sizeof back), 4);
    EXPECT_STREQ(back, "out\n");
    chardev->release(port);
  }
  ::tcgetattr(keep.get(), &after);
  EXPECT_EQ(before.c_lflag, after.c_lflag);
  EXPECT_EQ(before.c_oflag, after.c_oflag);
  EXPECT_EQ(refused("serial,id=s,path=/dev/null"), "'/dev/null' is not a serial line or terminal");
}

}  // namespace
}  // namespace quince::machine
