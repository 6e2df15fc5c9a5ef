// What -device plugs in, on whole machines: properties of the places that devices go to.
#include "machine/plug/plugger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "hw/fw_cfg/fw_cfg.h"
#include "machine/cli/command_line.h"
#include "machine/machine.h"
#include "machine/plug/model.h"
#include "tests/support/temp_dir.h"

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

/// -drive for an empty disk 'd' in the folder.
std::string disk_in(const test::TempDir& folder) {
  std::ofstream(folder / "disk") << std::string(512, 0);
  return "if=none,id=d,format=raw,file=" + (folder / "disk");
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

// 003t: devices go before what they hold on to, in whatever order they were plugged in.  ASan looks.
TEST(Plugger, EveryOrderOfDevicesComesAndGoes) {
  const test::TempDir folder;
  const std::string drive = disk_in(folder);
  const Args kGroups[] = {
      {"-device", "pcie-root-port,id=port", "-device", "virtio-blk-pci,drive=d,bus=port"},
      {"-device", "virtio-serial-pci", "-device", "virtconsole,chardev=c"},
      {"-device", "virtio-net-device,netdev=n"},
      {"-device", "virtio-rng-pci"},
  };
  std::array<unsigned, std::size(kGroups)> order{0, 1, 2, 3};
  do {
    Args args{"-drive", drive.c_str(), "-chardev", "ringbuf,id=c", "-netdev", "user,id=n"};
    for (const unsigned group : order)
      args.insert(args.end(), kGroups[group].begin(), kGroups[group].end());
    const auto m = machine(args);
    ASSERT_TRUE(m) << m.error().message();
    (*m)->reset();
  } while (std::next_permutation(order.begin(), order.end()));
}

// ---- What firmware is told about booting.  Paths and values are those that QEMU's board of the
// same name showed for the same options.

/// Reads what firmware reads: fw_cfg's items, by its registers.
class Firmware {
 public:
  explicit Firmware(Machine& m) {
    for (hw::Device* d : m.devices())
      if (auto* fw = dynamic_cast<hw::FwCfg*>(d)) fw_ = fw;
  }
  /// The bytes of an item.
  std::string item(u16 key, std::size_t size) {
    EXPECT_EQ(fw_->write(8, {.size = 2}, u64{__builtin_bswap16(key)}), hw::Bus::Ok);
    std::string bytes;
    while (bytes.size() < size) {
      u64 byte = 0;
      EXPECT_EQ(fw_->read(0, {.size = 1}, byte), hw::Bus::Ok);
      bytes.push_back(static_cast<char>(byte));
    }
    return bytes;
  }
  /// The bytes of a file, or "none".
  std::string file(std::string_view name) {
    const u32 count = big_endian(item(hw::FwCfg::kFileDir, 4));
    const std::string directory = item(hw::FwCfg::kFileDir, 4 + 64 * count);
    for (u32 i = 0; i < count; ++i) {
      const std::string entry = directory.substr(4 + 64 * i, 64);
      if (entry.c_str() + 8 == name)
        return item(static_cast<u16>(big_endian(entry.substr(4)) >> 16), big_endian(entry));
    }
    return "none";
  }

 private:
  static u32 big_endian(const std::string& s) {
    u32 v = 0;
    for (unsigned i = 0; i < 4; ++i) v = v << 8 | static_cast<u8>(s[i]);
    return v;
  }
  hw::FwCfg* fw_ = nullptr;
};

/// The file of that name on the machine of these arguments, or why there is no machine.
std::string file(const Args& args, std::string_view name = "bootorder") {
  const auto m = machine(args);
  return m ? Firmware(**m).file(name) : m.error().message();
}

std::string terminated(std::string s) { return s + '\0'; }

TEST(BootOrder, DevicesInTheOrderOfTheirIndex) {
  EXPECT_EQ(file({"-device", "virtio-net-pci,bootindex=20", "-device", "virtio-net-pci,bootindex=3",
                  "-device", "virtio-net-pci"}),
            terminated("/pci@ffffffffffffffff/ethernet@2/ethernet-phy@0\n"
                       "/pci@ffffffffffffffff/ethernet@1/ethernet-phy@0"));
}

TEST(BootOrder, DisksAndFunctionsOfASlot) {
  const test::TempDir folder;
  const std::string drive = disk_in(folder);
  EXPECT_EQ(
      file({"-drive", drive.c_str(), "-device", "virtio-blk-pci,drive=d,addr=1f.1,bootindex=0"}),
      terminated("/pci@ffffffffffffffff/scsi@1f,1/disk@0,0"));
}

TEST(BootOrder, BehindPorts) {
  EXPECT_EQ(
      file({"-device", "pcie-root-port,id=p,addr=4.1", "-device", "pcie-root-port,id=q,bus=p",
            "-device", "virtio-net-pci,bus=q,bootindex=1"}),
      terminated("/pci@ffffffffffffffff/pci-bridge@4,1/pci-bridge@0/ethernet@0/ethernet-phy@0"));
}

TEST(BootOrder, UsbDisksAndThoseBehindHubs) {
  const test::TempDir folder;
  const std::string drive = disk_in(folder);
  const auto of = [&](const char* port) {
    const std::string device = std::string("usb-storage,drive=d,bootindex=0,bus=u.0,port=") + port;
    return file({"-drive", drive.c_str(), "-device", "qemu-xhci,id=u,addr=5", "-device",
                 "usb-hub,bus=u.0,port=2", "-device", "usb-hub,bus=u.0,port=2.7", "-device",
                 device.c_str()});
  };
  EXPECT_EQ(of("3"), terminated("/pci@ffffffffffffffff/usb@5/storage@3/channel@0/disk@0,0"));
  EXPECT_EQ(of("2.7.1"), terminated("/pci@ffffffffffffffff/usb@5/hub@2/hub@7/storage@1/channel@0/"
                                    "disk@0,0"));
}

TEST(BootOrder, MemoryMappedSlots) {
  const test::TempDir folder;
  const std::string drive = disk_in(folder);
  EXPECT_EQ(file({"-drive", drive.c_str(), "-device", "virtio-blk-device,drive=d,bootindex=2",
                  "-device", "virtio-net-device,bootindex=1"}),
            terminated("/virtio-mmio@000000000a003c00/ethernet-phy@0\n"
                       "/virtio-mmio@000000000a003e00/disk@0,0"));
}

TEST(BootOrder, WithoutAnIndexThereIsNoFile) {
  EXPECT_EQ(file({"-device", "virtio-net-pci", "-boot", "strict=on"}), "none");
  EXPECT_EQ(file({"-device", "virtio-net-pci,bootindex=-1"}), "none");
}

TEST(BootOrder, StrictEndsTheList) {
  EXPECT_EQ(file({"-device", "virtio-net-pci,bootindex=0x10", "-boot", "strict=on"}),
            terminated("/pci@ffffffffffffffff/ethernet@1/ethernet-phy@0\nHALT"));
}

TEST(BootOrder, WrongIndices) {
  const auto of = [](const char* index) {
    const std::string device = std::string("virtio-net-pci,bootindex=") + index;
    return error({"-device", device.c_str()});
  };
  EXPECT_EQ(of("x"), "-device virtio-net-pci: bootindex=x is not a number");
  EXPECT_EQ(of("-"), "-device virtio-net-pci: bootindex=- is not a number");
  EXPECT_EQ(of("2147483647"), "no error");
  EXPECT_EQ(of("2147483648"),
            "-device virtio-net-pci: bootindex=2147483648 is out of range (-1 to 2147483647)");
  EXPECT_EQ(
      error({"-device", "virtio-net-pci,bootindex=1", "-device", "virtio-net-device,bootindex=1"}),
      "-device virtio-net-device: bootindex=1 is that of another device");
  EXPECT_EQ(error({"-global", "virtio-net-pci.bootindex=1", "-device", "virtio-net-pci", "-device",
                   "virtio-net-pci"}),
            "-device virtio-net-pci: bootindex=1 is that of another device");
  EXPECT_EQ(error({"-device", "virtio-rng-pci,bootindex=1"}),
            "-device virtio-rng-pci: there is no property 'bootindex'");
  EXPECT_EQ(error({"-device", "virtio-net-pci,bootindex=1", "-fw_cfg", "name=bootorder,string=x"}),
            "bootindex=: there are two files 'bootorder'");
}

TEST(BootOrder, MenuAndTimes) {
  const auto plain = machine({});
  ASSERT_TRUE(plain);
  EXPECT_EQ(Firmware(**plain).item(hw::FwCfg::kBootMenu, 2), std::string(2, '\0'));
  EXPECT_EQ(Firmware(**plain).file("etc/boot-menu-wait"), "none");
  EXPECT_EQ(Firmware(**plain).file("etc/boot-fail-wait"), "none");
  const auto menu = machine({"-boot", "menu=on,splash-time=500", "-boot", "reboot-timeout=1000"});
  ASSERT_TRUE(menu);
  EXPECT_EQ(Firmware(**menu).item(hw::FwCfg::kBootMenu, 2), std::string("\x01\0", 2));
  EXPECT_EQ(Firmware(**menu).file("etc/boot-menu-wait"), "\xf4\x01");
  EXPECT_EQ(Firmware(**menu).file("etc/boot-fail-wait"), std::string("\xe8\x03\0\0", 4));
  EXPECT_EQ(file({"-boot", "reboot-timeout=-1"}, "etc/boot-fail-wait"), "\xff\xff\xff\xff");
}

}  // namespace
}  // namespace quince::machine
