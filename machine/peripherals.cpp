// What a machine is built of beyond CPUs, memory and the board's own registers: back ends, flash,
// fw_cfg, virtio-mmio slots and everything that -device names.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "firmware/board_fdt.h"
#include "machine/devices.h"
#include "machine/plug/default_devices.h"
#include "machine/plug/plugger.h"

namespace quince::machine {

namespace {

constexpr Slot kFlashSlots[] = {Slot::Flash0, Slot::Flash1};

firmware::Range range_of(const MapEntry& e) { return {PhysAddr(e.base), e.size}; }

/// The bytes of an image that fills its flash bank exactly.
Result<void> read_flash(Backends::Drive& drive, hw::GuestRam& bank) {
  if (drive.image->size() != bank.size())
    return fail("{}: a flash bank has {} bytes, and '{}' has {}", drive.config.option, bank.size(),
                drive.config.open.file, drive.image->size());
  const iovec all{bank.data(), bank.size()};
  const block::Status read = drive.image->read(0, {&all, 1});
  if (read != block::Status{})
    return fail("{}: could not read '{}': {}", drive.config.option, drive.config.open.file,
                std::make_error_code(read).message());
  return {};
}

}  // namespace

Result<void> Machine::build_backends() {
  CharHost chars{.loop = loop_, .lock = io_lock_};
  chars.on_escape = [this](CharEscape e) {
    loop_.post([this, e] {
      switch (e) {
        case CharEscape::Exit:
          return quit(StopCause::HostQuit);
        case CharEscape::Reset:
          return reset();
        case CharEscape::PowerDown:
          return power_button();
        case CharEscape::Pause:
          return state_ == RunState::Paused ? resume() : pause();
      }
    });
  };
  chars.escape_key = config_.escape_key;
  chars.on_exit = [this](int status) { exit_by_guest(status); };
  chars.notice = [](std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  };
  backends_ = std::make_unique<Backends>(BackendHost{.loop = loop_,
                                                     .io_lock = io_lock_,
                                                     .timers = timers_,
                                                     .log = log_,
                                                     .deterministic = config_.clock.deterministic,
                                                     .random = [this] { return next_random(this); },
                                                     .chars = std::move(chars)});
  return backends_->open(config_);
}

/// Flash banks, where the board has them: from their drives, from -bios, or blank.
Result<void> Machine::build_flash() {
  for (unsigned unit = 0; unit < std::size(kFlashSlots); ++unit) {
    Backends::Drive* drive = backends_->take_flash(unit);
    if (!board_->has(kFlashSlots[unit])) {
      if (drive != nullptr)
        return fail("{}: machine '{}' has no flash", drive->config.option, board_->name);
      continue;
    }
    if (drive != nullptr && unit == 0 && !config_.bios.empty())
      return fail("-bios: the code flash is that of {}", drive->config.option);
    const MapEntry& e = board_->entry(kFlashSlots[unit]);
    auto bank = TRY(hw::GuestRam::create(e.name, e.size));
    std::unique_ptr<hw::FlashStore> store;
    bool read_only = false;
    if (drive != nullptr) {
      TRY_VOID(read_flash(*drive, *bank));
      read_only = drive->config.open.read_only;
      if (!read_only)
        store = std::make_unique<hw::DiskFlashStore>(*bank, backends_->disk_of(*drive), log_);
    } else if (unit == 0 && !config_.bios.empty()) {
      auto bytes = read_file(config_.bios, e.size);
      if (!bytes) return tl::unexpected(bytes.error().in("-bios"));
      if (bytes->empty()) return fail("-bios: '{}' is empty", config_.bios);
      std::copy(bytes->begin(), bytes->end(), bank->data());
      read_only = true;
    }
    auto flash = std::make_unique<hw::CfiFlash>(e.name, *bank, store.get(), read_only, log_);
    TRY_VOID(flash->map(space_, PhysAddr(e.base)));
    device_list_.push_back(flash.get());
    devices_->flash.push_back({std::move(bank), std::move(store), std::move(flash)});
  }
  return {};
}

Result<void> Machine::build_fw_cfg() {
  if (!board_->has(Slot::FwCfg)) {
    if (!config_.fw_cfg.empty())
      return fail("-fw_cfg: machine '{}' has no fw_cfg device", board_->name);
    return {};
  }
  const MapEntry& e = board_->entry(Slot::FwCfg);
  auto fw = std::make_unique<hw::FwCfg>(e.name, timers_, hw::DmaPort(space_, 0), log_);
  fw->add_u16(hw::FwCfg::kNbCpus, static_cast<u16>(config_.cpus));
  fw->add_u16(hw::FwCfg::kMaxCpus, static_cast<u16>(config_.cpus));
  for (const FwCfgFile& f : config_.fw_cfg) {
    std::vector<u8> bytes(f.text.begin(), f.text.end());
    if (!f.path.empty()) {
      auto read = read_file(f.path);
      if (!read) return tl::unexpected(read.error().in("-fw_cfg"));
      bytes = std::move(*read);
    }
    const auto added = fw->add_file(f.name, std::move(bytes));
    if (!added) return tl::unexpected(added.error().in("-fw_cfg"));
  }
  TRY_VOID(space_.map(PhysAddr(e.base), e.size, *fw));
  device_list_.push_back(fw.get());
  devices_->fw_cfg = std::move(fw);
  return {};
}

/// The slots of the memory-mapped transport: there whether something is plugged in or not.
Result<void> Machine::build_virtio_slots() {
  if (!board_->has(Slot::VirtioMmio)) return {};
  const MapEntry& e = board_->entry(Slot::VirtioMmio);
  for (unsigned n = 0; n < e.size / hw::VirtioMmio::kSize; ++n) {
    auto slot = std::make_unique<hw::VirtioMmio>(
        fmt::format("{}.{}", e.name, n),
        hw::IrqLine(devices_->gic->spi_sink(), static_cast<unsigned>(e.spi) + n),
        hw::DmaPort(space_, 0));
    TRY_VOID(
        space_.map(PhysAddr(e.base + n * hw::VirtioMmio::kSize), hw::VirtioMmio::kSize, *slot));
    device_list_.push_back(slot.get());
    devices_->virtio_slots.push_back(std::move(slot));
  }
  return {};
}

/// Everything that the command line plugs in.
Result<void> Machine::plug_devices() {
  PlugPlaces places{.root = &devices_->pcie->root(),
                    .msi = config_.msi,
                    .cpus = config_.cpus,
                    .display = &display_,
                    .panic_host = this,
                    .fw_cfg = devices_->fw_cfg.get(),
                    .conditional_intr_mapping = board_->conditional_intr_mapping};
  if (board_->has(Slot::VirtioMmio)) places.mmio_base = board_->entry(Slot::VirtioMmio).base;
  for (const auto& slot : devices_->virtio_slots) places.mmio_slots.push_back(slot.get());
  Plugger plugger(std::move(places), *backends_, space_, timers_, log_);
  Result<void> done;
  for (const OptionGroup& d : devices_to_plug(config_)) {
    done = plugger.plug(d, config_.globals);
    if (!done) break;
  }
  devices_->plugged = plugger.take_devices();
  device_list_.insert(device_list_.end(), plugger.units().begin(), plugger.units().end());
  TRY_VOID(done);
  for (hw::Device* d : plugger.units())
    if (auto* usb = dynamic_cast<hw::UsbDevice*>(d); usb != nullptr) usb_plugs_.add(*usb);
  return tell_boot_order(plugger.boot_order());
}

/// What firmware reads about booting, by the names that QEMU gave it.
Result<void> Machine::tell_boot_order(const BootOrder& order) {
  if (devices_->fw_cfg == nullptr) return {};
  hw::FwCfg& fw = *devices_->fw_cfg;
  const BootConfig& boot = config_.boot;
  const auto file = [&](const char* option, const char* name, u32 value,
                        std::size_t size) -> Result<void> {
    std::vector<u8> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<u8>(value >> (8 * i));
    const auto added = fw.add_file(name, std::move(bytes));
    return added ? added : tl::unexpected(added.error().in(option));
  };
  fw.add_u16(hw::FwCfg::kBootMenu, boot.menu);
  if (boot.splash_time_ms)
    TRY_VOID(file("-boot splash-time", "etc/boot-menu-wait", *boot.splash_time_ms, 2));
  if (boot.reboot_timeout_ms)
    TRY_VOID(file("-boot reboot-timeout", "etc/boot-fail-wait",
                  static_cast<u32>(*boot.reboot_timeout_ms), 4));
  if (order.empty()) return {};
  const auto added = fw.add_file("bootorder", order.file(boot.strict));
  return added ? added : tl::unexpected(added.error().in("bootindex="));
}

void Machine::describe_peripherals(firmware::BoardDescription& b) const {
  for (const Slot s : kFlashSlots)
    if (board_->has(s)) b.flash.push_back(range_of(board_->entry(s)));
  if (board_->has(Slot::FwCfg)) b.fw_cfg = range_of(board_->entry(Slot::FwCfg));
  if (board_->has(Slot::Pvpanic)) b.pvpanic = range_of(board_->entry(Slot::Pvpanic));
  if (!board_->has(Slot::VirtioMmio)) return;
  const MapEntry& e = board_->entry(Slot::VirtioMmio);
  for (u32 n = 0; n < devices_->virtio_slots.size(); ++n)
    b.virtio_mmio.push_back({{PhysAddr(e.base + n * hw::VirtioMmio::kSize), hw::VirtioMmio::kSize},
                             static_cast<u32>(e.spi) + n});
}

}  // namespace quince::machine
