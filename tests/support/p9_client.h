// A client of 9P2000.L: makes messages, sends them through whatever carries them, and takes the
// answers apart.  Each call says the errno of the answer, 0 for none; what else it said is in
// `last`.
//
//   P9Client c([&](std::span<const u8> m) { ... });
//   ASSERT_EQ(c.version(), 0);
//   ASSERT_EQ(c.attach(0), 0);
//   ASSERT_EQ(c.walk(0, 1, {"folder", "file"}), 0);
#pragma once

#include <fcntl.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "hw/virtio/9p/wire.h"

namespace quince::test {

/// Fields of a message in order: integers by their type, strings with their length.
class P9Fields {
 public:
  template <std::unsigned_integral T>
  P9Fields& operator<<(T v) {
    u8 b[sizeof(T)];
    store_le(b, v);
    bytes.insert(bytes.end(), b, b + sizeof b);
    return *this;
  }
  P9Fields& operator<<(std::string_view s) {
    *this << static_cast<u16>(s.size());
    return raw(s);
  }
  P9Fields& raw(std::string_view s) {
    bytes.insert(bytes.end(), s.begin(), s.end());
    return *this;
  }
  std::vector<u8> bytes;
};

class P9Client {
 public:
  /// Carries a request, returns the answer.
  using Transport = std::function<std::vector<u8>(std::span<const u8> request)>;
  struct Attributes {
    u64 valid = 0;
    p9::Qid qid;
    u32 mode = 0, uid = 0, gid = 0;
    u64 nlink = 0, rdev = 0, size = 0, blksize = 0, blocks = 0;
    u64 atime = 0, atime_ns = 0, mtime = 0, mtime_ns = 0, ctime = 0, ctime_ns = 0, btime = 0;
  };
  struct Entry {
    p9::Qid qid;
    u64 offset = 0;
    u8 type = 0;
    std::string name;
  };
  /// For Tsetattr.
  struct Change {
    u32 valid = 0, mode = 0, uid = 0, gid = 0;
    u64 size = 0, atime = 0, atime_ns = 0, mtime = 0, mtime_ns = 0;
  };

  explicit P9Client(Transport transport) : transport_(std::move(transport)) {}

  static std::vector<u8> message(p9::Msg type, u16 tag, const P9Fields& fields);
  /// EPROTO for an answer that breaks the protocol's frame.
  int call(p9::Msg type, const P9Fields& fields);
  /// The answer to call(), behind its header.
  std::vector<u8> last;
  p9::Reader answer() const { return p9::Reader(last); }

  int version(u32 msize = 64 * 1024, std::string_view name = "9P2000.L");
  int attach(u32 fid, u32 uid = 0);
  int walk(u32 fid, u32 new_fid, std::initializer_list<std::string_view> names = {});
  int clunk(u32 fid) { return call(p9::Msg::Tclunk, P9Fields() << fid); }
  int remove(u32 fid) { return call(p9::Msg::Tremove, P9Fields() << fid); }
  int lopen(u32 fid, int flags);
  int lcreate(u32 fid, std::string_view name, int flags, u32 mode, u32 gid = 0);
  int read(u32 fid, u64 offset, u32 count);
  /// What the last read brought.
  std::string data() const;
  int write(u32 fid, u64 offset, std::string_view data);
  int getattr(u32 fid, u64 mask = p9::P9_GETATTR_BASIC);
  Attributes attributes() const;
  int setattr(u32 fid, const Change& c);
  int readdir(u32 fid, u64 offset, u32 count);
  std::vector<Entry> entries() const;
  /// All of an open folder, `count` bytes at a time, by name.
  std::vector<Entry> list(u32 fid, u32 count = 4096);
  int mkdir(u32 fid, std::string_view name, u32 mode, u32 gid = 0);
  int symlink(u32 fid, std::string_view name, std::string_view target, u32 gid = 0);
  int mknod(u32 fid, std::string_view name, u32 mode, u32 major, u32 minor, u32 gid = 0);
  int link(u32 folder, u32 fid, std::string_view name);
  int readlink(u32 fid) { return call(p9::Msg::Treadlink, P9Fields() << fid); }
  std::string target() const { return std::string(answer().text()); }
  int rename(u32 fid, u32 folder, std::string_view name);
  int renameat(u32 from, std::string_view old_name, u32 to, std::string_view new_name);
  int unlinkat(u32 fid, std::string_view name, u32 flags = 0);
  int statfs(u32 fid) { return call(p9::Msg::Tstatfs, P9Fields() << fid); }
  int fsync(u32 fid, u32 datasync = 0) {
    return call(p9::Msg::Tfsync, P9Fields() << fid << datasync);
  }
  int xattrwalk(u32 fid, u32 new_fid, std::string_view name);
  int xattrcreate(u32 fid, std::string_view name, u64 size, u32 flags = 0);
  int lock(u32 fid, u8 type, u64 start, u64 length, u32 process, u32 flags = 0,
           std::string_view client = "guest");
  int getlock(u32 fid, u8 type, u64 start, u64 length, u32 process,
              std::string_view client = "guest");

  // Several calls.
  /// Writes a file, of whatever name, below fid 0.
  int make_file(std::initializer_list<std::string_view> folder, std::string_view name,
                std::string_view contents, u32 mode = 0644);
  /// The contents of a file.
  int read_file(std::initializer_list<std::string_view> path, std::string& contents);
  int attributes_of(std::initializer_list<std::string_view> path, Attributes& out);

 private:
  static constexpr u32 kScratch = 0xfffff0;  // a fid for calls that need one
  Transport transport_;
  u16 tag_ = 0;
};

}  // namespace quince::test
