// Folders of the host: -fsdev, -virtfs; and what the latter makes of -device.
#include <algorithm>

#include "machine/cli/parser.h"

namespace quince::machine::cli {

namespace {

Result<void> add_fsdev(Parser& p, p9::FsdevOptions f) {
  auto& fsdevs = p.out.config.fsdevs;
  if (std::any_of(fsdevs.begin(), fsdevs.end(),
                  [&](const auto& other) { return other.id == f.id; }))
    return fail("there are two fsdevs '{}'", f.id);
  fsdevs.push_back(std::move(f));
  return {};
}

}  // namespace

Result<void> on_fsdev(Parser& p, std::string_view v) {
  return add_fsdev(p, TRY(p9::FsdevOptions::parse(v)));
}

Result<void> on_virtfs(Parser& p, std::string_view v) {
  p9::VirtfsOptions o = TRY(p9::VirtfsOptions::parse(v));
  const std::string id = o.fsdev.id;
  TRY_VOID(add_fsdev(p, std::move(o.fsdev)));
  p.out.config.devices.push_back({.kind = "virtio-9p-pci",
                                  .id = "",
                                  .properties = {{"fsdev", id}, {"mount_tag", o.mount_tag}},
                                  .option = "-virtfs"});
  return {};
}

}  // namespace quince::machine::cli
