#include "machine/plug/boot_order.h"

#include <fmt/format.h>

namespace quince::machine {

Result<void> BootOrder::claim(Properties& p, std::string path) {
  constexpr u64 kLast = 0x7fff'ffff;
  const auto text = p.take("bootindex");
  if (!text) return {};
  const bool negative = text->starts_with('-');
  const auto index = parse_number(std::string_view(*text).substr(negative ? 1 : 0));
  if (!index) return fail("bootindex={} is not a number", *text);
  if (*index > kLast) return fail("bootindex={} is out of range (-1 to {})", *text, kLast);
  if (negative) return {};
  const auto [it, added] = paths_.emplace(static_cast<u32>(*index), std::move(path));
  if (!added) return fail("bootindex={} is that of another device", *index);
  return {};
}

std::vector<u8> BootOrder::file(bool strict) const {
  if (empty()) return {};
  std::string lines;
  for (const auto& [index, path] : paths_) lines += (lines.empty() ? "" : "\n") + path;
  if (strict) lines += "\nHALT";
  std::vector<u8> bytes(lines.begin(), lines.end());
  bytes.push_back(0);
  return bytes;
}

std::string root_bus_path() { return "/pci@ffffffffffffffff"; }

std::string pci_path(std::string_view bus, u8 devfn, std::string_view kind) {
  const unsigned slot = devfn / 8, function = devfn % 8;
  std::string path = fmt::format("{}/{}@{:x}", bus, kind, slot);
  if (function != 0) path += fmt::format(",{:x}", function);
  return path;
}

std::string usb_path(std::string_view controller, std::string_view port, std::string_view kind) {
  std::string path(controller);
  for (std::size_t dot; (dot = port.find('.')) != port.npos; port.remove_prefix(dot + 1))
    path += fmt::format("/hub@{}", port.substr(0, dot));
  return path + fmt::format("/{}@{}", kind, port);
}

std::string virtio_mmio_path(u64 address) { return fmt::format("/virtio-mmio@{:016x}", address); }

}  // namespace quince::machine
