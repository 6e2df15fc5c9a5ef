// qcow2 images, versions 2 and 3 (QEMU, docs/interop/qcow2.rst).
//
// Modelled: allocation, backing images, zero clusters of both kinds, compressed clusters (zlib and
// zstd), all refcount widths, images with internal snapshots (they keep what is theirs), the dirty
// and corrupt bits.  Missing on purpose: making snapshots; header.h says what is refused.
//
// Order on the way to the file.  Tables change in memory.  A commit writes refcounts, flushes,
// writes L2 and L1 tables, flushes, and only then lets go of clusters that are no longer used.  A
// crash at any point therefore leaves a file in which every reference is counted; at worst some
// clusters are counted and not used, which `check -r leaks` repairs.
//
// Threads.  `mutex_` protects tables and is not held during the guest's data.  `ranges_` (in guest
// clusters) keeps requests apart: those that change no table share a range, those that do have it
// alone.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "base/result.h"
#include "block/block.h"
#include "block/qcow2/header.h"
#include "block/qcow2/refcounts.h"
#include "block/qcow2/table_cache.h"
#include "block/range_lock.h"

namespace quince::block::qcow2 {

struct Options {
  bool read_only = false;
  bool discard = false;   ///< clusters that are freed become holes in the file
  bool no_flush = false;  ///< cache=unsafe: the order above holds among writes only
  std::function<void(const std::string&)> warn = {};
};

class Qcow2Image final : public Image, private Reserved {
 public:
  /// Opens the image in `file`.  `backing` is what its backing file name stands for, or nothing if
  /// it has none.
  static Result<std::unique_ptr<Qcow2Image>> open(std::unique_ptr<Image> file,
                                                  std::unique_ptr<Image> backing,
                                                  const Options& options);
  /// Commits what is left.  Errors are lost here: flush() before.
  ~Qcow2Image() override;

  const std::string& name() const override { return file_->name(); }
  u64 size() const override { return header_.size; }
  bool read_only() const override { return options_.read_only; }
  Status read(u64 offset, std::span<const iovec> parts) override;
  Status write(u64 offset, std::span<const iovec> parts) override;
  Status flush() override;
  Status discard(u64 offset, u64 length) override;
  Status write_zeroes(u64 offset, u64 length, bool unmap) override;
  Extent extent(u64 offset, u64 length) override;
  Status resize(u64 size) override;

  const Header& header() const { return header_; }
  Image* backing() const { return backing_.get(); }
  /// Whether the image itself, not its backing image, decides these bytes; like extent().
  Extent own_extent(u64 offset, u64 length);
  /// Writes a whole cluster (the last one padded with zeroes) compressed, where nothing was written
  /// before.  Stores it as it is when it does not get shorter.
  Status write_compressed(u64 offset, std::span<const u8> data);
  /// Everything that the image itself has is dropped; the backing image shows through.
  Status make_empty();

 private:
  enum class Kind : u8 { Unallocated, ZeroPlain, ZeroAllocated, Data, Compressed };
  /// Clusters in a row that are alike, and in a row in the file if they have a place there.
  struct Run {
    Kind kind = Kind::Unallocated;
    u64 host = 0;       // offset of the first cluster's data
    bool mine = false;  // may be written in place: the count is one
    u64 entry = 0;      // the first L2 entry
    u64 clusters = 1;
    bool zero() const { return kind == Kind::ZeroPlain || kind == Kind::ZeroAllocated; }
    bool in_place() const { return kind == Kind::Data && mine; }
  };

  Qcow2Image(std::unique_ptr<Image> file, std::unique_ptr<Image> backing, const Header& header,
             const Options& options);
  Result<void> load();

  // Tables; mutex_ is held.
  bool is_reserved(u64 cluster, u64 clusters) const override;
  Status parse_entry(u64 entry, Run& run) const;
  Status lookup_locked(u64 cluster, u64 most, Run& run);
  Status l2_of(u64 cluster, TableCache::Ref& table);
  Status l2_for_change(u64 cluster, TableCache::Ref& table);
  Status set_entry(u64 cluster, u64 entry);
  Status free_entry(u64 entry);
  Status commit(bool durable);
  Status write_l1();
  Status make_room();
  Status damaged();
  Status file_flush() { return options_.no_flush ? Status{} : file_->flush(); }
  /// For what went wrong while tables were changed.
  Status checked(Status s) { return s == kInconsistent ? damaged() : s; }

  // Data; mutex_ is not held, a range is.
  Status lookup(u64 cluster, u64 most, Run& run);
  Status read_unlocked(u64 offset, std::span<const iovec> parts);
  Status read_run(const Run& run, u64 offset, std::span<const iovec> parts);
  Status read_compressed(const Run& run, u64 offset, std::span<const iovec> parts);
  Status read_backing(u64 offset, std::span<const iovec> parts);
  bool write_in_place(u64 offset, std::span<const iovec> parts, Status& result);
  Status write_alone(u64 offset, std::span<const iovec> parts);
  Status write_new(const Run& run, u64 offset, std::span<const iovec> parts);
  Status take_clusters(const Run& run, u64 cluster, u64 wanted, u64& host, u64& got);
  Status fill(u64 offset, u64 host, std::span<const iovec> parts, u64 clusters);
  Status zero_clusters(u64 cluster, u64 end, bool unmap);
  Status zero_part(u64 offset, u64 length);
  Status store_zeroes(u64 offset, u64 length);
  Status drop_clusters(u64 cluster, u64 end, bool show_backing);
  Status grow_l1(u64 entries);

  u64 cluster_of(u64 offset) const { return offset >> header_.cluster_bits; }
  u64 in_cluster(u64 offset) const { return offset & (cluster_size() - 1); }
  u64 cluster_size() const { return header_.cluster_size(); }

  const std::unique_ptr<Image> file_;
  const std::unique_ptr<Image> backing_;
  const Options options_;
  RangeLock ranges_;

  std::mutex mutex_;
  Header header_;
  Refcounts refcounts_;
  TableCache l2_;
  std::vector<u64> l1_;
  std::set<u64> dirty_l1_;
  std::vector<u64> l2_clusters_;  // sorted: where L2 tables are
  struct Freed {
    u64 cluster, clusters;
  };
  std::vector<Freed> freed_;  // their counts go down when nothing in the file leads to them
  bool damaged_ = false;
  u64 compressed_at_ = 0;  // where the last cluster with compressed data has room; 0: nowhere
};

}  // namespace quince::block::qcow2
