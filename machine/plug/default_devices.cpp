#include "machine/plug/default_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "machine/plug/model.h"

namespace quince::machine {

namespace {

OptionGroup by_itself(std::string_view model) {
  OptionGroup g;
  g.kind = model;
  g.option = fmt::format("default {}", model);
  return g;
}

bool is_usb_device(const OptionGroup& g) {
  const DeviceModel* m = find_device_model(g.kind);
  return m != nullptr && m->into == PlugInto::Usb;
}

/// Of -nic and -net: the platform gives these the first slots, then its own controller, then the rest.
bool is_short_nic(const OptionGroup& g) { return g.option == "-nic" || g.option == "-net"; }

bool has(const std::vector<OptionGroup>& devices, std::initializer_list<std::string_view> models) {
  return std::any_of(devices.begin(), devices.end(), [&](const OptionGroup& g) {
    return std::find(models.begin(), models.end(), g.kind) != models.end();
  });
}

}  // namespace

std::vector<OptionGroup> devices_to_plug(const MachineConfig& config) {
  std::vector<OptionGroup> devices = config.devices;
  const bool keyboard = config.usb_input && !has(devices, {"usb-kbd"});
  const bool tablet = config.usb_input && !has(devices, {"usb-tablet", "usb-mouse"});
  if ((config.usb || config.usb_input) && !has(devices, {"qemu-xhci", "nec-usb-xhci"}))
    devices.insert(config.usb_input ? std::find_if_not(devices.begin(), devices.end(), is_short_nic)
                                    : std::find_if(devices.begin(), devices.end(), is_usb_device),
                   by_itself("qemu-xhci"));
  if (keyboard) devices.push_back(by_itself("usb-kbd"));
  if (tablet) devices.push_back(by_itself("usb-tablet"));
  return devices;
}

}  // namespace quince::machine
