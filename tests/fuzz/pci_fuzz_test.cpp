// PCI under a random guest: configuration through ECAM, BARs wherever it puts them, bridges, and
// the test devices' registers.
#include "hw/core/address_space.h"
#include "hw/core/ram.h"
#include "hw/core/stateless.h"
#include "hw/gic/gicv2m.h"
#include "hw/pci/host_bridge.h"
#include "hw/pci/irq_testdev.h"
#include "hw/pci/root_port.h"
#include "hw/pci/testdev.h"
#include "tests/fuzz/fuzz.h"

namespace quince::test {
namespace {

constexpr u64 kRam = 0x7000'0000, kFrame = 0x1fff'0000, kMmio = 0x5000'0000;
constexpr u64 kPages = 8;  // where BARs are mostly put

/// A part of a device's window, with rows so that the harness aims.
struct Part final : hw::Stateless<> {
  Part(std::string_view name, hw::MmioDevice& d, u64 from, std::vector<hw::RegInfo> r = {})
      : Stateless(name), device(d), base(from), rows(std::move(r)) {}
  hw::Bus read(u64 off, hw::Access a, u64& out) override { return device.read(base + off, a, out); }
  hw::Bus write(u64 off, hw::Access a, u64 in) override { return device.write(base + off, a, in); }
  std::size_t reg_count() const override { return rows.size(); }
  hw::RegInfo reg_info(std::size_t i) const override { return rows[i]; }
  hw::MmioDevice& device;
  u64 base;
  std::vector<hw::RegInfo> rows;
};

struct Lines final : hw::IrqSink {
  explicit Lines(FuzzBench& b) : bench(b) {}
  void set_line(unsigned line, bool high) override { bench.output(u64{line} << 1 | u64{high}); }
  FuzzBench& bench;
};

/// The machine around the bus: memory, a message frame and windows that are dispatched for real.
struct World {
  explicit World(FuzzBench& b)
      : ram(std::move(*hw::GuestRam::create("ram", 64 * KiB))),
        spis(b),
        frame("msi-frame", spis, {.first_spi = 128, .spis = 128}) {
    if (!space.map_ram(PhysAddr(kRam), *ram) ||
        !space.map_doorbell(PhysAddr(kFrame), 0x1000, frame))
      std::abort();
    b.memory({ram->data(), ram->size()});
  }
  Log log;
  hw::AddressSpace space{log};
  std::unique_ptr<hw::GuestRam> ram;
  Lines spis;
  hw::Gicv2m frame;
};

std::vector<hw::IrqLine> wires(FuzzBench& b, unsigned n) {
  std::vector<hw::IrqLine> made;
  for (unsigned i = 0; i < n; ++i) made.push_back(b.wire(i));
  return made;
}

const std::vector<hw::RegInfo> kConfigRows = {
    {.offset = 0, .name = "header", .access = 1 | 2 | 4 | 8, .count = 16},
    {.offset = 0x40, .name = "capabilities", .access = 1 | 2 | 4 | 8, .count = 40}};

/// Bus 1 behind the port at slot 1, everything switched on, BARs side by side or over each other.
void bring_up(hw::MmioDevice& ecam, FuzzBench& b, u64 r) {
  const auto put = [&](u64 at, unsigned size, u64 v) {
    b.output(static_cast<u64>(ecam.write(at, {size}, v)));
  };
  put(1 << 15 | 0x18, 4, 0x01'01'00);
  put(1 << 15 | 0x20, 4, 0x5000'5000);
  for (u64 f = 0; f < 4; ++f) {
    const u64 function = f == 3 ? u64{1} << 20 : (f + 1) << 15;
    for (u64 bar = 0; bar < (f == 0 ? 1 : 2); ++bar) {
      const u64 page = bit(r, 8) ? 2 * f + bar : (r >> (9 + 4 * (2 * f + bar))) % kPages;
      put(function | (0x10 + 4 * bar), 4, f == 1 && bar == 1 ? 0x100 : kMmio + page * 0x1000);
    }
    put(function | 0x04, 2, 7);
  }
}

/// Configuration writes that make sense, so that what is behind them is reached.
void make_sense(hw::MmioDevice& ecam, FuzzBench& b, u64 r, unsigned buses) {
  const u64 function = ((r >> 8) % buses << 20) | ((r >> 16) % 4 << 15);
  const auto put = [&](u64 reg, unsigned size, u64 v) {
    b.output(static_cast<u64>(ecam.write(function + reg, {size}, v)));
  };
  switch (r % 8) {
    case 0:
      return put(0x04, 2, 7);
    case 1:
      return put(0x10 + (r >> 24) % 6 * 4, 4, kMmio + (r >> 32) % kPages * 0x1000);
    case 2:
      return put(0x10 + (r >> 24) % 6 * 4, 4, (r >> 32) % 64 * 0x40);
    case 3:
      return put((r >> 24) % 0xa0 & ~u64{3}, 4, kFrame + 0x40);
    case 4:
      return put((r >> 24) % 0xa0 & ~u64{1}, 2, r >> 32);
    default:
      return buses > 1 ? bring_up(ecam, b, r) : put(0x04, 2, 7);
  }
}

TEST(PciFuzz, Gicv2m) {
  fuzz("gicv2m", [](FuzzBench& b) {
    auto& spis = b.keep<Lines>(b);
    b.window(b.unit<hw::Gicv2m>("msi-frame", spis, hw::Gicv2mConfig{.first_spi = 48, .spis = 64}),
             0x1000);
  });
}

TEST(PciFuzz, ConfigurationBarsAndBridges) {
  fuzz("pci", [](FuzzBench& b) {
    auto& w = b.keep<World>(b);
    auto& host = b.unit<hw::PciHostBridge>("pcie", w.space, wires(b, 4));
    auto& port = b.unit<hw::RootPort>("port", *host.root().claim(1));
    b.unit<hw::PciTestdev>("testdev", *host.root().claim(2), 64 * KiB);
    b.unit<hw::IrqTestdev>("irq", *host.root().claim(3));
    b.unit<hw::IrqTestdev>("behind", *port.secondary()->claim());
    for (unsigned slot = 0; slot < 4; ++slot)
      b.window(b.keep<Part>("config", host.ecam(), slot << 15, kConfigRows), 0x1000);
    b.window(b.keep<Part>("config-behind", host.ecam(), 1 << 20, kConfigRows), 0x1000);
    b.window(b.keep<Part>("ecam", host.ecam(), 0), 0x1000'0000);
    auto& memory = host.memory_window("mmio", PhysAddr(kMmio));
    for (int n = 0; n < 4; ++n)
      b.window(b.keep<Part>("bars", memory, 0), n == 0 ? 0x2000'0000 : kPages * 0x1000);
    b.window(
        b.keep<Part>(
            "table", memory, 0,
            std::vector<hw::RegInfo>{
                {.offset = 0, .name = "entry", .access = 4 | 8, .count = 64, .stride = 0x200}}),
        kPages * 0x1000);
    b.window(b.keep<Part>("ports", host.io_window("io"), 0), 0x1000);
    b.on_event([&b, &host](u64 r) { make_sense(host.ecam(), b, r, 3); });
  });
}

TEST(PciFuzz, TestDevicesRegisters) {
  fuzz("pci-testdevs", [](FuzzBench& b) {
    auto& w = b.keep<World>(b);
    auto& host = b.unit<hw::PciHostBridge>("pcie", w.space, wires(b, 4));
    auto& counter = b.unit<hw::PciTestdev>("testdev", *host.root().claim(1));
    auto& irq = b.unit<hw::IrqTestdev>("irq", *host.root().claim(2));
    b.window(*counter.bar_target(0, 0).device, 0x1000);
    b.window(*counter.bar_target(1, 0).device, 0x100);
    b.window(*irq.bar_target(0, 0).device, 0x1000);
    b.window(*irq.bar_target(1, 0).device, hw::IrqTestdev::kVectors * 16);
    b.window(*irq.bar_target(1, 0x800).device, 8);
    b.on_event([&b, &host, &irq](u64 r) {
      if (r % 16 == 0) {  // a copy that works, to memory or to the doorbell
        hw::MmioDevice& regs = *irq.bar_target(0, 0).device;
        const auto put = [&](u64 off, u64 v) {
          b.output(static_cast<u64>(regs.write(off, {8}, v)));
        };
        put(0x10, kRam + (r >> 8) % 0x10000);
        put(0x18, bit(r, 32) ? kFrame + 0x40 : kRam + (r >> 24) % 0x10000);
        b.output(static_cast<u64>(regs.write(0x20, {4}, bit(r, 32) ? 4 : (r >> 40) % 5000)));
        b.output(static_cast<u64>(regs.write(0x24, {4}, 1)));
        return;
      }
      make_sense(host.ecam(), b, r, 1);
    });
  });
}

}  // namespace
}  // namespace quince::test
