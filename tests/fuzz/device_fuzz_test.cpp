// Every device under the generic harness (tests/support/device_fuzz.h).  QUINCE_FUZZ_ACCESSES sets
// the number of accesses per device, QUINCE_FUZZ_SEED the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "hw/core/char_port.h"
#include "hw/flash/cfi_flash.h"
#include "hw/fw_cfg/fw_cfg.h"
#include "hw/gic/gicv3.h"
#include "hw/gic/its.h"
#include "hw/gpio/gpio_key.h"
#include "hw/gpio/pl061.h"
#include "hw/rtc/pl031.h"
#include "hw/uart/pl011.h"
#include "tests/fuzz/fuzz.h"

namespace quince::test {
namespace {

/// A back end whose input is an event of the bench.
struct FuzzPort final : hw::CharPort {
  explicit FuzzPort(FuzzBench& b) : bench(b) {}
  void write(std::span<const u8> data) override {
    for (const u8 c : data) bench.output(c);
  }
  void attach(hw::CharReceiver* r) override { receiver = r; }
  void event(u64 random) {
    if (random % 16 == 0) return receiver->receive_break();
    std::array<u8, 32> data;
    for (u8& c : data) c = static_cast<u8>((random >> 8) * (&c - data.data()));
    const std::size_t room = receiver->can_receive();
    bench.output(room);
    receiver->receive(std::span(data).first(std::min<std::size_t>(room, (random >> 4) % 32)));
  }
  FuzzBench& bench;
  hw::CharReceiver* receiver = nullptr;
};

/// A bank of guest memory that is compared like a device's state.
hw::GuestRam& fuzz_ram(FuzzBench& b, u64 size) {
  auto& ram = b.keep<std::unique_ptr<hw::GuestRam>>(hw::GuestRam::create("ram", size).value());
  b.memory({ram->data(), size});
  return *ram;
}

TEST(DeviceFuzz, CfiFlash) {
  fuzz("cfi-flash", [](FuzzBench& b) {
    struct Store final : hw::FlashStore {
      explicit Store(FuzzBench& bench) : b(bench) {}
      void changed(u64 offset, u64 length) override { b.output(offset ^ length << 32); }
      FuzzBench& b;
    };
    auto& log = b.keep<Log>();
    auto& store = b.keep<Store>(b);
    constexpr u64 kSize = 2 * hw::CfiFlash::kBlockSize;
    auto& flash = b.unit<hw::CfiFlash>("flash", fuzz_ram(b, kSize), &store, false, log);
    b.window(flash, kSize);
    // Random words are seldom commands.
    b.on_event([&flash, &b](u64 r) {
      constexpr std::array<u8, 16> kWords{0x20, 0xd0, 0x40, 0x10, 0xe8, 0x01, 0x60, 0x2f,
                                          0x50, 0x70, 0x90, 0x98, 0xff, 0xf0, 0x00, 0x03};
      const u64 word = kWords[r % 16];
      b.output(static_cast<u64>(flash.write((r >> 8) % kSize & ~u64{3}, {4}, word << 16 | word)));
    });
  });
}

TEST(DeviceFuzz, FwCfg) {
  fuzz("fw-cfg", [](FuzzBench& b) {
    auto& log = b.keep<Log>();
    auto& space = b.keep<hw::AddressSpace>(log);
    hw::GuestRam& ram = fuzz_ram(b, 64 * KiB);
    ASSERT_TRUE(space.map_ram(PhysAddr(0), ram));
    auto& cfg = b.unit<hw::FwCfg>("fw-cfg", b.timers(), hw::DmaPort(space, 0), log);
    ASSERT_TRUE(cfg.add_file("opt/file", std::vector<u8>(5000, 0x5a)));
    b.window(cfg, 0x18);
    b.on_event([&cfg, &ram, &b](u64 r) {  // a request that is likely to be understood
      const u64 at = (r >> 8) % (ram.size() / 16) * 16;
      store_le(ram.data() + at,
               __builtin_bswap32(static_cast<u32>((0x18 + r % 10) << 16 | ((r >> 40) & 0x1f))));
      store_le(ram.data() + at + 4, __builtin_bswap32(static_cast<u32>((r >> 32) % 8192)));
      store_le(ram.data() + at + 8, __builtin_bswap64((r >> 24) % (ram.size() + 4096)));
      b.output(static_cast<u64>(cfg.write(0x10, {8}, __builtin_bswap64(at))));
    });
  });
}

TEST(DeviceFuzz, Gicv3) {
  fuzz("gic", [](FuzzBench& b) {
    auto& log = b.keep<Log>();
    auto& gic = b.unit<hw::Gicv3>("gic", log, hw::GicConfig{.affinities = {0, 1}});
    b.window(gic.distributor(), 0x10000);
    b.window(gic.redistributors(), gic.redistributors_size());
    for (unsigned c = 0; c < 2; ++c) gic.connect_cpu(c, b.wire(2 * c), b.wire(2 * c + 1));
    b.on_event([&](u64 r) {
      // A wire, or a register of a CPU interface (ICC_*_EL1 are op1 0, CRn 4 and 12).
      if (bit(r, 1)) return gic.spi_sink().set_line((r >> 8) % 256, bit(r, 0));
      auto& cpu = gic.cpu_interface(bit(r, 2) ? 1 : 0);
      const hw::SysRegId id(3, 0, bit(r, 3) ? 4 : 12, (r >> 4) % 16, (r >> 8) % 8);
      u64 value = r >> 16;
      const hw::Bus done = bit(r, 11) ? cpu.sysreg_read(id, value) : cpu.sysreg_write(id, value);
      b.output(done == hw::Bus::Ok ? value : 0);
    });
  });
}

TEST(DeviceFuzz, GicIts) {
  fuzz("its", [](FuzzBench& b) {
    auto& log = b.keep<Log>();
    auto& space = b.keep<hw::AddressSpace>(log);
    hw::GuestRam& ram = fuzz_ram(b, 256 * KiB);
    ASSERT_TRUE(space.map_ram(PhysAddr(0), ram));
    const hw::DmaPort memory(space, 0);
    auto& gic = b.unit<hw::Gicv3>(
        "gic", log, hw::GicConfig{.affinities = {0, 1}, .spis = 32, .lpi_memory = memory});
    auto& its = b.unit<hw::GicIts>("its", gic.core(), memory, b.timers());
    for (unsigned c = 0; c < 2; ++c) gic.connect_cpu(c, b.wire(2 * c), b.wire(2 * c + 1));
    b.window(its, 0x10000);
    b.window(gic.redistributors(), gic.redistributors_size());
    // Tables at fixed places, commands that make sense often enough, and messages.
    b.on_event([&its, &gic, &ram, &b](u64 r) {
      const auto its_write = [&](u64 off, u64 v) {
        b.output(static_cast<u64>(its.write(off, {8}, v)));
      };
      switch (r % 8) {
        case 0:
          its_write(0x100, u64{1} << 63 | u64{bit(r, 8)} << 62 | 0x1'0000 | 1);
          its_write(0x108, u64{1} << 63 | 0x1'8000);
          its_write(0x80, u64{1} << 63 | 0x2'0000);
          b.output(static_cast<u64>(its.write(0, {4}, 1)));
          for (u64 c = 0; c < 2; ++c) {
            b.output(
                static_cast<u64>(gic.redistributors().write(c * 0x20000 + 0x70, {8}, 0x3'000f)));
            b.output(static_cast<u64>(gic.redistributors().write(c * 0x20000, {4}, 1)));
          }
          break;
        case 1:
        case 2:
          b.output(static_cast<u64>(its.translation_frame().write(
              0x40, {.size = 4, .requester = static_cast<u16>((r >> 8) % 8)}, (r >> 16) % 16)));
          break;
        default: {
          constexpr std::array<u8, 12> kCommands{1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
          u64 at = 0;
          if (its.read(0x90, {8}, at) != hw::Bus::Ok) break;
          u8* c = ram.data() + 0x2'0000 + at % 4096;
          store_le(c, (r >> 8) % 8 << 32 | kCommands[(r >> 16) % 12]);
          store_le(c + 8, (8192 + (r >> 24) % 32) << 32 | (r >> 32) % 16);
          store_le(c + 16, u64{bit(r, 40)} << 63 | (r >> 41) % 3 << 16 | 0x4000 | (r >> 44) % 3);
          store_le(c + 24, (r >> 48) % 3 << 16);
          its_write(0x88, (at + 32) % 4096);
        }
      }
    });
  });
}

TEST(DeviceFuzz, Pl011) {
  fuzz("pl011", [](FuzzBench& b) {
    auto& port = b.keep<FuzzPort>(b);
    b.window(b.unit<hw::Pl011>("uart", b.wire(0), b.timers(), port), 0x1000);
    b.on_event([&port](u64 random) { port.event(random); });
  });
}

TEST(DeviceFuzz, Pl031) {
  fuzz("pl031", [](FuzzBench& b) {
    b.window(b.unit<hw::Pl031>("rtc", b.wire(0), b.timers(), 0xffff'ff00u), 0x1000);
  });
}

TEST(DeviceFuzz, Pl061WithItsKey) {
  fuzz("pl061", [](FuzzBench& b) {
    auto& gpio = b.unit<hw::Pl061>("gpio", b.wire(0));
    for (unsigned n = 0; n < hw::Pl061::kLines; ++n) gpio.connect_output(n, b.wire(1 + n));
    auto& key = b.unit<hw::GpioKey>("power-key", hw::IrqLine(gpio.inputs(), 3), b.timers());
    b.window(gpio, 0x1000);
    b.on_event([&gpio, &key](u64 random) {
      const unsigned line = random % hw::Pl061::kLines;
      if (line == 3)
        key.press();
      else
        gpio.inputs().set_line(line, bit(random, 8));
    });
  });
}

}  // namespace
}  // namespace quince::test
