// Security models, read-only folders, several file systems.
#include <dirent.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>

#include "tests/unit/hw/virtio/9p/p9_bench.h"

namespace quince::p9 {
namespace {

using test::P9Client;

struct Security9p : P9Bench {
  /// An attribute of the host's file, as bytes; empty when it has none.
  std::string xattr(const std::string& name, const char* attribute) {
    char value[64];
    const ssize_t n = ::lgetxattr((dir / name).c_str(), attribute, value, sizeof value);
    return {value, n < 0 ? 0 : static_cast<std::size_t>(n)};
  }
  static std::string le32(u32 v) { return {reinterpret_cast<const char*>(&v), sizeof v}; }
  static std::string le64(u64 v) { return {reinterpret_cast<const char*>(&v), sizeof v}; }
};

TEST_F(Security9p, PassthroughGivesFilesToTheUser) {
  if (!root()) GTEST_SKIP() << "needs root";
  config.model = SecurityModel::Passthrough;
  start(1234);
  ASSERT_EQ(c.walk(0, 1), 0);
  ASSERT_EQ(c.lcreate(1, "f", O_RDWR, 04755, 99), 0);
  EXPECT_EQ(host("share/f").st_uid, 1234u);
  EXPECT_EQ(host("share/f").st_gid, 99u);
  EXPECT_EQ(host("share/f").st_mode, S_IFREG | 04755u);
  ASSERT_EQ(c.symlink(0, "l", "f", 98), 0);
  EXPECT_EQ(host("share/l").st_uid, 1234u);
  EXPECT_EQ(host("share/l").st_gid, 98u);
  EXPECT_EQ(host("share/f").st_gid, 99u);
}

TEST_F(Security9p, OwnersThatTheHostRefuses) {
  if (!root()) GTEST_SKIP() << "needs root, to stop being it";
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(::chown((dir / "share").c_str(), 12345, 12345), 0);
  for (const SecurityModel model : {SecurityModel::Passthrough, SecurityModel::None}) {
    config.model = model;
    const bool none = model == SecurityModel::None;
    start(54321);
    ASSERT_EQ(::seteuid(12345), 0);
    const int made = c.lcreate(0, "f", O_RDWR, 0600, 54321);
    c.clunk(0);
    ASSERT_EQ(c.attach(0, 54321), 0);
    const int walked = c.walk(0, 1, {"f"});
    const int owned = none ? c.setattr(1, {.valid = P9_SETATTR_UID, .uid = 1}) : 0;
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_EQ(made, none ? 0 : EPERM);
    EXPECT_EQ(walked, none ? 0 : ENOENT);  // what could not be made whole is not there
    EXPECT_EQ(owned, 0);
    EXPECT_EQ(exists("share/f"), none);
    if (none) {
      EXPECT_EQ(host("share/f").st_uid, 12345u);
    }
  }
}

// The layout is QEMU's: qemu_test.cpp compares.
TEST_F(Security9p, MappedKeepsOwnersInAttributes) {
  config.model = SecurityModel::Mapped;
  config.fmode = 0640;
  config.dmode = 0710;
  const mode_t mask = ::umask(0);
  start(1000);
  ASSERT_EQ(c.walk(0, 1), 0);
  ASSERT_EQ(c.lcreate(1, "f", O_RDWR, 04755, 2000), 0);
  ASSERT_EQ(c.mkdir(0, "d", 01777, 2001), 0);
  ASSERT_EQ(c.symlink(0, "l", "../outside/secret", 2002), 0);
  ASSERT_EQ(c.mknod(0, "n", S_IFBLK | 0600, 0x123, 0x45678, 2003), 0);
  ASSERT_EQ(c.mknod(0, "p", S_IFIFO | 0600, 0, 0, 2004), 0);
  ::umask(mask);
  const u32 owner = ::geteuid();
  for (const char* name : {"share/f", "share/l", "share/n", "share/p"}) {
    EXPECT_EQ(host(name).st_mode, S_IFREG | 0640u) << name;
    EXPECT_EQ(host(name).st_uid, owner);
    EXPECT_EQ(xattr(name, "user.virtfs.uid"), le32(1000));
  }
  EXPECT_EQ(host("share/d").st_mode, S_IFDIR | 0710u);
  EXPECT_EQ(xattr("share/f", "user.virtfs.gid"), le32(2000));
  EXPECT_EQ(xattr("share/f", "user.virtfs.mode"), le32(S_IFREG | 04755));
  EXPECT_EQ(xattr("share/f", "user.virtfs.rdev"), "");
  EXPECT_EQ(xattr("share/d", "user.virtfs.mode"), le32(S_IFDIR | 01777));
  EXPECT_EQ(xattr("share/l", "user.virtfs.mode"), le32(S_IFLNK | 0777));
  EXPECT_EQ(get("share/l"), "../outside/secret");
  EXPECT_EQ(xattr("share/n", "user.virtfs.rdev"), le64(makedev(0x123, 0x45678)));
  P9Client::Attributes a;
  ASSERT_EQ(c.attributes_of({"n"}, a), 0);
  EXPECT_EQ(a.mode, S_IFBLK | 0600u);
  EXPECT_EQ(a.rdev, makedev(0x123, 0x45678));
  EXPECT_EQ(a.uid, 1000u);
  EXPECT_EQ(a.gid, 2003u);
  ASSERT_EQ(c.attributes_of({"l"}, a), 0);
  EXPECT_EQ(a.mode, S_IFLNK | 0777u);
  EXPECT_EQ(a.qid.type, QTSYMLINK);
  ASSERT_EQ(c.walk(0, 2, {"l"}), 0);
  ASSERT_EQ(c.readlink(2), 0);
  EXPECT_EQ(c.target(), "../outside/secret");
  EXPECT_EQ(c.lopen(2, O_RDONLY), ELOOP);
  ASSERT_EQ(c.walk(0, 3, {"n"}), 0);
  EXPECT_EQ(c.lopen(3, O_RDONLY), ENXIO);
  // Changes stay in the attributes, and the type stays what it is.
  ASSERT_EQ(c.setattr(3, {.valid = P9_SETATTR_MODE, .mode = S_IFREG | 0123}), 0);
  ASSERT_EQ(c.setattr(3, {.valid = P9_SETATTR_UID, .uid = 7}), 0);
  EXPECT_EQ(xattr("share/n", "user.virtfs.mode"), le32(S_IFBLK | 0123));
  EXPECT_EQ(xattr("share/n", "user.virtfs.uid"), le32(7));
  EXPECT_EQ(xattr("share/n", "user.virtfs.gid"), le32(2003));
  EXPECT_EQ(host("share/n").st_uid, owner);
  // Listings do not say what they do not know.
  ASSERT_EQ(c.walk(0, 4), 0);
  ASSERT_EQ(c.lopen(4, O_RDONLY), 0);
  for (const auto& e : c.list(4)) {
    const bool folder = e.name == "d" || e.name == "." || e.name == "..";
    EXPECT_EQ(e.type, folder ? DT_DIR : DT_UNKNOWN) << e.name;
  }
}

TEST_F(Security9p, MappedHidesItsAttributes) {
  config.model = SecurityModel::Mapped;
  put("share/old", "made by the host");
  start(1000);
  P9Client::Attributes a;
  ASSERT_EQ(c.attributes_of({"old"}, a), 0);  // without attributes: as it is
  EXPECT_EQ(a.mode, host("share/old").st_mode);
  EXPECT_EQ(a.uid, ::geteuid());
  ASSERT_EQ(c.make_file({}, "f", "x"), 0);
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  EXPECT_EQ(c.xattrwalk(1, 2, "user.virtfs.uid"), ENODATA);
  ASSERT_EQ(c.xattrwalk(1, 2, ""), 0);
  EXPECT_EQ(c.answer().get64(), 0u);
  c.clunk(2);
  const auto set = [&](std::string_view name) {
    EXPECT_EQ(c.walk(1, 2), 0);
    EXPECT_EQ(c.xattrcreate(2, name, 4), 0);
    EXPECT_EQ(c.write(2, 0, "xxxx"), 0);
    return c.clunk(2);
  };
  EXPECT_EQ(set("user.virtfs.uid"), EACCES);
  EXPECT_EQ(set("user.mine"), 0);
  EXPECT_EQ(set("system.posix_acl_access"), 0);
  EXPECT_EQ(xattr("share/f", "user.virtfs.system.posix_acl_access"), "xxxx");
  ASSERT_EQ(c.xattrwalk(1, 2, "system.posix_acl_access"), 0);
  EXPECT_EQ(c.answer().get64(), 4u);
  c.clunk(2);
  ASSERT_EQ(c.xattrwalk(1, 2, ""), 0);
  ASSERT_EQ(c.read(2, 0, 1000), 0);
  const std::string names = c.data();
  EXPECT_NE(names.find(std::string("user.mine\0", 10)), std::string::npos);
  EXPECT_NE(names.find(std::string("system.posix_acl_access\0", 24)), std::string::npos);
  EXPECT_EQ(names.find("virtfs"), std::string::npos);
  EXPECT_EQ(names.size(), 34u);
}

TEST_F(Security9p, ReadOnlyIsReadOnly) {
  std::filesystem::create_directories(dir / "share/d");
  put("share/f", "x");
  for (const SecurityModel model :
       {SecurityModel::None, SecurityModel::Passthrough, SecurityModel::Mapped}) {
    config.model = model;
    config.read_only = true;
    start();
    ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
    for (const int flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC})
      EXPECT_EQ(c.lopen(1, flags), EROFS);
    for (const u32 valid : {P9_SETATTR_MODE, P9_SETATTR_UID, P9_SETATTR_GID, P9_SETATTR_SIZE,
                            P9_SETATTR_ATIME, P9_SETATTR_MTIME, P9_SETATTR_CTIME})
      EXPECT_EQ(c.setattr(1, {.valid = valid}), EROFS) << valid;
    EXPECT_EQ(c.lcreate(0, "new", O_RDONLY, 0644), EROFS);
    EXPECT_EQ(c.lcreate(0, "f", O_RDONLY, 0644), EROFS);
    EXPECT_EQ(c.mkdir(0, "new", 0755), EROFS);
    EXPECT_EQ(c.symlink(0, "new", "x"), EROFS);
    EXPECT_EQ(c.mknod(0, "new", S_IFREG | 0644, 0, 0), EROFS);
    EXPECT_EQ(c.link(0, 1, "new"), EROFS);
    EXPECT_EQ(c.rename(1, 0, "new"), EROFS);
    EXPECT_EQ(c.renameat(0, "f", 0, "new"), EROFS);
    EXPECT_EQ(c.unlinkat(0, "f"), EROFS);
    EXPECT_EQ(c.unlinkat(0, "d", P9_DOTL_AT_REMOVEDIR), EROFS);
    EXPECT_EQ(c.xattrcreate(1, "user.x", 1), EROFS);
    ASSERT_EQ(c.walk(1, 2), 0);
    EXPECT_EQ(c.remove(2), EROFS);
    std::string text;
    EXPECT_EQ(c.read_file({"f"}, text), 0);
    EXPECT_EQ(text, "x");
    EXPECT_EQ(get("share/f"), "x");
  }
}

TEST(QidMap9p, NumbersOfSeveralFileSystems) {
  QidMap warn(MultiDevs::Warn, 7);
  EXPECT_EQ(*warn.path(7, 42), 42u);
  EXPECT_FALSE(warn.mixed());
  EXPECT_EQ(*warn.path(8, 42), 42u);
  EXPECT_TRUE(warn.mixed());
  QidMap forbid(MultiDevs::Forbid, 7);
  EXPECT_EQ(*forbid.path(7, 42), 42u);
  EXPECT_EQ(forbid.path(8, 42).error(), ENOSYS);
  QidMap remap(MultiDevs::Remap, 7);
  constexpr u64 kLarge = ~u64{0} - 5;
  EXPECT_EQ(*remap.path(7, 42), 42u);
  const u64 other = *remap.path(8, 42), third = *remap.path(9, 42);
  const u64 large = *remap.path(7, kLarge), large_other = *remap.path(8, kLarge);
  EXPECT_EQ((std::set<u64>{42, other, third, large, large_other}).size(), 5u);
  EXPECT_EQ(*remap.path(8, 42), other);  // for good
  EXPECT_EQ(*remap.path(8, kLarge), large_other);
  EXPECT_FALSE(remap.mixed());
  int why = 0;
  for (u64 n = 0; why == 0 && n < 100'000; ++n)
    if (const auto p = remap.path(100 + n, 1); !p) why = p.error();
  EXPECT_EQ(why, ENFILE);
  EXPECT_EQ(*remap.path(8, 42), other);
  why = 0;
  for (u64 n = 0; why == 0 && n < 100'000; ++n)
    if (const auto p = remap.path(7, kLarge - n); !p) why = p.error();
  EXPECT_EQ(why, ENFILE);
}

TEST_F(Security9p, AFileSystemInside) {
  std::filesystem::create_directories(dir / "share/m");
  const std::string where = dir / "share/m";
  if (::mount("none", where.c_str(), "tmpfs", 0, nullptr) != 0) GTEST_SKIP() << "cannot mount";
  put("share/m/f", "x");
  for (const MultiDevs mode : {MultiDevs::Warn, MultiDevs::Remap, MultiDevs::Forbid}) {
    config.multidevs = mode;
    start();
    P9Client::Attributes a, listed;
    const int why = c.attributes_of({"m", "f"}, a);
    EXPECT_EQ(why, mode == MultiDevs::Forbid ? ENOSYS : 0);
    EXPECT_EQ(server->mixed_devices(), mode == MultiDevs::Warn);
    if (why == 0) {
      EXPECT_EQ(a.qid.path == host("share/m/f").st_ino, mode == MultiDevs::Warn);
      ASSERT_EQ(c.attributes_of({"m"}, listed), 0);
    }
    ASSERT_EQ(c.walk(0, 1), 0);
    ASSERT_EQ(c.lopen(1, O_RDONLY), 0);
    bool seen = false;
    for (const auto& e : c.list(1)) {
      if (e.name != "m") continue;
      seen = true;
      EXPECT_EQ(e.qid.path, listed.qid.path);
    }
    EXPECT_EQ(seen, mode != MultiDevs::Forbid);
  }
  server.reset();
  EXPECT_EQ(::umount2(where.c_str(), MNT_DETACH), 0);
}

TEST(Folder9p, APathThatIsNoFolderIsRefused) {
  test::TempDir dir;
  std::ofstream(dir / "file") << "x";
  for (const char* name : {"nothing", "file"}) {
    const auto f = Folder::open({.path = dir / name});
    ASSERT_FALSE(f) << name;
    EXPECT_EQ(f.error().message().find("path: '" + dir / name + "'"), 0u) << f.error().message();
  }
}

}  // namespace
}  // namespace quince::p9
