#include "machine/memory_backend.h"

#include <bit>

namespace quince::machine {

namespace {

using Kind = HostMemoryOptions::Kind;

/// What these objects have elsewhere and here not: placement on NUMA nodes, and the like.
Result<void> refuse_missing(const Properties& p) {
  for (const char* name : {"host-nodes", "policy", "merge", "dump", "reserve", "prealloc-threads",
                           "prealloc-context", "align", "pmem", "readonly", "rom", "offset"})
    if (p.has(name)) return fail("{} is not implemented", name);
  return {};
}

Result<void> parse_memfd(Properties& p, HostMemoryOptions& m) {
  m.seal = TRY(p.flag("seal", true));
  m.hugetlb = TRY(p.flag("hugetlb", false));
  const bool sized = p.has("hugetlbsize");
  m.hugetlb_size = TRY(p.size("hugetlbsize", 0));
  if (!sized) return {};
  if (!m.hugetlb) return fail("hugetlbsize needs hugetlb=on");
  if (!std::has_single_bit(m.hugetlb_size) || m.hugetlb_size < hw::GuestRam::kPageSize)
    return fail("hugetlbsize: {} is not the size of a page", m.hugetlb_size);
  return {};
}

Result<void> parse_file(Properties& p, HostMemoryOptions& m) {
  m.path = p.take_or("mem-path", "");
  if (m.path.empty()) return fail("mem-path= is missing");
  m.discard_data = TRY(p.flag("discard-data", false));
  return {};
}

}  // namespace

bool is_memory_backend(std::string_view type) {
  return type == "memory-backend-ram" || type == "memory-backend-file" ||
         type == "memory-backend-memfd";
}

Result<MemoryBackendOptions> parse_memory_backend(std::string_view type, Properties p) {
  if (!is_memory_backend(type)) return fail("'{}' is not a memory backend", type);
  MemoryBackendOptions o;
  o.id = p.take_or("id", "");
  if (o.id.empty()) return fail("id= is missing");
  if (!p.has("size")) return fail("size= is missing");
  o.size = TRY(p.size("size", 0));
  constexpr u64 kLargest = u64{1} << 46;  // well inside what a process can map
  if (o.size == 0 || o.size % hw::GuestRam::kPageSize != 0 || o.size > kLargest)
    return fail("size: {} is not a multiple of {} up to {}", o.size, hw::GuestRam::kPageSize,
                kLargest);
  HostMemoryOptions& m = o.memory;
  const bool memfd = type == "memory-backend-memfd", file = type == "memory-backend-file";
  m.share = TRY(p.flag("share", memfd));
  m.prealloc = TRY(p.flag("prealloc", false));
  // Memory that is shared has a descriptor to share it by.
  m.kind = file ? Kind::File : memfd || m.share ? Kind::Memfd : Kind::Anonymous;
  if (memfd) TRY_VOID(parse_memfd(p, m));
  if (file) TRY_VOID(parse_file(p, m));
  TRY_VOID(refuse_missing(p));
  TRY_VOID(p.finish());
  return o;
}

Result<std::unique_ptr<hw::GuestRam>> create_memory(const MemoryBackendOptions& o) {
  return hw::GuestRam::create(o.id, o.size, o.memory);
}

}  // namespace quince::machine
