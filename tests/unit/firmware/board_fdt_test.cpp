#include "firmware/board_fdt.h"

#include "firmware/fdt.h"
#include "images.h"

namespace quince::firmware {
namespace {

WiredDevice at(u64 base, u32 spi) { return {{PhysAddr(base), 0x1000}, spi}; }

/// A board with everything, at the vmapple places.
BoardDescription full() {
  BoardDescription b;
  b.model = "Quince vmapple";
  b.compatible = "quince,vmapple";
  b.memory = {{PhysAddr(0x7000'0000), 0x1'4000'0000}};
  b.cpus = {{0}, {1, "arm,cortex-a57"}, {0x100}};
  b.gic.distributor = {PhysAddr(0x1000'0000), 0x10000};
  b.gic.redistributors = {PhysAddr(0x1001'0000), 0x40'0000};
  b.gic.msi = FdtGic::MsiFrame{{PhysAddr(0x1fff'0000), 0x1000}, 0x80, 0x80};
  b.pmu_ppi = 7;
  b.uart = at(0x2001'0000, 1);
  b.rtc = at(0x2005'0000, 2);
  b.gpio = at(0x2006'0000, 5);
  b.power_key_line = 3;
  b.pcie = FdtPcie{.ecam = {PhysAddr(0x4000'0000), 0x1000'0000},
                   .mmio32 = {PhysAddr(0x5000'0000), 0x1fff'0000},
                   .mmio64 = Range{PhysAddr(0x80'0000'0000), 0x80'0000'0000},
                   .io = Range{PhysAddr(0x3eff'0000), 0x10000},
                   .first_spi = 0x20,
                   .wires = 16};
  b.virtio_mmio = {{{PhysAddr(0xa00'0000), 0x200}, 16}, {{PhysAddr(0xa00'0200), 0x200}, 17}};
  b.chosen.bootargs = "console=ttyAMA0";
  b.chosen.initrd = {PhysAddr(0x7800'0000), 0x1234};
  b.chosen.kaslr_seed = 0x0123'4567'89ab'cdef;
  b.chosen.rng_seed = {1, 2, 3};
  return b;
}

struct Tree {
  explicit Tree(const BoardDescription& b)
      : blob(board_fdt(b).value()), tree(std::move(*FdtEditor::open(blob))) {}

  std::optional<Bytes> bytes(const char* path, const char* name) const {
    const auto v = tree.property(path, name);
    if (!v) return std::nullopt;
    return Bytes(v->begin(), v->end());
  }
  std::vector<u32> cells(const char* path, const char* name) const {
    const auto v = bytes(path, name);
    EXPECT_TRUE(v && v->size() % 4 == 0) << path << " " << name;
    std::vector<u32> out;
    for (std::size_t n = 0; v && n + 4 <= v->size(); n += 4)
      out.push_back(u32{(*v)[n]} << 24 | u32{(*v)[n + 1]} << 16 | u32{(*v)[n + 2]} << 8 |
                    (*v)[n + 3]);
    return out;
  }
  std::string text(const char* path, const char* name) const {
    const auto v = bytes(path, name);
    EXPECT_TRUE(v && !v->empty() && v->back() == 0) << path << " " << name;
    return v && !v->empty() ? std::string(v->begin(), v->end() - 1) : "";
  }

  Bytes blob;
  FdtEditor tree;
};

using Cells = std::vector<u32>;
using namespace std::string_literals;

TEST(BoardFdt, RootMemoryAndChosen) {
  const Tree t(full());
  EXPECT_EQ(t.text("/", "model"), "Quince vmapple");
  EXPECT_EQ(t.text("/", "compatible"), "quince,vmapple");
  EXPECT_EQ(t.text("/memory@70000000", "device_type"), "memory");
  EXPECT_EQ(t.cells("/memory@70000000", "reg"), (Cells{0, 0x7000'0000, 1, 0x4000'0000}));
  EXPECT_EQ(t.text("/chosen", "stdout-path"), "/pl011@20010000");
  EXPECT_EQ(t.text("/aliases", "serial0"), "/pl011@20010000");
  EXPECT_EQ(t.text("/chosen", "bootargs"), "console=ttyAMA0");
  EXPECT_EQ(t.cells("/chosen", "linux,initrd-start"), (Cells{0, 0x7800'0000}));
  EXPECT_EQ(t.cells("/chosen", "linux,initrd-end"), (Cells{0, 0x7800'1234}));
  EXPECT_EQ(t.cells("/chosen", "kaslr-seed"), (Cells{0x0123'4567, 0x89ab'cdef}));
  EXPECT_EQ(t.bytes("/chosen", "rng-seed"), (Bytes{1, 2, 3}));
}

TEST(BoardFdt, AFramebufferIsInChosen) {
  BoardDescription b = full();
  b.framebuffer = FdtFramebuffer{
      .memory = {PhysAddr(0x1'afff'0000), 0x7e'9000}, .width = 1920, .height = 1080, .stride = 7680};
  const Tree t(b);
  const char* fb = "/chosen/framebuffer@1afff0000";
  EXPECT_EQ(t.text(fb, "compatible"), "simple-framebuffer");
  EXPECT_EQ(t.cells(fb, "reg"), (Cells{1, 0xafff'0000, 0, 0x7e'9000}));
  EXPECT_EQ(t.cells(fb, "width"), Cells{1920});
  EXPECT_EQ(t.cells(fb, "height"), Cells{1080});
  EXPECT_EQ(t.cells(fb, "stride"), Cells{7680});
  EXPECT_EQ(t.text(fb, "format"), "x8r8g8b8");
  // Linux reads the address by the cells of /chosen.
  EXPECT_EQ(t.cells("/chosen", "#address-cells"), Cells{2});
  EXPECT_EQ(t.cells("/chosen", "#size-cells"), Cells{2});
  EXPECT_EQ(t.bytes("/chosen", "ranges"), Bytes{});
  EXPECT_FALSE(Tree(full()).bytes("/chosen", "#address-cells"));
}

TEST(BoardFdt, CpusStartByPsci) {
  const Tree t(full());
  EXPECT_EQ(t.cells("/cpus", "#address-cells"), Cells{1});
  EXPECT_EQ(t.cells("/cpus", "#size-cells"), Cells{0});
  EXPECT_EQ(t.cells("/cpus/cpu@100", "reg"), Cells{0x100});
  EXPECT_EQ(t.text("/cpus/cpu@1", "compatible"), "arm,cortex-a57");
  EXPECT_EQ(t.text("/cpus/cpu@0", "compatible"), "arm,armv8");
  EXPECT_EQ(t.text("/cpus/cpu@0", "device_type"), "cpu");
  EXPECT_EQ(t.text("/cpus/cpu@0", "enable-method"), "psci");
  EXPECT_EQ(t.text("/psci", "compatible"), "arm,psci-1.0\0arm,psci-0.2"s);
  EXPECT_EQ(t.text("/psci", "method"), "hvc");
}

TEST(BoardFdt, Aff3TakesTwoCells) {
  BoardDescription b = full();
  b.cpus = {{0}, {0x1'0000'0000}};
  const Tree t(b);
  EXPECT_EQ(t.cells("/cpus", "#address-cells"), Cells{2});
  EXPECT_EQ(t.cells("/cpus/cpu@0", "reg"), (Cells{0, 0}));
  EXPECT_EQ(t.cells("/cpus/cpu@100000000", "reg"), (Cells{1, 0}));
}

TEST(BoardFdt, InterruptController) {
  const Tree t(full());
  const char* gic = "/interrupt-controller@10000000";
  EXPECT_EQ(t.text(gic, "compatible"), "arm,gic-v3");
  EXPECT_EQ(t.cells(gic, "reg"), (Cells{0, 0x1000'0000, 0, 0x10000, 0, 0x1001'0000, 0, 0x40'0000}));
  EXPECT_EQ(t.cells(gic, "#interrupt-cells"), Cells{3});
  EXPECT_TRUE(t.bytes(gic, "interrupt-controller"));
  EXPECT_EQ(t.cells(gic, "phandle"), t.cells("/", "interrupt-parent"));
  const char* msi = "/interrupt-controller@10000000/msi@1fff0000";
  EXPECT_EQ(t.text(msi, "compatible"), "arm,gic-v2m-frame");
  EXPECT_EQ(t.cells(msi, "arm,msi-base-spi"), Cells{160});
  EXPECT_EQ(t.cells(msi, "arm,msi-num-spis"), Cells{128});
}

TEST(BoardFdt, TimerAndPmu) {
  const Tree t(full());
  EXPECT_EQ(t.cells("/timer", "interrupts"), (Cells{1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4}));
  EXPECT_EQ(t.text("/timer", "compatible"), "arm,armv8-timer\0arm,armv7-timer"s);
  EXPECT_EQ(t.cells("/pmu", "interrupts"), (Cells{1, 7, 4}));
}

TEST(BoardFdt, PrimeCells) {
  const Tree t(full());
  const auto clock = t.cells("/apb-pclk", "phandle");
  ASSERT_EQ(clock.size(), 1u);
  EXPECT_EQ(t.cells("/apb-pclk", "clock-frequency"), Cells{24'000'000});
  EXPECT_EQ(t.text("/pl011@20010000", "compatible"), "arm,pl011\0arm,primecell"s);
  EXPECT_EQ(t.cells("/pl011@20010000", "reg"), (Cells{0, 0x2001'0000, 0, 0x1000}));
  EXPECT_EQ(t.cells("/pl011@20010000", "interrupts"), (Cells{0, 1, 4}));
  EXPECT_EQ(t.cells("/pl011@20010000", "clocks"), (Cells{clock[0], clock[0]}));
  EXPECT_EQ(t.text("/pl011@20010000", "clock-names"), "uartclk\0apb_pclk"s);
  EXPECT_EQ(t.text("/pl031@20050000", "compatible"), "arm,pl031\0arm,primecell"s);
  EXPECT_EQ(t.cells("/pl031@20050000", "interrupts"), (Cells{0, 2, 4}));
  EXPECT_EQ(t.cells("/pl031@20050000", "clocks"), clock);
  EXPECT_EQ(t.text("/pl061@20060000", "compatible"), "arm,pl061\0arm,primecell"s);
  EXPECT_EQ(t.cells("/pl061@20060000", "interrupts"), (Cells{0, 5, 4}));
  const auto gpio = t.cells("/pl061@20060000", "phandle");
  ASSERT_EQ(gpio.size(), 1u);
  EXPECT_EQ(t.cells("/gpio-keys/poweroff", "gpios"), (Cells{gpio[0], 3, 0}));
  EXPECT_EQ(t.cells("/gpio-keys/poweroff", "linux,code"), Cells{116});
}

TEST(BoardFdt, PcieWindowsAndPins) {
  const Tree t(full());
  const char* pcie = "/pcie@40000000";
  EXPECT_EQ(t.cells(pcie, "reg"), (Cells{0, 0x4000'0000, 0, 0x1000'0000}));
  EXPECT_EQ(t.cells(pcie, "bus-range"), (Cells{0, 255}));
  EXPECT_EQ(t.cells(pcie, "ranges"),
            (Cells{0x0100'0000, 0,    0,           0,    0x3eff'0000, 0,    0x10000,      //
                   0x0200'0000, 0,    0x5000'0000, 0,    0x5000'0000, 0,    0x1fff'0000,  //
                   0x0300'0000, 0x80, 0,           0x80, 0,           0x80, 0}));
  const Cells map = t.cells(pcie, "interrupt-map");
  ASSERT_EQ(map.size(), 16u * 4 * 10);
  const u32 gic = t.cells("/", "interrupt-parent")[0];
  // Device 3, INTC: wire 3 + 2.  Device 15, INTB: wire 0.
  EXPECT_EQ(Cells(map.begin() + 140, map.begin() + 150),
            (Cells{3 << 11, 0, 0, 3, gic, 0, 0, 0, 0x25, 4}));
  EXPECT_EQ(Cells(map.begin() + 610, map.begin() + 620),
            (Cells{15 << 11, 0, 0, 2, gic, 0, 0, 0, 0x20, 4}));
  EXPECT_EQ(t.cells(pcie, "interrupt-map-mask"), (Cells{15 << 11, 0, 0, 7}));
  const u32 msi = t.cells("/interrupt-controller@10000000/msi@1fff0000", "phandle")[0];
  EXPECT_EQ(t.cells(pcie, "msi-map"), (Cells{0, msi, 0, 0x10000}));
}

TEST(BoardFdt, VirtioTransports) {
  const Tree t(full());
  EXPECT_EQ(t.text("/virtio_mmio@a000200", "compatible"), "virtio,mmio");
  EXPECT_EQ(t.cells("/virtio_mmio@a000200", "reg"), (Cells{0, 0xa00'0200, 0, 0x200}));
  EXPECT_EQ(t.cells("/virtio_mmio@a000000", "interrupts"), (Cells{0, 16, 4}));
}

TEST(BoardFdt, WhatIsAbsentHasNoNode) {
  BoardDescription b;
  b.memory = {{PhysAddr(0), MiB}};
  b.cpus = {{0}};
  b.gic = {{PhysAddr(0x1000'0000), 0x10000}, {PhysAddr(0x1001'0000), 0x20000}, {}};
  b.psci = false;
  const Tree t(b);
  for (const char* path : {"/aliases", "/psci", "/pmu", "/gpio-keys"})
    EXPECT_FALSE(t.tree.has_node(path)) << path;
  EXPECT_FALSE(t.bytes("/cpus/cpu@0", "enable-method"));
  for (const char* name :
       {"stdout-path", "bootargs", "linux,initrd-start", "kaslr-seed", "rng-seed"})
    EXPECT_FALSE(t.bytes("/chosen", name)) << name;
  b = full();
  b.gic.msi.reset();
  b.pcie->io.reset();
  b.pcie->mmio64.reset();
  const Tree wired(b);
  EXPECT_FALSE(wired.bytes("/pcie@40000000", "msi-map"));
  EXPECT_EQ(wired.cells("/pcie@40000000", "ranges").size(), 7u);
}

TEST(BoardFdt, ContradictionsAreErrors) {
  BoardDescription b = full();
  b.memory.clear();
  EXPECT_EQ(message(board_fdt(b)), "device tree: the board has no memory");
  b = full();
  b.cpus.clear();
  EXPECT_EQ(message(board_fdt(b)), "device tree: the board has no CPU");
  b = full();
  b.gpio.reset();
  EXPECT_EQ(message(board_fdt(b)), "device tree: a power key without a GPIO");
  b = full();
  b.pcie->ecam.size = 16 * MiB;
  EXPECT_EQ(message(board_fdt(b)),
            "device tree: 256 PCIe buses and 0x1000000 bytes of ECAM do not match");
  b = full();
  b.pcie->wires = 5;
  EXPECT_EQ(message(board_fdt(b)),
            "device tree: 5 PCIe interrupt wires are no power of two up to 32");
  b = full();
  b.chosen.bootargs.assign(3 * MiB, 'x');
  EXPECT_EQ(message(board_fdt(b)), "the device tree is larger than 2 MiB");
}

}  // namespace
}  // namespace quince::firmware
