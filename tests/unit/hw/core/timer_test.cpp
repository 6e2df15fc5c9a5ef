#include "hw/core/timer.h"

#include <gtest/gtest.h>

#include <string>

namespace quince::hw {
namespace {

struct Recorder {
  TimerQueue queue;
  std::string order;
  struct Named {
    Recorder& r;
    char c;
    Timer timer;
    u64 rearm = 0;
    Named(Recorder& rec, char ch) : r(rec), c(ch), timer(rec.queue, "t", &Bind<&Named::fire>::call, this) {}
    void fire() {
      r.order += c;
      if (rearm != 0) timer.arm(r.queue.now_ns() + rearm);
    }
  };
};

TEST(TimerQueue, FiresByDeadlineAndTiesInArmingOrder) {
  Recorder r;
  Recorder::Named a(r, 'a'), b(r, 'b'), c(r, 'c');
  b.timer.arm(10);
  a.timer.arm(10);
  c.timer.arm(5);
  r.queue.advance_to(4);
  EXPECT_EQ(r.order, "");
  r.queue.advance_to(10);
  EXPECT_EQ(r.order, "cba");
  EXPECT_EQ(r.queue.next_deadline(), kNever);
}

TEST(TimerQueue, RearmingInTheCallbackDoesNotLoopAtOneInstant) {
  Recorder r;
  Recorder::Named a(r, 'a');
  a.rearm = 10;
  a.timer.arm(10);
  r.queue.advance_to(35);
  EXPECT_EQ(r.order, "aaa");
  EXPECT_EQ(a.timer.deadline(), 40u);
}

TEST(TimerQueue, CancelAndReplace) {
  Recorder r;
  Recorder::Named a(r, 'a'), b(r, 'b');
  a.timer.arm(10);
  b.timer.arm(20);
  a.timer.cancel();
  b.timer.arm(30);
  r.queue.advance_to(29);
  EXPECT_EQ(r.order, "");
  r.queue.advance_to(30);
  EXPECT_EQ(r.order, "b");
}

TEST(TimerQueue, TellsWhenTheEarliestDeadlineMovesForward) {
  TimerQueue q;
  int told = 0;
  q.on_earlier([](void* p) { ++*static_cast<int*>(p); }, &told);
  Timer a(q, "a", [](void*) {}, nullptr), b(q, "b", [](void*) {}, nullptr);
  a.arm(100);
  b.arm(200);
  b.arm(50);
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace quince::hw
