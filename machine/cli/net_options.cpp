// Networks: -netdev, -nic, -net; and what they make of -device.
#include <fmt/format.h>

#include <algorithm>

#include "machine/cli/parser.h"

namespace quince::machine::cli {

namespace {

/// The models that -nic and -net can name.
Result<std::string> nic_model(std::string_view name) {
  if (name == "virtio" || name == "virtio-net" || name == "virtio-net-pci") return "virtio-net-pci";
  return fail("model={} is not implemented (virtio-net-pci)", name);
}

/// The device's share of -nic's or -net nic's properties.
Result<OptionGroup> take_nic(PropertyList& list, const std::string& option,
                             const std::string& netdev) {
  OptionGroup nic{
      .kind = "virtio-net-pci", .id = "", .properties = {{"netdev", netdev}}, .option = option};
  PropertyList rest;
  for (auto& [key, value] : list) {
    if (key == "model")
      nic.kind = TRY(nic_model(value));
    else if (key == "mac" || key == "macaddr")
      nic.properties.emplace_back("mac", value);
    else if (key == "addr" || key == "vectors")
      nic.properties.emplace_back(key, value);
    else
      rest.emplace_back(std::move(key), std::move(value));
  }
  list = std::move(rest);
  return nic;
}

Result<void> add_netdev(Parser& p, net::NetdevOptions n) {
  for (const net::NetdevOptions& other : p.out.config.netdevs)
    if (other.id == n.id) return fail("there are two netdevs '{}'", n.id);
  p.out.config.netdevs.push_back(std::move(n));
  return {};
}

}  // namespace

Result<void> on_netdev(Parser& p, std::string_view v) {
  if (v == "help" || v == "?") {
    p.out.print = "Available netdev backend types:\nsocket\nstream\ndgram\nhubport\nuser\n";
    return {};
  }
  net::NetdevOptions n = TRY(net::parse_netdev(split_options(v, "type")));
  return add_netdev(p, std::move(n));
}

/// A back end and its device in one.
Result<void> on_nic(Parser& p, std::string_view v) {
  if (v == "none") return {};
  PropertyList list = split_options(v, "type");
  std::string id = fmt::format("#nic{}", p.nics.size());
  for (const auto& [key, value] : list)
    if (key == "id") id = value;
  OptionGroup nic = TRY(take_nic(list, "-nic", id));
  std::erase_if(list, [](const auto& item) { return item.first == "id"; });
  list.emplace_back("id", id);
  net::NetdevOptions n = TRY(net::parse_netdev(list));
  TRY_VOID(add_netdev(p, std::move(n)));
  p.nics.push_back(std::move(nic));
  return {};
}

/// The old form: "nic" and back ends, all on one hub.
Result<void> on_net(Parser& p, std::string_view v) {
  if (v == "none") return {};
  PropertyList list = split_options(v, "type");
  const auto port = [&](const std::string& netdev) -> Result<std::string> {
    const std::string id = fmt::format("#hub0port{}", p.hub_ports++);
    net::NetdevOptions n;
    n.id = id;
    n.backend = net::HubportOptions{.hub = 0, .netdev = netdev};
    TRY_VOID(add_netdev(p, std::move(n)));
    return id;
  };
  const auto type =
      std::find_if(list.begin(), list.end(), [](const auto& i) { return i.first == "type"; });
  if (type == list.end()) return fail("type= is missing");
  if (type->second == "nic") {
    list.erase(type);
    const std::string netdev = TRY(port(""));
    OptionGroup nic = TRY(take_nic(list, "-net nic", netdev));
    TRY_VOID(Properties(list).finish());
    p.nics.push_back(std::move(nic));
    return {};
  }
  const std::string id = fmt::format("#net{}", p.hub_ports);
  std::erase_if(list, [](const auto& item) { return item.first == "id" || item.first == "name"; });
  list.emplace_back("id", id);
  net::NetdevOptions n = TRY(net::parse_netdev(list));
  TRY_VOID(add_netdev(p, std::move(n)));
  TRY(port(id));
  return {};
}

/// Devices of -nic and -net come first on the bus, as on QEMU's boards.
void finish_nics(Parser& p) {
  auto& devices = p.out.config.devices;
  devices.insert(devices.begin(), p.nics.begin(), p.nics.end());
}

}  // namespace quince::machine::cli
