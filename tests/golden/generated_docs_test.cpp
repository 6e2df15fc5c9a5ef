// docs/generated/ is made from the tables that the code runs on, so it cannot be wrong for long.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "cpu/a64/table.h"
#include "cpu/model.h"
#include "cpu/sysreg.h"
#include "hw/core/char_port.h"
#include "hw/fw_cfg/fw_cfg.h"
#include "hw/gic/gicv2m.h"
#include "hw/gic/gicv3.h"
#include "hw/gic/its.h"
#include "hw/gpio/pl061.h"
#include "hw/pci/host_bridge.h"
#include "hw/pci/irq_testdev.h"
#include "hw/rtc/pl031.h"
#include "hw/uart/pl011.h"
#include "hw/usb/xhci/xhci_pci.h"
#include "hw/virtio/virtio_mmio.h"
#include "hw/virtio/virtio_pci.h"
#include "hw/virtio/virtio_rng.h"
#include "hw/vmapple/aes.h"
#include "hw/vmapple/avp_rtc.h"
#include "hw/vmapple/bdif.h"
#include "hw/vmapple/gpu.h"
#include "machine/board.h"
#include "machine/machine.h"
#include "tests/diff/coverage.h"
#include "tests/golden/golden.h"
#include "tests/support/ui_host.h"

namespace quince::test {
namespace {

std::string heading(std::string_view title, std::string_view source) {
  return fmt::format(
      "# {}\n\nMade from {} by a test (`QUINCE_UPDATE_GOLDEN=1` rewrites it); do not "
      "edit.\n",
      title, source);
}

/// The option that switches a feature, or nothing for what every CPU has.
std::string feature_name(Feature f) {
  static constexpr const char* kNames[] = {
#define FEATURE(id, name, text) name,
#include "cpu/features.inc"
#undef FEATURE
  };
  return kNames[static_cast<std::size_t>(f)];
}

// ---- Registers of the devices ------------------------------------------------------------------

std::string register_row(const hw::RegInfo& r) {
  const u32 stride = r.stride != 0 ? r.stride : r.size;
  std::string where = fmt::format("`{:#05x}`", r.offset);
  std::string name = r.name;
  if (r.count > 1) {
    where += fmt::format(" + {}n", stride);
    name += fmt::format("\\<n\\>, n = 0..{}", r.count - 1);
  }
  std::string sizes;
  for (const unsigned bytes : {1u, 2u, 4u, 8u})
    if ((r.access & bytes) != 0) sizes += (sizes.empty() ? "" : ", ") + std::to_string(8 * bytes);
  std::string access = r.readable && r.writable ? "RW" : r.readable ? "RO" : "WO";
  if (r.read_effect) access += ", reading has an effect";
  return fmt::format("| {} | {} | {} | {} | {} |\n", where, name, 8 * r.size, sizes, access);
}

std::string register_table(std::string_view title, const hw::MmioDevice& device) {
  std::string out = fmt::format(
      "\n## {}\n\n| offset | register | bits | access sizes | access |\n|---|---|---|---|---|\n",
      title);
  for (std::size_t i = 0; i < device.reg_count(); ++i) out += register_row(device.reg_info(i));
  return out;
}

std::string virtio_tables(Log& log, hw::TimerQueue& timers) {
  hw::AddressSpace space(log);
  const hw::VirtioMmio slot("virtio-mmio", hw::IrqLine(), hw::DmaPort(space, 0));
  std::string out = register_table("virtio, memory-mapped", slot);
  struct NoEntropy final : hw::EntropySource {
    void fill(std::span<u8>) override {}
  } entropy;
  std::vector<hw::IrqLine> wires(1);
  hw::PciHostBridge host("pcie", space, std::move(wires));
  hw::VirtioRng rng("rng", {}, entropy, log, timers);
  hw::VirtioPci function("virtio-pci", rng, {}, host.root().claim().value());
  out += register_table("virtio over PCI: common configuration (BAR 4)", function.common());
  out += register_table("virtio over PCI: ISR status (BAR 4 + 0x1000)", function.isr());
  out += register_table("virtio over PCI: notification (BAR 4 + 0x3000)", function.notification());
  return out;
}

std::string usb_tables(hw::PciBus& bus, hw::TimerQueue& timers) {
  hw::XhciPci function("xhci", {}, bus.claim(2).value(), timers);
  hw::Xhci& c = function.controller();
  std::string out = register_table("xHCI: capability (BAR 0)", c.capability());
  out += register_table("xHCI: operational (BAR 0 + 0x40)", c.operational());
  out += register_table("xHCI: a port (BAR 0 + 0x440 + 0x10 * (port - 1))", c.port_registers(1));
  out += register_table("xHCI: runtime (BAR 0 + 0x1000)", c.runtime());
  out += register_table("xHCI: interrupter n (BAR 0 + 0x1020 + 0x20 * n)", c.interrupter(0));
  out += register_table("xHCI: doorbells (BAR 0 + 0x2000)", c.doorbells());
  return out;
}

TEST(GeneratedDocs, Registers) {
  Log log;
  hw::TimerQueue timers;
  hw::NullCharPort port;
  hw::Gicv3 gic("gic", log, {.affinities = {0}, .spis = machine::kVmapple.spis});
  const hw::Pl011 uart("uart", hw::IrqLine(), timers, port);
  const hw::Pl031 rtc("rtc", hw::IrqLine(), timers, 0);
  const hw::Pl061 gpio("gpio", hw::IrqLine());
  hw::AddressSpace space(log);
  const hw::FwCfg fw_cfg("fw-cfg", timers, hw::DmaPort(space, 0), log);
  std::string out = heading("Device registers", "the register tables of `hw/`");
  out += register_table("GICv3 distributor", gic.distributor());
  out += register_table("GICv3 redistributor (one CPU)", gic.redistributors());
  hw::GicConfig with_lpis{.affinities = {0}, .lpi_memory = hw::DmaPort(space, 0)};
  hw::Gicv3 lpi_gic("gic", log, with_lpis);
  const hw::GicIts its("its", lpi_gic.core(), hw::DmaPort(space, 0), timers);
  out += register_table("GICv3 ITS", its);
  const hw::Gicv2m frame("msi-frame", gic.spi_sink(), {});
  out += register_table("GICv2m message frame", frame);
  out += register_table("PL011 UART", uart);
  out += register_table("PL031 RTC", rtc);
  out += register_table("PL061 GPIO", gpio);
  out += register_table("fw_cfg", fw_cfg);
  UiHost host;
  ui::Console console("gpu", host);
  const hw::VmappleGpu gpu("gpu", {}, hw::IrqLine(), console, hw::DmaPort(space, 0), log);
  out += register_table("vmapple GPU", gpu);
  const hw::VmappleAes aes("aes", hw::IrqLine(), hw::DmaPort(space, 0), log);
  out += register_table("vmapple AES engine", aes);
  const hw::VmappleBdif bdif("bdif", {}, hw::DmaPort(space, 0), log);
  out += register_table("vmapple bdif (one device)", bdif);
  const hw::AvpRtc avp_rtc("avp-rtc", hw::IrqLine(), timers, 0);
  out += register_table("vmapple avp-rtc", avp_rtc);
  struct NoHost final : hw::PvpanicHost {
    void pvpanic(u8) override {}
  } nobody;
  const hw::Pvpanic pvpanic("pvpanic", hw::kPvpanicAll, nobody, log);
  out += register_table("pvpanic", pvpanic);
  out += virtio_tables(log, timers);
  hw::PciHostBridge pcie("pcie", space, std::vector<hw::IrqLine>(1));
  const hw::IrqTestdev irq_testdev("irq-testdev", *pcie.root().claim(1));
  out += register_table("quince-irq-testdev, BAR 0", *irq_testdev.bar_target(0, 0).device);
  out += register_table("quince-irq-testdev, BAR 1: MSI-X", *irq_testdev.bar_target(1, 0).device);
  out += usb_tables(pcie.root(), timers);
  expect_golden("docs/generated/registers.md", out);
}

// ---- The CPU -----------------------------------------------------------------------------------

/// In a table, a bar would end the cell.
std::string code_cell(std::string_view text) {
  std::string out = "`";
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out + "`";
}

constexpr const char* kTestNames =
    "* rows: single instructions of the row against qemu-aarch64 (`tests/isa`, `tests/diff`); "
    "where "
    "qemu cannot know the answer by itself the reason is given\n"
    "* blocks: random blocks have it, against qemu-aarch64 (`tests/diff`)\n"
    "* sequences: in company of others, against qemu-aarch64 (`tests/diff/sequences.h`)\n"
    "* reference: against the floating-point reference (`tests/diff/fp`)\n"
    "* vector: a recorded case has it (`tests/diff/vectors/`)\n"
    "* unit: a unit test has a word of it (`tests/unit/cpu/`); said where qemu cannot judge the "
    "row\n";

TEST(GeneratedDocs, Instructions) {
  std::string out = heading("Instructions", "`cpu/a64/isa/*.inc` and the data of `tests/diff`");
  out += fmt::format(
      "\n{} rows. The columns are the row's name, its encoding from bit 31 down "
      "(`cpu/a64/encoding.h` has the language), its assembly "
      "(`cpu/a64/disasm/disasm.h`), the feature it needs, by its name in `-cpu` "
      "(nothing: every CPU has it), and its tests. Every row's encoding and assembly are also "
      "compared with llvm-mc.\n\n{}",
      a64::rows().size(), kTestNames);
  const std::vector<RowTests> tests = row_tests(QUINCE_SOURCE_DIR);
  std::size_t index = 0;
  std::string_view group;
  for (const a64::RowInfo& row : a64::rows()) {
    if (group != row.group) {
      group = row.group;
      out += fmt::format(
          "\n## {}\n\n| row | encoding | assembly | feature | tests |\n"
          "|---|---|---|---|---|\n",
          group);
    }
    const RowTests& t = tests[index++];
    EXPECT_FALSE(t.tests.empty()) << row.id << " has no test; qemu: " << t.not_compared;
    out += fmt::format("| {} | {} | {} | {} | {}{} |\n", row.id, code_cell(row.pattern),
                       code_cell(row.text), feature_name(row.feature), fmt::join(t.tests, ", "),
                       t.not_compared.empty() ? "" : "; not by qemu alone: " + t.not_compared);
  }
  expect_golden("docs/generated/instructions.md", out);
}

TEST(GeneratedDocs, SystemRegisters) {
  std::string out = heading("System registers and instructions", "`cpu/a64/sysreg.inc`");
  out +=
      "\nEverything that is not listed is UNDEFINED, or where it is an identification register to "
      "come, trapped from EL0 by FEAT_IDST. `tests/unit/cpu/system/sysreg_access.txt` has what an "
      "access from each exception level does. A star marks instructions without a register.\n\n"
      "| name | op0, op1, CRn, CRm, op2 | access | feature |\n|---|---|---|---|\n";
  for (const cpu::SysRegRow& r : cpu::sysreg_rows()) {
    const char* access = r.read != nullptr && r.write != nullptr ? "RW"
                         : r.read != nullptr                     ? "RO"
                                                                 : "WO";
    out += fmt::format("| `{}` | {}, {}, {}, {}, {} | {} | {} |\n", r.name, r.id.op0(), r.id.op1(),
                       r.id.crn(), r.id.crm(), r.id.op2(), access, feature_name(r.feature));
  }
  expect_golden("docs/generated/system-registers.md", out);
}

TEST(GeneratedDocs, CpuModels) {
  expect_golden("docs/generated/cpu-models.md",
                heading("CPU models", "`cpu/model.cpp` and `cpu/features.inc`") +
                    "\nWhat `quince -cpu help` prints.\n\n```\n" + cpu::cpu_help() + "```\n");
}

// ---- The machine -------------------------------------------------------------------------------

TEST(GeneratedDocs, MemoryMap) {
  expect_golden("docs/generated/memory-map.md", machine::memory_map_markdown());
}

TEST(GeneratedDocs, TracePoints) {
  machine::MachineConfig config;
  config.ram = 16 * MiB;
  config.clock.deterministic = true;
  auto m = machine::Machine::create(std::move(config));
  ASSERT_TRUE(m) << m.error().message();
  const std::vector<std::string> all = (*m)->log().trace_points();
  const std::set<std::string> names(all.begin(), all.end());  // every CPU has the same ones
  std::string out = heading("Trace points", "the `TracePoint` members of a machine's units");
  out += "\nSwitched on by name or glob: `-trace 'gic.*'` or `-d trace:mmio.read`.\n\n";
  for (const std::string& name : names) out += fmt::format("* `{}`\n", name);
  expect_golden("docs/generated/trace-points.md", out);
}

/// Every file there is one of the above: nothing is left behind by a table that went away.
TEST(GeneratedDocs, NothingElseIsThere) {
  const std::set<std::string> made = {"cpu-models.md", "instructions.md",     "memory-map.md",
                                      "registers.md",  "system-registers.md", "trace-points.md"};
  std::set<std::string> present;
  for (const auto& f : std::filesystem::directory_iterator(
           std::filesystem::path(QUINCE_SOURCE_DIR) / "docs/generated"))
    present.insert(f.path().filename().string());
  EXPECT_EQ(present, made);
}

}  // namespace
}  // namespace quince::test
