#include "hw/vmapple/gpu.h"

#include "hw/core/archive.h"

namespace quince::hw {

// clang-format off
constexpr std::array<Reg<VmappleGpu>, 31> VmappleGpu::kRegs{{
    {{.offset = 0x0000, .name = "RESERVED", .access = 4 | 8, .count = 0x400}, Op::constant<0>, Op::ignore},
    {{.offset = 0x1000, .name = "CONTROL_FIFO",  .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1000>>, Op::set<&VmappleGpu::set_fifo<0x1000>>},
    {{.offset = 0x1004, .name = "FIFO_LENGTH",   .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1004>>, Op::set<&VmappleGpu::set_word<0x1004>>},
    {{.offset = 0x1008, .name = "FIFO_WRITTEN",  .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1008>>, Op::set<&VmappleGpu::set_fifo<0x1008>>},
    {{.offset = 0x100c, .name = "FIFO_READ",     .access = 4 | 8}, Op::constant<0>, nullptr},
    {{.offset = 0x1010, .name = "FIFO_START",    .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1010>>, Op::set<&VmappleGpu::set_word<0x1010>>},
    {{.offset = 0x1014, .name = "INTR_STATUS_DISP", .access = 4 | 8, .read_effect = true}, Op::get<&VmappleGpu::take<&State::intr_status_disp>>, Op::w1c<&State::intr_status_disp>},
    {{.offset = 0x1018, .name = "INTR_STATUS_GPU",  .access = 4 | 8, .read_effect = true}, Op::get<&VmappleGpu::take<&State::intr_status_gpu>>,  Op::w1c<&State::intr_status_gpu>},
    {{.offset = 0x101c, .name = "ROOT_PAGE",     .access = 4 | 8}, Op::get<&VmappleGpu::word<0x101c>>, Op::set<&VmappleGpu::set_word<0x101c>>},
    {{.offset = 0x1020, .name = "CHILD_DOORBELL", .access = 4 | 8}, Op::constant<0>, Op::set<&VmappleGpu::ring<0x1020>>},
    {{.offset = 0x1024, .name = "MAIN_KICK",     .access = 4 | 8}, Op::constant<0>, Op::set<&VmappleGpu::ring<0x1024>>},
    {{.offset = 0x1028, .name = "CHILD_REPLAY_DOORBELL", .access = 4 | 8}, Op::constant<0>, Op::set<&VmappleGpu::ring<0x1028>>},
    {{.offset = 0x102c, .name = "INTR_FAULT",    .access = 4 | 8}, Op::get<&VmappleGpu::word<0x102c>>, Op::set<&VmappleGpu::set_word<0x102c>>},
    {{.offset = 0x1030, .name = "FIFO_BASE_PAGE", .access = 4 | 8}, Op::get<&VmappleGpu::fifo_base_page>, Op::set<&VmappleGpu::set_fifo_base_page>},
    {{.offset = 0x1034, .name = "VERSION",       .access = 4 | 8}, Op::constant<0>, Op::ignore},
    {{.offset = 0x1038, .name = "STORAGE_1038",  .access = 4 | 8, .count = 0x72}, Op::get<&VmappleGpu::word<0x1038>>, Op::set<&VmappleGpu::set_word<0x1038>>},
    {{.offset = 0x1200, .name = "DISPLAY",       .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1200>>, Op::set<&VmappleGpu::set_word<0x1200>>},
    {{.offset = 0x1204, .name = "MODE_COUNT",    .access = 4 | 8}, Op::constant<1>, nullptr},
    {{.offset = 0x1208, .name = "MODE_SELECT",   .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1208>>, Op::set<&VmappleGpu::set_word<0x1208>>},
    {{.offset = 0x120c, .name = "MODE_SIZE",     .access = 4 | 8}, Op::get<&VmappleGpu::mode_size>, nullptr},
    {{.offset = 0x1210, .name = "FB_START",      .access = 4 | 8}, Op::get<&VmappleGpu::fb_start>, Op::set<&VmappleGpu::set_fb_start>},
    {{.offset = 0x1214, .name = "FB_LENGTH",     .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1214>>, Op::set<&VmappleGpu::set_word<0x1214>>},
    {{.offset = 0x1218, .name = "FB_DEPTH",      .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1218>>, Op::set<&VmappleGpu::set_word<0x1218>>},
    {{.offset = 0x121c, .name = "FB_MODE",       .access = 4 | 8}, Op::get<&VmappleGpu::word<0x121c>>, Op::set<&VmappleGpu::set_word<0x121c>>},
    {{.offset = 0x1220, .name = "DISPLAY_IRQ",   .access = 4 | 8}, Op::constant<0>, Op::set<&VmappleGpu::display_irq>},
    {{.offset = 0x1224, .name = "STRIDE_ALIGN",  .access = 4 | 8}, Op::constant<VmappleGpuConfig::kStrideAlign>, nullptr},
    {{.offset = 0x1228, .name = "FB_STRIDE",     .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1228>>, Op::set<&VmappleGpu::set_word<0x1228>>},
    {{.offset = 0x122c, .name = "DISPLAY_PORTS", .access = 4 | 8}, Op::constant<1>, nullptr},
    {{.offset = 0x1230, .name = "STORAGE_1230",  .access = 4 | 8}, Op::get<&VmappleGpu::word<0x1230>>, Op::set<&VmappleGpu::set_word<0x1230>>},
    {{.offset = 0x1234, .name = "BUILTIN_CONNECTED", .access = 4 | 8}, Op::constant<1>, nullptr},
    {{.offset = 0x1238, .name = "STORAGE_1238",  .access = 4 | 8, .count = 0xb72}, Op::get<&VmappleGpu::word<0x1238>>, Op::set<&VmappleGpu::set_word<0x1238>>},
}};
// clang-format on

std::span<const Reg<VmappleGpu>> VmappleGpu::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

VmappleGpu::VmappleGpu(std::string_view name, const VmappleGpuConfig& config, IrqLine irq,
                       ui::Console& console, DmaPort dma, Log& log)
    : RegMapDevice(name),
      config_(config),
      irq_(std::move(irq)),
      console_(console),
      dma_(std::move(dma)),
      log_(log) {
  reset();
}

// ---- Registers ---------------------------------------------------------------------------------

/// The registers that an access of 8 bytes sees whole: a driver whose framebuffer is above 4 GiB
/// depends on that.
u64* VmappleGpu::wide(u64 off) {
  return off == kFbStart ? &s_.fb_start : off == kFifoBasePage ? &s_.fifo_base_page : nullptr;
}

Bus VmappleGpu::read(u64 off, Access a, u64& out) {
  const u64* const whole = a.size == 8 ? wide(off) : nullptr;
  if (whole == nullptr) return RegMapDevice::read(off, a, out);
  out = *whole;
  return Bus::Ok;
}

Bus VmappleGpu::write(u64 off, Access a, u64 in) {
  u64* const whole = a.size == 8 ? wide(off) : nullptr;
  if (whole == nullptr) return RegMapDevice::write(off, a, in);
  *whole = in;
  sync();
  return Bus::Ok;
}

/// A pulse, not a level: nothing acknowledges it, and the GIC's input is to be edge-triggered.
void VmappleGpu::display_irq(u32 n) {
  if (n >= 32) return;
  s_.intr_status_disp |= u32{1} << n;
  irq_.set(true);
  irq_.set(false);
}

/// What macOS's driver does next needs a renderer for Metal, which nothing here is.
void VmappleGpu::fifo_used(u64 off, u32 v) {
  log_.unimp(name(), "{}: {} = {:#x}: nothing takes the commands of the FIFO", name(),
             find_reg(regs(), off).row->name, v);
}

// ---- The picture -------------------------------------------------------------------------------

ui::PixelView VmappleGpu::framebuffer() {
  if (s_.fb_start == 0) return {};
  const u32 stride = word<kFbStride>(0);
  ui::PixelView view{.bytes = nullptr,
                     .stride = stride != 0 ? stride : config_.mode.width * 4,
                     .size = config_.mode,
                     .format = ui::kXrgb8888};
  if (!view.fits(~u64{0})) return {};
  const u64 length = u64{view.stride} * (view.size.height - 1) + u64{view.size.width} * 4;
  const DmaPort::Run run = dma_.run(PhysAddr(s_.fb_start), length, false);
  if (!run || run.length != length || run.offset % 4 != 0) return {};
  view.bytes = run.data();
  return view;
}

void VmappleGpu::sync() {
  const ui::PixelView next = framebuffer();
  if (next.bytes == shown_.bytes && next.stride == shown_.stride) return;
  shown_ = next;
  if (next.bytes != nullptr)
    console_.scan(next);
  else
    console_.set_size({});
}

// ---- Life --------------------------------------------------------------------------------------

void VmappleGpu::reset() {
  s_ = {};
  if (config_.framebuffer != 0) {
    s_.fb_start = config_.framebuffer;
    set_word<0x1214>(0, static_cast<u32>(config_.bytes()));
    set_word<0x1218>(0, 32);
    set_word<kFbStride>(0, config_.stride());
  }
  sync();
}

void VmappleGpu::restored() { sync(); }

void VmappleGpu::snapshot(Archive& ar) {
  ar.field("words", s_.words);
  ar.field("fb_start", s_.fb_start);
  ar.field("fifo_base_page", s_.fifo_base_page);
  ar.field("intr_status_disp", s_.intr_status_disp);
  ar.field("intr_status_gpu", s_.intr_status_gpu);
}

}  // namespace quince::hw
