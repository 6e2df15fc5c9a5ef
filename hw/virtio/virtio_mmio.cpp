#include "hw/virtio/virtio_mmio.h"

#include <utility>

#include "base/assert.h"

namespace quince::hw {

using Area = Virtqueue::Area;

// clang-format off
constexpr std::array<Reg<VirtioMmio>, 28> VirtioMmio::kRegs{{
    {{0x000, "MagicValue"},        Op::constant<0x7472'6976>, nullptr},
    {{0x004, "Version"},           Op::constant<2>, nullptr},
    {{0x008, "DeviceID"},          Op::get<&VirtioMmio::device_id>, nullptr},
    {{0x00c, "VendorID"},          Op::constant<kVirtioMmioVendor>, nullptr},
    {{0x010, "DeviceFeatures"},    Op::get<&VirtioMmio::device_features>, nullptr},
    {{0x014, "DeviceFeaturesSel"}, nullptr, Op::set<&State::device_features_sel>},
    {{0x020, "DriverFeatures"},    nullptr, Op::set<&VirtioMmio::set_driver_features>},
    {{0x024, "DriverFeaturesSel"}, nullptr, Op::set<&State::driver_features_sel>},
    {{0x030, "QueueSel"},          nullptr, Op::set<&State::queue_sel>},
    {{0x034, "QueueNumMax"},       Op::get<&VirtioMmio::queue_num_max>, nullptr},
    {{0x038, "QueueNum"},          nullptr, Op::set<&VirtioMmio::set_queue_num>},
    {{0x044, "QueueReady"},        Op::get<&VirtioMmio::queue_ready>, Op::set<&VirtioMmio::set_queue_ready>},
    {{0x050, "QueueNotify"},       nullptr, Op::set<&VirtioMmio::notify>},
    {{0x060, "InterruptStatus"},   Op::get<&State::interrupt_status>, nullptr},
    {{0x064, "InterruptACK"},      nullptr, Op::set<&VirtioMmio::acknowledge>},
    {{0x070, "Status"},            Op::get<&VirtioMmio::status>, Op::set<&VirtioMmio::set_status>},
    {{0x080, "QueueDescLow"},      nullptr, Op::set<&VirtioMmio::set_address<Area::Desc, 0>>},
    {{0x084, "QueueDescHigh"},     nullptr, Op::set<&VirtioMmio::set_address<Area::Desc, 32>>},
    {{0x090, "QueueDriverLow"},    nullptr, Op::set<&VirtioMmio::set_address<Area::Driver, 0>>},
    {{0x094, "QueueDriverHigh"},   nullptr, Op::set<&VirtioMmio::set_address<Area::Driver, 32>>},
    {{0x0a0, "QueueDeviceLow"},    nullptr, Op::set<&VirtioMmio::set_address<Area::Device, 0>>},
    {{0x0a4, "QueueDeviceHigh"},   nullptr, Op::set<&VirtioMmio::set_address<Area::Device, 32>>},
    {{0x0ac, "SHMSel"},            nullptr, Op::set<&State::shm_sel>},
    {{.offset = 0x0b0, .name = "SHMLen", .count = 2},  Op::constant<0xffff'ffff>, nullptr},
    {{.offset = 0x0b8, .name = "SHMBase", .count = 2}, Op::constant<0xffff'ffff>, nullptr},
    // Done when the write returns, so it never reads as under way.
    {{0x0c0, "QueueReset"},        Op::constant<0>, Op::set<&VirtioMmio::set_queue_reset>},
    {{0x0fc, "ConfigGeneration"},  Op::get<&VirtioMmio::config_generation>, nullptr},
    // For documentation, names and the fuzzer; read() and write() take these before the table.
    {{.offset = kConfig, .name = "Config", .size = 1, .access = 1 | 2 | 4 | 8, .count = kSize - kConfig},
     Op::constant<0>, Op::ignore},
}};
// clang-format on

std::span<const Reg<VirtioMmio>> VirtioMmio::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

VirtioMmio::VirtioMmio(std::string_view name, IrqLine irq, const DmaPort& dma)
    : RegMapDevice(name), irq_(std::move(irq)), dma_(dma) {}

void VirtioMmio::plug(VirtioDevice& device) {
  QUINCE_ASSERT(device_ == nullptr);
  device_ = &device;
  device.connect(*this, dma_);
}

void VirtioMmio::reset() {
  if (device_ != nullptr) device_->reset();
  s_ = {};
  sync();
}

void VirtioMmio::restored() {
  sync();
  if (device_ != nullptr) device_->restored();
}

void VirtioMmio::snapshot(Archive& ar) {
  ar.field("device_features_sel", s_.device_features_sel);
  ar.field("driver_features_sel", s_.driver_features_sel);
  ar.field("queue_sel", s_.queue_sel);
  ar.field("shm_sel", s_.shm_sel);
  ar.field("interrupt_status", s_.interrupt_status);
  if (device_ != nullptr) ar.section("device", [&](Archive& a) { device_->snapshot(a); });
}

Bus VirtioMmio::read(u64 off, Access a, u64& out) {
  if (off < kConfig) return RegMapDevice::read(off, a, out);
  out = device_ != nullptr ? device_->read_config(off - kConfig, a.size) : 0;
  return Bus::Ok;
}

Bus VirtioMmio::write(u64 off, Access a, u64 in) {
  if (off < kConfig) return RegMapDevice::write(off, a, in);
  if (device_ != nullptr) device_->write_config(off - kConfig, a.size, in);
  return Bus::Ok;
}

void VirtioMmio::queue_interrupt(unsigned) {
  s_.interrupt_status |= VIRTIO_ISR_QUEUE;
  sync();
}

void VirtioMmio::config_interrupt() {
  s_.interrupt_status |= VIRTIO_ISR_CONFIG;
  sync();
}

u32 VirtioMmio::device_features() const {
  return device_ != nullptr ? device_->device_features(s_.device_features_sel) : 0;
}

void VirtioMmio::set_driver_features(u32 v) {
  if (device_ != nullptr) device_->set_driver_features(s_.driver_features_sel, v);
}

// What does not fit becomes a size that enable() refuses.
void VirtioMmio::set_queue_num(u32 v) {
  if (Virtqueue* q = selected()) q->set_size(v <= q->max_size() ? static_cast<u16>(v) : 0);
}

void VirtioMmio::set_queue_ready(u32 v) {
  if (selected() == nullptr || selected()->ready() == bit(v, 0)) return;
  if (bit(v, 0))
    device_->enable_queue(s_.queue_sel);
  else
    device_->reset_queue(s_.queue_sel);
}

void VirtioMmio::set_queue_reset(u32 v) {
  if (device_ != nullptr && v == 1 && bit(device_->driver_features(1), VIRTIO_F_RING_RESET - 32))
    device_->reset_queue(s_.queue_sel);
}

void VirtioMmio::notify(u32 v) {
  if (device_ != nullptr) device_->notify(v);
}

void VirtioMmio::set_status(u32 v) {
  if (device_ == nullptr) return;
  device_->set_status(static_cast<u8>(v));
  if (static_cast<u8>(v) == 0) s_ = {};
}

template <Area A, unsigned Low>
void VirtioMmio::set_address(u32 v) {
  if (Virtqueue* q = selected()) q->set_address(A, with_bits(q->address(A), Low + 31, Low, v));
}

}  // namespace quince::hw
