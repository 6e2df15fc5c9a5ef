// A session in a snapshot: fids by path.  What is there after a load is a claim, as a request is.
#include <algorithm>

#include "hw/virtio/9p/server.h"

namespace quince::p9 {

namespace {
constexpr u8 kFormat = 1;

bool is_path(std::string_view path) {
  if (path.size() > Folder::kMaxPath) return false;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (!Folder::is_component(path.substr(0, end)) || end + 1 == path.size()) return false;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return true;
}
}  // namespace

void Server::save(std::vector<u8>& bytes) const {
  Writer out(bytes, kMaxState);
  out.put8(kFormat);
  out.put8(session_);
  out.put32(msize_);
  std::vector<u32> numbers;  // in order, for equal sessions are equal bytes
  numbers.reserve(fids_.size());
  for (const auto& [number, f] : fids_) numbers.push_back(number);
  std::ranges::sort(numbers);
  out.put32(static_cast<u32>(numbers.size()));
  for (const u32 number : numbers) {
    const Fid& f = fids_.at(number);
    out.put32(number);
    out.put8(static_cast<u8>(f.kind));
    out.text(f.path);
    out.put32(f.uid);
    out.put32(f.flags);
    out.text(f.xattr);
    out.put32(f.xattr_flags);
    out.put64(f.filled);
    out.put32(static_cast<u32>(f.value.size()));
    out.bytes(f.value);
  }
  locks_.save(out);
}

bool Server::load_fid(Reader& in) {
  const u32 number = in.get32();
  const u8 kind = in.get8();
  const std::string path(in.text());
  const u32 uid = in.get32(), flags = in.get32();
  const std::string xattr(in.text());
  const u32 xattr_flags = in.get32();
  const u64 filled = in.get64();
  const auto value = in.bytes(in.get32());
  int why = 0;
  if (!in.ok() || kind > static_cast<u8>(Fid::Kind::XattrWrite) || !is_path(path) ||
      value.size() > std::min(Folder::kMaxXattr, kMaxXattrBytes - xattr_bytes_) ||
      filled > value.size())
    return false;
  Fid* const f = add(number, path, uid, why);
  if (f == nullptr) return false;
  f->xattr = xattr;
  f->xattr_flags = xattr_flags;
  f->filled = filled;
  f->value.assign(value.begin(), value.end());
  xattr_bytes_ += value.size();
  const auto wanted = static_cast<Fid::Kind>(kind);
  const bool open = wanted == Fid::Kind::File || wanted == Fid::Kind::Directory;
  if (open && (open_fid(*f, flags & ~P9_DOTL_TRUNC) != 0 || f->kind != wanted)) {
    if (f->file) --open_files_;
    f->file.reset();
    f->lost = true;
    f->flags = flags;
  }
  f->kind = wanted;
  return true;
}

bool Server::load(std::span<const u8> bytes) {
  reset();
  Reader in(bytes);
  const bool known = in.get8() == kFormat;
  const u8 session = in.get8();
  const u32 msize = in.get32();
  const u32 count = in.get32();
  bool good = known && in.ok() && session <= 1 && count <= kMaxFids &&
              (session != 0 ? msize >= kMinMsize && msize <= kMaxMsize : count == 0);
  for (u32 n = 0; good && n < count; ++n) good = load_fid(in);
  good = good && locks_.load(in) && in.ok() && in.left() == 0;
  if (!good) {
    reset();
    return false;
  }
  session_ = session != 0;
  msize_ = msize;
  return true;
}

}  // namespace quince::p9
