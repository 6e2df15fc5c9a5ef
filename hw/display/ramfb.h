// A framebuffer in the guest's memory that its firmware sets up: QEMU's ramfb (its
// docs/specs/fw_cfg.rst for the transport; the structure is that of its driver in EDK2, QemuRamfbDxe).
//
// The guest writes 28 bytes to the fw_cfg file "etc/ramfb", all big-endian: where its pixels are, their
// DRM format, flags (not used), width, height, and bytes from a row to the next, 0 for no gaps.
// From then on that memory is what the display shows.
// Chosen: a description that cannot be shows nothing (QEMU keeps what was there), so that what is
// shown follows from the file's bytes.
#pragma once

#include <array>

#include "base/log.h"
#include "hw/core/device.h"
#include "hw/core/dma.h"
#include "hw/fw_cfg/fw_cfg.h"
#include "ui/console.h"

namespace quince::hw {

class Ramfb final : public Device, public FwCfgWritable {
 public:
  static constexpr const char* kFile = "etc/ramfb";
  static constexpr std::size_t kSize = 28;

  /// The console outlives the device.
  Ramfb(std::string_view name, ui::Console& console, DmaPort dma, Log& log);
  ~Ramfb() override { console_.set_size({}); }

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override { sync(); }

  std::span<u8> file_bytes() override { return s_.file; }
  void file_written() override { sync(); }

 private:
  struct State {
    std::array<u8, kSize> file{};
  };
  void sync();
  bool scan();

  ui::Console& console_;
  DmaPort dma_;
  Log& log_;
  State s_;
};

}  // namespace quince::hw
