#include "block/open.h"

#include <array>
#include <cstdlib>

#include "block/chain.h"
#include "block/disk.h"
#include "block/host_file.h"
#include "block/qcow2/create.h"
#include "block/qcow2/image.h"
#include "block/slice.h"

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

std::string temporary_folder() {
  const char* t = std::getenv("TMPDIR");
  return t != nullptr && *t != '\0' ? t : "/var/tmp";
}

/// What takes the writes instead of the image: a qcow2 file that nobody can find.
Result<std::unique_ptr<Image>> make_overlay(std::unique_ptr<Image> base, const OpenOptions& o) {
  auto file = TRY(o.snapshot == Snapshot::Memory ? HostFile::in_memory()
                                                 : HostFile::temporary(temporary_folder()));
  qcow2::CreateOptions create;
  create.size = base->size();
  TRY_VOID(qcow2::create(*file, create));
  qcow2::Options q;
  q.discard = true;
  q.no_flush = true;  // it does not outlive us anyway
  q.warn = o.warn;
  return TRY(qcow2::Qcow2Image::open(std::move(file), std::move(base), q));
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

Result<std::unique_ptr<Image>> open_image(const OpenOptions& o) {
  const bool throwaway = o.snapshot != Snapshot::Off;
  ChainOptions c;
  c.read_only = o.read_only || throwaway;
  c.direct = is_direct(o.cache);
  c.discard = o.discard;
  c.no_flush = o.cache == Cache::Unsafe;
  c.share_rw = o.share_rw;
  c.locking = o.locking;
  c.warn = o.warn;
  const std::string path = TRY(local_path(o.file));
  std::unique_ptr<Image> image = TRY(open_chain(path, o.format, c));
  if (o.offset != 0) image = TRY(from_offset(std::move(image), o.offset));
  if (throwaway) image = TRY(make_overlay(std::move(image), o));
  Policy p;
  p.read_only = o.read_only;
  p.flush_writes = o.cache == Cache::Writethrough || o.cache == Cache::Directsync;
  p.ignore_flush = o.cache == Cache::Unsafe || throwaway;
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
