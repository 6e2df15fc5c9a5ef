// Snapshots of the GPU device.
#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "hw/core/archive.h"
#include "hw/virtio/gpu/virtio_gpu.h"

namespace quince::hw {

void VirtioGpu::snapshot_type(Archive& ar) {
  ar.field("events_read", events_read_);
  ar.field("rows_done", rows_done_);
  resources_.snapshot(ar);
  for (unsigned n = 0; n < heads_.size(); ++n)
    ar.section(fmt::format("head{}", n), [&](Archive& a) {
      snapshot_head(a, n);
      snapshot_picture(a, n);
    });
  if (!ar.loading()) return;
  for (unsigned n = 0; n < queue_count(); ++n)
    if (queue(n)->in_flight_count() != 0) ar.refuse("in_flight", "this device keeps no chains");
}

void VirtioGpu::snapshot_head(Archive& ar, unsigned n) {
  HeadState& h = s_heads_[n];
  Wish& w = wishes_[n];
  ar.field("enabled", w.enabled);
  ar.field("wished_width", w.size.width);
  ar.field("wished_height", w.size.height);
  ar.field("resource", h.resource);
  ar.field("x", h.shown.x);
  ar.field("y", h.shown.y);
  ar.field("width", h.shown.width);
  ar.field("height", h.shown.height);
  ar.section("pointer", [&](Archive& a) { snapshot_pointer(a, h.pointer); });
  if (!ar.loading()) return;
  const auto side = [](u32 v) { return v >= DisplayMode::kMinSide && v <= DisplayMode::kMaxSide; };
  if (!side(w.size.width) || !side(w.size.height)) {
    ar.refuse("wished_width", "no display is so large or so small");
    w.size = {DisplayMode{}.width, DisplayMode{}.height};
  }
  const GpuResource* const r = shown_on(h);
  if (h.resource == 0 || (r != nullptr && r->holds(h.shown) && h.shown.width <= ui::kMaxSide &&
                          h.shown.height <= ui::kMaxSide))
    return;
  ar.refuse("resource", "there is no such picture to show");
  h.resource = 0;
}

/// What a head shows is what its resource holds, until the driver moves pixels there: only a flush
/// shows them.  In between, the picture is part of the state.
void VirtioGpu::snapshot_picture(Archive& ar, unsigned n) {
  HeadState& h = s_heads_[n];
  h.restored = {};
  std::vector<u8> bytes;
  GpuResource* const r = shown_on(h);
  if (!ar.loading() && r != nullptr) {
    const ui::PixelView view = held(*r, h);
    ui::Picture now(view.size);
    now.copy(view, ui::Rect::all(view.size), 0, 0);
    const ui::Picture shown = heads_[n]->console.picture(false);
    const u8* const from = shown.view().bytes;
    if (shown != now) bytes.assign(from, from + std::size_t{shown.stride()} * shown.size().height);
  }
  ar.blob("picture", bytes, config_.max_hostmem);
  if (!ar.loading() || bytes.empty()) return;
  if (r == nullptr || bytes.size() != GpuResource::bytes({h.shown.width, h.shown.height}))
    return ar.refuse("picture", "not as many pixels as are shown");
  h.restored = ui::Picture({h.shown.width, h.shown.height});
  std::memcpy(h.restored.row(0), bytes.data(), bytes.size());
}

void VirtioGpu::snapshot_pointer(Archive& ar, Pointer& p) {
  ui::CursorImage image = p.image != nullptr ? *p.image : ui::CursorImage{};
  ar.field("x", p.x);
  ar.field("y", p.y);
  ar.field("width", image.size.width);
  ar.field("height", image.size.height);
  ar.field("hot_x", image.hot_x);
  ar.field("hot_y", image.hot_y);
  std::vector<u8> bytes(image.argb.size() * sizeof(u32));
  if (!bytes.empty()) std::memcpy(bytes.data(), image.argb.data(), bytes.size());
  constexpr u32 kMaxSide = ui::CursorImage::kMaxSide;
  ar.blob("argb", bytes, std::size_t{kMaxSide} * kMaxSide * sizeof(u32));
  if (!ar.loading()) return;
  p.image = nullptr;
  constexpr s32 kFar = 1 << 20;
  if (p.x < -kFar || p.x > kFar || p.y < -kFar || p.y > kFar) {
    ar.refuse("x", "a pointer is not so far away");
    p.x = p.y = 0;
  }
  const ui::Size size = image.size;
  if (size == ui::Size{} && bytes.empty()) return;
  if (size.empty() || size.width > kMaxSide || size.height > kMaxSide ||
      image.hot_x >= size.width || image.hot_y >= size.height ||
      bytes.size() != std::size_t{size.width} * size.height * sizeof(u32))
    return ar.refuse("argb", "it is no picture of a pointer");
  image.argb.resize(bytes.size() / sizeof(u32));
  std::memcpy(image.argb.data(), bytes.data(), bytes.size());
  p.image = std::make_shared<const ui::CursorImage>(std::move(image));
}

void VirtioGpu::restored_type() {
  for (unsigned n = 0; n < heads_.size(); ++n) {
    show(n);
    const ui::Picture shown = std::exchange(s_heads_[n].restored, {});
    if (!shown.size().empty()) heads_[n]->console.draw(shown.view(), ui::Rect::all(shown.size()));
    show_pointer(n);
  }
}

}  // namespace quince::hw
