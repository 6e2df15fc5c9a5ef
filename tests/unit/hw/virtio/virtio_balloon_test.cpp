#include "hw/virtio/virtio_balloon.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "tests/support/pin.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using test::DriverQueue;
using test::GuestMemory;
using test::MmioDriverPort;
using test::Pin;
using test::VirtioDriver;

constexpr u64 kPage = kVirtioBalloonPage;
constexpr u64 kHeap = GuestMemory::kBase + 8 * MiB;  // pages that the tests give away
constexpr u32 kHeapPfn = static_cast<u32>(kHeap / kPage);
constexpr u64 kRings = 64 * KiB;  // the most that requests themselves touch
constexpr u32 kHeapPages = 8 * MiB / kPage;

struct VirtioBalloonTest : ::testing::Test {
  GuestMemory memory{16 * MiB};
  Pin pin;
  TimerQueue timers;
  VirtioBalloonConfig config{.free_page_reporting = true};
  std::unique_ptr<VirtioBalloon> balloon;
  std::unique_ptr<VirtioMmio> slot;
  std::unique_ptr<MmioDriverPort> port;
  std::unique_ptr<VirtioDriver> driver;

  void start(u64 features = ~u64{0}) {
    if (balloon == nullptr) {
      balloon = std::make_unique<VirtioBalloon>("balloon", config, memory.log(), timers);
      slot = std::make_unique<VirtioMmio>("slot", pin.wire(), memory.port());
      slot->plug(*balloon);
      port = std::make_unique<MmioDriverPort>(*slot);
      driver = std::make_unique<VirtioDriver>(*port, memory);
    }
    ASSERT_TRUE(driver->start(features));
  }
  DriverQueue& q(unsigned n) { return driver->queue(n); }
  /// Fills the pages, so that the host has to have them.
  void fill() { std::fill_n(memory.host(kHeap), u64{kHeapPages} * kPage, u8{0xa5}); }
  /// Bytes that the host holds for guest memory: the file's blocks have always 512.
  u64 held() {
    struct stat st {};
    EXPECT_EQ(::fstat(memory.ram().host().fd(), &st), 0);
    return static_cast<u64>(st.st_blocks) * 512;
  }
  bool is(u64 address, u8 value) {
    return std::all_of(memory.host(address), memory.host(address) + kPage,
                       [value](u8 b) { return b == value; });
  }
  bool send(unsigned n, const std::vector<u32>& pfns) {
    q(n).add({q(n).buffer({reinterpret_cast<const char*>(pfns.data()), 4 * pfns.size()})});
    driver->kick(n);
    return q(n).reap().has_value();
  }
  bool report(unsigned n, u64 address, u32 length) {
    q(n).add({DriverQueue::Buffer{address, length, true}});
    driver->kick(n);
    return q(n).reap().has_value();
  }
  static std::vector<u32> pages(u32 first, u32 count) {
    std::vector<u32> v(count);
    std::iota(v.begin(), v.end(), first);
    return v;
  }
};

// ---- Pages --------------------------------------------------------------------------------------

TEST_F(VirtioBalloonTest, InflationGivesPagesToTheHost) {
  start();
  fill();
  const u64 before = held();
  EXPECT_GE(before, 8 * MiB);
  std::vector<u32> half = pages(kHeapPfn, kHeapPages / 2);
  std::ranges::reverse(half);  // drivers send them in any order
  EXPECT_TRUE(send(VirtioBalloon::kInflate, half));
  EXPECT_LE(held(), before - 4 * MiB + kRings);
  EXPECT_TRUE(is(kHeap, 0));
  EXPECT_TRUE(is(kHeap + 4 * MiB - kPage, 0));
  EXPECT_TRUE(is(kHeap + 4 * MiB, 0xa5));
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_QUEUE);
  // Deflated pages are there again.
  EXPECT_TRUE(send(VirtioBalloon::kDeflate, half));
  memory.put<u32>(kHeap, 1234);
  EXPECT_EQ(memory.get<u32>(kHeap), 1234u);
}

TEST_F(VirtioBalloonTest, EveryOtherPage) {
  start();
  fill();
  std::vector<u32> pfns;
  for (u32 i = 0; i < 64; i += 2) pfns.push_back(kHeapPfn + i);
  EXPECT_TRUE(send(VirtioBalloon::kInflate, pfns));
  for (u32 i = 0; i < 64; ++i) EXPECT_TRUE(is(kHeap + i * kPage, i % 2 == 0 ? 0 : 0xa5)) << i;
  EXPECT_TRUE(send(VirtioBalloon::kInflate, {kHeapPfn + 1}));  // the next request begins anew
  EXPECT_TRUE(is(kHeap + kPage, 0));
}

TEST_F(VirtioBalloonTest, OnlyMemoryIsGivenAway) {
  auto rom = *GuestRam::create("rom", 64 * KiB);
  ASSERT_TRUE(memory.space().map_ram(PhysAddr(0x1000'0000), *rom, true));
  std::fill_n(rom->data(), rom->size(), u8{7});
  start();
  fill();
  const u32 end = static_cast<u32>((GuestMemory::kBase + memory.size()) / kPage);
  EXPECT_TRUE(send(VirtioBalloon::kInflate,
                   {0, ~0u, ~0u - 1, 0x1000'0000 / kPage, end - 1, end, kHeapPfn, kHeapPfn}));
  EXPECT_EQ(rom->data()[0], 7);
  EXPECT_TRUE(is(kHeap, 0));
  EXPECT_TRUE(is(u64{end - 1} * kPage, 0));
  EXPECT_TRUE(is(kHeap + kPage, 0xa5));
  EXPECT_FALSE(driver->needs_reset());
  q(0).add({q(0).buffer("abc")});  // less than one number
  q(0).add({q(0).space(64)});
  driver->kick(0);
  EXPECT_TRUE(q(0).reap());
  EXPECT_TRUE(q(0).reap());
}

TEST_F(VirtioBalloonTest, OneNotificationTakesABoundedNumberOfPages) {
  start();
  fill();
  std::vector<u32> pfns(VirtioBalloon::kPassPages, kHeapPfn);  // the same again and again
  pfns.push_back(kHeapPfn + 1);
  EXPECT_FALSE(send(VirtioBalloon::kInflate, pfns));
  EXPECT_TRUE(is(kHeap, 0));
  EXPECT_TRUE(is(kHeap + kPage, 0xa5));
  timers.run_due();
  EXPECT_TRUE(q(0).reap());
  EXPECT_TRUE(is(kHeap + kPage, 0));
  EXPECT_EQ(timers.next_deadline(), kNever);
}

TEST_F(VirtioBalloonTest, EnginesHearOfCodeThatGoes) {
  // The device's port is the slot's: here a port of our own does the same.
  DmaPort dma = memory.port();
  std::vector<u64> gone;
  memory.space().on_code_written(
      [](void* to, PhysAddr page) { static_cast<std::vector<u64>*>(to)->push_back(page.raw()); },
      &gone);
  fill();
  memory.ram().add_code(kHeap + kPage - GuestMemory::kBase);
  const DmaPort::Run run = dma.run(PhysAddr(kHeap), 2 * kPage, true);
  EXPECT_TRUE(dma.discard(run));
  EXPECT_NE(std::ranges::find(gone, kHeap + kPage), gone.end());
  EXPECT_TRUE(memory.ram().dirty((kHeap - GuestMemory::kBase) / kPage));
  dma.set_enabled(false);
  EXPECT_FALSE(dma.discard(run));
  EXPECT_FALSE(memory.port().discard({}));
}

// ---- Free page reporting ------------------------------------------------------------------------

TEST_F(VirtioBalloonTest, ReportedPagesGoToTheHost) {
  start();
  for (const unsigned n : {3u, 4u}) {  // as Linux counts, and as 5.5.2 does
    fill();
    const u64 before = held();
    EXPECT_TRUE(report(n, kHeap, 4 * MiB));
    EXPECT_LE(held(), before - 4 * MiB + kRings) << n;
    EXPECT_TRUE(is(kHeap, 0));
    EXPECT_TRUE(is(kHeap + 4 * MiB, 0xa5));
  }
  EXPECT_EQ(driver->queue_count(), 5u);
}

TEST_F(VirtioBalloonTest, WithoutStatisticsReportingMovesUp) {
  start(~feature_bits(VIRTIO_BALLOON_F_STATS_VQ));
  fill();
  EXPECT_TRUE(report(2, kHeap, 64 * KiB));
  EXPECT_TRUE(is(kHeap, 0));
}

TEST_F(VirtioBalloonTest, ReportsAreTrimmedToWholePages) {
  start();
  fill();
  EXPECT_TRUE(report(3, kHeap + 16, 3 * kPage));
  EXPECT_EQ(memory.get<u8>(kHeap + 15), 0xa5);
  EXPECT_TRUE(is(kHeap, 0xa5));
  EXPECT_TRUE(is(kHeap + kPage, 0));
  EXPECT_TRUE(is(kHeap + 2 * kPage, 0));
  EXPECT_TRUE(is(kHeap + 3 * kPage, 0xa5));
  EXPECT_TRUE(report(3, kHeap + 4 * kPage + 1, 100));
  EXPECT_TRUE(is(kHeap + 4 * kPage, 0xa5));
}

TEST_F(VirtioBalloonTest, PoisonedPagesStay) {
  start();
  fill();
  port->write_config(12, 4, 0xaaaa'aaaa);
  EXPECT_EQ(port->read_config(12, 4), 0xaaaa'aaaau);
  EXPECT_TRUE(report(3, kHeap, 64 * KiB));
  EXPECT_TRUE(is(kHeap, 0xa5));
  port->write_config(12, 4, 0);
  EXPECT_TRUE(report(3, kHeap, 64 * KiB));
  EXPECT_TRUE(is(kHeap, 0));
}

TEST_F(VirtioBalloonTest, ABoundedAmountIsReportedAtOnce) {
  start();
  fill();
  std::vector<DriverQueue::Buffer> chain(20, {kHeap, 4 * MiB, true});
  chain.push_back({kHeap + 4 * MiB, kPage, true});
  q(3).add(chain, DriverQueue::How::Indirect);
  driver->kick(3);
  EXPECT_FALSE(q(3).reap());
  EXPECT_TRUE(is(kHeap, 0));
  EXPECT_TRUE(is(kHeap + 4 * MiB, 0xa5));
  timers.run_due();
  EXPECT_TRUE(q(3).reap());
  EXPECT_TRUE(is(kHeap + 4 * MiB, 0));
  EXPECT_TRUE(is(kHeap + 4 * MiB + kPage, 0xa5));
}

TEST_F(VirtioBalloonTest, ReportsOfOtherMemoryBreakTheRing) {
  start();
  q(3).add({DriverQueue::Buffer{0x8000'0000, 4096, true}});
  driver->kick(3);
  EXPECT_TRUE(driver->needs_reset());
}

// ---- Configuration ------------------------------------------------------------------------------

TEST_F(VirtioBalloonTest, FeaturesFollowTheOptions) {
  config = {};
  start();
  EXPECT_EQ(port->rd(0x08), 5u);
  EXPECT_EQ(driver->queue_count(), 3u);
  EXPECT_EQ(port->device_features() & 0xff, 1u << VIRTIO_BALLOON_F_STATS_VQ);
  port->write_config(12, 4, 1);
  EXPECT_EQ(port->read_config(12, 4), 0u);
  VirtioBalloon other("b", {.deflate_on_oom = true, .free_page_reporting = true}, memory.log(),
                      timers);
  EXPECT_EQ(other.device_features(0) & 0xff, 0x36u);
}

TEST_F(VirtioBalloonTest, TheTargetIsTheHosts) {
  start();
  balloon->set_target(512);
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_CONFIG);
  EXPECT_EQ(port->read_config(0, 4), 512u);
  balloon->set_target(512);
  EXPECT_EQ(port->take_interrupts(), 0);
  port->write_config(4, 4, 500);
  EXPECT_EQ(balloon->actual(), 500u);
  port->write_config(0, 4, 1);
  port->write_config(4, 2, 1);  // not all of it
  EXPECT_EQ(balloon->target(), 512u);
  EXPECT_EQ(balloon->actual(), 500u);
  slot->reset();
  EXPECT_EQ(balloon->target(), 512u);
  EXPECT_EQ(balloon->actual(), 0u);
}

// ---- Statistics ---------------------------------------------------------------------------------

struct Stats {
  std::string bytes;
  Stats& add(u16 tag, u64 value) {
    bytes.append(reinterpret_cast<const char*>(&tag), sizeof tag);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
};

TEST_F(VirtioBalloonTest, StatisticsAreAskedForInIntervals) {
  config.stats_interval_ns = 2 * kSecond;
  timers.advance_to(kSecond);
  start();
  EXPECT_EQ(balloon->stats_time_ns(), kNever);
  DriverQueue& s = q(VirtioBalloon::kStats);
  s.add({s.buffer(Stats().add(4, 1000).add(5, 2000).add(99, 1).bytes)});
  driver->kick(VirtioBalloon::kStats);
  EXPECT_EQ(balloon->stat(4), 1000u);
  EXPECT_EQ(balloon->stat(5), 2000u);
  EXPECT_EQ(balloon->stat(6), VirtioBalloon::kNoStat);
  EXPECT_EQ(balloon->stat(99), VirtioBalloon::kNoStat);
  EXPECT_EQ(balloon->stats_time_ns(), kSecond);
  EXPECT_FALSE(s.reap());  // the device keeps the buffer until it asks
  timers.advance_to(3 * kSecond - 1);
  EXPECT_FALSE(s.reap());
  timers.advance_to(3 * kSecond);
  EXPECT_TRUE(s.reap());
  EXPECT_EQ(port->take_interrupts(), VIRTIO_ISR_QUEUE);
  timers.advance_to(5 * kSecond);  // the driver is slow: it has no buffer there
  timers.advance_to(6 * kSecond);
  s.add({s.buffer(Stats().add(6, 3000).bytes)});
  driver->kick(VirtioBalloon::kStats);
  EXPECT_EQ(balloon->stat(6), 3000u);
  EXPECT_EQ(balloon->stat(4), VirtioBalloon::kNoStat);
  EXPECT_EQ(balloon->stats_time_ns(), 6 * kSecond);
  timers.advance_to(7 * kSecond);
  EXPECT_TRUE(s.reap());
  balloon->set_stats_interval(0);
  EXPECT_EQ(timers.next_deadline(), kNever);
  balloon->set_stats_interval(1);
  EXPECT_EQ(timers.next_deadline(), 7 * kSecond + VirtioBalloon::kShortestInterval);
}

TEST_F(VirtioBalloonTest, StatisticsMayBeNonsense) {
  start();
  DriverQueue& s = q(VirtioBalloon::kStats);
  std::string bytes(640, '\xff');
  bytes += Stats().add(4, 1).bytes;  // beyond what is looked at
  s.add({s.buffer(bytes)});
  s.add({s.buffer(Stats().add(4, 2).bytes)});  // a second buffer waits
  driver->kick(VirtioBalloon::kStats);
  EXPECT_EQ(balloon->stat(4), VirtioBalloon::kNoStat);
  balloon->set_stats_interval(kSecond);
  timers.advance_to(kSecond);
  EXPECT_TRUE(s.reap());
  driver->kick(VirtioBalloon::kStats);
  EXPECT_EQ(balloon->stat(4), 2u);
}

TEST_F(VirtioBalloonTest, ASnapshotHasWhatIsHalfDone) {
  config.stats_interval_ns = kSecond;
  start();
  fill();
  balloon->set_target(77);
  std::vector<u32> pfns(VirtioBalloon::kPassPages, kHeapPfn);
  pfns.push_back(kHeapPfn + 1);
  EXPECT_FALSE(send(VirtioBalloon::kInflate, pfns));
  DriverQueue& s = q(VirtioBalloon::kStats);
  s.add({s.buffer(Stats().add(4, 1000).bytes)});
  driver->kick(VirtioBalloon::kStats);
  Archive ar(Archive::Mode::Save);
  slot->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  slot->reset();
  balloon->set_target(1);
  fill();
  ar.set_mode(Archive::Mode::Load);
  slot->snapshot(ar);
  ASSERT_TRUE(ar.finish());
  slot->restored();
  EXPECT_EQ(balloon->target(), 77u);
  EXPECT_EQ(balloon->stat(4), 1000u);
  timers.run_due();
  EXPECT_TRUE(q(0).reap());
  EXPECT_TRUE(is(kHeap, 0xa5));  // was done before
  EXPECT_TRUE(is(kHeap + kPage, 0));
  timers.advance_to(kSecond);
  EXPECT_TRUE(s.reap());
}

}  // namespace
}  // namespace quince::hw
