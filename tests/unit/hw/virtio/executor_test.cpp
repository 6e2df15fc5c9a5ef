#include "hw/virtio/executor.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/support/block_io.h"

namespace quince::hw {
namespace {

/// A job that says where and when it was done.
struct Task {
  static inline thread_local bool machine_thread = false;
  Executor::Job job{.run = &Task::run, .done = &Task::done, .context = this};
  unsigned number = 0;
  std::vector<unsigned>* ran = nullptr;  // the worker's, until settle() or done
  std::vector<unsigned>* told = nullptr;
  bool on_machine_thread = false;
  Executor* again = nullptr;  // to be submitted once more when it is done

  static void run(void* context) {
    auto& t = *static_cast<Task*>(context);
    t.on_machine_thread = machine_thread;
    t.ran->push_back(t.number);
  }
  static void done(void* context) {
    auto& t = *static_cast<Task*>(context);
    EXPECT_TRUE(machine_thread);
    t.told->push_back(t.number);
    if (Executor* const e = std::exchange(t.again, nullptr)) {
      EXPECT_FALSE(e->submit(t.job));
    }
  }
};

struct ExecutorTest : ::testing::Test {
  ExecutorTest() { Task::machine_thread = true; }
  std::vector<unsigned> ran, told, all;
  std::vector<Task> tasks = std::vector<Task>(100);
  test::TestCompletions completions;

  void fill() {
    for (unsigned n = 0; n < tasks.size(); ++n) {
      tasks[n].number = n;
      tasks[n].ran = &ran;
      tasks[n].told = &told;
      all.push_back(n);
    }
  }
};

TEST_F(ExecutorTest, InlineIsAtOnce) {
  fill();
  InlineExecutor e;
  for (Task& t : tasks) EXPECT_TRUE(e.submit(t.job));
  e.settle();
  e.drain();
  EXPECT_EQ(ran, all);
  EXPECT_TRUE(told.empty());  // submit() said it
  EXPECT_TRUE(tasks[0].on_machine_thread);
}

TEST_F(ExecutorTest, AThreadRunsThemInOrder) {
  fill();
  const auto e = make_worker_thread(completions);
  for (Task& t : tasks) EXPECT_FALSE(e->submit(t.job));
  while (told.size() < all.size()) completions.run_once();
  EXPECT_EQ(told, all);
  EXPECT_EQ(ran, all);
  EXPECT_FALSE(tasks[0].on_machine_thread);
}

TEST_F(ExecutorTest, SettleRunsAndDrainTells) {
  fill();
  const auto e = make_worker_thread(completions);
  for (Task& t : tasks) EXPECT_FALSE(e->submit(t.job));
  e->settle();
  EXPECT_EQ(ran, all);
  EXPECT_TRUE(told.empty());
  e->drain();
  EXPECT_EQ(told, all);
  completions.run_once();  // a wake that comes late finds nothing to do
  EXPECT_EQ(told, all);
}

TEST_F(ExecutorTest, DrainWaitsForWhatFollows) {
  fill();
  const auto e = make_worker_thread(completions);
  for (Task& t : tasks) {
    t.again = e.get();
    EXPECT_FALSE(e->submit(t.job));
  }
  e->drain();
  EXPECT_EQ(told.size(), 2 * all.size());
}

}  // namespace
}  // namespace quince::hw
