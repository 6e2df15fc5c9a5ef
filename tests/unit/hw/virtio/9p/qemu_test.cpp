// The same requests to QEMU's server and to ours, on two folders: the answers, and what is left in
// the folders, must be the same.
//
// Not compared, because the two are meant to differ: qid.version, block sizes and iounit; locks,
// which QEMU always grants.  Devices and fifos are made with "mapped" only: the QEMU that
// is at hand cannot make others, since it refuses to open them when it sets their modes.  Only root
// can compare the others: QEMU's "none" ignores refused owners of new files only, and ours, as its
// manual says, all of them.
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "hw/virtio/9p/fsdev_options.h"
#include "tests/support/qemu_9p.h"
#include "tests/unit/hw/virtio/9p/p9_bench.h"

namespace quince::p9 {
namespace {

using test::P9Client;
using test::Qemu9p;
using namespace std::string_view_literals;

/// What a guest sees of a file, without what differs between two folders.
std::string describe(P9Client& c, std::initializer_list<std::string_view> path) {
  P9Client::Attributes a;
  std::string text;
  if (const int why = c.attributes_of(path, a); why != 0) return fmt::format("error {}", why);
  const bool folder = S_ISDIR(a.mode);
  text =
      fmt::format("valid {:#x} mode {:o} uid {} gid {} nlink {} rdev {:#x} size {} qid {:#x}",
                  a.valid, a.mode, a.uid, a.gid, a.nlink, a.rdev, folder ? 0 : a.size, a.qid.type);
  return text;
}

/// Does one of everything and says what came of it, line by line.
std::vector<std::string> transcript(P9Client& c, bool nodes) {
  std::vector<std::string> out;
  const auto say = [&](std::string_view what, int why) {
    out.push_back(fmt::format("{}: {}", what, why));
  };
  const auto see = [&](std::string_view what, std::string text) {
    out.push_back(fmt::format("{}: {}", what, text));
  };
  say("version", c.version(65536));
  see("msize", fmt::format("{}", c.answer().get32()));
  say("attach", c.attach(0, 1000));
  say("attach again", c.attach(0, 1000));
  say("clone", c.walk(0, 1));
  say("create", c.lcreate(1, "file", O_RDWR, 04755, 2000));
  say("write", c.write(1, 0, "hello world"));
  say("read", c.read(1, 6, 100));
  see("data", c.data());
  say("fsync", c.fsync(1));
  see("file", describe(c, {"file"}));
  say("truncate", c.setattr(1, {.valid = P9_SETATTR_SIZE, .size = 5}));
  say("chmod", c.setattr(1, {.valid = P9_SETATTR_MODE, .mode = S_IFREG | 0640}));
  say("chown", c.setattr(1, {.valid = P9_SETATTR_UID | P9_SETATTR_GID, .uid = 77, .gid = 88}));
  say("chgrp", c.setattr(1, {.valid = P9_SETATTR_GID, .gid = 99}));
  say("times", c.setattr(1, {.valid = P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET | P9_SETATTR_MTIME |
                                      P9_SETATTR_MTIME_SET,
                             .atime = 1000,
                             .atime_ns = 1,
                             .mtime = 2000,
                             .mtime_ns = 2}));
  say("getattr", c.getattr(1));
  const auto a = c.attributes();
  see("times", fmt::format("{}.{} {}.{}", a.atime, a.atime_ns, a.mtime, a.mtime_ns));
  see("file", describe(c, {"file"}));
  say("open again", c.lopen(1, O_RDONLY));
  say("clunk", c.clunk(1));
  say("clunk again", c.clunk(1));
  say("mkdir", c.mkdir(0, "folder", 01770, 2001));
  say("mkdir again", c.mkdir(0, "folder", 0755));
  say("mkdir .", c.mkdir(0, ".", 0755));
  say("mkdir ..", c.mkdir(0, "..", 0755));
  say("mkdir a/b", c.mkdir(0, "a/b", 0755));
  see("folder", describe(c, {"folder"}));
  say("symlink", c.symlink(0, "link", "../some/where", 2002));
  see("link", describe(c, {"link"}));
  say("walk link", c.walk(0, 2, {"link"}));
  say("readlink", c.readlink(2));
  see("target", c.target());
  say("walk through", c.walk(0, 3, {"file", "x"}));
  if (nodes) {
    say("mknod", c.mknod(0, "node", S_IFCHR | 0600, 1, 0x1234, 2003));
    see("node", describe(c, {"node"}));
    say("fifo", c.mknod(0, "fifo", S_IFIFO | 0640, 0, 0, 2004));
    see("fifo", describe(c, {"fifo"}));
  }
  say("walk file", c.walk(0, 4, {"file"}));
  say("walk folder", c.walk(0, 5, {"folder"}));
  say("link", c.link(5, 4, "hard"));
  say("link again", c.link(5, 4, "hard"));
  see("hard", describe(c, {"folder", "hard"}));
  say("rmdir full", c.unlinkat(0, "folder", P9_DOTL_AT_REMOVEDIR));
  say("rmdir file", c.unlinkat(0, "file", P9_DOTL_AT_REMOVEDIR));
  say("unlink .", c.unlinkat(0, "."));
  say("unlink ..", c.unlinkat(0, ".."));
  say("unlink nothing", c.unlinkat(0, "nothing"));
  say("renameat", c.renameat(0, "folder", 0, "moved"));
  see("fid follows", fmt::format("{}", c.walk(5, 6, {"hard"})));
  say("rename", c.rename(6, 0, "renamed"));
  see("renamed", describe(c, {"renamed"}));
  say("rename .", c.renameat(0, ".", 0, "x"));
  say("rename to ..", c.renameat(0, "file", 0, ".."));
  // Attributes.
  say("clone", c.walk(4, 7));
  say("xattrcreate", c.xattrcreate(7, "user.color", 5));
  say("write", c.write(7, 0, "green"));
  say("clunk", c.clunk(7));
  say("xattrwalk", c.xattrwalk(4, 7, "user.color"));
  say("read", c.read(7, 0, 100));
  see("data", c.data());
  say("clunk", c.clunk(7));
  say("list", c.xattrwalk(4, 7, ""));
  say("read", c.read(7, 0, 1000));
  see("names", c.data());
  say("clunk", c.clunk(7));
  say("none", c.xattrwalk(4, 7, "user.taste"));
  say("incomplete: clone", c.walk(4, 7));
  say("xattrcreate", c.xattrcreate(7, "user.color", 5));
  say("write", c.write(7, 0, "re"));
  say("clunk", c.clunk(7));
  say("remove: clone", c.walk(4, 7));
  say("xattrcreate", c.xattrcreate(7, "user.color", 0));
  say("clunk", c.clunk(7));
  // Listing.
  say("clone", c.walk(0, 8));
  say("readdir closed", c.readdir(8, 0, 4096) != 0);
  say("open", c.lopen(8, O_RDONLY | O_DIRECTORY));
  for (const auto& e : c.list(8, 200)) see("entry", e.name);
  say("remove", c.remove(4));
  say("gone", c.getattr(4));
  see("file", describe(c, {"file"}));
  say("unknown fid", c.getattr(4711));
  say("unknown open", c.lopen(4711, 0));
  say("unknown walk", c.walk(4711, 4712));
  say("walk nothing", c.walk(0, 9, {"nothing"}));
  say("statfs", c.statfs(0));
  return out;
}

/// What is on the host, name by name.
std::vector<std::string> host_tree(const std::string& root) {
  std::vector<std::string> out;
  for (const auto& e : std::filesystem::recursive_directory_iterator(root)) {
    struct stat st {};
    if (::lstat(e.path().c_str(), &st) != 0) continue;
    std::string line = fmt::format("{} mode {:o} uid {} gid {} nlink {} rdev {:#x}",
                                   std::filesystem::relative(e.path(), root).string(), st.st_mode,
                                   st.st_uid, st.st_gid, st.st_nlink, st.st_rdev);
    if (S_ISREG(st.st_mode)) {
      std::ostringstream text;
      text << std::ifstream(e.path()).rdbuf();
      line += " holds '" + text.str() + "'";
    }
    char names[1024];
    const ssize_t n = ::llistxattr(e.path().c_str(), names, sizeof names);
    std::vector<std::string> attributes;
    for (ssize_t at = 0; at < n; at += static_cast<ssize_t>(attributes.back().size()) + 1)
      attributes.emplace_back(names + at);
    std::ranges::sort(attributes);
    for (const std::string& name : attributes) {
      u8 value[256];
      const ssize_t size = ::lgetxattr(e.path().c_str(), name.c_str(), value, sizeof value);
      line += " " + name + "=";
      for (ssize_t i = 0; i < size; ++i) line += fmt::format("{:02x}", value[i]);
    }
    out.push_back(line);
  }
  std::ranges::sort(out);
  return out;
}

struct Qemu9pTest : ::testing::TestWithParam<const char*> {
  test::TempDir dir;
  std::unique_ptr<Server> ours;
  std::unique_ptr<Qemu9p> theirs;
  P9Client to_ours{[this](std::span<const u8> m) {
    std::vector<u8> reply;
    EXPECT_TRUE(ours->handle(m, 64 * 1024, reply));
    return reply;
  }};
  P9Client to_theirs{[this](std::span<const u8> m) { return theirs->call(m); }};

  static bool nodes() { return GetParam() == "mapped-xattr"sv; }
  void start(const std::string& our_folder, const std::string& their_folder) {
    const std::string model = fmt::format("security_model={}", GetParam());
    const auto options =
        FsdevOptions::parse(fmt::format("local,id=f,path={},{}", our_folder, model));
    ASSERT_TRUE(options);
    auto folder = Folder::open(options->folder);
    ASSERT_TRUE(folder);
    ours = std::make_unique<Server>(std::move(*folder));
    if (nodes() || ::geteuid() == 0) theirs = Qemu9p::start(their_folder, model);
  }
};

TEST_P(Qemu9pTest, SaysAndDoesTheSame) {
  std::filesystem::create_directories(dir / "ours");
  std::filesystem::create_directories(dir / "theirs");
  start(dir / "ours", dir / "theirs");
  if (theirs == nullptr) GTEST_SKIP() << "needs qemu-system-aarch64 with 9p, and root";
  const auto a = transcript(to_ours, nodes()), b = transcript(to_theirs, nodes());
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t n = 0; n < a.size(); ++n)
    EXPECT_EQ(a[n], b[n]) << "ours, and QEMU's, line " << n;
  const auto left = host_tree(dir / "ours"), there = host_tree(dir / "theirs");
  EXPECT_EQ(left, there);
  EXPECT_EQ(left.size(), nodes() ? 5u : 3u);
}

// A folder goes from one to the other.
TEST_P(Qemu9pTest, EachReadsWhatTheOtherWrote) {
  for (const bool we_write : {true, false}) {
    const std::string shared = dir / (we_write ? "w" : "r");
    std::filesystem::create_directories(shared);
    start(shared, shared);
    if (theirs == nullptr) GTEST_SKIP() << "needs qemu-system-aarch64 with 9p, and root";
    (void)transcript(we_write ? to_ours : to_theirs, nodes());
    P9Client& other = we_write ? to_theirs : to_ours;
    ASSERT_EQ(other.version(65536), 0);
    ASSERT_EQ(other.attach(0, 1000), 0);
    P9Client& writer = we_write ? to_ours : to_theirs;
    for (const char* name : {"renamed", "moved", "link", "node", "fifo"}) {
      const std::string seen = describe(other, {name});
      if (!nodes() && (name == "node"sv || name == "fifo"sv)) continue;
      EXPECT_EQ(seen.find("error"), std::string::npos) << name;
      EXPECT_EQ(describe(writer, {name}), seen) << name;
    }
    ASSERT_EQ(other.walk(0, 1, {"link"}), 0);
    ASSERT_EQ(other.readlink(1), 0);
    EXPECT_EQ(other.target(), "../some/where");
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Qemu9pTest,
                         ::testing::Values("none", "passthrough", "mapped-xattr"),
                         [](const auto& model) {
                           std::string name = model.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace quince::p9
