// The board's own display: a framebuffer that is there before any driver.
//
// On vmapple the firmware sets it up in the guest's memory, and so does our boot ROM.  A kernel that is
// started without firmware finds it set up as well: at the top of memory, which the device tree
// then leaves out of its memory node and shows as a simple-framebuffer.  Memory of its own
// elsewhere would be simpler, but drivers of the platform take it for the guest's.
#include "base/bits.h"
#include "firmware/board_fdt.h"
#include "machine/devices.h"

namespace quince::machine {

namespace {

/// The framebuffer begins at a page of every size that guests use.
constexpr u64 kFramebufferAlign = 64 * KiB;
/// A machine with less memory than this keeps all of it for the guest.
constexpr u64 kLeastMemory = 128 * MiB;

hw::VmappleGpuConfig gpu_config(const MachineConfig& c) {
  return {.mode = {c.display.width, c.display.height}};
}

}  // namespace

/// Where the framebuffer is at power-on; 0 when nobody sets one up.
u64 Machine::framebuffer() const {
  const bool boots_kernel =
      rom_ || (!config_.kernel.empty() && config_.dtb.empty() && config_.bios.empty());
  const u64 bytes = gpu_config(config_).bytes();
  if (!board_display_ || !boots_kernel || config_.ram < kLeastMemory || bytes > config_.ram / 4)
    return 0;
  return align_down(board_->entry(Slot::Ram).base + config_.ram - bytes, kFramebufferAlign);
}

/// What the guest is told to use as memory.
firmware::Range Machine::guest_memory() const {
  const u64 base = board_->entry(Slot::Ram).base, top = framebuffer();
  return {PhysAddr(base), top != 0 ? top - base : config_.ram};
}

Result<void> Machine::build_display() {
  const BoardDisplay wanted = config_.display.board;
  if (wanted == BoardDisplay::On && !board_->has(Slot::Gpu))
    return fail("-M: display=on: machine '{}' has no display of its own", board_->name);
  board_display_ =
      board_->has(Slot::Gpu) &&
      (wanted == BoardDisplay::On || (wanted == BoardDisplay::Auto && display_.consoles().empty()));
  if (!config_.display.screenshot.empty() && !board_display_ && display_.consoles().empty())
    return fail("-screenshot: the machine has no display device");
  if (config_.display.front == DisplayConfig::Front::Sdl && !board_display_ &&
      display_.consoles().empty())
    return fail("-display: sdl: the machine has no display device");
  if (!board_display_) return {};
  const MapEntry& e = board_->entry(Slot::Gpu);
  hw::VmappleGpuConfig c = gpu_config(config_);
  if (!rom_) c.framebuffer = framebuffer();
  devices_->display = std::make_unique<hw::VmappleGpu>(
      e.name, c, hw::IrqLine(devices_->gic->spi_sink(), static_cast<unsigned>(e.spi)),
      display_.add_console(e.name), hw::DmaPort(space_, 0), log_);
  device_list_.push_back(devices_->display.get());
  return space_.map(PhysAddr(e.base), hw::VmappleGpu::kSize, *devices_->display);
}

void Machine::describe_display(firmware::BoardDescription& b) const {
  const u64 at = framebuffer();
  if (at == 0) return;
  const hw::VmappleGpuConfig c = gpu_config(config_);
  b.framebuffer = firmware::FdtFramebuffer{.memory = {PhysAddr(at), c.bytes()},
                                           .width = c.mode.width,
                                           .height = c.mode.height,
                                           .stride = c.stride()};
}

}  // namespace quince::machine
