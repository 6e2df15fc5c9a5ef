#include "machine/plug/model.h"

#include <fmt/format.h>

#include <algorithm>

namespace quince::machine {

namespace {

constexpr PropertyInfo kPciProperties[] = {
    {"addr", "SLOT[.FUNCTION]", "where on the bus, in hexadecimal"},
    {"bus", "str", "the bus, by the name of its port (pcie.0)"},
    {"multifunction", "on/off", "other functions share the slot"},
    {"intx", "on/off", "there is an interrupt pin (on)"},
    {"romfile", "str", "only empty: there are no option ROMs"},
    {"rombar", "0/1", "nothing: without a ROM it has no BAR"},
};
constexpr PropertyInfo kMmioProperties[] = {
    {"bus", "str", "the slot: virtio-mmio-bus.N"},
};
constexpr PropertyInfo kSerialProperties[] = {
    {"bus", "str", "the controller: ID.0"},
};
constexpr PropertyInfo kUsbProperties[] = {
    {"bus", "str", "the controller: ID.0"},
    {"port", "str", "the port, and those of hubs before it: 1, 1.2 (the first free one)"},
};

std::span<const PropertyInfo> place_properties(PlugInto p) {
  switch (p) {
    case PlugInto::Pci:
      return kPciProperties;
    case PlugInto::VirtioMmio:
      return kMmioProperties;
    case PlugInto::VirtioSerialBus:
      return kSerialProperties;
    case PlugInto::System:
      return {};
    case PlugInto::Usb:
      return kUsbProperties;
  }
  return {};
}

std::vector<DeviceModel> make_models() {
  std::vector<DeviceModel> all;
  add_pci_models(all);
  add_usb_models(all);
  add_usb_device_models(all);
  add_virtio_models(all);
  add_display_models(all);
  return all;
}

}  // namespace

const char* to_string(PlugInto p) {
  switch (p) {
    case PlugInto::Pci:
      return "PCI";
    case PlugInto::VirtioMmio:
      return "virtio-bus";
    case PlugInto::VirtioSerialBus:
      return "virtio-serial-bus";
    case PlugInto::System:
      return "System";
    case PlugInto::Usb:
      return "usb-bus";
  }
  return "?";
}

bool DeviceModel::has_property(std::string_view property) const {
  const auto named = [&](const PropertyInfo& p) { return property == p.name; };
  const auto place = place_properties(into);
  return std::any_of(properties.begin(), properties.end(), named) ||
         std::any_of(place.begin(), place.end(), named);
}

std::span<const DeviceModel> device_models() {
  static const std::vector<DeviceModel> models = make_models();
  return models;
}

const DeviceModel* find_device_model(std::string_view name) {
  for (const DeviceModel& m : device_models())
    if (m.name == name || (!m.alias.empty() && m.alias == name)) return &m;
  return nullptr;
}

std::string device_list_help() {
  std::string s = "name \"loader\", desc \"a file or a number in memory\"\n";
  for (const DeviceModel& m : device_models()) {
    s += fmt::format("name \"{}\", bus {}", m.name, to_string(m.into));
    if (!m.alias.empty()) s += fmt::format(", alias \"{}\"", m.alias);
    s += fmt::format(", desc \"{}\"\n", m.help);
  }
  return s;
}

std::string device_help(const DeviceModel& model) {
  std::string s = fmt::format("{} options:\n", model.name);
  const auto list = [&](std::span<const PropertyInfo> properties) {
    for (const PropertyInfo& p : properties)
      s += fmt::format("  {:<28} - {}\n", fmt::format("{}=<{}>", p.name, p.type), p.help);
  };
  list(model.properties);
  list(place_properties(model.into));
  return s;
}

}  // namespace quince::machine
