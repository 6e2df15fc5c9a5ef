// Runs the bare-metal programs of programs/ in the emulator, as a user would.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/bits.h"
#include "machine/machine.h"
#include "tests/guest/guest_run.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace quince::test;
namespace hw = quince::hw;
using quince::u64;

const Options kCounted = {"-icount", "shift=3"};
const Options kCounted4 = {"-icount", "shift=3", "-smp", "4"};
const Options kThreaded = {};
const Options kThreaded4 = {"-smp", "4"};

TEST(Guest, Exceptions) {
  NEED_GUESTS();
  expect_passes("exceptions", kCounted);
}

TEST(Guest, ExceptionsThreaded) {
  NEED_GUESTS();
  expect_passes("exceptions", kThreaded);
}

/// A guest whose vectors fault for ever leaves the emulator responsive, in both modes: signals, the
/// key, pausing and saving work, and whoever watches is told.
TEST(Guest, VectorLoopDoesNotHangTheEmulator) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded})
    for (const int way : {SIGTERM, SIGINT, 0}) {
      Emulator emulator("vector_loop", options, Emulator::Terminal::Yes);
      ASSERT_TRUE(emulator.started());
      ASSERT_TRUE(emulator.read_until("looping")) << emulator.output();
      ASSERT_TRUE(emulator.read_until("cpu0: the guest loops in its exception vector at 0x"))
          << emulator.output();
      if (way != 0)
        emulator.terminate(way);
      else
        emulator.type("\x01x");  // Ctrl-A x
      ASSERT_TRUE(emulator.read_until("")) << "it did not end in time";
      EXPECT_EQ(emulator.wait(), 0);
      const std::string& said = emulator.output();
      EXPECT_EQ(said.find("loops in"), said.rfind("loops in")) << said;
    }
}

TEST(Guest, VectorLoopCanBePausedAndSaved) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded}) {
    GuestMachine guest("vector_loop", options);
    ASSERT_EQ(guest.error(), "");
    ASSERT_TRUE(guest.read_until("looping")) << guest.output();
    const u64 before = guest.state_hash();
    unsigned tries = 0;
    while (guest.state_hash() == before && tries < 100) ++tries;
    EXPECT_LT(tries, 100u) << "it does not go on afterwards";
  }
}

TEST(Guest, SelfHostedDebug) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded}) expect_passes("debug", options);
}

TEST(Guest, Mmu) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded4}) expect_passes("mmu", options);
}

constexpr std::pair<const char*, unsigned long> kPauthVectors[] = {
#include "tests/guest/pauth_vectors.inc"
};

/// FEAT_PAuth2, FEAT_FPAC and QARMA5 give the codes that another implementation gives.
TEST(Guest, Pauth) {
  NEED_GUESTS();
  const Values values = expect_passes("pauth", {"-icount", "shift=3", "-cpu", "max"});
  EXPECT_EQ(values.size(), std::size(kPauthVectors));
  for (const auto& [name, code] : kPauthVectors) {
    ASSERT_TRUE(values.contains(name)) << name;
    EXPECT_EQ(values.at(name), code) << name;
  }
}

/// The two disks of the program `platform`: each sector of root begins with its number, aux is 0xa5.
class PlatformDisks {
 public:
  static constexpr unsigned kSectors = 4096, kAuxSectors = 64, kSector = 512;
  PlatformDisks() {
    std::string root(kSectors * kSector, 0);
    for (unsigned n = 0; n < kSectors; ++n)
      quince::store_le<quince::u32>(root.data() + n * kSector, n);
    std::ofstream(folder_ / "root", std::ios::binary) << root;
    std::ofstream(folder_ / "aux", std::ios::binary) << std::string(kAuxSectors * kSector, '\xa5');
  }
  Options options(Options mode) const {
    const std::string machine =
        "vmapple,ecid=0x123456789abcdef0,serial=C02Q,mac-en0=02:00:00:00:00:0a,root=" +
        folder_ / "root" + ",aux=" + folder_ / "aux";
    mode.insert(mode.end(), {"-M", machine, "-m", "64M", "-rtc", "base=1000"});
    return mode;
  }
  std::string aux() const {
    std::ifstream in(folder_ / "aux", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  /// What the program writes there.
  static std::string aux_afterwards() {
    std::string wanted(kAuxSectors * kSector, '\xa5');
    for (unsigned i = 0; i < 2 * kSector; ++i) wanted[3 * kSector + i] = static_cast<char>(i * 7);
    return wanted;
  }

 private:
  quince::test::TempDir folder_;
};

/// 001a, 001g, 001h, 001i: the platform's own devices, as a guest drives them.
TEST(Guest, Platform) {
  NEED_GUESTS();
  for (const Options& mode : {kCounted4, kThreaded4}) {
    const PlatformDisks disks;
    const Values v = expect_passes("platform", disks.options(mode));
    EXPECT_EQ(v.at("cpus"), 4u);
    EXPECT_EQ(v.at("ecid"), 0x1234'5678'9abc'def0u);
    EXPECT_EQ(v.at("ram"), 64u << 20);
    EXPECT_EQ(v.at("mac"), 0x0a00'0000'0002u);
    EXPECT_EQ(v.at("serial"), 0x5132'3043u);  // "C02Q"
    EXPECT_EQ(v.at("root_sectors"), PlatformDisks::kSectors);
    EXPECT_EQ(v.at("aux_sectors"), PlatformDisks::kAuxSectors);
    EXPECT_EQ(v.at("apple_disks"), 2u);
    EXPECT_EQ(v.at("microseconds") / 60'000'000, 1000u / 60);
    EXPECT_EQ(disks.aux(), PlatformDisks::aux_afterwards());
  }
}

/// Resets a machine again and again, at random moments of guest time; the program never ends
/// in between: it takes 5 ms at least.
class Resets {
 public:
  Resets(quince::machine::Machine& m, unsigned count) : machine_(m), left_(count) {
    const hw::IoLock::Guard held(m.io_lock());
    timer_.emplace(
        m.timers(), "resets", [](void* p) { static_cast<Resets*>(p)->fired(); }, this);
    again();
  }

 private:
  void again() { timer_->arm(machine_.timers().now_ns() + random_() % (4 * hw::kMillisecond)); }
  void fired() {
    machine_.loop().post([this] {
      machine_.reset();
      const hw::IoLock::Guard held(machine_.io_lock());
      if (--left_ != 0)
        again();
      else
        timer_.reset();
    });
  }

  quince::machine::Machine& machine_;
  unsigned left_;
  std::optional<hw::Timer> timer_;
  std::mt19937 random_{5};
};

/// 001q: a hundred resets in the middle of work with disks and engine, and the next boot notices nothing.
TEST(Guest, PlatformAfterAHundredResets) {
  NEED_GUESTS();
  for (const Options& mode : {kCounted, kThreaded}) {
    PlatformDisks disks;
    std::optional<Resets> resets;
    GuestMachine guest("platform", disks.options(mode),
                       [&](quince::machine::Machine& m) { resets.emplace(m, 100); });
    ASSERT_EQ(guest.error(), "");
    ASSERT_TRUE(guest.read_until("")) << guest.output();
    EXPECT_EQ(guest.wait(), 0);
    const std::size_t last = guest.output().rfind("value cpus");
    // With threads it depends on the host how far the guest comes.
    if (mode == kCounted) {
      EXPECT_GT(last, 200u) << "it was in the middle of something";
    }
    check_report(guest.output().substr(last));
    EXPECT_EQ(disks.aux(), PlatformDisks::aux_afterwards());
  }
}

/// Interrupts of the performance monitors come where the counter overflows.
TEST(Guest, Pmu) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kThreaded}) expect_passes("pmu", options);
}

TEST(Guest, Psci) {
  NEED_GUESTS();
  for (const Options& options : {kCounted, kCounted4, kThreaded, kThreaded4}) {
    const Values values = expect_passes("psci", options);
    ASSERT_TRUE(values.contains("cpus"));
    EXPECT_EQ(values.at("cpus"), options == kCounted4 || options == kThreaded4 ? 4u : 1u);
  }
}

/// SYSTEM_RESET starts afresh and never returns to its caller, which threads would make likely.
TEST(Guest, Reset) {
  NEED_GUESTS();
  for (const Options& options : {kCounted4, kThreaded, kThreaded4}) expect_passes("reset", options);
}

TEST(Guest, Smp) {
  NEED_GUESTS();
  const Values values = expect_passes("smp", kThreaded4);
  ASSERT_TRUE(values.contains("cpus"));
  EXPECT_EQ(values.at("cpus"), 4u);
}

TEST(Guest, SmpCounted) {
  NEED_GUESTS();
  expect_passes("smp", kCounted4);
}

/// What is written without IC runs, where that is asked for.
TEST(Guest, WrittenCode) {
  NEED_GUESTS();
  const std::string engine = test_engine() + ",track-code=on";
  for (Options options : {kThreaded, kThreaded4, kCounted4}) {
    options.insert(options.end(), {"-engine", engine});
    for (const char* program : {"written_code", "written_code.virt"})
      expect_passes(program, options);
  }
}

/// Outcomes that the memory model forbids do not happen: a few thousand runs of each shape here, and as
/// many as one wants by hand (litmus/README.md).
TEST(Guest, Litmus) {
  NEED_GUESTS();
  for (const Options& options : {kThreaded4, kCounted4}) {
    for (const char* program : {"litmus", "litmus.virt"}) {
      const Values values = expect_passes(program, options);
      ASSERT_TRUE(values.contains("cpus") && values.contains("SB"));
      EXPECT_EQ(values.at("cpus"), 4u);
    }
  }
}

/// What breaks an exclusive monitor, and what does not.
TEST(Guest, Exclusives) {
  NEED_GUESTS();
  for (const Options& options : {kThreaded, kThreaded4, kCounted4})
    expect_passes("exclusives", options);
}
TEST(Guest, ExclusivesVirt) {
  NEED_GUESTS();
  expect_passes("exclusives.virt", kThreaded4);
}

TEST(Guest, Atomics) {
  NEED_GUESTS();
  for (const Options& options : {kThreaded4, kCounted4}) {
    const Values values = expect_passes("atomics", options);
    ASSERT_TRUE(values.contains("whole_pairs"));
    EXPECT_EQ(values.at("whole_pairs"), 1u);
  }
}

TEST(Guest, Timers) {
  NEED_GUESTS();
  const Values values = expect_passes("timers", kCounted);
  // Where instructions are time, a deadline that is set in the middle of a slice is met exactly:
  // within two microseconds of 24 MHz there is room for the way into the handler.
  for (const char* late : {"virtual_late", "physical_late"}) {
    ASSERT_TRUE(values.contains(late));
    EXPECT_LT(values.at(late), 48u) << late;
  }
  // WFE sleeps until the event and not less: eight bits of the counter, two directions.
  ASSERT_TRUE(values.contains("stream_waits"));
  EXPECT_EQ(values.at("stream_waits"), 16u);
}

TEST(Guest, TimersThreaded) {
  NEED_GUESTS();
  expect_passes("timers", kThreaded);
}

}  // namespace
