// Locks, extended attributes, and the limits of what a guest can make grow.
#include <sys/xattr.h>

#include "tests/unit/hw/virtio/9p/p9_bench.h"

namespace quince::p9 {
namespace {

struct Limits9p : P9Bench {};

// ---- Locks --------------------------------------------------------------------------------------

TEST_F(Limits9p, LocksAreAmongOwners) {
  put("share/f", "");
  start();
  for (const u32 fid : {1u, 2u}) {
    ASSERT_EQ(c.walk(0, fid, {"f"}), 0);
    ASSERT_EQ(c.lopen(fid, O_RDWR), 0);
  }
  const auto lock = [&](u32 fid, u8 type, u64 start, u64 length, u32 process) {
    EXPECT_EQ(c.lock(fid, type, start, length, process, P9_LOCK_FLAGS_BLOCK), 0);
    return c.answer().get8();
  };
  EXPECT_EQ(lock(1, P9_LOCK_TYPE_WRLCK, 10, 10, 100), P9_LOCK_SUCCESS);
  EXPECT_EQ(lock(2, P9_LOCK_TYPE_RDLCK, 19, 1, 200), P9_LOCK_BLOCKED);
  EXPECT_EQ(lock(2, P9_LOCK_TYPE_RDLCK, 20, 0, 200), P9_LOCK_SUCCESS);
  EXPECT_EQ(lock(2, P9_LOCK_TYPE_RDLCK, 10, 1, 100), P9_LOCK_SUCCESS);  // its own
  ASSERT_EQ(c.getlock(2, P9_LOCK_TYPE_WRLCK, 0, 0, 300), 0);
  Reader in = c.answer();
  EXPECT_NE(in.get8(), P9_LOCK_TYPE_UNLCK);
  ASSERT_EQ(c.getlock(2, P9_LOCK_TYPE_RDLCK, 0, 10, 300), 0);
  in = c.answer();
  EXPECT_EQ(in.get8(), P9_LOCK_TYPE_UNLCK);
  EXPECT_EQ(in.get64(), 0u);
  EXPECT_EQ(in.get64(), 10u);
  EXPECT_EQ(in.get32(), 300u);
  EXPECT_EQ(in.text(), "guest");
  ASSERT_EQ(c.getlock(1, P9_LOCK_TYPE_RDLCK, 12, 1, 200), 0);
  in = c.answer();
  EXPECT_EQ(in.get8(), P9_LOCK_TYPE_WRLCK);
  EXPECT_EQ(in.get64(), 11u);
  EXPECT_EQ(in.get64(), 9u);
  EXPECT_EQ(in.get32(), 100u);
  EXPECT_EQ(lock(1, P9_LOCK_TYPE_UNLCK, 0, 0, 100), P9_LOCK_SUCCESS);
  EXPECT_EQ(lock(2, P9_LOCK_TYPE_WRLCK, 0, 0, 200), P9_LOCK_SUCCESS);
  EXPECT_EQ(c.lock(1, 3, 0, 0, 1), EINVAL);
  EXPECT_EQ(c.lock(1, 0, 0, 0, 1, 4), EINVAL);
  EXPECT_EQ(c.lock(1, 0, ~u64{0}, 2, 1), EINVAL);
  EXPECT_EQ(c.lock(0, 0, 0, 0, 1), EINVAL);
  EXPECT_EQ(c.lock(1, 0, 0, 0, 1, 0, std::string(300, 'x')), EINVAL);
}

TEST(LockTable9p, IsBoundedAndCutsLocks) {
  LockTable t;
  const auto lock = [](u8 type, u64 start, u64 end, u32 owner) {
    return LockTable::Lock{.file = 1, .type = type, .start = start, .end = end, .proc_id = owner};
  };
  EXPECT_EQ(t.set(lock(P9_LOCK_TYPE_WRLCK, 0, 99, 1)), P9_LOCK_SUCCESS);
  EXPECT_EQ(t.set(lock(P9_LOCK_TYPE_UNLCK, 10, 19, 1)), P9_LOCK_SUCCESS);
  EXPECT_EQ(t.size(), 2u);
  EXPECT_EQ(t.conflict(lock(P9_LOCK_TYPE_WRLCK, 10, 19, 2)), nullptr);
  EXPECT_NE(t.conflict(lock(P9_LOCK_TYPE_RDLCK, 9, 9, 2)), nullptr);
  EXPECT_NE(t.conflict(lock(P9_LOCK_TYPE_RDLCK, 20, 20, 2)), nullptr);
  t.clear();
  for (u64 n = 0; n < LockTable::kMaxLocks; ++n)
    ASSERT_EQ(t.set(lock(P9_LOCK_TYPE_RDLCK, 4 * n, 4 * n + 2, 1)), P9_LOCK_SUCCESS);
  EXPECT_EQ(t.set(lock(P9_LOCK_TYPE_RDLCK, ~u64{0}, ~u64{0}, 1)), P9_LOCK_ERROR);
  EXPECT_EQ(t.set(lock(P9_LOCK_TYPE_UNLCK, 1, 1, 1)), P9_LOCK_ERROR);
  EXPECT_EQ(t.size(), LockTable::kMaxLocks);
  EXPECT_EQ(t.set(lock(P9_LOCK_TYPE_UNLCK, 0, 2, 1)), P9_LOCK_SUCCESS);
}

// ---- Extended attributes ------------------------------------------------------------------------

TEST_F(Limits9p, ExtendedAttributes) {
  put("share/f", "");
  start();
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.walk(1, 2), 0);
  ASSERT_EQ(c.xattrcreate(2, "user.color", 5), 0);
  EXPECT_EQ(c.write(2, 0, "gr"), 0);
  EXPECT_EQ(c.write(2, 2, "eens"), ENOSPC);
  EXPECT_EQ(c.write(2, 2, "een"), 0);
  EXPECT_EQ(c.read(2, 0, 9), EINVAL);
  ASSERT_EQ(c.clunk(2), 0);
  char value[16];
  ASSERT_EQ(::getxattr((dir / "share/f").c_str(), "user.color", value, sizeof value), 5);
  EXPECT_EQ(std::string(value, 5), "green");
  ASSERT_EQ(c.xattrwalk(1, 3, "user.color"), 0);
  EXPECT_EQ(c.answer().get64(), 5u);
  ASSERT_EQ(c.read(3, 1, 3), 0);
  EXPECT_EQ(c.data(), "ree");
  ASSERT_EQ(c.read(3, ~u64{0}, 3), 0);
  EXPECT_EQ(c.data(), "");
  EXPECT_EQ(c.write(3, 0, "x"), EINVAL);
  EXPECT_EQ(c.clunk(3), 0);
  ASSERT_EQ(c.xattrwalk(1, 3, ""), 0);
  ASSERT_EQ(c.read(3, 0, 1000), 0);
  EXPECT_EQ(c.data(), std::string("user.color\0", 11));
  EXPECT_EQ(c.clunk(3), 0);
  EXPECT_EQ(c.xattrwalk(1, 3, "user.taste"), ENODATA);
  EXPECT_EQ(c.xattrwalk(1, 3, "trusted.x"), EOPNOTSUPP);
  EXPECT_EQ(c.xattrwalk(1, 0, "user.color"), EINVAL);  // the fid is taken
  // CREATE and REPLACE, a value that is not complete, removal.
  const auto set = [&](u64 size, u32 flags, std::string_view data) {
    EXPECT_EQ(c.walk(1, 2), 0);
    EXPECT_EQ(c.xattrcreate(2, "user.color", size, flags), 0);
    if (!data.empty()) {
      EXPECT_EQ(c.write(2, 0, data), 0);
    }
    return c.clunk(2);
  };
  EXPECT_EQ(set(3, XATTR_CREATE, "red"), EEXIST);
  EXPECT_EQ(set(3, XATTR_REPLACE, "red"), 0);
  EXPECT_EQ(set(3, 0, "re"), EINVAL);
  EXPECT_EQ(set(0, XATTR_REPLACE, ""), 0);
  EXPECT_EQ(::getxattr((dir / "share/f").c_str(), "user.color", value, sizeof value), -1);
  ASSERT_EQ(c.walk(1, 2), 0);
  EXPECT_EQ(c.xattrcreate(2, "user.big", 65537), E2BIG);
  EXPECT_EQ(c.xattrcreate(2, "user.big", 1, 4), EINVAL);
  EXPECT_EQ(c.xattrcreate(2, "", 1), ERANGE);
  EXPECT_EQ(c.xattrcreate(2, "security.x", 1), 0);
  EXPECT_EQ(c.write(2, 0, "x"), 0);
  EXPECT_EQ(c.clunk(2), EOPNOTSUPP);
}

// ---- Limits -------------------------------------------------------------------------------------

TEST_F(Limits9p, WhatAGuestCanMakeGrowHasALimit) {
  put("share/f", "");
  start();
  u32 fid = 1;
  int why = 0;
  for (; why == 0 && fid < 1'000'000; ++fid) {
    why = c.walk(0, fid, {"f"});
    if (why == 0) why = c.lopen(fid, O_RDONLY);
  }
  EXPECT_EQ(why, EMFILE);
  EXPECT_GE(server->open_files(), 64u);
  ASSERT_EQ(c.version(), 0);
  ASSERT_EQ(c.attach(0), 0);
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  why = 0;
  for (fid = 2; why == 0 && fid < 10'000; ++fid)
    if ((why = c.walk(1, fid)) == 0) why = c.xattrcreate(fid, "user.x", Folder::kMaxXattr);
  EXPECT_EQ(why, ENOMEM);
  EXPECT_EQ(fid - 3, Server::kMaxXattrBytes / Folder::kMaxXattr);
  EXPECT_EQ(c.remove(2), 0);  // what is dropped counts no more
  EXPECT_EQ(c.xattrcreate(fid - 1, "user.x", Folder::kMaxXattr), 0);
}

TEST_F(Limits9p, APathMayBeLong) {
  start();
  // Longer than a system call takes, and each name as long as can be.
  const std::string name(200, 'n');
  ASSERT_EQ(c.walk(0, 1), 0);
  int made = 0, why = 0;
  for (; made < 100; ++made) {
    why = c.mkdir(1, name, 0755);
    if (why == 0) why = c.walk(1, 1, {name});
    if (why != 0) break;
  }
  EXPECT_EQ(why, ENAMETOOLONG);
  EXPECT_EQ(made, static_cast<int>(Folder::kMaxPath / 201));
  ASSERT_EQ(c.walk(1, 2), 0);
  EXPECT_EQ(c.lcreate(2, "f", O_RDWR, 0644), 0);
  EXPECT_EQ(c.write(2, 0, "deep"), 0);
  EXPECT_EQ(c.mkdir(0, std::string(256, 'n'), 0755), ENAMETOOLONG);
}

}  // namespace
}  // namespace quince::p9
