// What -device plugs in, on whole machines: properties of the places that devices go to.
#include "machine/plug/plugger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "machine/cli/command_line.h"
#include "machine/machine.h"
#include "machine/plug/model.h"

namespace quince::machine {
namespace {

using Args = std::vector<const char*>;

/// A machine from its command line, with firmware to have something to start.
Result<std::unique_ptr<Machine>> machine(Args args) {
  args.insert(args.end(), {"-m", "16", "-device", "loader,addr=0x40000000,cpu-num=0"});
  auto line = parse_command_line(args, Dialect::Qemu);
  if (!line) return tl::unexpected(line.error());
  return Machine::create(std::move(line->config));
}

std::string error(const Args& args) {
  const auto m = machine(args);
  return m ? "no error" : m.error().message();
}

// Scripts switch QEMU's boot ROM of network cards off like this.
TEST(Plugger, NoOptionRomIsWhatThereIs) {
  for (const Args& args :
       {Args{"-device", "virtio-net-pci,romfile="},
        Args{"-global", "virtio-net-pci.romfile=", "-device", "virtio-net-pci"},
        Args{"-device", "virtio-rng-pci,romfile=,rombar=0"},
        Args{"-device", "pci-testdev,rombar=1"}, Args{"-device", "pcie-root-port,id=p,rombar=on"},
        Args{"-device", "virtio-rng-pci,rombar=off"}})
    EXPECT_EQ(error(args), "no error") << args.back();
}

TEST(Plugger, EveryPciModelKnowsRomfileAndNoOtherDoes) {
  for (const DeviceModel& m : device_models()) {
    EXPECT_EQ(m.has_property("romfile"), m.into == PlugInto::Pci) << m.name;
    EXPECT_EQ(m.has_property("rombar"), m.into == PlugInto::Pci) << m.name;
  }
}

TEST(Plugger, AnOptionRomIsRefusedByName) {
  EXPECT_EQ(error({"-device", "virtio-net-pci,romfile=efi-virtio.rom"}),
            "-device virtio-net-pci: romfile=efi-virtio.rom is not implemented: there are no "
            "option ROMs");
  EXPECT_EQ(error({"-global", "virtio-net.romfile=x", "-device", "virtio-net-pci"}),
            "-device virtio-net-pci: romfile=x is not implemented: there are no option ROMs");
  EXPECT_EQ(error({"-device", "virtio-rng-pci,rombar=2"}),
            "-device virtio-rng-pci: rombar=2 is neither 0 nor 1");
  EXPECT_EQ(error({"-device", "virtio-net-device,romfile="}),
            "-device virtio-net-device: there is no property 'romfile'");
}

}  // namespace
}  // namespace quince::machine
