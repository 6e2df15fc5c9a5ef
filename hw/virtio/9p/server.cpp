// Sessions, fids, and the way of a request to its function.
#include "hw/virtio/9p/server.h"

#include <sys/resource.h>
#include <sys/xattr.h>

#include <algorithm>
#include <utility>

namespace quince::p9 {

namespace {

// Half of what the process may have open: the rest is the emulator's.
std::size_t open_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  return std::clamp<std::size_t>(limit.rlim_cur / 2, 64, 65536);
}

}  // namespace

Server::Server(std::unique_ptr<Folder> folder)
    : folder_(std::move(folder)), max_open_(open_limit()) {}

void Server::reset() {
  fids_.clear();
  locks_.clear();
  path_bytes_ = xattr_bytes_ = open_files_ = 0;
  session_ = false;
  msize_ = 0;
}

// ---- Requests -----------------------------------------------------------------------------------

Server::Handler Server::handler(Msg type) {
  using S = Server;
  switch (type) {
    case Msg::Tstatfs:
      return &S::statfs;
    case Msg::Tlopen:
      return &S::lopen;
    case Msg::Tlcreate:
      return &S::lcreate;
    case Msg::Tsymlink:
      return &S::symlink;
    case Msg::Tmknod:
      return &S::mknod;
    case Msg::Trename:
      return &S::rename;
    case Msg::Treadlink:
      return &S::readlink;
    case Msg::Tgetattr:
      return &S::getattr;
    case Msg::Tsetattr:
      return &S::setattr;
    case Msg::Txattrwalk:
      return &S::xattrwalk;
    case Msg::Txattrcreate:
      return &S::xattrcreate;
    case Msg::Treaddir:
      return &S::readdir;
    case Msg::Tfsync:
      return &S::fsync;
    case Msg::Tlock:
      return &S::lock;
    case Msg::Tgetlock:
      return &S::getlock;
    case Msg::Tlink:
      return &S::link;
    case Msg::Tmkdir:
      return &S::mkdir;
    case Msg::Trenameat:
      return &S::renameat;
    case Msg::Tunlinkat:
      return &S::unlinkat;
    case Msg::Tversion:
      return &S::version;
    case Msg::Tauth:
      return &S::auth;
    case Msg::Tattach:
      return &S::attach;
    case Msg::Tflush:
      return &S::flush;
    case Msg::Twalk:
      return &S::walk;
    case Msg::Tread:
      return &S::read;
    case Msg::Twrite:
      return &S::write;
    case Msg::Tclunk:
      return &S::clunk;
    case Msg::Tremove:
      return &S::remove;
    case Msg::Rlerror:
      break;
  }
  return nullptr;
}

int Server::dispatch(Msg type, Reader& in, Writer& out) {
  const Handler h = handler(type);
  if (h == nullptr) return EOPNOTSUPP;
  if (!session_ && type != Msg::Tversion) return EPROTO;
  return (this->*h)(in, out);
}

bool Server::handle(std::span<const u8> request, std::size_t capacity, std::vector<u8>& reply) {
  if (session_) capacity = std::min<std::size_t>(capacity, msize_);
  Reader in(request);
  const u32 size = in.get32();
  const u8 type = in.get8();
  const u16 tag = in.get16();
  Writer out(reply, capacity);
  out.put32(0);
  out.put8(static_cast<u8>(type + 1));
  out.put16(tag);
  // Older Linux drivers count only the header of a write whose data are in pages of their own, so
  // that less than there is must pass; more cannot be meant.
  const bool whole = in.ok() && size >= kHeaderSize && size <= request.size();
  const int error = whole ? dispatch(static_cast<Msg>(type), in, out) : EINVAL;
  if (error != 0) {
    Writer again(reply, kErrorSize);
    again.put32(kErrorSize);
    again.put8(static_cast<u8>(Msg::Rlerror));
    again.put16(tag);
    again.put32(static_cast<u32>(error));
    return true;
  }
  out.patch32(0, static_cast<u32>(out.size()));
  return out.ok();
}

int Server::version(Reader& in, Writer& out) {
  const u32 msize = in.get32();
  const std::string_view name = in.text();
  if (!in.ok()) return EINVAL;
  reset();
  if (msize < kMinMsize) return EMSGSIZE;
  session_ = name == "9P2000.L";
  msize_ = std::min(msize, kMaxMsize);
  out.put32(msize_);
  out.text(session_ ? "9P2000.L" : "unknown");
  return 0;
}

int Server::auth(Reader&, Writer&) { return EOPNOTSUPP; }

int Server::flush(Reader& in, Writer&) {
  in.get16();
  return in.ok() ? 0 : EINVAL;
}

int Server::attach(Reader& in, Writer& out) {
  const u32 number = in.get32();
  in.get32();  // afid
  in.text();   // uname
  in.text();   // aname
  const u32 uid = in.get32();
  if (!in.ok()) return EINVAL;
  const Sys<Attr> a = folder_->attributes("");
  if (!a) return a.error();
  const Sys<Qid> qid = folder_->qid(*a);
  if (!qid) return qid.error();
  int why = 0;
  if (add(number, {}, uid, why) == nullptr) return why;
  out.qid(*qid);
  return 0;
}

// ---- Fids ---------------------------------------------------------------------------------------

Server::Fid* Server::find(u32 number) {
  const auto it = fids_.find(number);
  return it == fids_.end() ? nullptr : &it->second;
}

Server::Fid* Server::add(u32 number, std::string path, u32 uid, int& why) {
  if (fids_.contains(number)) {
    why = EINVAL;
    return nullptr;
  }
  if (fids_.size() == kMaxFids || path.size() > kMaxPathBytes - path_bytes_) {
    why = ENFILE;
    return nullptr;
  }
  path_bytes_ += path.size();
  Fid& f = fids_[number];
  f.path = std::move(path);
  f.uid = uid;
  return &f;
}

void Server::drop(u32 number) {
  const auto it = fids_.find(number);
  if (it == fids_.end()) return;
  path_bytes_ -= it->second.path.size();
  xattr_bytes_ -= it->second.value.size();
  if (it->second.file) --open_files_;
  fids_.erase(it);
}

int Server::set_path(Fid& f, std::string path) {
  if (path.size() > Folder::kMaxPath) return ENAMETOOLONG;
  if (path.size() > kMaxPathBytes - (path_bytes_ - f.path.size())) return ENFILE;
  path_bytes_ += path.size();
  path_bytes_ -= f.path.size();
  f.path = std::move(path);
  return 0;
}

Sys<const Fd*> Server::descriptor(const Fid& f, Fd& keep) const {
  if (f.lost) return error(EIO);
  if (f.file) return &f.file;
  Sys<Fd> found = folder_->find(f.path);
  if (!found) return error(found.error());
  keep = std::move(*found);
  return &keep;
}

int Server::walk(Reader& in, Writer& out) {
  const u32 number = in.get32(), new_number = in.get32();
  const u16 names = in.get16();
  if (!in.ok() || names > kMaxWalk) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  if (number == new_number ? f->kind != Fid::Kind::Path : find(new_number) != nullptr)
    return EINVAL;
  std::string path = f->path;
  std::vector<Qid> qids;
  int why = 0;
  for (u16 n = 0; n < names; ++n) {
    const std::string_view name = in.text();
    if (!in.ok()) return EINVAL;
    if (why != 0) continue;
    std::string next = path;
    if (name == "..") {
      next = Folder::parent(path);
    } else if (name != ".") {
      if (!Folder::is_component(name)) {
        why = ENOENT;
        continue;
      }
      next = Folder::join(path, name);
    }
    const Sys<Attr> a = folder_->attributes(next);
    const Sys<Qid> qid = a ? folder_->qid(*a) : error(a.error());
    if (qid) {
      qids.push_back(*qid);
      path = std::move(next);
    } else {
      why = qid.error();
    }
  }
  if (qids.empty() && names != 0) return why;
  if (qids.size() == names) {  // only then is the new fid there
    if (number == new_number)
      why = set_path(*find(number), std::move(path));
    else
      (void)add(new_number, std::move(path), f->uid, why);
    if (why != 0) return why;
  }
  out.put16(static_cast<u16>(qids.size()));
  for (const Qid& q : qids) out.qid(q);
  return 0;
}

// What was written to a fid of Txattrcreate becomes the attribute; nothing removes it.
int Server::finish_xattr(Fid& f) {
  if (f.kind != Fid::Kind::XattrWrite) return 0;
  if (f.filled != f.value.size()) return EINVAL;
  const Sys<void> done = f.value.empty() ? folder_->remove_xattr(f.path, f.xattr)
                                         : folder_->set_xattr(f.path, f.xattr, f.value,
                                                              static_cast<int>(f.xattr_flags));
  return done ? 0 : done.error();
}

int Server::clunk(Reader& in, Writer&) {
  const u32 number = in.get32();
  if (!in.ok()) return EINVAL;
  Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  const int why = finish_xattr(*f);
  drop(number);
  return why;
}

int Server::remove(Reader& in, Writer&) {
  const u32 number = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  const std::string path = f->path;
  drop(number);  // even when it fails
  const Sys<Attr> a = folder_->attributes(path);
  if (!a) return folder_->config().read_only ? EROFS : a.error();
  const Sys<void> done = folder_->remove(path, S_ISDIR(a->host_mode));
  return done ? 0 : done.error();
}

}  // namespace quince::p9
