// Extended attributes of a folder's files: the guest's own, and those that hold what the security
// model "mapped" stores.
//
// The guest sees the namespace "user." and POSIX access control lists, as with QEMU; other
// namespaces steer the host (security., trusted.) and are EOPNOTSUPP.  With "mapped", lists are
// kept under user.virtfs., and what else is there is hidden.
#include <fmt/format.h>
#include <sys/xattr.h>

#include <cstring>

#include "hw/virtio/9p/folder.h"
#include "hw/virtio/9p/wire.h"

namespace quince::p9 {

namespace {

constexpr std::string_view kUser = "user.";
constexpr std::string_view kVirtfs = "user.virtfs.";
constexpr std::string_view kAcl = "system.posix_acl_";
constexpr std::string_view kMappedAcl = "user.virtfs.system.posix_acl_";
constexpr const char* kUid = "user.virtfs.uid";
constexpr const char* kGid = "user.virtfs.gid";
constexpr const char* kMode = "user.virtfs.mode";
constexpr const char* kRdev = "user.virtfs.rdev";

template <class T>
bool load(const std::string& path, const char* name, T& v) {
  u8 bytes[sizeof(T)];
  if (::getxattr(path.c_str(), name, bytes, sizeof bytes) != sizeof bytes) return false;
  v = load_le<T>(bytes);
  return true;
}

template <class T>
bool store(const std::string& path, const char* name, T v) {
  u8 bytes[sizeof(T)];
  store_le(bytes, v);
  return ::setxattr(path.c_str(), name, bytes, sizeof bytes, 0) == 0;
}

}  // namespace

// ---- What "mapped" stores -----------------------------------------------------------------------

Sys<void> Folder::store_mapping(const Fd& file, u32 uid, u32 gid, const u32* mode,
                                const u64* rdev) {
  const std::string path = proc_path(file);
  if (uid != kNoUid && !store(path, kUid, uid)) return last_error();
  if (gid != kNoUid && !store(path, kGid, gid)) return last_error();
  if (mode != nullptr && !store(path, kMode, *mode)) return last_error();
  if (rdev != nullptr && !store(path, kRdev, *rdev)) return last_error();
  return {};
}

void Folder::load_mapping(const Fd& file, Attr& a) const {
  if (!S_ISREG(a.host_mode) && !S_ISDIR(a.host_mode)) return;  // others cannot have attributes
  const std::string path = proc_path(file);
  load(path, kUid, a.uid);
  load(path, kGid, a.gid);
  u32 mode = 0;
  if (load(path, kMode, mode)) a.mode = (mode & S_IFMT) != 0 ? mode : (a.host_mode & S_IFMT) | mode;
  load(path, kRdev, a.rdev);
}

// ---- The guest's own ----------------------------------------------------------------------------

Sys<std::string> Folder::host_xattr_name(std::string_view name) const {
  if (name.find('\0') != std::string_view::npos || name.size() > 255) return error(ERANGE);
  if (name.starts_with(kAcl)) {
    if (config_.model == SecurityModel::None) return error(EOPNOTSUPP);
    return mapped() ? std::string(kVirtfs) + std::string(name) : std::string(name);
  }
  if (!name.starts_with(kUser)) return error(EOPNOTSUPP);
  if (mapped() && name.starts_with(kVirtfs)) return error(ENODATA);
  return std::string(name);
}

Sys<std::vector<u8>> Folder::xattr(std::string_view path, std::string_view name) const {
  const Sys<std::string> host = host_xattr_name(name);
  if (!host) return error(host.error());
  const Sys<Fd> file = find(path);
  if (!file) return error(file.error());
  std::vector<u8> value(kMaxXattr);
  const ssize_t n = ::getxattr(proc_path(*file).c_str(), host->c_str(), value.data(), value.size());
  if (n < 0) return last_error();
  value.resize(static_cast<std::size_t>(n));
  return value;
}

Sys<std::vector<u8>> Folder::xattr_names(std::string_view path) const {
  const Sys<Fd> file = find(path);
  if (!file) return error(file.error());
  std::string all(kMaxXattr, '\0');
  const ssize_t n = ::listxattr(proc_path(*file).c_str(), all.data(), all.size());
  if (n < 0) return last_error();
  all.resize(static_cast<std::size_t>(n));
  std::vector<u8> out;
  for (std::size_t at = 0; at < all.size();) {
    std::string_view name(all.c_str() + at);
    at += name.size() + 1;
    if (mapped() && name.starts_with(kMappedAcl)) {
      name.remove_prefix(kVirtfs.size());
    } else if (!host_xattr_name(name)) {
      continue;
    } else if (mapped() && name.starts_with(kAcl)) {
      continue;  // the host's own list, not the guest's
    }
    out.insert(out.end(), name.begin(), name.end());
    out.push_back(0);
  }
  return out;
}

Sys<void> Folder::set_xattr(std::string_view path, std::string_view name, std::span<const u8> value,
                            int flags) {
  if (const Sys<void> may = may_write(); !may) return may;
  const Sys<std::string> host = host_xattr_name(name);
  if (!host) return error(host.error() == ENODATA ? EACCES : host.error());
  const Sys<Fd> file = find(path);
  if (!file) return error(file.error());
  return outcome(
      ::setxattr(proc_path(*file).c_str(), host->c_str(), value.data(), value.size(), flags));
}

Sys<void> Folder::remove_xattr(std::string_view path, std::string_view name) {
  if (const Sys<void> may = may_write(); !may) return may;
  const Sys<std::string> host = host_xattr_name(name);
  if (!host) return error(host.error() == ENODATA ? EACCES : host.error());
  const Sys<Fd> file = find(path);
  if (!file) return error(file.error());
  return outcome(::removexattr(proc_path(*file).c_str(), host->c_str()));
}

}  // namespace quince::p9
