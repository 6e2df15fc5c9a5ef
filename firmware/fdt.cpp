#include "firmware/fdt.h"

#include <libfdt.h>

#include <algorithm>

#include "base/assert.h"

namespace quince::firmware {
namespace {

constexpr std::size_t kFirstSize = 4096;

tl::unexpected<Error> fdt_failure(int error) {
  if (error == -FDT_ERR_NOSPACE)
    return fail("the device tree is larger than {} MiB", kMaxFdtBytes / MiB);
  return fail("device tree: {}", fdt_strerror(error));
}

/// The size to grow to; 0 at the limit.
std::size_t grown(std::size_t size) {
  return size >= kMaxFdtBytes ? 0 : std::min<std::size_t>(size * 2, kMaxFdtBytes);
}

}  // namespace

bool append_cells(std::vector<u8>& out, u64 value, unsigned cells) {
  if (cells < 2 && value >> (32 * cells) != 0) return false;
  for (unsigned cell = cells; cell-- > 0;) {
    const u32 word = cell < 2 ? static_cast<u32>(value >> (32 * cell)) : 0;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<u8>(word >> shift));
  }
  return true;
}

// ---- FdtWriter ----

FdtWriter::FdtWriter() : blob_(kFirstSize) {
  error_ = fdt_create(blob_.data(), static_cast<int>(blob_.size()));
  step([](void* fdt) { return fdt_finish_reservemap(fdt); });
  step([](void* fdt) { return fdt_begin_node(fdt, ""); });
}

/// Repeats a libfdt call with more room for as long as it asks for it.
template <class Call>
void FdtWriter::step(Call call) {
  while (error_ == 0) {
    const int status = call(blob_.data());
    if (status != -FDT_ERR_NOSPACE) {
      error_ = std::min(status, 0);
      return;
    }
    const std::size_t size = grown(blob_.size());
    if (size == 0) {
      error_ = status;
      return;
    }
    std::vector<u8> bigger(size);
    error_ = fdt_resize(blob_.data(), bigger.data(), static_cast<int>(size));
    blob_ = std::move(bigger);
  }
}

FdtWriter::Node FdtWriter::node(const std::string& name) {
  step([&](void* fdt) { return fdt_begin_node(fdt, name.c_str()); });
  ++depth_;
  return Node(*this);
}

void FdtWriter::end_node() {
  --depth_;
  step([](void* fdt) { return fdt_end_node(fdt); });
}

void FdtWriter::bytes(const char* name, std::span<const u8> value) {
  if (value.size() > kMaxFdtBytes && error_ == 0) error_ = -FDT_ERR_NOSPACE;
  step([&](void* fdt) {
    return fdt_property(fdt, name, value.data(), static_cast<int>(value.size()));
  });
}

void FdtWriter::cells(const char* name, std::span<const u32> value) {
  std::vector<u8> out;
  for (const u32 v : value) static_cast<void>(append_cells(out, v, 1));  // always fits
  bytes(name, out);
}

void FdtWriter::cells64(const char* name, std::initializer_list<u64> value) {
  std::vector<u8> out;
  for (const u64 v : value) static_cast<void>(append_cells(out, v, 2));  // always fits
  bytes(name, out);
}

void FdtWriter::strings(const char* name, std::initializer_list<std::string_view> value) {
  std::vector<u8> out;
  for (const std::string_view v : value) {
    out.insert(out.end(), v.begin(), v.end());
    out.push_back(0);
  }
  bytes(name, out);
}

Result<std::vector<u8>> FdtWriter::finish() {
  QUINCE_ASSERT(depth_ == 1);
  end_node();
  step([](void* fdt) { return fdt_finish(fdt); });
  if (error_ != 0) return fdt_failure(error_);
  blob_.resize(fdt_totalsize(blob_.data()));
  return std::move(blob_);
}

// ---- FdtEditor ----

Result<FdtEditor> FdtEditor::open(std::span<const u8> blob) {
  // libfdt reads the header before it looks at the size that it was given.
  if (blob.size() < sizeof(fdt_header)) return fail("it is too short for a device tree");
  if (blob.size() > kMaxFdtBytes)
    return fail("the device tree is larger than {} MiB", kMaxFdtBytes / MiB);
  FdtEditor editor;
  // A copy of our own is aligned, which libfdt wants.
  const std::vector<u8> copy(blob.begin(), blob.end());
  if (const int e = fdt_check_full(copy.data(), copy.size()); e != 0) {
    if (e == -FDT_ERR_BADMAGIC) return fail("it is not a device tree");
    return fail("it is not a sound device tree: {}", fdt_strerror(e));
  }
  // The room for the first changes; later ones find more (see step).
  editor.blob_.resize(copy.size() + kFirstSize);
  const int e =
      fdt_open_into(copy.data(), editor.blob_.data(), static_cast<int>(editor.blob_.size()));
  if (e != 0) return fail("it is not a sound device tree: {}", fdt_strerror(e));
  return editor;
}

template <class Call>
void FdtEditor::step(Call call) {
  while (error_ == 0) {
    const int status = call(blob_.data());
    if (status != -FDT_ERR_NOSPACE) {
      error_ = std::min(status, 0);
      return;
    }
    const std::size_t size = grown(blob_.size());
    if (size == 0) {
      error_ = status;
      return;
    }
    std::vector<u8> bigger(size);
    error_ = fdt_open_into(blob_.data(), bigger.data(), static_cast<int>(size));
    blob_ = std::move(bigger);
  }
}

bool FdtEditor::has_node(const char* path) const {
  return fdt_path_offset(blob_.data(), path) >= 0;
}

std::optional<std::span<const u8>> FdtEditor::property(const char* path, const char* name) const {
  const int node = fdt_path_offset(blob_.data(), path);
  if (node < 0) return std::nullopt;
  int length = 0;
  const void* value = fdt_getprop(blob_.data(), node, name, &length);
  if (value == nullptr) return std::nullopt;
  return std::span(static_cast<const u8*>(value), static_cast<std::size_t>(length));
}

Result<unsigned> FdtEditor::address_cells() const {
  const int n = fdt_address_cells(blob_.data(), 0);
  if (n < 1) return fail("the device tree's root has an invalid #address-cells");
  return static_cast<unsigned>(n);
}

Result<unsigned> FdtEditor::size_cells() const {
  const int n = fdt_size_cells(blob_.data(), 0);
  if (n < 1) return fail("the device tree's root has an invalid #size-cells");
  return static_cast<unsigned>(n);
}

void FdtEditor::ensure_node(const char* name) {
  step([&](void* fdt) {
    const int node = fdt_subnode_offset(fdt, 0, name);
    return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(fdt, 0, name) : node;
  });
}

void FdtEditor::remove_nodes(std::string_view name) {
  step([&](void* fdt) {
    int node = fdt_first_subnode(fdt, 0);
    while (node >= 0) {
      // Blanking a node moves nothing, so offsets stay good and the walk takes linear time.
      const int next = fdt_next_subnode(fdt, node);
      const char* node_name = fdt_get_name(fdt, node, nullptr);
      const std::string_view full = node_name != nullptr ? node_name : "";
      if (full.substr(0, full.find('@')) == name)
        if (const int e = fdt_nop_node(fdt, node); e != 0) return e;
      node = next;
    }
    return node == -FDT_ERR_NOTFOUND ? 0 : node;
  });
}

void FdtEditor::bytes(const char* path, const char* name, std::span<const u8> value) {
  if (value.size() > kMaxFdtBytes && error_ == 0) error_ = -FDT_ERR_NOSPACE;
  step([&](void* fdt) {
    const int node = fdt_path_offset(fdt, path);
    if (node < 0) return node;
    return fdt_setprop(fdt, node, name, value.data(), static_cast<int>(value.size()));
  });
}

void FdtEditor::string(const char* path, const char* name, const std::string& value) {
  const auto* data = reinterpret_cast<const u8*>(value.c_str());
  bytes(path, name, std::span(data, value.size() + 1));
}

void FdtEditor::number(const char* path, const char* name, u64 value, unsigned cells) {
  std::vector<u8> out;
  if (!append_cells(out, value, cells) && error_ == 0) error_ = -FDT_ERR_BADNCELLS;
  bytes(path, name, out);
}

Result<std::vector<u8>> FdtEditor::finish() {
  step([](void* fdt) { return fdt_pack(fdt); });
  if (error_ != 0) return fdt_failure(error_);
  const std::size_t size = fdt_totalsize(blob_.data());
  if (size > kMaxFdtBytes) return fdt_failure(-FDT_ERR_NOSPACE);
  blob_.resize(size);
  return std::move(blob_);
}

}  // namespace quince::firmware
