// Sockets: clients that come, go and come too many; servers that are not there yet.
#include "machine/chardev/socket_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <thread>

#include "char_bench.h"
#include "tests/support/no_descriptors.h"

namespace quince::machine {
namespace {

class SocketPortTest : public CharTest {
 protected:
  std::string server(const std::string& more = "") {
    return "socket,id=s,path=" + file("s") + ",server=on,wait=off" + more;
  }
  Peer client() { return Peer::unix_client(file("s")); }

  /// Attaches the device to a new back end.
  void start(const std::string& text) {
    chardev = open(text);
    ASSERT_NE(chardev, nullptr);
    port = *chardev->claim();
    port->attach(&device);
  }
  void TearDown() override {
    if (port != nullptr) chardev->release(port);
  }

  TestDevice device;
  std::unique_ptr<Chardev> chardev;
  hw::CharPort* port = nullptr;
};

/// A server in the test.
struct Listener {
  explicit Listener(const std::string& path)
      : fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::strncpy(a.sun_path, path.c_str(), sizeof a.sun_path - 1);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 ||
        ::listen(fd.get(), 4) != 0)
      ADD_FAILURE() << std::strerror(errno);
  }
  Peer accept() const { return Peer(::accept4(fd.get(), nullptr, nullptr, SOCK_NONBLOCK)); }
  Fd fd;
};

TEST_F(SocketPortTest, ServesOneClientInBothDirections) {
  start(server());
  EXPECT_FALSE(port->is_connected());
  EXPECT_EQ(chardev->description(), "disconnected:unix:" + file("s") + ",server=on");
  write(*port, "nobody hears this");
  Peer c = client();
  ASSERT_TRUE(c);
  ASSERT_TRUE(run_until([&] { return port->is_connected(); }));
  EXPECT_EQ(chardev->description(), "unix:" + file("s") + ",server=on");
  c.send("to the guest");
  ASSERT_TRUE(run_until([&] { return device.received == "to the guest"; }));
  write(*port, "to the client");
  EXPECT_EQ(c.read(), "to the client");
  c.close();
  ASSERT_TRUE(run_until([&] { return !port->is_connected(); }));
  EXPECT_EQ(device.events, "+d-");
  EXPECT_EQ(chardev->dropped(), 0u);
}

// 003q: the guest never opens the port; three clients type and go; the fourth is served at once.
TEST_F(SocketPortTest, AClientThatGoesUnheardDoesNotBlockTheNext) {
  device.room = 0;
  start(server());
  for (int i = 0; i < 3; ++i) {
    Peer c = client();
    ASSERT_TRUE(c) << i;
    ASSERT_TRUE(run_until([&] { return c.send("some keys\n") != 0; }));
  }
  Peer fourth = client();
  ASSERT_TRUE(fourth);
  // Served, not only queued by the kernel: it gets what the guest writes.
  ASSERT_TRUE(run_until(
      [&] {
        write(*port, "x");
        return !fourth.read().empty();
      },
      1));
}

// 003q: more left behind by clients than the host keeps for a guest that does not read.
TEST_F(SocketPortTest, ManyUnheardClientsAreForgottenNotKept) {
  device.room = 0;
  start(server());
  const std::string text = pattern(100'000);
  for (int i = 0; i < 15; ++i) {
    Peer c = client();
    ASSERT_TRUE(c);
    std::size_t sent = 0;
    while (sent < text.size()) {
      sent += c.send(text.substr(sent));
      loop.run_once(0);
    }
    c.close();
    settle();
  }
  EXPECT_GT(chardev->dropped(), 0u);
  EXPECT_LE(chardev->dropped(), 15 * text.size() - StreamPort::kInputBound);
  Peer last = client();
  ASSERT_TRUE(run_until(
      [&] {
        write(*port, "x");
        return !last.read().empty();
      },
      1));
}

// 003r: 64 KiB and the end of the connection in one go; a guest that reads 16 bytes at a time.
TEST_F(SocketPortTest, EverythingThatWasSentBeforeTheEndArrives) {
  device.endless = false;
  device.room = 16;
  start(server());
  const std::string text = pattern(64 * KiB);
  Peer c = client();
  ASSERT_EQ(c.send(text), text.size());
  c.close();
  ASSERT_TRUE(run_until([&] {
    device.room = 16;
    accept_input(*port);
    return device.received.size() >= text.size();
  }));
  EXPECT_TRUE(device.received == text);
  // The end comes behind the last byte.
  ASSERT_TRUE(run_until([&] { return !port->is_connected(); }));
  EXPECT_EQ(device.events.find('-'), device.events.size() - 1);
}

TEST_F(SocketPortTest, TheNextClientsTextFollowsTheLastOnes) {
  device.room = 0;
  start(server());
  Peer a = client();
  a.send("first ");
  a.close();
  Peer b = client();
  b.send("second");
  settle();
  device.room = 1000;
  accept_input(*port);
  ASSERT_TRUE(run_until([&] { return device.received == "first second"; }));
}

TEST_F(SocketPortTest, OutputIsBufferedUpToABoundThenDroppedAndCounted) {
  start(server());
  Peer c = client();
  ASSERT_TRUE(run_until([&] { return port->is_connected(); }));
  const std::string text = pattern(64 * KiB);
  std::size_t written = 0;
  while (port->can_write() != 0) {  // as a front end with back-pressure does
    const std::string_view part = std::string_view(text).substr(0, port->can_write());
    write(*port, part);
    written += part.size();
    ASSERT_LT(written, 64 * MiB);
  }
  EXPECT_EQ(chardev->dropped(), 0u);
  write(*port, "12345");  // as one without
  EXPECT_EQ(chardev->dropped(), 5u);
  EXPECT_GE(written, StreamPort::kOutputBound);
  // The reader wakes up: everything that was taken arrives, and the device hears of the room.
  ASSERT_TRUE(run_until([&] { return c.read().size() >= written; }));
  EXPECT_EQ(c.seen.size(), written);
  EXPECT_EQ(c.seen.substr(0, 2 * text.size()), text + text);
  EXPECT_EQ(device.events, "+w");
  EXPECT_EQ(port->can_write(), StreamPort::kOutputBound);
}

TEST_F(SocketPortTest, WhatIsQueuedIsWrittenBeforeThePortGoes) {
  start(server());
  Peer c = client();
  ASSERT_TRUE(run_until([&] { return port->is_connected(); }));
  const std::string text = pattern(600'000);
  write(*port, text);
  std::thread reader([&] {
    while (!c.at_end()) ASSERT_TRUE(wait_for_fd(c.fd(), POLLIN, 20'000));
  });
  chardev->release(port);
  port = nullptr;
  chardev.reset();
  reader.join();
  EXPECT_TRUE(c.seen == text);
}

TEST_F(SocketPortTest, AServerThatWaitsStartsWithItsFirstClient) {
  std::thread guest;
  Peer c{-1};
  on_notice = [&] {
    guest = std::thread([&] {
      c = client();
      c.send("early");
    });
  };
  start("socket,id=s,server=on,path=" + file("s"));
  EXPECT_TRUE(port->is_connected());
  guest.join();
  EXPECT_EQ(notices, std::vector<std::string>{"waiting for connection on: disconnected:unix:" +
                                              file("s") + ",server=on"});
  ASSERT_TRUE(run_until([&] { return device.received == "early"; }));
}

TEST_F(SocketPortTest, AServerReplacesOnlyASocketFileAndRemovesItsOwn) {
  { Listener old(file("s")); }
  start(server());
  EXPECT_TRUE(client());
  chardev->release(port);
  port = nullptr;
  chardev.reset();
  EXPECT_FALSE(std::filesystem::exists(file("s")));
  std::ofstream(file("f")) << "precious";
  EXPECT_EQ(refused("socket,id=x,server=on,wait=off,path=" + file("f")),
            "Failed to listen on '" + file("f") + "': Address already in use");
  EXPECT_EQ(contents(file("f")), "precious");
}

TEST_F(SocketPortTest, AClientConnectsOrSaysWhyNot) {
  EXPECT_EQ(refused("socket,id=x,path=" + file("none")),
            "Failed to connect to '" + file("none") + "': No such file or directory");
  EXPECT_EQ(refused("socket,id=x,path=" + std::string(200, 'x')),
            "UNIX socket path '" + std::string(200, 'x') + "' is too long (at most 107 bytes)");
  Listener l(file("s"));
  start("socket,id=s,path=" + file("s"));
  Peer p = l.accept();
  ASSERT_TRUE(p);
  EXPECT_TRUE(port->is_connected());
  p.send("hello");
  ASSERT_TRUE(run_until([&] { return device.received == "hello"; }));
  p.close();
  ASSERT_TRUE(run_until([&] { return !port->is_connected(); }));
}

// 003q: the client's side.
TEST_F(SocketPortTest, AClientWithReconnectComesBack) {
  start("socket,id=s,reconnect-ms=1,path=" + file("s"));  // nobody is there
  EXPECT_FALSE(port->is_connected());
  for (int i = 0; i < 3; ++i) {
    Listener l(file("s"));
    ASSERT_TRUE(run_until([&] { return port->is_connected(); })) << i;
    Peer p = l.accept();
    ASSERT_TRUE(p);
    p.send("again ");
    std::filesystem::remove(file("s"));
    p.close();
    ASSERT_TRUE(run_until([&] { return !port->is_connected(); }));
  }
  EXPECT_EQ(device.received, "again again again ");
}

TEST_F(SocketPortTest, ASocketCanBePassedAsADescriptor) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  Peer p(pair[0]);
  start(fmt::format("socket,id=s,fd={}", pair[1]));
  p.send("by number");
  ASSERT_TRUE(run_until([&] { return device.received == "by number"; }));
  const Fd plain(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_EQ(refused(fmt::format("socket,id=x,fd={}", plain.get())),
            fmt::format("fd={} is not an open socket", plain.get()));
  const Listener l(file("l"));
  EXPECT_EQ(refused(fmt::format("socket,id=x,fd={}", l.fd.get())),
            fmt::format("fd={} is a listening socket, which needs server=on", l.fd.get()));
}

TEST_F(SocketPortTest, AClientThatComesWhenDescriptorsAreShortIsServedLater) {
  start(server());
  settle();
  EXPECT_FALSE(port->is_connected());
  Peer c = client();
  {
    const NoDescriptors none;
    settle();
  }
  EXPECT_FALSE(port->is_connected());
  ASSERT_TRUE(run_until([&] { return port->is_connected(); }));
  c.send("after all");
  ASSERT_TRUE(run_until([&] { return device.received == "after all"; }));
}

TEST_F(SocketPortTest, WaitingForAClientEndsWhenNoneCanBeTaken) {
  const Listener l(file("l"));
  const Peer c = Peer::unix_client(file("l"));
  ASSERT_TRUE(c);
  const std::string text = "socket,id=x,server=on,fd=";
  EXPECT_EQ(refused(text + std::to_string(::dup(l.fd.get()))), "opened");
  const Peer next = Peer::unix_client(file("l"));
  const int passed = ::dup(l.fd.get());
  std::string why;
  {
    const NoDescriptors none;
    why = refused(text + std::to_string(passed));
  }
  EXPECT_EQ(why, "could not accept a connection: Too many open files");
}

TEST_F(SocketPortTest, TcpWithAPortThatTheHostChooses) {
  start("socket,id=s,host=127.0.0.1,port=0,server=on,wait=off,nodelay=on");
  const std::string where = chardev->description();
  const std::string head = "disconnected:tcp:127.0.0.1:";
  ASSERT_TRUE(where.starts_with(head)) << where;
  const int number = std::stoi(where.substr(head.size()));
  ASSERT_NE(number, 0);

  // Another back end is the client.
  TestDevice other;
  auto second = open(fmt::format("socket,id=c,host=127.0.0.1,port={}", number));
  ASSERT_NE(second, nullptr);
  hw::CharPort* out = *second->claim();
  out->attach(&other);
  write(*out, "over TCP");
  ASSERT_TRUE(run_until([&] { return device.received == "over TCP"; }));
  write(*port, "and back");
  ASSERT_TRUE(run_until([&] { return other.received == "and back"; }));

  EXPECT_EQ(refused(fmt::format("socket,id=x,host=127.0.0.1,port={},server=on,wait=off", number)),
            fmt::format("Failed to listen on '127.0.0.1:{}': Address already in use", number));
  if (number < 65000) {
    auto third = open(fmt::format("socket,id=t,host=127.0.0.1,port={},to={},server=on,wait=off",
                                  number, number + 500));
    ASSERT_NE(third, nullptr);
    EXPECT_NE(third->description(), where);
  }
  second->release(out);
  second.reset();
  // The end of a TCP connection is seen although the guest does not read.
  device.room = 0;
  ASSERT_TRUE(run_until([&] { return !port->is_connected(); }));
  EXPECT_TRUE(refused(fmt::format("socket,id=x,host=127.0.0.1,port={}", 1))
                  .starts_with("Failed to connect to '127.0.0.1:1': "));
}

// 003r over TCP, where the end of a connection is no hang-up but only the end of its data.
TEST_F(SocketPortTest, EverythingArrivesOverTcpToo) {
  device.room = 0;
  start("socket,id=s,host=127.0.0.1,port=0,server=on,wait=off");
  const int number = std::stoi(chardev->description().substr(27));
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<u16>(number));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string text = pattern(64 * KiB);
  for (int i = 0; i < 2; ++i) {
    Peer c(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::connect(c.fd(), reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    ASSERT_EQ(c.send(text), text.size());
  }
  settle();
  device.room = MiB;
  accept_input(*port);
  ASSERT_TRUE(run_until([&] { return device.received.size() == 2 * text.size(); }));
  EXPECT_TRUE(device.received == text + text);
}

// Under TSan: a vCPU's thread writes and asks for input while the loop serves the socket.
TEST_F(SocketPortTest, DevicesRunOnOtherThreads) {
  device.endless = false;
  device.room = 16;
  start(server());
  Peer c = client();
  ASSERT_TRUE(run_until([&] { return port->is_connected(); }));
  const std::string text = pattern(50'000);
  ASSERT_EQ(c.send(text), text.size());
  std::thread vcpu([&] {
    for (std::size_t done = 0; done < text.size();) {
      const hw::IoLock::Guard held(lock);
      port->write({reinterpret_cast<const u8*>(&text[done]), 1});
      done += 1;
      device.room = 16;
      port->accept_input();
    }
  });
  EXPECT_TRUE(run_until([&] {
    c.read();
    const hw::IoLock::Guard held(lock);
    device.room = 16;
    port->accept_input();
    return device.received.size() == text.size() && c.seen.size() == text.size();
  }));
  vcpu.join();
  EXPECT_TRUE(device.received == text);
  EXPECT_TRUE(c.seen == text);
}

}  // namespace
}  // namespace quince::machine
