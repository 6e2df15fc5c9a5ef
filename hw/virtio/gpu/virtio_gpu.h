// GPU device (virtio 1.2, 5.7), its 2D half.
//
// Modelled: control and cursor queues, every 2D command, fences, EDID (VIRTIO_GPU_F_EDID), several
// scanouts with a pointer each, changes of the display (VIRTIO_GPU_EVENT_DISPLAY).  Deliberately
// missing: 3D (VIRTIO_GPU_F_VIRGL and capability sets), blobs, UUIDs of resources.
//
// As in QEMU: only scanout 0 is enabled at first, and others when somebody looks at them or modes
// were named for them; SET_SCANOUT shows what the resource holds then; a resource that goes takes its
// picture from the screen; the pointer's place is that of its image's corner.  Stricter than there: a
// transfer that reaches over the end of the backing memory is refused as a whole.
//
// A resource's pixels are a copy of the host's, in the guest's format; what is shown of them is
// copied again into the console (ui/console.h), on a flush.  Commands run to their end in order, so
// a fence is reached when the answer is given.  A command that moves many pixels is done in bands of
// rows, kPassBytes at a time; the device remembers how many rows are done, and the chain waits in
// the guest's ring.  So no chain is in flight outside of a call.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "hw/display/edid.h"
#include "hw/virtio/gpu/protocol.h"
#include "hw/virtio/gpu/resource.h"
#include "hw/virtio/virtio_device.h"
#include "ui/console.h"

namespace quince::hw {

/// One scanout.
struct VirtioGpuHeadConfig {
  EdidConfig edid = {};  ///< modes, the first of them the preferred one; names
  bool enabled = false;  ///< from the start
};

struct VirtioGpuConfig {
  static constexpr u64 kUsualHostmem = 256 * MiB;

  u64 features = VirtioDevice::kCommonFeatures;  ///< of every type; those of GPUs are added
  bool edid = true;
  /// Bytes that all resources may take of the host, and as many again what is shown of them.
  u64 max_hostmem = kUsualHostmem;
  std::vector<VirtioGpuHeadConfig> heads = {};

  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

class VirtioGpu final : public VirtioDevice {
 public:
  static constexpr unsigned kControl = 0, kCursor = 1;  ///< queues (5.7.2)
  static constexpr u16 kControlQueueSize = 256, kCursorQueueSize = 16;
  static constexpr u32 kConfigSize = 16;
  /// Pixels' bytes that one notification moves; more waits for the machine thread.
  static constexpr u64 kPassBytes = 64 * MiB;

  /// `config` passed check().  `consoles`: one for each head, which outlive the device.
  VirtioGpu(std::string_view name, const VirtioGpuConfig& config,
            std::span<ui::Console* const> consoles, Log& log, TimerQueue& timers);
  ~VirtioGpu() override;

  u32 config_size() const override { return kConfigSize; }
  /// Bytes of the host that resources take.
  u64 hostmem() const { return resources_.used(); }

 private:
  /// What the pointer of a head looks like, and where its corner is.
  struct Pointer {
    std::shared_ptr<const ui::CursorImage> image = nullptr;
    s32 x = 0, y = 0;
  };
  struct HeadState {
    u32 resource = 0;  // shown; 0: nothing is
    VirtioGpuRect shown = {};
    Pointer pointer = {};
    ui::Picture restored = {};  // of a snapshot, until restored(): snapshot_picture()
  };
  /// What the person in front of it wants, which no driver resets.
  struct Wish {
    bool enabled = false;
    ui::Size size = {};
  };
  /// A head, as its console sees it.
  class Head final : public ui::ConsoleClient {
   public:
    Head(VirtioGpu& device, unsigned number, ui::Console& to)
        : console(to), device_(device), number_(number) {
      console.attach(this);
    }
    ~Head() { console.attach(nullptr); }
    Head(const Head&) = delete;
    Head& operator=(const Head&) = delete;

    void size_wished(ui::Size size) override { device_.size_wished(number_, size); }

    ui::Console& console;

   private:
    VirtioGpu& device_;
    const unsigned number_;
  };

  struct Request;  // a command and its answer

  bool handle_queue(unsigned n) override;
  void stop(std::optional<unsigned> only) override;
  void reset_type() override;
  void snapshot_type(Archive& ar) override;
  void restored_type() override;
  void fill_config(std::span<u8> out) const override;
  bool config_written(u64 off, std::span<const u8> in) override;

  // virtio_gpu.cpp
  void size_wished(unsigned head, ui::Size size);
  void show(unsigned head);
  ui::PixelView held(GpuResource& r, const HeadState& h) {
    return r.view({h.shown.x, h.shown.y, h.shown.width, h.shown.height});
  }
  void show_pointer(unsigned head);
  void hide(unsigned head);
  GpuResource* shown_on(const HeadState& h) { return resources_.find(h.resource); }

  // commands.cpp
  bool handle_control();
  void handle_cursor();
  bool execute(Request& r, u64& budget);
  void get_display_info(Request& r);
  void get_edid(Request& r);
  VirtioGpuCtrlType unref(u32 id);
  VirtioGpuCtrlType set_scanout(const VirtioGpuSetScanout& c);
  VirtioGpuCtrlType attach_backing(Request& r);
  VirtioGpuCtrlType detach_backing(u32 id);
  bool flush(Request& r, u64& budget);
  bool transfer(Request& r, u64& budget);
  VirtioGpuCtrlType update_cursor(const VirtioGpuUpdateCursor& c, bool image);
  std::optional<VirtioGpuRect> next_band(const VirtioGpuRect& r, u64 row_bytes, u64& budget);

  // state.cpp
  void snapshot_head(Archive& ar, unsigned n);
  void snapshot_pointer(Archive& ar, Pointer& p);
  void snapshot_picture(Archive& ar, unsigned n);

  const VirtioGpuConfig config_;
  std::vector<std::unique_ptr<Head>> heads_;
  std::vector<Wish> wishes_;               // of each head
  std::vector<VirtioGpuMemEntry> pieces_;  // scratch
  VirtqElement element_;

  // The state, with wishes_.
  GpuResources resources_;
  std::vector<HeadState> s_heads_;
  u32 events_read_ = 0;
  u32 rows_done_ = 0;  // of the command at the head of the control queue
};

}  // namespace quince::hw
