// LPIs and the ITS, driven as Linux drives them.
#include "hw/gic/its.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

// What the test keeps in memory.
constexpr u64 kRam = 0x4000'0000, kProp = kRam, kPend = kRam + 0x2'0000, kQueue = kRam + 0x10'0000,
              kDeviceTable = kRam + 0x11'0000, kCollectionTable = kRam + 0x20'0000,
              kItt = kRam + 0x21'0000, kLevel2 = kRam + 0x22'0000;
constexpr u64 kGitsCtlr = 0, kGitsTyper = 8, kCbaser = 0x80, kCwriter = 0x88, kCreadr = 0x90,
              kBaser = 0x100, kTranslater = 0x40;
constexpr u64 kValid = u64{1} << 63;
constexpr u64 kGicrCtlr = 0, kPropbaser = 0x70, kPendbaser = 0x78;
constexpr u32 kLpi = 8192;

struct ItsTest : ::testing::Test {
  ItsTest() {
    EXPECT_TRUE(space.map_ram(PhysAddr(kRam), *ram));
    rig.open(2);
    for (unsigned c = 0; c < 2; ++c) {
      rig.rwr(c, kPropbaser, kProp | 15, 8);
      rig.rwr(c, kPendbaser, kPend + c * 0x1'0000, 8);
      rig.rwr(c, kGicrCtlr, 1);
    }
    wr(kBaser, kValid | kDeviceTable | 15, 8);  // 16 pages of 4 KiB: 8192 devices
    wr(kBaser + 8, kValid | kCollectionTable, 8);
    wr(kCbaser, kValid | kQueue, 8);  // one page: 128 commands
    wr(kGitsCtlr, 1);
    for (u64 c = 0; c < 2; ++c) command({0x09, 0, kValid | c << 16 | c});  // MAPC c to CPU c
    map_device(0x10);
  }

  void wr(u64 off, u64 v, unsigned size = 4) { EXPECT_EQ(its.write(off, {size}, v), Bus::Ok); }
  u64 rd(u64 off, unsigned size = 8) {
    u64 v = 0;
    EXPECT_EQ(its.read(off, {size}, v), Bus::Ok);
    return v;
  }
  u8* at(u64 address) { return ram->data() + (address - kRam); }
  void command(std::initializer_list<u64> words) {
    const u64 next = rd(kCwriter);
    std::array<u64, 4> c{};
    std::copy(words.begin(), words.end(), c.begin());
    std::memcpy(at(kQueue + next), c.data(), sizeof c);
    wr(kCwriter, (next + 32) % 4096, 8);
    EXPECT_EQ(rd(kCreadr), rd(kCwriter));
  }
  void map_device(u64 id) {
    command({id << 32 | 0x08, 4, kValid | (kItt + id * 0x100)});
  }  // 32 events
  void map(u64 device, u64 event, u64 lpi, u64 collection) {
    command({device << 32 | 0x0a, lpi << 32 | event, collection});
  }
  void configure(u32 lpi, u8 config) { *at(kProp + lpi - kLpi) = config; }
  void send(u16 device, u32 event) {
    EXPECT_EQ(its.translation_frame().write(kTranslater, {.size = 4, .requester = device}, event),
              Bus::Ok);
  }

  Log log;
  AddressSpace space{log};
  std::unique_ptr<GuestRam> ram = std::move(GuestRam::create("ram", 4 * MiB).value());
  TimerQueue timers;
  GicRig rig{GicConfig{.affinities = affinities(2), .lpi_memory = DmaPort(space, 0)}};
  GicIts its{"its", rig.gic.core(), DmaPort(space, 0), timers};
};

TEST_F(ItsTest, IdentifiesItself) {
  EXPECT_EQ(rd(kGitsTyper) & 0xff, 0x71u);  // physical LPIs, entries of 8 bytes
  EXPECT_EQ(bits(rd(kBaser), 58, 56), 1u);
  EXPECT_EQ(bits(rd(kBaser + 8), 58, 56), 4u);
  EXPECT_EQ(bits(rd(kBaser), 52, 48), 7u);
  EXPECT_EQ(rd(kBaser + 16), 0u);
  EXPECT_TRUE(bit(rig.rd(4), 17));        // GICD_TYPER.LPIS
  EXPECT_TRUE(bit(rig.rrd(0, 8, 8), 0));  // GICR_TYPER.PLPIS
  EXPECT_EQ(rd(kGitsCtlr, 4), 0x8000'0001u);
}

TEST_F(ItsTest, AMessageBecomesAnLpiOfTheCollectionsCpu) {
  configure(kLpi + 5, 0xa0 | 1);
  map(0x10, 3, kLpi + 5, 1);
  send(0x10, 3);
  EXPECT_FALSE(rig.irq[0].high);
  EXPECT_TRUE(rig.irq[1].high);
  EXPECT_EQ(rig.icc(1, kHppir1), kLpi + 5);
  EXPECT_EQ(rig.ack(1), kLpi + 5);
  EXPECT_FALSE(rig.irq[1].high);
  EXPECT_EQ(rig.icc(1, kRpr), 0xa0u);
  rig.eoi(kLpi + 5, 1);
  EXPECT_EQ(rig.icc(1, kRpr), 0xffu);
  EXPECT_EQ(rig.ack(1), 1023u);
}

TEST_F(ItsTest, AnLpiIsNeverActive) {
  configure(kLpi, 0xa1);
  map(0x10, 0, kLpi, 0);
  send(0x10, 0);
  EXPECT_EQ(rig.ack(), kLpi);
  send(0x10, 0);                  // pending again while the first one is handled
  EXPECT_FALSE(rig.irq[0].high);  // its own priority is running
  rig.eoi(kLpi);
  EXPECT_TRUE(rig.irq[0].high);
  EXPECT_EQ(rig.ack(), kLpi);
}

TEST_F(ItsTest, DisabledUntilConfiguredAndInvalidated) {
  map(0x10, 1, kLpi + 1, 0);
  send(0x10, 1);
  EXPECT_FALSE(rig.irq[0].high);
  configure(kLpi + 1, 0xa1);
  EXPECT_FALSE(rig.irq[0].high);         // memory alone changes nothing
  command({u64{0x10} << 32 | 0x0c, 1});  // INV
  EXPECT_TRUE(rig.irq[0].high);
  configure(kLpi + 1, 0xa0);
  command({0x0d, 0, 0});  // INVALL of collection 0
  EXPECT_FALSE(rig.irq[0].high);
}

TEST_F(ItsTest, PrioritiesAmongLpisAndAgainstOthers) {
  configure(kLpi + 1, 0xa1);
  configure(kLpi + 2, 0x91);
  map(0x10, 1, kLpi + 1, 0);
  map(0x10, 2, kLpi + 2, 0);
  send(0x10, 1);
  send(0x10, 2);
  EXPECT_EQ(rig.icc(0, kHppir1), kLpi + 2);
  rig.put_bit(kIsenabler, 40);
  rig.line(40, true);  // priority 0x80
  EXPECT_EQ(rig.icc(0, kHppir1), 40u);
  rig.line(40, false);
  rig.icc(0, kPmr, 0x90);
  EXPECT_FALSE(rig.irq[0].high);
  rig.icc(0, kPmr, 0xff);
  rig.icc(0, kIgrpen1, 0);
  EXPECT_FALSE(rig.irq[0].high);
  rig.icc(0, kIgrpen1, 1);
  EXPECT_TRUE(rig.irq[0].high);
}

TEST_F(ItsTest, CommandsOnEvents) {
  configure(kLpi + 7, 0xa1);
  map(0x10, 7, kLpi + 7, 0);
  command({u64{0x10} << 32 | 0x03, 7});  // INT
  EXPECT_TRUE(rig.irq[0].high);
  command({u64{0x10} << 32 | 0x04, 7});  // CLEAR
  EXPECT_FALSE(rig.irq[0].high);
  send(0x10, 7);
  command({u64{0x10} << 32 | 0x01, 7, 1});  // MOVI to collection 1
  EXPECT_FALSE(rig.irq[0].high);
  EXPECT_TRUE(rig.irq[1].high);
  command({0x0e, 0, u64{1} << 16, 0});  // MOVALL from CPU 1 to CPU 0
  EXPECT_TRUE(rig.irq[0].high);
  EXPECT_FALSE(rig.irq[1].high);
  command({u64{0x10} << 32 | 0x01, 7, 0});
  command({u64{0x10} << 32 | 0x0f, 7});  // DISCARD
  EXPECT_FALSE(rig.irq[0].high);
  send(0x10, 7);
  EXPECT_FALSE(rig.irq[0].high);
}

TEST_F(ItsTest, MapiUsesTheEventAsIntid) {
  command({u64{0x11} << 32 | 0x08, 15, kValid | (kItt + 0x1000)});  // 65536 events
  configure(kLpi + 4, 0xa1);
  command({u64{0x11} << 32 | 0x0b, kLpi + 4, 0});
  send(0x11, kLpi + 4);
  EXPECT_EQ(rig.ack(), kLpi + 4);
}

// 004f: a device reaches its own events only.
TEST_F(ItsTest, ADeviceReachesItsOwnEventsOnly) {
  map_device(0x20);
  configure(kLpi + 1, 0xa1);
  configure(kLpi + 2, 0xa1);
  map(0x10, 1, kLpi + 1, 0);
  map(0x20, 2, kLpi + 2, 0);
  send(0x10, 2);  // B's event by A
  send(0x20, 1);
  send(0x30, 1);  // nobody
  EXPECT_FALSE(rig.irq[0].high);
  send(0x20, 2);
  EXPECT_EQ(rig.ack(), kLpi + 2);
}

TEST_F(ItsTest, TwoLevelDeviceTable) {
  wr(kBaser, kValid | u64{1} << 62 | kDeviceTable, 8);
  store_le(at(kDeviceTable + 8), kValid | kLevel2);  // devices 512..1023
  configure(kLpi, 0xa1);
  command({u64{600} << 32 | 0x08, 4, kValid | kItt});
  map(600, 0, kLpi, 0);
  send(600, 0);
  EXPECT_EQ(rig.ack(), kLpi);
  EXPECT_NE(load_le<u64>(at(kLevel2 + 8 * (600 - 512))), 0u);
  command({u64{100} << 32 | 0x08, 4, kValid | kItt});  // no second level there
  send(100, 0);
  EXPECT_EQ(rig.ack(), 1023u);
}

TEST_F(ItsTest, BadCommandsChangeNothing) {
  const u64 bad[][4] = {
      {0x77, 0, 0, 0},                                       // no such command
      {u64{0x9999} << 32 | 0x08, 4, kValid | kItt, 0},       // beyond the device table
      {u64{0x10} << 32 | 0x08, 16, kValid | kItt, 0},        // too many events
      {0x09, 0, kValid | u64{7} << 16, 0},                   // no CPU 7
      {u64{0x10} << 32 | 0x0a, u64{kLpi} << 32 | 32, 0, 0},  // event out of range
      {u64{0x10} << 32 | 0x0a, u64{100} << 32, 0, 0},        // not an LPI
      {u64{0x10} << 32 | 0x03, 9, 0, 0},                     // not mapped
      {0x0d, 0, 9, 0},                                       // no such collection
      {0x0e, 0, u64{9} << 16, 0},
  };
  const u64 before = rig.hash();
  for (const auto& c : bad) command({c[0], c[1], c[2], c[3]});
  EXPECT_EQ(rig.hash(), before);
}

TEST_F(ItsTest, ManyCommandsAreDoneInBursts) {
  wr(kGitsCtlr, 0);
  wr(kCbaser, kValid | kQueue | 3, 8);  // 512 commands
  for (u64 n = 0; n < 400; ++n) {
    const std::array<u64, 4> c{u64{0x10} << 32 | 0x0a, u64{kLpi + n} << 32 | n % 32, 0, 0};
    std::memcpy(at(kQueue + 32 * n), c.data(), sizeof c);
  }
  wr(kCwriter, 400 * 32, 8);
  wr(kGitsCtlr, 1);
  EXPECT_EQ(rd(kCreadr), GicIts::kBurst * 32u);
  EXPECT_EQ(rd(kGitsCtlr, 4) >> 31, 0u);  // not quiescent
  timers.run_due();
  EXPECT_EQ(rd(kCreadr), 400u * 32);
  EXPECT_EQ(rd(kGitsCtlr, 4) >> 31, 1u);
}

TEST_F(ItsTest, EnablingReadsThePendingTable) {
  GicRig fresh{GicConfig{.affinities = affinities(1), .lpi_memory = DmaPort(space, 0)}};
  fresh.open(1);
  configure(kLpi + 70, 0xa1);
  *at(kPend + (kLpi + 70) / 8) = 1 << ((kLpi + 70) % 8);
  fresh.rwr(0, kPropbaser, kProp | 15, 8);
  fresh.rwr(0, kPendbaser, kPend, 8);
  fresh.rwr(0, kGicrCtlr, 1);
  EXPECT_EQ(fresh.ack(), kLpi + 70);
  fresh.rwr(0, kGicrCtlr, 0);  // stays enabled
  EXPECT_EQ(fresh.rrd(0, kGicrCtlr), 1u);
  fresh.rwr(0, kPropbaser, 0, 8);  // and keeps its tables
  EXPECT_EQ(fresh.rrd(0, kPropbaser, 8), kProp | 15);
}

TEST_F(ItsTest, TranslaterTakesMessagesOfTwoOrFourBytes) {
  MmioDevice& f = its.translation_frame();
  u64 v = 1;
  EXPECT_EQ(f.write(kTranslater, {.size = 1, .requester = 0x10}, 0), Bus::BadSize);
  EXPECT_EQ(f.write(0x44, {.size = 4, .requester = 0x10}, 0), Bus::BadRegister);
  EXPECT_EQ(f.write(kTranslater, {.size = 2, .requester = 0x10}, 0), Bus::Ok);
  EXPECT_EQ(f.read(kTranslater, {4}, v), Bus::Ok);
  EXPECT_EQ(v, 0u);
}

TEST_F(ItsTest, SnapshotKeepsPendingLpisAndRegisters) {
  configure(kLpi + 5, 0xa1);
  map(0x10, 3, kLpi + 5, 1);
  send(0x10, 3);
  Archive ar(Archive::Mode::Save);
  ar.section("gic", [&](Archive& a) { rig.gic.snapshot(a); });
  ar.section("its", [&](Archive& a) { its.snapshot(a); });
  rig.gic.reset();
  its.reset();
  EXPECT_FALSE(rig.irq[1].high);
  ar.set_mode(Archive::Mode::Load);
  ar.section("gic", [&](Archive& a) { rig.gic.snapshot(a); });
  ar.section("its", [&](Archive& a) { its.snapshot(a); });
  ASSERT_TRUE(ar.finish());
  rig.gic.restored();
  its.restored();
  EXPECT_EQ(rig.ack(1), kLpi + 5);
  rig.eoi(kLpi + 5, 1);
  send(0x10, 3);
  EXPECT_EQ(rig.ack(1), kLpi + 5);
}

}  // namespace
}  // namespace quince::hw::test
