#include "tests/support/p9_client.h"

#include <algorithm>
#include <cerrno>

namespace quince::test {

using p9::Msg;

std::vector<u8> P9Client::message(Msg type, u16 tag, const P9Fields& fields) {
  P9Fields whole;
  whole << static_cast<u32>(p9::kHeaderSize + fields.bytes.size()) << static_cast<u8>(type) << tag;
  whole.bytes.insert(whole.bytes.end(), fields.bytes.begin(), fields.bytes.end());
  return whole.bytes;
}

int P9Client::call(Msg type, const P9Fields& fields) {
  const u16 tag = type == Msg::Tversion ? 0xffff : ++tag_;
  const std::vector<u8> reply = transport_(message(type, tag, fields));
  p9::Reader in(reply);
  const u32 size = in.get32();
  const u8 answered = in.get8();
  if (in.get16() != tag || !in.ok() || size != reply.size()) return EPROTO;
  last.assign(reply.begin() + p9::kHeaderSize, reply.end());
  if (answered == static_cast<u8>(Msg::Rlerror)) return static_cast<int>(in.get32());
  return answered == static_cast<u8>(type) + 1 ? 0 : EPROTO;
}

int P9Client::version(u32 msize, std::string_view name) {
  return call(Msg::Tversion, P9Fields() << msize << name);
}
int P9Client::attach(u32 fid, u32 uid) {
  return call(Msg::Tattach, P9Fields() << fid << ~u32{0} << "nobody"
                                       << "" << uid);
}
int P9Client::walk(u32 fid, u32 new_fid, std::initializer_list<std::string_view> names) {
  P9Fields f;
  f << fid << new_fid << static_cast<u16>(names.size());
  for (const std::string_view n : names) f << n;
  const int why = call(Msg::Twalk, f);
  // A walk that stopped on the way makes no fid.
  if (why == 0 && answer().get16() != names.size()) return ENOENT;
  return why;
}
int P9Client::lopen(u32 fid, int flags) {
  return call(Msg::Tlopen, P9Fields() << fid << static_cast<u32>(flags));
}
int P9Client::lcreate(u32 fid, std::string_view name, int flags, u32 mode, u32 gid) {
  return call(Msg::Tlcreate, P9Fields() << fid << name << static_cast<u32>(flags) << mode << gid);
}
int P9Client::read(u32 fid, u64 offset, u32 count) {
  return call(Msg::Tread, P9Fields() << fid << offset << count);
}
std::string P9Client::data() const {
  p9::Reader in = answer();
  const auto b = in.bytes(in.get32());
  return {b.begin(), b.end()};
}
int P9Client::write(u32 fid, u64 offset, std::string_view data) {
  return call(Msg::Twrite,
              (P9Fields() << fid << offset << static_cast<u32>(data.size())).raw(data));
}
int P9Client::getattr(u32 fid, u64 mask) { return call(Msg::Tgetattr, P9Fields() << fid << mask); }

P9Client::Attributes P9Client::attributes() const {
  p9::Reader in = answer();
  Attributes a;
  a.valid = in.get64();
  a.qid.type = in.get8();
  a.qid.version = in.get32();
  a.qid.path = in.get64();
  for (u32* v : {&a.mode, &a.uid, &a.gid}) *v = in.get32();
  for (u64* v : {&a.nlink, &a.rdev, &a.size, &a.blksize, &a.blocks, &a.atime, &a.atime_ns, &a.mtime,
                 &a.mtime_ns, &a.ctime, &a.ctime_ns, &a.btime})
    *v = in.get64();
  return a;
}

int P9Client::setattr(u32 fid, const Change& c) {
  return call(Msg::Tsetattr, P9Fields() << fid << c.valid << c.mode << c.uid << c.gid << c.size
                                        << c.atime << c.atime_ns << c.mtime << c.mtime_ns);
}
int P9Client::readdir(u32 fid, u64 offset, u32 count) {
  return call(Msg::Treaddir, P9Fields() << fid << offset << count);
}
std::vector<P9Client::Entry> P9Client::entries() const {
  p9::Reader outer = answer();
  p9::Reader in(outer.bytes(outer.get32()));
  std::vector<Entry> all;
  while (in.left() != 0) {
    Entry e;
    e.qid.type = in.get8();
    e.qid.version = in.get32();
    e.qid.path = in.get64();
    e.offset = in.get64();
    e.type = in.get8();
    e.name = in.text();
    if (!in.ok()) break;
    all.push_back(e);
  }
  return all;
}
std::vector<P9Client::Entry> P9Client::list(u32 fid, u32 count) {
  std::vector<Entry> all;
  for (u64 offset = 0;;) {
    if (readdir(fid, offset, count) != 0) break;
    const std::vector<Entry> some = entries();
    if (some.empty()) break;
    all.insert(all.end(), some.begin(), some.end());
    offset = some.back().offset;
  }
  std::ranges::sort(all, {}, &Entry::name);
  return all;
}
int P9Client::mkdir(u32 fid, std::string_view name, u32 mode, u32 gid) {
  return call(Msg::Tmkdir, P9Fields() << fid << name << mode << gid);
}
int P9Client::symlink(u32 fid, std::string_view name, std::string_view target, u32 gid) {
  return call(Msg::Tsymlink, P9Fields() << fid << name << target << gid);
}
int P9Client::mknod(u32 fid, std::string_view name, u32 mode, u32 major, u32 minor, u32 gid) {
  return call(Msg::Tmknod, P9Fields() << fid << name << mode << major << minor << gid);
}
int P9Client::link(u32 folder, u32 fid, std::string_view name) {
  return call(Msg::Tlink, P9Fields() << folder << fid << name);
}
int P9Client::rename(u32 fid, u32 folder, std::string_view name) {
  return call(Msg::Trename, P9Fields() << fid << folder << name);
}
int P9Client::renameat(u32 from, std::string_view old_name, u32 to, std::string_view new_name) {
  return call(Msg::Trenameat, P9Fields() << from << old_name << to << new_name);
}
int P9Client::unlinkat(u32 fid, std::string_view name, u32 flags) {
  return call(Msg::Tunlinkat, P9Fields() << fid << name << flags);
}
int P9Client::xattrwalk(u32 fid, u32 new_fid, std::string_view name) {
  return call(Msg::Txattrwalk, P9Fields() << fid << new_fid << name);
}
int P9Client::xattrcreate(u32 fid, std::string_view name, u64 size, u32 flags) {
  return call(Msg::Txattrcreate, P9Fields() << fid << name << size << flags);
}
int P9Client::lock(u32 fid, u8 type, u64 start, u64 length, u32 process, u32 flags,
                   std::string_view client) {
  return call(Msg::Tlock, P9Fields()
                              << fid << type << flags << start << length << process << client);
}
int P9Client::getlock(u32 fid, u8 type, u64 start, u64 length, u32 process,
                      std::string_view client) {
  return call(Msg::Tgetlock, P9Fields() << fid << type << start << length << process << client);
}

int P9Client::make_file(std::initializer_list<std::string_view> folder, std::string_view name,
                        std::string_view contents, u32 mode) {
  if (const int why = walk(0, kScratch, folder); why != 0) return why;
  int why = lcreate(kScratch, name, O_WRONLY, mode);
  if (why == 0 && !contents.empty()) why = write(kScratch, 0, contents);
  clunk(kScratch);
  return why;
}
int P9Client::read_file(std::initializer_list<std::string_view> path, std::string& contents) {
  if (const int why = walk(0, kScratch, path); why != 0) return why;
  int why = lopen(kScratch, O_RDONLY);
  contents.clear();
  while (why == 0 && (why = read(kScratch, contents.size(), 1 << 20)) == 0 && !data().empty())
    contents += data();
  clunk(kScratch);
  return why;
}
int P9Client::attributes_of(std::initializer_list<std::string_view> path, Attributes& out) {
  if (const int why = walk(0, kScratch, path); why != 0) return why;
  const int why = getattr(kScratch);
  if (why == 0) out = attributes();
  clunk(kScratch);
  return why;
}

}  // namespace quince::test
