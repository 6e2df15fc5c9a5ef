// What only 'vmapple' has: -M vmapple,ecid=,serial=,...,aux=,root=.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/mac_address.h"
#include "machine/cli/parser.h"

namespace quince::machine::cli {

namespace {

constexpr const char* kRootId = "vmapple-root";
constexpr const char* kAuxId = "vmapple-aux";
/// What the tools of Apple's framework put in front of the storage of a virtual machine.
constexpr u64 kAuxHeader = 16 * KiB;

struct MacOption {
  std::string_view name;
  MacAddress hw::VmappleCfgConfig::*address;
};
constexpr MacOption kMacs[] = {{"mac-en0", &hw::VmappleCfgConfig::mac_en0},
                               {"mac-en1", &hw::VmappleCfgConfig::mac_en1},
                               {"mac-wifi0", &hw::VmappleCfgConfig::mac_wifi0},
                               {"mac-bt0", &hw::VmappleCfgConfig::mac_bt0}};

struct TextOption {
  std::string_view name;
  std::string hw::VmappleCfgConfig::*text;
};
constexpr TextOption kTexts[] = {{"serial", &hw::VmappleCfgConfig::serial},
                                 {"model", &hw::VmappleCfgConfig::model},
                                 {"soc-name", &hw::VmappleCfgConfig::soc_name}};

struct FlagOption {
  std::string_view name;
  u32 hw::VmappleCfgConfig::*flag;
};
constexpr FlagOption kFlags[] = {{"run-installer1", &hw::VmappleCfgConfig::run_installer1},
                                 {"run-installer2", &hw::VmappleCfgConfig::run_installer2}};

template <class Table>
auto find(const Table& table, std::string_view name) {
  return std::find_if(std::begin(table), std::end(table),
                      [&](const auto& o) { return o.name == name; });
}

/// A file of the framework has a header that is not part of the storage.
Result<u64> header_of(const std::string& file, const std::string& skip) {
  if (skip != "auto") return TRY(parse_size(skip, 1));
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return !error && size % MiB == kAuxHeader ? kAuxHeader : 0;
}

/// `kind`: of Apple's or not.
Result<void> add_disk(Parser& p, const char* id, const char* variant, const std::string& file,
                      u64 header, RootDisk kind) {
  PropertyList list{{"file", file}, {"if", "none"}, {"id", id}};
  if (header != 0) {
    list.emplace_back("format", "raw");
    list.emplace_back("offset", std::to_string(header));
  }
  DriveConfig d = TRY(parse_drive(std::move(list)));
  d.option = fmt::format("-M: {}=", variant);
  TRY_VOID(add_drive(p, std::move(d)));
  const bool apple = kind == RootDisk::Apple;
  PropertyList properties{{"drive", id}};
  if (apple) properties.emplace_back("variant", variant);
  p.platform_devices.push_back({.kind = apple ? "vmapple-virtio-blk-pci" : "virtio-blk-pci",
                                .id = "",
                                .properties = std::move(properties),
                                .option = fmt::format("-M: {}=", variant)});
  return {};
}

/// The drive that firmware reads: the one of flash bank `unit`.  One that has the same file as a disk of
/// the guest is that disk, because two users of an image would not see what the other writes.
std::string take_flash_drive(MachineConfig& c, unsigned unit) {
  const auto flash = std::find_if(c.drives.begin(), c.drives.end(), [&](const DriveConfig& d) {
    return d.interface == DriveConfig::Interface::Pflash && d.unit == unit;
  });
  if (flash == c.drives.end()) return "";
  const auto same = std::find_if(c.drives.begin(), c.drives.end(), [&](const DriveConfig& d) {
    std::error_code error;
    return d.interface != DriveConfig::Interface::Pflash && d.open.offset == flash->open.offset &&
           std::filesystem::equivalent(d.open.file, flash->open.file, error);
  });
  if (same == c.drives.end()) {
    flash->interface = DriveConfig::Interface::None;
    return flash->id;
  }
  std::string id = same->id;
  c.drives.erase(flash);
  return id;
}

}  // namespace

std::string platform_options_help() {
  return "  aux=<file>             - the platform's storage of boot variables, for firmware and "
         "guest\n"
         "  aux-skip=<size>        - bytes of a header in front of it (auto: known by the size)\n"
         "  ecid=<n>, uuid=<n>     - exclusive chip id\n"
         "  mac-en0=<mac>, ...     - mac-en1, mac-wifi0, mac-bt0: addresses that firmware reads\n"
         "  model=<string>, serial=<string>, soc-name=<string> - at most 31 bytes each\n"
         "  root=<file>            - the disk to boot from, for firmware and guest\n"
         "  root-disk=auto|apple|virtio - what it is to the guest (auto: virtio where its "
         "partitions are\n"
         "                           not Apple's)\n"
         "  run-installer1=<n>, run-installer2=<n> - what firmware reads there\n";
}

Result<bool> on_platform_option(Parser& p, const std::string& key, const std::string& value) {
  hw::VmappleCfgConfig& c = p.out.config.platform.cfg;
  const auto number = [&]() -> Result<u64> {
    const auto n = parse_number(value);
    return n ? n : tl::unexpected(n.error().in(key));
  };
  if (key == "uuid" || key == "ecid")
    c.ecid = TRY(number());
  else if (const auto text = find(kTexts, key); text != std::end(kTexts))
    c.*text->text = value;
  else if (const auto mac = find(kMacs, key); mac != std::end(kMacs))
    c.*mac->address = TRY(parse_mac(key, value));
  else if (const auto flag = find(kFlags, key); flag != std::end(kFlags)) {
    const u64 n = TRY(number());
    if (n > ~u32{0}) return fail("{}={} has more than 32 bits", key, n);
    c.*flag->flag = static_cast<u32>(n);
  } else if (key == "aux")
    p.aux_file = value;
  else if (key == "aux-skip")
    p.aux_skip = value;
  else if (key == "root")
    p.root_file = value;
  else if (key == "root-disk")
    p.root_disk = TRY(parse_root_disk(value));
  else
    return false;
  p.platform_asked = key;
  TRY_VOID(c.check());
  return true;
}

Result<void> add_platform_drives(Parser& p) {
  const Board& board = *find_board(p.out.config.board);
  if (!board.has(Slot::Bdif)) {
    if (!p.platform_asked.empty())
      return fail("-M: property '{}' is not known for machine '{}'", p.platform_asked, board.name);
    return {};
  }
  if (p.aux_file.empty() && p.aux_skip != "auto") return fail("-M: aux-skip= is without aux=");
  if (!p.aux_file.empty()) {
    const u64 header = TRY(header_of(p.aux_file, p.aux_skip));
    TRY_VOID(add_disk(p, kAuxId, "aux", p.aux_file, header, RootDisk::Apple));
  }
  if (p.root_file.empty() && p.root_disk != RootDisk::Auto)
    return fail("-M: root-disk= is without root=");
  if (p.root_file.empty()) return {};
  const RootDisk kind =
      p.root_disk == RootDisk::Auto ? look_at_root_disk(p.root_file) : p.root_disk;
  return add_disk(p, kRootId, "root", p.root_file, 0, kind);
}

Result<void> finish_platform(Parser& p) {
  MachineConfig& c = p.out.config;
  const Board& board = *find_board(c.board);
  if (!board.has(Slot::Bdif)) return {};
  c.devices.insert(c.devices.begin(), p.platform_devices.begin(), p.platform_devices.end());
  c.platform.aux = take_flash_drive(c, 0);
  c.platform.root = take_flash_drive(c, 1);
  if (!p.aux_file.empty()) {
    if (!c.platform.aux.empty()) return fail("-M: aux= and if=pflash,unit=0 are the same storage");
    c.platform.aux = kAuxId;
  }
  if (!p.root_file.empty()) {
    if (!c.platform.root.empty()) return fail("-M: root= and if=pflash,unit=1 are the same disk");
    c.platform.root = kRootId;
  }
  if (c.platform.root.empty()) {
    const auto first = std::find_if(c.drives.begin(), c.drives.end(), [](const DriveConfig& d) {
      return d.interface == DriveConfig::Interface::Virtio;
    });
    if (first != c.drives.end()) c.platform.root = first->id;
  }
  return {};
}

}  // namespace quince::machine::cli
