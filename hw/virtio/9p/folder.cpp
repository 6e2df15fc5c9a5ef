#include "hw/virtio/9p/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

namespace quince::p9 {

namespace {

constexpr u32 kPermissions = 07777;
constexpr int kFound = O_PATH | O_NOFOLLOW | O_CLOEXEC;

int openat2(int folder, const char* path, const open_how& how) {
  return static_cast<int>(::syscall(SYS_openat2, folder, path, &how, sizeof how));
}

u64 device_number(u32 major, u32 minor) { return gnu_dev_makedev(major, minor); }

}  // namespace

std::string proc_path(const Fd& file) { return fmt::format("/proc/self/fd/{}", file.get()); }

Result<std::unique_ptr<Folder>> Folder::open(const FolderConfig& config) {
  Fd root(::open(config.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail("path: '{}': {}", config.path, std::strerror(errno));
  struct stat st {};
  if (::fstat(root.get(), &st) != 0 || ::access(proc_path(root).c_str(), R_OK | X_OK) != 0)
    return fail("path: '{}': {}", config.path, std::strerror(errno));
  if (config.model == SecurityModel::Mapped && !config.read_only) {
    // Without attributes nothing that the guest creates would keep its owner.
    char value[4];
    if (::getxattr(proc_path(root).c_str(), "user.virtfs.uid", value, sizeof value) < 0 &&
        errno == EOPNOTSUPP)
      return fail("security_model: '{}' has no extended attributes, which mapped needs",
                  config.path);
  }
  return std::unique_ptr<Folder>(new Folder(config, std::move(root), st.st_dev));
}

// ---- Names --------------------------------------------------------------------------------------

int Folder::name_error(std::string_view name) {
  if (name == "." || name == "..") return EEXIST;
  if (!is_component(name)) return ENOENT;
  return name.size() > NAME_MAX ? ENAMETOOLONG : 0;
}

bool Folder::is_component(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

std::string Folder::join(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : fmt::format("{}/{}", folder, name);
}

std::string_view Folder::parent(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

// ---- Reaching files -----------------------------------------------------------------------------

Sys<void> Folder::may_write() const {
  if (config_.read_only) return error(EROFS);
  return {};
}

// One piece of a path: with openat2 as much as a call takes, without it one component.
Sys<Fd> Folder::step(int folder, const std::string& piece, bool last) const {
  const int flags = kFound | (last ? 0 : O_DIRECTORY);
  int fd = -1;
  if (has_openat2_) {
    open_how how{};
    how.flags = static_cast<u64>(flags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (unsigned tries = 0; tries < 16; ++tries) {
      fd = openat2(folder, piece.c_str(), how);
      if (fd >= 0 || errno != EAGAIN) break;  // EAGAIN: a rename or a mount came between
    }
  } else {
    fd = ::openat(folder, piece.c_str(), flags);
  }
  if (fd < 0) return last_error();
  return Fd(fd);
}

Sys<Fd> Folder::find(std::string_view path) const {
  if (path.size() > kMaxPath) return error(ENAMETOOLONG);
  if (path.empty()) {
    const int fd = ::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return last_error();
    return Fd(fd);
  }
  Fd at;
  while (!path.empty()) {
    std::size_t end = path.find('/');
    if (has_openat2_) end = path.size() < PATH_MAX ? path.size() : path.rfind('/', PATH_MAX - 1);
    end = std::min(end, path.size());
    const std::string piece(path.substr(0, end));
    const bool last = end == path.size();
    // A component that is a path would be a way out for openat.
    if (!has_openat2_ && !is_component(piece)) return error(ENOENT);
    Sys<Fd> next = step(at ? at.get() : root_.get(), piece, last);
    if (!next && (next.error() == ENOSYS || next.error() == EPERM) && has_openat2_ && !at) {
      // An old kernel, or a filter of system calls; where it is neither the slow way says EPERM too.
      has_openat2_ = false;
      Sys<Fd> slow = find(path);
      if (next.error() == EPERM && !slow) has_openat2_ = true;
      return slow;
    }
    if (!next) return next;
    at = std::move(*next);
    path.remove_prefix(last ? end : end + 1);
  }
  return at;
}

Sys<Fd> Folder::find_folder(std::string_view path) const {
  Sys<Fd> found = find(path);
  if (!found) return found;
  struct stat st {};
  if (::fstat(found->get(), &st) != 0) return last_error();
  if (!S_ISDIR(st.st_mode)) return error(ENOTDIR);
  return found;
}

Sys<Fd> Folder::open_file(std::string_view path, int flags) const {
  constexpr int kHeeded =
      O_ACCMODE | O_TRUNC | O_APPEND | O_SYNC | O_DSYNC | O_NOATIME | O_DIRECTORY;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
  if (writes && config_.read_only) return error(EROFS);
  const Sys<Fd> found = find(path);
  if (!found) return error(found.error());
  struct stat st {};
  if (::fstat(found->get(), &st) != 0) return last_error();
  if (S_ISLNK(st.st_mode)) return error(ELOOP);
  if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return error(ENXIO);
  if (mapped()) {  // a regular file that the guest knows as something else
    const Sys<Attr> a = attributes(*found);
    if (!a) return error(a.error());
    if ((a->mode & S_IFMT) != (st.st_mode & S_IFMT)) return error(S_ISLNK(a->mode) ? ELOOP : ENXIO);
  }
  // The type is that of the very file that is opened: the path leads to a descriptor.
  const int how = (flags & kHeeded) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd = ::open(proc_path(*found).c_str(), how);
  if (fd < 0 && errno == EPERM && (how & O_NOATIME) != 0)
    fd = ::open(proc_path(*found).c_str(), how & ~O_NOATIME);
  if (fd < 0) return last_error();
  return Fd(fd);
}

Sys<Attr> Folder::attributes(const Fd& file) const {
  struct statx st {};
  if (::statx(file.get(), "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
              &st) != 0)
    return last_error();
  Attr a{.mode = st.stx_mode,
         .uid = st.stx_uid,
         .gid = st.stx_gid,
         .nlink = st.stx_nlink,
         .rdev = device_number(st.stx_rdev_major, st.stx_rdev_minor),
         .size = st.stx_size,
         .blocks = st.stx_blocks,
         .block_size = st.stx_blksize,
         .device = device_number(st.stx_dev_major, st.stx_dev_minor),
         .inode = st.stx_ino,
         .atime = st.stx_atime,
         .mtime = st.stx_mtime,
         .ctime = st.stx_ctime,
         .btime = st.stx_btime,
         .has_btime = (st.stx_mask & STATX_BTIME) != 0,
         .host_mode = st.stx_mode};
  if (mapped()) load_mapping(file, a);
  return a;
}

Sys<Attr> Folder::attributes(std::string_view path) const {
  const Sys<Fd> found = find(path);
  if (!found) return error(found.error());
  return attributes(*found);
}

Sys<Qid> Folder::qid(const Attr& a) {
  const Sys<u64> path = qids_.path(a.device, a.inode);
  if (!path) return error(path.error());
  // Another version tells a client that caches that the contents are others.
  const u64 version =
      static_cast<u64>(a.mtime.tv_sec) * 1'000'000'007u ^ a.mtime.tv_nsec ^ a.size << 8;
  return Qid{.type = S_ISDIR(a.mode)   ? QTDIR
                     : S_ISLNK(a.mode) ? QTSYMLINK
                                       : QTFILE,
             .version = static_cast<u32>(version ^ version >> 32),
             .path = *path};
}

Sys<std::string> Folder::read_link(std::string_view path) const {
  const Sys<Fd> found = find(path);
  if (!found) return error(found.error());
  const Sys<Attr> a = attributes(*found);
  if (!a) return error(a.error());
  std::string target(PATH_MAX, '\0');
  ssize_t n = 0;
  if (S_ISLNK(a->host_mode)) {
    n = ::readlinkat(found->get(), "", target.data(), target.size());
  } else if (S_ISLNK(a->mode) && S_ISREG(a->host_mode)) {  // mapped: the file's contents
    const Fd file(::open(proc_path(*found).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return last_error();
    n = ::pread(file.get(), target.data(), target.size(), 0);
  } else {
    return error(EINVAL);
  }
  if (n < 0) return last_error();
  target.resize(static_cast<std::size_t>(n));
  return target;
}

Sys<struct statfs> Folder::statistics(std::string_view path) const {
  const Sys<Fd> found = find(path);
  if (!found) return error(found.error());
  struct statfs st {};
  if (::fstatfs(found->get(), &st) != 0) return last_error();
  return st;
}

// ---- Making -------------------------------------------------------------------------------------

// Takes back what was made, when its attributes could not be set.
Sys<void> Folder::undo(const Fd& folder, const std::string& name, int flags, int why) {
  (void)::unlinkat(folder.get(), name.c_str(), flags);
  return error(why);
}

// Owner and mode of a file that was just made.  `type` is what the guest sees; `rdev` comes with
// mknod, of whatever type, as in QEMU.
Sys<void> Folder::apply(const Fd& file, u32 type, const Credentials& c, const u64* rdev) {
  const u32 mode = type | (c.mode & kPermissions);
  if (mapped()) return store_mapping(file, c.uid, c.gid, &mode, rdev);
  // The owner first: changing it takes set-user-ID bits away.
  if (const Sys<void> done = set_owner(file, c.uid, c.gid); !done) return done;
  if (S_ISLNK(type)) return {};
  return outcome(::chmod(proc_path(file).c_str(), c.mode & kPermissions));
}

Sys<Fd> Folder::create(std::string_view folder, std::string_view name, int flags,
                       const Credentials& c) {
  if (const Sys<void> may = may_write(); !may) return error(may.error());
  if (const int wrong = name_error(name); wrong != 0) return error(wrong);
  const Sys<Fd> where = find_folder(folder);
  if (!where) return error(where.error());
  const std::string n(name);
  constexpr int kHeeded = O_ACCMODE | O_TRUNC | O_APPEND | O_SYNC | O_DSYNC;
  const u32 mode = mapped() ? config_.fmode : c.mode & 0777;
  const int how = (flags & kHeeded) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
  Fd file(::openat(where->get(), n.c_str(), how, mode));
  if (!file) {
    // Somebody else made it first, and the guest would take that file.
    if (errno == EEXIST && (flags & O_EXCL) == 0) return open_file(join(folder, name), flags);
    return last_error();
  }
  if (const Sys<void> done = apply(file, S_IFREG, c, nullptr); !done)
    return error(undo(*where, n, 0, done.error()).error());
  return file;
}

Sys<void> Folder::make_folder(std::string_view folder, std::string_view name,
                              const Credentials& c) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (const int wrong = name_error(name); wrong != 0) return error(wrong);
  const Sys<Fd> where = find_folder(folder);
  if (!where) return error(where.error());
  const std::string n(name);
  if (::mkdirat(where->get(), n.c_str(), mapped() ? config_.dmode : c.mode & 0777) != 0)
    return last_error();
  const Fd made(::openat(where->get(), n.c_str(), kFound | O_DIRECTORY));
  if (!made) return last_error();
  const Sys<void> done = apply(made, S_IFDIR, c, nullptr);
  return done ? done : undo(*where, n, AT_REMOVEDIR, done.error());
}

Sys<void> Folder::make_node(std::string_view folder, std::string_view name, u32 major, u32 minor,
                            const Credentials& c) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (const int wrong = name_error(name); wrong != 0) return error(wrong);
  const u32 type = c.mode & S_IFMT;
  if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && type != S_IFCHR && type != S_IFBLK)
    return error(EINVAL);
  const Sys<Fd> where = find_folder(folder);
  if (!where) return error(where.error());
  const std::string n(name);
  const u64 rdev = device_number(major, minor);
  const u32 host_mode = mapped() ? S_IFREG | config_.fmode : type | (c.mode & 0777);
  if (::mknodat(where->get(), n.c_str(), host_mode, mapped() ? 0 : rdev) != 0) return last_error();
  const Fd made(::openat(where->get(), n.c_str(), kFound));
  if (!made) return last_error();
  const Sys<void> done = apply(made, type, c, &rdev);
  return done ? done : undo(*where, n, 0, done.error());
}

Sys<void> Folder::make_symlink(std::string_view folder, std::string_view name,
                               std::string_view target, const Credentials& c) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (const int wrong = name_error(name); wrong != 0) return error(wrong);
  if (target.empty() || target.find('\0') != std::string_view::npos) return error(ENOENT);
  if (target.size() >= PATH_MAX) return error(ENAMETOOLONG);
  const Sys<Fd> where = find_folder(folder);
  if (!where) return error(where.error());
  const std::string n(name), text(target);
  if (!mapped()) {
    if (::symlinkat(text.c_str(), where->get(), n.c_str()) != 0) return last_error();
    const Fd made(::openat(where->get(), n.c_str(), kFound));
    if (!made) return last_error();
    const Sys<void> done = apply(made, S_IFLNK, c, nullptr);
    return done ? done : undo(*where, n, 0, done.error());
  }
  const Fd file(::openat(where->get(), n.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, config_.fmode));
  if (!file) return last_error();
  const ssize_t written = ::pwrite(file.get(), text.data(), text.size(), 0);
  if (written != static_cast<ssize_t>(text.size()))
    return undo(*where, n, 0, written < 0 ? errno : ENOSPC);
  const Sys<void> done = apply(file, S_IFLNK, {.uid = c.uid, .gid = c.gid, .mode = 0777}, nullptr);
  return done ? done : undo(*where, n, 0, done.error());
}

Sys<void> Folder::make_link(std::string_view old_path, std::string_view folder,
                            std::string_view name) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (const int wrong = name_error(name); wrong != 0) return error(wrong);
  if (old_path.empty()) return error(EPERM);
  const Sys<Fd> from = find_folder(parent(old_path)), to = find_folder(folder);
  if (!from || !to) return error(!from ? from.error() : to.error());
  const std::string old_name(old_path.substr(old_path.rfind('/') + 1)), n(name);
  return outcome(::linkat(from->get(), old_name.c_str(), to->get(), n.c_str(), 0));
}

Sys<void> Folder::rename(std::string_view old_path, std::string_view new_path) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (old_path.empty() || new_path.empty()) return error(EBUSY);
  const std::string old_name(old_path.substr(old_path.rfind('/') + 1));
  const std::string new_name(new_path.substr(new_path.rfind('/') + 1));
  if (!is_component(old_name) || !is_component(new_name)) return error(EISDIR);
  const Sys<Fd> from = find_folder(parent(old_path)), to = find_folder(parent(new_path));
  if (!from || !to) return error(!from ? from.error() : to.error());
  return outcome(::renameat(from->get(), old_name.c_str(), to->get(), new_name.c_str()));
}

Sys<void> Folder::remove(std::string_view path, bool folder) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (path.empty()) return error(EBUSY);
  const Sys<Fd> where = find_folder(parent(path));
  if (!where) return error(where.error());
  const std::string name(path.substr(path.rfind('/') + 1));
  return outcome(::unlinkat(where->get(), name.c_str(), folder ? AT_REMOVEDIR : 0));
}

// ---- Changing attributes ------------------------------------------------------------------------

Sys<void> Folder::set_mode(const Fd& file, u32 mode) {
  if (const Sys<void> may = may_write(); !may) return may;
  const Sys<Attr> a = attributes(file);
  if (!a) return error(a.error());
  if (S_ISLNK(a->host_mode)) return error(EOPNOTSUPP);
  if (mapped()) {
    const u32 whole = (a->mode & S_IFMT) | (mode & kPermissions);
    return store_mapping(file, kNoUid, kNoUid, &whole, nullptr);
  }
  return outcome(::chmod(proc_path(file).c_str(), mode & kPermissions));
}

Sys<void> Folder::set_owner(const Fd& file, u32 uid, u32 gid) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (uid == kNoUid && gid == kNoUid) return {};
  if (mapped()) return store_mapping(file, uid, gid, nullptr, nullptr);
  if (::fchownat(file.get(), "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0) return {};
  if (config_.model == SecurityModel::None && (errno == EPERM || errno == EINVAL)) return {};
  return last_error();
}

Sys<void> Folder::set_size(const Fd& file, u64 size) {
  if (const Sys<void> may = may_write(); !may) return may;
  if (size > static_cast<u64>(LLONG_MAX)) return error(EFBIG);
  const Sys<Attr> a = attributes(file);
  if (!a) return error(a.error());
  if (S_ISDIR(a->host_mode)) return error(EISDIR);
  if (!S_ISREG(a->host_mode)) return error(EINVAL);
  // The file may be open for writing and closed to a path (mode 0444).
  if (::ftruncate(file.get(), static_cast<off_t>(size)) == 0) return {};
  return outcome(::truncate(proc_path(file).c_str(), static_cast<off_t>(size)));
}

Sys<void> Folder::set_times(const Fd& file, const timespec times[2]) {
  if (const Sys<void> may = may_write(); !may) return may;
  return outcome(::utimensat(AT_FDCWD, proc_path(file).c_str(), times, 0));
}

Sys<void> Folder::touch(const Fd& file) {
  if (const Sys<void> may = may_write(); !may) return may;
  return outcome(::fchownat(file.get(), "", kNoUid, kNoUid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

}  // namespace quince::p9
