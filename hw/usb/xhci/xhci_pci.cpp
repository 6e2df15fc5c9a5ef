#include "hw/usb/xhci/xhci_pci.h"

#include "hw/core/archive.h"

namespace quince::hw {

using namespace pci;

namespace {

constexpr PciIdentity kQemuXhci{.vendor = kVendorRedHat,
                                .device = 0x000d,
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100,
                                .revision = 1,
                                .class_code = 0x0c'03'30,
                                .express = true};
constexpr PciIdentity kNecXhci{.vendor = 0x1033,
                               .device = 0x0194,
                               .subsystem_vendor = 0x1af4,
                               .subsystem = 0x1100,
                               .revision = 3,
                               .class_code = 0x0c'03'30,
                               .express = true};
constexpr unsigned kBar = 0;
constexpr u32 kTableAt = 0x3000, kPendingAt = 0x3800;
constexpr unsigned kMsiAt = 0x70, kMsixAt = 0x90, kExpressAt = 0xa0;
constexpr unsigned kSbrn = 0x60;
constexpr u8 kUsb3 = 0x30, kCacheLine = 0x10;

}  // namespace

XhciPci::XhciPci(std::string_view name, const XhciPciConfig& config, const FunctionPorts& ports,
                 TimerQueue& timers)
    : PciFunction(name, config.controller.nec ? kNecXhci : kQemuXhci, ports),
      xhci_(name, config.controller, dma(), timers, log(), *this) {
  ConfigSpace& c = config_space();
  c.set<u8>(kSbrn, kUsb3);
  c.set<u8>(kCacheLineSize, kCacheLine);
  add_bar(kBar, BarType::Mem64, kBarSize);
  map_in_bar(kBar, 0, XhciCapability::kSize, xhci_.capability());
  map_in_bar(kBar, XhciOperational::kOffset, XhciOperational::kSize, xhci_.operational());
  const unsigned vectors = config.controller.interrupters();
  for (unsigned n = 1; n <= config.controller.ports(); ++n)
    map_in_bar(kBar, XhciPort::kFirst + XhciPort::kSize * (n - 1), XhciPort::kSize,
               xhci_.port_registers(n));
  map_in_bar(kBar, XhciRuntime::kOffset, XhciRuntime::kSize, xhci_.runtime());
  for (unsigned n = 0; n < vectors; ++n)
    map_in_bar(kBar, XhciRuntime::kOffset + XhciRuntime::kSize + XhciInterrupter::kSize * n,
               XhciInterrupter::kSize, xhci_.interrupter(n));
  map_in_bar(kBar, XhciDoorbells::kOffset, 4 * (config.controller.slots + 1), xhci_.doorbells());
  if (config.msi) {
    c.next_capability_at(kMsiAt);
    add_msi(vectors, false);
  }
  if (config.msix) {
    c.next_capability_at(kMsixAt);
    add_msix({.vectors = vectors,
              .table_bar = kBar,
              .table_offset = kTableAt,
              .pba_bar = kBar,
              .pba_offset = kPendingAt});
  }
  c.next_capability_at(kExpressAt);
  add_express();
}

void XhciPci::reset() {
  PciFunction::reset();
  xhci_.reset();
}

void XhciPci::snapshot(Archive& ar) {
  PciFunction::snapshot(ar);
  ar.section("controller", [&](Archive& a) { xhci_.snapshot(a); });
}

void XhciPci::restored() {
  PciFunction::restored();
  xhci_.restored();
}

/// MSI or MSI-X may have been switched.
void XhciPci::config_written(unsigned, unsigned) { xhci_.signals_changed(); }

}  // namespace quince::hw
