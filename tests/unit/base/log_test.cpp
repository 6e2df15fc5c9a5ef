#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace quince {
namespace {

struct LogTest : ::testing::Test {
  std::string path = ::testing::TempDir() + "/quince-log-test-" + std::to_string(::getpid());
  Log log;
  void SetUp() override { ASSERT_TRUE(log.open(path)); }
  void TearDown() override { std::filesystem::remove(path); }
  std::string text() const {
    std::ifstream in(path);
    std::stringstream s;
    s << in.rdbuf();
    return s.str();
  }
};

TEST_F(LogTest, OneKeyCannotFloodAndOthersStillSpeak) {
  log.enable(LogCategory::GuestErrors);
  for (int i = 0; i < 1000; ++i) log.guest_error("a", "noise {}", i);
  log.guest_error("b", "signal");
  const std::string out = text();
  EXPECT_NE(out.find("noise 9 (further messages"), std::string::npos);
  EXPECT_EQ(out.find("noise 10"), std::string::npos);
  EXPECT_NE(out.find("signal"), std::string::npos);
  EXPECT_EQ(log.suppressed(), 990u);
}

TEST_F(LogTest, CategoriesThatAreOffAreSilent) {
  log.guest_error("a", "x");
  log.unimp("a", "y");
  EXPECT_EQ(text(), "");
}

TEST_F(LogTest, TracePointsAreSwitchedByGlobPresentAndFuture) {
  TracePoint a(log, "rtc.alarm");
  a("not shown");
  EXPECT_EQ(log.trace("rtc.*"), 1u);
  TracePoint b(log, "rtc.load");
  TracePoint c(log, "gic.ack");
  a("{}", 1);
  b("{}", 2);
  c("{}", 3);
  EXPECT_EQ(text(), "rtc.alarm: 1\nrtc.load: 2\n");
}

TEST(Glob, Matches) {
  EXPECT_TRUE(glob_match("a*c?", "abbbcd"));
  EXPECT_FALSE(glob_match("a*c", "ab"));
  EXPECT_TRUE(glob_match("*", ""));
}

}  // namespace
}  // namespace quince
