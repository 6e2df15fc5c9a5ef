#include "hw/virtio/gpu/virtio_gpu.h"

#include <algorithm>

#include "base/assert.h"

namespace quince::hw {

namespace {

// struct virtio_gpu_config (5.7.4).
constexpr std::size_t kEventsRead = 0, kEventsClear = 4, kNumScanouts = 8;

constexpr u16 kQueueSizes[] = {VirtioGpu::kControlQueueSize, VirtioGpu::kCursorQueueSize};

u64 all_features(const VirtioGpuConfig& c) {
  return c.features | (c.edid ? feature_bits(VIRTIO_GPU_F_EDID) : 0);
}

}  // namespace

// ---- Construction -------------------------------------------------------------------------------

Result<void> VirtioGpuConfig::check() const {
  if (heads.empty() || heads.size() > VIRTIO_GPU_MAX_SCANOUTS)
    return fail("max_outputs={} is out of range (1 to {})", heads.size(), VIRTIO_GPU_MAX_SCANOUTS);
  for (const VirtioGpuHeadConfig& h : heads) TRY_VOID(h.edid.check());
  return {};
}

VirtioGpu::VirtioGpu(std::string_view name, const VirtioGpuConfig& config,
                     std::span<ui::Console* const> consoles, Log& log, TimerQueue& timers)
    : VirtioDevice(name, VirtioId::Gpu, all_features(config), kQueueSizes, log, timers),
      config_(config),
      resources_(config.max_hostmem),
      s_heads_(config.heads.size()) {
  QUINCE_ASSERT(consoles.size() == config.heads.size());
  for (unsigned n = 0; n < consoles.size(); ++n) {
    heads_.push_back(std::make_unique<Head>(*this, n, *consoles[n]));
    const VirtioGpuHeadConfig& h = config.heads[n];
    const DisplayMode& m = h.edid.modes.front();
    wishes_.push_back({h.enabled, {m.width, m.height}});
  }
}

VirtioGpu::~VirtioGpu() {
  for (unsigned n = 0; n < heads_.size(); ++n) hide(n);
}

// ---- Life ---------------------------------------------------------------------------------------

void VirtioGpu::stop(std::optional<unsigned> only) {
  if (!only || *only == kControl) rows_done_ = 0;
}

void VirtioGpu::reset_type() {
  resources_.clear();
  events_read_ = 0;
  for (unsigned n = 0; n < heads_.size(); ++n) {
    s_heads_[n].pointer = {};
    show_pointer(n);
    hide(n);
  }
}

// ---- Configuration ------------------------------------------------------------------------------

void VirtioGpu::fill_config(std::span<u8> out) const {
  store_le<u32>(out.data() + kEventsRead, events_read_);
  store_le<u32>(out.data() + kNumScanouts, static_cast<u32>(heads_.size()));
}

bool VirtioGpu::config_written(u64 off, std::span<const u8> in) {
  if (off != kEventsClear || in.size() != sizeof(u32)) return false;
  events_read_ &= ~load_le<u32>(in.data());
  return true;
}

// ---- Heads --------------------------------------------------------------------------------------

/// The driver hears of it and asks for the display's data again.
void VirtioGpu::size_wished(unsigned head, ui::Size size) {
  if (size.empty()) return;
  size.width = std::clamp(size.width, DisplayMode::kMinSide, DisplayMode::kMaxSide);
  size.height = std::clamp(size.height, DisplayMode::kMinSide, DisplayMode::kMaxSide);
  Wish& wish = wishes_[head];
  if (wish.enabled && wish.size == size) return;
  wish = {true, size};
  events_read_ |= VIRTIO_GPU_EVENT_DISPLAY;
  config_changed();
}

/// Shows all of what a head shows.
void VirtioGpu::show(unsigned head) {
  const HeadState& h = s_heads_[head];
  GpuResource* const r = shown_on(h);
  ui::Console& console = heads_[head]->console;
  if (r == nullptr) return console.set_size({});
  const ui::PixelView view = held(*r, h);
  if (console.size() != view.size) console.set_size(view.size);
  console.draw(view, ui::Rect::all(view.size));
}

void VirtioGpu::show_pointer(unsigned head) {
  const Pointer& p = s_heads_[head].pointer;
  ui::Cursor cursor{.image = p.image, .x = p.x, .y = p.y};
  if (p.image != nullptr) {
    cursor.x += static_cast<s32>(p.image->hot_x);
    cursor.y += static_cast<s32>(p.image->hot_y);
  }
  heads_[head]->console.set_cursor(cursor);
}

void VirtioGpu::hide(unsigned head) {
  s_heads_[head].resource = 0;
  s_heads_[head].shown = {};
  heads_[head]->console.set_size({});
}

// ---- Queues -------------------------------------------------------------------------------------

bool VirtioGpu::handle_queue(unsigned n) {
  if (n == kControl) return handle_control();
  unsigned taken = 0;
  for (; taken < kBurst && next(kCursor, element_); ++taken) handle_cursor();
  if (taken != 0) signal(kCursor);
  return taken == kBurst;
}

}  // namespace quince::hw
