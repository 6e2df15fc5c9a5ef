// The commands of the GPU device (virtio 1.2, 5.7.6.8 and 5.7.6.10).
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hw/virtio/gpu/virtio_gpu.h"

namespace quince::hw {

namespace {

constexpr s32 kPointerRange = 16384;  ///< pixels that a pointer may be off the picture

ui::Rect intersection(const VirtioGpuRect& a, const VirtioGpuRect& b) {
  const u32 x = std::max(a.x, b.x), y = std::max(a.y, b.y);
  const u32 right = std::min(a.x + a.width, b.x + b.width),
            bottom = std::min(a.y + a.height, b.y + b.height);
  if (right <= x || bottom <= y) return {};
  return {x, y, right - x, bottom - y};
}

}  // namespace

/// A command and where its answer goes.  What the driver wrote is copied once.
struct VirtioGpu::Request {
  explicit Request(VirtqElement& from) : element(from) {
    whole = element.copy_out(0, {reinterpret_cast<u8*>(&hdr), sizeof hdr}) == sizeof hdr;
  }
  /// What follows the header; zeroes, and no `whole`, when the driver wrote less.
  template <class T>
  T body() {
    T t;
    const u64 n = element.copy_out(sizeof hdr, {reinterpret_cast<u8*>(&t), sizeof t});
    if (n == sizeof t) return t;
    whole = false;
    return {};
  }
  /// 5.7.6.7: the answer to a command with a fence has that fence.
  VirtioGpuCtrlHdr answer_header(VirtioGpuCtrlType type) const {
    VirtioGpuCtrlHdr h{.type = type};
    if ((hdr.flags & VIRTIO_GPU_FLAG_FENCE) == 0) return h;
    h.flags = VIRTIO_GPU_FLAG_FENCE;
    h.fence_id = hdr.fence_id;
    h.ctx_id = hdr.ctx_id;
    return h;
  }
  template <class T>
  void answer_with(T& data, VirtioGpuCtrlType type) {
    data.hdr = answer_header(type);
    written = element.copy_in(0, {reinterpret_cast<const u8*>(&data), sizeof data});
    answered = true;
  }
  void answer(VirtioGpuCtrlType type) {
    const VirtioGpuCtrlHdr h = answer_header(type);
    written = element.copy_in(0, {reinterpret_cast<const u8*>(&h), sizeof h});
    answered = true;
    result = type;
  }

  VirtqElement& element;
  VirtioGpuCtrlHdr hdr = {};
  bool whole = false, answered = false;
  VirtioGpuCtrlType result = VIRTIO_GPU_RESP_OK_NODATA;
  u64 written = 0;
};

// ---- Queues -------------------------------------------------------------------------------------

bool VirtioGpu::handle_control() {
  u64 budget = kPassBytes;
  unsigned taken = 0;
  bool more = false;
  while (taken < kBurst && next(kControl, element_)) {
    Request r(element_);
    if (budget == 0 || !execute(r, budget)) {
      queue(kControl)->unpop(element_);
      more = true;
      break;
    }
    rows_done_ = 0;
    push(kControl, element_, r.written);
    ++taken;
  }
  if (taken != 0) signal(kControl);
  return more || taken == kBurst;
}

void VirtioGpu::handle_cursor() {
  Request r(element_);
  const auto c = r.body<VirtioGpuUpdateCursor>();
  if (!r.whole ||
      (r.hdr.type != VIRTIO_GPU_CMD_UPDATE_CURSOR && r.hdr.type != VIRTIO_GPU_CMD_MOVE_CURSOR))
    r.answer(VIRTIO_GPU_RESP_ERR_UNSPEC);
  else
    r.answer(update_cursor(c, r.hdr.type == VIRTIO_GPU_CMD_UPDATE_CURSOR));
  if (r.result != VIRTIO_GPU_RESP_OK_NODATA)
    log().guest_error(name() + "cursor", "{}: pointer command {:#x} is refused: {:#x}", name(),
                      r.hdr.type, static_cast<u32>(r.result));
  push(kCursor, element_, r.written);
}

/// Says false when the command is not done yet.
bool VirtioGpu::execute(Request& r, u64& budget) {
  VirtioGpuCtrlType result = VIRTIO_GPU_RESP_ERR_UNSPEC;
  switch (r.whole ? r.hdr.type : 0) {
    case VIRTIO_GPU_CMD_GET_DISPLAY_INFO:
      get_display_info(r);
      break;
    case VIRTIO_GPU_CMD_GET_EDID:
      get_edid(r);
      break;
    case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
      if (const auto c = r.body<VirtioGpuResourceCreate2d>(); r.whole)
        result = resources_.create(c);
      break;
    case VIRTIO_GPU_CMD_RESOURCE_UNREF:
      if (const auto c = r.body<VirtioGpuResourceId>(); r.whole) result = unref(c.resource_id);
      break;
    case VIRTIO_GPU_CMD_SET_SCANOUT:
      if (const auto c = r.body<VirtioGpuSetScanout>(); r.whole) {
        result = set_scanout(c);
        budget -= std::min(budget, u64{c.r.width} * c.r.height * GpuResource::kBytesPerPixel);
      }
      break;
    case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
      if (!flush(r, budget)) return false;
      break;
    case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
      if (!transfer(r, budget)) return false;
      break;
    case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
      result = attach_backing(r);
      break;
    case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
      if (const auto c = r.body<VirtioGpuResourceId>(); r.whole)
        result = detach_backing(c.resource_id);
      break;
    default:
      break;
  }
  if (!r.answered) r.answer(result);
  if (r.result >= VIRTIO_GPU_RESP_ERR_UNSPEC)
    log().guest_error(name() + "command", "{}: command {:#x} is refused: {:#x}", name(), r.hdr.type,
                      static_cast<u32>(r.result));
  return true;
}

// ---- The display --------------------------------------------------------------------------------

void VirtioGpu::get_display_info(Request& r) {
  VirtioGpuRespDisplayInfo info;
  for (unsigned n = 0; n < heads_.size(); ++n) {
    const Wish& w = wishes_[n];
    info.pmodes[n] = {.r = {0, 0, w.size.width, w.size.height}, .enabled = w.enabled};
  }
  r.answer_with(info, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

/// The preferred mode is what the person in front of it wants now.
void VirtioGpu::get_edid(Request& r) {
  const auto c = r.body<VirtioGpuGetEdid>();
  if (!r.whole || !has_feature(VIRTIO_GPU_F_EDID)) return r.answer(VIRTIO_GPU_RESP_ERR_UNSPEC);
  if (c.scanout >= heads_.size()) return r.answer(VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
  EdidConfig edid = config_.heads[c.scanout].edid;
  const ui::Size wish = wishes_[c.scanout].size;
  DisplayMode& preferred = edid.modes.front();
  if (preferred.width != wish.width || preferred.height != wish.height)
    preferred = {wish.width, wish.height};
  const std::vector<u8> bytes = make_edid(edid);
  VirtioGpuRespEdid answer;
  static_assert(sizeof answer.edid >= kMaxEdid);
  answer.size = static_cast<u32>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), answer.edid);
  r.answer_with(answer, VIRTIO_GPU_RESP_OK_EDID);
}

VirtioGpuCtrlType VirtioGpu::set_scanout(const VirtioGpuSetScanout& c) {
  if (c.scanout_id >= heads_.size()) return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
  if (c.resource_id == 0) {
    hide(c.scanout_id);
    return VIRTIO_GPU_RESP_OK_NODATA;
  }
  const GpuResource* const r = resources_.find(c.resource_id);
  if (r == nullptr) return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
  if (!r->holds(c.r) || c.r.width > ui::kMaxSide || c.r.height > ui::kMaxSide)
    return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
  // What consoles hold of it has a limit of its own, because many can show one resource.
  u64 held = GpuResource::bytes({c.r.width, c.r.height});
  for (unsigned n = 0; n < heads_.size(); ++n)
    if (n != c.scanout_id)
      held += GpuResource::bytes({s_heads_[n].shown.width, s_heads_[n].shown.height});
  if (held > config_.max_hostmem) return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
  s_heads_[c.scanout_id].resource = c.resource_id;
  s_heads_[c.scanout_id].shown = c.r;
  show(c.scanout_id);
  return VIRTIO_GPU_RESP_OK_NODATA;
}

// ---- Resources ----------------------------------------------------------------------------------

VirtioGpuCtrlType VirtioGpu::unref(u32 id) {
  if (resources_.find(id) == nullptr) return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
  for (unsigned n = 0; n < heads_.size(); ++n)
    if (s_heads_[n].resource == id) hide(n);
  resources_.erase(id);
  return VIRTIO_GPU_RESP_OK_NODATA;
}

VirtioGpuCtrlType VirtioGpu::attach_backing(Request& r) {
  const auto c = r.body<VirtioGpuResourceAttachBacking>();
  if (!r.whole) return VIRTIO_GPU_RESP_ERR_UNSPEC;
  GpuResource* const resource = resources_.find(c.resource_id);
  if (resource == nullptr) return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
  constexpr u64 kFirst = sizeof(VirtioGpuCtrlHdr) + sizeof c;
  const u64 bytes = u64{c.nr_entries} * sizeof(VirtioGpuMemEntry);
  if (c.nr_entries > GpuBacking::kMaxEntries) return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
  if (c.nr_entries == 0 || r.element.readable_size() < kFirst + bytes)
    return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
  pieces_.resize(c.nr_entries);
  r.element.copy_out(kFirst, {reinterpret_cast<u8*>(pieces_.data()), bytes});
  return resources_.attach(*resource, dma(), pieces_);
}

VirtioGpuCtrlType VirtioGpu::detach_backing(u32 id) {
  GpuResource* const r = resources_.find(id);
  if (r == nullptr) return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
  if (r->backing().empty()) return VIRTIO_GPU_RESP_ERR_UNSPEC;
  resources_.detach(*r);
  return VIRTIO_GPU_RESP_OK_NODATA;
}

// ---- Pixels -------------------------------------------------------------------------------------

/// The next rows of a rectangle that may be moved now, or nothing when all of them are.
std::optional<VirtioGpuRect> VirtioGpu::next_band(const VirtioGpuRect& r, u64 row_bytes,
                                                  u64& budget) {
  rows_done_ = std::min(rows_done_, r.height);  // the driver may have changed the command
  if (rows_done_ == r.height) return {};
  const u64 rows = std::clamp<u64>(budget / std::max<u64>(row_bytes, 1), 1, r.height - rows_done_);
  const VirtioGpuRect band{r.x, r.y + rows_done_, r.width, static_cast<u32>(rows)};
  rows_done_ += static_cast<u32>(rows);
  budget -= std::min(budget, rows * row_bytes);
  return band;
}

bool VirtioGpu::transfer(Request& r, u64& budget) {
  const auto c = r.body<VirtioGpuTransferToHost2d>();
  if (!r.whole) return true;
  GpuResource* const resource = resources_.find(c.resource_id);
  if (resource == nullptr) {
    r.answer(VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
    return true;
  }
  const u64 row = u64{c.r.width} * GpuResource::kBytesPerPixel;
  const GpuBacking& backing = resource->backing();
  // Rows are as far apart in the backing memory as in the resource.
  if (!resource->holds(c.r) || c.offset > backing.size() ||
      resource->stride() * (c.r.height - 1) + row > backing.size() - c.offset ||
      !resource->map_backing(dma())) {
    r.answer(VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
    return true;
  }
  const auto band = next_band(c.r, row, budget);
  if (band) {
    const u64 from = c.offset + resource->stride() * (band->y - c.r.y);
    for (u32 y = 0; y < band->height; ++y)
      backing.read(from + resource->stride() * y, {resource->at(band->x, band->y + y), row});
  }
  if (rows_done_ != c.r.height) return false;
  r.answer(VIRTIO_GPU_RESP_OK_NODATA);
  return true;
}

bool VirtioGpu::flush(Request& r, u64& budget) {
  const auto c = r.body<VirtioGpuResourceFlush>();
  if (!r.whole) return true;
  GpuResource* const resource = resources_.find(c.resource_id);
  if (resource == nullptr || !resource->holds(c.r)) {
    r.answer(resource == nullptr ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
                                 : VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
    return true;
  }
  const auto on = std::count_if(s_heads_.begin(), s_heads_.end(),
                                [&](const HeadState& h) { return h.resource == c.resource_id; });
  const u64 row = u64{c.r.width} * GpuResource::kBytesPerPixel * static_cast<u64>(on);
  if (const auto band = next_band(c.r, row, budget)) {
    for (unsigned n = 0; n < heads_.size(); ++n) {
      const HeadState& h = s_heads_[n];
      if (h.resource != c.resource_id) continue;
      ui::Rect area = intersection(*band, h.shown);
      if (area.empty()) continue;
      area.x -= h.shown.x;
      area.y -= h.shown.y;
      heads_[n]->console.draw(held(*resource, h), area);
    }
  }
  if (rows_done_ != c.r.height) return false;
  r.answer(VIRTIO_GPU_RESP_OK_NODATA);
  return true;
}

// ---- Pointers -----------------------------------------------------------------------------------

VirtioGpuCtrlType VirtioGpu::update_cursor(const VirtioGpuUpdateCursor& c, bool image) {
  if (c.scanout_id >= heads_.size()) return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
  Pointer& p = s_heads_[c.scanout_id].pointer;
  if (image && c.resource_id == 0) {
    p.image = nullptr;
  } else if (image) {
    GpuResource* const r = resources_.find(c.resource_id);
    if (r == nullptr) return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    const ui::Size size = r->size();
    if (std::max(size.width, size.height) > ui::CursorImage::kMaxSide)
      return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    p.image = std::make_shared<const ui::CursorImage>(
        ui::CursorImage{.size = size,
                        .hot_x = std::min(c.hot_x, size.width - 1),
                        .hot_y = std::min(c.hot_y, size.height - 1),
                        .argb = r->premultiplied()});
  }
  // Drivers give places to the left of the picture as negative numbers.
  p.x = std::clamp(static_cast<s32>(c.x), -kPointerRange, kPointerRange);
  p.y = std::clamp(static_cast<s32>(c.y), -kPointerRange, kPointerRange);
  show_pointer(c.scanout_id);
  return VIRTIO_GPU_RESP_OK_NODATA;
}

}  // namespace quince::hw
