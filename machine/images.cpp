// What is in memory when the machine starts, and where its CPUs begin: firmware, kernels, -device loader.
#include <fmt/format.h>

#include <algorithm>

#include "firmware/boot_rom.h"
#include "firmware/linux_boot.h"
#include "firmware/loader.h"
#include "hw/core/dma.h"
#include "machine/devices.h"
#include "machine/images.h"
#include "machine/machine.h"

namespace quince::machine {

/// Firmware of a board that has a slot for it: that of -bios or, where nothing else is to run, our own.
Result<void> Machine::read_firmware() {
  if (!board_->has(Slot::Firmware)) return {};
  const bool to_rom = config_.kernel.empty() || config_.boot.menu;
  if (!config_.bios.empty()) {
    auto bytes = read_file(config_.bios, board_->entry(Slot::Firmware).size);
    if (!bytes) return tl::unexpected(bytes.error().in("-bios"));
    if (bytes->empty()) return fail("-bios: '{}' is empty", config_.bios);
    firmware_ = std::move(*bytes);
  } else if (to_rom && config_.loaders.empty()) {
    const auto rom = firmware::boot_rom();
    firmware_.assign(rom.begin(), rom.end());
  }
  rom_ = to_rom && firmware::is_boot_rom(firmware_);
  return {};
}

/// Whether firmware runs first: it then finds a kernel through fw_cfg.
bool Machine::starts_in_firmware() const {
  const auto in_flash = [](const DriveConfig& d) {
    return d.interface == DriveConfig::Interface::Pflash && d.unit == 0u;
  };
  return board_->has(Slot::Flash0) &&
         (!config_.bios.empty() ||
          std::any_of(config_.drives.begin(), config_.drives.end(), in_flash));
}

/// What firmware of 'virt' expects: the tree at the start of RAM, and the kernel's parts as items.
Result<void> Machine::load_for_firmware() {
  TRY_VOID(
      images_->memory.add("device tree", PhysAddr(board_->entry(Slot::Ram).base), device_tree_));
  images_->starts.push_back({0, board_->entry(Slot::Flash0).base, guest_memory().start.raw(), 0});
  if (config_.kernel.empty()) return {};
  hw::FwCfg& fw = *devices_->fw_cfg;
  const auto item = [&](const char* option, const std::string& path, hw::FwCfg::Key size,
                        hw::FwCfg::Key data) -> Result<void> {
    auto bytes = read_file(path);
    if (!bytes) return tl::unexpected(bytes.error().in(option));
    fw.add_u32(size, static_cast<u32>(bytes->size()));
    fw.add(data, std::move(*bytes));
    return {};
  };
  TRY_VOID(item("-kernel", config_.kernel, hw::FwCfg::kKernelSize, hw::FwCfg::kKernelData));
  if (!config_.initrd.empty())
    TRY_VOID(item("-initrd", config_.initrd, hw::FwCfg::kInitrdSize, hw::FwCfg::kInitrdData));
  std::vector<u8> line(config_.append.begin(), config_.append.end());
  line.push_back(0);
  fw.add_u32(hw::FwCfg::kCmdlineSize, static_cast<u32>(line.size()));
  fw.add(hw::FwCfg::kCmdlineData, std::move(line));
  return {};
}

/// The kernel of -kernel and what belongs to it, in memory; where it starts.
Result<Images::Start> Machine::load_kernel() {
  // Not inside the braces: g++ forgets the members that are made already when TRY returns.
  firmware::Image kernel = TRY(firmware::read_kernel(config_.kernel));
  firmware::BootInputs in{.ram = guest_memory(),
                          .kernel_name = config_.kernel,
                          .kernel = std::move(kernel),
                          .initrd = {},
                          .dtb = {"", device_tree_},
                          .append = config_.append};
  if (!config_.initrd.empty()) in.initrd = TRY(firmware::read_initrd(config_.initrd));
  if (!config_.dtb.empty()) in.dtb = TRY(firmware::read_dtb(config_.dtb));
  firmware::BootPlan plan = TRY(firmware::plan_boot(std::move(in)));
  images_->memory.merge(std::move(plan.memory));
  return Images::Start{0, plan.pc.raw(), plan.x0, 0};
}

/// Firmware in its slot.  Our own ROM is handed a device tree, and a kernel that is in memory already.
Result<void> Machine::load_firmware_slot() {
  const u64 slot = board_->entry(Slot::Firmware).base;
  Images::Start start{0, slot, 0, 0};
  if (!firmware_.empty())
    TRY_VOID(images_->memory.add(
        config_.bios.empty() ? "the boot ROM" : fmt::format("firmware '{}'", config_.bios),
        PhysAddr(slot), firmware_));
  if (!config_.kernel.empty()) {
    const Images::Start kernel = TRY(load_kernel());
    start = rom_ ? Images::Start{0, slot, kernel.x0, kernel.pc} : kernel;
  } else if (rom_) {
    start.x0 = guest_memory().start.raw();
    TRY_VOID(images_->memory.add("device tree", guest_memory().start, device_tree_));
  }
  images_->starts.push_back(start);
  return {};
}

Result<void> Machine::load_images() {
  images_ = std::make_unique<Images>();
  if (board_->has(Slot::Firmware)) {
    TRY_VOID(load_firmware_slot());
  } else if (starts_in_firmware()) {
    TRY_VOID(load_for_firmware());
  } else if (!config_.kernel.empty()) {
    images_->starts.push_back(TRY(load_kernel()));
  } else {
    images_->starts.push_back({0, board_->entry(Slot::Flash0).base, 0, 0});
  }
  for (const firmware::LoaderOptions& l : config_.loaders) {
    firmware::LoaderPlan plan = TRY(firmware::plan_loader(l));
    images_->memory.merge(std::move(plan.memory));
    if (plan.pc && plan.cpu >= config_.cpus)
      return fail("-device loader: there is no CPU {}", plan.cpu);
    if (plan.pc) images_->starts.push_back({plan.cpu, plan.pc->raw(), 0, 0});
  }
  TRY_VOID(images_->memory.check_overlaps());
  hw::DmaPort port(space_, 0);
  return images_->memory.write(port);
}

/// Images into memory and CPUs to their start, as at power-on.  With the I/O lock held.
void Machine::apply_images() {
  hw::DmaPort port(space_, 0);
  if (images_ != nullptr && !images_->memory.write(port))
    log_.line("quince: an image no longer fits into memory");
  for (const auto& c : cpus_) {
    c->reset(0, false);
    c->s.waiting = cpu::Wait::No;
    power_[c->index()] = CpuPower::Off;
  }
  if (images_ == nullptr) return;
  for (const Images::Start& s : images_->starts) {
    cpus_[s.cpu]->reset(s.pc, s.cpu == 0);
    cpus_[s.cpu]->s.x[0] = s.x0;
    cpus_[s.cpu]->s.x[1] = s.x1;
  }
  power_[0] = CpuPower::On;
}

}  // namespace quince::machine
