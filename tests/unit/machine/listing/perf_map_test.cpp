#include "machine/listing/perf_map.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/support/temp_dir.h"

namespace quince::machine {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

TEST(PerfMap, LinesAsPerfReadsThem) {
  const test::TempDir dir;
  const std::string path = dir / "map";
  std::ofstream(path) << "of somebody before\n";
  auto map = PerfMap::create(path);
  ASSERT_TRUE(map) << map.error().message();
  map->add(reinterpret_cast<const u8*>(0x7f00'1000), 0x1c, "guest-0x40001000");
  map->add(reinterpret_cast<const u8*>(0x7f00'2000), 256, "guest-0x40002000");
  EXPECT_EQ(text_of(path), "7f001000 1c guest-0x40001000\n7f002000 100 guest-0x40002000\n");
}

TEST(PerfMap, FollowsNoLink) {
  const test::TempDir dir;
  std::ofstream(dir / "victim") << "precious";
  ASSERT_EQ(::symlink((dir / "victim").c_str(), (dir / "map").c_str()), 0);
  EXPECT_FALSE(PerfMap::create(dir / "map"));
  EXPECT_EQ(text_of(dir / "victim"), "precious");
}

TEST(PerfMap, RefusesWhatIsNoFile) {
  const test::TempDir dir;
  EXPECT_FALSE(PerfMap::create(dir.path()));
  EXPECT_FALSE(PerfMap::create(dir / "no/folder"));
}

}  // namespace
}  // namespace quince::machine
