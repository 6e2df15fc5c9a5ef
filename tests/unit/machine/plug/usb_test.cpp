// USB devices on the command line, and those that a machine has by itself.
#include <gtest/gtest.h>

#include <fstream>

#include "machine/cli/command_line.h"
#include "machine/machine.h"
#include "machine/plug/default_devices.h"
#include "tests/support/temp_dir.h"

namespace quince::machine {
namespace {

using Args = std::vector<const char*>;

MachineConfig config(Args args) {
  args.insert(args.end(), {"-m", "16", "-device", "loader,addr=0x40000000,cpu-num=0"});
  auto line = parse_command_line(args, Dialect::Quince);
  EXPECT_TRUE(line) << (line ? "" : line.error().message());
  return line ? std::move(line->config) : MachineConfig{};
}

/// The models that are plugged in, in order.
std::vector<std::string> plugged(const Args& args) {
  std::vector<std::string> models;
  for (const OptionGroup& g : devices_to_plug(config(args))) models.push_back(g.kind);
  return models;
}

std::string error(const Args& args) {
  const auto m = Machine::create(config(args));
  return m ? "no error" : m.error().message();
}

using Models = std::vector<std::string>;

// 001n
TEST(UsbPlug, WhatVmappleHasByItself) {
  EXPECT_EQ(plugged({}), (Models{"qemu-xhci", "usb-kbd", "usb-tablet"}));
  EXPECT_EQ(plugged({"-nodefaults"}), Models{});
  EXPECT_EQ(plugged({"-M", "virt"}), Models{});
  EXPECT_EQ(error({}), "no error");
  EXPECT_EQ(error({"-nodefaults"}), "no error");
}

TEST(UsbPlug, DefaultsGiveWay) {
  EXPECT_EQ(plugged({"-device", "nec-usb-xhci"}),
            (Models{"nec-usb-xhci", "usb-kbd", "usb-tablet"}));
  EXPECT_EQ(plugged({"-device", "usb-mouse"}), (Models{"qemu-xhci", "usb-mouse", "usb-kbd"}));
  EXPECT_EQ(plugged({"-device", "usb-kbd", "-device", "usb-tablet"}),
            (Models{"qemu-xhci", "usb-kbd", "usb-tablet"}));
  // As on the platform: network cards of the short forms, the controller, then what was named.
  EXPECT_EQ(plugged({"-device", "virtio-rng-pci", "-device", "usb-hub", "-nic", "user"}),
            (Models{"virtio-net-pci", "qemu-xhci", "virtio-rng-pci", "usb-hub", "usb-kbd",
                    "usb-tablet"}));
  EXPECT_EQ(plugged({"-M", "virt", "-usb", "-device", "virtio-rng-pci", "-device", "usb-hub"}),
            (Models{"virtio-rng-pci", "qemu-xhci", "usb-hub"}));
}

TEST(UsbPlug, ShortForms) {
  EXPECT_EQ(plugged({"-M", "virt", "-usb"}), Models{"qemu-xhci"});
  EXPECT_EQ(plugged({"-M", "virt", "-usbdevice", "tablet"}), (Models{"qemu-xhci", "usb-tablet"}));
  EXPECT_EQ(error({"-M", "virt", "-usbdevice", "tablet", "-usbdevice", "mouse", "-usbdevice",
                   "keyboard"}),
            "no error");
}

TEST(UsbPlug, Places) {
  EXPECT_EQ(error({"-M", "virt", "-device", "usb-kbd"}),
            "-device usb-kbd: there is no USB controller before it");
  const auto with = [](Args more) {
    Args args{"-M", "virt", "-device", "qemu-xhci,id=x"};
    args.insert(args.end(), more.begin(), more.end());
    return error(args);
  };
  EXPECT_EQ(with({"-device", "usb-kbd,bus=x.0,port=2"}), "no error");
  EXPECT_EQ(with({"-device", "usb-kbd,bus=y.0"}), "-device usb-kbd: bus=y.0: there is no such bus");
  EXPECT_EQ(with({"-device", "usb-kbd,port=5"}), "-device usb-kbd: there is no USB port '5'");
  EXPECT_EQ(with({"-device", "usb-kbd,port=1", "-device", "usb-mouse,port=1"}),
            "-device usb-mouse: port=1 is in use");
  EXPECT_EQ(with({"-device", "usb-hub,port=1", "-device", "usb-hub,port=1.8", "-device",
                  "usb-tablet,port=1.8.3,usb_version=1"}),
            "no error");
}

/// Where a machine's USB device is plugged in; "" when it is out.
std::string port_of(const Machine& m, std::string_view name) {
  for (const hw::Device* d : m.devices())
    if (const auto* usb = dynamic_cast<const hw::UsbDevice*>(d);
        usb != nullptr && usb->name() == name)
      return usb->port() == nullptr ? "" : usb->port()->path();
  return "no such device";
}

TEST(UsbPlug, ADeviceIsPulledAndPutBack) {
  auto made = Machine::create(config({"-M", "virt", "-device", "qemu-xhci", "-device",
                                      "usb-hub,id=hub", "-device", "usb-kbd,port=1.3"}));
  ASSERT_TRUE(made) << made.error().message();
  Machine& m = **made;
  const auto failure = [](const Result<void>& r) { return r ? "" : r.error().message(); };
  EXPECT_EQ(port_of(m, "usb-kbd.0"), "1.3");
  EXPECT_EQ(failure(m.unplug_usb("usb-kbd.0")), "");
  EXPECT_EQ(port_of(m, "usb-kbd.0"), "");
  EXPECT_EQ(failure(m.unplug_usb("usb-kbd.0")), "USB device 'usb-kbd.0' is not plugged in");
  EXPECT_EQ(failure(m.unplug_usb("mouse")), "there is no USB device 'mouse'");
  EXPECT_EQ(failure(m.replug_usb("hub")), "USB device 'hub' is plugged in");
  // A hub that is out takes what is behind it along.
  EXPECT_EQ(failure(m.unplug_usb("hub")), "");
  EXPECT_EQ(failure(m.replug_usb("usb-kbd.0")), "");
  EXPECT_EQ(failure(m.replug_usb("hub")), "");
  EXPECT_EQ(port_of(m, "usb-kbd.0"), "1.3");
  m.reset();
  EXPECT_EQ(port_of(m, "usb-kbd.0"), "1.3") << "a reset plugs nothing";
}

// A plug that moves is an event for the guest, which loading is not.
TEST(UsbPlug, SnapshotsAreOfTheSamePlugs) {
  const auto machine = [] {
    auto m = Machine::create(config({"-M", "virt", "-usb", "-device", "usb-kbd,id=keys"}));
    EXPECT_TRUE(m) << m.error().message();
    return std::move(*m);
  };
  const auto a = machine(), b = machine();
  ASSERT_TRUE(a->unplug_usb("keys"));
  const auto saved = [&] {
    Archive ar(Archive::Mode::Save);
    a->snapshot(ar);
    ar.set_mode(Archive::Mode::Load);
    return ar;
  };
  Archive first = saved(), second = saved();
  const auto refused = b->restore(first);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("plugged.keys"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(port_of(*b, "keys"), "1");
  ASSERT_TRUE(b->unplug_usb("keys"));
  EXPECT_TRUE(b->restore(second));
}

TEST(UsbPlug, PropertiesAreChecked) {
  const auto with = [](Args more) {
    Args args{"-M", "virt", "-usb"};
    args.insert(args.end(), more.begin(), more.end());
    return error(args);
  };
  EXPECT_EQ(with({"-device", "usb-kbd,usb_version=3"}),
            "-device usb-kbd: usb_version=3 is neither 1 nor 2");
  EXPECT_EQ(with({"-device", "usb-hub,ports=9"}).substr(0, 16), "-device usb-hub:");
  EXPECT_EQ(with({"-device", "usb-storage"}), "-device usb-storage: drive= is missing");
  EXPECT_EQ(with({"-device", "usb-storage,drive=d"}).substr(0, 20), "-device usb-storage:");
  test::TempDir folder;
  std::ofstream(folder / "disk") << std::string(4096, 0);
  const std::string drive = "if=none,id=d,format=raw,file=" + (folder / "disk");
  EXPECT_EQ(with({"-drive", drive.c_str(), "-device",
                  "usb-storage,drive=d,removable=on,serial=X,logical_block_size=4096"}),
            "no error");
  EXPECT_EQ(
      with({"-drive", drive.c_str(), "-device", "usb-storage,drive=d,logical_block_size=8192"}),
      "-device usb-storage: logical_block_size: must be a power of two from 512 to 4096");
}

}  // namespace
}  // namespace quince::machine
