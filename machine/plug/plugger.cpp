#include "machine/plug/plugger.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "machine/plug/model.h"

namespace quince::machine {

namespace {

/// "5", "5.1": slot and function in hexadecimal, as QEMU reads them.
Result<std::pair<unsigned, unsigned>> parse_addr(std::string_view text) {
  const auto number = [](std::string_view s, unsigned limit) -> std::optional<unsigned> {
    if (s.starts_with("0x")) s.remove_prefix(2);
    unsigned v = 0;
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), v, 16);
    if (ec != std::errc{} || end != s.data() + s.size() || v >= limit) return {};
    return v;
  };
  const std::size_t dot = text.find('.');
  const auto slot = number(text.substr(0, dot), hw::pci::kSlots);
  const auto function = dot == std::string_view::npos
                            ? std::optional<unsigned>(0)
                            : number(text.substr(dot + 1), hw::pci::kFunctions);
  if (!slot || !function) return fail("addr={} is not SLOT[.FUNCTION]", text);
  return std::pair(*slot, *function);
}

/// romfile= and rombar=: scripts pass an empty file to do without a ROM, which is how it is here.
Result<void> check_no_rom(Properties& p) {
  if (const auto file = p.take("romfile"); file && !file->empty())
    return fail("romfile={} is not implemented: there are no option ROMs", *file);
  if (const auto bar = p.take("rombar"); bar && *bar != "0" && *bar != "1" && !parse_switch(*bar))
    return fail("rombar={} is neither 0 nor 1", *bar);
  return {};
}

}  // namespace

Plugger::Plugger(PlugPlaces places, Backends& backends, hw::AddressSpace& space,
                 hw::TimerQueue& timers, Log& log)
    : places_(std::move(places)), backends_(backends), space_(space), timers_(timers), log_(log) {
  if (places_.root != nullptr) add_bus(*places_.root, root_bus_path());
}

Result<void> Plugger::plug(const OptionGroup& device, std::span<const OptionGroup> globals) {
  const auto in_context = [&](const Error& e) { return tl::unexpected(e.in(device.option)); };
  const DeviceModel* model = find_device_model(device.kind);
  if (model == nullptr)
    return fail("{}: '{}' is not a valid device model name", device.option, device.kind);
  PropertyList list;
  for (const OptionGroup& g : globals)
    if (g.kind == model->name || g.kind == model->alias)
      list.insert(list.end(), g.properties.begin(), g.properties.end());
  list.insert(list.end(), device.properties.begin(), device.properties.end());
  for (const auto& item : list)
    if (!model->has_property(item.first))
      return fail("{}: there is no property '{}'", device.option, item.first);
  if (!device.id.empty() && std::find(ids_.begin(), ids_.end(), device.id) != ids_.end())
    return fail("{}: there are two devices '{}'", device.option, device.id);
  name_ = device.id.empty() ? fmt::format("{}.{}", model->name, counts_[model->name]++) : device.id;
  has_id_ = !device.id.empty();
  ids_.push_back(name_);
  Properties properties(std::move(list));
  const Result<void> made = model->plug(*this, properties);
  if (!made) return in_context(made.error());
  const Result<void> all_read = properties.finish();
  if (!all_read) return in_context(all_read.error());
  return {};
}

Result<hw::FunctionPorts> Plugger::claim_pci(Properties& p) {
  const std::string name = p.take_or("bus", "pcie.0");
  const auto it = buses_.find(name);
  if (it == buses_.end()) return fail("bus={}: there is no such bus", name);
  std::optional<unsigned> slot;
  unsigned function = 0;
  if (const auto addr = p.take("addr")) {
    const auto place = TRY(parse_addr(*addr));
    slot = place.first;
    function = place.second;
  }
  const bool multifunction = TRY(p.flag("multifunction", false));
  const bool intx = TRY(p.flag("intx", true));
  TRY_VOID(check_no_rom(p));
  hw::FunctionPorts ports = TRY(it->second.bus->claim(slot, function));
  ports.multifunction = multifunction;
  ports.intx = intx;
  return ports;
}

Result<hw::VirtioMmio*> Plugger::claim_mmio(Properties& p) {
  if (places_.mmio_slots.empty()) return fail("this board has no virtio-mmio slots");
  if (const auto bus = p.take("bus")) {
    constexpr std::string_view kPrefix = "virtio-mmio-bus.";
    const auto n = bus->starts_with(kPrefix)
                       ? parse_number(std::string_view(*bus).substr(kPrefix.size()))
                       : Result<u64>(fail("no slot"));
    if (!n || *n >= places_.mmio_slots.size()) return fail("bus={}: there is no such bus", *bus);
    if (!places_.mmio_slots[*n]->empty()) return fail("bus={} is in use", *bus);
    return places_.mmio_slots[*n];
  }
  for (auto it = places_.mmio_slots.rbegin(); it != places_.mmio_slots.rend(); ++it)
    if ((*it)->empty()) return *it;
  return fail("every virtio-mmio slot is in use");
}

std::string Plugger::path_of(const hw::FunctionPorts& ports, std::string_view kind) const {
  return pci_path(buses_.at(ports.bus->name()).path, ports.devfn, kind);
}

std::string Plugger::path_of(const hw::VirtioMmio& slot) const {
  const auto& slots = places_.mmio_slots;
  const auto index = static_cast<u64>(std::find(slots.begin(), slots.end(), &slot) - slots.begin());
  return virtio_mmio_path(places_.mmio_base + index * hw::VirtioMmio::kSize);
}

std::string Plugger::path_of(const hw::UsbPort& port, std::string_view kind) const {
  const auto b = std::find_if(usb_buses_.begin(), usb_buses_.end(),
                              [&](const UsbBus& u) { return u.bus == port.bus(); });
  QUINCE_ASSERT(b != usb_buses_.end());
  return usb_path(b->path, port.path(), kind);
}

void Plugger::add_serial_bus(hw::VirtioConsole& controller) {
  serial_buses_.push_back(
      {has_id_ ? name_ + ".0" : fmt::format("virtio-serial-bus.{}", counts_["virtio-serial-bus"]++),
       &controller});
}

Result<hw::VirtioConsole*> Plugger::claim_serial(Properties& p) {
  const auto bus = p.take("bus");
  for (const SerialBus& b : serial_buses_)
    if (!bus || b.name == *bus) return b.controller;
  if (bus) return fail("bus={}: there is no such bus", *bus);
  return fail("there is no virtio-serial device before it");
}

void Plugger::add_usb_bus(hw::UsbBus& bus, std::string path) {
  usb_buses_.push_back({has_id_ ? name_ + ".0" : fmt::format("usb-bus.{}", counts_["usb-bus"]++),
                        &bus, std::move(path)});
}

Result<hw::UsbPort*> Plugger::claim_usb(Properties& p, hw::UsbSpeeds speeds) {
  const auto bus = p.take("bus");
  const auto port = p.take("port");
  if (usb_buses_.empty()) return fail("there is no USB controller before it");
  for (const UsbBus& b : usb_buses_) {
    if (bus && b.name != *bus) continue;
    if (port) {
      hw::UsbPort* const found = TRY(b.bus->find(*port));
      if (found->device() != nullptr) return fail("port={} is in use", *port);
      return found;
    }
    if (hw::UsbPort* const found = b.bus->first_free(speeds); found != nullptr) return found;
    if (bus) return fail("bus={} has no free port for it", *bus);
  }
  if (bus) return fail("bus={}: there is no such bus", *bus);
  return fail("no USB controller has a free port for it");
}

}  // namespace quince::machine
