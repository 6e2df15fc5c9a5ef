// Putting a machine together: memory, devices and CPUs from the board's table.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "firmware/board_fdt.h"
#include "hw/core/dma.h"
#include "machine/backends.h"
#include "machine/cpu_thread.h"
#include "machine/devices.h"
#include "machine/listing/code_log.h"
#include "machine/machine.h"

namespace quince::machine {

namespace {

// Private interrupts (docs/platform.md): INTIDs.
constexpr unsigned kPpiVirtualTimer = 27, kPpiPhysicalTimer = 30, kPpiPmu = 23;
constexpr u32 kPpiBase = 16;
constexpr u64 kPrimeCellSize = 4 * KiB;

/// MPIDR_EL1: sixteen CPUs to a cluster.
u64 mpidr_of(unsigned cpu) { return u64{cpu / 16} << 8 | (cpu % 16); }

firmware::Range range_of(const MapEntry& e) { return {PhysAddr(e.base), e.size}; }

/// The date at power-on.  A deterministic run without -rtc base= begins at 2000-01-01 00:00:00 UTC,
/// because the host's date would be an input.
u32 boot_time_of(const MachineConfig& config) {
  constexpr u32 kDeterministicDate = 946'684'800;
  if (config.rtc_fixed) return config.boot_time;
  if (config.clock.deterministic && !config.rtc_host) return kDeterministicDate;
  return static_cast<u32>(std::time(nullptr));
}

/// Writes a file, or leaves none behind.
Result<void> write_file(const std::string& path, std::span<const u8> bytes) {
  std::FILE* f = std::fopen(path.c_str(), "we");
  if (f == nullptr) return fail("could not open '{}': {}", path, std::strerror(errno));
  const bool complete = std::fwrite(bytes.data(), 1, bytes.size(), f) == bytes.size();
  if (std::fclose(f) == 0 && complete) return {};
  const std::string why = std::strerror(errno);
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
  return fail("could not write '{}': {}", path, why);
}

}  // namespace

Machine::Machine(MachineConfig config)
    : config_(std::move(config)), board_(find_board(config_.board)), clock_(config_.clock),
      timers_(clock_), space_(log_) {
  space_.on_memory_gone(
      [](void* p) {
        for (const auto& c : static_cast<Machine*>(p)->cpus_)
          c->post_maintenance({.kind = cpu::Maintenance::Kind::View});
      },
      this);
  if (config_.engine.track_code)
    space_.on_code_written(
        [](void* p, PhysAddr page) {
          for (const auto& c : static_cast<Machine*>(p)->cpus_)
            c->post_maintenance({.kind = cpu::Maintenance::Kind::CodePage, .page = page});
        },
        this);
  timers_.on_earlier([](void* p) { static_cast<Machine*>(p)->deadline_moved(); }, this);
}

Machine::~Machine() {
  // Devices lower their wires when they go, and the CPUs to which these lead are gone before them.
  if (devices_ != nullptr && devices_->gic != nullptr) devices_->gic->mute(true);
  // Devices hold what back ends and the bus own; their disks are waited for.
  cpus_.clear();
  devices_.reset();
}

Result<std::unique_ptr<Machine>> Machine::create(MachineConfig config) {
  std::unique_ptr<Machine> m(new Machine(std::move(config)));
  TRY_VOID(m->build());
  return m;
}

Result<void> Machine::build() {
  auto model = cpu::parse_cpu_model(config_.cpu);
  if (!model) return tl::unexpected(model.error());
  if (!config_.log_file.empty()) {
    const auto r = log_.open(config_.log_file);
    if (!r) return tl::unexpected(r.error().in("-D"));
  }
  for (const std::string& item : config_.log_items) {
    if (item.starts_with("trace:")) log_.trace(std::string_view(item).substr(6));
    for (const LogCategoryInfo& c : log_categories())
      if (item == c.name) log_.enable(c.category);
  }
  for (const std::string& glob : config_.traces) log_.trace(glob);
  std::random_device host;
  random_.seed(config_.has_seed || config_.clock.deterministic ? config_.seed
                                                               : u64{host()} << 32 | host());
  random_state_ = random_();
  TRY_VOID(read_firmware());
  TRY_VOID(build_memory());
  TRY_VOID(build_backends());
  TRY_VOID(build_devices());
  TRY_VOID(build_flash());
  TRY_VOID(build_fw_cfg());
  TRY_VOID(build_virtio_slots());
  TRY_VOID(plug_devices());
  TRY_VOID(build_display());
  TRY_VOID(build_cpus(std::move(*model)));
  TRY_VOID(describe_hardware());
  if (!config_.dumpdtb.empty()) {
    const auto written = write_file(config_.dumpdtb, device_tree_);
    if (!written) return tl::unexpected(written.error().in("-M: dumpdtb"));
    return {};
  }
  TRY_VOID(load_images());
  const hw::IoLock::Guard held(io_lock_);
  apply_images();
  return {};
}

Result<void> Machine::build_memory() {
  const auto backend =
      std::find_if(config_.memory_backends.begin(), config_.memory_backends.end(),
                   [&](const MemoryBackendOptions& m) { return m.id == config_.memory_backend; });
  const bool named = backend != config_.memory_backends.end();
  // Anonymous memory gets transparent huge pages where a memfd, on most hosts, does not.
  auto ram = named
                 ? create_memory(*backend)
                 : hw::GuestRam::create(
                       "ram", config_.ram,
                       {.kind = HostMemoryOptions::Kind::Anonymous, .share = false, .seal = false});
  if (!ram) return tl::unexpected(ram.error().in(named ? "-object" : "-m"));
  ram_ = std::move(*ram);
  if (!ram_->host().warning().empty())
    std::fprintf(stderr, "quince: warning: -object: %s\n", ram_->host().warning().c_str());
  TRY_VOID(space_.map_ram(PhysAddr(board_->entry(Slot::Ram).base), *ram_));
  if (!board_->has(Slot::Firmware)) return {};
  const MapEntry& slot = board_->entry(Slot::Firmware);
  firmware_ram_ = TRY(hw::GuestRam::create(slot.name, slot.size));
  return space_.map_ram(PhysAddr(slot.base), *firmware_ram_);
}

Result<void> Machine::build_devices() {
  devices_ = std::make_unique<Devices>();
  Devices& d = *devices_;
  hw::GicConfig gic{.affinities = {}, .spis = board_->spis};
  if (has_its()) gic.lpi_memory.emplace(space_, u16{0});
  for (unsigned i = 0; i < config_.cpus; ++i)
    gic.affinities.push_back(static_cast<u32>(mpidr_of(i)));
  d.gic = std::make_unique<hw::Gicv3>("gic", log_, gic);
  const MapEntry& redist = board_->entry(Slot::GicRedist);
  TRY_VOID(space_.map(PhysAddr(board_->entry(Slot::GicDist).base),
                      board_->entry(Slot::GicDist).size, d.gic->distributor()));
  TRY_VOID(space_.map(PhysAddr(redist.base), d.gic->redistributors_size(), d.gic->redistributors()));

  auto serial = backends_->open_serial(config_.serial);
  if (!serial) return tl::unexpected(serial.error().in("-serial"));
  const auto wire = [&](Slot s) {
    return hw::IrqLine(d.gic->spi_sink(), static_cast<unsigned>(board_->entry(s).spi));
  };
  const auto place = [&](Slot s, hw::MmioDevice& dev) {
    return space_.map(PhysAddr(board_->entry(s).base), board_->entry(s).size, dev);
  };
  const u32 boot_time = boot_time_of(config_);
  const auto name = [&](Slot s) { return board_->entry(s).name; };
  d.uart = std::make_unique<hw::Pl011>(name(Slot::Uart), wire(Slot::Uart), timers_, **serial);
  d.rtc = std::make_unique<hw::Pl031>(name(Slot::Rtc), wire(Slot::Rtc), timers_, boot_time);
  d.gpio = std::make_unique<hw::Pl061>(name(Slot::Gpio), wire(Slot::Gpio));
  TRY_VOID(place(Slot::Uart, *d.uart));
  TRY_VOID(place(Slot::Rtc, *d.rtc));
  TRY_VOID(place(Slot::Gpio, *d.gpio));
  d.power_key = std::make_unique<hw::GpioKey>(
      "power-key", hw::IrqLine(d.gpio->inputs(), board_->power_key_line), timers_);
  device_list_ = {d.gic.get(), d.uart.get(), d.rtc.get(), d.gpio.get(), d.power_key.get()};
  TRY_VOID(build_platform(boot_time));
  return build_pcie();
}

/// What lists translated code, or names it for others; nothing when nobody asked.
Result<void> Machine::build_code_log(bool translate) {
  const CodeLogOptions options{.in_asm = log_.enabled(LogCategory::InAsm),
                               .out_asm = log_.enabled(LogCategory::OutAsm),
                               .filter = config_.log_filter,
                               .perf_map = config_.perf_map};
  const bool list = options.in_asm || options.out_asm;
  if (!list && !options.filter.empty())
    return fail("-dfilter: there is nothing to filter without -d in_asm or -d out_asm");
  if (!list && !options.perf_map) return {};
  if (!translate)
    return fail("{}: the interpreter translates nothing; -engine jit does",
                options.perf_map ? "-perfmap"
                : options.in_asm ? "-d in_asm"
                                 : "-d out_asm");
  code_log_ = TRY(CodeLog::create(log_, options));
  return {};
}

Result<void> Machine::build_cpus(cpu::CpuModel model) {
  model_ = std::move(model);
  power_ = std::make_unique<std::atomic<CpuPower>[]>(config_.cpus);
  executed_ = std::make_unique<std::atomic<u64>[]>(config_.cpus);
  using Kind = EngineConfig::Kind;
  Kind engine = config_.engine.kind;
  if (engine != Kind::Interp) {
    const Result<void> can = cpu::translation_supported();
    if (!can && engine != Kind::Default) return tl::unexpected(can.error().in("-engine"));
    if (engine == Kind::Default) engine = can ? Kind::Jit : Kind::Interp;
  }
  TRY_VOID(build_code_log(engine == EngineConfig::Kind::Jit));
  for (unsigned i = 0; i < config_.cpus; ++i) {
    hw::Gicv3& gic = *devices_->gic;
    auto timer = std::make_unique<hw::GenericTimer>(
        fmt::format("timer{}", i), timers_, board_->counter_hz,
        hw::IrqLine(gic.ppi_sink(i), kPpiVirtualTimer), hw::IrqLine(gic.ppi_sink(i), kPpiPhysicalTimer));
    cpu::VcpuPorts ports{.space = &space_,
                         .io_lock = &io_lock_,
                         .clock = &clock_,
                         .gic = &gic.cpu_interface(i),
                         .timer = timer.get(),
                         .hypercalls = this,
                         .siblings = this,
                         .random = {},
                         .counter_hz = board_->counter_hz,
                         .track_code = config_.engine.track_code,
                         .log = &log_,
                         .code_observer = code_log_.get()};
    if (config_.clock.deterministic) ports.random = {&Machine::next_random, this};
    auto c = std::make_unique<cpu::Vcpu>(i, mpidr_of(i), model_, ports);
    if (engine != Kind::Interp)
      TRY_VOID(
          c->use_jit({.bytes = std::max(config_.engine.code_bytes / config_.cpus, u64{1} * MiB),
                      .lockstep = engine == Kind::Lockstep,
                      .chaos = config_.engine.chaos}));
    c->connect_pmu(hw::IrqLine(gic.ppi_sink(i), kPpiPmu));
    gic.connect_cpu(i, hw::IrqLine(*c, 0), hw::IrqLine(*c, 1));
    device_list_.push_back(timer.get());
    devices_->timers.push_back(std::move(timer));
    cpus_.push_back(std::move(c));
  }
  return {};
}

/// The device tree, from the board's table.
Result<void> Machine::describe_hardware() {
  const auto wired = [&](Slot s) {
    const MapEntry& e = board_->entry(s);
    // A PrimeCell has its identification at the end of 4 KiB, where drivers look for it, even
    // where the board leaves it a larger window.
    firmware::Range registers = range_of(e);
    registers.size = std::min(registers.size, kPrimeCellSize);
    return firmware::WiredDevice{registers, static_cast<u32>(e.spi)};
  };
  firmware::BoardDescription b;
  b.model = fmt::format("quince {}", board_->name);
  b.compatible = board_->compatible;
  b.memory = {guest_memory()};
  for (const auto& c : cpus_) b.cpus.push_back({.mpidr = c->mpidr()});
  b.gic.distributor = range_of(board_->entry(Slot::GicDist));
  b.gic.redistributors = range_of(board_->entry(Slot::GicRedist));
  b.gic.redistributors.size = devices_->gic->redistributors_size();
  if (cpus_[0]->has(Feature::PMUv3)) b.pmu_ppi = kPpiPmu - kPpiBase;
  b.uart = wired(Slot::Uart);
  b.rtc = wired(Slot::Rtc);
  b.gpio = wired(Slot::Gpio);
  b.power_key_line = board_->power_key_line;
  describe_pcie(b);
  describe_peripherals(b);
  describe_display(b);
  b.chosen.boot_menu = rom_ && config_.boot.menu;
  if (rom_ && config_.boot.splash_time_ms) b.chosen.boot_delay_ms = *config_.boot.splash_time_ms;
  b.chosen.kaslr_seed = random_();
  for (unsigned i = 0; i < 4; ++i) {
    const u64 r = random_();
    for (unsigned k = 0; k < 8; ++k) b.chosen.rng_seed.push_back(static_cast<u8>(r >> (8 * k)));
  }
  device_tree_ = TRY(firmware::board_fdt(b));
  return {};
}

}  // namespace quince::machine
