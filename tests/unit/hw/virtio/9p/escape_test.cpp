// A guest that wants out of its folder: by names, by symbolic links, by renaming while a path is
// looked up.  Everything is tried with openat2 and without.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/unit/hw/virtio/9p/p9_bench.h"

namespace quince::p9 {
namespace {

using test::P9Client;
using test::P9Fields;

struct Escape9p : P9Bench, ::testing::WithParamInterface<bool> {
  Escape9p() { config.openat2 = GetParam(); }

  /// Every way to reach a file by name; whether any of them led anywhere.
  void expect_closed(std::initializer_list<std::string_view> folder, std::string_view name) {
    if (c.walk(0, 50, folder) == 0) {
      EXPECT_NE(c.walk(50, 51, {name}), 0) << name;
      EXPECT_NE(c.lcreate(50, name, O_RDWR, 0644), 0) << name;
      EXPECT_NE(c.mkdir(50, name, 0755), 0) << name;
      EXPECT_NE(c.symlink(50, name, "x"), 0) << name;
      EXPECT_NE(c.mknod(50, name, S_IFREG | 0644, 0, 0), 0) << name;
      EXPECT_NE(c.unlinkat(50, name), 0) << name;
      EXPECT_NE(c.unlinkat(50, name, P9_DOTL_AT_REMOVEDIR), 0) << name;
      EXPECT_NE(c.renameat(50, name, 0, "stolen"), 0) << name;
      EXPECT_NE(c.renameat(0, "mine", 50, name), 0) << name;
      EXPECT_EQ(c.walk(0, 52, {"mine"}), 0);
      EXPECT_NE(c.link(50, 52, name), 0) << name;
      EXPECT_NE(c.rename(52, 50, name), 0) << name;
      c.clunk(52);
    }
    c.clunk(50);
    c.clunk(51);
    EXPECT_EQ(get("outside/secret"), "secret");
    EXPECT_FALSE(exists("share/stolen"));
    EXPECT_EQ(get("share/mine"), "mine");
  }
};

TEST_P(Escape9p, NamesThatArePathsAreNone) {
  put("share/mine", "mine");
  start();
  for (const std::string_view name :
       {std::string_view("../outside/secret"), std::string_view("/etc/passwd"),
        std::string_view("mine/../../outside/secret"), std::string_view(""),
        std::string_view("a/b"), std::string_view("/"), std::string_view("mine\0", 5),
        std::string_view("\0", 1)})
    expect_closed({}, name);
  EXPECT_EQ(c.mkdir(0, "..", 0755), EEXIST);
  EXPECT_EQ(c.lcreate(0, "..", O_RDWR, 0644), EEXIST);
  EXPECT_EQ(c.unlinkat(0, ".."), ENOTEMPTY);
  EXPECT_EQ(c.unlinkat(0, ".", P9_DOTL_AT_REMOVEDIR), EINVAL);
  // ".." ends at the folder itself.
  ASSERT_EQ(c.walk(0, 1, {"..", "..", ".."}), 0);
  ASSERT_EQ(c.getattr(1), 0);
  EXPECT_EQ(c.attributes().qid.path, host("share").st_ino);
  EXPECT_EQ(c.walk(0, 2, {"..", "outside"}), ENOENT);
}

TEST_P(Escape9p, SymbolicLinksAreNotFollowed) {
  put("share/mine", "mine");
  std::filesystem::create_directories(dir / "share/d");
  const std::string outside = dir / "outside";
  ASSERT_EQ(::symlink(outside.c_str(), (dir / "share/absolute").c_str()), 0);
  ASSERT_EQ(::symlink("../outside", (dir / "share/relative").c_str()), 0);
  ASSERT_EQ(::symlink("../../outside", (dir / "share/d/deeper").c_str()), 0);
  ASSERT_EQ(::symlink("/", (dir / "share/d/root").c_str()), 0);
  ASSERT_EQ(::symlink("../outside/secret", (dir / "share/file").c_str()), 0);
  ASSERT_EQ(::symlink("../outside/new", (dir / "share/dangling").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self/cwd", (dir / "share/magic").c_str()), 0);
  ASSERT_EQ(::symlink("d", (dir / "share/inside").c_str()), 0);
  start();
  for (const char* link : {"absolute", "relative", "magic", "inside"})
    expect_closed({link}, "secret");
  expect_closed({"d", "deeper"}, "secret");
  expect_closed({"d", "root"}, "etc");
  for (const char* link : {"file", "dangling", "absolute"}) {
    for (const int flags : {O_RDONLY, O_RDWR, O_WRONLY | O_TRUNC}) {
      ASSERT_EQ(c.walk(0, 1, {link}), 0);
      EXPECT_EQ(c.lopen(1, flags), ELOOP) << link;
      EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_SIZE, .size = 0}), EINVAL);
      EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_MODE, .mode = 0}), EOPNOTSUPP);
      EXPECT_NE(c.xattrwalk(1, 2, "user.x"), 0);
      c.clunk(1);
      ASSERT_EQ(c.walk(0, 1), 0);
      EXPECT_EQ(c.lcreate(1, link, flags, 0644), ELOOP) << link;
      EXPECT_EQ(c.lcreate(1, link, flags | O_EXCL, 0644), EEXIST) << link;
      c.clunk(1);
    }
  }
  if (root()) {  // the link itself changes hands
    ASSERT_EQ(c.walk(0, 1, {"file"}), 0);
    EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_UID, .uid = 77}), 0);
    EXPECT_EQ(host("share/file").st_uid, 77u);
    EXPECT_EQ(host("outside/secret").st_uid, 0u);
  }
  EXPECT_EQ(get("outside/secret"), "secret");
  EXPECT_FALSE(exists("outside/new"));
  ASSERT_EQ(c.unlinkat(0, "absolute"), 0);
  EXPECT_EQ(get("outside/secret"), "secret");
}

TEST_P(Escape9p, AFolderThatBecomesALinkIsClosed) {
  std::filesystem::create_directories(dir / "share/d");
  put("share/d/secret", "mine");
  put("share/mine", "mine");
  start();
  ASSERT_EQ(c.walk(0, 1, {"d"}), 0);
  ASSERT_EQ(c.walk(0, 2, {"d", "secret"}), 0);
  std::filesystem::remove_all(dir / "share/d");
  ASSERT_EQ(::symlink("../outside", (dir / "share/d").c_str()), 0);
  EXPECT_NE(c.walk(1, 3, {"secret"}), 0);
  EXPECT_NE(c.lopen(2, O_RDWR), 0);
  EXPECT_NE(c.getattr(2), 0);
  EXPECT_NE(c.setattr(2, {.valid = P9_SETATTR_SIZE, .size = 0}), 0);
  EXPECT_NE(c.lcreate(1, "new", O_RDWR, 0644), 0);
  EXPECT_NE(c.unlinkat(1, "secret"), 0);
  EXPECT_NE(c.remove(2), 0);
  EXPECT_EQ(get("outside/secret"), "secret");
  EXPECT_FALSE(exists("outside/new"));
}

// Another process exchanges a folder with a link to the outside, all the time.
TEST_P(Escape9p, ARaceIsNotWon) {
  std::filesystem::create_directories(dir / "share/d");
  put("share/d/secret", "inside");
  ASSERT_EQ(::symlink("../outside", (dir / "share/swap").c_str()), 0);
  start();
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const std::string a = dir / "share/d", b = dir / "share/swap";
    while (!stop) (void)::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  });
  unsigned inside = 0, closed = 0;
  for (unsigned n = 0; n < 200'000 && (n < 2000 || inside < 20 || closed < 20); ++n) {
    std::string text;
    const int why = c.read_file({"d", "secret"}, text);
    if (why == 0) {
      EXPECT_EQ(text, "inside");
    }
    ++(why == 0 ? inside : closed);
    if (c.walk(0, 1, {"d"}) == 0 && c.lcreate(1, "new", O_RDWR, 0644) == 0) {
      EXPECT_EQ(c.write(1, 0, "x"), 0);
    }
    c.clunk(1);
  }
  stop = true;
  swapper.join();
  EXPECT_GT(inside, 0u);  // both were met
  EXPECT_GT(closed, 0u);
  EXPECT_FALSE(exists("outside/new"));
  EXPECT_EQ(get("outside/secret"), "secret");
}

INSTANTIATE_TEST_SUITE_P(Resolution, Escape9p, ::testing::Bool(),
                         [](const auto& how) { return how.param ? "openat2" : "openat"; });

}  // namespace
}  // namespace quince::p9
