// The paravirtual GPU of Apple's virtual platform before a driver talks to it: a linear framebuffer.
//
// There is no public manual.  The registers are known from how macOS's drivers use them, as QEMU's
// apple-gfx and a public reimplementation of the device (reims-vgpu) show.
//
// Modelled: the pre-boot display registers with one display of one mode, whose pixels (B, G, R and a byte that
// is not used, in memory) are shown while FB_START is not 0; the interrupt registers; plain storage
// where nothing is known.  Deliberately missing: the command FIFO and with it everything that draws
// (FIFO_READ stays 0), the IOSurface mapper.  VERSION reads as 0: with that, guests use the smallest
// set of features.  A guest that drives the FIFO all the same gets a line of -d unimp, and no answer.
// Chosen: 8-byte accesses are two of 4 bytes, but for FB_START and FIFO_BASE_PAGE, which then are 64-bit
// registers; a framebuffer that is not in memory shows nothing.
#pragma once

#include <array>
#include <utility>

#include "base/log.h"
#include "hw/core/dma.h"
#include "hw/core/irq.h"
#include "hw/core/reg_map.h"
#include "ui/console.h"

namespace quince::hw {

struct VmappleGpuConfig {
  ui::Size mode = {1920, 1080};
  /// Where the framebuffer is at power-on, as if firmware had set it up; 0: nowhere.
  u64 framebuffer = 0;
  static constexpr u32 kStrideAlign = 64;  ///< bytes
  u32 stride() const { return (mode.width * 4 + kStrideAlign - 1) / kStrideAlign * kStrideAlign; }
  u64 bytes() const { return u64{stride()} * mode.height; }
};

class VmappleGpu final : public RegMapDevice<VmappleGpu> {
 public:
  static constexpr u64 kSize = 0x4000;

  /// `irq` is pulsed.  The console outlives the device.
  VmappleGpu(std::string_view name, const VmappleGpuConfig& config, IrqLine irq,
             ui::Console& console, DmaPort dma, Log& log);
  ~VmappleGpu() override { console_.set_size({}); }

  Bus read(u64 off, Access a, u64& out) override;
  Bus write(u64 off, Access a, u64 in) override;
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<VmappleGpu>> regs();
  void sync();

 private:
  friend RegOps<VmappleGpu>;
  using Op = RegOps<VmappleGpu>;

  static constexpr u64 kFirst = 0x1000, kFbStart = 0x1210, kFifoBasePage = 0x1030,
                       kFbStride = 0x1228;
  struct State {
    std::array<u32, (kSize - kFirst) / 4> words{};  // of registers that are storage
    u64 fb_start = 0, fifo_base_page = 0;
    u32 intr_status_disp = 0, intr_status_gpu = 0;
  };

  template <u64 Off>
  u32 word(unsigned i) const {
    return s_.words[(Off - kFirst) / 4 + i];
  }
  template <u64 Off>
  void set_word(unsigned i, u32 v) {
    s_.words[(Off - kFirst) / 4 + i] = v;
  }
  u64* wide(u64 off);
  u32 fb_start() const { return static_cast<u32>(s_.fb_start); }
  void set_fb_start(u32 v) { s_.fb_start = with_bits(s_.fb_start, 31, 0, v); }
  u32 fifo_base_page() const { return static_cast<u32>(s_.fifo_base_page); }
  void set_fifo_base_page(u32 v) { s_.fifo_base_page = with_bits(s_.fifo_base_page, 31, 0, v); }
  template <u32 State::*Status>
  u32 take() {
    return std::exchange(s_.*Status, 0);
  }
  u32 mode_size() const { return config_.mode.width << 16 | config_.mode.height; }
  void display_irq(u32 n);
  /// A register by which a driver hands over commands: it keeps what is written.
  template <u64 Off>
  void set_fifo(u32 v) {
    set_word<Off>(0, v);
    fifo_used(Off, v);
  }
  template <u64 Off>
  void ring(u32 v) {
    fifo_used(Off, v);
  }
  void fifo_used(u64 off, u32 v);
  ui::PixelView framebuffer();
  static const std::array<Reg<VmappleGpu>, 31> kRegs;

  const VmappleGpuConfig config_;
  IrqLine irq_;
  ui::Console& console_;
  DmaPort dma_;
  Log& log_;
  ui::PixelView shown_;  // what the console scans; no bytes: nothing
  State s_;
};

}  // namespace quince::hw
