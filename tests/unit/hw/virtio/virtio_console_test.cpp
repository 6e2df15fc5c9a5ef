#include "hw/virtio/virtio_console.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/fake_char_port.h"
#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using test::DriverQueue;
using test::FakeCharPort;
using test::GuestMemory;
using test::MmioDriverPort;
using test::Pin;
using test::VirtioDriver;

constexpr unsigned kRx = VirtioConsole::kControlReceive, kTx = VirtioConsole::kControlTransmit;

struct VirtioConsoleTest : ::testing::Test {
  GuestMemory memory;
  Pin pin;
  TimerQueue timers;
  FakeCharPort terminal, agent;  // of ports 0 and 1
  VirtioConsoleConfig config;
  std::unique_ptr<VirtioConsole> console;
  std::unique_ptr<VirtioMmio> slot;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<VirtioDriver> driver;
  std::vector<DriverQueue::Buffer> control;  // buffers for messages, in order

  void build() {
    console = std::make_unique<VirtioConsole>("console", config, memory.log(), timers);
    ASSERT_EQ(console->add_port({.console = true}, &terminal), 0u);
    if (config.max_ports > 1) {
      ASSERT_EQ(console->add_port({.name = "org.qemu.guest_agent.0"}, &agent), 1u);
    }
    slot = std::make_unique<VirtioMmio>("slot", pin.wire(), memory.port());
    slot->plug(*console);
    port = std::make_unique<MmioDriverPort>(*slot);
    driver = std::make_unique<VirtioDriver>(*port, memory);
  }
  void start(u64 features = ~u64{0}) {
    if (console == nullptr) build();
    control.clear();
    ASSERT_TRUE(driver->start(features));
  }
  /// Gives the device buffers for control messages.
  void offer(unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
      control.push_back(driver->queue(kRx).space(64));
      driver->queue(kRx).add({control.back()});
    }
    driver->kick(kRx);
  }
  /// The next control message as "PORT EVENT VALUE REST", or nothing.
  std::string heard() {
    const auto used = driver->queue(kRx).reap();
    if (!used) return {};
    const u64 at = control.front().address;
    control.erase(control.begin());
    const auto m = memory.get_object<VirtioConsoleControl>(at);
    return std::to_string(m.id) + " " + std::to_string(m.event) + " " + std::to_string(m.value) +
           (used->length > 8 ? " " + memory.text(at + 8, used->length - 8) : "");
  }
  std::vector<std::string> heard_all() {
    std::vector<std::string> all;
    for (std::string m; !(m = heard()).empty();) all.push_back(m);
    return all;
  }
  void say(u32 nr, u16 event, u16 value) {
    DriverQueue& q = driver->queue(kTx);
    const auto b = q.buffer(std::string(8, 0));
    memory.put_object(b.address, VirtioConsoleControl{nr, event, value});
    q.add({b});
    driver->kick(kTx);
    EXPECT_TRUE(q.reap());
  }
  /// A driver that knows both ports and has them open.
  void open_all() {
    start();
    offer(16);
    say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    for (const u32 nr : {0u, 1u}) {
      say(nr, VIRTIO_CONSOLE_PORT_READY, 1);
      say(nr, VIRTIO_CONSOLE_PORT_OPEN, 1);
    }
    heard_all();
  }
  DriverQueue& rx(u32 nr) { return driver->queue(VirtioConsole::receive_queue(nr)); }
  DriverQueue& tx(u32 nr) { return driver->queue(VirtioConsole::transmit_queue(nr)); }
  void kick_rx(u32 nr) { driver->kick(VirtioConsole::receive_queue(nr)); }
  void write(u32 nr, std::string_view text) {
    tx(nr).add({tx(nr).buffer(text)});
    driver->kick(VirtioConsole::transmit_queue(nr));
  }
  /// Offers a buffer to a port; what arrived in it is text() later.
  DriverQueue::Buffer listen(u32 nr, u32 size) {
    const auto b = rx(nr).space(size);
    rx(nr).add({b});
    kick_rx(nr);
    return b;
  }
  void load(Archive& ar) {
    ar.set_mode(Archive::Mode::Load);
    slot->snapshot(ar);
    ASSERT_TRUE(ar.finish());
    slot->restored();
  }
};

// ---- Ports --------------------------------------------------------------------------------------

TEST_F(VirtioConsoleTest, PortsAreNumberedAsInQemu) {
  config.max_ports = 4;
  VirtioConsole c("c", config, memory.log(), timers);
  const auto why = [&](const VirtioPortConfig& p) {
    const auto r = c.add_port(p, nullptr);
    return r ? std::to_string(*r) : r.error().message();
  };
  EXPECT_EQ(why({.name = "a"}), "1");  // 0 stays for a console
  EXPECT_EQ(why({.console = true}), "0");
  EXPECT_EQ(why({.name = "a"}), "name: there is a port 'a' already");
  EXPECT_EQ(why({.nr = 1}), "nr: there is a port 1 already");
  EXPECT_EQ(why({.nr = 4}), "nr: must be below max_ports, which is 4");
  EXPECT_EQ(why({.name = std::string(256, 'x')}), "name: must have at most 255 bytes");
  EXPECT_EQ(why({.nr = 3}), "3");
  EXPECT_EQ(why({.console = true}), "2");
  EXPECT_EQ(why({.console = true}),
            "nr: no port is left of max_ports=4 (port 0 is for a virtconsole)");
  EXPECT_EQ(VirtioConsole("d", config, memory.log(), timers)
                .add_port({.nr = 0}, nullptr)
                .error()
                .message(),
            "nr: port 0 is for a virtconsole");
  EXPECT_EQ(VirtioConsoleConfig{.max_ports = 32}.check().error().message(),
            "max_ports: must be 1 to 31");
  EXPECT_EQ(VirtioConsoleConfig{.max_ports = 0}.check().error().message(),
            "max_ports: must be 1 to 31");
}

TEST_F(VirtioConsoleTest, ThirtyOnePortsHave64Queues) {
  start();
  EXPECT_EQ(port->rd(0x08), 3u);
  EXPECT_EQ(driver->queue_count(), 64u);
  EXPECT_EQ(port->queue_max(0), 128u);
  EXPECT_EQ(port->queue_max(2), 32u);
  EXPECT_EQ(port->queue_max(63), 128u);
  EXPECT_EQ(port->read_config(4, 4), 31u);
  EXPECT_EQ(VirtioConsole::transmit_queue(30), 63u);
}

TEST_F(VirtioConsoleTest, PortsAreIntroduced) {
  agent.on = false;
  start();
  offer(16);
  EXPECT_EQ(heard(), "");  // nothing before the driver is ready
  say(~0u, VIRTIO_CONSOLE_DEVICE_READY, 1);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"0 1 1", "1 1 1"}));
  say(0, VIRTIO_CONSOLE_PORT_READY, 1);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"0 4 1", "0 6 1"}));
  say(1, VIRTIO_CONSOLE_PORT_READY, 1);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"1 7 1 org.qemu.guest_agent.0"}));
  agent.connect(true);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"1 6 1"}));
  agent.connect(false);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"1 6 0"}));
  terminal.connect(false);  // a console is always open
  EXPECT_EQ(heard(), "");
  EXPECT_NE(port->take_interrupts() & VIRTIO_ISR_QUEUE, 0);
}

TEST_F(VirtioConsoleTest, MessagesWaitForBuffersAndNoneIsLost) {
  start();
  say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
  say(1, VIRTIO_CONSOLE_PORT_READY, 1);
  offer(2);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"0 1 1", "1 1 1"}));
  offer(2);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"1 7 1 org.qemu.guest_agent.0", "1 6 1"}));
  agent.connect(false);  // one client goes and another comes: the guest hears of both
  agent.connect(true);
  offer(3);
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"1 6 0", "1 6 1"}));
}

TEST_F(VirtioConsoleTest, ADriverThatFailsHearsNoMore) {
  start();
  offer(16);
  say(0, VIRTIO_CONSOLE_DEVICE_READY, 0);
  EXPECT_EQ(heard(), "");
  say(1, VIRTIO_CONSOLE_PORT_READY, 0);
  agent.connect(false);
  EXPECT_EQ(heard(), "");
  EXPECT_FALSE(driver->needs_reset());
}

// ---- Data ---------------------------------------------------------------------------------------

TEST_F(VirtioConsoleTest, BytesGoBothWays) {
  open_all();
  EXPECT_TRUE(console->guest_open(1));
  const auto a = listen(0, 16), b = listen(1, 3), c = listen(1, 16);
  terminal.type("login");
  agent.type("hello");
  EXPECT_EQ(rx(0).reap()->length, 5u);
  EXPECT_EQ(memory.text(a.address, 5), "login");
  EXPECT_EQ(rx(1).reap()->length, 3u);
  EXPECT_EQ(rx(1).reap()->length, 2u);
  EXPECT_EQ(memory.text(b.address, 3) + memory.text(c.address, 2), "hello");
  port->take_interrupts();
  tx(1).add({tx(1).buffer("to "), tx(1).buffer("the host")});
  driver->kick(VirtioConsole::transmit_queue(1));
  EXPECT_EQ(agent.output, "to the host");
  EXPECT_EQ(tx(1).reap()->length, 0u);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_QUEUE);
  write(0, "# ");
  EXPECT_EQ(terminal.output, "# ");
}

TEST_F(VirtioConsoleTest, InputWaitsInTheBackEnd) {
  start();
  offer(16);
  listen(1, 16);
  agent.type("early");  // nobody opened the port
  EXPECT_EQ(agent.input, "early");
  say(1, VIRTIO_CONSOLE_PORT_READY, 1);
  const unsigned before = agent.accepts;
  say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
  EXPECT_GT(agent.accepts, before);  // and then it is asked for
  agent.type();
  EXPECT_EQ(rx(1).reap()->length, 5u);
  agent.type("more");  // there is no buffer
  EXPECT_EQ(agent.input, "more");
  const unsigned then = agent.accepts;
  listen(1, 2);
  EXPECT_GT(agent.accepts, then);
  agent.type();
  EXPECT_EQ(agent.input, "re");
  say(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
  listen(1, 16);
  agent.type();
  EXPECT_EQ(agent.input, "re");
}

TEST_F(VirtioConsoleTest, OutputWaitsInTheRing) {
  open_all();
  agent.room = 4;
  write(1, "0123456789");
  write(1, "abc");
  EXPECT_EQ(agent.output, "0123");
  EXPECT_FALSE(tx(1).reap());
  driver->kick(VirtioConsole::transmit_queue(1));  // asking again does not help
  EXPECT_EQ(agent.output, "0123");
  EXPECT_EQ(timers.next_deadline(), kNever);  // nobody polls
  agent.make_room(7);
  EXPECT_EQ(agent.output, "0123456789a");
  EXPECT_TRUE(tx(1).reap());
  EXPECT_FALSE(tx(1).reap());
  agent.make_room(100);
  EXPECT_EQ(agent.output, "0123456789abc");
  EXPECT_TRUE(tx(1).reap());
  EXPECT_EQ(agent.lost, 0u);
  agent.room = 0;
  write(0, "another port");
  EXPECT_EQ(terminal.output, "another port");
}

TEST_F(VirtioConsoleTest, OutputThatNobodyHearsIsTaken) {
  open_all();
  agent.room = 2;
  write(1, "half");
  EXPECT_FALSE(tx(1).reap());
  agent.connect(false);
  EXPECT_TRUE(tx(1).reap());
  write(1, "gone");
  EXPECT_TRUE(tx(1).reap());
  EXPECT_EQ(agent.output, "ha");
  agent.room = 100;
  agent.connect(true);
  write(1, "new");
  EXPECT_EQ(agent.output, "hanew");                        // and not from the middle on
  const unsigned none = VirtioConsole::transmit_queue(7);  // a port that is not there
  driver->queue(none).add({driver->queue(none).buffer("x")});
  driver->kick(none);
  EXPECT_TRUE(driver->queue(none).reap());
}

TEST_F(VirtioConsoleTest, OneNotificationMovesABoundedAmount) {
  open_all();
  write(1, std::string(1 * MiB, 'x'));
  EXPECT_EQ(agent.output.size(), VirtioConsole::kPassBytes);
  EXPECT_FALSE(tx(1).reap());
  timers.run_due();  // the machine thread goes on
  EXPECT_EQ(agent.output.size(), 2 * VirtioConsole::kPassBytes);
  for (unsigned i = 2; i < 1 * MiB / VirtioConsole::kPassBytes; ++i) timers.run_due();
  EXPECT_EQ(agent.output.size(), 1 * MiB);
  EXPECT_TRUE(tx(1).reap());
  EXPECT_EQ(timers.next_deadline(), kNever);
}

// 003q: the guest never opens the port.
TEST_F(VirtioConsoleTest, AClosedPortDoesNotHoldClientsUp) {
  start();
  offer(16);
  say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
  say(1, VIRTIO_CONSOLE_PORT_READY, 1);
  const auto b = listen(1, 64);  // a driver has buffers there before any program opens the port
  agent.connect(false);
  heard_all();
  for (int client = 0; client < 4; ++client) {
    agent.connect(true);
    agent.type("typed");
    EXPECT_EQ(agent.receiver->can_receive(), 0u);  // the back end keeps it, and may go on
    agent.connect(false);
    EXPECT_EQ(heard_all(), (std::vector<std::string>{"1 6 1", "1 6 0"}));
    offer(2);
  }
  EXPECT_EQ(agent.input.size(), 20u);
  say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);  // a guest that opens it at last gets it all
  agent.type();
  EXPECT_EQ(rx(1).reap()->length, 20u);
  EXPECT_EQ(memory.text(b.address, 20), "typedtypedtypedtyped");
}

// 003r: the peer sends and goes at once.
TEST_F(VirtioConsoleTest, AllThatAPeerSentArrives) {
  open_all();
  std::string sent;
  for (unsigned i = 0; i < 64 * KiB; ++i) sent += static_cast<char>('a' + i % 23);
  std::vector<DriverQueue::Buffer> buffers;
  for (int i = 0; i < 4; ++i) buffers.push_back(listen(1, 4096));
  agent.type(sent);
  std::string got;
  while (got.size() < sent.size()) {
    const auto used = rx(1).reap();
    ASSERT_TRUE(used);
    got += memory.text(buffers.front().address, used->length);
    buffers.erase(buffers.begin());
    buffers.push_back(listen(1, 4096));
    agent.type();
    if (agent.input.empty() && agent.on) agent.connect(false);
  }
  EXPECT_EQ(got, sent);
  EXPECT_EQ(heard(), "1 6 0");
}

TEST_F(VirtioConsoleTest, WithoutControlQueuesThereIsPort0) {
  config.max_ports = 1;
  build();
  start();
  EXPECT_EQ(driver->features() & feature_bits(VIRTIO_CONSOLE_F_MULTIPORT), 0u);
  EXPECT_EQ(driver->queue_count(), 2u);
  listen(0, 8);
  terminal.type("in");
  EXPECT_EQ(rx(0).reap()->length, 2u);
  write(0, "out");
  EXPECT_EQ(terminal.output, "out");
}

TEST_F(VirtioConsoleTest, ADriverMayIgnoreControlQueues) {
  start(~feature_bits(VIRTIO_CONSOLE_F_MULTIPORT));
  offer(1);
  driver->queue(kTx).add({driver->queue(kTx).buffer(std::string(8, 0))});
  driver->kick(kTx);
  EXPECT_FALSE(driver->queue(kTx).reap());
  EXPECT_TRUE(console->guest_open(0));
  EXPECT_FALSE(console->guest_open(1));
  listen(0, 8);
  terminal.type("in");
  EXPECT_TRUE(rx(0).reap());
}

// ---- The rest of it -----------------------------------------------------------------------------

TEST_F(VirtioConsoleTest, ConsolesHaveASize) {
  start();
  offer(16);
  console->set_size(0, 80, 25);
  say(0, VIRTIO_CONSOLE_PORT_READY, 1);
  EXPECT_EQ(heard_all(),
            (std::vector<std::string>{"0 4 1", std::string("0 5 0 \x50\0\x19\0", 10), "0 6 1"}));
  console->set_size(0, 80, 25);
  EXPECT_EQ(heard(), "");
  console->set_size(0, 132, 25);
  EXPECT_EQ(heard(), std::string("0 5 0 \x84\0\x19\0", 10));
  start(~feature_bits(VIRTIO_CONSOLE_F_MULTIPORT));
  EXPECT_EQ(port->read_config(0, 4), 25u << 16 | 132);
  port->take_interrupts();
  console->set_size(0, 40, 20);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(port->read_config(0, 4), 20u << 16 | 40);
}

TEST_F(VirtioConsoleTest, AnEmergencyNeedsNoDriver) {
  build();
  EXPECT_NE(port->device_features() & feature_bits(VIRTIO_CONSOLE_F_EMERG_WRITE), 0u);
  port->write_config(8, 4, 'P');
  port->write_config(8, 4, 'A');
  EXPECT_EQ(terminal.output, "PA");
  terminal.room = 0;
  port->write_config(8, 4, 'N');
  port->write_config(4, 4, 'I');  // not that register
  EXPECT_EQ(terminal.output, "PA");
  EXPECT_EQ(port->read_config(8, 4), 0u);
}

TEST_F(VirtioConsoleTest, ARestartForgetsThePorts) {
  open_all();
  agent.room = 2;
  write(1, "half");
  agent.room = 100;
  start();
  EXPECT_FALSE(console->guest_open(1));
  offer(4);
  agent.connect(false);
  EXPECT_EQ(heard(), "");
  agent.connect(true);
  write(1, "all of it");
  EXPECT_EQ(agent.output, "haall of it");
}

TEST_F(VirtioConsoleTest, ASnapshotInTheMiddleOfAChain) {
  open_all();
  agent.room = 3;
  write(1, "abcdef");
  Archive ar(Archive::Mode::Save);
  slot->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  const std::vector<u8> then(memory.bytes().begin(), memory.bytes().end());
  agent.make_room(100);
  port->set_status(0);
  std::ranges::copy(then, memory.bytes().begin());
  agent.output.clear();
  load(ar);
  EXPECT_TRUE(console->guest_open(1));
  EXPECT_EQ(timers.next_deadline(), kNever);
  driver->kick(VirtioConsole::transmit_queue(1));
  EXPECT_EQ(agent.output, "def");
}

TEST_F(VirtioConsoleTest, AfterALoadTheGuestHearsWhatChanged) {
  open_all();
  Archive ar(Archive::Mode::Save);
  slot->snapshot(ar);
  agent.on = false;
  load(ar);
  timers.run_due();
  EXPECT_EQ(heard_all(), (std::vector<std::string>{"1 6 0"}));
}

// ---- Lies ---------------------------------------------------------------------------------------

TEST_F(VirtioConsoleTest, BadControlMessagesAreAnswered) {
  open_all();
  DriverQueue& q = driver->queue(kTx);
  q.add({q.buffer("short")});
  q.add({q.space(8)});  // nothing to read
  driver->kick(kTx);
  EXPECT_TRUE(q.reap());
  EXPECT_TRUE(q.reap());
  say(1, 77, 1);
  say(30, VIRTIO_CONSOLE_PORT_OPEN, 1);
  say(~0u, VIRTIO_CONSOLE_PORT_READY, 1);
  EXPECT_EQ(heard(), "");
  EXPECT_FALSE(driver->needs_reset());
}

TEST_F(VirtioConsoleTest, BuffersWithoutRoomAreGivenBack) {
  open_all();
  for (int i = 0; i < 3; ++i) rx(1).add({rx(1).buffer("nothing to write to")});
  const auto b = listen(1, 4);
  agent.type("data");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rx(1).reap()->length, 0u);
  EXPECT_EQ(rx(1).reap()->length, 4u);
  EXPECT_EQ(memory.text(b.address, 4), "data");
}

TEST_F(VirtioConsoleTest, AControlBufferMayBeTooSmall) {
  start();
  DriverQueue& q = driver->queue(kRx);
  q.add({q.space(2)});
  say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
  EXPECT_EQ(q.reap()->length, 2u);
}

TEST_F(VirtioConsoleTest, ABrokenRingTakesNoInput) {
  open_all();
  rx(1).publish(1000);
  kick_rx(1);
  agent.type("data");
  EXPECT_EQ(agent.input, "data");
  EXPECT_TRUE(driver->needs_reset());
  agent.connect(false);  // nothing is told to a driver that does not look
  write(1, "x");
  EXPECT_EQ(agent.output, "");
  open_all();
  EXPECT_FALSE(driver->needs_reset());
}

TEST_F(VirtioConsoleTest, AChainThatShrinksIsTakenAsItIs) {
  open_all();
  agent.room = 8;
  const auto b = tx(1).buffer("0123456789");
  const u16 head = tx(1).add({b});
  driver->kick(VirtioConsole::transmit_queue(1));
  tx(1).set_desc(head, {b.address, 4, 0, 0});
  agent.make_room(100);
  EXPECT_EQ(agent.output, "01234567");
  EXPECT_TRUE(tx(1).reap());
  write(1, "next");
  EXPECT_EQ(agent.output, "01234567next");
}

TEST_F(VirtioConsoleTest, ABackEndIsLetGo) {
  build();
  EXPECT_NE(agent.receiver, nullptr);
  slot.reset();
  console.reset();
  EXPECT_EQ(agent.receiver, nullptr);
}

}  // namespace
}  // namespace quince::hw
