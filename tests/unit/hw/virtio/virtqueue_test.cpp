// The rings of virtio 1.2, 2.7, and what becomes of drivers that lie about them.
#include "hw/virtio/virtqueue.h"

#include <gtest/gtest.h>

#include <functional>

#include "hw/core/archive.h"
#include "tests/support/virtio_driver.h"

namespace quince::hw {
namespace {

using test::DriverQueue;
using test::GuestMemory;
using Pop = Virtqueue::Pop;
using How = DriverQueue::How;

struct VirtqueueTest : ::testing::Test {
  static constexpr u16 kSize = 8;
  GuestMemory memory{256 * KiB};
  DmaPort dma = memory.port();
  DriverQueue driver{memory, kSize};
  Virtqueue q{256};
  VirtqElement e;

  const char* enable(bool event_idx = false, bool indirect = true) {
    q.set_size(driver.size());
    q.set_address(Virtqueue::Area::Desc, driver.desc_address());
    q.set_address(Virtqueue::Area::Driver, driver.avail_address());
    q.set_address(Virtqueue::Area::Device, driver.used_address());
    return q.enable(event_idx, indirect);
  }
  std::string question() {
    std::string s(e.readable_size(), '?');
    EXPECT_EQ(e.copy_out(0, {reinterpret_cast<u8*>(s.data()), s.size()}), s.size());
    return s;
  }
  std::size_t answer(std::string_view s, u64 at = 0) {
    return e.copy_in(at, {reinterpret_cast<const u8*>(s.data()), s.size()});
  }
};

TEST_F(VirtqueueTest, ChainsComeInOrderAndGoBackInAnyOrder) {
  ASSERT_EQ(enable(), nullptr);
  EXPECT_EQ(q.pop(dma, e), Pop::Empty);
  EXPECT_FALSE(q.available(dma));
  const auto answer_space = driver.space(4);
  const u16 a = driver.add({driver.buffer("one"), driver.buffer("two"), answer_space});
  const u16 b = driver.add({driver.buffer("three")});
  EXPECT_TRUE(q.available(dma));
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  EXPECT_EQ(e.head(), a);
  EXPECT_EQ(question(), "onetwo");
  EXPECT_EQ(e.writable_size(), 4u);
  EXPECT_EQ(answer("abcdef"), 4u);
  VirtqElement second;
  ASSERT_EQ(q.pop(dma, second), Pop::Ok);
  EXPECT_EQ(second.head(), b);
  EXPECT_EQ(q.in_flight_count(), 2u);
  EXPECT_EQ(driver.used_idx(), 0u);
  ASSERT_TRUE(q.push(dma, second, 0));
  ASSERT_TRUE(q.push(dma, e, 4));
  EXPECT_EQ(driver.reap()->head, b);
  const auto used = driver.reap();
  EXPECT_EQ(used->head, a);
  EXPECT_EQ(used->length, 4u);
  EXPECT_EQ(memory.text(answer_space.address, 4), "abcd");
  EXPECT_EQ(q.in_flight_count(), 0u);
}

TEST_F(VirtqueueTest, IndirectTablesAreChains) {
  ASSERT_EQ(enable(), nullptr);
  driver.add({driver.buffer("in"), driver.buffer(""), driver.buffer("direct"), driver.space(2),
              driver.space(3)},
             How::Indirect);
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  EXPECT_EQ(question(), "indirect");
  EXPECT_EQ(e.readable().size(), 2u);  // empty buffers are no buffers
  EXPECT_EQ(e.writable_size(), 5u);
  EXPECT_EQ(answer("xy", 1), 2u);
  EXPECT_EQ(e.fill_zero(4, 9), 1u);
}

TEST_F(VirtqueueTest, AnIndirectTableMayEndAChainAndMayBeLongerThanTheQueue) {
  ASSERT_EQ(enable(), nullptr);
  std::vector<DriverQueue::Buffer> many(100, driver.buffer("ab"));
  driver.add(many, How::Indirect);
  const u16 head = driver.add({driver.buffer("cd")});
  VirtqDesc d = driver.desc(head);
  d.flags = VIRTQ_DESC_F_NEXT;  // the direct one leads to the indirect one
  d.next = 0;
  driver.set_desc(head, d);
  driver.set_avail_entry(0, head);
  driver.set_avail_idx(1);
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  EXPECT_EQ(e.readable_size(), 202u);
  EXPECT_EQ(question().substr(0, 4), "cdab");
}

TEST_F(VirtqueueTest, TheRingTurnsManyTimes) {
  ASSERT_EQ(enable(true), nullptr);
  const auto space = driver.space(8);
  for (unsigned i = 0; i < 70'000; ++i) {  // past the wrap of the 16-bit indices
    driver.add({space});
    ASSERT_EQ(q.pop(dma, e), Pop::Ok) << i;
    ASSERT_TRUE(q.push(dma, e, 8));
    driver.set_used_event(static_cast<u16>(i));
    ASSERT_TRUE(q.should_interrupt(dma)) << i;
    ASSERT_EQ(driver.reap()->length, 8u);
  }
}

TEST_F(VirtqueueTest, SuppressionWithFlags) {
  ASSERT_EQ(enable(false), nullptr);
  EXPECT_TRUE(driver.should_kick(false));
  q.suppress_notifications(dma, true);
  EXPECT_FALSE(driver.should_kick(false));
  q.suppress_notifications(dma, false);
  EXPECT_TRUE(driver.should_kick(false));
  for (const bool wanted : {true, false}) {
    driver.set_avail_flags(wanted ? 0 : VIRTQ_AVAIL_F_NO_INTERRUPT);
    driver.add({driver.space(1)});
    ASSERT_EQ(q.pop(dma, e), Pop::Ok);
    ASSERT_TRUE(q.push(dma, e, 1));
    EXPECT_EQ(q.should_interrupt(dma), wanted);
    EXPECT_FALSE(q.should_interrupt(dma));  // nothing new
  }
}

TEST_F(VirtqueueTest, SuppressionWithEventIndices) {
  ASSERT_EQ(enable(true), nullptr);
  driver.add({driver.space(1)});
  EXPECT_TRUE(driver.should_kick(true));
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  EXPECT_EQ(driver.avail_event(), 1u);
  driver.set_used_event(1);  // not the first, the second
  ASSERT_TRUE(q.push(dma, e, 1));
  EXPECT_FALSE(q.should_interrupt(dma));
  q.suppress_notifications(dma, true);
  driver.add({driver.space(1)});
  EXPECT_TRUE(driver.should_kick(true));  // the event index still is the one of before
  driver.add({driver.space(1)});
  EXPECT_FALSE(driver.should_kick(true));
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  EXPECT_EQ(driver.avail_event(), 1u);
  q.suppress_notifications(dma, false);
  EXPECT_EQ(driver.avail_event(), 2u);
  ASSERT_TRUE(q.push(dma, e, 1));
  EXPECT_TRUE(q.should_interrupt(dma));
}

TEST_F(VirtqueueTest, UnpopGivesTheSameChainAgain) {
  ASSERT_EQ(enable(), nullptr);
  const u16 head = driver.add({driver.space(1)});
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(q.pop(dma, e), Pop::Ok);
    EXPECT_EQ(e.head(), head);
    q.unpop(e);
  }
  EXPECT_EQ(q.in_flight_count(), 0u);
}

TEST_F(VirtqueueTest, DirtyPagesAreTheWrittenOnes) {
  ASSERT_EQ(enable(), nullptr);
  memory.alloc(GuestRam::kPageSize * 2);
  const auto out = driver.space(3 * GuestRam::kPageSize);
  const u64 first = (out.address - GuestMemory::kBase) / GuestRam::kPageSize;
  driver.add({out});
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  EXPECT_FALSE(memory.ram().dirty(first));  // not before the data is there
  ASSERT_TRUE(q.push(dma, e, 1));
  EXPECT_TRUE(memory.ram().dirty(first));
  EXPECT_FALSE(memory.ram().dirty(first + 2));  // offered, but not written
  EXPECT_TRUE(
      memory.ram().dirty((driver.used_address() - GuestMemory::kBase) / GuestRam::kPageSize));
}

TEST_F(VirtqueueTest, SnapshotKeepsChainsInFlight) {
  ASSERT_EQ(enable(true), nullptr);
  driver.add({driver.buffer("done"), driver.space(1)});
  const u16 head = driver.add({driver.buffer("not done"), driver.space(5)});
  VirtqElement first;
  ASSERT_EQ(q.pop(dma, first), Pop::Ok);
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  ASSERT_TRUE(q.push(dma, first, 1));
  Archive ar(Archive::Mode::Save);
  q.snapshot(ar);
  ar.set_mode(Archive::Mode::Load);
  Virtqueue copy{256};
  copy.snapshot(ar);
  ASSERT_TRUE(ar.finish());
  ASSERT_TRUE(copy.in_flight(head));
  EXPECT_FALSE(copy.in_flight(first.head()));
  EXPECT_EQ(copy.refetch(dma, first.head(), e), Pop::Broken);
  ASSERT_EQ(copy.refetch(dma, head, e), Pop::Ok);
  EXPECT_EQ(question(), "not done");
  ASSERT_TRUE(copy.push(dma, e, 5));
  driver.reap();
  EXPECT_EQ(driver.reap()->head, head);
  EXPECT_EQ(copy.pop(dma, e), Pop::Empty);
}

TEST_F(VirtqueueTest, DamagedSnapshotsAreRefused) {
  ASSERT_EQ(enable(), nullptr);
  const auto load = [&](const std::function<void(Virtqueue&)>& change) {
    Virtqueue bad{256};
    change(bad);
    Archive ar(Archive::Mode::Save);
    bad.snapshot(ar);
    ar.set_mode(Archive::Mode::Load);
    Virtqueue small{16};
    small.snapshot(ar);
    return ar.finish().has_value();
  };
  EXPECT_FALSE(load([](Virtqueue& v) { EXPECT_EQ(v.enable(false, false), nullptr); }));  // 256 > 16
  EXPECT_TRUE(load([](Virtqueue& v) {
    v.set_size(16);
    EXPECT_EQ(v.enable(false, false), nullptr);
  }));
}

TEST_F(VirtqueueTest, MasteringOffStopsEverything) {
  ASSERT_EQ(enable(), nullptr);
  driver.add({driver.space(1)});
  dma.set_enabled(false);
  EXPECT_EQ(q.pop(dma, e), Pop::Empty);
  dma.set_enabled(true);
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  dma.set_enabled(false);
  EXPECT_FALSE(q.push(dma, e, 1));
  EXPECT_EQ(driver.used_idx(), 0u);
}

TEST_F(VirtqueueTest, RefusesSizesAndAlignments) {
  for (const u16 size : std::initializer_list<u16>{0, 3, 512}) {
    q.set_size(size);
    EXPECT_NE(q.enable(false, false), nullptr) << size;
  }
  ASSERT_EQ(enable(), nullptr);
  q.reset();
  q.set_address(Virtqueue::Area::Desc, 8);
  EXPECT_NE(q.enable(false, false), nullptr);
  q.set_address(Virtqueue::Area::Desc, 0);
  q.set_address(Virtqueue::Area::Driver, 1);
  EXPECT_NE(q.enable(false, false), nullptr);
  q.set_address(Virtqueue::Area::Driver, 2);
  q.set_address(Virtqueue::Area::Device, 2);
  EXPECT_NE(q.enable(false, false), nullptr);
  EXPECT_FALSE(q.ready());
}

TEST_F(VirtqueueTest, ARunningQueueDoesNotMove) {
  ASSERT_EQ(enable(), nullptr);
  q.set_size(4);
  q.set_address(Virtqueue::Area::Desc, 0);
  EXPECT_EQ(q.size(), kSize);
  EXPECT_EQ(q.address(Virtqueue::Area::Desc), driver.desc_address());
}

TEST_F(VirtqueueTest, RingsThatAreTakenAwayBreakTheQueue) {
  ASSERT_EQ(enable(), nullptr);
  driver.add({driver.space(1)});
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  memory.space().unmap(PhysAddr(GuestMemory::kBase));
  EXPECT_FALSE(q.push(dma, e, 1));
  EXPECT_EQ(q.pop(dma, e), Pop::Broken);
}

// ---- Lies ---------------------------------------------------------------------------------------

/// A lie is told after one honest chain, to a queue with or without indirect descriptors.
struct Lie {
  const char* name;
  const char* reason;  ///< a part of it
  std::function<void(GuestMemory&, DriverQueue&)> tell;
  bool indirect = true;
};

struct LyingRing : VirtqueueTest, ::testing::WithParamInterface<Lie> {};

TEST_P(LyingRing, BreaksTheQueueAndNothingElse) {
  ASSERT_EQ(enable(false, GetParam().indirect), nullptr);
  driver.add({driver.buffer("honest")});
  ASSERT_EQ(q.pop(dma, e), Pop::Ok);
  GetParam().tell(memory, driver);
  const std::vector<u8> before(memory.bytes().begin(), memory.bytes().end());
  VirtqElement liar;
  EXPECT_EQ(q.pop(dma, liar), Pop::Broken);
  ASSERT_NE(q.error(), nullptr);
  EXPECT_NE(std::string(q.error()).find(GetParam().reason), std::string::npos) << q.error();
  EXPECT_EQ(q.pop(dma, liar), Pop::Broken);  // and it stays so
  EXPECT_EQ(std::vector<u8>(memory.bytes().begin(), memory.bytes().end()), before);
  EXPECT_TRUE(q.push(dma, e, 0));  // what the device had can still end
  q.reset();
  EXPECT_EQ(q.error(), nullptr);
  EXPECT_EQ(q.pop(dma, e), Pop::Empty);
}

void set(DriverQueue& q, u16 i, VirtqDesc d) {
  q.set_desc(i, d);
  q.publish(i);
}

constexpr u64 kRam = GuestMemory::kBase;
constexpr u16 kN = VIRTQ_DESC_F_NEXT, kW = VIRTQ_DESC_F_WRITE, kI = VIRTQ_DESC_F_INDIRECT;

const Lie kLies[] = {
    {"index_jumps", "queue's size ahead",
     [](auto&, auto& q) { q.set_avail_idx(static_cast<u16>(q.avail_idx() + 9)); }},
    {"index_goes_back", "queue's size ahead",
     [](auto&, auto& q) { q.set_avail_idx(static_cast<u16>(q.avail_idx() - 1)); }},
    {"head_outside", "names no descriptor", [](auto&, auto& q) { q.publish(8); }},
    {"head_far_outside", "names no descriptor", [](auto&, auto& q) { q.publish(0xffff); }},
    {"head_in_flight", "still has", [](auto&, auto& q) { q.publish(0); }},
    {"loop_of_one", "longer than the queue",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 1, kN, 3});
     }},
    {"loop_of_two", "longer than the queue",
     [](auto&, auto& q) {
       q.set_desc(4, {kRam, 0, kN, 3});
       set(q, 3, {kRam, 0, kN, 4});
     }},
    {"next_outside", "outside the table",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 1, kN, 8});
     }},
    {"no_memory", "buffer is not in memory",
     [](auto&, auto& q) {
       set(q, 3, {0x1000, 1, 0, 0});
     }},
    {"no_memory_to_write", "buffer is not in memory",
     [](auto&, auto& q) {
       set(q, 3, {0x1000, 1, kW, 0});
     }},
    {"past_the_end", "buffer is not in memory",
     [](auto& m, auto& q) {
       set(q, 3, {kRam + m.size() - 1, 2, kW, 0});
     }},
    {"wraps", "buffer is not in memory",
     [](auto&, auto& q) {
       set(q, 3, {~u64{0}, 2, 0, 0});
     }},
    {"absurd_length", "buffer is not in memory",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 0xffff'ffff, kW, 0});
     }},
    {"readable_after_writable", "follows a writable",
     [](auto&, auto& q) {
       q.set_desc(4, {kRam, 1, 0, 0});
       set(q, 3, {kRam, 1, kN | kW, 4});
     }},
    {"indirect_not_negotiated", "without the feature",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 16, kI, 0});
     },
     false},
    {"indirect_with_next", "with a next one",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 16, kI | kN, 0});
     }},
    {"indirect_empty", "wrong length",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 0, kI, 0});
     }},
    {"indirect_odd_length", "wrong length",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 17, kI, 0});
     }},
    {"indirect_too_long", "wrong length",
     [](auto&, auto& q) {
       set(q, 3, {kRam, 16 * 1025, kI, 0});
     }},
    {"indirect_no_memory", "table is not in memory",
     [](auto&, auto& q) {
       set(q, 3, {0x1000, 16, kI, 0});
     }},
    {"indirect_half_memory", "table is not in memory",
     [](auto& m, auto& q) {
       set(q, 3, {kRam + m.size() - 16, 32, kI, 0});
     }},
    {"indirect_in_indirect", "inside another",
     [](auto& m, auto& q) {
       const u64 t = m.alloc(16);
       m.put_object(t, VirtqDesc{kRam, 16, kI, 0});
       set(q, 3, {t, 16, kI, 0});
     }},
    {"indirect_next_outside", "outside the indirect",
     [](auto& m, auto& q) {
       const u64 t = m.alloc(32);
       m.put_object(t, VirtqDesc{kRam, 16, kN, 2});
       set(q, 3, {t, 32, kI, 0});
     }},
    {"indirect_loop", "longer than its indirect",
     [](auto& m, auto& q) {
       const u64 t = m.alloc(32);
       m.put_object(t, VirtqDesc{kRam, 16, kN, 1});
       m.put_object(t + 16, VirtqDesc{kRam, 16, kN, 0});
       set(q, 3, {t, 32, kI, 0});
     }},
};

INSTANTIATE_TEST_SUITE_P(All, LyingRing, ::testing::ValuesIn(kLies),
                         [](const auto& i) { return i.param.name; });

}  // namespace
}  // namespace quince::hw
