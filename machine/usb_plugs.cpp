#include "machine/usb_plugs.h"

#include <fmt/format.h>

#include <algorithm>

namespace quince::machine {

void UsbPlugs::add(hw::UsbDevice& device) { plugs_.push_back({&device, device.port()}); }

Result<UsbPlugs::Plug*> UsbPlugs::find(std::string_view name) {
  const auto at = std::find_if(plugs_.begin(), plugs_.end(),
                               [&](const Plug& p) { return p.device->name() == name; });
  if (at == plugs_.end()) return fail("there is no USB device '{}'", name);
  return &*at;
}

Result<void> UsbPlugs::pull(std::string_view name) {
  const Plug& plug = *TRY(find(name));
  if (plug.device->port() == nullptr) return fail("USB device '{}' is not plugged in", name);
  plug.port->detach();
  return {};
}

Result<void> UsbPlugs::put_back(std::string_view name) {
  const Plug& plug = *TRY(find(name));
  if (plug.device->port() != nullptr) return fail("USB device '{}' is plugged in", name);
  return plug.port->attach(*plug.device);
}

void UsbPlugs::snapshot(Archive& ar) {
  for (const Plug& p : plugs_) {
    const bool now = p.device->port() != nullptr;
    bool then = now;
    const std::string field = fmt::format("plugged.{}", p.device->name());
    ar.field(field, then);
    if (then != now) ar.refuse(field, then ? "the device is out here" : "the device is in here");
  }
}

}  // namespace quince::machine
