#include "hw/virtio/virtio_pci.h"

#include <string>

namespace quince::hw {

using Area = Virtqueue::Area;

namespace {

// struct virtio_pci_cap (4.1.4) from the capability's start, and its types.
constexpr unsigned kCapLen = 2, kCfgType = 3, kCapBar = 4, kCapOffset = 8, kCapLength = 12;
constexpr unsigned kCapSize = 16, kCapNotifyMultiplier = 16, kCapData = 16;
constexpr u8 VIRTIO_PCI_CAP_COMMON_CFG = 1, VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
             VIRTIO_PCI_CAP_ISR_CFG = 3, VIRTIO_PCI_CAP_DEVICE_CFG = 4, VIRTIO_PCI_CAP_PCI_CFG = 5;
constexpr u32 kNotifyMultiplier = 4;

constexpr u16 kVendor = 0x1af4, kDeviceIdBase = 0x1040, kSubsystem = 0x1100;

u32 class_code(VirtioId id) {
  switch (id) {
    case VirtioId::Net:
      return 0x02'00'00;
    case VirtioId::Blk:
    case VirtioId::Scsi:
      return 0x01'00'00;
    case VirtioId::Console:
    case VirtioId::Vsock:
      return 0x07'80'00;
    case VirtioId::P9:
      return 0x00'02'00;
    case VirtioId::Gpu:
      return 0x03'80'00;
    case VirtioId::Input:
      return 0x09'80'00;
    case VirtioId::Sound:
      return 0x04'01'00;
    case VirtioId::Fs:
      return 0x01'80'00;
    case VirtioId::Rng:
    case VirtioId::Balloon:
    case VirtioId::None:
      break;
  }
  return 0x00'ff'00;
}

std::string part(std::string_view name, const char* what) { return std::string(name) + what; }

}  // namespace

// clang-format off
constexpr std::array<Reg<VirtioPci::Common>, 18> VirtioPci::Common::kRegs{{
    {{0x00, "device_feature_select"}, Op::get<&State::device_feature_select>, Op::set<&State::device_feature_select>},
    {{0x04, "device_feature"},        Op::get<&Common::device_feature>, nullptr},
    {{0x08, "driver_feature_select"}, Op::get<&State::driver_feature_select>, Op::set<&State::driver_feature_select>},
    {{0x0c, "driver_feature"},        Op::get<&Common::driver_feature>, Op::set<&Common::set_driver_feature>},
    {{0x10, "config_msix_vector", 2, 2}, Op::get<&State::config_vector>, Op::set<&Common::set_config_vector>},
    {{0x12, "num_queues", 2, 2},         Op::get<&Common::num_queues>, nullptr},
    {{0x14, "device_status", 1, 1},      Op::get<&Common::device_status>, Op::set<&Common::set_device_status>},
    {{0x15, "config_generation", 1, 1},  Op::get<&Common::config_generation>, nullptr},
    {{0x16, "queue_select", 2, 2},       Op::get<&State::queue_select>, Op::set<&State::queue_select>},
    {{0x18, "queue_size", 2, 2},         Op::get<&Common::queue_size>, Op::set<&Common::set_queue_size>},
    {{0x1a, "queue_msix_vector", 2, 2},  Op::get<&Common::selected_vector>, Op::set<&Common::set_queue_vector>},
    {{0x1c, "queue_enable", 2, 2},       Op::get<&Common::queue_enable>, Op::set<&Common::set_queue_enable>},
    {{0x1e, "queue_notify_off", 2, 2},   Op::get<&Common::queue_notify_off>, nullptr},
    {{0x20, "queue_desc", 8, 4 | 8},     Op::get<&Common::address<Area::Desc>>, Op::set<&Common::set_address<Area::Desc>>},
    {{0x28, "queue_driver", 8, 4 | 8},   Op::get<&Common::address<Area::Driver>>, Op::set<&Common::set_address<Area::Driver>>},
    {{0x30, "queue_device", 8, 4 | 8},   Op::get<&Common::address<Area::Device>>, Op::set<&Common::set_address<Area::Device>>},
    // Of a feature that is not offered.
    {{0x38, "queue_notif_config_data", 2, 2}, Op::constant<0>, nullptr},
    // Done when the write returns, so it never reads as under way.
    {{0x3a, "queue_reset", 2, 2},        Op::constant<0>, Op::set<&Common::set_queue_reset>},
}};
constexpr std::array<Reg<VirtioPci::Isr>, 1> VirtioPci::Isr::kRegs{{
    {{.offset = 0, .name = "isr_status", .size = 1, .access = 1, .read_effect = true}, Op::get<&Isr::take>, nullptr},
}};
constexpr std::array<Reg<VirtioPci::Notification>, 1> VirtioPci::Notification::kRegs{{
    {{.offset = 0, .name = "queue_notify", .access = 2 | 4, .count = kPage / kNotifyMultiplier}, nullptr,
     Op::set<&Notification::notify>},
}};
// clang-format on

std::span<const Reg<VirtioPci::Common>> VirtioPci::Common::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}
std::span<const Reg<VirtioPci::Isr>> VirtioPci::Isr::regs() { return kRegs; }
std::span<const Reg<VirtioPci::Notification>> VirtioPci::Notification::regs() { return kRegs; }

// ---- The function -------------------------------------------------------------------------------

PciIdentity VirtioPci::identity(VirtioId id) {
  return {.vendor = kVendor,
          .device = static_cast<u16>(kDeviceIdBase + static_cast<u16>(id)),
          .subsystem_vendor = kVendor,
          .subsystem = kSubsystem,
          .revision = 1,
          .class_code = class_code(id)};
}

VirtioPci::VirtioPci(std::string_view name, VirtioDevice& device, const VirtioPciConfig& config,
                     const FunctionPorts& ports)
    : PciFunction(name, config.identity.value_or(identity(device.id())), ports),
      device_(device),
      vectors_(config.vectors.value_or(device.queue_count() + 1)),
      common_(part(name, "/common"), *this),
      isr_(part(name, "/isr"), *this),
      notification_(part(name, "/notify"), *this),
      device_config_(part(name, "/config"), *this) {
  QUINCE_ASSERT(device.queue_count() <= kMaxQueues && vectors_ <= kMaxVectors);
  add_bar(kBar, BarType::Mem64Prefetchable, kBarSize);
  map_in_bar(kBar, kCommon, kPage, common_);
  map_in_bar(kBar, kIsr, kPage, isr_);
  map_in_bar(kBar, kDevice, kPage, device_config_);
  map_in_bar(kBar, kNotify, kPage, notification_);
  if (vectors_ != 0) add_msix(vectors_, kMsixBar);
  add_capabilities();
  device.connect(*this, dma());
}

void VirtioPci::add_capabilities() {
  ConfigSpace& c = config_space();
  const auto add = [&c](u8 type, unsigned size, u64 offset) {
    const unsigned at = c.add_capability(pci::kCapVendor, size);
    c.set<u8>(at + kCapLen, static_cast<u8>(size));
    c.set<u8>(at + kCfgType, type);
    c.set<u8>(at + kCapBar, type == VIRTIO_PCI_CAP_PCI_CFG ? u8{0} : u8{kBar});
    c.set<u32>(at + kCapOffset, static_cast<u32>(offset));
    c.set<u32>(at + kCapLength, type == VIRTIO_PCI_CAP_PCI_CFG ? u32{0} : u32{kPage});
    return at;
  };
  add(VIRTIO_PCI_CAP_COMMON_CFG, kCapSize, kCommon);
  add(VIRTIO_PCI_CAP_ISR_CFG, kCapSize, kIsr);
  add(VIRTIO_PCI_CAP_DEVICE_CFG, kCapSize, kDevice);
  const unsigned notify = add(VIRTIO_PCI_CAP_NOTIFY_CFG, kCapSize + 4, kNotify);
  c.set<u32>(notify + kCapNotifyMultiplier, kNotifyMultiplier);
  window_ = add(VIRTIO_PCI_CAP_PCI_CFG, kCapSize + 4, 0);
  c.writable<u8>(window_ + kCapBar, 0xff);
  c.writable<u32>(window_ + kCapOffset, ~u32{0});
  c.writable<u32>(window_ + kCapLength, ~u32{0});
  c.writable<u32>(window_ + kCapData, ~u32{0});
  c.status<u32>(window_ + kCapData, ~u32{0});
}

void VirtioPci::reset() {
  device_.reset();
  common_.reset();
  isr_.reset();
  PciFunction::reset();
}

void VirtioPci::snapshot(Archive& ar) {
  PciFunction::snapshot(ar);
  common_.snapshot(ar);
  isr_.snapshot(ar);
  ar.section("device", [&](Archive& a) { device_.snapshot(a); });
}

void VirtioPci::restored() {
  PciFunction::restored();  // opens the way to memory
  isr_.restored();
  device_.restored();
}

// ---- Interrupts ---------------------------------------------------------------------------------

void VirtioPci::queue_interrupt(unsigned queue) {
  if (!message_signalled()) return isr_.raise(VIRTIO_ISR_QUEUE);
  const u16 v = common_.queue_vector(queue);
  if (v != VIRTIO_MSI_NO_VECTOR) notify(v);
}

// 4.1.4.5.1: the bit is set whatever the kind of interrupt.
void VirtioPci::config_interrupt() {
  isr_.raise(VIRTIO_ISR_CONFIG);
  const u16 v = common_.config_vector();
  if (message_signalled() && v != VIRTIO_MSI_NO_VECTOR) notify(v);
}

u8 VirtioPci::Isr::take() {
  const u8 v = s_.isr;
  clear();
  return v;
}

void VirtioPci::Isr::raise(u8 bits) {
  s_.isr |= bits;
  sync();
}

void VirtioPci::Isr::clear() {
  s_.isr = 0;
  sync();
}

// ---- Common configuration -----------------------------------------------------------------------

void VirtioPci::Common::set_device_status(u8 v) {
  f_.device_.set_status(v);
  if (v != 0) return;
  s_ = {};
  f_.isr_.clear();
}

// What does not fit becomes a size that enable() refuses.
void VirtioPci::Common::set_queue_size(u16 v) {
  if (Virtqueue* q = queue()) q->set_size(v);
}

u16 VirtioPci::Common::selected_vector() const {
  return queue() != nullptr ? s_.queue_vector[s_.queue_select] : VIRTIO_MSI_NO_VECTOR;
}

void VirtioPci::Common::set_queue_vector(u16 v) {
  if (queue() != nullptr) s_.queue_vector[s_.queue_select] = usable_vector(v);
}

// A driver stops a queue with queue_reset only (4.1.4.3.2).
void VirtioPci::Common::set_queue_enable(u16 v) {
  if (v == 1) f_.device_.enable_queue(s_.queue_select);
}

template <Area A>
u64 VirtioPci::Common::address() const {
  return queue() != nullptr ? queue()->address(A) : 0;
}

template <Area A>
void VirtioPci::Common::set_address(u64 v) {
  if (Virtqueue* q = queue()) q->set_address(A, v);
}

void VirtioPci::Common::set_queue_reset(u16 v) {
  if (v == 1 && bit(f_.device_.driver_features(1), VIRTIO_F_RING_RESET - 32))
    f_.device_.reset_queue(s_.queue_select);
}

void VirtioPci::Common::snapshot(Archive& ar) {
  ar.field("device_feature_select", s_.device_feature_select);
  ar.field("driver_feature_select", s_.driver_feature_select);
  ar.field("queue_select", s_.queue_select);
  ar.field("config_vector", s_.config_vector);
  ar.field("queue_vector", s_.queue_vector);
  if (!ar.loading()) return;
  const auto fits = [this](u16 v) { return v == usable_vector(v); };
  if (!fits(s_.config_vector) || !std::ranges::all_of(s_.queue_vector, fits)) {
    s_ = {};
    ar.refuse("queue_vector", "there is no such vector");
  }
}

// ---- Configuration spaces -----------------------------------------------------------------------

Bus VirtioPci::DeviceConfig::read(u64 off, Access a, u64& out) {
  out = f_.device_.read_config(off, a.size);
  return Bus::Ok;
}

Bus VirtioPci::DeviceConfig::write(u64 off, Access a, u64 in) {
  f_.device_.write_config(off, a.size, in);
  return Bus::Ok;
}

bool VirtioPci::is_window(unsigned off, unsigned size) const {
  return off < window_ + kCapData + 4 && off + size > window_ + kCapData;
}

PciFunction::Target VirtioPci::window_target(unsigned& size) const {
  size = config().get<u32>(window_ + kCapLength);
  const u32 offset = config().get<u32>(window_ + kCapOffset);
  const bool fits = (size == 1 || size == 2 || size == 4) && is_aligned(offset, size) &&
                    offset < kBarSize && config().get<u8>(window_ + kCapBar) == kBar;
  return fits ? bar_target(kBar, offset) : Target{};
}

void VirtioPci::config_reading(unsigned off, unsigned size) {
  unsigned length = 0;
  if (!is_window(off, size)) return;
  const Target t = window_target(length);
  u64 v = 0;
  if (t.device == nullptr || t.device->read(t.offset, {.size = length}, v) != Bus::Ok) return;
  config_space().update<u32>(window_ + kCapData, static_cast<u32>(low_mask(8 * length)),
                             static_cast<u32>(v));
}

void VirtioPci::config_written(unsigned off, unsigned size) {
  unsigned length = 0;
  if (!is_window(off, size)) return;
  const Target t = window_target(length);
  if (t.device == nullptr) return;
  const u64 v = config().get<u32>(window_ + kCapData) & low_mask(8 * length);
  if (const Bus b = t.device->write(t.offset, {.size = length}, v); b != Bus::Ok)
    log().guest_error(name() + "window",
                      "{}: write through the configuration access capability at {:#x}: {}", name(),
                      t.offset, to_string(b));
}

}  // namespace quince::hw
