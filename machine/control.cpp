#include "machine/control.h"

#include <fmt/format.h>

#include <ctime>

#include "machine/backends.h"

namespace quince::machine {

namespace {

std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

/// The file that runs first, and the disk that it will find.
std::string what_boots(const MachineConfig& c) {
  if (!c.kernel.empty() && !c.boot.menu) return file_name(c.kernel);
  std::string first = c.bios, disk;
  for (const DriveConfig& d : c.drives) {
    const bool flash = d.interface == DriveConfig::Interface::Pflash;
    if (flash && d.unit == 0u) first = d.open.file;
    if (!flash && disk.empty()) disk = d.open.file;
  }
  for (const firmware::LoaderOptions& l : c.loaders)
    if (first.empty()) first = l.file;
  if (first.empty()) return file_name(disk);
  return file_name(first) + (disk.empty() ? "" : ", " + file_name(disk));
}

}  // namespace

ui::MachineFacts MachineControl::facts() const {
  const MachineConfig& c = machine_.config();
  return {.name = c.name.empty() ? "quince" : c.name,
          .board = machine_.board().name,
          .cpu = fmt::format("{} × {}", c.cpus, machine_.cpus().front()->model().name),
          .memory_bytes = c.ram,
          .boots = what_boots(c)};
}

ui::Status MachineControl::status() {
  timespec cpu{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  const Meters& meters = machine_.backends().meters();
  return {
      .running = machine_.running(),
      .instructions = machine_.look_at_instructions(),
      .host_cpu_ns = static_cast<u64>(cpu.tv_sec) * 1'000'000'000 + static_cast<u64>(cpu.tv_nsec),
      .disk_bytes = meters.disk_bytes.load(std::memory_order_relaxed),
      .net_bytes = meters.net_bytes.load(std::memory_order_relaxed)};
}

void MachineControl::reset() {
  machine_.loop().post([&m = machine_] { m.reset(); });
}

void MachineControl::power_button() {
  machine_.loop().post([&m = machine_] { m.power_button(); });
}

void MachineControl::pause() {
  machine_.loop().post([&m = machine_] { m.pause(); });
}

void MachineControl::resume() {
  machine_.loop().post([&m = machine_] { m.resume(); });
}

void MachineControl::quit() {
  machine_.loop().post([&m = machine_] { m.quit(StopCause::HostQuit); });
}

}  // namespace quince::machine
