// A machine that is saved and loaded while its guest works: the guest notices nothing.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <thread>

#include "hw/core/archive.h"
#include "hw/core/dma.h"
#include "machine/machine.h"
#include "tests/guest/guest_run.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace quince;
using namespace quince::test;

constexpr u64 kRam = 0x7000'0000;

/// What a machine is at a moment: its state as a file has it, and its memory.
struct Moment {
  std::vector<u8> state, ram;
};

Moment save(machine::Machine& m) {
  Archive ar(Archive::Mode::Save);
  m.snapshot(ar);
  EXPECT_TRUE(ar.finish());
  Moment moment{ar.encode(), std::vector<u8>(m.config().ram)};
  EXPECT_TRUE(hw::DmaPort(m.space(), 0).read(PhysAddr(kRam), moment.ram));
  return moment;
}

void load(machine::Machine& m, const Moment& moment) {
  auto ar = Archive::decode(moment.state);
  ASSERT_TRUE(ar);
  ar->set_mode(Archive::Mode::Load);
  EXPECT_TRUE(hw::DmaPort(m.space(), 0).write(PhysAddr(kRam), moment.ram));
  const auto loaded = m.restore(*ar);
  EXPECT_TRUE(loaded) << loaded.error().message();
}

/// Goes back in time again and again: what the machine did since it was saved is done once more.
unsigned go_back(GuestMachine& g, unsigned seed) {
  std::mt19937 random(seed);
  Moment moment;
  unsigned loads = 0;
  const auto both = [&](machine::Machine& m) {
    m.pause();
    // Every other time from the past, and always from a file.
    if (loads % 2 == 0) moment = save(m);
    load(m, moment);
    m.resume();
  };
  for (; loads < 200 && g.on_machine(both); ++loads) {
    // The guest goes on for a while: time is what it has done.
    const u64 some = random() % 100'000;
    u64 begin = ~u64{0}, now = 0;
    const auto look = [&](machine::Machine& m) {
      now = m.look_at_instructions();
      if (begin == ~u64{0}) begin = now;
    };
    while (g.on_machine(look) && now - begin < some) std::this_thread::yield();
  }
  return loads;
}

// 5: in the middle of transfers of bdif, of the AES engine and of a disk.
TEST(Snapshot, InTheMiddleOfTransfers) {
  NEED_GUESTS();
  const TempDir folder;
  for (const char* name : {"root", "aux"})
    std::ofstream(folder / name, std::ios::binary) << std::string(256 * 512, name[0]);
  GuestMachine g("snapshots", {"-m", "64M", "-M",
                               "vmapple,root=" + (folder / "root") + ",aux=" + (folder / "aux")});
  ASSERT_EQ(g.error(), "");
  const unsigned loads = go_back(g, 1);
  EXPECT_GE(loads, 20u);
  EXPECT_TRUE(g.read_until(""));
  EXPECT_EQ(g.wait(), 0);
  // What it said before it was taken back, it says again.
  const std::string& output = g.output();
  EXPECT_EQ(output.find("FAIL"), output.npos) << output;
  EXPECT_NE(output.find("ok pieces\n"), output.npos) << output;
  EXPECT_NE(output.find("ok transfers\ndone 0x2\n"), output.npos) << output;
}

}  // namespace
