// A folder of the host, and everything a server may do inside of it.
//
// A file is named by its path from the folder: components with "/" between them, the empty string
// for the folder itself.  Nothing outside can be reached, whatever the path and whoever renames
// what meanwhile: paths are resolved by openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, or,
// where the kernel lacks it (before 5.6), component by component with O_NOFOLLOW; operations then
// work on the descriptor, through /proc/self/fd where a call takes paths only.  Only regular files
// and folders are ever opened; fifos, sockets and device nodes are names with attributes.
//
// Who owns what is the security model, as QEMU has them:
//   None         as the user who runs the emulator; what the host refuses of owners is ignored
//   Passthrough  owner, group and mode of the host's files are the guest's; refusals are errors
//   Mapped       owner, group, mode and device number are in the extended attributes
//                user.virtfs.{uid,gid,mode,rdev}, as QEMU's mapped-xattr stores them; special files
//                and symbolic links are regular files
// Missing on purpose: mapped-file, whose attributes lie in files beside.
//
// One thread at a time.
#pragma once

#include <sys/stat.h>
#include <sys/statfs.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "hw/virtio/9p/qid_map.h"
#include "hw/virtio/9p/sys.h"

namespace quince::p9 {

enum class SecurityModel : u8 { None, Passthrough, Mapped };

struct FolderConfig {
  std::string path = {};
  SecurityModel model = SecurityModel::Passthrough;
  bool read_only = false;
  MultiDevs multidevs = MultiDevs::Warn;
  u32 fmode = 0600;        ///< permissions of new files on the host; Mapped only
  u32 dmode = 0700;        ///< of new folders
  bool write_out = false;  ///< what is written goes to the host's disk at once
  bool openat2 = true;     ///< false: resolve as on kernels without it
};

/// A file's attributes as the guest sees them.
struct Attr {
  u32 mode = 0;  ///< with the type
  u32 uid = 0, gid = 0;
  u64 nlink = 0, rdev = 0, size = 0, blocks = 0;
  u32 block_size = 0;
  u64 device = 0, inode = 0;  ///< on the host
  statx_timestamp atime = {}, mtime = {}, ctime = {}, btime = {};
  bool has_btime = false;
  u32 host_mode = 0;  ///< what it is on the host, with the type
};

/// Who a new file belongs to, and what it may.
struct Credentials {
  u32 uid = 0, gid = 0;  ///< kNoUid: as the host does it
  u32 mode = 0;          ///< permissions; functions add the type
};

class Folder {
 public:
  static constexpr std::size_t kMaxPath = 16384;  ///< bytes
  static constexpr std::size_t kMaxXattr =
      65536;  ///< bytes of a value or of a list (XATTR_SIZE_MAX)

  /// The error names what is wrong with the path.
  static Result<std::unique_ptr<Folder>> open(const FolderConfig& config);

  const FolderConfig& config() const { return config_; }

  // ---- Names ----
  /// Whether a name can be a component: not empty, without "/" and zero bytes, not "." or "..".
  static bool is_component(std::string_view name);
  /// The errno that QEMU has for a name that nothing can be made under, or 0.
  static int name_error(std::string_view name);
  static std::string join(std::string_view folder, std::string_view name);
  /// The folder of a path; the root's is the root.
  static std::string_view parent(std::string_view path);

  // ---- Reaching files ----
  /// A descriptor that names a file and cannot read or write it (O_PATH).
  Sys<Fd> find(std::string_view path) const;
  /// Opens a regular file or a folder.  `flags`: an access mode, O_TRUNC, O_APPEND, O_SYNC,
  /// O_DSYNC, O_NOATIME and O_DIRECTORY are heeded.  ENXIO for anything else than those two.
  Sys<Fd> open_file(std::string_view path, int flags) const;
  /// Attributes of an open file, or of a found one.
  Sys<Attr> attributes(const Fd& file) const;
  Sys<Attr> attributes(std::string_view path) const;
  Sys<Qid> qid(const Attr& a);
  /// The number of a file with this inode number in the file system `device`.
  Sys<u64> qid_path(u64 device, u64 inode) { return qids_.path(device, inode); }
  bool mixed_devices() const { return qids_.mixed(); }
  Sys<std::string> read_link(std::string_view path) const;
  Sys<struct statfs> statistics(std::string_view path) const;

  // ---- Making, naming, removing ----
  Sys<Fd> create(std::string_view folder, std::string_view name, int flags, const Credentials& c);
  Sys<void> make_folder(std::string_view folder, std::string_view name, const Credentials& c);
  /// `c.mode` has the type: a regular file, fifo, socket or device.
  Sys<void> make_node(std::string_view folder, std::string_view name, u32 major, u32 minor,
                      const Credentials& c);
  Sys<void> make_symlink(std::string_view folder, std::string_view name, std::string_view target,
                         const Credentials& c);
  Sys<void> make_link(std::string_view old_path, std::string_view folder, std::string_view name);
  Sys<void> rename(std::string_view old_path, std::string_view new_path);
  Sys<void> remove(std::string_view path, bool folder);

  // ---- Changing attributes ----
  Sys<void> set_mode(const Fd& file, u32 mode);
  /// kNoUid leaves an id as it is.
  Sys<void> set_owner(const Fd& file, u32 uid, u32 gid);
  Sys<void> set_size(const Fd& file, u64 size);
  Sys<void> set_times(const Fd& file, const timespec times[2]);
  /// The time of the last change of attributes becomes now.
  Sys<void> touch(const Fd& file);

  // ---- Extended attributes (folder_xattr.cpp) ----
  Sys<std::vector<u8>> xattr(std::string_view path, std::string_view name) const;
  /// The names, each with a zero byte behind it.
  Sys<std::vector<u8>> xattr_names(std::string_view path) const;
  Sys<void> set_xattr(std::string_view path, std::string_view name, std::span<const u8> value,
                      int flags);
  Sys<void> remove_xattr(std::string_view path, std::string_view name);

 private:
  Folder(const FolderConfig& config, Fd root, u64 device)
      : config_(config),
        root_(std::move(root)),
        qids_(config.multidevs, device),
        has_openat2_(config.openat2) {}

  bool mapped() const { return config_.model == SecurityModel::Mapped; }
  Sys<void> may_write() const;
  Sys<Fd> step(int folder, const std::string& piece, bool last) const;
  Sys<Fd> find_folder(std::string_view path) const;
  Sys<void> apply(const Fd& file, u32 type, const Credentials& c, const u64* rdev);
  Sys<void> store_mapping(const Fd& file, u32 uid, u32 gid, const u32* mode, const u64* rdev);
  void load_mapping(const Fd& file, Attr& a) const;
  Sys<void> undo(const Fd& folder, const std::string& name, int flags, int why);
  Sys<std::string> host_xattr_name(std::string_view name) const;

  const FolderConfig config_;
  const Fd root_;
  QidMap qids_;
  mutable bool has_openat2_;
};

/// "/proc/self/fd/N": a path that leads to exactly the file behind a descriptor.
std::string proc_path(const Fd& file);

}  // namespace quince::p9
