// Disks: -drive, -hda to -hdd, -cdrom, -pflash, -snapshot; and what they make of -device.
#include <fmt/format.h>

#include <algorithm>

#include "machine/cli/parser.h"

namespace quince::machine::cli {

Result<void> add_drive(Parser& p, DriveConfig d) {
  auto& drives = p.out.config.drives;
  if (d.id.empty()) d.id = fmt::format("drive{}", drives.size());
  for (const DriveConfig& other : drives)
    if (other.id == d.id) return fail("there are two drives '{}'", d.id);
  drives.push_back(std::move(d));
  return {};
}

namespace {

/// A short form: an option that is all file name.
Result<void> add_file(Parser& p, const char* option, std::string_view file,
                      PropertyList properties) {
  properties.emplace_back("file", file);
  DriveConfig d = TRY(parse_drive(std::move(properties)));
  d.option = option;
  return add_drive(p, std::move(d));
}

}  // namespace

Result<void> on_drive(Parser& p, std::string_view v) {
  return add_drive(p, TRY(parse_drive(split_options(v, "file"))));
}

Result<void> on_hda(Parser& p, std::string_view v) {
  return add_file(p, "-hda", v, {{"index", "0"}});
}
Result<void> on_hdb(Parser& p, std::string_view v) {
  return add_file(p, "-hdb", v, {{"index", "1"}});
}
Result<void> on_hdc(Parser& p, std::string_view v) {
  return add_file(p, "-hdc", v, {{"index", "2"}});
}
Result<void> on_hdd(Parser& p, std::string_view v) {
  return add_file(p, "-hdd", v, {{"index", "3"}});
}

Result<void> on_cdrom(Parser& p, std::string_view v) {
  return add_file(p, "-cdrom", v, {{"index", "2"}, {"media", "cdrom"}});
}

Result<void> on_pflash(Parser& p, std::string_view v) {
  return add_file(p, "-pflash", v, {{"if", "pflash"}, {"format", "raw"}});
}

Result<void> on_snapshot(Parser& p, std::string_view) {
  p.snapshot = true;
  return {};
}

Result<void> finish_drives(Parser& p) {
  MachineConfig& c = p.out.config;
  std::vector<OptionGroup> disks;
  // By unit, where it was given, and else in order.
  std::vector<DriveConfig*> virtio;
  unsigned next_flash = 0;
  for (DriveConfig& d : c.drives) {
    if (p.snapshot && !d.open.read_only && d.interface != DriveConfig::Interface::Pflash)
      d.open.snapshot = block::Snapshot::File;
    if (d.interface == DriveConfig::Interface::Virtio) virtio.push_back(&d);
    if (d.interface != DriveConfig::Interface::Pflash) continue;
    if (!d.unit) d.unit = next_flash;
    next_flash = *d.unit + 1;
    if (*d.unit > 1) return fail("{}: if=pflash has units 0 and 1", d.option);
    for (const DriveConfig& other : c.drives)
      if (&other != &d && other.interface == d.interface && other.unit == d.unit && &other < &d)
        return fail("{}: two drives are pflash unit {}", d.option, *d.unit);
  }
  std::stable_sort(virtio.begin(), virtio.end(), [](const DriveConfig* a, const DriveConfig* b) {
    return a->unit.value_or(~0u) < b->unit.value_or(~0u);
  });
  for (const DriveConfig* d : virtio)
    disks.push_back({.kind = "virtio-blk-pci",
                     .id = "",
                     .properties = {{"drive", d->id}},
                     .option = d->option});
  c.devices.insert(c.devices.begin(), disks.begin(), disks.end());
  return {};
}

}  // namespace quince::machine::cli
