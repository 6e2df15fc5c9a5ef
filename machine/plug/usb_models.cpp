// -device models of USB: controllers.
#include "hw/usb/xhci/xhci_pci.h"
#include "machine/plug/model.h"
#include "machine/plug/plugger.h"

namespace quince::machine {

namespace {

constexpr PropertyInfo kXhciProperties[] = {
    {"p2", "uint32", "ports of USB 2, 0 to 15 (4)"},
    {"p3", "uint32", "ports of USB 3, 0 to 15 (4)"},
    {"streams", "on/off", "bulk endpoints may have streams (on)"},
    {"conditional-intr-mapping", "on/off",
     "without MSI and MSI-X, every event goes to ring 0 (on for vmapple)"},
};
constexpr PropertyInfo kSizes[] = {
    {"intrs", "uint32", "interrupters, 1 to 16 (16)"},
    {"slots", "uint32", "device slots, 1 to 64 (64)"},
};

enum class Switch : u8 { Off, On, Auto };

/// on, off, or auto: on where the machine has messages.
Result<bool> take_messages(Plugger& plugger, Properties& p, const char* name, Switch missing) {
  const auto choice = static_cast<Switch>(
      TRY(p.choice(name, {"off", "on", "auto"}, static_cast<std::size_t>(missing))));
  if (choice == Switch::On && !plugger.msi())
    return fail("{}=on: the machine has no message-signalled interrupts", name);
  return choice != Switch::Off && plugger.msi();
}

template <bool kNec>
Result<void> plug_xhci(Plugger& plugger, Properties& p) {
  hw::XhciPciConfig c;
  hw::XhciConfig& x = c.controller;
  x.nec = kNec;
  const auto number = [&](const char* name, unsigned missing) -> Result<unsigned> {
    return static_cast<unsigned>(TRY(p.number(name, missing, 0, 0xffff'ffff)));
  };
  x.p2 = TRY(number("p2", x.p2));
  x.p3 = TRY(number("p3", x.p3));
  x.intrs = TRY(number("intrs", x.intrs));
  x.slots = TRY(number("slots", x.slots));
  x.streams = TRY(p.flag("streams", true));
  x.conditional_mapping =
      TRY(p.flag("conditional-intr-mapping", plugger.conditional_intr_mapping()));
  TRY_VOID(x.check());
  c.msi = TRY(take_messages(plugger, p, "msi", kNec ? Switch::Auto : Switch::Off));
  c.msix = TRY(take_messages(plugger, p, "msix", Switch::Auto));
  const hw::FunctionPorts ports = TRY(plugger.claim_pci(p));
  std::string path = plugger.path_of(ports, "usb");
  auto& device =
      plugger.keep(std::make_unique<hw::XhciPci>(plugger.name(), c, ports, plugger.timers()));
  plugger.add_usb_bus(device.controller(), std::move(path));
  return {};
}

template <bool kNec>
void add_controller(std::vector<DeviceModel>& to, const char* name, const char* help) {
  std::vector<PropertyInfo> properties(std::begin(kXhciProperties), std::end(kXhciProperties));
  properties.insert(properties.end(), std::begin(kSizes), std::end(kSizes));
  properties.push_back({"msi", "on/off/auto", kNec ? "there is MSI (auto)" : "there is MSI (off)"});
  properties.push_back({"msix", "on/off/auto", "there is MSI-X (auto)"});
  to.push_back(
      {.name = name, .help = help, .properties = std::move(properties), .plug = plug_xhci<kNec>});
}

}  // namespace

void add_usb_models(std::vector<DeviceModel>& to) {
  add_controller<false>(to, "qemu-xhci", "USB 3 controller");
  add_controller<true>(to, "nec-usb-xhci", "USB 3 controller, as NEC's");
}

}  // namespace quince::machine
