// Requests about open files: reading, writing, listing, locks, extended attributes.
#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "hw/virtio/9p/server.h"

namespace quince::p9 {

namespace {

// A multiple of pages, so that requests of a client that reads ahead are aligned.
constexpr u32 kPage = 4096;

static_assert(P9_DOTL_EXCL == O_EXCL && P9_DOTL_TRUNC == O_TRUNC && P9_DOTL_APPEND == O_APPEND &&
              P9_DOTL_DSYNC == O_DSYNC && P9_DOTL_DIRECTORY == O_DIRECTORY &&
              P9_DOTL_NOATIME == O_NOATIME && (P9_DOTL_SYNC | P9_DOTL_DSYNC) == O_SYNC);

}  // namespace

u32 Server::iounit() const {
  const u32 data = msize_ - kIoHeader;
  return data < kPage ? data : data / kPage * kPage;
}

// ---- Opening ------------------------------------------------------------------------------------

int Server::open_fid(Fid& f, u32 flags) {
  if (open_files_ >= max_open_) return EMFILE;
  Sys<Fd> file = folder_->open_file(f.path, static_cast<int>(flags));
  if (!file) return file.error();
  struct stat st {};
  if (::fstat(file->get(), &st) != 0) return errno;
  f.file = std::move(*file);
  f.kind = S_ISDIR(st.st_mode) ? Fid::Kind::Directory : Fid::Kind::File;
  f.flags = flags & ~P9_DOTL_TRUNC;
  ++open_files_;
  return 0;
}

int Server::lopen(Reader& in, Writer& out) {
  const u32 number = in.get32(), flags = in.get32();
  if (!in.ok()) return EINVAL;
  Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->kind != Fid::Kind::Path || (flags & P9_DOTL_ACCMODE) == 3) return EINVAL;
  if (const int why = open_fid(*f, flags); why != 0) return why;
  const Sys<Attr> a = folder_->attributes(f->file);
  const Sys<Qid> qid = a ? folder_->qid(*a) : error(a.error());
  if (!qid) {
    f->file.reset();
    f->kind = Fid::Kind::Path;
    --open_files_;
    return qid.error();
  }
  out.qid(*qid);
  out.put32(iounit());
  return 0;
}

int Server::lcreate(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const std::string_view name = in.text();
  const u32 flags = in.get32(), mode = in.get32(), gid = in.get32();
  if (!in.ok()) return EINVAL;
  Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->kind != Fid::Kind::Path || (flags & P9_DOTL_ACCMODE) == 3) return EINVAL;
  if (open_files_ >= max_open_) return EMFILE;
  std::string path = Folder::join(f->path, name);
  if (path.size() > Folder::kMaxPath) return ENAMETOOLONG;
  Sys<Fd> file = folder_->create(f->path, name, static_cast<int>(flags),
                                 {.uid = f->uid, .gid = gid, .mode = mode});
  if (!file) return file.error();
  const Sys<Attr> a = folder_->attributes(*file);
  const Sys<Qid> qid = a ? folder_->qid(*a) : error(a.error());
  if (!qid) return qid.error();
  if (const int why = set_path(*f, std::move(path)); why != 0) return why;
  f->file = std::move(*file);
  f->kind = S_ISDIR(a->host_mode) ? Fid::Kind::Directory : Fid::Kind::File;
  f->flags = flags & ~(P9_DOTL_TRUNC | P9_DOTL_EXCL);
  ++open_files_;
  out.qid(*qid);
  out.put32(iounit());
  return 0;
}

// ---- Data ---------------------------------------------------------------------------------------

int Server::read(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const u64 offset = in.get64();
  u32 count = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  const std::size_t start = out.size();
  out.put32(0);
  if (!out.ok()) return 0;
  count = static_cast<u32>(std::min<std::size_t>(count, out.room()));
  if (f->kind == Fid::Kind::XattrRead) {
    const u64 from = std::min<u64>(offset, f->value.size());
    const auto part =
        std::span(f->value).subspan(from, std::min<u64>(count, f->value.size() - from));
    out.bytes(part);
    out.patch32(start, static_cast<u32>(part.size()));
    return 0;
  }
  if (f->kind == Fid::Kind::Directory) return EISDIR;
  if (f->kind != Fid::Kind::File) return EINVAL;
  const std::span<u8> to = out.space(count);
  const ssize_t n = ::pread(f->file.get(), to.data(), to.size(), static_cast<off_t>(offset));
  if (n < 0) return errno;
  out.truncate(start + sizeof(u32) + static_cast<std::size_t>(n));
  out.patch32(start, static_cast<u32>(n));
  return 0;
}

int Server::write(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const u64 offset = in.get64();
  const auto data = in.bytes(in.get32());
  if (!in.ok()) return EINVAL;
  Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  if (f->kind == Fid::Kind::XattrWrite) {
    if (offset > f->value.size() || data.size() > f->value.size() - offset) return ENOSPC;
    std::ranges::copy(data, f->value.begin() + static_cast<std::ptrdiff_t>(offset));
    f->filled = std::min<u64>(f->filled + data.size(), f->value.size());
    out.put32(static_cast<u32>(data.size()));
    return 0;
  }
  if (f->kind != Fid::Kind::File) return EINVAL;
  const ssize_t n = ::pwrite(f->file.get(), data.data(), data.size(), static_cast<off_t>(offset));
  if (n < 0) return errno;
  if (folder_->config().write_out)
    (void)::sync_file_range(f->file.get(), static_cast<off_t>(offset), n,
                            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
  out.put32(static_cast<u32>(n));
  return 0;
}

int Server::fsync(Reader& in, Writer&) {
  const u32 number = in.get32();
  if (!in.ok()) return EINVAL;
  const bool data_only = in.left() >= sizeof(u32) && in.get32() != 0;  // a later addition
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  if (!f->file) return EINVAL;
  return (data_only ? ::fdatasync(f->file.get()) : ::fsync(f->file.get())) == 0 ? 0 : errno;
}

// ---- Folders ------------------------------------------------------------------------------------

// One entry of a listing.  False when it has no room.
bool Server::put_entry(const Fid& f, const Attr& directory, const void* entry, Writer& out) {
  const auto* const d = static_cast<const dirent64*>(entry);
  const std::string_view name(d->d_name);
  u64 device = directory.device, inode = d->d_ino;
  const bool is_parent = name == "..";
  if (name == ".") {
    inode = directory.inode;
  } else if (is_parent || d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) {
    // The parent of the folder itself is not to be seen; and something may be mounted here.
    const Sys<Attr> a = folder_->attributes(is_parent ? std::string(Folder::parent(f.path))
                                                      : Folder::join(f.path, name));
    if (a) {
      device = a->device;
      inode = a->inode;
    }
  }
  const Sys<u64> path = folder_->qid_path(device, inode);
  if (!path) return true;  // not one of those that the guest may see
  constexpr std::size_t kFixed = 13 + 8 + 1 + 2;
  if (kFixed + name.size() > out.room()) return false;
  // A regular file may be anything to the guest when types are attributes.
  const bool known = folder_->config().model != SecurityModel::Mapped || d->d_type == DT_DIR;
  const u8 type = known ? d->d_type : static_cast<u8>(DT_UNKNOWN);
  out.qid({.type = type == DT_DIR ? QTDIR : type == DT_LNK ? QTSYMLINK : QTFILE, .path = *path});
  out.put64(static_cast<u64>(d->d_off));
  out.put8(type);
  out.text(name);
  return true;
}

int Server::readdir(Reader& in, Writer& out) {
  const u32 number = in.get32();
  const u64 offset = in.get64();
  const u32 count = in.get32();
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  if (f->kind != Fid::Kind::Directory) return ENOTDIR;
  const Sys<Attr> directory = folder_->attributes(f->file);
  if (!directory) return directory.error();
  if (::lseek(f->file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return errno;
  const std::size_t start = out.size();
  out.put32(0);
  if (!out.ok()) return 0;
  // Entries go to a writer of their own, for `count` may be less than there is room.
  std::vector<u8> entries;
  Writer list(entries, std::min<std::size_t>(count, out.room()));
  alignas(dirent64) std::array<char, 16 * KiB> buffer;
  for (bool more = true; more;) {
    const ssize_t n = ::getdents64(f->file.get(), buffer.data(), buffer.size());
    if (n < 0 && list.size() == 0) return errno;
    more = n > 0;
    for (ssize_t at = 0; more && at < n;) {
      const auto* const d = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += d->d_reclen;
      more = put_entry(*f, *directory, d, list);
      if (!more && list.size() == 0) return EINVAL;  // no count is so small
    }
  }
  out.bytes(entries);
  out.patch32(start, static_cast<u32>(entries.size()));
  return 0;
}

// ---- Locks --------------------------------------------------------------------------------------

int Server::lock(Reader& in, Writer& out) {
  const u32 number = in.get32();
  LockTable::Lock l{.type = in.get8()};
  const u32 flags = in.get32();
  l.start = in.get64();
  const auto end = LockTable::last_byte(l.start, in.get64());
  l.proc_id = in.get32();
  l.client_id = in.text();
  if (!in.ok() || l.type > P9_LOCK_TYPE_UNLCK || !end ||
      (flags & ~(P9_LOCK_FLAGS_BLOCK | P9_LOCK_FLAGS_RECLAIM)) != 0 ||
      l.client_id.size() > LockTable::kMaxClientId)
    return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  if (f->kind != Fid::Kind::File) return EINVAL;
  const Sys<Attr> a = folder_->attributes(f->file);
  const Sys<Qid> qid = a ? folder_->qid(*a) : error(a.error());
  if (!qid) return qid.error();
  l.end = *end;
  l.file = qid->path;
  out.put8(locks_.set(l));
  return 0;
}

int Server::getlock(Reader& in, Writer& out) {
  const u32 number = in.get32();
  LockTable::Lock l{.type = in.get8()};
  l.start = in.get64();
  const u64 length = in.get64();
  const auto end = LockTable::last_byte(l.start, length);
  l.proc_id = in.get32();
  l.client_id = in.text();
  if (!in.ok() || l.type > P9_LOCK_TYPE_UNLCK || !end) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  if (f->kind != Fid::Kind::File) return EINVAL;
  const Sys<Attr> a = folder_->attributes(f->file);
  const Sys<Qid> qid = a ? folder_->qid(*a) : error(a.error());
  if (!qid) return qid.error();
  l.end = *end;
  l.file = qid->path;
  const LockTable::Lock* const other = locks_.conflict(l);
  const LockTable::Lock& said = other != nullptr ? *other : l;
  const bool to_end = said.end == ~u64{0};
  out.put8(other != nullptr ? other->type : P9_LOCK_TYPE_UNLCK);
  out.put64(said.start);
  out.put64(other == nullptr ? length : to_end ? 0 : said.end - said.start + 1);
  out.put32(said.proc_id);
  out.text(said.client_id);
  return 0;
}

// ---- Extended attributes ------------------------------------------------------------------------

int Server::xattrwalk(Reader& in, Writer& out) {
  const u32 number = in.get32(), new_number = in.get32();
  const std::string name(in.text());
  if (!in.ok()) return EINVAL;
  const Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->lost) return EIO;
  Sys<std::vector<u8>> value =
      name.empty() ? folder_->xattr_names(f->path) : folder_->xattr(f->path, name);
  if (!value) return value.error();
  if (value->size() > kMaxXattrBytes - xattr_bytes_) return ENOMEM;
  int why = 0;
  Fid* const made = add(new_number, f->path, f->uid, why);
  if (made == nullptr) return why;
  made->kind = Fid::Kind::XattrRead;
  made->xattr = name;
  made->value = std::move(*value);
  made->value.shrink_to_fit();
  xattr_bytes_ += made->value.size();
  out.put64(made->value.size());
  return 0;
}

int Server::xattrcreate(Reader& in, Writer&) {
  const u32 number = in.get32();
  const std::string_view name = in.text();
  const u64 size = in.get64();
  const u32 flags = in.get32();
  if (!in.ok() || (flags & ~u32{XATTR_CREATE | XATTR_REPLACE}) != 0) return EINVAL;
  if (size > Folder::kMaxXattr) return E2BIG;
  if (name.empty() || name.size() > NAME_MAX) return ERANGE;
  Fid* const f = find(number);
  if (f == nullptr) return ENOENT;
  if (f->kind != Fid::Kind::Path) return EINVAL;
  if (folder_->config().read_only) return EROFS;
  if (size > kMaxXattrBytes - xattr_bytes_) return ENOMEM;
  f->kind = Fid::Kind::XattrWrite;
  f->xattr = name;
  f->xattr_flags = flags;
  f->value.assign(size, 0);
  f->filled = 0;
  xattr_bytes_ += size;
  return 0;
}

}  // namespace quince::p9
