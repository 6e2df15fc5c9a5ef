// The host bridge.  See host_bridge.h.
#include "hw/pci/host_bridge.h"

#include <fmt/format.h>

namespace quince::hw {

using namespace pci;

namespace {

constexpr PciIdentity kHostFunction{.vendor = kVendorRedHat,
                                    .device = kDeviceHostBridge,
                                    .subsystem_vendor = kSubsystemVendorQumranet,
                                    .subsystem = kSubsystemQemu,
                                    .class_code = kClassHostBridge,
                                    .interrupt_pin = 0};
constexpr PciRange kEverything[] = {{}};

}  // namespace

PciHostBridge::PciHostBridge(std::string_view name, AddressSpace& space, std::vector<IrqLine> wires,
                             bool messages)
    : Device(name),
      space_(space),
      messages_(messages),
      trace_msi_(space.log(), "pci.msi"),
      trace_config_(space.log(), "pci.config"),
      root_("pcie.0", *this),
      ecam_(Device::name() + "-ecam", *this) {
  QUINCE_ASSERT(!wires.empty());
  for (IrqLine& w : wires) wires_.emplace_back(std::move(w));
  self_ = std::make_unique<PciFunction>(Device::name() + "-host", kHostFunction,
                                        FunctionPorts{.bus = &root_, .devfn = 0});
}

PciHostBridge::~PciHostBridge() = default;

void PciHostBridge::reset() { self_->reset(); }
void PciHostBridge::snapshot(Archive& ar) { self_->snapshot(ar); }
void PciHostBridge::restored() {
  self_->restored();
  stale_ = true;
}

MmioDevice& PciHostBridge::memory_window(std::string_view name, PhysAddr base) {
  return windows_.emplace_back(name, *this, base.raw(), false);
}

MmioDevice& PciHostBridge::io_window(std::string_view name) {
  return windows_.emplace_back(name, *this, 0, true);
}

IrqLine PciHostBridge::intx(unsigned slot, unsigned pin) {
  return wires_[(slot + pin - 1) % wires_.size()].input();
}

const PciDecode& PciHostBridge::decoded() {
  if (stale_) {
    decode_.memory.clear();
    decode_.io.clear();
    root_.decode(decode_, kEverything, kEverything);
    stale_ = false;
  }
  return decode_;
}

// ---- Configuration -----------------------------------------------------------------------------

PciFunction* PciHostBridge::Ecam::function(u64 off) const {
  const u8 bus = static_cast<u8>(off >> 20), devfn = static_cast<u8>(off >> 12);
  return host_.root_.route(bus, devfn, bus == 0);
}

Bus PciHostBridge::Ecam::read(u64 off, Access a, u64& out) {
  PciFunction* f = function(off);
  const unsigned reg = static_cast<unsigned>(off % kExpressConfig);
  u64 value = 0;
  for (unsigned done = 0; done < a.size; done += 4) {
    const unsigned n = std::min(a.size, 4u);
    const u64 part = f == nullptr ? low_mask(8 * n) : f->config_read(reg + done, n, a.debug);
    value |= part << (8 * done);
  }
  if (!a.debug && f != nullptr)
    host_.trace_config_("{} {:#x} -> {:#x} ({} bytes)", f->name(), reg, value, a.size);
  out = value;
  return Bus::Ok;
}

Bus PciHostBridge::Ecam::write(u64 off, Access a, u64 in) {
  PciFunction* f = function(off);
  if (f == nullptr) return Bus::Ok;  // a master abort: nobody hears it
  const unsigned reg = static_cast<unsigned>(off % kExpressConfig);
  host_.trace_config_("{} {:#x} <- {:#x} ({} bytes)", f->name(), reg, in, a.size);
  for (unsigned done = 0; done < a.size; done += 4)
    f->config_write(reg + done, std::min(a.size, 4u),
                    static_cast<u32>((in >> (8 * done)) & low_mask(8 * std::min(a.size, 4u))));
  return Bus::Ok;
}

// ---- Memory and I/O ----------------------------------------------------------------------------

PciFunction::Target PciHostBridge::Window::target(u64 off) const {
  const PciDecode& d = host_.decoded();
  const u64 address = base_ + off;
  const DecodeMap::Entry* e = (io_ ? d.io : d.memory).find(address);
  if (e == nullptr) return {};
  return e->function->bar_target(e->bar, e->offset + (address - e->range.first));
}

// Memory BARs are multiples of 16 bytes, so an aligned access is in one of them; I/O BARs are
// multiples of 4, and PCI has no wider accesses to I/O ports.
Bus PciHostBridge::Window::read(u64 off, Access a, u64& out) {
  if (io_ && a.size > 4) {
    u64 low = 0, high = 0;
    a.size = 4;
    if (const Bus b = read(off, a, low); b != Bus::Ok) return b;
    if (const Bus b = read(off + 4, a, high); b != Bus::Ok) return b;
    out = high << 32 | low;
    return Bus::Ok;
  }
  const PciFunction::Target t = target(off);
  if (t.device != nullptr) return t.device->read(t.offset, a, out);
  out = low_mask(8 * a.size);
  return Bus::Ok;
}

Bus PciHostBridge::Window::write(u64 off, Access a, u64 in) {
  if (io_ && a.size > 4) {
    a.size = 4;
    const Bus b = write(off, a, in & low_mask(32));
    const Bus c = write(off + 4, a, in >> 32);
    return b != Bus::Ok ? b : c;
  }
  const PciFunction::Target t = target(off);
  return t.device != nullptr ? t.device->write(t.offset, a, in) : Bus::Ok;
}

std::string PciHostBridge::Window::reg_name(u64 off) const {
  const PciFunction::Target t = target(off);
  if (t.device == nullptr) return fmt::format("+{:#x}", off);
  return fmt::format("{} {}", t.device->name(), t.device->reg_name(t.offset));
}

}  // namespace quince::hw
