// Opening, tables, commits and reading.
#include "block/qcow2/image.h"

#include <algorithm>
#include <array>

#include "base/bits.h"
#include "block/iov.h"
#include "block/qcow2/check.h"
#include "block/qcow2/compress.h"
#include "block/qcow2/entry.h"

namespace quince::block::qcow2 {

namespace {
constexpr std::size_t kMaxFreed = 65536;
}

Qcow2Image::Qcow2Image(std::unique_ptr<Image> file, std::unique_ptr<Image> backing,
                       const Header& header, const Options& options)
    : file_(std::move(file)),
      backing_(std::move(backing)),
      options_(options),
      header_(header),
      refcounts_(*file_, header_, *this),
      l2_(*file_, header.cluster_size()) {}

Result<std::unique_ptr<Qcow2Image>> Qcow2Image::open(std::unique_ptr<Image> file,
                                                     std::unique_ptr<Image> backing,
                                                     const Options& options) {
  Header header = TRY(read_header(*file));
  if (!options.read_only && (header.incompatible & kCorrupt) != 0)
    return fail(
        "{}: the image is marked corrupt and can only be opened read-only (repair it: check -r "
        "all)",
        file->name());
  if (!options.read_only && (header.incompatible & kDirty) != 0) {
    // Somebody with lazy refcounts did not come to an end: count anew.
    if (options.warn)
      options.warn(fmt::format("{}: not closed properly; repairing refcounts", file->name()));
    const CheckReport report = TRY(check(*file, Repair::All));
    if (report.corruptions != 0)
      return fail("{}: the image is corrupt (check -r all says more)", file->name());
    header = TRY(read_header(*file));
  }
  std::unique_ptr<Qcow2Image> image(
      new Qcow2Image(std::move(file), std::move(backing), header, options));
  TRY_VOID(image->load());
  return image;
}

Result<void> Qcow2Image::load() {
  const auto bad = [&](const char* what, Status s) {
    return fail("{}: could not read the {}: {}", name(), what, std::make_error_code(s).message());
  };
  std::vector<u8> raw(header_.l1_size * std::size_t{8});
  const iovec all = part(std::span<u8>(raw));
  if (const Status s = file_->read(header_.l1_offset, {&all, 1}); s != Status{})
    return bad("L1 table", s);
  l1_.resize(header_.l1_size);
  for (std::size_t n = 0; n < l1_.size(); ++n) {
    l1_[n] = load_be<u64>(&raw[n * 8]);
    if ((l1_[n] & kOffsetMask) != 0)
      l2_clusters_.push_back((l1_[n] & kOffsetMask) >> header_.cluster_bits);
  }
  std::sort(l2_clusters_.begin(), l2_clusters_.end());
  if (options_.read_only) return {};
  if (const Status s = refcounts_.load(); s != Status{}) return bad("refcount table", s);
  if (header_.version == 3 && header_.autoclear != 0) {
    // They say that something else in the file fits the data, which will not be so any more.
    const std::array<u8, 8> none{};
    const iovec field = part(std::span<const u8>(none));
    if (const Status s = file_->write(kAutoclearAt, {&field, 1}); s != Status{})
      return bad("header", s);
    header_.autoclear = 0;
  }
  return {};
}

Qcow2Image::~Qcow2Image() {
  if (options_.read_only) return;
  const std::lock_guard hold(mutex_);
  // Once more for the counts of what the first lets go of.
  if (commit(false) == Status{}) static_cast<void>(commit(false));
}

bool Qcow2Image::is_reserved(u64 cluster, u64 clusters) const {
  const auto meets = [&](u64 first, u64 count) {
    return cluster < first + count && first < cluster + clusters;
  };
  const u64 l1_clusters = (header_.l1_size * u64{8} + cluster_size() - 1) >> header_.cluster_bits;
  if (meets(0, 1) || meets(header_.l1_offset >> header_.cluster_bits, l1_clusters)) return true;
  if (refcounts_.is_metadata(cluster, clusters)) return true;
  const auto at = std::lower_bound(l2_clusters_.begin(), l2_clusters_.end(), cluster);
  return at != l2_clusters_.end() && *at < cluster + clusters;
}

/// The tables contradict each other: nothing is written any more, and the file says so.
Status Qcow2Image::damaged() {
  if (damaged_) return Status::io_error;
  damaged_ = true;
  if (options_.warn)
    options_.warn(fmt::format("{}: the image is corrupt; it takes no more writes", name()));
  if (header_.version == 3) {
    header_.incompatible |= kCorrupt;
    std::array<u8, 8> raw{};
    store_be<u64>(raw.data(), header_.incompatible);
    const iovec field = part(std::span<const u8>(raw));
    static_cast<void>(file_->write(kIncompatibleAt, {&field, 1}));
  }
  return Status::io_error;
}

Status Qcow2Image::parse_entry(u64 entry, Run& run) const {
  run.entry = entry;
  run.clusters = 1;
  run.mine = (entry & kCopied) != 0;
  run.host = entry & kOffsetMask;
  if ((entry & kCompressed) != 0) {
    run.kind = Kind::Compressed;
    run.mine = false;
    run.host = CompressedEntry(entry, header_.cluster_bits).offset;
    return {};
  }
  const bool zero = (entry & kZero) != 0;
  if (zero && header_.version < 3) return kInconsistent;
  if (!is_aligned(run.host, cluster_size())) return kInconsistent;
  if (zero)
    run.kind = run.host != 0 ? Kind::ZeroAllocated : Kind::ZeroPlain;
  else
    run.kind = run.host != 0 ? Kind::Data : Kind::Unallocated;
  return {};
}

Status Qcow2Image::l2_of(u64 cluster, TableCache::Ref& table) {
  const u64 index = cluster / header_.l2_entries();
  if (index >= l1_.size()) return Status::io_error;
  const u64 offset = l1_[index] & kOffsetMask;
  table = nullptr;
  if (offset == 0) return {};
  if (!is_aligned(offset, cluster_size())) return kInconsistent;
  return l2_.get(offset, table);
}

Status Qcow2Image::lookup_locked(u64 cluster, u64 most, Run& run) {
  const u64 first = cluster % header_.l2_entries();
  most = std::min(most, header_.l2_entries() - first);
  TableCache::Ref table;
  if (const Status s = l2_of(cluster, table); s != Status{}) return s;
  if (table == nullptr) {
    run = Run{};
    run.clusters = most;
    return {};
  }
  const auto entry = [&](u64 n) { return load_be<u64>(&table->bytes[(first + n) * 8]); };
  if (const Status s = parse_entry(entry(0), run); s != Status{}) return s;
  if (run.kind == Kind::Compressed) return {};
  while (run.clusters < most) {
    Run next;
    if (parse_entry(entry(run.clusters), next) != Status{}) break;
    const u64 expected = run.host != 0 ? run.host + run.clusters * cluster_size() : 0;
    if (next.kind != run.kind || next.mine != run.mine || next.host != expected) break;
    ++run.clusters;
  }
  return {};
}

Status Qcow2Image::lookup(u64 cluster, u64 most, Run& run) {
  const std::lock_guard hold(mutex_);
  return lookup_locked(cluster, most, run);
}

Status Qcow2Image::write_l1() {
  if (dirty_l1_.empty()) return {};
  if (const Status s = file_flush(); s != Status{}) return s;  // the tables before what leads there
  while (!dirty_l1_.empty()) {
    const u64 index = *dirty_l1_.begin();
    std::array<u8, 8> raw{};
    store_be<u64>(raw.data(), l1_[index]);
    const iovec entry = part(std::span<const u8>(raw));
    if (const Status s = file_->write(header_.l1_offset + index * 8, {&entry, 1}); s != Status{})
      return s;
    dirty_l1_.erase(dirty_l1_.begin());
  }
  return {};
}

Status Qcow2Image::commit(bool durable) {
  if (damaged_) return Status::io_error;
  if (const Status s = refcounts_.write(); s != Status{}) return checked(s);
  if (l2_.any_dirty() || !dirty_l1_.empty()) {
    if (const Status s = file_flush(); s != Status{}) return s;
    if (const Status s = l2_.write_dirty(); s != Status{}) return s;
    if (const Status s = write_l1(); s != Status{}) return s;
  }
  if (durable || !freed_.empty())
    if (const Status s = file_flush(); s != Status{}) return s;
  while (!freed_.empty()) {
    const Freed f = freed_.back();
    freed_.pop_back();
    for (u64 c = f.cluster; c < f.cluster + f.clusters; ++c) {
      if (const Status s = refcounts_.release(c, 1); s != Status{}) return checked(s);
      u64 count = 0;
      if (!options_.discard || refcounts_.get(c, count) != Status{} || count != 0) continue;
      static_cast<void>(file_->discard(c << header_.cluster_bits, cluster_size()));  // a hint
    }
  }
  return {};
}

Status Qcow2Image::make_room() {
  if (damaged_) return Status::io_error;
  const bool full = l2_.crowded() || refcounts_.crowded() || freed_.size() > kMaxFreed;
  return full ? commit(false) : Status{};
}

Status Qcow2Image::flush() {
  if (options_.read_only) return {};
  {
    const std::lock_guard hold(mutex_);
    const bool tables = refcounts_.any_dirty() || l2_.any_dirty() || !dirty_l1_.empty();
    if (tables || !freed_.empty() || damaged_) return commit(true);
  }
  return file_flush();
}

Status Qcow2Image::read(u64 offset, std::span<const iovec> parts) {
  const u64 length = total_length(parts);
  if (length == 0) return {};
  const RangeLock::Guard guard(ranges_, cluster_of(offset), cluster_of(offset + length - 1) + 1,
                               false);
  return read_unlocked(offset, parts);
}

Status Qcow2Image::read_unlocked(u64 offset, std::span<const iovec> parts) {
  const u64 length = total_length(parts);
  for (u64 done = 0; done < length;) {
    const u64 at = offset + done;
    Run run;
    const u64 most = cluster_of(offset + length - 1) - cluster_of(at) + 1;
    if (const Status s = lookup(cluster_of(at), most, run); s != Status{})
      return s == kInconsistent ? Status::io_error : s;
    const u64 n = std::min(length - done, run.clusters * cluster_size() - in_cluster(at));
    const auto piece = slice(parts, done, n);
    if (const Status s = read_run(run, at, piece); s != Status{}) return s;
    done += n;
  }
  return {};
}

Status Qcow2Image::read_run(const Run& run, u64 offset, std::span<const iovec> parts) {
  switch (run.kind) {
    case Kind::Data:
      return file_->read(run.host + in_cluster(offset), parts);
    case Kind::Compressed:
      return read_compressed(run, offset, parts);
    case Kind::Unallocated:
      return read_backing(offset, parts);
    case Kind::ZeroPlain:
    case Kind::ZeroAllocated:
      fill_zero(parts, 0, total_length(parts));
      return {};
  }
  return Status::io_error;
}

Status Qcow2Image::read_backing(u64 offset, std::span<const iovec> parts) {
  const u64 length = total_length(parts);
  const u64 end = backing_ != nullptr ? backing_->size() : 0;
  const u64 there = offset >= end ? 0 : std::min(length, end - offset);
  if (there < length) fill_zero(parts, there, length - there);
  if (there == 0) return {};
  if (there == length) return backing_->read(offset, parts);
  return backing_->read(offset, slice(parts, 0, there));
}

Status Qcow2Image::read_compressed(const Run& run, u64 offset, std::span<const iovec> parts) {
  const CompressedEntry c(run.entry, header_.cluster_bits);
  std::vector<u8> packed(c.bytes), cluster(cluster_size());
  const iovec all = part(std::span<u8>(packed));
  if (const Status s = file_->read(c.offset, {&all, 1}); s != Status{}) return s;
  if (!decompress(header_.compression, packed, cluster)) return Status::io_error;
  scatter(parts, 0, std::span<const u8>(cluster).subspan(in_cluster(offset), total_length(parts)));
  return {};
}

Image::Extent Qcow2Image::own_extent(u64 offset, u64 length) {
  Run run;
  if (lookup(cluster_of(offset), cluster_of(offset + length - 1) - cluster_of(offset) + 1, run) !=
      Status{})
    return {true, length};  // reading will say what is wrong
  return {run.kind != Kind::Unallocated,
          std::min(length, run.clusters * cluster_size() - in_cluster(offset))};
}

Image::Extent Qcow2Image::extent(u64 offset, u64 length) {
  Run run;
  if (lookup(cluster_of(offset), cluster_of(offset + length - 1) - cluster_of(offset) + 1, run) !=
      Status{})
    return {false, length};
  const u64 n = std::min(length, run.clusters * cluster_size() - in_cluster(offset));
  if (run.zero()) return {true, n};
  if (run.kind != Kind::Unallocated) return {false, n};
  const u64 end = backing_ != nullptr ? backing_->size() : 0;
  return offset >= end ? Extent{true, n} : backing_->extent(offset, std::min(n, end - offset));
}

}  // namespace quince::block::qcow2
