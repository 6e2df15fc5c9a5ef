// A session that is saved and goes on elsewhere.
#include <sys/xattr.h>
#include <unistd.h>

#include <random>

#include "tests/unit/hw/virtio/9p/p9_bench.h"

namespace quince::p9 {
namespace {

struct State9p : P9Bench {
  /// Saves, and goes on with a fresh server.
  void move() {
    std::vector<u8> saved, again;
    server->save(saved);
    auto folder = Folder::open(config);
    ASSERT_TRUE(folder);
    server = std::make_unique<Server>(std::move(*folder));
    ASSERT_TRUE(server->load(saved));
    server->save(again);
    EXPECT_EQ(saved, again);
  }
};

TEST_F(State9p, ASessionGoesOn) {
  std::filesystem::create_directories(dir / "share/d");
  put("share/d/f", "0123456789");
  start();
  ASSERT_EQ(c.walk(0, 1, {"d", "f"}), 0);
  ASSERT_EQ(c.lopen(1, O_RDWR | O_TRUNC), 0);
  ASSERT_EQ(c.write(1, 0, "hello"), 0);
  ASSERT_EQ(c.walk(0, 2, {"d"}), 0);
  ASSERT_EQ(c.lopen(2, O_RDONLY), 0);
  ASSERT_EQ(c.walk(1, 3), 0);
  ASSERT_EQ(c.xattrcreate(3, "user.x", 4), 0);
  ASSERT_EQ(c.write(3, 0, "ab"), 0);
  ASSERT_EQ(c.walk(0, 4, {"d"}), 0);
  ASSERT_EQ(c.lcreate(4, "new", O_RDWR | O_EXCL, 0600), 0);
  ASSERT_EQ(c.lock(1, P9_LOCK_TYPE_WRLCK, 0, 10, 5), 0);
  move();
  EXPECT_EQ(server->open_files(), 3u);
  ASSERT_EQ(c.read(1, 0, 100), 0);  // not truncated again
  EXPECT_EQ(c.data(), "hello");
  EXPECT_EQ(c.write(1, 5, "!"), 0);
  EXPECT_EQ(c.list(2).size(), 4u);
  ASSERT_EQ(c.write(3, 2, "cd"), 0);
  ASSERT_EQ(c.clunk(3), 0);
  char value[8];
  EXPECT_EQ(::getxattr((dir / "share/d/f").c_str(), "user.x", value, sizeof value), 4);
  EXPECT_EQ(c.write(4, 0, "x"), 0);
  EXPECT_EQ(c.mkdir(0, "more", 0755), 0);
  ASSERT_EQ(c.lock(1, P9_LOCK_TYPE_WRLCK, 0, 1, 6), 0);
  EXPECT_EQ(c.answer().get8(), P9_LOCK_BLOCKED);
}

TEST_F(State9p, WhatIsGoneIsAnError) {
  put("share/f", "x");
  put("share/kept", "x");
  start();
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.lopen(1, O_RDWR), 0);
  ASSERT_EQ(c.walk(0, 2, {"f"}), 0);
  ASSERT_EQ(c.walk(0, 3, {"kept"}), 0);
  ASSERT_EQ(c.lopen(3, O_RDONLY), 0);
  ASSERT_EQ(::unlink((dir / "share/f").c_str()), 0);
  move();
  EXPECT_EQ(c.read(1, 0, 1), EIO);
  EXPECT_EQ(c.write(1, 0, "x"), EIO);
  EXPECT_EQ(c.getattr(1), EIO);
  EXPECT_EQ(c.walk(1, 9), EIO);
  EXPECT_EQ(c.fsync(1), EIO);
  EXPECT_EQ(c.lock(1, 0, 0, 0, 0), EIO);
  EXPECT_EQ(c.getattr(2), ENOENT);
  EXPECT_EQ(c.read(3, 0, 1), 0);
  EXPECT_EQ(c.clunk(1), 0);
  EXPECT_EQ(server->open_files(), 1u);
}

TEST_F(State9p, DamagedBytesAreRefusedOrHarmless) {
  put("share/f", "x");
  start();
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.lopen(1, O_RDWR), 0);
  ASSERT_EQ(c.walk(0, 2, {"f"}), 0);
  ASSERT_EQ(c.xattrcreate(2, "user.x", 4), 0);
  ASSERT_EQ(c.lock(1, P9_LOCK_TYPE_WRLCK, 0, 10, 5), 0);
  std::vector<u8> saved;
  server->save(saved);
  EXPECT_FALSE(server->load({}));
  EXPECT_EQ(server->fids(), 0u);
  for (std::size_t n = 0; n < saved.size(); ++n)
    EXPECT_FALSE(server->load(std::span(saved).first(n))) << n;
  std::mt19937 rng(1);
  unsigned refused = 0;
  for (unsigned n = 0; n < 3000; ++n) {
    std::vector<u8> damaged = saved;
    damaged[rng() % damaged.size()] ^= static_cast<u8>(1u << rng() % 8);
    if (!server->load(damaged)) {
      ++refused;
      EXPECT_EQ(server->fids(), 0u);
      continue;
    }
    (void)c.read(1, 0, 10);
    (void)c.getattr(2);
    (void)c.clunk(1);
  }
  EXPECT_GT(refused, 500u);
  // Paths that lead elsewhere are not taken.
  for (const std::string_view path : {"..", "/f", "f/", "a//b", "a/../..", "."}) {
    std::vector<u8> bytes;
    Writer w(bytes, 1000);
    w.put8(1);
    w.put8(1);
    w.put32(8192);
    w.put32(1);
    w.put32(0);
    w.put8(0);
    w.text(path);
    w.bytes(std::vector<u8>(4 + 4 + 2 + 4 + 8 + 4 + 4));
    EXPECT_FALSE(server->load(bytes)) << path;
  }
}

}  // namespace
}  // namespace quince::p9
