// A 9P2000.L file server over a folder: one session, one request after another.
//
// Source: diod's protocol.md and section 5 of the Plan 9 manual.  Where they are silent, the errors
// are those that QEMU's server gives.  Modelled: every message of the dialect but Tauth, which is
// refused; locks are among the users of the session (locks.h).  Deliberately missing: 9P2000 and
// 9P2000.u, which get the answer "unknown"; aname, for every attachment is to the whole folder, as
// with QEMU.  Requests are done in their order, so that Tflush has nothing to stop: what it names
// has been answered before.
//
// A fid is a path, and an open descriptor once it is opened.  Renaming renames the paths of every
// fid below.  What a guest can make grow has a limit: fids, bytes of paths and of attributes, open
// files.  Knows nothing of virtio; called from one thread at a time, and may block as the host does.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw/virtio/9p/folder.h"
#include "hw/virtio/9p/locks.h"
#include "hw/virtio/9p/wire.h"

namespace quince::p9 {

class Server {
 public:
  static constexpr std::size_t kMaxFids = 262144;
  static constexpr std::size_t kMaxPathBytes = 64 * MiB;   ///< of all fids
  static constexpr std::size_t kMaxXattrBytes = 16 * MiB;  ///< of all fids
  static constexpr std::size_t kMaxState = 128 * MiB;      ///< bytes of save()

  explicit Server(std::unique_ptr<Folder> folder);

  /// Ends the session: every file is closed.
  void reset();
  /// Does one request.  `request` is a message, maybe with bytes behind it; the answer is at most
  /// `capacity` bytes, at least kErrorSize.  False when a well-formed answer did not fit.
  [[nodiscard]] bool handle(std::span<const u8> request, std::size_t capacity,
                            std::vector<u8>& reply);
  /// Bytes of the longest request that the session allows.
  std::size_t max_request() const { return session_ ? msize_ : kMinMsize; }
  /// Files of several file systems were seen, whose qids may be the same (MultiDevs::Warn).
  bool mixed_devices() const { return folder_->mixed_devices(); }
  std::size_t fids() const { return fids_.size(); }
  std::size_t open_files() const { return open_files_; }

  /// The session as bytes, and back.  Files are opened again by their paths; one that is gone, or
  /// is not to be opened any more, makes its fid answer EIO.  False: the bytes make no sense, and
  /// the session is as after reset().
  void save(std::vector<u8>& out) const;
  [[nodiscard]] bool load(std::span<const u8> in);

 private:
  struct Fid {
    enum class Kind : u8 { Path, File, Directory, XattrRead, XattrWrite };
    Kind kind = Kind::Path;
    bool lost = false;  // was open before a snapshot, and could not be opened after it
    std::string path = {};
    u32 uid = kNoUid;
    u32 flags = 0;  // of Tlopen
    Fd file = {};
    // Extended attributes: what is read, or collected until Tclunk.
    std::string xattr = {};
    std::vector<u8> value = {};
    u32 xattr_flags = 0;
    u64 filled = 0;
  };
  /// 0 or the errno to answer.
  using Handler = int (Server::*)(Reader&, Writer&);

  static Handler handler(Msg type);
  int dispatch(Msg type, Reader& in, Writer& out);

  // server.cpp: sessions and fids
  int version(Reader& in, Writer& out);
  int auth(Reader& in, Writer& out);
  int attach(Reader& in, Writer& out);
  int flush(Reader& in, Writer& out);
  int walk(Reader& in, Writer& out);
  int clunk(Reader& in, Writer& out);
  int remove(Reader& in, Writer& out);
  // server_files.cpp: what is open
  int lopen(Reader& in, Writer& out);
  int lcreate(Reader& in, Writer& out);
  int read(Reader& in, Writer& out);
  int write(Reader& in, Writer& out);
  int readdir(Reader& in, Writer& out);
  int fsync(Reader& in, Writer& out);
  int lock(Reader& in, Writer& out);
  int getlock(Reader& in, Writer& out);
  int xattrwalk(Reader& in, Writer& out);
  int xattrcreate(Reader& in, Writer& out);
  // server_names.cpp: names and attributes
  int statfs(Reader& in, Writer& out);
  int getattr(Reader& in, Writer& out);
  int setattr(Reader& in, Writer& out);
  int symlink(Reader& in, Writer& out);
  int mknod(Reader& in, Writer& out);
  int mkdir(Reader& in, Writer& out);
  int link(Reader& in, Writer& out);
  int readlink(Reader& in, Writer& out);
  int rename(Reader& in, Writer& out);
  int renameat(Reader& in, Writer& out);
  int unlinkat(Reader& in, Writer& out);

  Fid* find(u32 fid);
  /// A new fid; null when the number is taken, or (`why` says which) there are too many.
  Fid* add(u32 number, std::string path, u32 uid, int& why);
  void drop(u32 number);
  int set_path(Fid& f, std::string path);
  int finish_xattr(Fid& f);
  int open_fid(Fid& f, u32 flags);
  /// The descriptor of a fid: its open one, or one that is found now and kept in `keep`.
  Sys<const Fd*> descriptor(const Fid& f, Fd& keep) const;
  int put_new(const std::string& path, Writer& out);
  bool put_entry(const Fid& f, const Attr& directory, const void* entry, Writer& out);
  int rename_path(const std::string& from, const std::string& to);
  bool load_fid(Reader& in);
  u32 iounit() const;

  const std::unique_ptr<Folder> folder_;
  const std::size_t max_open_;  // files and folders
  bool session_ = false;        // a version was agreed on
  u32 msize_ = 0;
  std::unordered_map<u32, Fid> fids_;
  std::size_t path_bytes_ = 0, xattr_bytes_ = 0, open_files_ = 0;
  LockTable locks_;
};

}  // namespace quince::p9
