// Each message of 9P2000.L against a real folder, whose other side the test looks at.
#include <dirent.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>

#include "tests/unit/hw/virtio/9p/p9_bench.h"

namespace quince::p9 {
namespace {

using test::P9Client;
using test::P9Fields;
struct Server9p : P9Bench {};

// ---- Sessions -----------------------------------------------------------------------------------

TEST_F(Server9p, AVersionIsAgreedOn) {
  start();
  ASSERT_EQ(c.version(8192), 0);
  Reader in = c.answer();
  EXPECT_EQ(in.get32(), 8192u);
  EXPECT_EQ(in.text(), "9P2000.L");
  ASSERT_EQ(c.version(~u32{0}), 0);
  EXPECT_EQ(c.answer().get32(), kMaxMsize);
  EXPECT_EQ(c.version(4095), EMSGSIZE);
  EXPECT_EQ(c.attach(0), EPROTO);
  ASSERT_EQ(c.version(8192, "9P2000.u"), 0);
  in = c.answer();
  in.get32();
  EXPECT_EQ(in.text(), "unknown");
  EXPECT_EQ(c.attach(0), EPROTO);  // no session
}

TEST_F(Server9p, AVersionEndsTheSessionBefore) {
  start();
  put("share/f", "x");
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.lopen(1, O_RDONLY), 0);
  EXPECT_EQ(server->open_files(), 1u);
  ASSERT_EQ(c.version(), 0);
  EXPECT_EQ(server->fids(), 0u);
  EXPECT_EQ(server->open_files(), 0u);
  EXPECT_EQ(c.getattr(0), ENOENT);
}

TEST_F(Server9p, FramesAreChecked) {
  start();
  std::vector<u8> reply;
  const auto error_of = [&](std::vector<u8> m) {
    EXPECT_TRUE(server->handle(m, 1 << 20, reply));
    return reply.size() == kErrorSize && reply[4] == 7 ? static_cast<int>(load_le<u32>(&reply[7]))
                                                       : 0;
  };
  std::vector<u8> good = P9Client::message(Msg::Tclunk, 5, P9Fields() << u32{9});
  EXPECT_EQ(error_of(good), ENOENT);
  EXPECT_EQ(load_le<u16>(&reply[5]), 5u);
  store_le<u32>(good.data(), 12);  // longer than it is
  EXPECT_EQ(error_of(good), EINVAL);
  store_le<u32>(good.data(), 6);
  EXPECT_EQ(error_of(good), EINVAL);
  EXPECT_EQ(error_of({1, 2, 3}), EINVAL);
  EXPECT_EQ(error_of(P9Client::message(Msg::Tclunk, 5, P9Fields() << u16{9})), EINVAL);
  EXPECT_EQ(error_of(P9Client::message(static_cast<Msg>(200), 5, {})), EOPNOTSUPP);
  EXPECT_EQ(error_of(P9Client::message(Msg::Rlerror, 5, {})), EOPNOTSUPP);
  // Older Linux counts the header of a write only.
  ASSERT_EQ(c.lcreate(0, "f", O_RDWR, 0644), 0);
  auto write =
      P9Client::message(Msg::Twrite, 5, (P9Fields() << u32{0} << u64{0} << u32{3}).raw("abc"));
  store_le<u32>(write.data(), 23);
  EXPECT_EQ(error_of(write), 0);
  EXPECT_EQ(get("share/f"), "abc");
  EXPECT_EQ(error_of(P9Client::message(Msg::Tauth, 5, {})), EOPNOTSUPP);
  EXPECT_EQ(error_of(P9Client::message(Msg::Tflush, 5, P9Fields() << u16{4})), 0);
}

TEST_F(Server9p, AnAnswerThatDoesNotFitIsSaidToBeSo) {
  start();
  const auto m = P9Client::message(Msg::Tgetattr, 1, P9Fields() << u32{0} << u64{0x7ff});
  std::vector<u8> reply;
  EXPECT_FALSE(server->handle(m, 100, reply));
  EXPECT_LE(reply.size(), 100u);
  EXPECT_TRUE(server->handle(m, 160, reply));
  EXPECT_EQ(reply.size(), 160u);
  EXPECT_TRUE(server->handle(P9Client::message(Msg::Tclunk, 1, P9Fields() << u32{7}), 11, reply));
}

// ---- Walking ------------------------------------------------------------------------------------

TEST_F(Server9p, AWalkGoesNameByName) {
  std::filesystem::create_directories(dir / "share/a/b");
  put("share/a/b/f", "x");
  start();
  ASSERT_EQ(c.walk(0, 1, {"a", "b", "f"}), 0);
  Reader in = c.answer();
  EXPECT_EQ(in.get16(), 3u);
  EXPECT_EQ(in.get8(), QTDIR);
  in.bytes(4);
  EXPECT_EQ(in.get64(), host("share/a").st_ino);
  in.bytes(13);
  EXPECT_EQ(in.get8(), QTFILE);
  // One that stops on the way tells how far it came, and makes no fid.
  EXPECT_EQ(c.walk(0, 2, {"a", "nothing", "f"}), ENOENT);
  EXPECT_EQ(c.answer().get16(), 1u);
  EXPECT_EQ(c.getattr(2), ENOENT);
  EXPECT_EQ(c.call(Msg::Twalk, P9Fields() << u32{0} << u32{2} << u16{1} << "nothing"), ENOENT);
  // A clone, a fid that is taken, a fid that moves, and one that is not there.
  EXPECT_EQ(c.walk(1, 2), 0);
  EXPECT_EQ(c.walk(0, 2, {"a"}), EINVAL);
  EXPECT_EQ(c.walk(2, 2, {".."}), 0);
  EXPECT_EQ(c.walk(2, 2, {".", "f"}), 0);
  EXPECT_EQ(c.getattr(2), 0);
  EXPECT_EQ(c.attributes().size, 1u);
  EXPECT_EQ(c.walk(77, 78), ENOENT);
  P9Fields many;
  many << u32{0} << u32{3} << u16{17};
  for (int n = 0; n < 17; ++n) many << ".";
  EXPECT_EQ(c.call(Msg::Twalk, many), EINVAL);
  EXPECT_EQ(c.attach(2), EINVAL);
  EXPECT_EQ(c.clunk(2), 0);
  EXPECT_EQ(c.clunk(2), ENOENT);
}

// ---- Files --------------------------------------------------------------------------------------

TEST_F(Server9p, FilesAreReadAndWritten) {
  start();
  ASSERT_EQ(c.walk(0, 1), 0);
  ASSERT_EQ(c.lcreate(1, "f", O_RDWR | O_EXCL, 0640), 0);
  Reader in = c.answer();
  EXPECT_EQ(in.get8(), QTFILE);
  in.get32();
  EXPECT_EQ(in.get64(), host("share/f").st_ino);
  EXPECT_EQ(in.get32(), 61440u);  // 64 KiB less the header, in whole pages
  EXPECT_EQ(host("share/f").st_mode, S_IFREG | 0640u);
  ASSERT_EQ(c.write(1, 0, "hello world"), 0);
  EXPECT_EQ(c.answer().get32(), 11u);
  ASSERT_EQ(c.write(1, 6, "there"), 0);
  EXPECT_EQ(get("share/f"), "hello there");
  ASSERT_EQ(c.read(1, 6, 100), 0);
  EXPECT_EQ(c.data(), "there");
  ASSERT_EQ(c.read(1, 11, 100), 0);
  EXPECT_EQ(c.data(), "");
  EXPECT_EQ(c.read(1, ~u64{0}, 1), EINVAL);
  EXPECT_EQ(c.write(1, u64{1} << 63, "x"), EINVAL);
  EXPECT_EQ(c.fsync(1), 0);
  EXPECT_EQ(c.fsync(1, 1), 0);
  EXPECT_EQ(c.fsync(0), EINVAL);
  EXPECT_EQ(c.lopen(1, O_RDONLY), EINVAL);  // it is open
  EXPECT_EQ(c.lopen(0, O_ACCMODE), EINVAL);
  EXPECT_EQ(c.read(0, 0, 1), EINVAL);
  EXPECT_EQ(c.write(0, 0, "x"), EINVAL);
  EXPECT_EQ(c.clunk(1), 0);
  // Truncation and appending.
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.lopen(1, O_WRONLY | O_TRUNC), 0);
  EXPECT_EQ(get("share/f"), "");
  EXPECT_EQ(c.read(1, 0, 1), EBADF);
  ASSERT_EQ(c.write(1, 0, "abc"), 0);
  ASSERT_EQ(c.walk(0, 2, {"f"}), 0);
  ASSERT_EQ(c.lopen(2, O_WRONLY | O_APPEND), 0);
  ASSERT_EQ(c.write(2, 0, "def"), 0);
  EXPECT_EQ(get("share/f"), "abcdef");
  // Creation of what is there.
  ASSERT_EQ(c.walk(0, 3), 0);
  EXPECT_EQ(c.lcreate(3, "f", O_RDWR | O_EXCL, 0644), EEXIST);
  EXPECT_EQ(c.lcreate(3, "f", O_RDWR, 0644), 0);
  EXPECT_EQ(get("share/f"), "abcdef");
}

TEST_F(Server9p, AReadIsNoLongerThanAnAnswer) {
  put("share/f", std::string(200'000, 'x'));
  start();
  ASSERT_EQ(c.version(8192), 0);
  ASSERT_EQ(c.attach(0), 0);
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.lopen(1, O_RDONLY), 0);
  ASSERT_EQ(c.read(1, 0, ~u32{0}), 0);
  EXPECT_EQ(c.data().size(), 8192u - kReadHeader);
  std::vector<u8> reply;
  const auto m = P9Client::message(Msg::Tread, 1, P9Fields() << u32{1} << u64{0} << u32{5000});
  EXPECT_TRUE(server->handle(m, 111, reply));
  EXPECT_EQ(reply.size(), 111u);
}

TEST_F(Server9p, WhatIsRemovedStaysOpen) {
  put("share/f", "old");
  start();
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  ASSERT_EQ(c.lopen(1, O_RDWR), 0);
  ASSERT_EQ(c.unlinkat(0, "f"), 0);
  ASSERT_EQ(c.write(1, 3, "er"), 0);
  ASSERT_EQ(c.read(1, 0, 9), 0);
  EXPECT_EQ(c.data(), "older");
  ASSERT_EQ(c.getattr(1), 0);
  EXPECT_EQ(c.attributes().nlink, 0u);
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_SIZE, .size = 2}), 0);
  ASSERT_EQ(c.getattr(1), 0);
  EXPECT_EQ(c.attributes().size, 2u);
}

TEST_F(Server9p, OnlyFilesAndFoldersAreOpened) {
  ASSERT_EQ(::mkfifo((dir / "share/fifo").c_str(), 0600), 0);
  if (root()) {
    ASSERT_EQ(::mknod((dir / "share/zero").c_str(), S_IFCHR | 0600, makedev(1, 5)), 0);
  }
  ASSERT_EQ(::symlink("fifo", (dir / "share/link").c_str()), 0);
  start();
  for (const auto& [name, why] : {std::pair("fifo", ENXIO), {"zero", ENXIO}, {"link", ELOOP}})
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR | O_TRUNC}) {
      if (!exists("share/" + std::string(name))) continue;
      ASSERT_EQ(c.walk(0, 1, {name}), 0);
      EXPECT_EQ(c.lopen(1, flags), why) << name;
      EXPECT_EQ(c.clunk(1), 0);
      ASSERT_EQ(c.walk(0, 1), 0);
      EXPECT_EQ(c.lcreate(1, name, flags, 0644), why) << name;
      EXPECT_EQ(c.clunk(1), 0);
    }
  ASSERT_EQ(c.walk(0, 1), 0);
  EXPECT_EQ(c.lopen(1, O_RDWR), EISDIR);
  EXPECT_EQ(c.lopen(1, O_RDONLY), 0);
  EXPECT_EQ(c.read(1, 0, 10), EISDIR);
}

// ---- Attributes ---------------------------------------------------------------------------------

TEST_F(Server9p, AttributesAreTheHosts) {
  put("share/f", std::string(5000, 'x'));
  start();
  P9Client::Attributes a;
  ASSERT_EQ(c.attributes_of({"f"}, a), 0);
  const struct stat st = host("share/f");
  EXPECT_EQ(a.valid, P9_GETATTR_BASIC);
  EXPECT_EQ(a.qid.path, st.st_ino);
  EXPECT_EQ(a.mode, st.st_mode);
  EXPECT_EQ(a.uid, st.st_uid);
  EXPECT_EQ(a.gid, st.st_gid);
  EXPECT_EQ(a.nlink, 1u);
  EXPECT_EQ(a.size, 5000u);
  EXPECT_EQ(a.blocks, static_cast<u64>(st.st_blocks));
  EXPECT_EQ(a.blksize, 61440u);
  EXPECT_EQ(a.mtime, static_cast<u64>(st.st_mtim.tv_sec));
  EXPECT_EQ(a.mtime_ns, static_cast<u64>(st.st_mtim.tv_nsec));
  EXPECT_EQ(a.ctime_ns, static_cast<u64>(st.st_ctim.tv_nsec));
  if (root()) {
    ASSERT_EQ(::mknod((dir / "share/d").c_str(), S_IFBLK | 0600, makedev(0x123, 0x45678)), 0);
    ASSERT_EQ(c.attributes_of({"d"}, a), 0);
    EXPECT_EQ(a.rdev, host("share/d").st_rdev);
    EXPECT_EQ(a.mode, S_IFBLK | 0600u);
  }
  // Another version when contents change: it is what caches go by.
  ASSERT_EQ(c.attributes_of({"f"}, a), 0);
  put("share/f", "y");
  P9Client::Attributes b;
  ASSERT_EQ(c.attributes_of({"f"}, b), 0);
  EXPECT_EQ(a.qid.path, b.qid.path);
  EXPECT_NE(a.qid.version, b.qid.version);
  EXPECT_EQ(c.getattr(77), ENOENT);
}

TEST_F(Server9p, AttributesAreSet) {
  put("share/f", "12345");
  start();
  ASSERT_EQ(c.walk(0, 1, {"f"}), 0);
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_MODE, .mode = S_IFREG | 04711}), 0);
  EXPECT_EQ(host("share/f").st_mode, S_IFREG | 04711u);
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_SIZE, .size = 2}), 0);
  EXPECT_EQ(get("share/f"), "12");
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_SIZE, .size = u64{1} << 63}), EFBIG);
  EXPECT_EQ(c.setattr(0, {.valid = P9_SETATTR_SIZE, .size = 2}), EISDIR);
  const u32 given = P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET;
  EXPECT_EQ(c.setattr(1, {.valid = given, .atime = 1000, .atime_ns = 7}), 0);
  struct stat st = host("share/f");
  EXPECT_EQ(st.st_atim.tv_sec, 1000);
  EXPECT_EQ(st.st_atim.tv_nsec, 7);
  const u64 mtime = static_cast<u64>(st.st_mtim.tv_sec);
  EXPECT_GT(mtime, 1000u);  // left alone
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET, .mtime = 2000}), 0);
  EXPECT_EQ(host("share/f").st_mtim.tv_sec, 2000);
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_MTIME}), 0);
  EXPECT_GE(static_cast<u64>(host("share/f").st_mtim.tv_sec), mtime);
  EXPECT_EQ(host("share/f").st_atim.tv_sec, 1000);
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_CTIME}), 0);
  for (const u64 bad : {u64{UTIME_NOW}, u64{UTIME_OMIT}, ~u64{0}, u64{1'000'000'000}})
    EXPECT_EQ(c.setattr(1, {.valid = given, .atime = 1, .atime_ns = bad}), EINVAL);
  if (root()) {
    EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_UID, .uid = 1234}), 0);
    EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_GID, .gid = 4321}), 0);
    st = host("share/f");
    EXPECT_EQ(st.st_uid, 1234u);
    EXPECT_EQ(st.st_gid, 4321u);
    // The owner takes set-user-ID away; a mode that comes with it stays.
    const u32 both = P9_SETATTR_UID | P9_SETATTR_MODE;
    EXPECT_EQ(c.setattr(1, {.valid = both, .mode = 04755, .uid = 5}), 0);
    EXPECT_EQ(host("share/f").st_mode, S_IFREG | 04755u);
  }
}

TEST_F(Server9p, ASymbolicLinkIsSetItself) {
  put("share/f", "x");
  ASSERT_EQ(::symlink("f", (dir / "share/l").c_str()), 0);
  start();
  ASSERT_EQ(c.walk(0, 1, {"l"}), 0);
  const u32 mode = host("share/f").st_mode;
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_MODE, .mode = 0}), EOPNOTSUPP);
  EXPECT_EQ(host("share/f").st_mode, mode);
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET, .mtime = 9}), 0);
  EXPECT_EQ(host("share/l").st_mtim.tv_sec, 9);
  EXPECT_NE(host("share/f").st_mtim.tv_sec, 9);
  EXPECT_EQ(c.setattr(1, {.valid = P9_SETATTR_SIZE, .size = 0}), EINVAL);
  EXPECT_EQ(get("share/f"), "x");
}

TEST_F(Server9p, StatisticsAreTheHosts) {
  start();
  ASSERT_EQ(c.statfs(0), 0);
  struct statfs st {};
  ASSERT_EQ(::statfs(config.path.c_str(), &st), 0);
  Reader in = c.answer();
  EXPECT_EQ(in.get32(), static_cast<u32>(st.f_type));
  EXPECT_EQ(in.get32(), static_cast<u32>(st.f_bsize));
  EXPECT_EQ(in.get64(), st.f_blocks);
  in.bytes(16);
  EXPECT_EQ(in.get64(), st.f_files);
  in.bytes(16);
  EXPECT_EQ(in.get32(), 255u);
  EXPECT_EQ(in.left(), 0u);
}

// ---- Folders ------------------------------------------------------------------------------------

TEST_F(Server9p, AFolderIsListedInPieces) {
  std::set<std::string> names{".", ".."};
  std::filesystem::create_directories(dir / "share/many");
  for (int n = 0; n < 300; ++n) {
    names.insert("file-" + std::to_string(n));
    put("share/many/file-" + std::to_string(n), "");
  }
  start();
  ASSERT_EQ(c.walk(0, 1, {"many"}), 0);
  EXPECT_EQ(c.readdir(1, 0, 4096), ENOTDIR);  // not open
  ASSERT_EQ(c.lopen(1, O_RDONLY | O_DIRECTORY), 0);
  for (const u32 count : {40u, 333u, 60000u}) {
    std::multiset<std::string> seen;
    for (const auto& e : c.list(1, count)) {
      seen.insert(e.name);
      const struct stat st = host("share/many/" + e.name);
      EXPECT_EQ(e.qid.path, st.st_ino) << e.name;
      EXPECT_EQ(e.type, S_ISDIR(st.st_mode) ? DT_DIR : DT_REG);
    }
    EXPECT_EQ(seen, std::multiset<std::string>(names.begin(), names.end())) << count;
  }
  EXPECT_EQ(c.readdir(1, 0, 24), EINVAL);
  ASSERT_EQ(c.readdir(1, 0, 0xffff'ffff), 0);
  EXPECT_LE(c.last.size(), 65536u);
  EXPECT_EQ(c.readdir(1, ~u64{0}, 4096), EINVAL);
}

TEST_F(Server9p, TheFoldersParentIsNotSeen) {
  start();
  ASSERT_EQ(c.walk(0, 1), 0);
  ASSERT_EQ(c.lopen(1, O_RDONLY), 0);
  const auto all = c.list(1);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].qid.path, host("share").st_ino);
  EXPECT_EQ(all[1].name, "..");
  EXPECT_EQ(all[1].qid.path, host("share").st_ino);
}

TEST_F(Server9p, NamesAreMadeAndRemoved) {
  start();
  ASSERT_EQ(c.mkdir(0, "d", 01755), 0);
  EXPECT_EQ(c.answer().get8(), QTDIR);
  EXPECT_EQ(host("share/d").st_mode, S_IFDIR | 01755u);
  EXPECT_EQ(c.mkdir(0, "d", 0755), EEXIST);
  ASSERT_EQ(c.symlink(0, "l", "/etc/../x"), 0);
  EXPECT_EQ(c.answer().get8(), QTSYMLINK);
  ASSERT_EQ(c.walk(0, 1, {"l"}), 0);
  ASSERT_EQ(c.readlink(1), 0);
  EXPECT_EQ(c.target(), "/etc/../x");
  EXPECT_EQ(c.readlink(0), EINVAL);
  EXPECT_EQ(c.symlink(0, "m", ""), ENOENT);
  EXPECT_EQ(c.symlink(0, "m", std::string(5000, 'x')), ENAMETOOLONG);
  ASSERT_EQ(c.mknod(0, "p", S_IFIFO | 0640, 0, 0), 0);
  EXPECT_EQ(host("share/p").st_mode, S_IFIFO | 0640u);
  ASSERT_EQ(c.mknod(0, "s", S_IFSOCK | 0600, 0, 0), 0);
  ASSERT_EQ(c.mknod(0, "r", S_IFREG | 0600, 0, 0), 0);
  EXPECT_EQ(c.mknod(0, "x", S_IFDIR | 0600, 0, 0), EINVAL);
  if (root()) {
    ASSERT_EQ(c.mknod(0, "n", S_IFCHR | 0600, 1, 0x12345), 0);
    EXPECT_EQ(host("share/n").st_rdev, makedev(1, 0x12345));
  }
  // Links.
  ASSERT_EQ(c.make_file({}, "f", "one"), 0);
  ASSERT_EQ(c.walk(0, 2, {"f"}), 0);
  ASSERT_EQ(c.walk(0, 3, {"d"}), 0);
  ASSERT_EQ(c.link(3, 2, "g"), 0);
  EXPECT_EQ(host("share/d/g").st_ino, host("share/f").st_ino);
  EXPECT_EQ(c.link(3, 2, "g"), EEXIST);
  EXPECT_EQ(c.link(3, 0, "h"), EPERM);
  ASSERT_EQ(c.link(3, 1, "l"), 0);  // the symbolic link, not what it says
  EXPECT_EQ(host("share/d/l").st_ino, host("share/l").st_ino);
  // Removal.
  EXPECT_EQ(c.unlinkat(0, "d", P9_DOTL_AT_REMOVEDIR), ENOTEMPTY);
  EXPECT_EQ(c.unlinkat(0, "f", P9_DOTL_AT_REMOVEDIR), ENOTDIR);
  EXPECT_EQ(c.unlinkat(3, "g"), 0);
  EXPECT_EQ(c.unlinkat(3, "l"), 0);
  EXPECT_EQ(c.unlinkat(0, "f", 1), EINVAL);
  EXPECT_EQ(c.unlinkat(0, "nothing"), ENOENT);
  EXPECT_EQ(c.unlinkat(0, "d", P9_DOTL_AT_REMOVEDIR), 0);
  EXPECT_FALSE(exists("share/d"));
  EXPECT_EQ(c.remove(2), 0);
  EXPECT_FALSE(exists("share/f"));
  EXPECT_EQ(c.getattr(2), ENOENT);
  EXPECT_EQ(c.remove(3), ENOENT);  // it is gone already
  EXPECT_EQ(c.clunk(3), ENOENT);   // and so is the fid
  ASSERT_EQ(c.walk(0, 4), 0);
  EXPECT_EQ(c.remove(4), EBUSY);
}

TEST_F(Server9p, RenamingTakesFidsAlong) {
  std::filesystem::create_directories(dir / "share/a/b");
  std::filesystem::create_directories(dir / "share/ab");
  put("share/a/b/f", "f");
  put("share/ab/f", "other");
  start();
  ASSERT_EQ(c.walk(0, 1, {"a", "b", "f"}), 0);
  ASSERT_EQ(c.walk(0, 2, {"a"}), 0);
  ASSERT_EQ(c.walk(0, 3, {"ab", "f"}), 0);
  ASSERT_EQ(c.renameat(0, "a", 0, "moved"), 0);
  ASSERT_EQ(c.lopen(1, O_RDONLY), 0);
  ASSERT_EQ(c.read(1, 0, 9), 0);
  EXPECT_EQ(c.data(), "f");
  EXPECT_EQ(c.walk(2, 4, {"b", "f"}), 0);
  ASSERT_EQ(c.lopen(3, O_RDONLY), 0);  // "ab" only begins like "a"
  // Trename names a fid, and replaces what is there.
  EXPECT_EQ(c.rename(4, 0, "g"), 0);
  EXPECT_EQ(get("share/g"), "f");
  EXPECT_EQ(c.getattr(4), 0);
  EXPECT_EQ(c.walk(0, 5, {"ab", "f"}), 0);
  EXPECT_EQ(c.rename(4, 5, "x"), ENOTDIR);
  EXPECT_EQ(c.renameat(0, "g", 0, "ab"), EISDIR);
  EXPECT_EQ(c.renameat(0, "nothing", 0, "x"), ENOENT);
  EXPECT_EQ(c.rename(0, 2, "x"), EBUSY);
  EXPECT_EQ(c.renameat(0, "moved", 2, "x"), EINVAL);  // into itself
  EXPECT_EQ(c.renameat(0, ".", 0, "x"), EISDIR);
  EXPECT_EQ(c.renameat(0, "g", 0, ".."), EISDIR);
}

}  // namespace
}  // namespace quince::p9
