// Bulk-Only Transport 1.0: the thirteen cases, stalls, recovery, unplugging, snapshots.
#include <gtest/gtest.h>

#include "tests/unit/hw/usb/storage_bench.h"

namespace quince::test {
namespace {

using Bench = StorageBench;
using hw::UsbSpeed;
using hw::UsbStatus;
constexpr u8 kToHost = Bench::kToHost, kFromHost = Bench::kFromHost;
const Bytes kRead2 = Bench::cdb10(0x28, 4, 2), kWrite2 = Bench::cdb10(0x2a, 4, 2),
            kReady = {0x00, 0, 0, 0, 0, 0};

TEST(UsbStorage, Descriptors) {
  Bench b;
  EXPECT_EQ(b.host.descriptor(1),
            (Bytes{18, 1, 0, 2, 0, 0, 0, 64, 0xf4, 0x46, 1, 0, 0, 0, 1, 2, 3, 1}));
  EXPECT_EQ(b.host.descriptor(2),
            (Bytes{9,    2, 32, 0, 1,    1, 0, 0xc0, 0, 9, 4, 0,    0, 2, 8, 6,
                   0x50, 0, 7,  5, 0x81, 2, 0, 2,    0, 7, 5, 0x02, 2, 0, 2, 0}));
  EXPECT_EQ(b.host.descriptor(3, 3).size(), 2u + 2 * 12);
  EXPECT_EQ(b.host.get(0xa1, 0xfe, 0, 0, 1), Bytes{0}) << "one unit";
  Bench super({.serial = "1"}, 64 * KiB, UsbSpeed::Super);
  const Bytes c = super.host.descriptor(2);
  EXPECT_EQ(Bytes(c.begin() + 18, c.begin() + 31),
            (Bytes{7, 5, 0x81, 2, 0, 4, 0, 6, 48, 15, 0, 0, 0}));
}

TEST(UsbStorage, ThirteenCases) {
  Bench b;
  const auto run = [&](const Bytes& cdb, u32 expected, u8 flags) {
    const StorageResult r = b.command(cdb, expected, flags, Bytes(expected, 0x55));
    EXPECT_EQ(b.command(kReady, 0, kToHost).csw, 0) << "the transport goes on";
    return std::tuple(r.csw, r.residue, r.stalled);
  };
  const Bytes before = b.disk.data;
  EXPECT_EQ(run(kReady, 0, kToHost), std::tuple(0, 0u, false)) << "1: Hn = Dn";
  EXPECT_EQ(run(kRead2, 0, kToHost), std::tuple(2, 0u, false)) << "2: Hn < Di";
  EXPECT_EQ(run(kWrite2, 0, kToHost), std::tuple(2, 0u, false)) << "3: Hn < Do";
  EXPECT_EQ(run(kReady, 64, kToHost), std::tuple(0, 64u, true)) << "4: Hi > Dn";
  EXPECT_EQ(run(kRead2, 2048, kToHost), std::tuple(0, 1024u, false)) << "5: Hi > Di";
  EXPECT_EQ(run(kRead2, 1024, kToHost), std::tuple(0, 0u, false)) << "6: Hi = Di";
  EXPECT_EQ(run(kRead2, 512, kToHost), std::tuple(2, 512u, true)) << "7: Hi < Di";
  EXPECT_EQ(run(kWrite2, 1024, kToHost), std::tuple(2, 1024u, true)) << "8: Hi <> Do";
  EXPECT_EQ(run(kReady, 64, kFromHost), std::tuple(0, 64u, true)) << "9: Ho > Dn";
  EXPECT_EQ(run(kRead2, 1024, kFromHost), std::tuple(2, 1024u, true)) << "10: Ho <> Di";
  EXPECT_EQ(run(kWrite2, 512, kFromHost), std::tuple(2, 512u, true)) << "13: Ho < Do";
  EXPECT_EQ(b.disk.data, before) << "nothing of this was written";
  EXPECT_EQ(run(kWrite2, 1024, kFromHost), std::tuple(0, 0u, false)) << "12: Ho = Do";
  EXPECT_EQ(run(kWrite2, 2048, kFromHost), std::tuple(0, 1024u, false)) << "11: Ho > Do";
  EXPECT_EQ(b.stored(4 * 512, 1024), Bytes(1024, 0x55));
  EXPECT_EQ(b.stored(6 * 512, 512), Bytes(before.begin() + 6 * 512, before.begin() + 7 * 512));
}

TEST(UsbStorage, TransfersOfAnySize) {
  Bench b({.serial = "1"}, 2 * MiB);
  const u32 size = 1 * MiB;
  const Bytes read = Bench::cdb10(0x28, 1, size / 512), write = Bench::cdb10(0x2a, 1, size / 512);
  for (u32 piece : {512u, 4096u, 10'000u, 307'201u, size}) {
    EXPECT_EQ(b.command(read, size, kToHost, {}, 0, piece).data, b.stored(512, size)) << piece;
    Bytes data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<u8>(i * 7 + i / 251 + piece);
    const StorageResult r = b.command(write, size, kFromHost, data, 0, piece);
    EXPECT_EQ(r.csw, 0);
    EXPECT_EQ(b.stored(512, size), data) << piece;
  }
}

TEST(UsbStorage, AnEndThatNoShortPacketShowsIsAStall) {
  Bench b;
  ASSERT_EQ(b.out(Bench::wrapper(kRead2, 2048, kToHost, b.tag)), UsbStatus::Ok);
  EXPECT_EQ(b.in(1024).size(), 1024u);
  UsbStatus s;
  EXPECT_TRUE(b.in(1024, &s).empty());
  EXPECT_EQ(s, UsbStatus::Stall);
  b.clear_halt(0x81);
  StorageResult r;
  b.read_status(r);
  EXPECT_EQ(r.csw, 0);
  EXPECT_EQ(r.residue, 1024u);
}

TEST(UsbStorage, NonsenseHaltsUntilReset) {
  for (int kind = 0; kind < 5; ++kind) {
    Bench b;
    Bytes w = Bench::wrapper(kReady, 0, kToHost);
    if (kind == 0) w[0] = 0;
    if (kind == 1) w.push_back(0);
    if (kind == 2) w[14] = 17;
    if (kind == 3) w[14] = 0;
    if (kind == 4) w[13] = 0x10;
    EXPECT_EQ(b.out(w), UsbStatus::Stall) << kind;
    for (int i = 0; i < 2; ++i) {
      UsbStatus s;
      b.in(13, &s);
      EXPECT_EQ(s, UsbStatus::Stall);
      EXPECT_EQ(b.out(Bench::wrapper(kReady, 0, kToHost)), UsbStatus::Stall);
      b.clear_halt(0x81);
      b.clear_halt(0x02);
    }
    EXPECT_EQ(b.host.set(0x21, 0xff, 0, 0), UsbStatus::Ok);
    b.clear_halt(0x81);
    b.clear_halt(0x02);
    EXPECT_EQ(b.command(kReady, 0, kToHost).csw, 0);
  }
}

TEST(UsbStorage, TheHostMayAskForTheStatusEarly) {
  Bench b;
  auto early = UsbTestPacket::to_host(1, 13);
  EXPECT_EQ(b.device.handle_data(early), UsbStatus::Nak);
  b.host.bus.woken.clear();
  EXPECT_EQ(b.out(Bench::wrapper(kReady, 0, kToHost)), UsbStatus::Ok);
  EXPECT_EQ(b.host.bus.woken, Bytes{0x81});
  EXPECT_EQ(b.device.handle_data(early), UsbStatus::Ok);
  // With data on the way out, too, and while the disk works.
  EXPECT_EQ(b.out(Bench::wrapper(kWrite2, 1024, kFromHost)), UsbStatus::Ok);
  auto data = UsbTestPacket::from_host(2, Bytes(1024));
  EXPECT_EQ(b.device.handle_data(data), UsbStatus::Pending);
  auto status = UsbTestPacket::to_host(1, 13);
  EXPECT_EQ(b.device.handle_data(status), UsbStatus::Nak);
  b.host.bus.woken.clear();
  b.disk.finish_all();
  EXPECT_EQ(data.done, UsbStatus::Ok);
  EXPECT_EQ(b.host.bus.woken, Bytes{0x81});
  EXPECT_EQ(b.device.handle_data(status), UsbStatus::Ok);
}

TEST(UsbStorage, TheHostMayNotSpeakOutOfTurn) {
  Bench b;
  EXPECT_EQ(b.out(Bench::wrapper(kRead2, 1024, kToHost, b.tag)), UsbStatus::Ok);
  EXPECT_EQ(b.out(Bytes(512)), UsbStatus::Stall);
  b.clear_halt(0x02);
  EXPECT_EQ(b.in(1024).size(), 1024u);
  EXPECT_EQ(b.out(Bench::wrapper(kRead2, 1024, kToHost)), UsbStatus::Stall);
  StorageResult r;
  b.read_status(r);
  EXPECT_EQ(r.csw, 0);
}

TEST(UsbStorage, AWriteThatFailsInTheMiddleTakesTheRest) {
  Bench b;
  const Bytes cdb = Bench::cdb10(0x2a, 0, 8);
  ASSERT_EQ(b.out(Bench::wrapper(cdb, 4096, kFromHost, b.tag)), UsbStatus::Ok);
  EXPECT_EQ(b.out(Bytes(1024, 1)), UsbStatus::Ok);
  b.disk.fail = std::errc::io_error;
  EXPECT_EQ(b.out(Bytes(1024, 2)), UsbStatus::Ok);
  b.disk.fail = {};
  auto rest = UsbTestPacket::from_host(2, Bytes(2048, 3));
  EXPECT_EQ(b.run(rest), UsbStatus::Ok);
  EXPECT_EQ(rest.moved(), 2048u);
  StorageResult r;
  b.read_status(r);
  EXPECT_EQ(r.csw, 1);
  EXPECT_EQ(r.residue, 3072u);
  EXPECT_EQ(b.sense(), 0x03'0c00u);
  EXPECT_EQ(b.stored(2048, 2048), Bench().stored(2048, 2048));
}

TEST(UsbStorage, UnplugDuringATransfer) {
  Bench b;
  ASSERT_EQ(b.out(Bench::wrapper(kRead2, 1024, kToHost)), UsbStatus::Ok);
  auto p = UsbTestPacket::to_host(1, 1024);
  ASSERT_EQ(b.device.handle_data(p), UsbStatus::Pending);
  // As a controller does it: the transfer is taken back, then the device is gone.
  b.device.cancel(p);
  b.host.bus.port().detach();
  EXPECT_TRUE(b.disk.waiting.empty());
  EXPECT_FALSE(p.done.has_value()) << "a transfer that was taken back does not end";
  EXPECT_EQ(p.moved(), 0u);
  // And it comes back.
  ASSERT_TRUE(b.host.bus.port().attach(b.device));
  b.host.bus.port().reset();
  b.host.configure();
  b.command(kReady, 0, kToHost);
  EXPECT_EQ(b.command(kRead2, 1024, kToHost).data, b.stored(4 * 512, 1024));
}

TEST(UsbStorage, DestroyedWhileTheDiskWorks) {
  FakeDisk disk(64 * KiB);
  auto p = UsbTestPacket::to_host(1, 1024);
  UsbTestBus bus({UsbSpeed::High});
  {
    hw::UsbStorage device("disk", {.serial = "1"}, disk);
    ASSERT_TRUE(bus.port().attach(device));
    bus.port().reset();
    usb_control(device, {0, 5, 3, 0, 0});
    usb_control(device, {0, 9, 1, 0, 0});
    for (const Bytes& cdb : {kReady, kRead2}) {
      auto w = UsbTestPacket::from_host(2, Bench::wrapper(cdb, cdb == kReady ? 0 : 1024, kToHost));
      ASSERT_EQ(device.handle_data(w), UsbStatus::Ok);
      if (cdb != kReady) break;
      auto s = UsbTestPacket::to_host(1, 13);
      ASSERT_EQ(device.handle_data(s), UsbStatus::Ok);
    }
    ASSERT_EQ(device.handle_data(p), UsbStatus::Pending);
  }
  EXPECT_TRUE(disk.waiting.empty());
  EXPECT_FALSE(p.done.has_value());
}

TEST(UsbStorage, ACancelledTransferIsDoneAnew) {
  Bench b;
  ASSERT_EQ(b.out(Bench::wrapper(kWrite2, 1024, kFromHost, b.tag)), UsbStatus::Ok);
  auto p = UsbTestPacket::from_host(2, Bytes(1024, 9));
  ASSERT_EQ(b.device.handle_data(p), UsbStatus::Pending);
  b.device.cancel(p);
  EXPECT_EQ(b.out(Bytes(1024, 8)), UsbStatus::Ok);
  StorageResult r;
  b.read_status(r);
  EXPECT_EQ(r.csw, 0);
  EXPECT_EQ(b.stored(4 * 512, 1024), Bytes(1024, 8));
}

TEST(UsbStorage, AResetEndsATransferThatWaits) {
  Bench b;
  for (int kind = 0; kind < 2; ++kind) {
    ASSERT_EQ(b.out(Bench::wrapper(kRead2, 1024, kToHost)), UsbStatus::Ok);
    auto p = UsbTestPacket::to_host(1, 1024);
    ASSERT_EQ(b.device.handle_data(p), UsbStatus::Pending);
    if (kind == 0)
      EXPECT_EQ(b.host.set(0x21, 0xff, 0, 0), UsbStatus::Ok);
    else
      EXPECT_EQ(b.host.set(0x00, 9, 1, 0), UsbStatus::Ok);
    EXPECT_EQ(p.done, UsbStatus::TransactionError);
    EXPECT_TRUE(b.disk.waiting.empty());
    EXPECT_EQ(b.command(kReady, 0, kToHost).csw, 0);
  }
}

TEST(UsbStorage, SnapshotsAtEachStepOfACommand) {
  Bench a;
  Bytes data(1024, 0x77);
  // A copy goes on from wherever the first one is, and does the same.
  const auto copy_of = [&](auto&& rest) {
    Bench c;
    usb_copy(a.device, c.device);
    c.tag = a.tag;
    rest(c);
  };
  const auto status_is_good = [&](Bench& c) {
    StorageResult r;
    c.read_status(r);
    EXPECT_EQ(r.csw, 0);
    EXPECT_EQ(c.stored(4 * 512 + 512, 512), Bytes(512, 0x77));
  };
  const auto second_half = [&](Bench& c) {
    EXPECT_EQ(c.out(Bytes(512, 0x77)), UsbStatus::Ok);
    status_is_good(c);
  };
  const Bytes cdb = Bench::cdb10(0x2a, 4, 2, 8);
  ++a.tag;
  ASSERT_EQ(a.out(Bench::wrapper(cdb, 1024, kFromHost, a.tag)), UsbStatus::Ok);
  ASSERT_EQ(a.out(Bytes(512, 0x77)), UsbStatus::Ok);
  copy_of(second_half);
  auto p = UsbTestPacket::from_host(2, Bytes(512, 0x77));
  ASSERT_EQ(a.device.handle_data(p), UsbStatus::Pending);
  copy_of(second_half);  // what waits for the disk has not happened
  a.disk.finish_all();
  auto s = UsbTestPacket::to_host(1, 13);
  ASSERT_EQ(a.device.handle_data(s), UsbStatus::Pending) << "the flush of FUA";
  copy_of([&](Bench& c) {
    c.disk.done.clear();
    StorageResult r;
    c.read_status(r);
    EXPECT_EQ(r.csw, 0);
    EXPECT_EQ(c.disk.done, std::vector{block::Op::Flush});
  });
  a.disk.finish_all();
  copy_of([&](Bench& c) { EXPECT_EQ(c.command(kReady, 0, kToHost).csw, 0); });
}

TEST(UsbStorage, ReadsMemoryThatIsNotThereAsAFailure) {
  // A packet whose buffer is no memory.
  struct Broken final : hw::UsbPacket {
    Broken() { start(false, 2, 0, 1024); }
    bool put(u32, std::span<const u8>) override { return false; }
    bool get(u32, std::span<u8>) override { return false; }
    void completed(UsbStatus) override {}
  } p;
  Bench b;
  const Bytes before = b.disk.data;
  ASSERT_EQ(b.out(Bench::wrapper(kWrite2, 1024, kFromHost, b.tag)), UsbStatus::Ok);
  EXPECT_EQ(b.device.handle_data(p), UsbStatus::Ok);
  StorageResult r;
  b.read_status(r);
  EXPECT_EQ(r.csw, 1);
  EXPECT_EQ(b.sense(), 0x0b'4b00u);
  EXPECT_EQ(b.disk.data, before);
}

}  // namespace
}  // namespace quince::test
