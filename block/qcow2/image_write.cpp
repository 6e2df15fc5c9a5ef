// Writing: data, zeroes, discards, and the size.
#include <algorithm>
#include <array>

#include "base/bits.h"
#include "block/iov.h"
#include "block/qcow2/compress.h"
#include "block/qcow2/entry.h"
#include "block/qcow2/image.h"

namespace quince::block::qcow2 {

/// The L2 table of a cluster, ours alone and in memory.
Status Qcow2Image::l2_for_change(u64 cluster, TableCache::Ref& table) {
  const u64 index = cluster / header_.l2_entries();
  if (const Status s = l2_of(cluster, table); s != Status{}) return s;
  if (table != nullptr && (l1_[index] & kCopied) != 0) return {};
  // There is none, or a snapshot has it too.
  u64 place = 0, got = 0;
  if (const Status s = refcounts_.allocate(1, place, got); s != Status{}) return s;
  const auto fresh = l2_.create(place << header_.cluster_bits);
  if (table != nullptr) {
    fresh->bytes = table->bytes;
    freed_.push_back({table->offset >> header_.cluster_bits, 1});
    const auto old = std::lower_bound(l2_clusters_.begin(), l2_clusters_.end(),
                                      table->offset >> header_.cluster_bits);
    if (old != l2_clusters_.end()) l2_clusters_.erase(old);
    l2_.drop(table->offset);
  }
  l2_clusters_.insert(std::upper_bound(l2_clusters_.begin(), l2_clusters_.end(), place), place);
  l1_[index] = fresh->offset | kCopied;
  dirty_l1_.insert(index);
  table = fresh;
  return {};
}

/// What an entry led to is not used by it any more.
Status Qcow2Image::free_entry(u64 entry) {
  Run run;
  if (const Status s = parse_entry(entry, run); s != Status{}) return s;
  if (run.host == 0) return {};
  u64 clusters = 1;
  if (run.kind == Kind::Compressed) {
    const CompressedEntry c(entry, header_.cluster_bits);
    clusters = cluster_of(c.offset + c.bytes - 1) - cluster_of(c.offset) + 1;
  }
  freed_.push_back({cluster_of(run.host), clusters});
  return {};
}

/// Changes an entry and lets go of what the old one led to, unless that is the same.
Status Qcow2Image::set_entry(u64 cluster, u64 entry) {
  TableCache::Ref table;
  if (const Status s = l2_for_change(cluster, table); s != Status{}) return s;
  u8* at = &table->bytes[cluster % header_.l2_entries() * 8];
  const u64 old = load_be<u64>(at);
  store_be<u64>(at, entry);
  l2_.mark_dirty(*table);
  const bool same = (old & kCompressed) == 0 && (entry & kCompressed) == 0 &&
                    (old & kOffsetMask) == (entry & kOffsetMask);
  return same ? Status{} : free_entry(old);
}

Status Qcow2Image::write(u64 offset, std::span<const iovec> parts) {
  if (options_.read_only) return Status::read_only_file_system;
  const u64 length = total_length(parts);
  if (length == 0) return {};
  const u64 first = cluster_of(offset), end = cluster_of(offset + length - 1) + 1;
  {
    const RangeLock::Guard guard(ranges_, first, end, false);
    Status result{};
    if (write_in_place(offset, parts, result)) return result;
  }
  const RangeLock::Guard guard(ranges_, first, end, true);
  return write_alone(offset, parts);
}

/// The common case: all of it has its place.  False when it has not, and nothing was done.
bool Qcow2Image::write_in_place(u64 offset, std::span<const iovec> parts, Status& result) {
  const u64 length = total_length(parts);
  struct Piece {
    u64 host, skip, length;
  };
  std::vector<Piece> pieces;
  {
    const std::lock_guard hold(mutex_);
    if (damaged_) {
      result = Status::io_error;
      return true;
    }
    for (u64 done = 0; done < length;) {
      const u64 at = offset + done;
      Run run;
      const u64 most = cluster_of(offset + length - 1) - cluster_of(at) + 1;
      result = checked(lookup_locked(cluster_of(at), most, run));
      if (result != Status{}) return true;
      if (!run.in_place()) return false;
      if (is_reserved(cluster_of(run.host), run.clusters)) {
        result = damaged();
        return true;
      }
      const u64 n = std::min(length - done, run.clusters * cluster_size() - in_cluster(at));
      pieces.push_back({run.host + in_cluster(at), done, n});
      done += n;
    }
  }
  for (const Piece& p : pieces) {
    result = pieces.size() == 1 ? file_->write(p.host, parts)
                                : file_->write(p.host, slice(parts, p.skip, p.length));
    if (result != Status{}) break;
  }
  return true;
}

Status Qcow2Image::write_alone(u64 offset, std::span<const iovec> parts) {
  const u64 length = total_length(parts);
  for (u64 done = 0; done < length;) {
    const u64 at = offset + done;
    Run run;
    const u64 most = cluster_of(offset + length - 1) - cluster_of(at) + 1;
    if (const Status s = lookup(cluster_of(at), most, run); s != Status{}) return s;
    u64 n = std::min(length - done, run.clusters * cluster_size() - in_cluster(at));
    if (run.in_place()) {
      Status s{};
      if (!write_in_place(at, slice(parts, done, n), s)) return Status::io_error;
      if (s != Status{}) return s;
      done += n;
      continue;
    }
    u64 host = 0, got = 0;
    if (const Status s = take_clusters(run, cluster_of(at),
                                       cluster_of(at + n - 1) - cluster_of(at) + 1, host, got);
        s != Status{})
      return s;
    n = std::min(n, got * cluster_size() - in_cluster(at));
    const bool kept = run.kind == Kind::ZeroAllocated && run.mine;
    const Status written = fill(at, host, slice(parts, done, n), got);
    const std::lock_guard hold(mutex_);
    if (written != Status{}) {  // nothing leads there yet
      if (!kept) static_cast<void>(refcounts_.release(cluster_of(host), got));
      return written;
    }
    for (u64 c = 0; c < got; ++c)
      if (const Status s = set_entry(cluster_of(at) + c, (host + c * cluster_size()) | kCopied);
          s != Status{})
        return checked(s);
    done += n;
  }
  return {};
}

/// Places for 1..`wanted` clusters of a run that cannot be written where it is.
Status Qcow2Image::take_clusters(const Run& run, u64 cluster, u64 wanted, u64& host, u64& got) {
  const std::lock_guard hold(mutex_);
  if (const Status s = make_room(); s != Status{}) return s;
  // The table first: when there is no room for it, nothing has to be undone.
  TableCache::Ref table;
  if (const Status s = l2_for_change(cluster, table); s != Status{}) return checked(s);
  if (run.kind == Kind::ZeroAllocated && run.mine) {
    if (is_reserved(cluster_of(run.host), run.clusters)) return damaged();
    host = run.host;
    got = std::min(wanted, run.clusters);
    return {};
  }
  u64 first = 0;
  if (const Status s = refcounts_.allocate(wanted, first, got); s != Status{}) return checked(s);
  host = first << header_.cluster_bits;
  return {};
}

/// Writes whole clusters at `host`: the data, and around it what the guest sees there now.
Status Qcow2Image::fill(u64 offset, u64 host, std::span<const iovec> parts, u64 clusters) {
  const u64 length = total_length(parts);
  std::vector<u8> head(in_cluster(offset));
  std::vector<u8> tail(clusters * cluster_size() - head.size() - length);
  std::vector<iovec> all;
  if (!head.empty()) {
    all.push_back(part(std::span<u8>(head)));
    if (const Status s = read_unlocked(offset - head.size(), {&all[0], 1}); s != Status{}) return s;
  }
  all.insert(all.end(), parts.begin(), parts.end());
  if (!tail.empty()) {
    // The last cluster of the image may reach over its end.
    const u64 from = offset + length;
    const u64 there = from < size() ? std::min<u64>(tail.size(), size() - from) : 0;
    if (there != 0) {
      const iovec p = part(std::span<u8>(tail).first(there));
      if (const Status s = read_unlocked(from, {&p, 1}); s != Status{}) return s;
    }
    all.push_back(part(std::span<u8>(tail)));
  }
  return file_->write(host, all);
}

Status Qcow2Image::write_compressed(u64 offset, std::span<const u8> data) {
  if (options_.read_only) return Status::read_only_file_system;
  std::vector<u8> cluster(data.begin(), data.end());
  cluster.resize(cluster_size());
  std::vector<u8> packed = compress(header_.compression, cluster);
  const u64 number = cluster_of(offset);
  if (packed.empty()) {
    const iovec plain = part(data);
    return write(offset, {&plain, 1});
  }
  const RangeLock::Guard guard(ranges_, number, number + 1, true);
  const std::lock_guard hold(mutex_);
  if (const Status s = make_room(); s != Status{}) return s;
  Run run;
  if (const Status s = lookup_locked(number, 1, run); s != Status{}) return checked(s);
  if (run.kind != Kind::Unallocated) return Status::io_error;
  const u64 bytes = packed.size();
  u64 at = compressed_at_;
  u64 count = 0;
  if (at != 0) {
    if (const Status s = refcounts_.get(cluster_of(at), count); s != Status{}) return checked(s);
    if (count >= header_.max_count() || in_cluster(at) + bytes > cluster_size()) at = 0;
  }
  if (at == 0) {
    u64 place = 0, got = 0;
    if (const Status s = refcounts_.allocate(1, place, got); s != Status{}) return checked(s);
    at = place << header_.cluster_bits;
  } else if (const Status s = refcounts_.add(cluster_of(at), 1); s != Status{}) {
    return checked(s);
  }
  packed.resize(align_up(at + bytes, 512) - at);  // readers take whole sectors
  const iovec all = part(std::span<const u8>(packed));
  if (const Status s = file_->write(at, {&all, 1}); s != Status{}) return s;
  compressed_at_ = in_cluster(at + bytes) == 0 ? 0 : at + bytes;
  return checked(set_entry(number, CompressedEntry::make(at, bytes, header_.cluster_bits)));
}

Status Qcow2Image::discard(u64 offset, u64 length) {
  if (options_.read_only) return Status::read_only_file_system;
  // Whole clusters only; the end of the image counts as the end of one.
  const u64 end = offset + length == size() ? cluster_of(align_up(size(), cluster_size()))
                                            : cluster_of(offset + length);
  const u64 first = cluster_of(align_up(offset, cluster_size()));
  if (first >= end) return {};
  // With a backing image, version 2 has no way to say "zero": what was there stays, which is
  // allowed.
  if (backing_ != nullptr && header_.version < 3) return {};
  const RangeLock::Guard guard(ranges_, first, end, true);
  return drop_clusters(first, end, false);
}

/// Unmaps what is allocated.  `show_backing`: the backing image is seen again; else zeroes are.
Status Qcow2Image::drop_clusters(u64 cluster, u64 end, bool show_backing) {
  while (cluster < end) {
    const std::lock_guard hold(mutex_);
    if (const Status s = make_room(); s != Status{}) return s;
    Run run;
    if (const Status s = lookup_locked(cluster, end - cluster, run); s != Status{})
      return checked(s);
    const u64 entry = backing_ != nullptr && !show_backing ? kZero : 0;
    if (run.kind != Kind::Unallocated && !(run.kind == Kind::ZeroPlain && !show_backing))
      for (u64 c = cluster; c < cluster + run.clusters; ++c)
        if (const Status s = set_entry(c, entry); s != Status{}) return checked(s);
    cluster += run.clusters;
  }
  return {};
}

Status Qcow2Image::make_empty() {
  const u64 end = cluster_of(align_up(size(), cluster_size()));
  const RangeLock::Guard guard(ranges_, 0, end, true);
  return drop_clusters(0, end, true);
}

Status Qcow2Image::write_zeroes(u64 offset, u64 length, bool unmap) {
  if (options_.read_only) return Status::read_only_file_system;
  if (length == 0) return {};
  const u64 end = offset + length;
  const u64 middle = align_up(offset, cluster_size());
  const u64 middle_end =
      end == size() ? align_up(end, cluster_size()) : align_down(end, cluster_size());
  if (middle >= middle_end) return zero_part(offset, length);
  if (middle > offset)
    if (const Status s = zero_part(offset, middle - offset); s != Status{}) return s;
  if (header_.version < 3 && backing_ != nullptr) {
    if (const Status s = store_zeroes(middle, std::min(middle_end, end) - middle); s != Status{})
      return s;
  } else {
    const RangeLock::Guard guard(ranges_, cluster_of(middle), cluster_of(middle_end), true);
    if (const Status s = zero_clusters(cluster_of(middle), cluster_of(middle_end), unmap);
        s != Status{})
      return s;
  }
  return middle_end < end ? zero_part(middle_end, end - middle_end) : Status{};
}

Status Qcow2Image::zero_clusters(u64 cluster, u64 end, bool unmap) {
  while (cluster < end) {
    const std::lock_guard hold(mutex_);
    if (const Status s = make_room(); s != Status{}) return s;
    Run run;
    if (const Status s = lookup_locked(cluster, end - cluster, run); s != Status{})
      return checked(s);
    const bool has_nothing_below =
        backing_ == nullptr || (cluster << header_.cluster_bits) >= backing_->size();
    const bool zero_already = run.zero() || (run.kind == Kind::Unallocated && has_nothing_below);
    // Keeping the place makes the next write cheap; only a count of one allows it.
    const bool keep = !unmap && run.in_place() && header_.version >= 3;
    if (!zero_already || (unmap && run.kind == Kind::ZeroAllocated))
      for (u64 n = 0; n < run.clusters; ++n) {
        u64 entry = header_.version >= 3 && backing_ != nullptr ? kZero : 0;
        if (keep) entry = (run.host + n * cluster_size()) | kCopied | kZero;
        if (const Status s = set_entry(cluster + n, entry); s != Status{}) return checked(s);
      }
    cluster += run.clusters;
  }
  return {};
}

/// Less than a cluster: no bytes for what reads as zeroes anyway.
Status Qcow2Image::zero_part(u64 offset, u64 length) {
  const Extent e = extent(offset, length);
  if (e.zero && e.length == length) return {};
  return store_zeroes(offset, length);
}

Status Qcow2Image::store_zeroes(u64 offset, u64 length) {
  const std::vector<u8> zeroes(std::min<u64>(length, 1 * MiB));
  for (u64 done = 0; done < length;) {
    const iovec p =
        part(std::span<const u8>(zeroes).first(std::min<u64>(zeroes.size(), length - done)));
    if (const Status s = write(offset + done, {&p, 1}); s != Status{}) return s;
    done += p.iov_len;
  }
  return {};
}

/// A longer L1 table in a new place.
Status Qcow2Image::grow_l1(u64 entries) {
  if (entries * 8 > kMaxL1Bytes) return Status::file_too_large;
  const std::lock_guard hold(mutex_);
  if (const Status s = commit(true); s != Status{}) return s;
  const u64 clusters = (entries * 8 + cluster_size() - 1) >> header_.cluster_bits;
  u64 place = 0;
  if (const Status s = refcounts_.allocate_exactly(clusters, place); s != Status{})
    return checked(s);
  std::vector<u8> raw(clusters << header_.cluster_bits);
  for (std::size_t n = 0; n < l1_.size(); ++n) store_be<u64>(&raw[n * 8], l1_[n]);
  const iovec all = part(std::span<const u8>(raw));
  if (const Status s = file_->write(place << header_.cluster_bits, {&all, 1}); s != Status{})
    return s;
  if (const Status s = commit(true); s != Status{}) return s;
  std::array<u8, 12> fields{};
  store_be<u32>(&fields[0], static_cast<u32>(entries));
  store_be<u64>(&fields[4], place << header_.cluster_bits);
  const iovec field = part(std::span<const u8>(fields));
  if (const Status s = file_->write(kL1SizeAt, {&field, 1}); s != Status{}) return s;
  const u64 old_clusters = (header_.l1_size * u64{8} + cluster_size() - 1) >> header_.cluster_bits;
  if (old_clusters != 0) freed_.push_back({cluster_of(header_.l1_offset), old_clusters});
  header_.l1_size = static_cast<u32>(entries);
  header_.l1_offset = place << header_.cluster_bits;
  l1_.resize(entries);
  return commit(true);
}

Status Qcow2Image::resize(u64 new_size) {
  if (options_.read_only) return Status::read_only_file_system;
  // A snapshot's L1 table is as long as the image was.
  if (header_.snapshots != 0 && (header_.version < 3 || new_size < size()))
    return Status::operation_not_supported;
  if (new_size >> 63 != 0) return Status::file_too_large;
  const u64 old_size = size();
  if (new_size < old_size) {
    const u64 first = cluster_of(align_up(new_size, cluster_size()));
    const u64 end = cluster_of(align_up(old_size, cluster_size()));
    if (const Status s = drop_clusters(first, end, true); s != Status{}) return s;
  }
  if (header_.l1_entries_for(new_size) > header_.l1_size)
    if (const Status s = grow_l1(header_.l1_entries_for(new_size)); s != Status{}) return s;
  {
    const std::lock_guard hold(mutex_);
    if (const Status s = commit(true); s != Status{}) return s;
    std::array<u8, 8> raw{};
    store_be<u64>(raw.data(), new_size);
    const iovec field = part(std::span<const u8>(raw));
    if (const Status s = file_->write(kSizeAt, {&field, 1}); s != Status{}) return s;
    header_.size = new_size;
  }
  if (new_size > old_size) {
    // Neither the rest of the old last cluster nor a longer backing image may be seen.
    u64 end = align_up(old_size, cluster_size());
    if (backing_ != nullptr) end = std::max(end, backing_->size());
    end = std::min(end, new_size);
    if (end > old_size)
      if (const Status s = write_zeroes(old_size, end - old_size, true); s != Status{}) return s;
  }
  return flush();
}

}  // namespace quince::block::qcow2
