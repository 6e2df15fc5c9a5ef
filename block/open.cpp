#include "block/open.h"

#include <array>
#include <cstdlib>

#include "block/disk.h"
#include "block/host_file.h"
#include "block/iov.h"
#include "block/probe.h"

namespace quince::block {

namespace {

template <class T, std::size_t N>
Result<T> parse(std::string_view option, std::string_view value,
                const std::array<std::pair<std::string_view, T>, N>& known) {
  std::string names;
  for (const auto& [name, result] : known) {
    if (name == value) return result;
    names += names.empty() ? "" : ", ";
    names += name;
  }
  return fail("{}={}: unknown value (known: {})", option, value, names);
}

void warn(const OpenOptions& o, const std::string& text) {
  if (o.warn) o.warn(text);
}

bool is_direct(Cache c) { return c == Cache::None || c == Cache::Directsync; }

}  // namespace

Result<Cache> parse_cache(std::string_view value) {
  return parse<Cache, 5>("cache", value,
                         {{{"writeback", Cache::Writeback},
                           {"none", Cache::None},
                           {"writethrough", Cache::Writethrough},
                           {"directsync", Cache::Directsync},
                           {"unsafe", Cache::Unsafe}}});
}

Result<Aio> parse_aio(std::string_view value) {
  return parse<Aio, 3>(
      "aio", value,
      {{{"threads", Aio::Threads}, {"io_uring", Aio::IoUring}, {"native", Aio::Native}}});
}

Result<bool> parse_discard(std::string_view value) {
  return parse<bool, 4>("discard", value,
                        {{{"ignore", false}, {"off", false}, {"unmap", true}, {"on", true}}});
}

Result<DetectZeroes> parse_detect_zeroes(std::string_view value) {
  return parse<DetectZeroes, 3>(
      "detect-zeroes", value,
      {{{"off", DetectZeroes::Off}, {"on", DetectZeroes::On}, {"unmap", DetectZeroes::Unmap}}});
}

Result<Locking> parse_locking(std::string_view value) {
  return parse<Locking, 3>("locking", value,
                           {{{"auto", Locking::Auto}, {"on", Locking::On}, {"off", Locking::Off}}});
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

namespace {

/// The format of a file by its content; `guessed` says that nothing but a guess spoke for raw.
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

}  // namespace

Result<std::unique_ptr<Image>> open_image(const OpenOptions& o) {
  const std::string path = TRY(local_path(o.file));
  const bool guessed = o.format.empty();
  const std::string format = guessed ? TRY(guess_format(path)) : o.format;
  HostFile::Options f;
  f.read_only = o.read_only || o.snapshot != Snapshot::Off;
  f.direct = is_direct(o.cache);
  f.share_rw = o.share_rw;
  f.locking = o.locking;
  f.guessed = guessed;
  if (format != "raw") return fail("{}: the format '{}' is not supported", path, format);
  std::unique_ptr<Image> image = TRY(HostFile::open(path, f));
  Policy p;
  p.read_only = o.read_only;
  p.flush_writes = o.cache == Cache::Writethrough || o.cache == Cache::Directsync;
  p.ignore_flush = o.cache == Cache::Unsafe;
  p.ignore_discard = !o.discard;
  p.detect_zeroes = o.detect_zeroes;
  return with_policy(std::move(image), p);
}

std::unique_ptr<Disk> make_disk(std::unique_ptr<Image> image, const OpenOptions& o,
                                Completions& completions) {
  if (o.aio == Aio::Synchronous)
    return make_synchronous_disk(std::move(image), o.discard, completions);
  if (o.aio == Aio::Native)
    warn(o, fmt::format("{}: aio=native is not there; aio=threads is used", o.file));
  if (o.aio == Aio::IoUring) {
    auto disk = make_uring_disk(image, o.discard, completions);
    if (disk) return std::move(disk).value();
    warn(o, fmt::format("aio=io_uring: {}; aio=threads is used", disk.error().message()));
  }
  return make_threaded_disk(std::move(image), o.discard, completions);
}

}  // namespace quince::block
