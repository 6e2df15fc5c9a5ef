// The devices that Apple's virtual platform has of its own.
#include <algorithm>

#include "machine/backends.h"
#include "machine/devices.h"

namespace quince::machine {

namespace {

/// A drive's disk, which a device may have as well: firmware reads what the guest's driver sees later.
Result<block::Disk*> disk_of(Backends& backends, const std::string& id) {
  if (id.empty()) return nullptr;
  return &backends.disk_of(*TRY(backends.find_drive(id)));
}

}  // namespace

Result<void> Machine::build_platform(u32 boot_time) {
  Devices::Platform& d = devices_->platform;
  const auto wire = [&](const MapEntry& e) {
    return hw::IrqLine(devices_->gic->spi_sink(), static_cast<unsigned>(e.spi));
  };
  const auto place = [&](const MapEntry& e, auto& owner, auto made) {
    owner = std::move(made);
    return space_.map(PhysAddr(e.base), e.size, *owner);
  };
  // Those with state are units of the machine.
  const auto place_unit = [&](const MapEntry& e, auto& owner, auto made) {
    device_list_.push_back(made.get());
    return place(e, owner, std::move(made));
  };
  if (board_->has(Slot::Config)) TRY_VOID(build_cfg(board_->entry(Slot::Config)));
  if (board_->has(Slot::Pvpanic)) {
    const MapEntry& e = board_->entry(Slot::Pvpanic);
    hw::PvpanicHost& host = *this;
    TRY_VOID(place(e, d.pvpanic,
                   std::make_unique<hw::Pvpanic>(
                       e.name, hw::kPvpanicPanicked | hw::kPvpanicCrashLoaded, host, log_)));
  }
  if (board_->has(Slot::Bdif)) {
    const MapEntry& e = board_->entry(Slot::Bdif);
    const hw::VmappleBdif::Media media{.root = TRY(disk_of(*backends_, config_.platform.root)),
                                       .aux = TRY(disk_of(*backends_, config_.platform.aux))};
    TRY_VOID(place(e, d.bdif,
                   std::make_unique<hw::VmappleBdif>(e.name, media, hw::DmaPort(space_, 0), log_)));
  }
  if (board_->has(Slot::Aes1)) {
    const MapEntry &one = board_->entry(Slot::Aes1), &two = board_->entry(Slot::Aes2);
    TRY_VOID(place_unit(
        one, d.aes,
        std::make_unique<hw::VmappleAes>(one.name, wire(one), hw::DmaPort(space_, 0), log_)));
    TRY_VOID(place(two, d.aes2, std::make_unique<hw::InertDevice>(two.name, log_)));
  }
  if (board_->has(Slot::IoSurface)) {
    const MapEntry& e = board_->entry(Slot::IoSurface);
    TRY_VOID(place(e, d.iosurface, std::make_unique<hw::InertDevice>(e.name, log_)));
  }
  if (!board_->has(Slot::AvpRtc)) return {};
  constexpr u64 kMicrosecondsPerSecond = hw::kSecond / hw::kMicrosecond;
  const MapEntry& e = board_->entry(Slot::AvpRtc);
  return place_unit(
      e, d.avp_rtc,
      std::make_unique<hw::AvpRtc>(e.name, wire(e), timers_, boot_time * kMicrosecondsPerSecond));
}

/// What firmware learns of the machine: memory that a reset fills.
Result<void> Machine::build_cfg(const MapEntry& e) {
  Devices::Platform& d = devices_->platform;
  hw::VmappleCfgConfig c = config_.platform.cfg;
  c.cpus = config_.cpus;
  c.ram_bytes = config_.ram;
  c.random = static_cast<u32>(random_());
  for (u8& byte : c.seed) byte = static_cast<u8>(random_());
  d.cfg_ram = TRY(hw::GuestRam::create(e.name, e.size));
  TRY_VOID(space_.map_ram(PhysAddr(e.base), *d.cfg_ram));
  d.cfg = std::make_unique<hw::VmappleCfg>(e.name, c, *d.cfg_ram);
  device_list_.push_back(d.cfg.get());
  return {};
}

/// On a vCPU's thread, with the I/O lock held.
void Machine::pvpanic(u8 events) {
  if ((events & hw::kPvpanicCrashLoaded) != 0)
    report_once(reported_crash_,
                "the guest has crashed, and a kernel that saves the evidence goes on");
  if ((events & hw::kPvpanicPanicked) != 0) {
    report_once(reported_panic_, "the guest has panicked");
    if (config_.actions.panic != PanicAction::None) request_stop(StopCause::GuestPanic);
  }
  if ((events & hw::kPvpanicShutdown) != 0) request_stop(StopCause::GuestShutdown);
}

/// Once until the next reset, whatever a guest does.
void Machine::report_once(bool& reported, std::string_view what) {
  if (!std::exchange(reported, true))
    std::fprintf(stderr, "quince: %.*s\n", static_cast<int>(what.size()), what.data());
}

}  // namespace quince::machine
