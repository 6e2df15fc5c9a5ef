// The bare-metal xHCI driver on the built machine, with a keyboard that the test types on and a disk
// whose image it looks at: one event ring (programs/xhci.c), and three of them, as macOS has
// (programs/xhci_rings.c).  000e: Linux, which has one, is in tests/boot.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/guest/guest_run.h"
#include "tests/support/temp_dir.h"
#include "ui/input.h"

namespace {

using namespace quince;
using namespace quince::test;

/// What a deadline of the guest may cost: from a doorbell, or a key, to the interrupt handler.
constexpr u64 kMillisecond = 1'000'000;
constexpr u32 kBlocks = 2048, kBlock = 512, kFirstWritten = 40, kWritten = 256;

u32 pattern(u32 block, u32 n) { return block * 0x9e37'79b9u + n * 0x85eb'ca6bu; }

/// The image that programs/xhci.c expects.
class DiskImage {
 public:
  DiskImage() {
    std::vector<u32> words(kBlocks * kBlock / 4);
    for (u32 i = 0; i < words.size(); ++i) words[i] = pattern(i / 128, i % 128);
    std::ofstream(path(), std::ios::binary)
        .write(reinterpret_cast<const char*>(words.data()),
               static_cast<std::streamsize>(words.size() * 4));
  }
  std::string path() const { return folder_.path() + "/disk"; }
  /// What the program left: the blocks that it wrote are inverted.
  void expect_written() const {
    std::vector<u32> words(kBlocks * kBlock / 4);
    std::ifstream(path(), std::ios::binary)
        .read(reinterpret_cast<char*>(words.data()),
              static_cast<std::streamsize>(words.size() * 4));
    u32 wrong = 0;
    for (u32 i = 0; i < words.size(); ++i) {
      const u32 block = i / 128, was = pattern(block, i % 128);
      const bool written = block >= kFirstWritten && block < kFirstWritten + kWritten;
      if (words[i] != (written ? ~was : was)) ++wrong;
    }
    EXPECT_EQ(wrong, 0u);
  }

 private:
  TempDir folder_;
};

Options devices(const DiskImage& disk, const std::string& controller, const Options& more,
                const std::string& keyboard = "usb-kbd") {
  Options o = {"-nodefaults",
               "-device",
               controller,
               "-device",
               keyboard,
               "-drive",
               fmt::format("if=none,id=d,format=raw,file={}", disk.path()),
               "-device",
               "usb-storage,drive=d"};
  o.insert(o.end(), more.begin(), more.end());
  return o;
}

const Options kCounted = {"-icount", "shift=3"};
const Options kThreaded = {};

/// Runs to the end; the report.
Values finish(GuestMachine& m) {
  const bool ended = m.read_until("");
  EXPECT_TRUE(ended) << "it did not end in time\n" << m.output();
  if (!ended) return {};
  const testing::ScopedTrace trace(__FILE__, __LINE__, m.output());
  EXPECT_EQ(m.wait(), 0);
  return check_report(m.output());
}

// ---- One ring ----------------------------------------------------------------------------------

/// Runs programs/xhci.c and types "quince" and Enter, the first letter with Shift.
Values run_driver(const std::string& program, const std::string& controller, const Options& more,
                  const std::string& keyboard = "usb-kbd") {
  const DiskImage disk;
  GuestMachine m(program, devices(disk, controller, more, keyboard));
  EXPECT_EQ(m.error(), "");
  if (!m.error().empty()) return {};
  if (m.read_until("type\n")) {
    m.key(ui::key::kLeftShift, true);
    for (const u8 usage :
         {u8{0x14}, u8{0x18}, u8{0x0c}, u8{0x11}, u8{0x06}, u8{0x08}, ui::key::kEnter}) {
      m.key(usage, true);
      m.key(usage, false);
      if (usage == 0x14) m.key(ui::key::kLeftShift, false);
    }
  }
  Values v = finish(m);
  EXPECT_EQ(v["keys"], 0x14'18'0c'11'06'08'28u);
  EXPECT_EQ(v["modifiers"], 2u);
  EXPECT_EQ(v["blocks"], kBlocks);
  EXPECT_EQ(v["strangers"] + v["strays"], 0u);
  disk.expect_written();
  return v;
}

/// 000a: without messages the capabilities are not there, and the wire does all.
TEST(GuestUsb, DriverWithoutMessages) {
  NEED_GUESTS();
  Values v = run_driver("xhci", "qemu-xhci,msi=off,msix=off", kCounted);
  EXPECT_EQ(v["msi"], 0u);
  EXPECT_EQ(v["msix"], 0u);
  EXPECT_EQ(v["keyboard_speed"], 3u);  // high
  EXPECT_EQ(v["disk_speed"], 4u);      // super
}

/// The wire is the default after a reset, whatever capabilities there are; and so on "virt".
TEST(GuestUsb, DriverOnVirt) {
  NEED_GUESTS();
  Values v =
      run_driver("xhci.virt", "nec-usb-xhci,msi=on,addr=6", kCounted, "usb-kbd,usb_version=1");
  EXPECT_EQ(v["msi"], 16u);
  EXPECT_EQ(v["msix"], 16u);
  EXPECT_EQ(v["keyboard_speed"], 1u);  // full
}

TEST(GuestUsb, DriverThreaded) {
  NEED_GUESTS();
  run_driver("xhci", "qemu-xhci", kThreaded);
}

/// 000c: one interrupter takes the events of all.
TEST(GuestUsb, DriverOfOneInterrupter) {
  NEED_GUESTS();
  Values v = run_driver("xhci", "qemu-xhci,intrs=1,conditional-intr-mapping=off", kCounted);
  EXPECT_EQ(v["interrupters"], 1u);
}

// ---- Three rings -------------------------------------------------------------------------------

/// Which rings tell of the keyboard and of the disk.
struct Rings {
  unsigned keyboard, disk;
};
constexpr Rings kMapped{0, 0}, kOwn{1, 2};

/// What one kind of interrupts gave.  `timed`: guest time is what instructions are.
void expect_rings(Values& v, const std::string& kind, Rings rings, u64 pressed_ns, bool timed) {
  SCOPED_TRACE(kind);
  const auto value = [&](const char* name) -> u64 {
    const std::string key = kind + "_" + name;
    EXPECT_TRUE(v.contains(key)) << key;
    return v[key];
  };
  EXPECT_EQ(value("control_ring"), rings.keyboard);
  EXPECT_EQ(value("key_ring"), rings.keyboard);
  EXPECT_EQ(value("disk_ring"), rings.disk);
  EXPECT_EQ(value("bulk_events"), rings.disk == 2 ? 96u : 0u);
  EXPECT_EQ(value("key"), ui::key::kA);
  if (!timed) return;
  for (const char* what : {"command_ns", "control_ns", "bulk_ns", "burst_ns"}) {
    EXPECT_GT(value(what), 0u) << what;
    EXPECT_LE(value(what), kMillisecond) << what;
  }
  EXPECT_GE(value("key_seen_ns"), pressed_ns);
  EXPECT_LE(value("key_seen_ns"), pressed_ns + kMillisecond);
}

/// Runs programs/xhci_rings.c with a key for each of `kinds`.
void run_rings(const std::string& program, const std::string& controller, const Options& clock,
               const std::vector<std::pair<std::string, Rings>>& kinds) {
  const DiskImage disk;
  GuestMachine m(program, devices(disk, controller, clock));
  ASSERT_EQ(m.error(), "");
  std::vector<u64> pressed(kinds.size());
  for (u64& at : pressed) {
    if (!m.read_until("press\n")) break;
    at = m.key(ui::key::kA, true);
    m.key(ui::key::kA, false);
  }
  Values v = finish(m);
  for (std::size_t i = 0; i < kinds.size(); ++i)
    expect_rings(v, kinds[i].first, kinds[i].second, pressed[i], !clock.empty());
  EXPECT_EQ(v.contains("msix4_key"), controller.find("msix=off") == std::string::npos);
  const auto vectors = [&](const char* name, unsigned long set) {
    if (v.contains(name)) {
      EXPECT_EQ(v[name], set) << name;
    }
  };
  vectors("msi1_vectors", 1);
  vectors("msi4_vectors", 7);
  vectors("msix1_vectors", 1);
  vectors("msix4_vectors", 7);
}

/// 000b, 001d: vmapple maps everything to ring 0 while there are no messages, and only then.
TEST(GuestUsb, RingsOnVmapple) {
  NEED_GUESTS();
  run_rings("xhci_rings", "qemu-xhci,msi=on", kCounted,
            {{"pin", kMapped}, {"msi1", kOwn}, {"msi4", kOwn}, {"msix1", kOwn}, {"msix4", kOwn}});
}

/// 000b, 001d: told not to map, every ring has the one wire.
TEST(GuestUsb, RingsWithoutMapping) {
  NEED_GUESTS();
  run_rings("xhci_rings", "qemu-xhci,msi=off,msix=off,conditional-intr-mapping=off", kCounted,
            {{"pin", kOwn}});
}

/// 001d: virt does not map, unless it is told to.  Its messages go through the ITS.
TEST(GuestUsb, RingsOnVirt) {
  NEED_GUESTS();
  run_rings("xhci_rings.virt", "qemu-xhci,msi=on", kCounted,
            {{"pin", kOwn}, {"msi1", kOwn}, {"msi4", kOwn}, {"msix1", kOwn}, {"msix4", kOwn}});
}

TEST(GuestUsb, RingsOnVirtMapped) {
  NEED_GUESTS();
  run_rings("xhci_rings.virt", "qemu-xhci,msix=off,conditional-intr-mapping=on", kCounted,
            {{"pin", kMapped}});
}

TEST(GuestUsb, RingsOnVirtWithAFrame) {
  NEED_GUESTS();
  run_rings("xhci_rings.virt", "nec-usb-xhci,intrs=4,msi=on",
            {"-M", "virt,its=off", "-icount", "shift=3"},
            {{"pin", kOwn}, {"msi1", kOwn}, {"msi4", kOwn}, {"msix1", kOwn}, {"msix4", kOwn}});
}

/// 001b: eight interrupters over four vectors.
TEST(GuestUsb, EightInterruptersOverFourVectors) {
  NEED_GUESTS();
  const DiskImage disk;
  GuestMachine m("xhci_rings", devices(disk, "nec-usb-xhci,intrs=8,msi=on,msix=off", kCounted));
  ASSERT_EQ(m.error(), "");
  for (int kind = 0; kind < 3 && m.read_until("press\n"); ++kind) {
    m.key(ui::key::kA, true);
    m.key(ui::key::kA, false);
  }
  Values v = finish(m);
  EXPECT_EQ(v["interrupters"], 8u);
  EXPECT_NE(m.output().find("ok msi_eight_over_four"), std::string::npos);
}

TEST(GuestUsb, RingsThreaded) {
  NEED_GUESTS();
  run_rings("xhci_rings", "qemu-xhci,msi=on", kThreaded,
            {{"pin", kMapped}, {"msi1", kOwn}, {"msi4", kOwn}, {"msix1", kOwn}, {"msix4", kOwn}});
}

/// 000b: a driver like macOS's does not take a controller with fewer than four interrupters.
TEST(GuestUsb, TooFewInterruptersAreRefused) {
  NEED_GUESTS();
  for (const char* intrs : {"1", "2"}) {
    const DiskImage disk;
    GuestMachine m("xhci_rings",
                   devices(disk, fmt::format("nec-usb-xhci,intrs={}", intrs), kCounted));
    ASSERT_EQ(m.error(), "");
    Values v = finish(m);
    EXPECT_EQ(v["interrupters"], std::stoul(intrs));
    EXPECT_NE(m.output().find(fmt::format("refused: 0x{} interrupters", intrs)), std::string::npos);
    EXPECT_EQ(m.output().find("ok wire"), std::string::npos);
  }
}

}  // namespace
