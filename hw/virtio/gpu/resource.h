// The 2D resources of virtio-gpu (virtio 1.2, 5.7.6.8): pictures on the host's side, each with
// guest memory behind it, and the limit on what they may take of the host.
#pragma once

#include <cstdlib>
#include <map>
#include <memory>
#include <optional>

#include "hw/virtio/gpu/backing.h"
#include "ui/console.h"

namespace quince::hw {

/// How a format's bytes are read.
struct GpuFormat {
  u32 number;              ///< VIRTIO_GPU_FORMAT_*
  ui::PixelFormat opaque;  ///< for pixman, without its alpha: what is scanned out has none
  u8 red, green, blue;     ///< which byte of a pixel
  std::optional<u8> alpha;
};
/// Null: there is no such format.
const GpuFormat* find_gpu_format(u32 number);

class GpuResource {
 public:
  static constexpr u32 kBytesPerPixel = 4;
  /// Larger than a scanout may be: several can show parts of one resource.
  static constexpr u32 kMaxSide = 16384;

  /// Null when the host has not so much memory.
  static std::unique_ptr<GpuResource> create(const GpuFormat& format, ui::Size size);

  const GpuFormat& format() const { return *format_; }
  ui::Size size() const { return size_; }
  static u64 bytes(ui::Size s) { return u64{s.width} * s.height * kBytesPerPixel; }
  u64 stride() const { return u64{size_.width} * kBytesPerPixel; }
  /// Whether a rectangle is not empty and inside.
  bool holds(const VirtioGpuRect& r) const;
  u8* at(u32 x, u32 y) { return pixels_.get() + y * stride() + u64{x} * kBytesPerPixel; }
  /// A part, as a picture to draw from.
  ui::PixelView view(ui::Rect part);
  /// All of it as a pointer's picture.  It is at most ui::CursorImage::kMaxSide large.
  std::vector<u32> premultiplied();

  const GpuBacking& backing() const { return backing_; }
  /// Looks at where the backing memory is; false when some of it is gone.
  bool map_backing(DmaPort& dma) { return backing_.map(dma); }

 private:
  friend class GpuResources;
  struct Free {
    void operator()(u8* p) const { std::free(p); }
  };
  GpuResource(const GpuFormat& format, ui::Size size) : format_(&format), size_(size) {}

  const GpuFormat* format_;
  ui::Size size_;
  GpuBacking backing_;
  std::unique_ptr<u8, Free> pixels_;  // from calloc: the host gives pages when they are touched
};

/// The resources by id.  Counts what they take of the host.
class GpuResources {
 public:
  static constexpr std::size_t kMaxResources = 16384;

  /// `limit`: bytes of the host that all of them may take.
  explicit GpuResources(u64 limit) : limit_(limit) {}

  GpuResource* find(u32 id);
  /// What the answer to RESOURCE_CREATE_2D is.
  VirtioGpuCtrlType create(const VirtioGpuResourceCreate2d& c);
  void erase(u32 id);
  void clear();
  /// Puts guest memory behind a resource that has none: what the answer to ATTACH_BACKING is.
  VirtioGpuCtrlType attach(GpuResource& r, DmaPort& dma, std::span<const VirtioGpuMemEntry> pieces);
  void detach(GpuResource& r);
  /// Bytes of the host that they take.
  u64 used() const { return used_; }

  void snapshot(Archive& ar);

 private:
  /// Small ones take a page and something for their place in the table.
  static u64 cost(ui::Size s) { return std::max<u64>(GpuResource::bytes(s), 4 * KiB); }
  void load_one(Archive& ar);

  const u64 limit_;
  u64 used_ = 0;
  std::map<u32, std::unique_ptr<GpuResource>> all_;
};

}  // namespace quince::hw
