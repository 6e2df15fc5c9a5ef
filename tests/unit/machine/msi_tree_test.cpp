// 004h: where messages go is said by the device tree and nowhere else.  A driver's way through the
// tree (msi-map of the bridge, the controller that it names, its registers) ends at a doorbell that
// works, on each board in each mode; where there are no messages, the tree has none.
#include <gtest/gtest.h>
#include <libfdt.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "hw/core/dma.h"
#include "machine/cli/command_line.h"
#include "machine/machine.h"

namespace quince::machine {
namespace {

/// A tree as a driver reads it.
class Tree {
 public:
  explicit Tree(const std::vector<u8>& blob) : blob_(blob) {}

  int compatible(const char* what) const {
    return fdt_node_offset_by_compatible(blob_.data(), -1, what);
  }
  int by_phandle(u32 phandle) const { return fdt_node_offset_by_phandle(blob_.data(), phandle); }
  bool has(int node, const char* name) const {
    return fdt_getprop(blob_.data(), node, name, nullptr) != nullptr;
  }
  std::vector<u32> cells(int node, const char* name) const {
    int length = 0;
    const auto* p = static_cast<const fdt32_t*>(fdt_getprop(blob_.data(), node, name, &length));
    std::vector<u32> v;
    for (int i = 0; p != nullptr && i < length / 4; ++i) v.push_back(fdt32_to_cpu(p[i]));
    return v;
  }
  /// "reg" of two cells for addresses and two for sizes: base and size of each window.
  std::vector<std::pair<u64, u64>> windows(int node) const {
    const auto c = cells(node, "reg");
    std::vector<std::pair<u64, u64>> v;
    for (std::size_t i = 0; i + 3 < c.size(); i += 4)
      v.emplace_back(u64{c[i]} << 32 | c[i + 1], u64{c[i + 2]} << 32 | c[i + 3]);
    return v;
  }
  /// How many nodes have a property.
  unsigned nodes_with(const char* name) const {
    unsigned n = 0;
    for (int node = 0; node >= 0; node = fdt_next_node(blob_.data(), node, nullptr))
      n += has(node, name);
    return n;
  }

 private:
  const std::vector<u8>& blob_;
};

std::unique_ptr<Machine> machine(const char* board) {
  const std::array args{"-M", board, "-m", "16", "-device", "loader,addr=0x70000000,cpu-num=0"};
  auto line = parse_command_line(args);
  if (!line) return ADD_FAILURE() << line.error().message(), nullptr;
  auto m = Machine::create(std::move(line->config));
  if (!m) return ADD_FAILURE() << m.error().message(), nullptr;
  return std::move(*m);
}

/// The controller that a requester's messages go to, by the bridge's msi-map.
std::optional<int> controller_of(const Tree& t, u32 requester) {
  const auto map = t.cells(t.compatible("pci-host-ecam-generic"), "msi-map");
  for (std::size_t i = 0; i + 3 < map.size(); i += 4)
    if (requester >= map[i] && requester - map[i] < map[i + 3]) {
      EXPECT_EQ(map[i + 2] + (requester - map[i]), requester);  // its id there is its own
      return t.by_phandle(map[i + 1]);
    }
  return {};
}

/// A message as a PCI function sends one.
bool send(Machine& m, u64 address, u32 data) {
  const hw::IoLock::Guard held(m.io_lock());
  hw::DmaPort port(m.space(), 0x18);
  std::array<u8, 4> bytes;
  store_le(bytes.data(), data);
  return port.write(PhysAddr(address), bytes);
}

u64 read(Machine& m, u64 address) {
  const hw::IoLock::Guard held(m.io_lock());
  u64 v = 0;
  EXPECT_EQ(m.space().read(held, PhysAddr(address), {.size = 4}, v), hw::AddressSpace::Outcome::Ok);
  return v;
}

void write(Machine& m, u64 address, u32 value) {
  const hw::IoLock::Guard held(m.io_lock());
  EXPECT_EQ(m.space().write(held, PhysAddr(address), {.size = 4}, value),
            hw::AddressSpace::Outcome::Ok);
}

u32 read_ram(Machine& m, u64 address) {
  std::array<u8, 4> bytes{};
  EXPECT_TRUE(hw::DmaPort(m.space(), 0).read(PhysAddr(address), bytes));
  return load_le<u32>(bytes.data());
}

// DEN 0029, GICv2m: MSI_SETSPI_NS.  IHI 0069, GITS_TRANSLATER.
constexpr u64 kSetSpi = 0x40, kTranslater = 0x1'0040;
constexpr u64 kIspendr = 0x200, kIcfgr = 0xc00;
// Where messages go on PCs.
constexpr u64 kPcDoorbell = 0xfee0'0000;

TEST(MsiTree, AFrameTakesTheMessagesOfEveryFunction) {
  for (const char* board : {"vmapple", "virt,its=off"}) {
    SCOPED_TRACE(board);
    const auto m = machine(board);
    ASSERT_NE(m, nullptr);
    const Tree t(m->device_tree());
    EXPECT_EQ(t.nodes_with("msi-controller"), 1u);
    for (const u32 requester : {0u, 0x18u, 0xffffu}) {
      const auto node = controller_of(t, requester);
      ASSERT_TRUE(node && *node >= 0) << requester;
      EXPECT_EQ(*node, t.compatible("arm,gic-v2m-frame"));
      EXPECT_TRUE(t.has(*node, "msi-controller"));
    }
    const int frame = *controller_of(t, 0x18);
    const auto window = t.windows(frame);
    ASSERT_EQ(window.size(), 1u);
    const auto spis = t.cells(frame, "arm,msi-num-spis");
    const u32 last = t.cells(frame, "arm,msi-base-spi").at(0) + spis.at(0) - 1;
    const u64 distributor = t.windows(t.compatible("arm,gic-v3")).at(0).first;
    const u64 pending = distributor + kIspendr + last / 32 * 4;
    write(*m, distributor + kIcfgr + last / 16 * 4, 0xaaaa'aaaa);  // a message is an edge
    // 004g: the address makes a message, and never what is written: in memory it is data.
    const u64 ram = m->board().entry(Slot::Ram).base;
    EXPECT_TRUE(send(*m, ram, last));
    EXPECT_EQ(read_ram(*m, ram), last);
    EXPECT_EQ(read(*m, pending) >> last % 32 & 1, 0u);
    EXPECT_TRUE(send(*m, window[0].first + kSetSpi, last));
    EXPECT_EQ(read(*m, pending) >> last % 32 & 1, 1u);
    EXPECT_FALSE(send(*m, kPcDoorbell, last));
  }
}

TEST(MsiTree, AnItsTakesThemByTheirOwnIds) {
  const auto m = machine("virt");
  ASSERT_NE(m, nullptr);
  const Tree t(m->device_tree());
  EXPECT_EQ(t.nodes_with("msi-controller"), 1u);
  for (const u32 requester : {0u, 0x18u, 0xffffu}) {
    const auto node = controller_of(t, requester);
    ASSERT_TRUE(node && *node >= 0) << requester;
    EXPECT_EQ(*node, t.compatible("arm,gic-v3-its"));
    EXPECT_EQ(t.cells(*node, "#msi-cells"), std::vector<u32>{1});
  }
  const auto window = t.windows(*controller_of(t, 0x18));
  ASSERT_EQ(window.size(), 1u);
  EXPECT_EQ(window[0].second, 0x2'0000u);  // both frames
  EXPECT_TRUE(send(*m, window[0].first + kTranslater, 0));
  EXPECT_FALSE(send(*m, window[0].first + kTranslater - 0x1'0000, 0));  // registers are none
  EXPECT_FALSE(send(*m, kPcDoorbell, 0));
}

TEST(MsiTree, WithoutMessagesTheTreeNamesNoController) {
  for (const char* board : {"vmapple,msi=off", "virt,msi=off", "virt,msi=off,its=off"}) {
    SCOPED_TRACE(board);
    const auto m = machine(board);
    ASSERT_NE(m, nullptr);
    const Tree t(m->device_tree());
    EXPECT_GE(t.compatible("pci-host-ecam-generic"), 0);
    for (const char* name : {"msi-controller", "msi-map", "msi-parent", "#msi-cells"})
      EXPECT_EQ(t.nodes_with(name), 0u) << name;
    // Where the other modes have it.
    for (const u64 place : {0x1fff'0040u, 0x0802'0040u, 0x0809'0040u})
      EXPECT_FALSE(send(*m, place, 0x100)) << place;
  }
}

}  // namespace
}  // namespace quince::machine
