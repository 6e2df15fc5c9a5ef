// What the boot ROM is handed: a device tree and a kernel, in registers and nowhere else.
#include "firmware/boot_rom.h"

#include <gtest/gtest.h>
#include <libfdt.h>

#include <fstream>

#include "guest.h"
#include "tests/support/temp_dir.h"

namespace quince::machine {
namespace {

using namespace test;
using quince::test::TempDir;

constexpr u64 kSlot = 0x10'0000;

MachineConfig rom_config() {
  MachineConfig c = config();
  c.ram = 256 * MiB;
  return c;
}

std::string write(const TempDir& folder, const char* name, std::span<const u8> bytes) {
  std::ofstream(folder / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return folder / name;
}

/// The device tree at an address of RAM.
std::vector<u8> tree_at(Machine& m, u64 address) {
  std::vector<u8> bytes(64 * KiB);
  for (u64 i = 0; i < bytes.size(); i += 8) {
    const u64 word = peek(m, address + i);
    for (u64 k = 0; k < 8; ++k) bytes[i + k] = static_cast<u8>(word >> (8 * k));
  }
  EXPECT_EQ(fdt_check_header(bytes.data()), 0);
  return bytes;
}

bool chosen_has(const std::vector<u8>& tree, const char* property) {
  return fdt_getprop(tree.data(), fdt_path_offset(tree.data(), "/chosen"), property, nullptr) !=
         nullptr;
}

TEST(BootRom, AMachineWithNothingElseStartsInIt) {
  const auto m = make(rom_config());
  ASSERT_NE(m, nullptr);
  const auto& s = m->cpus()[0]->s;
  EXPECT_EQ(s.pc, kSlot);
  EXPECT_EQ(s.x[0], kRam);
  EXPECT_EQ(s.x[1], 0u);
  u64 first = 0;
  for (u64 i = 0; i < 8; ++i) first |= u64{firmware::boot_rom()[i]} << (8 * i);
  EXPECT_EQ(peek(*m, kSlot), first);
  const auto tree = tree_at(*m, s.x[0]);
  EXPECT_TRUE(chosen_has(tree, "stdout-path"));
  EXPECT_FALSE(chosen_has(tree, "quince,boot-menu"));
  EXPECT_FALSE(chosen_has(tree, "quince,boot-delay-ms"));
}

TEST(BootRom, MenuAndDelayAreInTheTree) {
  MachineConfig c = rom_config();
  c.boot.menu = true;
  c.boot.splash_time_ms = 250;
  const auto m = make(std::move(c));
  ASSERT_NE(m, nullptr);
  const auto tree = tree_at(*m, m->cpus()[0]->s.x[0]);
  EXPECT_TRUE(chosen_has(tree, "quince,boot-menu"));
  const auto* ms = static_cast<const fdt32_t*>(fdt_getprop(
      tree.data(), fdt_path_offset(tree.data(), "/chosen"), "quince,boot-delay-ms", nullptr));
  ASSERT_NE(ms, nullptr);
  EXPECT_EQ(fdt32_to_cpu(*ms), 250u);
}

TEST(BootRom, AKernelStartsByItselfAndWithTheMenuThroughTheRom) {
  const TempDir folder;
  const std::vector<u8> code(64, 0x1f);
  MachineConfig c = rom_config();
  c.kernel = write(folder, "kernel", code);
  const auto direct = make(c);
  ASSERT_NE(direct, nullptr);
  const u64 kernel = direct->cpus()[0]->s.pc;
  EXPECT_NE(kernel, kSlot);
  EXPECT_EQ(direct->cpus()[0]->s.x[1], 0u);
  c.boot.menu = true;
  const auto m = make(c);
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->cpus()[0]->s.pc, kSlot);
  EXPECT_EQ(m->cpus()[0]->s.x[0], direct->cpus()[0]->s.x[0]);
  EXPECT_EQ(m->cpus()[0]->s.x[1], kernel);
  EXPECT_EQ(peek(*m, kernel), 0x1f1f'1f1f'1f1f'1f1fu);
}

TEST(BootRom, OtherFirmwareIsHandedNothing) {
  const TempDir folder;
  MachineConfig c = rom_config();
  c.bios = write(folder, "other", std::vector<u8>(4096, 0x1f));
  const auto other = make(c);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->cpus()[0]->s.pc, kSlot);
  EXPECT_EQ(other->cpus()[0]->s.x[0], 0u);
  EXPECT_EQ(peek(*other, kRam), 0u);
  // A build of our own, given as a file, is known by its name.
  c.bios = write(folder, "ours", firmware::boot_rom());
  const auto ours = make(c);
  ASSERT_NE(ours, nullptr);
  EXPECT_EQ(ours->cpus()[0]->s.x[0], kRam);
}

TEST(BootRom, TheFramebufferIsDescribedAndNotSetUp) {
  const auto m = make(rom_config());
  ASSERT_NE(m, nullptr);
  const auto tree = tree_at(*m, m->cpus()[0]->s.x[0]);
  EXPECT_GT(fdt_node_offset_by_compatible(tree.data(), -1, "simple-framebuffer"), 0);
  for (ui::Console& console : m->display().consoles())
    EXPECT_TRUE(console.picture(true).size().empty());
}

}  // namespace
}  // namespace quince::machine
