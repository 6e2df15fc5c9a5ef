// -device models that a person looks at or types on.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "hw/display/ramfb.h"
#include "hw/virtio/gpu/virtio_gpu.h"
#include "hw/virtio/virtio_input.h"
#include "machine/plug/model.h"
#include "machine/plug/plugger.h"
#include "machine/plug/virtio_kind.h"

namespace quince::machine {

namespace {

// ---- virtio-gpu --------------------------------------------------------------------------------

constexpr PropertyInfo kGpuProperties[] = {
    {"max_outputs", "uint32", "heads, 1 to 16 (1)"},
    {"xres", "uint32", "width of the first head (1280)"},
    {"yres", "uint32", "height of the first head (800)"},
    {"edid", "on/off", "heads describe themselves (on)"},
    {"max_hostmem", "size", "what the guest's pictures may take of the host (256 MiB)"},
    {"display-modes", "MODE[:MODE][/MODE...]",
     "WIDTHxHEIGHT[@HZ]: the modes of each head, the preferred one first; such heads are on"},
    {"serials", "str[/str]", "serial number of each head"},
    {"virgl", "off", "3D is not there"},
    {"blob", "off", "likewise"},
};

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(by, from), text.size());
    parts.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

/// A serial number that no other head of the machine has: a hash of the device's name, and a number.
std::string usual_serial(std::string_view device, unsigned head) {
  u32 h = 0x811c'9dc5;  // FNV-1a
  for (const char c : device) h = (h ^ static_cast<u8>(c)) * 0x0100'0193;
  return fmt::format("{:08x}-{}", h, head + 1);
}

Result<void> read_modes(std::string_view text, std::vector<hw::VirtioGpuHeadConfig>& heads) {
  const auto parts = split(text, '/');
  if (parts.size() > heads.size())
    return fail("display-modes: {} heads are named, and max_outputs is {}", parts.size(),
                heads.size());
  for (std::size_t n = 0; n < parts.size(); ++n) {
    if (parts[n].empty()) continue;  // as without the option
    hw::VirtioGpuHeadConfig& head = heads[n];
    head.edid.modes.clear();
    head.edid.usual_modes = false;
    for (const std::string_view mode : split(parts[n], ':')) {
      auto parsed = hw::parse_display_mode(mode);
      if (!parsed) return tl::unexpected(parsed.error().in("display-modes"));
      head.edid.modes.push_back(*parsed);
    }
    head.enabled = true;
  }
  return {};
}

Result<void> read_serials(std::string_view text, std::vector<hw::VirtioGpuHeadConfig>& heads) {
  const auto parts = split(text, '/');
  if (parts.size() > heads.size())
    return fail("serials: {} heads are named, and max_outputs is {}", parts.size(), heads.size());
  for (std::size_t n = 0; n < parts.size(); ++n)
    if (!parts[n].empty()) heads[n].edid.serial = parts[n];
  for (std::size_t n = 1; n < heads.size(); ++n)
    for (std::size_t k = 0; k < n; ++k)
      if (heads[n].edid.serial == heads[k].edid.serial)
        return fail("serials: two heads have '{}'", heads[n].edid.serial);
  return {};
}

Result<hw::VirtioDevice*> make_gpu(Plugger& plugger, Properties& p, u64 features) {
  using Mode = hw::DisplayMode;
  hw::VirtioGpuConfig c;
  c.features = features;
  c.heads.resize(TRY(p.number("max_outputs", 1, 1, hw::VIRTIO_GPU_MAX_SCANOUTS)));
  for (unsigned n = 0; n < c.heads.size(); ++n) {
    c.heads[n].edid.name = fmt::format("Quince {}", n + 1);
    c.heads[n].edid.serial = usual_serial(plugger.name(), n);
  }
  Mode& first = c.heads.front().edid.modes.front();
  const bool sized = p.has("xres") || p.has("yres");
  if (sized && p.has("display-modes"))
    return fail("xres and yres: the first head has its size from display-modes");
  first.width =
      static_cast<u32>(TRY(p.number("xres", first.width, Mode::kMinSide, Mode::kMaxSide)));
  first.height =
      static_cast<u32>(TRY(p.number("yres", first.height, Mode::kMinSide, Mode::kMaxSide)));
  c.heads.front().enabled = true;
  c.edid = TRY(p.flag("edid", true));
  c.max_hostmem = TRY(p.size("max_hostmem", c.max_hostmem));
  if (const auto modes = p.take("display-modes")) TRY_VOID(read_modes(*modes, c.heads));
  if (const auto serials = p.take("serials")) TRY_VOID(read_serials(*serials, c.heads));
  TRY_VOID(only(p, "virgl", false));
  TRY_VOID(only(p, "blob", false));
  TRY_VOID(c.check());
  std::vector<ui::Console*> consoles;
  for (unsigned n = 0; n < c.heads.size(); ++n)
    consoles.push_back(&plugger.display().add_console(
        c.heads.size() == 1 ? plugger.name() : fmt::format("{}.{}", plugger.name(), n)));
  return &plugger.own(std::make_unique<hw::VirtioGpu>(plugger.name(), c, consoles, plugger.log(),
                                                      plugger.timers()));
}

constexpr VirtioKind kGpu{"gpu", "display, 2D", kGpuProperties, make_gpu};

// ---- Input -------------------------------------------------------------------------------------

constexpr PropertyInfo kInputProperties[] = {
    {"serial", "str", "what the guest reads as its serial number"},
};

template <hw::VirtioInputKind K>
Result<hw::VirtioDevice*> make_input(Plugger& plugger, Properties& p, u64 features) {
  const hw::VirtioInputConfig c{.features = features, .kind = K, .serial = p.take_or("serial", "")};
  TRY_VOID(c.check());
  return &plugger.own(std::make_unique<hw::VirtioInput>(
      plugger.name(), c, plugger.display().input(), plugger.log(), plugger.timers()));
}

constexpr VirtioKind kKeyboard{"keyboard", "keyboard", kInputProperties,
                               make_input<hw::VirtioInputKind::Keyboard>};
constexpr VirtioKind kMouse{"mouse", "mouse", kInputProperties,
                            make_input<hw::VirtioInputKind::Mouse>};
constexpr VirtioKind kTablet{"tablet", "pointer that says where it is", kInputProperties,
                             make_input<hw::VirtioInputKind::Tablet>};

// ---- ramfb -------------------------------------------------------------------------------------

Result<void> plug_ramfb(Plugger& plugger, Properties&) {
  if (plugger.fw_cfg() == nullptr)
    return fail("this board has no fw_cfg device, by which firmware sets it up");
  ui::Console& console = plugger.display().add_console(plugger.name());
  hw::Ramfb& ramfb = plugger.keep(std::make_unique<hw::Ramfb>(
      plugger.name(), console, hw::DmaPort(plugger.space(), 0), plugger.log()));
  return plugger.fw_cfg()->add_file(hw::Ramfb::kFile, ramfb);
}

}  // namespace

void add_display_models(std::vector<DeviceModel>& to) {
  add_virtio_kind<kGpu>(to);
  add_virtio_kind<kKeyboard>(to);
  add_virtio_kind<kMouse>(to);
  add_virtio_kind<kTablet>(to);
  to.push_back({.name = "ramfb",
                .into = PlugInto::System,
                .help = "framebuffer in memory, which firmware sets up",
                .plug = plug_ramfb});
}

}  // namespace quince::machine
