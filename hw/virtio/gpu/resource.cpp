#include "hw/virtio/gpu/resource.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hw/core/archive.h"

namespace quince::hw {

namespace {

// clang-format off
constexpr GpuFormat kFormats[] = {
    // number                           pixman           R  G  B  A
    {VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,  PIXMAN_x8r8g8b8, 2, 1, 0, 3},
    {VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,  PIXMAN_x8r8g8b8, 2, 1, 0, {}},
    {VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM,  PIXMAN_b8g8r8x8, 1, 2, 3, 0},
    {VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM,  PIXMAN_b8g8r8x8, 1, 2, 3, {}},
    {VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM,  PIXMAN_x8b8g8r8, 0, 1, 2, 3},
    {VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM,  PIXMAN_r8g8b8x8, 3, 2, 1, {}},
    {VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM,  PIXMAN_r8g8b8x8, 3, 2, 1, 0},
    {VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM,  PIXMAN_x8b8g8r8, 0, 1, 2, {}},
};
// clang-format on

bool usable(ui::Size s) {
  return !s.empty() && s.width <= GpuResource::kMaxSide && s.height <= GpuResource::kMaxSide;
}

}  // namespace

const GpuFormat* find_gpu_format(u32 number) {
  const auto it = std::find_if(std::begin(kFormats), std::end(kFormats),
                               [number](const GpuFormat& f) { return f.number == number; });
  return it == std::end(kFormats) ? nullptr : it;
}

// ---- One resource ------------------------------------------------------------------------------

std::unique_ptr<GpuResource> GpuResource::create(const GpuFormat& format, ui::Size size) {
  std::unique_ptr<GpuResource> r(new GpuResource(format, size));
  r->pixels_.reset(static_cast<u8*>(std::calloc(bytes(size), 1)));
  return r->pixels_ != nullptr ? std::move(r) : nullptr;
}

bool GpuResource::holds(const VirtioGpuRect& r) const {
  return r.width != 0 && r.height != 0 && r.x < size_.width && r.width <= size_.width - r.x &&
         r.y < size_.height && r.height <= size_.height - r.y;
}

ui::PixelView GpuResource::view(ui::Rect part) {
  return {at(part.x, part.y), static_cast<u32>(stride()), part.size(), format_->opaque};
}

// Drivers give cursors with colours that are multiplied by alpha already, as Linux's DRM defines
// them.
std::vector<u32> GpuResource::premultiplied() {
  std::vector<u32> argb(std::size_t{size_.width} * size_.height);
  const u8* p = pixels_.get();
  for (u32& pixel : argb) {
    const u32 alpha = format_->alpha ? p[*format_->alpha] : 0xff;
    pixel =
        alpha << 24 | u32{p[format_->red]} << 16 | u32{p[format_->green]} << 8 | p[format_->blue];
    p += kBytesPerPixel;
  }
  return argb;
}

// ---- All of them -------------------------------------------------------------------------------

GpuResource* GpuResources::find(u32 id) {
  const auto it = all_.find(id);
  return it == all_.end() ? nullptr : it->second.get();
}

VirtioGpuCtrlType GpuResources::create(const VirtioGpuResourceCreate2d& c) {
  if (c.resource_id == 0 || find(c.resource_id) != nullptr)
    return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
  const GpuFormat* format = find_gpu_format(c.format);
  const ui::Size size{c.width, c.height};
  if (format == nullptr || !usable(size)) return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
  if (all_.size() >= kMaxResources || cost(size) > limit_ - used_)
    return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
  auto made = GpuResource::create(*format, size);
  if (made == nullptr) return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
  all_[c.resource_id] = std::move(made);
  used_ += cost(size);
  return VIRTIO_GPU_RESP_OK_NODATA;
}

void GpuResources::erase(u32 id) {
  GpuResource* const r = find(id);
  if (r == nullptr) return;
  used_ -= cost(r->size()) + r->backing_.cost();
  all_.erase(id);
}

void GpuResources::clear() {
  all_.clear();
  used_ = 0;
}

VirtioGpuCtrlType GpuResources::attach(GpuResource& r, DmaPort& dma,
                                       std::span<const VirtioGpuMemEntry> pieces) {
  if (!r.backing_.empty()) return VIRTIO_GPU_RESP_ERR_UNSPEC;
  if (pieces.size() > GpuBacking::kMaxEntries || GpuBacking::cost(pieces.size()) > limit_ - used_)
    return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
  if (!r.backing_.attach(dma, pieces)) return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
  used_ += r.backing_.cost();
  return VIRTIO_GPU_RESP_OK_NODATA;
}

void GpuResources::detach(GpuResource& r) {
  used_ -= r.backing_.cost();
  r.backing_.detach();
}

// ---- Snapshots ---------------------------------------------------------------------------------

void GpuResources::snapshot(Archive& ar) {
  u32 count = static_cast<u32>(all_.size());
  ar.field("resources", count);
  if (!ar.loading()) {
    unsigned n = 0;
    for (auto& [id, r] : all_)
      ar.section(fmt::format("resource{}", n++), [&, &number = id, &one = *r](Archive& a) {
        u32 key = number, format = one.format().number, width = one.size().width,
            height = one.size().height;
        std::vector<u8> pixels(one.at(0, 0), one.at(0, 0) + GpuResource::bytes(one.size()));
        a.field("id", key);
        a.field("format", format);
        a.field("width", width);
        a.field("height", height);
        a.blob("pixels", pixels, pixels.size());
        one.backing_.snapshot(a);
      });
    return;
  }
  clear();
  if (count > kMaxResources) return ar.refuse("resources", "too many");
  for (u32 n = 0; n < count; ++n)
    ar.section(fmt::format("resource{}", n), [&](Archive& a) { load_one(a); });
}

void GpuResources::load_one(Archive& ar) {
  VirtioGpuResourceCreate2d c;
  std::vector<u8> pixels;
  GpuBacking backing;
  ar.field("id", c.resource_id);
  ar.field("format", c.format);
  ar.field("width", c.width);
  ar.field("height", c.height);
  ar.blob("pixels", pixels, limit_);
  backing.snapshot(ar);
  // The sizes are known to agree before anything is allocated.
  if (!usable({c.width, c.height}) || GpuResource::bytes({c.width, c.height}) != pixels.size())
    return ar.refuse("pixels", "not as many as the size says");
  if (create(c) != VIRTIO_GPU_RESP_OK_NODATA) return ar.refuse("id", "no such resource can be");
  GpuResource& made = *find(c.resource_id);
  std::memcpy(made.at(0, 0), pixels.data(), pixels.size());
  if (backing.cost() > limit_ - used_) return ar.refuse("backing", "more than the limit");
  used_ += backing.cost();
  made.backing_ = std::move(backing);
}

}  // namespace quince::hw
