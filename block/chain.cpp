#include "block/chain.h"

#include <array>

#include "block/host_file.h"
#include "block/iov.h"
#include "block/probe.h"
#include "block/qcow2/image.h"

namespace quince::block {

namespace {

constexpr unsigned kMaxDepth = 200;

Result<std::unique_ptr<Image>> open_layer(const std::string& path, const std::string& format,
                                          bool guessed, const ChainOptions& o, unsigned depth);

/// What is below a qcow2 image.
Result<std::unique_ptr<Image>> open_backing(const std::string& path, const qcow2::Header& header,
                                            const ChainOptions& o, unsigned depth) {
  if (depth >= kMaxDepth) return fail("{}: the backing chain is too long, or a loop", path);
  const std::string below = backing_path(path, TRY(local_path(header.backing_file)));
  std::string format = header.backing_format;
  const bool guessed = format.empty();
  if (guessed) {
    format = TRY(guess_format(below));
    if (o.warn)
      o.warn(
          fmt::format("{}: no backing format is given; '{}' is taken for {}", path, below, format));
  }
  ChainOptions b = o;
  b.read_only = true;
  return open_layer(below, format, guessed, b, depth + 1);
}

Result<std::unique_ptr<Image>> open_layer(const std::string& path, const std::string& format,
                                          bool guessed, const ChainOptions& o, unsigned depth) {
  if (format != "raw" && format != "qcow2")
    return fail("{}: the format '{}' is not supported (known: raw, qcow2)", path, format);
  HostFile::Options f;
  f.read_only = o.read_only;
  f.direct = o.direct;
  f.share_rw = o.share_rw;
  f.locking = o.locking;
  f.resizes = format != "raw";
  f.guessed = format == "raw" && guessed;
  auto file = TRY(HostFile::open(path, f));
  if (format == "raw") return file;

  const qcow2::Header header = TRY(qcow2::read_header(*file));
  // A guess is not believed twice: what a guest wrote to a raw disk must not choose a file of the
  // host as its own backing file.
  if (guessed && depth != 0 && !header.backing_file.empty())
    return fail("{}: has a backing file, and its own format is only a guess; give it (-F qcow2)",
                path);
  std::unique_ptr<Image> backing;
  if (!header.backing_file.empty() && o.backing)
    backing = TRY(open_backing(path, header, o, depth));
  qcow2::Options q;
  q.read_only = o.read_only;
  q.discard = o.discard;
  q.no_flush = o.no_flush;
  q.warn = o.warn;
  return TRY(qcow2::Qcow2Image::open(std::move(file), std::move(backing), q));
}

}  // namespace

Result<std::string> guess_format(const std::string& path) {
  HostFile::Options o;
  o.read_only = true;
  o.locking = Locking::Off;
  const auto file = TRY(HostFile::open(path, o));
  std::array<u8, kProbeBytes> start{};
  const iovec whole = part(std::span<u8>(start));
  if (const Status s = file->read(0, {&whole, 1}); s != Status{})
    return fail("could not read '{}': {}", path, std::make_error_code(s).message());
  const std::string_view found = probe_format(start);
  return std::string(found.empty() ? "raw" : found);
}

Result<std::string> local_path(const std::string& name) {
  if (name.starts_with("file:")) return name.substr(5);
  // As QEMU decides it: a colon before the first slash makes a protocol of what is before it.
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos || name.find('/') < colon) return name;
  return fail("{}: the protocol '{}' is not supported (only files)", name, name.substr(0, colon));
}

std::string backing_path(const std::string& image, const std::string& backing) {
  if (backing.starts_with('/')) return backing;
  const std::size_t slash = image.rfind('/');
  return slash == std::string::npos ? backing : image.substr(0, slash + 1) + backing;
}

Result<std::unique_ptr<Image>> open_chain(const std::string& path, const std::string& format,
                                          const ChainOptions& o) {
  const bool guessed = format.empty();
  return open_layer(path, guessed ? TRY(guess_format(path)) : format, guessed, o, 0);
}

}  // namespace quince::block
