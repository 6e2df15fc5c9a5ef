// Requests about names and attributes.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "hw/virtio/9p/server.h"

namespace quince::p9 {

namespace {
int number_of(const Sys<void>& s) { return s ? 0 : s.error(); }
}  // namespace

// ---- Attributes ---------------------------------------------------------------------------------

int Server::statfs(Reader& in, Writer& out) {
  const u32 number = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  const Sys<struct statfs> st = folder_->statistics(f->path);
  if (!st) return st.error();
  out.put32(static_cast<u32>(st->f_type));
  out.put32(static_cast<u32>(st->f_bsize));
  out.put64(st->f_blocks);
  out.put64(st->f_bfree);
  out.put64(st->f_bavail);
  out.put64(st->f_files);
  out.put64(st->f_ffree);
  out.put64(static_cast<u32>(st->f_fsid.__val[0]) |
            static_cast<u64>(static_cast<u32>(st->f_fsid.__val[1])) << 32);
  out.put32(static_cast<u32>(st->f_namelen));
  return 0;
}

int Server::getattr(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const u64 asked = in.get64();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  Fd keep;
  const Sys<const Fd*> file = descriptor(*f, keep);
  if (!file) return file.error();
  const Sys<Attr> a = folder_->attributes(**file);
  const Sys<Qid> qid = a ? folder_->qid(*a) : error(a.error());
  if (!qid) return qid.error();
  const bool birth = (asked & P9_GETATTR_BTIME) != 0 && a->has_btime;
  const auto put_time = [&](const statx_timestamp& t) {
    out.put64(static_cast<u64>(t.tv_sec));
    out.put64(t.tv_nsec);
  };
  out.put64(P9_GETATTR_BASIC | (birth ? P9_GETATTR_BTIME : 0));
  out.qid(*qid);
  out.put32(a->mode);
  out.put32(a->uid);
  out.put32(a->gid);
  out.put64(a->nlink);
  out.put64(a->rdev);
  out.put64(a->size);
  out.put64(std::max(a->block_size, iounit()));  // programs take it for the best size of a request
  out.put64(a->blocks);
  put_time(a->atime);
  put_time(a->mtime);
  put_time(a->ctime);
  put_time(birth ? a->btime : statx_timestamp{});
  out.put64(0);  // gen
  out.put64(0);  // data_version
  return 0;
}

int Server::setattr(Reader& in, Writer&) {
  const u32 number = in.get32(), valid = in.get32();
  const u32 mode = in.get32(), uid = in.get32(), gid = in.get32();
  const u64 size = in.get64();
  timespec times[2];
  for (timespec& t : times) {
    t.tv_sec = static_cast<time_t>(in.get64());
    t.tv_nsec = static_cast<long>(in.get64());
    // Two values of the host's mean something else, and are not a guest's to say.
    if (t.tv_nsec < 0 || t.tv_nsec >= 1'000'000'000) t.tv_nsec = in.ok() ? -1 : 0;
  }
  if (!in.ok()) return EINVAL;
  const auto prepare = [&](timespec& t, u32 any, u32 given) {
    if ((valid & any) == 0)
      t.tv_nsec = UTIME_OMIT;
    else if ((valid & given) == 0)
      t.tv_nsec = UTIME_NOW;
    return t.tv_nsec >= 0;
  };
  if (!prepare(times[0], P9_SETATTR_ATIME, P9_SETATTR_ATIME_SET) ||
      !prepare(times[1], P9_SETATTR_MTIME, P9_SETATTR_MTIME_SET))
    return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  Fd keep;
  const Sys<const Fd*> file = descriptor(*f, keep);
  if (!file) return file.error();
  // The size changes times, and the owner takes bits of the mode away: both before those.
  Sys<void> done;
  if ((valid & P9_SETATTR_SIZE) != 0) done = folder_->set_size(**file, size);
  if (done && (valid & (P9_SETATTR_UID | P9_SETATTR_GID)) != 0)
    done = folder_->set_owner(**file, (valid & P9_SETATTR_UID) != 0 ? uid : kNoUid,
                              (valid & P9_SETATTR_GID) != 0 ? gid : kNoUid);
  if (done && (valid & P9_SETATTR_MODE) != 0) done = folder_->set_mode(**file, mode);
  if (done && (valid & (P9_SETATTR_ATIME | P9_SETATTR_MTIME)) != 0)
    done = folder_->set_times(**file, times);
  if (done && valid == P9_SETATTR_CTIME) done = folder_->touch(**file);
  return number_of(done);
}

// ---- New files ----------------------------------------------------------------------------------

// The qid of what was just made.
int Server::put_new(const std::string& path, Writer& out) {
  const Sys<Attr> a = folder_->attributes(path);
  const Sys<Qid> qid = a ? folder_->qid(*a) : error(a.error());
  if (!qid) return qid.error();
  out.qid(*qid);
  return 0;
}

int Server::symlink(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const std::string_view name = in.text(), target = in.text();
  const u32 gid = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  const Sys<void> done = folder_->make_symlink(f->path, name, target, {.uid = f->uid, .gid = gid});
  return done ? put_new(Folder::join(f->path, name), out) : done.error();
}

int Server::mknod(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const std::string_view name = in.text();
  const u32 mode = in.get32(), major = in.get32(), minor = in.get32(), gid = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  const Sys<void> done =
      folder_->make_node(f->path, name, major, minor, {.uid = f->uid, .gid = gid, .mode = mode});
  return done ? put_new(Folder::join(f->path, name), out) : done.error();
}

int Server::mkdir(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const std::string_view name = in.text();
  const u32 mode = in.get32(), gid = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  const Sys<void> done =
      folder_->make_folder(f->path, name, {.uid = f->uid, .gid = gid, .mode = mode});
  return done ? put_new(Folder::join(f->path, name), out) : done.error();
}

int Server::link(Reader& in, Writer&) {
  const u32 folder = in.get32(), number = in.get32();
  const std::string_view name = in.text();
  if (!in.ok()) return EINVAL;
  const Fid *const d = find(folder), *const f = find(number);
  if (d == nullptr || f == nullptr) return ENOENT;
  return number_of(folder_->make_link(f->path, d->path, name));
}

int Server::readlink(Reader& in, Writer& out) {
  const u32 number = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  const Sys<std::string> target = folder_->read_link(f->path);
  if (!target) return target.error();
  out.text(*target);
  return 0;
}

// ---- Other names --------------------------------------------------------------------------------

// Renames, and with it every fid at or below the old name.
int Server::rename_path(const std::string& from, const std::string& to) {
  if (to.size() > Folder::kMaxPath) return ENAMETOOLONG;
  if (const Sys<void> done = folder_->rename(from, to); !done) return done.error();
  if (from == to) return 0;
  const std::string below = from + "/";
  for (auto& [number, f] : fids_) {
    if (f.path != from && !f.path.starts_with(below)) continue;
    // Past the limits the fid keeps the name it had, under which there is nothing.
    (void)set_path(f, to + f.path.substr(from.size()));
  }
  return 0;
}

int Server::rename(Reader& in, Writer&) {
  const u32 number = in.get32(), folder = in.get32();
  const std::string_view name = in.text();
  if (!in.ok()) return EINVAL;
  const Fid *const f = find(number), *const d = find(folder);
  if (f == nullptr || d == nullptr) return ENOENT;
  if (f->kind != Fid::Kind::Path && f->kind != Fid::Kind::File && f->kind != Fid::Kind::Directory)
    return EINVAL;
  if (name == "." || name == "..") return EISDIR;
  if (const int wrong = Folder::name_error(name); wrong != 0) return wrong;
  return rename_path(std::string(f->path), Folder::join(d->path, name));
}

int Server::renameat(Reader& in, Writer&) {
  const u32 old_folder = in.get32();
  const std::string_view old_name = in.text();
  const u32 new_folder = in.get32();
  const std::string_view new_name = in.text();
  if (!in.ok()) return EINVAL;
  for (const std::string_view name : {old_name, new_name}) {
    if (name == "." || name == "..") return EISDIR;
    if (const int wrong = Folder::name_error(name); wrong != 0) return wrong;
  }
  const Fid *const from = find(old_folder), *const to = find(new_folder);
  if (from == nullptr || to == nullptr) return ENOENT;
  return rename_path(Folder::join(from->path, old_name), Folder::join(to->path, new_name));
}

int Server::unlinkat(Reader& in, Writer&) {
  const u32 number = in.get32();
  const std::string_view name = in.text();
  const u32 flags = in.get32();
  if (!in.ok() || (flags & ~P9_DOTL_AT_REMOVEDIR) != 0 || name == ".") return EINVAL;
  if (name == "..") return ENOTEMPTY;
  if (const int wrong = Folder::name_error(name); wrong != 0) return wrong;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  return number_of(folder_->remove(Folder::join(f->path, name), flags != 0));
}

}  // namespace quince::p9
