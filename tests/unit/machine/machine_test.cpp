// Whole machines from power-on to the exit status, with guests of a few instructions.
#include "machine/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "guest.h"

namespace quince::machine {
namespace {

using namespace test;

constexpr u32 kSystemOff = 0x8400'0008, kSystemReset = 0x8400'0009;
constexpr u64 kUart = 0x2001'0000;

/// Counts `n` times and powers off.
Program counting(u64 n) {
  Program p;
  p.mov(1, n).sub(1, 1, 1).cbnz(1, -1);
  return p.off();
}

/// Adds one to kData; resets until it is `n`, then powers off.
Program resetting(u64 n) {
  Program p;
  p.mov(1, kData).ldr(2, 1).add(2, 2, 1).str(2, 1).mov(3, n);
  p.word(0xcb03'0042);  // SUB X2, X2, X3
  p.cbz(2, 4).psci(kSystemReset);  // MOV, MOVK, HVC
  return p.off();
}

/// Calls `step` on the machine thread again and again until it returns true.
void keep_posting(Machine& m, std::function<bool()> step) {
  m.loop().post([&m, step = std::move(step)] {
    if (!step()) keep_posting(m, step);
  });
}

enum class Mode { Deterministic, OneThread, Threads };

MachineConfig in_mode(Mode mode) {
  MachineConfig c = config();
  c.clock.deterministic = mode == Mode::Deterministic;
  c.single_thread = mode == Mode::OneThread;
  return c;
}

struct MachineRun : ::testing::TestWithParam<Mode> {
  MachineConfig config() const { return in_mode(GetParam()); }
};

TEST_P(MachineRun, SystemOffEndsIt) {
  MachineConfig c = config();
  load(c, counting(1000));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->state(), RunState::Paused);
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(m->state(), RunState::Stopped);
  EXPECT_EQ(peek(*m, kData + 8), 0u);  // nothing ran behind SYSTEM_OFF
}

TEST_P(MachineRun, SystemResetStartsAgain) {
  MachineConfig c = config();
  load(c, resetting(5));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(peek(*m, kData), 5u);
}

TEST_P(MachineRun, NoReboot) {
  MachineConfig c = config();
  c.actions.reboot_is_shutdown = true;
  load(c, resetting(5));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(peek(*m, kData), 1u);
}

TEST_P(MachineRun, NoShutdownPauses) {
  MachineConfig c = config();
  c.actions.shutdown_is_pause = true;
  load(c, counting(10));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  bool seen = false;
  keep_posting(*m, [&] {
    // The machine is paused, too, before it begins to run.
    if (m->state() != RunState::Paused || m->cpus()[0]->instructions() == 0) return false;
    seen = true;
    m->quit(StopCause::HostQuit);
    return true;
  });
  EXPECT_EQ(m->run(), 0);
  EXPECT_TRUE(seen);
  EXPECT_EQ(peek(*m, kData + 8), 0u);
}

TEST_P(MachineRun, StartsPausedAndGoesOn) {
  MachineConfig c = config();
  c.paused = true;
  load(c, counting(10));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  u64 before = 1;
  m->loop().post([&] {
    before = m->cpus()[0]->instructions();
    m->resume();
  });
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(before, 0u);
  EXPECT_GT(m->cpus()[0]->instructions(), 10u);
}

TEST_P(MachineRun, QuitEndsAGuestThatWaits) {
  for (const Program& waits : {Program().wfi().b(-1), Program().wfe().b(-1)}) {
    MachineConfig c = config();
    load(c, waits);
    const auto m = make(std::move(c));
    ASSERT_NE(m, nullptr);
    m->loop().post([&] { m->quit(StopCause::HostQuit); });
    EXPECT_EQ(m->run(), 0);
  }
}

TEST_P(MachineRun, QuitEndsAGuestThatSpins) {
  MachineConfig c = config();
  load(c, Program().b(0));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  keep_posting(*m, [&] {
    if (m->state() != RunState::Running) return false;
    m->quit(StopCause::HostQuit);
    return true;
  });
  EXPECT_EQ(m->run(), 0);
}

// A guest that resets or powers off at the same moment does not undo it.
TEST_P(MachineRun, QuitIsFinal) {
  for (const u32 function : {kSystemReset, kSystemOff}) {
    MachineConfig c = config();
    c.actions.shutdown_is_pause = true;
    load(c, Program().psci(function));
    const auto m = make(std::move(c));
    ASSERT_NE(m, nullptr);
    m->loop().post([&] {
      cpu::Vcpu& guest = *m->cpus()[0];
      m->pause();
      guest.s.x[0] = function;
      m->hvc(guest, 0);
      m->quit(StopCause::HostQuit);
    });
    EXPECT_EQ(m->run(), 0);
  }
}

TEST_P(MachineRun, ASignalEndsIt) {
  MachineConfig c = config();
  c.paused = true;
  load(c, Program().b(0));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  m->loop().post([] { ::kill(::getpid(), SIGTERM); });  // blocked, and read by the machine
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            fmt::format("quince: terminating on signal {} from pid {}\n", SIGTERM, ::getpid()));
}

TEST_P(MachineRun, PauseAndResumeManyTimes) {
  MachineConfig c = config();
  load(c, counting(200'000));
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  unsigned pauses = 0;
  keep_posting(*m, [&] {
    if (m->state() != RunState::Running) return pauses > 0;
    m->pause();
    EXPECT_EQ(m->state(), RunState::Paused);
    const u64 time = m->clock().now_ns();
    EXPECT_EQ(m->clock().now_ns(), time);
    m->resume();
    return ++pauses == 50;
  });
  EXPECT_EQ(m->run(), 0);
  EXPECT_GT(pauses, 0u);
}

// The virtual timer wakes a guest from WFI, and in a deterministic run time jumps there.
TEST_P(MachineRun, TimerEndsWfi) {
  Program p;
  p.mov(1, 24'000);                           // 1 ms
  p.msr(3, 3, 14, 3, 0, 1);                   // CNTV_TVAL_EL0
  p.mov(1, 1).msr(3, 3, 14, 3, 1, 1);         // CNTV_CTL_EL0.ENABLE
  p.mov(2, 0x1000'0000).mov(3, 2).str_w(3, 2);             // GICD_CTLR.EnableGrp1
  p.mov(2, 0x1001'0014).mov(3, 0).str_w(3, 2);             // GICR_WAKER
  p.mov(2, 0x1002'0080).mov(3, 0xffff'ffff).str_w(3, 2);   // GICR_IGROUPR0
  p.mov(2, 0x1002'0100).mov(3, 1u << 27).str_w(3, 2);      // GICR_ISENABLER0
  p.mov(3, 0xff).msr(3, 0, 4, 6, 0, 3);       // ICC_PMR_EL1
  p.mov(3, 1).msr(3, 0, 12, 12, 7, 3);        // ICC_IGRPEN1_EL1
  p.wfi().mrs(5, 3, 0, 12, 12, 0);            // ICC_IAR1_EL1
  p.mov(6, kData).str(5, 6).off();
  MachineConfig c = config();
  load(c, p);
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(peek(*m, kData), 27u);
  EXPECT_GE(m->clock().now_ns(), hw::kMillisecond);
}

// What comes from outside while the guest sleeps comes at once: time does not first go to the deadline
// that it sleeps for.  000d
TEST(DeterministicRun, InputEndsADeterministicSleep) {
  for (const bool sleep : {false, true}) {
    Program p;
    p.mov(1, 24'000'000 * 60ull).msr(3, 3, 14, 3, 2, 1);  // CNTV_CVAL_EL0: a minute
    p.mov(1, 1).msr(3, 3, 14, 3, 1, 1);                   // CNTV_CTL_EL0.ENABLE
    p.wfi().off();
    MachineConfig c = config();
    c.clock.sleep = sleep;
    load(c, p);
    const auto m = make(std::move(c));
    ASSERT_NE(m, nullptr);
    unsigned seen = 0;
    keep_posting(*m, [&] {
      // The second time that it sleeps is after it has been found with nothing to do.
      if (m->cpus()[0]->s.waiting != cpu::Wait::Interrupt || ++seen < 2) return false;
      const hw::IoLock::Guard held(m->io_lock());
      m->cpus()[0]->set_line(0, true);
      return true;
    });
    EXPECT_EQ(m->run(), 0);
    EXPECT_EQ(seen, 2u);
    EXPECT_LT(m->clock().now_ns(), 30 * hw::kSecond);
  }
}

// The event stream wakes a guest from WFE; in a deterministic run time jumps from event to event.
TEST_P(MachineRun, EventStreamEndsWfe) {
  Program p;
  p.mov(1, 4 | 15 << 4).msr(3, 0, 14, 1, 0, 1);  // CNTKCTL_EL1: EVNTEN, EVNTI
  p.mov(2, 5).wfe().sub(2, 2, 1).cbnz(2, -2);
  p.off();
  MachineConfig c = config();
  load(c, p);
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->run(), 0);
  // Nothing else ends it: the fifth event is at 32768 + 4 * 65536 counts of 24 MHz.
  const u64 fifth = (u64{32768} + 4 * u64{65536}) * hw::kSecond / 24'000'000;
  EXPECT_GE(m->clock().now_ns(), fifth);
  if (GetParam() != Mode::Deterministic) return;
  EXPECT_LT(m->clock().now_ns(), fifth + 10 * hw::kMicrosecond);
  EXPECT_LT(m->cpus()[0]->instructions(), 100u);
}

// A CPU in WFE sleeps until another one's SEV.
TEST_P(MachineRun, SevEndsWfe) {
  Program waits;
  waits.wfe().mov(1, kData).mov(2, 7).str(2, 1).psci(0x8400'0002);  // CPU_OFF
  Program wakes;
  wakes.mov(0, 0xc400'0003).mov(1, 1).mov(2, kRam + 0x1000).hvc();  // CPU_ON
  wakes.mov(1, kData).word(0xd503'209f).ldr(2, 1).cbz(2, -2);       // SEV until it has run
  wakes.off();
  MachineConfig c = config();
  c.cpus = 2;
  load(c, wakes);
  load(c, waits, kRam + 0x1000, std::nullopt);
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(peek(*m, kData), 7u);
}

std::string mode_name(const ::testing::TestParamInfo<Mode>& info) {
  constexpr const char* kNames[] = {"Deterministic", "OneThread", "Threads"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Modes, MachineRun,
                         ::testing::Values(Mode::Deterministic, Mode::OneThread, Mode::Threads),
                         mode_name);

TEST(Machine, SerialOutputGoesToTheFile) {
  const std::string path =
      std::filesystem::temp_directory_path() / fmt::format("quince-serial-{}", ::getpid());
  Program p;
  p.mov(1, kUart + 0x30).mov(2, 0x301).str_w(2, 1).mov(1, kUart);  // UARTCR: on
  for (const char ch : std::string("hello\n")) p.mov(2, static_cast<u8>(ch)).str_w(2, 1);
  MachineConfig c = config();
  c.serial.kind = CharOptions::Kind::File;
  c.serial.path = path;
  load(c, p.off());
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->run(), 0);
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "hello\n");
  std::filesystem::remove(path);
}

/// Reads RNDR and the counter, and leaves them in RAM.
MachineConfig drawing(u64 seed) {
  Program p;
  p.mov(1, kData).mrs(2, 3, 3, 2, 4, 0).str(2, 1);        // RNDR
  p.add(1, 1, 16).mrs(2, 3, 3, 14, 0, 2).str(2, 1);       // CNTVCT_EL0
  MachineConfig c = config();
  c.seed = seed;
  load(c, p.off());
  return c;
}

/// The date at power-on that a guest reads from the RTC.
u32 date_of(MachineConfig c) {
  Program p;
  p.mov(1, 0x2005'0000).word(0xb940'0022);  // LDR W2, [X1]: RTCDR
  load(c, p.mov(1, kData).str(2, 1).off());
  const auto m = make(std::move(c));
  EXPECT_EQ(m->run(), 0);
  return static_cast<u32>(peek(*m, kData));
}

TEST(Machine, ADeterministicRunHasAFixedDate) {
  constexpr u32 k2000 = 946'684'800, kLongAgo = 1'700'000'000;  // no host's clock is behind that
  MachineConfig c = in_mode(Mode::Deterministic);
  c.rtc_fixed = false;
  EXPECT_EQ(date_of(c), k2000);
  c.rtc_host = true;  // -rtc base=utc
  EXPECT_GT(date_of(c), kLongAgo);
  c = in_mode(Mode::Deterministic);
  c.boot_time = 1234;
  EXPECT_EQ(date_of(c), 1234u);
  c = in_mode(Mode::OneThread);
  c.rtc_fixed = false;
  EXPECT_GT(date_of(c), kLongAgo);
}

TEST(Machine, DeterministicRunsAreEqual) {
  const auto a = make(drawing(1)), b = make(drawing(1)), other = make(drawing(2));
  EXPECT_EQ(a->state_hash(), b->state_hash());
  EXPECT_EQ(a->device_tree(), b->device_tree());
  EXPECT_NE(a->device_tree(), other->device_tree());
  for (Machine* m : {a.get(), b.get(), other.get()}) EXPECT_EQ(m->run(), 0);
  EXPECT_EQ(a->clock().now_ns(), b->clock().now_ns());
  EXPECT_EQ(peek(*a, kData), peek(*b, kData));
  EXPECT_NE(peek(*a, kData), peek(*other, kData));
  EXPECT_EQ(a->state_hash(), b->state_hash());
}

TEST(Machine, TwoAtOnceInOneProcess) {
  MachineConfig first = in_mode(Mode::Threads), second = in_mode(Mode::Threads);
  load(first, resetting(20));
  load(second, resetting(30));
  const auto a = make(std::move(first)), b = make(std::move(second));
  ASSERT_TRUE(a && b);
  int status = -1;
  std::thread other([&] { status = b->run(); });
  EXPECT_EQ(a->run(), 0);
  other.join();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(peek(*a, kData), 20u);
  EXPECT_EQ(peek(*b, kData), 30u);
}

std::string error(MachineConfig c) {
  const auto m = Machine::create(std::move(c));
  return m ? "no error" : m.error().message();
}

TEST(Machine, ErrorsOfCreation) {
  MachineConfig c = config();
  c.cpu = "bogus";
  EXPECT_EQ(error(c), "-cpu: unknown model 'bogus' (see -cpu help)");
  c = config();
  load(c, Program().off(), 0x100);  // no memory there
  EXPECT_NE(error(c).find("loader"), std::string::npos) << error(c);
  c = config();
  load(c, Program().off(), kRam, 1);
  EXPECT_EQ(error(c), "-device loader: there is no CPU 1");
  c = config();
  load(c, Program().off(), kRam + 16 * MiB - 4);  // runs over the end
  EXPECT_NE(error(c).find("loader"), std::string::npos) << error(c);
}

}  // namespace
}  // namespace quince::machine
