#include "hw/virtio/9p/fsdev_options.h"

#include <charconv>

namespace quince::p9 {

namespace {

/// Permissions as C and chmod write them: octal with a leading 0, else decimal, as QEMU reads them.
Result<u32> permissions(Properties& p, std::string_view name, u32 missing) {
  const auto text = p.take(name);
  if (!text) return missing;
  u32 v = 0;
  const char* const end = text->data() + text->size();
  const auto [at, ec] = std::from_chars(text->data(), end, v, text->starts_with('0') ? 8 : 10);
  if (ec != std::errc{} || at != end || v > 0777)
    return fail("{}={} is not a mode from 0 to 0777", name, *text);
  return v;
}

Result<SecurityModel> model(Properties& p) {
  const auto text = p.take("security_model");
  if (!text) return fail("security_model= is missing (none, passthrough, mapped, mapped-xattr)");
  if (*text == "none") return SecurityModel::None;
  if (*text == "passthrough") return SecurityModel::Passthrough;
  if (*text == "mapped" || *text == "mapped-xattr") return SecurityModel::Mapped;
  if (*text == "mapped-file")
    return fail("security_model=mapped-file is not implemented (mapped-xattr is)");
  return fail("security_model={} is not one of none, passthrough, mapped, mapped-xattr", *text);
}

Result<FsdevOptions> parse(Properties& p) {
  FsdevOptions o;
  const std::string driver = p.take_or("fsdriver", "");
  if (driver == "proxy" || driver == "synth")
    return fail("'{}' is not implemented (only local)", driver);
  if (driver != "local") return fail("'{}' is not a file system driver (local)", driver);
  o.id = p.take_or("id", "");
  o.folder.path = p.take_or("path", "");
  if (o.folder.path.empty()) return fail("path= is missing");
  o.folder.model = TRY(model(p));
  o.folder.read_only = TRY(p.flag("readonly", false));
  constexpr MultiDevs kMultiDevs[] = {MultiDevs::Warn, MultiDevs::Remap, MultiDevs::Forbid};
  o.folder.multidevs = kMultiDevs[TRY(p.choice("multidevs", {"warn", "remap", "forbid"}, 0))];
  if (const auto text = p.take("writeout")) {
    if (*text != "immediate") return fail("writeout={} is not immediate", *text);
    o.folder.write_out = true;
  }
  if ((p.has("fmode") || p.has("dmode")) && o.folder.model != SecurityModel::Mapped)
    return fail("fmode= and dmode= go with security_model=mapped only");
  o.folder.fmode = TRY(permissions(p, "fmode", o.folder.fmode));
  o.folder.dmode = TRY(permissions(p, "dmode", o.folder.dmode));
  return o;
}

}  // namespace

Result<FsdevOptions> FsdevOptions::parse(std::string_view text) {
  Properties p(split_options(text, "fsdriver"));
  FsdevOptions o = TRY(p9::parse(p));
  if (o.id.empty()) return fail("id= is missing");
  TRY_VOID(p.finish());
  return o;
}

Result<VirtfsOptions> VirtfsOptions::parse(std::string_view text) {
  Properties p(split_options(text, "fsdriver"));
  VirtfsOptions o;
  o.fsdev = TRY(p9::parse(p));
  o.fsdev.option = "-virtfs";
  o.mount_tag = p.take_or("mount_tag", "");
  if (o.mount_tag.empty()) return fail("mount_tag= is missing");
  if (o.fsdev.id.empty()) o.fsdev.id = o.mount_tag;
  TRY_VOID(p.finish());
  return o;
}

}  // namespace quince::p9
