#include "block/qcow2/create.h"

#include <bit>

#include "block/iov.h"
#include "block/qcow2/rebuild.h"
#include "block/qcow2/refcounts.h"

namespace quince::block::qcow2 {

namespace {

Result<Header> plan(const CreateOptions& o) {
  if (o.version != 2 && o.version != 3)
    return fail("compat: there is no qcow2 version {}", o.version);
  if (!std::has_single_bit(o.cluster_size) || o.cluster_size < 512 || o.cluster_size > 2 * MiB)
    return fail("cluster_size={}: must be a power of two from 512 to 2M", o.cluster_size);
  if (!std::has_single_bit(o.refcount_bits) || o.refcount_bits > 64)
    return fail("refcount_bits={}: must be a power of two up to 64", o.refcount_bits);
  if (o.version < 3 && o.refcount_bits != 16)
    return fail("refcount_bits={}: version 2 (compat=0.10) has 16 only", o.refcount_bits);
  if (o.version < 3 && o.lazy_refcounts) return fail("lazy_refcounts=on: needs compat=1.1");
  if (o.version < 3 && o.compression != Compression::Zlib)
    return fail("compression_type=zstd: needs compat=1.1");
  Header h;
  h.version = o.version;
  h.cluster_bits = static_cast<u32>(std::countr_zero(o.cluster_size));
  h.size = o.size;
  h.refcount_order = static_cast<u32>(std::countr_zero(o.refcount_bits));
  h.compression = o.compression;
  if (o.compression != Compression::Zlib) h.incompatible |= kCompressionType;
  if (o.lazy_refcounts) h.compatible |= kLazyRefcounts;
  h.backing_file = o.backing_file;
  h.backing_format = o.backing_format;
  const u64 entries = h.l1_entries_for(o.size);
  if (o.size >> 63 != 0 || entries > kMaxL1Bytes / 8)
    return fail("a disk of {} bytes is too large for clusters of {} bytes", o.size, o.cluster_size);
  h.l1_size = static_cast<u32>(entries);
  return h;
}

}  // namespace

Result<void> create(Image& file, const CreateOptions& o) {
  Header h = TRY(plan(o));
  const auto put = [&](u64 cluster, const std::vector<u8>& bytes) -> Result<void> {
    const iovec all = part(std::span<const u8>(bytes));
    if (const Status s = file.write(cluster << h.cluster_bits, {&all, 1}); s != Status{})
      return fail("could not write '{}': {}", file.name(), std::make_error_code(s).message());
    return {};
  };
  // Header, refcount table, refcount blocks, L1 table.
  const u64 l1_clusters = (h.l1_size * u64{8} + h.cluster_size() - 1) / h.cluster_size();
  const RefcountSize r = refcount_size(h, 1 + l1_clusters);
  const u64 first_block = 1 + r.table_clusters, l1_at = first_block + r.blocks;
  const u64 end = l1_at + l1_clusters;
  h.refcount_table_offset = h.cluster_size();
  h.refcount_table_clusters = static_cast<u32>(r.table_clusters);
  h.l1_offset = l1_at << h.cluster_bits;
  const std::vector<u8> first = TRY(write_header(h));

  std::vector<u8> table(r.table_clusters << h.cluster_bits);
  for (u64 b = 0; b < r.blocks; ++b) {
    store_be<u64>(&table[b * 8], (first_block + b) << h.cluster_bits);
    std::vector<u8> block(h.cluster_size());
    for (u64 n = 0; n < h.counts_per_block() && b * h.counts_per_block() + n < end; ++n)
      store_count(block, n, h.refcount_order, 1);
    TRY_VOID(put(first_block + b, block));
  }
  TRY_VOID(put(1, table));
  TRY_VOID(put(l1_at, std::vector<u8>(l1_clusters << h.cluster_bits)));
  // The header last: without it there is no image.
  if (const Status s = file.flush(); s != Status{})
    return fail("could not write '{}': {}", file.name(), std::make_error_code(s).message());
  TRY_VOID(put(0, first));
  if (const Status s = file.flush(); s != Status{})
    return fail("could not write '{}': {}", file.name(), std::make_error_code(s).message());
  return {};
}

}  // namespace quince::block::qcow2
