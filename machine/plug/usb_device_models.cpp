// -device models of USB devices: input, hub, disk.
#include <fmt/format.h>

#include "hw/usb/hid/usb_keyboard.h"
#include "hw/usb/hid/usb_pointer.h"
#include "hw/usb/hub/usb_hub.h"
#include "hw/usb/storage/usb_storage.h"
#include "machine/plug/model.h"
#include "machine/plug/plugger.h"

namespace quince::machine {

namespace {

constexpr PropertyInfo kHidProperties[] = {
    {"usb_version", "1/2", "1 is a full-speed device (2)"},
    {"serial", "str", "what the guest reads as its serial number (the device's name)"},
};
constexpr PropertyInfo kHubProperties[] = {
    {"ports", "uint32", "1 to 8 (8)"},
    {"serial", "str", "what the guest reads as its serial number (the device's name)"},
};
constexpr PropertyInfo kStorageProperties[] = {
    {"drive", "str", "the -drive that it holds"},
    {"serial", "str", "what the guest reads as its serial number (made from the device's name)"},
    {"removable", "on/off", "the guest may eject it (off)"},
    {"logical_block_size", "size", "512 to 4096"},
    {"physical_block_size", "size", "512 to 65536"},
    kBootProperties[0],
};

/// Makes a device, keeps it and plugs it in.
template <class D, class... A>
Result<void> plug_into(Plugger& plugger, hw::UsbPort& port, A&&... args) {
  return port.attach(plugger.keep(std::make_unique<D>(plugger.name(), std::forward<A>(args)...)));
}

template <class D>
Result<void> plug_hid(Plugger& plugger, Properties& p) {
  constexpr u64 kFull = 1, kHigh = 2;
  const u64 version = TRY(p.number("usb_version", kHigh));
  if (version != kFull && version != kHigh)
    return fail("usb_version={} is neither 1 nor 2", version);
  const bool high = version == kHigh;
  hw::UsbSpeeds speeds{hw::UsbSpeed::Full};
  if (high) speeds = speeds | hw::UsbSpeeds{hw::UsbSpeed::High};
  hw::UsbPort& port = *TRY(plugger.claim_usb(p, speeds));
  return plug_into<D>(plugger, port, high, p.take_or("serial", plugger.name()), plugger.timers(),
                      plugger.display().input());
}

Result<void> plug_hub(Plugger& plugger, Properties& p) {
  const auto ports = static_cast<unsigned>(
      TRY(p.number("ports", hw::UsbHub::kMaxPorts, 1, hw::UsbHub::kMaxPorts)));
  hw::UsbPort& port = *TRY(plugger.claim_usb(p, {hw::UsbSpeed::High}));
  return plug_into<hw::UsbHub>(plugger, port, ports, p.take_or("serial", plugger.name()));
}

/// Bulk-Only Transport asks for twelve hexadecimal digits at least that differ from device to device:
/// a hash (FNV-1a) of the name is the same in every run.
std::string serial_of(std::string_view name) {
  u64 h = 0xcbf2'9ce4'8422'2325;
  for (const char c : name) h = (h ^ static_cast<u8>(c)) * 0x100'0000'01b3;
  return fmt::format("{:016X}", h);
}

Result<void> plug_storage(Plugger& plugger, Properties& p) {
  const auto id = p.take("drive");
  if (!id) return fail("drive= is missing");
  Backends::Drive& drive = *TRY(plugger.backends().take_drive(*id));
  hw::ScsiDiskConfig c;
  c.serial = p.take_or("serial", drive.config.serial);
  if (c.serial.empty()) c.serial = serial_of(plugger.name());
  c.removable = TRY(p.flag("removable", false));
  c.logical_block = static_cast<u32>(TRY(p.size("logical_block_size", c.logical_block)));
  c.physical_block = static_cast<u32>(
      TRY(p.size("physical_block_size", std::max(c.physical_block, c.logical_block))));
  TRY_VOID(c.check());
  hw::UsbPort& port =
      *TRY(plugger.claim_usb(p, {hw::UsbSpeed::Full, hw::UsbSpeed::High, hw::UsbSpeed::Super}));
  // The only logical unit of the only SCSI bus in it.
  TRY_VOID(plugger.claim_boot(p, plugger.path_of(port, "storage") + "/channel@0/disk@0,0"));
  return plug_into<hw::UsbStorage>(plugger, port, c, plugger.backends().disk_of(drive));
}

void add(std::vector<DeviceModel>& to, const char* name, const char* help,
         std::span<const PropertyInfo> properties, Result<void> (*plug)(Plugger&, Properties&)) {
  to.push_back({.name = name,
                .into = PlugInto::Usb,
                .help = help,
                .properties = {properties.begin(), properties.end()},
                .plug = plug});
}

}  // namespace

void add_usb_device_models(std::vector<DeviceModel>& to) {
  add(to, "usb-hub", "USB hub", kHubProperties, plug_hub);
  add(to, "usb-kbd", "USB keyboard", kHidProperties, plug_hid<hw::UsbKeyboard>);
  add(to, "usb-mouse", "USB mouse", kHidProperties, plug_hid<hw::UsbMouse>);
  add(to, "usb-storage", "USB disk", kStorageProperties, plug_storage);
  add(to, "usb-tablet", "USB pointer of positions", kHidProperties, plug_hid<hw::UsbTablet>);
}

}  // namespace quince::machine
