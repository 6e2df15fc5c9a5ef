// The registers of vmapple's devices under random guests.
#include "hw/pvpanic/pvpanic.h"
#include "hw/vmapple/aes.h"
#include "hw/vmapple/avp_rtc.h"
#include "hw/vmapple/bdif.h"
#include "hw/vmapple/gpu.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_disk.h"
#include "tests/support/ui_host.h"
#include "tests/support/virtio_driver.h"
#include "ui/display.h"

namespace quince::test {
namespace {

struct Rig {
  GuestMemory memory{64 * KiB};
  UiHost host;
  Log log;
  ui::Display display{host};
};

TEST(DeviceFuzz, VmappleGpu) {
  u64 shown = 0;
  fuzz("vmapple-gpu", [&](FuzzBench& b) {
    Rig& rig = b.keep<Rig>();
    ui::Console& console = rig.display.add_console("gpu");
    b.memory(rig.memory.bytes());
    auto& gpu = b.unit<hw::VmappleGpu>(
        "gpu", hw::VmappleGpuConfig{.mode = {60, 40}, .framebuffer = GuestMemory::kBase}, b.wire(0),
        console, rig.memory.port(), rig.log);
    b.window(gpu, hw::VmappleGpu::kSize);
    // A framebuffer that can be, now and then: random numbers never are one.
    b.on_event([&](u64 r) {
      const u64 off = r % 2 == 0 ? 0x1228 : 0x1210;
      const u64 value = r % 2 == 0 ? (r >> 2) % 100 * 4 : GuestMemory::kBase + (r >> 2) % 0x10000;
      EXPECT_EQ(gpu.write(off, {r % 2 == 0 ? 4u : 8u}, value), hw::Bus::Ok);
      rig.memory.put<u32>(GuestMemory::kBase + (r >> 16) % 0x3fff * 4, static_cast<u32>(r >> 32));
      const ui::Picture p = console.picture(true);
      shown += !p.size().empty();
      u64 h = p.size().width;
      for (u32 y = 0; y < p.size().height; ++y)
        for (u32 x = 0; x < p.size().width; ++x) h = h * 31 + (p.at(x, y) & 0xff'ffff);
      b.output(h);
    });
  });
  fmt::print("vmapple-gpu: shown {} times\n", shown);
  EXPECT_GT(shown, 50u);
}

/// A command word and payload that can be right, made of a random number.
std::vector<u32> aes_command(FuzzRandom& random) {
  const auto address = [&] { return static_cast<u32>(GuestMemory::kBase + random.below(0x8000)); };
  const u32 contexts = static_cast<u32>(random.below(8)) << 25;
  switch (random.below(6)) {
    case 0: {
      const u32 length = static_cast<u32>(random.below(3));
      std::vector<u32> words{1u << 28 | (contexts & 1u << 27) | length << 22 |
                             static_cast<u32>(random.below(2)) << 20 |
                             static_cast<u32>(random.below(2)) << 16};
      for (u32 i = 0; i < 4 + 2 * length; ++i) words.push_back(static_cast<u32>(random.next()));
      return words;
    }
    case 1:
      return {1u << 28 | (contexts & 1u << 27) | static_cast<u32>(random.below(8)) << 24 |
              1u << 16};
    case 2:
      return {2u << 28 | contexts, 1, 2, 3, static_cast<u32>(random.next())};
    case 3:
      return {5u << 28 | contexts | static_cast<u32>(random.below(0x100)) * 8, 0, address(),
              address()};
    case 4:
      return {6u << 28 | contexts, address()};
    default:
      return {8u << 28 | contexts | static_cast<u32>(random.below(256))};
  }
}

// Words of any kind; and whatever came before, nine flag commands in a row end the command that was waiting
// for payload, so that the last of them is one.
TEST(DeviceFuzz, VmappleAes) {
  u64 transfers = 0;
  fuzz("vmapple-aes", [&](FuzzBench& b) {
    auto& memory = b.keep<GuestMemory>(64 * KiB);
    b.memory(memory.bytes());
    auto& aes = b.unit<hw::VmappleAes>("aes", b.wire(0), memory.port(), memory.log());
    b.window(aes, hw::VmappleAes::kSize);
    b.on_event([&](u64 r) {
      FuzzRandom random(r);
      const auto push = [&](u32 w) { EXPECT_EQ(aes.write(0x200, {4}, w), hw::Bus::Ok); };
      const auto rd = [&](u64 off) {
        u64 v = 0;
        EXPECT_EQ(aes.read(off, {4}, v), hw::Bus::Ok);
        return v;
      };
      if (random.one_in(4)) {
        u32 info = 0;
        for (unsigned i = 0; i < 9; ++i)
          push(8u << 28 | (info = static_cast<u32>(random.below(256))));
        EXPECT_EQ(rd(0x30), info);
      }
      for (u64 n = random.below(6); n != 0; --n) {
        EXPECT_EQ(aes.write(0x18, {4}, ~u32{0}), hw::Bus::Ok);
        const std::vector<u32> words = aes_command(random);
        for (const u32 w : words) push(w);
        transfers += words[0] >> 28 == 5 && (rd(0x18) & 4) == 0;
      }
      b.output(rd(0x30));
    });
  });
  fmt::print("vmapple-aes: {} transfers\n", transfers);
  EXPECT_GT(transfers, 100u);
}

TEST(DeviceFuzz, VmappleBdif) {
  u64 done = 0;
  fuzz("vmapple-bdif", [&](FuzzBench& b) {
    struct Disks {
      FakeDisk root{40 * 512}, aux{20 * 512 + 7};
    };
    auto& memory = b.keep<GuestMemory>(64 * KiB);
    auto& disks = b.keep<Disks>();
    disks.root.record = disks.aux.record = false;
    b.memory(memory.bytes());
    b.memory(disks.root.data);
    b.memory(disks.aux.data);
    auto& bdif = b.unit<hw::VmappleBdif>("bdif", hw::VmappleBdif::Media{&disks.root, &disks.aux},
                                         memory.port(), memory.log());
    b.window(bdif, hw::VmappleBdif::kSize);
    // Requests that can be right, and some of whose fields are not.
    b.on_event([&](u64 r) {
      FuzzRandom random(r);
      const u64 at = GuestMemory::kBase + random.below(0x1000) * 8;
      const auto address = [&] {
        return random.one_in(8) ? random.next() : GuestMemory::kBase + random.below(0x10000);
      };
      const u64 status = address();
      memory.put<u64>(at, at + 64);
      memory.put<u32>(at + 8, random.one_in(8) ? 15 : 16);
      memory.put<u64>(at + 16, address());
      memory.put<u32>(at + 24,
                      static_cast<u32>(random.one_in(8) ? random.next() : random.below(2048)));
      memory.put<u32>(at + 28, random.one_in(8)   ? static_cast<u32>(random.next())
                               : random.one_in(2) ? 0x0003'0001
                                                  : 0x0001'0001);
      memory.put<u64>(at + 32, status);
      memory.put<u64>(at + 64 + 8, random.one_in(8) ? random.next() : random.below(42));
      EXPECT_EQ(bdif.write(random.below(3) << 16 | 0x408, {8}, at), hw::Bus::Ok);
      u8 said[] = {0xff};
      if (memory.port().read(PhysAddr(status), said)) done += said[0] == 0;
      b.output(said[0]);
    });
  });
  fmt::print("vmapple-bdif: {} requests were done\n", done);
  EXPECT_GT(done, 50u);
}

TEST(DeviceFuzz, AvpRtc) {
  fuzz("avp-rtc", [](FuzzBench& b) {
    auto& rtc = b.unit<hw::AvpRtc>("rtc", b.wire(0), b.timers(), u64{1} << 40);
    b.window(rtc, hw::AvpRtc::kSize);
  });
}

TEST(DeviceFuzz, Pvpanic) {
  struct Host final : hw::PvpanicHost {
    explicit Host(FuzzBench& bench) : b(bench) {}
    void pvpanic(u8 events) override { b.output(events); }
    FuzzBench& b;
  };
  fuzz("pvpanic", [](FuzzBench& b) {
    auto& memory = b.keep<GuestMemory>(64 * KiB);
    auto& host = b.keep<Host>(b);
    auto& p = b.unit<hw::Pvpanic>("pvpanic", u8{3}, host, memory.log());
    b.window(p, hw::Pvpanic::kSize);
  });
}

}  // namespace
}  // namespace quince::test
