#include "block/qcow2/header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/bits.h"
#include "block/iov.h"

namespace quince::block::qcow2 {

namespace {

constexpr u32 kMagic = 0x514649fb;
constexpr u32 kV2Length = 72, kV3Length = 104, kOurLength = 112;
constexpr u32 kMaxBackingName = 1023;

// Header extensions.
constexpr u32 kEnd = 0, kBackingFormat = 0xe2792aca, kFeatureNames = 0x6803f857;
constexpr std::size_t kFeatureEntry = 48;

struct FeatureName {
  u8 kind;  // 0: incompatible, 1: compatible, 2: autoclear
  u8 bit;
  const char* name;
};
constexpr std::array<FeatureName, 6> kOurFeatures{{{0, 0, "dirty bit"},
                                                   {0, 1, "corrupt bit"},
                                                   {0, 2, "external data file"},
                                                   {0, 3, "compression type"},
                                                   {0, 4, "extended L2 entries"},
                                                   {1, 0, "lazy refcounts"}}};

/// Calls f(type, data) for each extension; false when they run out of the cluster.
template <class F>
bool for_each_extension(std::span<const u8> cluster, u64 at, u64 end, F f) {
  while (at + 8 <= end) {
    const u32 type = load_be<u32>(&cluster[at]);
    const u64 length = load_be<u32>(&cluster[at + 4]);
    if (type == kEnd) return true;
    at += 8;
    if (length > end - at) return false;
    f(type, cluster.subspan(at, length));
    at += align_up(length, 8);
  }
  return true;
}

/// What the file itself calls an incompatible feature.
std::string feature_name(std::span<const u8> table, unsigned wanted) {
  for (std::size_t at = 0; at + kFeatureEntry <= table.size(); at += kFeatureEntry)
    if (table[at] == 0 && table[at + 1] == wanted) {
      const char* text = reinterpret_cast<const char*>(&table[at + 2]);
      std::string name(text, ::strnlen(text, kFeatureEntry - 2));
      // It is going to a terminal.
      std::replace_if(
          name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
      return name;
    }
  return fmt::format("incompatible feature bit {}", wanted);
}

Result<void> check_features(const std::string& file, const Header& h, std::span<const u8> names) {
  if ((h.incompatible & kExternalData) != 0)
    return fail("{}: qcow2 with an external data file is not supported", file);
  if ((h.incompatible & kExtendedL2) != 0)
    return fail("{}: qcow2 with extended L2 entries is not supported", file);
  const u64 known = kDirty | kCorrupt | kCompressionType;
  for (unsigned n = 0; n < 64; ++n)
    if (bit(h.incompatible & ~known, n))
      return fail("{}: qcow2 feature '{}' is not supported", file, feature_name(names, n));
  return {};
}

Result<void> check_geometry(const std::string& file, const Header& h) {
  const u64 cluster = h.cluster_size();
  const auto aligned_table = [&](u64 offset, u64 bytes) {
    return is_aligned(offset, cluster) && offset != 0 && offset < (u64{1} << 56) &&
           bytes < (u64{1} << 56);
  };
  if (h.size >> 63 != 0) return fail("{}: qcow2: the disk is too large", file);
  const u64 l1_needed = h.l1_entries_for(h.size);
  if (l1_needed > kMaxL1Bytes / 8 || h.l1_size > kMaxL1Bytes / 8)
    return fail("{}: qcow2: the L1 table is too large", file);
  if (h.l1_size < l1_needed) return fail("{}: qcow2: the L1 table is too small", file);
  if (h.l1_size != 0 && !aligned_table(h.l1_offset, h.l1_size * u64{8}))
    return fail("{}: qcow2: invalid L1 table offset", file);
  const u64 table_bytes = h.refcount_table_clusters * cluster;
  if (table_bytes == 0) return fail("{}: qcow2: there is no refcount table", file);
  if (table_bytes > kMaxRefcountTableBytes)
    return fail("{}: qcow2: the refcount table is too large", file);
  if (!aligned_table(h.refcount_table_offset, table_bytes))
    return fail("{}: qcow2: invalid refcount table offset", file);
  if (h.snapshots > kMaxSnapshots) return fail("{}: qcow2: too many snapshots", file);
  if (h.snapshots != 0 && !aligned_table(h.snapshots_offset, 1))
    return fail("{}: qcow2: invalid snapshot table offset", file);
  return {};
}

}  // namespace

u64 Header::l1_entries_for(u64 bytes) const {
  const unsigned shift = cluster_bits + cluster_bits - 3;
  return (bytes >> shift) + ((bytes & low_mask(shift)) != 0 ? 1 : 0);
}

Result<Header> read_header(Image& file) {
  const std::string& name = file.name();
  std::vector<u8> b(kOurLength);
  const auto read = [&](std::size_t n) -> Result<void> {
    b.resize(n);
    const iovec all = part(std::span<u8>(b));
    if (const Status s = file.read(0, {&all, 1}); s != Status{})
      return fail("could not read '{}': {}", name, std::make_error_code(s).message());
    return {};
  };
  TRY_VOID(read(kOurLength));
  Header h;
  if (load_be<u32>(&b[0]) != kMagic) return fail("{}: not in qcow2 format", name);
  h.version = load_be<u32>(&b[4]);
  if (h.version != 2 && h.version != 3)
    return fail("{}: qcow2 version {} is not supported", name, h.version);
  h.cluster_bits = load_be<u32>(&b[20]);
  if (h.cluster_bits < 9 || h.cluster_bits > 21)
    return fail("{}: qcow2: cluster size 2^{} is not supported", name, h.cluster_bits);
  const u32 crypt = load_be<u32>(&b[32]);
  if (crypt != 0)
    return fail("{}: qcow2: encryption ({}) is not supported", name,
                crypt == 1   ? "AES"
                : crypt == 2 ? "LUKS"
                             : "unknown method");
  h.size = load_be<u64>(&b[kSizeAt]);
  h.l1_size = load_be<u32>(&b[kL1SizeAt]);
  h.l1_offset = load_be<u64>(&b[40]);
  h.refcount_table_offset = load_be<u64>(&b[kRefcountTableAt]);
  h.refcount_table_clusters = load_be<u32>(&b[56]);
  h.snapshots = load_be<u32>(&b[60]);
  h.snapshots_offset = load_be<u64>(&b[64]);
  u64 length = kV2Length;
  if (h.version == 3) {
    h.incompatible = load_be<u64>(&b[kIncompatibleAt]);
    h.compatible = load_be<u64>(&b[80]);
    h.autoclear = load_be<u64>(&b[kAutoclearAt]);
    h.refcount_order = load_be<u32>(&b[96]);
    length = load_be<u32>(&b[100]);
    if (length < kV3Length || length > h.cluster_size())
      return fail("{}: qcow2: invalid header length {}", name, length);
    if (h.refcount_order > 6)
      return fail("{}: qcow2: refcounts of 2^{} bits are not supported", name, h.refcount_order);
  }
  const u8 compression = length > kV3Length ? b[104] : u8{0};

  const u64 backing_at = load_be<u64>(&b[8]);
  const u32 backing_length = load_be<u32>(&b[16]);
  u64 extensions_end = h.cluster_size();
  TRY_VOID(read(h.cluster_size()));
  if (backing_at != 0) {
    if (backing_length > kMaxBackingName || backing_at > h.cluster_size() - backing_length ||
        backing_at < length)
      return fail("{}: qcow2: invalid place of the backing file's name", name);
    h.backing_file.assign(reinterpret_cast<const char*>(&b[backing_at]), backing_length);
    if (h.backing_file.find('\0') != std::string::npos)
      return fail("{}: qcow2: invalid backing file name", name);
    extensions_end = backing_at;
  }
  std::span<const u8> names;
  const bool whole =
      for_each_extension(b, length, extensions_end, [&](u32 type, std::span<const u8> data) {
        if (type == kBackingFormat)
          h.backing_format.assign(reinterpret_cast<const char*>(data.data()), data.size());
        if (type == kFeatureNames) names = data;
      });
  if (!whole) return fail("{}: qcow2: a header extension is too large", name);
  TRY_VOID(check_features(name, h, names));
  if (compression > 1)
    return fail("{}: qcow2: compression type {} is not supported", name, compression);
  if ((compression != 0) != ((h.incompatible & kCompressionType) != 0))
    return fail("{}: qcow2: compression type and feature bit contradict each other", name);
  h.compression = static_cast<Compression>(compression);
  TRY_VOID(check_geometry(name, h));
  return h;
}

Result<std::vector<u8>> write_header(const Header& h) {
  std::vector<u8> b(h.cluster_size());
  store_be<u32>(&b[0], kMagic);
  store_be<u32>(&b[4], h.version);
  store_be<u32>(&b[20], h.cluster_bits);
  store_be<u64>(&b[kSizeAt], h.size);
  store_be<u32>(&b[kL1SizeAt], h.l1_size);
  store_be<u64>(&b[40], h.l1_offset);
  store_be<u64>(&b[kRefcountTableAt], h.refcount_table_offset);
  store_be<u32>(&b[56], h.refcount_table_clusters);
  u64 at = kV2Length;
  if (h.version == 3) {
    store_be<u64>(&b[kIncompatibleAt], h.incompatible);
    store_be<u64>(&b[80], h.compatible);
    store_be<u64>(&b[kAutoclearAt], h.autoclear);
    store_be<u32>(&b[96], h.refcount_order);
    store_be<u32>(&b[100], kOurLength);
    b[104] = static_cast<u8>(h.compression);
    at = kOurLength;
  }
  const auto extension = [&](u32 type, std::span<const u8> data) {
    if (at + 8 + align_up(data.size(), 8) + 8 > b.size()) return false;
    store_be<u32>(&b[at], type);
    store_be<u32>(&b[at + 4], static_cast<u32>(data.size()));
    std::copy(data.begin(), data.end(), b.begin() + static_cast<std::ptrdiff_t>(at + 8));
    at += 8 + align_up(data.size(), 8);
    return true;
  };
  const auto bytes = [](const std::string& s) {
    return std::span<const u8>(reinterpret_cast<const u8*>(s.data()), s.size());
  };
  if (!h.backing_format.empty() && !extension(kBackingFormat, bytes(h.backing_format)))
    return fail("the backing format's name is too long");
  if (h.version == 3) {
    std::array<u8, kOurFeatures.size() * kFeatureEntry> table{};
    for (std::size_t n = 0; n < kOurFeatures.size(); ++n) {
      u8* entry = &table[n * kFeatureEntry];
      entry[0] = kOurFeatures[n].kind;
      entry[1] = kOurFeatures[n].bit;
      std::memcpy(entry + 2, kOurFeatures[n].name, std::strlen(kOurFeatures[n].name));
    }
    extension(kFeatureNames, table);  // only names: small clusters go without
  }
  at += 8;  // the end, which is zero
  if (!h.backing_file.empty()) {
    if (h.backing_file.size() > kMaxBackingName || at + h.backing_file.size() > b.size())
      return fail("the backing file's name is too long");
    std::memcpy(&b[at], h.backing_file.data(), h.backing_file.size());
    store_be<u64>(&b[8], at);
    store_be<u32>(&b[16], static_cast<u32>(h.backing_file.size()));
  }
  return b;
}

}  // namespace quince::block::qcow2
