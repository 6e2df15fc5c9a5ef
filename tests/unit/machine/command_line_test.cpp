// The command line as data: every option, and what is said about each wrong one.
#include "machine/cli/command_line.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace quince::machine {
namespace {

using Args = std::vector<const char*>;

Result<CommandLine> parse(const Args& args) { return parse_command_line(args); }

/// The configuration of arguments that must be right; -kernel is added.
MachineConfig config(Args args) {
  args.insert(args.end(), {"-kernel", "K"});
  const auto line = parse(args);
  EXPECT_TRUE(line) << (line ? "" : line.error().message());
  return line ? line->config : MachineConfig{};
}

std::string error(const Args& args) {
  const auto line = parse(args);
  return line ? "no error" : line.error().message();
}

std::string joined(const Args& args) {
  std::string s;
  for (const char* a : args) s += std::string(s.empty() ? "" : " ") + a;
  return s;
}

using Kind = CharOptions::Kind;
using Front = DisplayConfig::Front;
using C = const MachineConfig&;

struct Good {
  Args args;
  std::function<bool(C)> holds;
};

// clang-format off
const Good kGood[] = {
    {{}, [](C c) { return c.board == "vmapple" && c.cpu.empty() && c.cpus == 1 && c.ram == 4 * GiB && c.kernel == "K" && c.serial.kind == Kind::Null && !c.paused && !c.single_thread && !c.clock.deterministic && !c.rtc_fixed && !c.has_seed && !c.actions.reboot_is_shutdown && !c.actions.shutdown_is_pause; }},
    {{"-M", "virt"}, [](C c) { return c.board == "virt" && c.ram == 128 * MiB; }},
    {{"--machine", "type=virt"}, [](C c) { return c.board == "virt"; }},
    {{"-M", "virt,gic-version=3", "-machine", "accel=tcg", "-M", "dumpdtb=F"}, [](C c) { return c.board == "virt" && c.dumpdtb == "F"; }},
    {{"-machine", "gic-version=max", "-machine", "virt"}, [](C c) { return c.board == "virt"; }},
    {{"-M", "virt", "-M", "vmapple"}, [](C c) { return c.board == "vmapple"; }},
    {{"-M", "virt,virtualization=off,secure=no,mte=false"}, [](C c) { return c.board == "virt"; }},
    {{"-M", "virt,dumpdtb=a,,b=c"}, [](C c) { return c.dumpdtb == "a,b=c"; }},
    {{"-M", "virt,accel=kvm:tcg"}, [](C c) { return c.board == "virt"; }},
    {{"-cpu", "cortex-a72"}, [](C c) { return c.cpu == "cortex-a72"; }},
    {{"--cpu", "max"}, [](C c) { return c.cpu == "max"; }},
    {{"-smp", "4"}, [](C c) { return c.cpus == 4; }},
    {{"-smp", "cpus=32"}, [](C c) { return c.cpus == 32; }},
    {{"-smp", "4,sockets=1,cores=4,threads=1"}, [](C c) { return c.cpus == 4; }},
    {{"-smp", "4,sockets=2"}, [](C c) { return c.cpus == 4; }},
    {{"-smp", "sockets=2,clusters=2,cores=2,threads=1"}, [](C c) { return c.cpus == 8; }},
    {{"-smp", "2,maxcpus=4,cores=4"}, [](C c) { return c.cpus == 2; }},
    {{"-smp", "2", "-smp", "3"}, [](C c) { return c.cpus == 3; }},
    {{"-m", "1024"}, [](C c) { return c.ram == GiB; }},
    {{"-m", "2G"}, [](C c) { return c.ram == 2 * GiB; }},
    {{"-m", "size=64m"}, [](C c) { return c.ram == 64 * MiB; }},
    {{"-m", "65536K"}, [](C c) { return c.ram == 64 * MiB; }},
    {{"-m", "512G"}, [](C c) { return c.ram == 512 * GiB; }},
    {{"-initrd", "I", "-dtb", "D", "--append", "a=b,c d"}, [](C c) { return c.initrd == "I" && c.dtb == "D" && c.append == "a=b,c d"; }},
    {{"-kernel", "other", "-bios", "B"}, [](C c) { return c.kernel == "K" && c.bios == "B"; }},
    {{"-device", "loader,file=F,addr=0x100,force-raw=on,id=x"}, [](C c) { return c.loaders.size() == 1 && c.loaders[0].file == "F" && c.loaders[0].addr == PhysAddr(0x100) && c.loaders[0].force_raw && !c.loaders[0].cpu_num; }},
    {{"-device", "loader,addr=8,data=0x12,data-len=4", "-device", "driver=loader,addr=16,cpu-num=1"}, [](C c) { return c.loaders.size() == 2 && c.loaders[0].data == 0x12u && c.loaders[0].data_len == 4 && c.loaders[1].cpu_num == 1u; }},
    {{"-device", "loader,file=a,,b"}, [](C c) { return c.loaders[0].file == "a,b"; }},
    {{"-serial", "stdio"}, [](C c) { return c.serial.kind == Kind::Stdio && !c.serial.mux && c.serial.signals; }},
    {{"-serial", "mon:stdio"}, [](C c) { return c.serial.kind == Kind::Stdio && c.serial.mux && !c.serial.signals; }},
    {{"-nographic"}, [](C c) { return c.serial.kind == Kind::Stdio && c.serial.mux; }},
    {{"-nographic", "-serial", "stdio"}, [](C c) { return c.serial.kind == Kind::Stdio && !c.serial.mux; }},
    {{"-serial", "null", "-nographic"}, [](C c) { return c.serial.kind == Kind::Null; }},
    {{"-serial", "none"}, [](C c) { return c.serial.kind == Kind::Null; }},
    {{"-serial", "file:a:b,c"}, [](C c) { return c.serial.kind == Kind::File && c.serial.path == "a:b,c"; }},
    {{"-serial", "chardev:x", "-chardev", "file,id=x,path=P"}, [](C c) { return c.serial.kind == Kind::Reference && c.serial.id == "x" && c.chardevs.size() == 1 && c.chardevs[0].kind == Kind::File && c.chardevs[0].path == "P"; }},
    {{"-serial", "unix:/s,server=on,wait=off"}, [](C c) { return c.serial.kind == Kind::Socket; }},
    {{"-drive", "file=D,if=virtio,format=raw,cache=none,serial=S"}, [](C c) { return c.drives.size() == 1 && c.drives[0].id == "drive0" && c.drives[0].open.file == "D" && c.drives[0].open.format == "raw" && c.drives[0].open.cache == block::Cache::None && c.devices.size() == 1 && c.devices[0].kind == "virtio-blk-pci" && c.devices[0].properties == PropertyList{{"drive", "drive0"}} && c.drives[0].serial == "S"; }},
    {{"-drive", "if=none,id=d,file=D", "-device", "virtio-blk-device,drive=d,id=x"}, [](C c) { return c.devices.size() == 1 && c.devices[0].id == "x" && c.devices[0].option == "-device virtio-blk-device"; }},
    {{"-hda", "a,b", "-cdrom", "C", "-hdb", "B", "-snapshot"}, [](C c) { return c.drives.size() == 3 && c.drives[0].open.file == "a,b" && c.drives[0].open.snapshot == block::Snapshot::File && c.drives[1].open.read_only && c.drives[1].open.snapshot == block::Snapshot::Off && c.devices[1].properties[0].second == c.drives[2].id; }},
    {{"-drive", "if=pflash,file=A", "-pflash", "B"}, [](C c) { return c.drives[0].unit == 0u && c.drives[1].unit == 1u && c.devices.empty(); }},
    {{"-netdev", "user,id=n,hostfwd=tcp::0-:22", "-device", "virtio-rng-pci"}, [](C c) { return c.netdevs.size() == 1 && c.netdevs[0].id == "n" && c.devices.size() == 1; }},
    {{"-device", "virtio-rng-pci", "-nic", "user,model=virtio-net-pci,mac=52:54:00:00:00:01"}, [](C c) { return c.netdevs.size() == 1 && c.devices.size() == 2 && c.devices[0].kind == "virtio-net-pci" && c.devices[0].properties == PropertyList{{"netdev", c.netdevs[0].id}, {"mac", "52:54:00:00:00:01"}}; }},
    {{"-net", "nic,model=virtio", "-net", "user"}, [](C c) { return c.netdevs.size() == 3 && c.devices.size() == 1 && std::holds_alternative<net::HubportOptions>(c.netdevs[0].backend); }},
    {{"-net", "none", "-nic", "none"}, [](C c) { return c.netdevs.empty() && c.devices.empty(); }},
    {{"-global", "virtio-blk-pci.serial=X", "-global", "virtio-mmio.force-legacy=false"}, [](C c) { return c.globals.size() == 1 && c.globals[0].kind == "virtio-blk-pci"; }},
    {{"-object", "rng-random,id=r,filename=/dev/urandom", "-object", "filter-dump,id=f,netdev=n,file=P"}, [](C c) { return c.objects.size() == 1 && c.dumps.size() == 1; }},
    {{"-object", "memory-backend-memfd,id=m,size=1G,share=on", "-M", "memory-backend=m"}, [](C c) { return c.ram == GiB && c.memory_backend == "m"; }},
    {{"-object", "memory-backend-ram,id=m,size=1G", "-numa", "node,memdev=m", "-m", "1G"}, [](C c) { return c.memory_backend == "m"; }},
    // labgrid's line, and the short form of it.
    {{"-fsdev", "local,id=rootfs,security_model=none,path=/srv", "-device", "virtio-9p-device,fsdev=rootfs,mount_tag=/dev/root"}, [](C c) { return c.fsdevs.size() == 1 && c.fsdevs[0].id == "rootfs" && c.fsdevs[0].folder.path == "/srv" && c.devices.size() == 1 && c.devices[0].kind == "virtio-9p-device"; }},
    {{"-virtfs", "local,path=/srv,mount_tag=host0,security_model=mapped,readonly=on"}, [](C c) { return c.fsdevs.size() == 1 && c.fsdevs[0].folder.read_only && c.devices.size() == 1 && c.devices[0].kind == "virtio-9p-pci" && c.devices[0].properties == PropertyList{{"fsdev", "host0"}, {"mount_tag", "host0"}}; }},
    {{"-M", "virt,its=off,msi=off"}, [](C c) { return !c.its && !c.msi; }},
    {{"-M", "its=on", "-M", "virt"}, [](C c) { return c.its && c.msi; }},
    {{"-M", "virt,its=on", "-M", "vmapple,its=off"}, [](C c) { return !c.its; }},
    {{"-fw_cfg", "name=opt/x,string=a b", "-fw_cfg", "opt/y,file=F"}, [](C c) { return c.fw_cfg.size() == 2 && c.fw_cfg[0].text == "a b" && c.fw_cfg[1].name == "opt/y"; }},
    // Lima's.
    {{"-M", "virt", "-boot", "order=c,splash-time=0,menu=on"}, [](C c) { return c.boot.menu && c.boot.splash_time_ms == 0 && !c.boot.strict && !c.boot.reboot_timeout_ms; }},
    {{"-M", "virt", "-boot", "c", "-boot", "strict=on,reboot-timeout=-1", "-boot", "menu=off"}, [](C c) { return !c.boot.menu && c.boot.strict && c.boot.reboot_timeout_ms == -1; }},
    {{"-serial", "mon:stdio", "-echr", "20"}, [](C c) { return c.escape_key == 20; }},
    {{"-echr", "0x1d", "-pidfile", "a,b"}, [](C c) { return c.escape_key == 0x1d && c.pid_file == "a,b"; }},
    {{"-icount", "7"}, [](C c) { return c.clock.deterministic && c.clock.shift == 7 && !c.clock.sleep; }},
    {{"-icount", "shift=0,align=off,sleep=on"}, [](C c) { return c.clock.deterministic && c.clock.shift == 0 && c.clock.sleep; }},
    {{"-icount", "auto"}, [](C c) { return c.clock.deterministic && c.clock.shift == 3; }},
    {{"-icount", "sleep=off"}, [](C c) { return c.clock.deterministic && c.clock.shift == 3 && !c.clock.sleep; }},
    {{"-accel", "tcg,thread=single"}, [](C c) { return c.single_thread; }},
    {{"-accel", "tcg,thread=single", "-accel", "tcg,thread=multi"}, [](C c) { return !c.single_thread; }},
    {{"-enable-kvm", "-accel", "tcg"}, [](C c) { return c.board == "vmapple"; }},
    {{"-compat", "qemu"}, [](C c) { return c.board == "virt"; }},
    {{"-accel", "kvm", "-accel", "hvf", "-accel", "tcg"}, [](C c) { return !c.single_thread; }},
    {{"-rtc", "base=12345,clock=vm"}, [](C c) { return c.rtc_fixed && c.boot_time == 12345; }},
    {{"-rtc", "base=4294967295"}, [](C c) { return c.boot_time == 0xffff'ffff; }},
    {{"-rtc", "base=1", "-rtc", "base=utc"}, [](C c) { return !c.rtc_fixed && c.rtc_host; }},
    {{"-rtc", "base=utc", "-rtc", "base=1"}, [](C c) { return c.rtc_fixed && !c.rtc_host; }},
    {{"-seed", "0xdeadbeefcafe"}, [](C c) { return c.has_seed && c.seed == 0xdead'beef'cafe; }},
    {{"-no-reboot"}, [](C c) { return c.actions.reboot_is_shutdown; }},
    {{"-no-shutdown"}, [](C c) { return c.actions.shutdown_is_pause; }},
    {{"-action", "reboot=shutdown,shutdown=pause"}, [](C c) { return c.actions.reboot_is_shutdown && c.actions.shutdown_is_pause; }},
    {{"-no-reboot", "-action", "reboot=reset"}, [](C c) { return !c.actions.reboot_is_shutdown; }},
    {{"-no-shutdown", "-action", "shutdown=poweroff"}, [](C c) { return !c.actions.shutdown_is_pause; }},
    {{"-S"}, [](C c) { return c.paused; }},
    {{"-dfilter", "0x1000+0x10,5..6"}, [](C c) { return c.log_filter == std::vector<AddressRange>{{0x1000, 0x100f}, {5, 6}}; }},
    {{"-perfmap"}, [](C c) { return c.perf_map; }},
    {{"-d", "guest_errors,unimp,trace:gic.*"}, [](C c) { return c.log_items == std::vector<std::string>{"guest_errors", "unimp", "trace:gic.*"}; }},
    {{"-D", "log"}, [](C c) { return c.log_file == "log"; }},
    {{"-trace", "mmio.*", "-trace", "enable=gic.irq,file=L"}, [](C c) { return c.traces == std::vector<std::string>{"mmio.*", "gic.irq"} && c.log_file == "L"; }},
    {{"-name", "some, name"}, [](C c) { return c.name == "some, name"; }},
    // 001n
    {{}, [](C c) { return c.usb_input && c.devices.empty(); }},
    {{"-nodefaults"}, [](C c) { return !c.usb_input && !c.usb; }},
    {{"-M", "vmapple,usb=off"}, [](C c) { return !c.usb_input && !c.usb; }},
    {{"-M", "virt"}, [](C c) { return !c.usb_input && !c.usb; }},
    {{"-M", "virt,usb=on"}, [](C c) { return !c.usb_input && c.usb; }},
    {{"-M", "virt", "-usb"}, [](C c) { return !c.usb_input && c.usb; }},
    {{"-nodefaults", "-usbdevice", "tablet", "-usbdevice", "keyboard"}, [](C c) { return c.usb && !c.usb_input && c.devices.size() == 2 && c.devices[0].kind == "usb-tablet" && c.devices[0].option == "-usbdevice tablet" && c.devices[1].kind == "usb-kbd"; }},
    {{"-display", "none", "-nodefaults", "-no-user-config", "-parallel", "none", "-vga", "none", "-net", "none", "-nic", "none", "-monitor", "none"}, [](C c) { return c.serial.kind == Kind::Null; }},
    {{"-display", "none"}, [](C c) { return c.display.front == Front::None; }},
    {{"-name", "x"}, [](C c) { return c.display.front == Front::Default; }},
    {{"-nographic"}, [](C c) { return c.display.front == Front::None; }},
    {{"-nographic", "-display", "sdl"}, [](C c) { return c.display.front == Front::Sdl; }},
    {{"-display", "sdl"}, [](C c) { return c.display.front == Front::Sdl && c.display.window.scale == 0 && c.display.window.scaling == ui::Scaling::Smooth && c.display.window.window_close && !c.display.window.full_screen && !c.display.window.grab && !c.display.window.show_cursor; }},
    {{"-display", "sdl,scale=3,scaling=integer,gl=off"}, [](C c) { return c.display.window.scale == 3 && c.display.window.scaling == ui::Scaling::Integer; }},
    {{"-display", "sdl,fullscreen=on,grab=on"}, [](C c) { return c.display.window.full_screen && c.display.window.grab; }},
    {{"-display", "type=sdl,full-screen=on,scale=fit"}, [](C c) { return c.display.window.full_screen && c.display.window.scale == 0; }},
    {{"-full-screen"}, [](C c) { return c.display.front == Front::Sdl && c.display.window.full_screen; }},
    {{"-display", "sdl,show-cursor=on,window-close=off,grab-mod=rctrl"}, [](C c) { return c.display.window.show_cursor && !c.display.window.window_close && c.display.window.modifier == ui::HotKeyModifier::RightCtrl; }},
    {{"-display", "sdl,grab-mod=lshift-lctrl-lalt"}, [](C c) { return c.display.window.modifier == ui::HotKeyModifier::LeftShiftCtrlAlt; }},
    {{"-screenshot", "s.png", "-display", "sdl"}, [](C c) { return c.display.screenshot == "s.png" && c.display.window.screenshot == "s.png"; }},
    // KUnit's line.
    {{"-nodefaults", "-m", "1024", "-append", "x", "-no-reboot", "-nographic", "-serial", "stdio", "-machine", "virt", "-accel", "kvm", "-accel", "tcg"}, [](C c) { return c.board == "virt" && c.ram == GiB && c.actions.reboot_is_shutdown && c.serial.kind == Kind::Stdio && !c.serial.mux; }},
};
// clang-format on

TEST(Options, EveryOptionDoesWhatItSays) {
  for (const Good& g : kGood) {
    EXPECT_TRUE(g.holds(config(g.args))) << joined(g.args);
  }
}

TEST(Options, FlashWithCodeIsSomethingToBoot) {
  EXPECT_TRUE(parse({"-M", "virt", "-drive", "if=pflash,file=F"}));
  EXPECT_EQ(error({"-M", "virt", "-drive", "if=pflash,unit=1,file=F"}), error({"-M", "virt"}));
}

TEST(Options, TheBootRomNeedsNothing) {
  const auto line = parse({});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->config.board, "vmapple");
  EXPECT_TRUE(line->config.kernel.empty() && line->config.bios.empty());
}

TEST(Options, AnArgumentThatIsNoOptionIsADisk) {
  const auto line = parse({"-m", "1G", "disk.img"});
  ASSERT_TRUE(line);
  ASSERT_EQ(line->config.drives.size(), 1u);
  EXPECT_EQ(line->config.drives[0].open.file, "disk.img");
  EXPECT_EQ(line->config.platform.root, line->config.drives[0].id);
}

TEST(Options, WithoutADesktopTheSerialPortIsOnTheTerminal) {
  const auto serial = [](const Args& args, bool desktop) {
    const auto line = parse_command_line(args, Dialect::Quince, desktop);
    EXPECT_TRUE(line);
    return line ? line->config.serial : CharOptions{};
  };
  EXPECT_EQ(serial({}, true).kind, Kind::Null);
  EXPECT_EQ(serial({}, false).kind, Kind::Stdio);
  EXPECT_TRUE(serial({}, false).mux);
  EXPECT_EQ(serial({"-display", "none"}, false).kind, Kind::Null);
  EXPECT_EQ(serial({"-serial", "null"}, false).kind, Kind::Null);
  EXPECT_EQ(serial({"-nographic"}, true).kind, Kind::Stdio);
}

TEST(Options, OneOrTwoDashes) {
  EXPECT_EQ(config({"--smp", "3"}).cpus, 3u);
  EXPECT_TRUE(config({"--nographic"}).serial.mux);
  EXPECT_TRUE(config({"--S"}).paused);
  EXPECT_EQ(error({"---smp", "3"}), "--smp: invalid option");
}

struct Bad {
  Args args;
  const char* message;
};

// clang-format off
const Bad kBad[] = {
    {{"-M", "virt"}, "nothing to boot: -kernel, -bios or -device loader is needed ('-help' lists the options)"},
    {{"-bogus"}, "-bogus: invalid option"},
    {{"--bogus", "x"}, "-bogus: invalid option"},
    {{"-"}, "'-': this is neither an option nor a disk"},
    {{"--"}, "-: invalid option"},
    {{""}, "'': this is neither an option nor a disk"},
    {{"-qmp", "stdio"}, "-qmp: invalid option"},
    {{"-enable-kvm", "-kernel", "K"}, "-enable-kvm: kvm is not implemented (only -accel tcg)"},
    {{"-M", "none", "-kernel", "K"}, "-M: machine 'none' has nothing to run"},
    {{"-compat", "vz", "-kernel", "K"}, "-compat: 'vz' is not known (only qemu)"},
    {{"-M", "bogus"}, "-M: machine 'bogus' is not known; 'help' lists what is"},
    {{"-machine", "bogus"}, "-machine: machine 'bogus' is not known; 'help' lists what is"},
    {{"-M", "virt,bogus=1"}, "-M: property 'bogus' is not known for machine 'virt'"},
    {{"-M", "virt,gic-version=2"}, "-M: gic-version=2 is not implemented (only 3)"},
    {{"-M", "vmapple,its=on", "-kernel", "K"}, "-M: its=on: machine 'vmapple' has no ITS"},
    {{"-M", "its=on", "-kernel", "K"}, "-M: its=on: machine 'vmapple' has no ITS"},
    {{"-M", "virt,its=on,msi=off", "-kernel", "K"}, "-M: its=on: with msi=off there are no messages for it"},
    {{"-M", "virt,secure=on"}, "-M: secure=on is not implemented: the guest has EL0 and EL1"},
    {{"-M", "virt,mte=maybe"}, "-M: 'maybe' is neither on nor off"},
    {{"-M", "virt,accel=kvm", "-kernel", "K"}, "-M: accel=kvm is not implemented (only tcg)"},
    {{"-accel", "kvm", "-accel", "hvf", "-kernel", "K"}, "-accel: 'kvm' is not implemented (only tcg)"},
    {{"-accel", "tcg,thread=many"}, "-accel: thread=many is neither single nor multi"},
    {{"-accel", "tcg,bogus=1"}, "-accel: property 'bogus' is not implemented"},
    {{"-cpu", "bogus"}, "-cpu: unknown model 'bogus' (see -cpu help)"},
    {{"-cpu", "max,bogus=on"}, "-cpu: unknown feature 'bogus' (see -cpu help)"},
    {{"-smp", "0"}, "-smp: cpus=0 is out of range"},
    {{"-smp", "x"}, "-smp: 'x' is not a number"},
    {{"-smp", "-1"}, "-smp: '-1' is not a number"},
    {{"-smp", "18446744073709551616"}, "-smp: '18446744073709551616' is not a number"},
    {{"-smp", "cores=4097"}, "-smp: cores=4097 is out of range"},
    {{"-smp", "2,bogus=1"}, "-smp: property 'bogus' is not known"},
    {{"-smp", "4,sockets=3"}, "-smp: sockets * clusters * cores * threads is 3, not 4"},
    {{"-smp", "4,sockets=1,cores=2,threads=1"}, "-smp: sockets * clusters * cores * threads is 2, not 4"},
    {{"-smp", "4,maxcpus=2"}, "-smp: maxcpus=2 is fewer than 4"},
    {{"-smp", "33", "-kernel", "K"}, "-smp: Invalid SMP CPUs 33. The max CPUs supported by machine 'vmapple' is 32"},
    {{"-smp", "99999999999", "-M", "virt", "-kernel", "K"}, "-smp: Invalid SMP CPUs 4294967295. The max CPUs supported by machine 'virt' is 32"},
    {{"-m", "x"}, "-m: size: 'x' is not a size"},
    {{"-M", "virt", "-m", ""}, "nothing to boot: -kernel, -bios or -device loader is needed ('-help' lists the options)"},
    {{"-m", "0"}, "-m: the guest needs memory"},
    {{"-m", "99999999999T"}, "-m: size: '99999999999T' is not a size"},
    {{"-m", "15", "-kernel", "K"}, "-m: 15 MiB is too little, the least is 16 MiB"},
    {{"-m", "16385K", "-kernel", "K"}, "-m: the size must be a multiple of 1 MiB"},
    {{"-m", "513G", "-kernel", "K"}, "-m: 525312 MiB is too much, machine 'vmapple' has room for 524288 MiB"},
    {{"-m", "256G", "-M", "virt", "-kernel", "K"}, "-m: 262144 MiB is too much, machine 'virt' has room for 261120 MiB"},
    {{"-m", "64,bogus=2"}, "-m: there is no property 'bogus'"},
    {{"-m", "64,maxmem=32"}, "-m: maxmem is less than the memory itself"},
    {{"-initrd", "I", "-bios", "B"}, "-initrd: only with -kernel"},
    {{"-append", "I", "-bios", "B"}, "-append: only with -kernel"},
    {{"-dtb", "I", "-bios", "B"}, "-dtb: only with -kernel"},
    {{"-fsdev", "local,id=f,path=/"}, "-fsdev: security_model= is missing (none, passthrough, mapped, mapped-xattr)"},
    {{"-fsdev", "local,id=f,path=/,security_model=none", "-fsdev", "local,id=f,path=/,security_model=none"}, "-fsdev: there are two fsdevs 'f'"},
    {{"-virtfs", "local,path=/,security_model=none"}, "-virtfs: mount_tag= is missing"},
    {{"-usbdevice", "braille"}, "-usbdevice: 'braille' is not known (keyboard, mouse, tablet); -device has the others"},
    {{"-M", "usb=x"}, "-M: 'x' is neither on nor off"},
    {{"-device", "bogus"}, "-device: 'bogus' is not a valid device model name"},
    {{"-device", "id=x"}, "-device: '' is not a valid device model name"},
    {{"-device", "loader"}, "-device loader: it needs a file, data, or both addr and cpu-num"},
    {{"-device", "loader,bogus=1"}, "-device loader: there is no property 'bogus'"},
    {{"-device", "loader,addr=x,cpu-num=0"}, "-device loader: 'x' is not a number that addr can be"},
    {{"-device", "loader,addr=0,data=256,data-len=1"}, "-device loader: the data 0x100 is longer than data-len of 1 bytes"},
    {{"-device", "loader,addr=0,data=1,data-len=9"}, "-device loader: data-len is 1 to 8 bytes"},
    {{"-serial", "stdio", "-serial", "null"}, "-serial: there is one serial port"},
    {{"-serial", "vc"}, "-serial: 'vc' is not implemented: there are no text consoles in a window"},
    {{"-chardev", "bogus,id=x"}, "-chardev: 'bogus' is not a valid char driver name; 'help' lists what is"},
    {{"-chardev", "null"}, "-chardev: id= is missing"},
    {{"-chardev", "null,id=x", "-chardev", "stdio,id=x"}, "-chardev: there are two chardevs 'x'"},
    {{"-chardev", "null,id=x,bogus=1"}, "-chardev: there is no property 'bogus'"},
    {{"-device", "virtio-blk-pci", "-bogus"}, "-bogus: invalid option"},
    {{"-drive", "if=ide,file=x"}, "-drive: if=ide is not implemented (none, virtio, pflash)"},
    {{"-drive", "if=virtio"}, "-drive: file= is missing"},
    {{"-drive", "file=x,bogus=1"}, "-drive: there is no property 'bogus'"},
    {{"-drive", "file=x,cache=maybe"}, "-drive: cache=maybe: unknown value (known: writeback, none, writethrough, directsync, unsafe)"},
    {{"-drive", "file=x,werror=stop"}, "-drive: werror=stop is not implemented (only report)"},
    {{"-drive", "file=x,id=a", "-drive", "file=y,id=a"}, "-drive: there are two drives 'a'"},
    {{"-drive", "if=pflash,file=x,unit=2", "-kernel", "K"}, "-drive: if=pflash has units 0 and 1"},
    {{"-drive", "if=pflash,file=x,unit=0", "-drive", "if=pflash,file=x,unit=0", "-kernel", "K"}, "-drive: two drives are pflash unit 0"},
    {{"-netdev", "tap,id=x"}, "-netdev: tap: unknown type (known: user, socket, stream, dgram, hubport)"},
    {{"-netdev", "user,id=x", "-netdev", "user,id=x"}, "-netdev: there are two netdevs 'x'"},
    {{"-nic", "user,model=e1000"}, "-nic: model=e1000 is not implemented (virtio-net-pci)"},
    {{"-global", "bogus.x=1"}, "-global: 'bogus' is not a valid device model name"},
    {{"-global", "virtio-blk-pci.x=1"}, "-global: 'virtio-blk-pci' has no property 'x'"},
    {{"-global", "virtio-mmio.force-legacy=on"}, "-global: virtio-mmio.force-legacy=on is not implemented"},
    {{"-object", "bogus,id=x"}, "-object: 'bogus' is not implemented"},
    {{"-object", "rng-builtin"}, "-object: rng-builtin: id= is missing"},
    {{"-object", "rng-random,id=r,filename=/etc/passwd"}, "-object: rng-random: filename=/etc/passwd is not implemented (/dev/urandom, /dev/random)"},
    {{"-M", "memory-backend=m", "-kernel", "K"}, "-M: there is no memory-backend object 'm'"},
    {{"-object", "memory-backend-ram,id=m,size=1G", "-M", "memory-backend=m", "-m", "2G", "-kernel", "K"}, "-m: 2147483648 bytes, and memory-backend 'm' has 1073741824"},
    {{"-numa", "dist"}, "-numa: only 'node' is implemented"},
    {{"-fw_cfg", "name=x"}, "-fw_cfg: either file= or string= is needed"},
    {{"-display", "gtk"}, "-display: 'gtk' is not implemented (none, sdl; 'help' says more)"},
    {{"-display", "vnc=:1"}, "-display: 'vnc=:1' is not implemented (none, sdl; 'help' says more)"},
    {{"-display", "sdl,gl=on"}, "-display: gl=on is not implemented (only off)"},
    {{"-display", "sdl,alt_grab=on"}, "-display: there is no property 'alt_grab'"},
    {{"-display", "none,scale=2"}, "-display: there is no property 'scale'"},
    {{"-display", "sdl,scale=0"}, "-display: scale '0' is neither 'fit' nor a whole number from 1 to 16"},
    {{"-display", "sdl,scale=1.5"}, "-display: scale '1.5' is neither 'fit' nor a whole number from 1 to 16"},
    {{"-display", "sdl,scaling=nearest"}, "-display: scaling=nearest is not one of smooth, integer"},
    {{"-display", "sdl,grab-mod=super"}, "-display: grab-mod=super is not one of lctrl-lalt, lshift-lctrl-lalt, rctrl"},
    {{"-display", "none", "-full-screen", "-kernel", "K"}, "-full-screen: there is no window"},
    {{"-vga", "std"}, "-vga: 'std' is not implemented (only none)"},
    {{"-monitor", "stdio"}, "-monitor: 'stdio' is not implemented (only none)"},
    {{"-parallel", "null"}, "-parallel: 'null' is not implemented (only none)"},
    {{"-boot", "z"}, "-boot: order=z: 'z' is no boot device (a to p)"},
    {{"-boot", "order=cdc"}, "-boot: order=cdc: 'c' was given twice"},
    {{"-boot", "order=c,once=d"}, "-boot: once= is not implemented: bootindex= of a device gives the order"},
    {{"-boot", "menu=maybe"}, "-boot: menu: 'maybe' is neither on nor off"},
    {{"-boot", "splash=p.bmp"}, "-boot: splash= is not implemented: firmware shows no picture"},
    {{"-boot", "splash-time=65536"}, "-boot: splash-time=65536 is out of range (0 to 65535)"},
    {{"-boot", "reboot-timeout=-2"}, "-boot: reboot-timeout=-2 is out of range (-1 to 65535)"},
    {{"-boot", "c,bogus=1"}, "-boot: there is no property 'bogus'"},
    {{"-echr", "256"}, "-echr: 256 is no character (0 to 255)"},
    {{"-echr", "x"}, "-echr: 'x' is not a number"},
    {{"-icount", "11"}, "-icount: shift=11 is out of range (0 to 10)"},
    {{"-icount", "shift=x"}, "-icount: 'x' is not a number"},
    {{"-icount", "3,align=on"}, "-icount: align=on is not implemented"},
    {{"-icount", "3,rr=record"}, "-icount: property 'rr' is not implemented"},
    {{"-icount", "3,sleep=x"}, "-icount: 'x' is neither on nor off"},
    {{"-rtc", "base=localtime"}, "-rtc: 'localtime' is not a number"},
    {{"-rtc", "base=4294967296"}, "-rtc: base=4294967296 does not fit the 32-bit clock"},
    {{"-rtc", "clock=host"}, "-rtc: clock=host is not implemented (base=utc|SECONDS, clock=vm)"},
    {{"-seed", "x"}, "-seed: 'x' is not a number"},
    {{"-action", "panic=run"}, "-action: panic=run is not implemented (reboot=reset|shutdown, shutdown=poweroff|pause, panic=none|pause|shutdown|exit-failure)"},
    {{"-action", "reboot=pause"}, "-action: reboot=pause is not implemented (reboot=reset|shutdown, shutdown=poweroff|pause, panic=none|pause|shutdown|exit-failure)"},
    {{"-jitdump"}, "-jitdump: it is not implemented; -perfmap gives perf the names of translated code"},
    {{"-dfilter", "7"}, "-dfilter: '7' is not FIRST..LAST, FIRST+SIZE or LAST-SIZE"},
    {{"-d", "guest_errors,bogus"}, "-d: log item 'bogus' is not known; 'help' lists what is"},
    {{"-d", "unimp,"}, "-d: log item '' is not known; 'help' lists what is"},
    {{"-trace", "x,bogus=1"}, "-trace: property 'bogus' is not implemented"},
};
// clang-format on

TEST(Options, EveryErrorIsOneLineThatNamesTheOption) {
  for (const Bad& b : kBad) {
    EXPECT_EQ(error(b.args), b.message) << joined(b.args);
    EXPECT_EQ(error(b.args).find('\n'), std::string::npos) << joined(b.args);
  }
}

// Callers look for these words, and take the last one for the number of CPUs.
TEST(Options, TooManyCpusEndsWithTheMaximum) {
  const std::string e = error({"-smp", "64", "-M", "virt", "-kernel", "K"});
  EXPECT_NE(e.find("SMP CPUs"), std::string::npos);
  EXPECT_EQ(e.substr(e.rfind(' ') + 1), "32");
}

struct Documented {
  const char* name;
  bool argument;
};

const Documented kDocumented[] = {
    {"M", true},           {"cpu", true},
    {"dfilter", true},     {"perfmap", false},
    {"smp", true},         {"m", true},
    {"kernel", true},      {"initrd", true},
    {"append", true},      {"dtb", true},
    {"bios", true},        {"device", true},
    {"boot", true},        {"echr", true},
    {"pidfile", true},     {"serial", true},
    {"chardev", true},     {"global", true},
    {"drive", true},       {"hda", true},
    {"cdrom", true},       {"pflash", true},
    {"snapshot", false},   {"netdev", true},
    {"nic", true},         {"net", true},
    {"object", true},      {"numa", true},
    {"fw_cfg", true},      {"fsdev", true},
    {"virtfs", true},      {"nographic", false},
    {"display", true},     {"screenshot", true},
    {"icount", true},      {"accel", true},
    {"rtc", true},         {"seed", true},
    {"no-reboot", false},  {"no-shutdown", false},
    {"action", true},      {"S", false},
    {"d", true},           {"D", true},
    {"trace", true},       {"name", true},
    {"compat", true},      {"h", false},
    {"version", false},    {"full-screen", false},
    {"usb", false},        {"usbdevice", true},
    {"nodefaults", false}, {"engine", true},
};

TEST(Options, Engine) {
  using Engine = EngineConfig::Kind;
  const auto kind = [](const char* option) {
    return parse({option, "-kernel", "K"})->config.engine.kind;
  };
  EXPECT_EQ(parse({"-kernel", "K"})->config.engine.kind, Engine::Default);
  EXPECT_EQ(kind("--engine=interp"), Engine::Interp);
  EXPECT_EQ(kind("--engine=jit"), Engine::Jit);
  EXPECT_EQ(parse({"-engine", "fast"}).error().message(),
            "-engine: 'fast' is none of interp, jit and lockstep");
  EXPECT_EQ(kind("--engine=lockstep"), Engine::Lockstep);
  EXPECT_EQ(kind("--engine=lockstep,chaos=7"), Engine::Lockstep);
  EXPECT_EQ(parse({"-engine", "jit,chaos=7", "-kernel", "K"})->config.engine.chaos, 7u);
  EXPECT_EQ(parse({"-engine", "jit,chaos=0"}).error().message(),
            "-engine: chaos=0: a number from 1, where the random numbers begin");
  EXPECT_EQ(parse({"-engine", "interp,chaos=1"}).error().message(),
            "-engine: chaos= is for translated code: jit or lockstep");
  EXPECT_FALSE(parse({"-engine", "jit", "-kernel", "K"})->config.engine.track_code);
  EXPECT_TRUE(parse({"-engine", "interp,track-code=on", "-kernel", "K"})->config.engine.track_code);
  EXPECT_EQ(parse({"-engine", "jit,track-code=maybe"}).error().message(),
            "-engine: 'maybe' is neither on nor off");
  EXPECT_EQ(parse({"-engine", "jit,speed=1"}).error().message(),
            "-engine: property 'speed' is not implemented");
  EXPECT_EQ(parse({"--snapshot=on"}).error().message(), "--snapshot: takes no value");
  EXPECT_EQ(parse({"-accel", "tcg,tb-size=64", "-kernel", "K"})->config.engine.code_bytes,
            64 * MiB);
  EXPECT_EQ(parse({"-accel", "tcg,tb-size=0"}).error().message(),
            "-accel: tb-size=0: 1 to 2047 MiB");
}

TEST(Options, HelpListsEveryOption) {
  const std::string help = help_text();
  std::size_t listed = 0;
  for (std::size_t at = help.find("\n-"); at != std::string::npos; at = help.find("\n-", at + 1))
    ++listed;
  EXPECT_EQ(listed, std::size(kDocumented));
  for (const Documented& d : kDocumented)
    EXPECT_NE(help.find(std::string("\n-") + d.name + " "), std::string::npos) << d.name;
}

TEST(Options, WhatToolsAlwaysAskForIsAcceptedWithAWarning) {
  const auto line = parse({"-M", "virt,virtualization=on,mte=on", "-kernel", "K"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->warnings,
            (std::vector<std::string>{
                "warning: -M: virtualization=on is not there yet, the guest runs without it",
                "warning: -M: mte=on is not there yet, the guest runs without it"}));
}

TEST(Options, ABootOrderThatNobodyReadsIsAWarning) {
  const auto warnings = [](Args args) {
    args.insert(args.end(), {"-kernel", "K"});
    const auto line = parse(args);
    EXPECT_TRUE(line) << joined(args);
    return line ? line->warnings : std::vector<std::string>{};
  };
  using Lines = std::vector<std::string>;
  const std::string order =
      "warning: -boot: order= changes nothing; bootindex= of a device gives the order";
  const auto unread = [](const char* what) {
    return std::string("warning: ") + what +
           ": firmware of machine 'vmapple' cannot ask for it, it changes nothing";
  };
  EXPECT_EQ(warnings({"-M", "virt", "-boot", "menu=on", "-device", "virtio-net-pci,bootindex=1"}),
            Lines{});
  EXPECT_EQ(warnings({"-M", "virt", "-boot", "c"}), Lines{order});
  EXPECT_EQ(warnings({"-boot", "menu=on,splash-time=10"}), Lines{});
  EXPECT_EQ(warnings({"-boot", "strict=on"}), Lines{unread("-boot")});
  EXPECT_EQ(warnings({"-boot", "d,reboot-timeout=5"}), (Lines{order, unread("-boot")}));
  EXPECT_EQ(warnings({"-device", "virtio-net-pci,bootindex=1"}), Lines{unread("bootindex=")});
  EXPECT_EQ(warnings({"-global", "virtio-net-pci.bootindex=1"}), Lines{unread("bootindex=")});
}

TEST(Options, MemoryThatCannotBeAddedLaterIsAWarning) {
  const auto line = parse({"-m", "1G,slots=2,maxmem=4G", "-kernel", "K"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->config.ram, GiB);
  EXPECT_EQ(line->warnings.size(), 1u);
  EXPECT_TRUE(parse({"-m", "1G,slots=0,maxmem=1G", "-kernel", "K"})->warnings.empty());
}

TEST(Options, TheProgramsNameChoosesTheDialect) {
  EXPECT_EQ(dialect_of("/usr/bin/qemu-system-aarch64"), Dialect::Qemu);
  EXPECT_EQ(dialect_of("quince"), Dialect::Quince);
  EXPECT_EQ(dialect_of("qemu-system-aarch64/quince"), Dialect::Quince);
  const Args args{"-kernel", "K"};
  EXPECT_EQ(parse_command_line(args, Dialect::Qemu)->config.board, "virt");
}

TEST(Options, ArgumentsAreRequired) {
  std::vector<Documented> all(std::begin(kDocumented), std::end(kDocumented));
  for (const char* more : {"machine", "parallel", "vga", "hdb", "hdc", "hdd", "monitor"})
    all.push_back({more, true});
  for (const Documented& d : all) {
    const std::string flag = std::string("-") + d.name;
    if (d.argument)
      EXPECT_EQ(error({flag.c_str()}), flag + ": requires an argument");
    else
      EXPECT_EQ(error({flag.c_str()}).find("requires"), std::string::npos) << flag;
  }
}

TEST(Options, WhatHelpsPrint) {
  const struct {
    Args args;
    const char* contains;
  } kPrints[] = {
      {{"-M", "help"}, "\nvmapple "},
      {{"-M", "help"}, "\nvirt "},
      {{"-machine", "?"}, "ARM Virtual Machine"},
      {{"-M", "virt,help"}, "virt options:\n"},
      {{"-M", "virt,?"}, "gic-version"},
      {{"-M", "virt,gic-version=help"}, "gic-version"},
      {{"-cpu", "help"}, "quince-v1"},
      {{"-cpu", "?"}, "max"},
      {{"-d", "help"}, "guest_errors"},
      {{"-d", "?"}, "unimp"},
      {{"-d", "help"}, "out_asm"},
      {{"-device", "help"}, "name \"loader\""},
      {{"-device", "?"}, "name \"loader\""},
      {{"-device", "help"}, "name \"virtio-blk-pci\", bus PCI, alias \"virtio-blk\""},
      {{"-device", "virtio-blk-pci,help"}, "num-queues=<uint16>"},
      {{"-device", "loader,help"}, "force-raw=<bool>"},
      {{"-device", "?"}, "name \"virtconsole\", bus virtio-serial-bus"},
      {{"-device", "virtserialport,help"}, "nr=<uint32>"},
      {{"-chardev", "help"}, "socket"},
      {{"-display", "help"}, "  sdl    a window"},
      {{"-display", "?"}, "  S      writes a screenshot"},
      {{"-netdev", "help"}, "\nuser\n"},
      {{"-accel", "help"}, "tcg\n"},
      {{"-M", "none", "-accel", "help"}, "tcg\n"},
      {{"-version", "-compat", "qemu"}, "QEMU emulator version 10.0.0 (compatible; quince "},
      {{"-compat", "qemu", "--help"}, "QEMU emulator version 10.0.0 (compatible; quince "},
      {{"-help"}, "usage: quince"},
      {{"--help"}, "usage: quince"},
      {{"-h"}, "usage: quince"},
      {{"-version"}, "quince "},
      {{"--version"}, "quince "},
      // Help comes where it stands, before anything behind it is looked at.
      {{"-M", "help", "-bogus"}, "\nvmapple "},
  };
  for (const auto& p : kPrints) {
    const auto line = parse(p.args);
    ASSERT_TRUE(line) << joined(p.args);
    EXPECT_NE(line->print.find(p.contains), std::string::npos) << joined(p.args);
    EXPECT_EQ(line->print.back(), '\n');
  }
}

TEST(Options, DefaultMachineIsMarked) {
  const std::string text = parse({"-M", "help"})->print;
  EXPECT_NE(text.find("(default)"), std::string::npos);
  EXPECT_EQ(text.find("(default)"), text.rfind("(default)"));
}

}  // namespace
}  // namespace quince::machine
