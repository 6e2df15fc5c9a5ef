#include "machine/drive_config.h"

namespace quince::machine {

namespace {

constexpr u64 kSectorBytes = 512;

/// A property that is read by a parser of the block layer.
template <class T, class Parse>
Result<T> parsed(Properties& p, std::string_view name, T missing, Parse parse) {
  const auto text = p.take(name);
  if (!text) return missing;
  return parse(*text);
}

Result<DriveConfig::Interface> parse_interface(Properties& p) {
  using enum DriveConfig::Interface;
  const std::string name = p.take_or("if", "virtio");
  if (name == "none") return None;
  if (name == "virtio") return Virtio;
  if (name == "pflash") return Pflash;
  return fail("if={} is not implemented (none, virtio, pflash)", name);
}

/// Error policies: "report" is the only one there is.
Result<void> parse_error_policy(Properties& p, std::string_view name) {
  const auto value = p.take(name);
  if (value && *value != "report")
    return fail("{}={} is not implemented (only report)", name, *value);
  return {};
}

}  // namespace

Result<DriveConfig> parse_drive(PropertyList properties) {
  Properties p(std::move(properties));
  DriveConfig d;
  d.option = "-drive";
  d.interface = TRY(parse_interface(p));
  d.id = p.take_or("id", "");
  d.serial = p.take_or("serial", "");
  if (p.has("index") || p.has("unit")) {
    const u64 index = TRY(p.number("index", 0, 0, 255));
    d.unit = static_cast<unsigned>(TRY(p.number("unit", index, 0, 255)));
  }
  block::OpenOptions& o = d.open;
  const bool cdrom = TRY(p.choice("media", {"disk", "cdrom"}, 0)) == 1;
  o.read_only = TRY(p.flag("readonly", cdrom));
  o.read_only = TRY(p.flag("read-only", o.read_only));
  o.file = p.take_or("file", "");
  if (o.file.empty()) return fail("file= is missing");
  o.format = p.take_or("format", "");
  o.offset = TRY(p.size("offset", 0));
  if (o.offset % kSectorBytes != 0)
    return fail("offset={} is no multiple of {}", o.offset, kSectorBytes);
  if (o.offset != 0 && o.format != "raw") return fail("offset= is of raw images (format=raw)");
  if (TRY(p.flag("snapshot", false))) o.snapshot = block::Snapshot::File;
  o.cache = TRY(parsed(p, "cache", o.cache, block::parse_cache));
  o.aio = TRY(parsed(p, "aio", o.aio, block::parse_aio));
  o.discard = TRY(parsed(p, "discard", o.discard, block::parse_discard));
  o.detect_zeroes = TRY(parsed(p, "detect-zeroes", o.detect_zeroes, block::parse_detect_zeroes));
  o.locking = TRY(parsed(p, "locking", o.locking, block::parse_locking));
  o.locking = TRY(parsed(p, "file.locking", o.locking, block::parse_locking));
  o.share_rw = TRY(p.flag("share-rw", false));
  TRY_VOID(parse_error_policy(p, "werror"));
  TRY_VOID(parse_error_policy(p, "rerror"));
  TRY_VOID(p.finish());
  return d;
}

}  // namespace quince::machine
