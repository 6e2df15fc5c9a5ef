// Which displays a machine has, and where their pixels come from.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "firmware/fdt.h"
#include "hw/core/archive.h"
#include "hw/core/io_lock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/machine/guest.h"

namespace quince::machine::test {
namespace {

constexpr u64 kGpu = 0x3020'0000, kFbStart = kGpu + 0x1210;

OptionGroup device(const std::string& kind, PropertyList properties = {}) {
  return {.kind = kind, .id = "", .properties = std::move(properties), .option = "-device " + kind};
}

std::vector<std::string> heads(Machine& m) {
  std::vector<std::string> names;
  for (const ui::Console& c : m.display().consoles()) names.push_back(c.name());
  return names;
}

u64 read64(Machine& m, u64 address) {
  u64 v = 0;
  const hw::IoLock::Guard held(m.io_lock());
  EXPECT_EQ(m.space().read(held, PhysAddr(address), {.size = 8}, v), hw::AddressSpace::Outcome::Ok);
  return v;
}

using Names = std::vector<std::string>;

TEST(MachineDisplay, TheBoardsOwnIsThereWithoutAnother) {
  EXPECT_EQ(heads(*make(config())), Names{"gpu"});
  MachineConfig c = config();
  c.devices = {device("virtio-gpu-pci", {{"max_outputs", "2"}})};
  EXPECT_EQ(heads(*make(c)), (Names{"virtio-gpu-pci.0.0", "virtio-gpu-pci.0.1"}));
  c.display.board = BoardDisplay::On;  // behind those that were asked for
  EXPECT_EQ(heads(*make(c)), (Names{"virtio-gpu-pci.0.0", "virtio-gpu-pci.0.1", "gpu"}));
  c.devices.clear();
  c.display.board = BoardDisplay::Off;
  EXPECT_EQ(heads(*make(c)), Names{});
  c.display.board = BoardDisplay::Auto;
  c.board = "virt";
  EXPECT_EQ(heads(*make(c)), Names{});
  c.devices = {device("ramfb")};
  EXPECT_EQ(heads(*make(c)), Names{"ramfb.0"});
}

/// A kernel that only spins, and the machine that starts it with its own device tree.
MachineConfig with_kernel(const quince::test::TempDir& dir) {
  const std::string path = dir / "kernel";
  std::ofstream(path, std::ios::binary) << std::string("\x00\x00\x00\x14", 4);  // B .
  MachineConfig c = config();
  c.ram = 256 * MiB;
  c.kernel = path;
  c.display.width = 800;
  c.display.height = 600;
  return c;
}

TEST(MachineDisplay, AKernelFindsAFramebufferAtTheTopOfMemory) {
  const quince::test::TempDir dir;
  const auto m = make(with_kernel(dir));
  const u64 start = read64(*m, kFbStart);
  EXPECT_EQ(start, (kRam + 256 * MiB - 3200 * 600) & ~u64{0xffff});
  EXPECT_EQ(m->display().consoles().front().size(), (ui::Size{800, 600}));
  auto tree = firmware::FdtEditor::open(m->device_tree());
  ASSERT_TRUE(tree);
  const auto memory = tree->property("/memory@70000000", "reg");
  ASSERT_TRUE(memory);
  ASSERT_EQ(memory->size(), 16u);
  u64 size = 0;
  for (unsigned i = 8; i < 16; ++i) size = size << 8 | (*memory)[i];
  EXPECT_EQ(kRam + size, start);  // the guest does not take it for memory
  EXPECT_TRUE(tree->property(fmt::format("/chosen/framebuffer@{:x}", start).c_str(), "stride"));
}

TEST(MachineDisplay, NobodySetsUpAFramebufferForOthers) {
  const quince::test::TempDir dir;
  MachineConfig c = with_kernel(dir);
  c.ram = 64 * MiB;  // too little to give some away
  EXPECT_EQ(read64(*make(c), kFbStart), 0u);
  c = with_kernel(dir);
  c.kernel.clear();  // firmware does it, or nobody
  EXPECT_EQ(read64(*make(c), kFbStart), 0u);
}

TEST(MachineDisplay, ASnapshotOfEveryDevice) {
  MachineConfig c = config();
  c.board = "virt";
  c.devices = {device("virtio-gpu-pci"),      device("virtio-gpu-device"),
               device("virtio-keyboard-pci"), device("virtio-mouse-device"),
               device("virtio-tablet"),       device("ramfb")};
  const auto m = make(c);
  Archive ar(Archive::Mode::Save);
  m->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  ar.set_mode(Archive::Mode::Load);
  EXPECT_TRUE(m->restore(ar));
}

}  // namespace
}  // namespace quince::machine::test
