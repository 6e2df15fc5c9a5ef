// Device models as tables: what -device can name, what each understands, and how it is built.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/option_values.h"
#include "base/result.h"

namespace quince::machine {

class Plugger;

/// One property, for -device MODEL,help and to refuse what is not one.
struct PropertyInfo {
  const char* name;
  const char* type;  ///< as the help shows it: "on/off", "uint32", "str", "size"
  const char* help;
};

/// The kind of place that a device goes to.
enum class PlugInto : u8 { Pci, VirtioMmio, VirtioSerialBus, Usb, System };
const char* to_string(PlugInto p);

struct DeviceModel {
  std::string name = {};
  std::string alias = {};  ///< another name; may be empty
  PlugInto into = PlugInto::Pci;
  const char* help = "";
  std::vector<PropertyInfo> properties = {};  ///< without those of the place it goes to
  /// Builds one; properties are known by name already.  Errors do not name the device.
  Result<void> (*plug)(Plugger& plugger, Properties& properties) = nullptr;

  bool has_property(std::string_view property) const;
};

/// Every model, in the order of the help.
std::span<const DeviceModel> device_models();
/// By name or alias; null when there is none.
const DeviceModel* find_device_model(std::string_view name);

/// The text of -device help, and of -device MODEL,help.
std::string device_list_help();
std::string device_help(const DeviceModel& model);

// pci_models.cpp, usb_models.cpp, usb_device_models.cpp, virtio_models.cpp, display_models.cpp: parts
// of the table.
void add_pci_models(std::vector<DeviceModel>& to);
void add_usb_models(std::vector<DeviceModel>& to);
void add_usb_device_models(std::vector<DeviceModel>& to);
void add_virtio_models(std::vector<DeviceModel>& to);
void add_display_models(std::vector<DeviceModel>& to);

}  // namespace quince::machine
