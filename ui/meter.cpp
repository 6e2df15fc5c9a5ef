#include "ui/meter.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "ui/text.h"

namespace quince::ui {

namespace {

/// Four figures at most, with a unit of a thousand.
std::string bytes_text(double bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < std::size(kUnits)) {
    bytes /= 1000;
    ++unit;
  }
  const int decimals = unit != 0 && bytes < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}/s", bytes, decimals, kUnits[unit]);
}

}  // namespace

std::optional<Rates> Meter::look(const Status& status, u64 now_ns, u64 frames) {
  const std::optional<Look> before = std::exchange(last_, Look{status, now_ns, frames});
  if (!before || now_ns <= before->ns) return {};
  const double seconds = static_cast<double>(now_ns - before->ns) * 1e-9;
  const auto rate = [&](u64 now, u64 then) {
    return now < then ? 0 : static_cast<double>(now - then) / seconds;
  };
  return Rates{.running = status.running,
               .instructions = rate(status.instructions, before->status.instructions),
               .host_cpus = rate(status.host_cpu_ns, before->status.host_cpu_ns) * 1e-9,
               .frames = rate(frames, before->frames),
               .disk_bytes = rate(status.disk_bytes, before->status.disk_bytes),
               .net_bytes = rate(status.net_bytes, before->status.net_bytes)};
}

std::string to_text(const Rates& r) {
  return fmt::format(
      "guest    {:>10}\n"
      "host CPU {:>10}\n"
      "frames   {:>10}\n"
      "disk     {:>10}\n"
      "network  {:>10}",
      r.running ? fmt::format("{:.1f} MIPS", r.instructions * 1e-6) : "stopped",
      fmt::format("{:.0f} %", r.host_cpus * 100), fmt::format("{:.0f} /s", r.frames),
      bytes_text(r.disk_bytes), bytes_text(r.net_bytes));
}

Picture label(std::string_view utf8, u32 scale) {
  const Size text = text_size(utf8, scale);
  const u32 margin = 6 * scale;
  Picture picture(Rect{0, 0, text.width + 2 * margin, text.height + 2 * margin}
                      .clipped({kMaxSide, kMaxSide})
                      .size());
  picture.fill(Rect::all(picture.size()), 0x00202830);
  draw_text(picture, margin, margin, utf8, 0x00e6e1d6, scale);
  return picture;
}

}  // namespace quince::ui
