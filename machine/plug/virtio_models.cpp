// -device models of virtio: each type once, for PCI and for memory-mapped slots.
#include <fmt/format.h>

#include <algorithm>

#include "hw/virtio/virtio_9p.h"
#include "hw/virtio/virtio_balloon.h"
#include "hw/virtio/virtio_blk.h"
#include "hw/virtio/virtio_console.h"
#include "hw/virtio/virtio_net.h"
#include "hw/virtio/virtio_rng.h"
#include "machine/plug/model.h"
#include "machine/plug/plugger.h"
#include "machine/plug/virtio_kind.h"

namespace quince::machine {

namespace {

// ---- Types -------------------------------------------------------------------------------------

constexpr PropertyInfo kBlkProperties[] = {
    {"drive", "str", "the -drive that it holds"},
    {"serial", "str", "what the guest reads as its serial number, at most 20 characters"},
    {"num-queues", "uint16", "request queues (one for each CPU)"},
    {"queue-size", "uint16", "entries of a queue, a power of two"},
    {"logical_block_size", "size", "512 or more"},
    {"physical_block_size", "size", "512 or more"},
    {"min_io_size", "size", "what is best to write at once, or 0"},
    {"opt_io_size", "size", "likewise"},
    {"discard", "on/off", "the guest may give blocks back (on)"},
    {"write-zeroes", "on/off", "the guest may have zeroes written (on)"},
    {"config-wce", "on/off", "the guest may switch the write cache off (on)"},
};

/// A disk; `apple`: which one of Apple's platform.
Result<hw::VirtioDevice*> make_disk(Plugger& plugger, Properties& p, u64 features,
                                    hw::AppleDisk apple) {
  const auto id = p.take("drive");
  if (!id) return fail("drive= is missing");
  Backends::Drive& drive = *TRY(plugger.backends().take_drive(*id));
  hw::VirtioBlkConfig c;
  c.features = features;
  c.apple = apple;
  c.serial = p.take_or("serial", drive.config.serial);
  const u64 usual_queues = std::min(plugger.cpus(), hw::VirtioPci::kMaxQueues);
  c.queues =
      static_cast<u16>(TRY(p.number("num-queues", usual_queues, 1, hw::VirtioPci::kMaxQueues)));
  c.queue_size = static_cast<u16>(TRY(p.number("queue-size", c.queue_size, 2, 1024)));
  c.logical_block = static_cast<u32>(TRY(p.size("logical_block_size", c.logical_block)));
  c.physical_block = static_cast<u32>(
      TRY(p.size("physical_block_size", std::max(c.physical_block, c.logical_block))));
  c.min_io = static_cast<u32>(TRY(p.size("min_io_size", 0)));
  c.opt_io = static_cast<u32>(TRY(p.size("opt_io_size", 0)));
  c.discard = TRY(p.flag("discard", true));
  c.write_zeroes = TRY(p.flag("write-zeroes", true));
  c.config_wce = TRY(p.flag("config-wce", true));
  TRY_VOID(c.check());
  return &plugger.own(std::make_unique<hw::VirtioBlk>(
      plugger.name(), c, plugger.backends().disk_of(drive), plugger.log(), plugger.timers()));
}

Result<hw::VirtioDevice*> make_blk(Plugger& plugger, Properties& p, u64 features) {
  return make_disk(plugger, p, features, hw::AppleDisk::None);
}

constexpr auto kAppleBlkProperties = [] {
  std::array<PropertyInfo, std::size(kBlkProperties) + 1> all{};
  all[0] = {"variant", "root/aux", "which of the platform's two disks it is"};
  std::copy(std::begin(kBlkProperties), std::end(kBlkProperties), all.begin() + 1);
  return all;
}();

Result<hw::VirtioDevice*> make_apple_blk(Plugger& plugger, Properties& p, u64 features) {
  if (!p.has("variant"))
    return fail("variant= is missing: root or aux (other disks are virtio-blk-pci)");
  const bool root = TRY(p.choice("variant", {"root", "aux"}, 0)) == 0;
  return make_disk(plugger, p, features, root ? hw::AppleDisk::Root : hw::AppleDisk::Aux);
}

constexpr hw::PciIdentity kAppleBlkIdentity{.vendor = 0x106b,
                                            .device = 0x1a00,
                                            .subsystem_vendor = 0x1af4,
                                            .subsystem = 0x1100,
                                            .revision = 1,
                                            .class_code = 0x01'0000};

constexpr PropertyInfo kRngProperties[] = {
    {"rng", "str", "an -object rng-builtin or rng-random (both are the host's random numbers)"},
    {"max-bytes", "uint64", "at most so many bytes in a period"},
    {"period", "uint32", "milliseconds"},
};

Result<hw::VirtioDevice*> make_rng(Plugger& plugger, Properties& p, u64 features) {
  hw::VirtioRngConfig c;
  c.features = features;
  if (const auto id = p.take("rng")) {
    if (!plugger.backends().object(*id, "rng-builtin"))
      TRY(plugger.backends().object(*id, "rng-random"));
  }
  c.max_bytes = TRY(p.number("max-bytes", 0));
  c.period_ns =
      TRY(p.number("period", c.period_ns / hw::kMillisecond, 1, 0xffff'ffff)) * hw::kMillisecond;
  return &plugger.own(std::make_unique<hw::VirtioRng>(
      plugger.name(), c, plugger.backends().entropy(), plugger.log(), plugger.timers()));
}

constexpr PropertyInfo kNetOwnProperties[] = {
    {"netdev", "str", "the -netdev that it is plugged into"},
    {"mac", "str", "its address (52:54:00:12:34:56, and one more for each device)"},
    {"queue-pairs", "uint16", "pairs of queues, up to 16 (one for each CPU is best)"},
    {"rx_queue_size", "uint16", "entries of a receive queue, a power of two"},
    {"tx_queue_size", "uint16", "entries of a transmit queue, a power of two"},
    {"host_mtu", "uint16", "the greatest packet that the guest should use"},
    {"speed", "uint32", "Mbit/s that the guest reads"},
    {"duplex", "str", "half or full, that the guest reads"},
};
/// What QEMU's device has and ours does not.
constexpr const char* kNetMissing[] = {"host_ufo",   "guest_ufo", "guest_uso4",
                                       "guest_uso6", "rss",       "hash"};

constexpr auto kNetProperties = [] {
  std::array<PropertyInfo,
             std::size(kNetOwnProperties) + hw::kVirtioNetSwitches.size() + std::size(kNetMissing)>
      all{};
  auto next = std::copy(std::begin(kNetOwnProperties), std::end(kNetOwnProperties), all.begin());
  for (const hw::VirtioNetSwitch& s : hw::kVirtioNetSwitches)
    *next++ = {s.option, "on/off", s.help};
  for (const char* name : kNetMissing) *next++ = {name, "off", "not there"};
  return all;
}();

Result<hw::VirtioDevice*> make_net(Plugger& plugger, Properties& p, u64 features) {
  hw::VirtioNetConfig c;
  c.features = features;
  c.mac.back() = static_cast<u8>(c.mac.back() + plugger.next_nic());
  if (const auto mac = p.take("mac")) c.mac = TRY(parse_mac("mac", *mac));
  c.queue_pairs = static_cast<u16>(TRY(p.number("queue-pairs", 1, 1, hw::VirtioNet::kMaxPairs)));
  c.offers = 0;
  for (const hw::VirtioNetSwitch& s : hw::kVirtioNetSwitches) {
    const bool usual = s.feature != hw::VIRTIO_NET_F_MQ || c.queue_pairs > 1;
    if (TRY(p.flag(s.option, usual))) c.offers |= hw::feature_bits(s.feature);
  }
  for (const char* name : kNetMissing) TRY_VOID(only(p, name, false));
  c.rx_queue_size = static_cast<u16>(TRY(p.number("rx_queue_size", c.rx_queue_size, 0, 0xffff)));
  c.tx_queue_size = static_cast<u16>(TRY(p.number("tx_queue_size", c.tx_queue_size, 0, 0xffff)));
  c.mtu = static_cast<u16>(TRY(p.number("host_mtu", 0, 0, 0xffff)));
  if (p.has("speed")) c.speed = static_cast<u32>(TRY(p.number("speed", 0, 0, 0xffff'ffff)));
  if (p.has("duplex")) c.full_duplex = TRY(p.choice("duplex", {"half", "full"}, 1)) == 1;
  TRY_VOID(c.check());
  // Without one it is a card that is plugged into nothing, as QEMU's.
  net::Port* port = nullptr;
  if (const auto id = p.take("netdev")) port = TRY(plugger.backends().take_netdev(*id));
  return &plugger.own(
      std::make_unique<hw::VirtioNet>(plugger.name(), c, port, plugger.log(), plugger.timers()));
}

constexpr PropertyInfo kBalloonProperties[] = {
    {"deflate-on-oom", "on/off", "the guest takes pages back before it runs out of memory (off)"},
    {"free-page-reporting", "on/off", "the host gets pages that the guest does not use (off)"},
    {"free-page-hint", "off", "not there"},
    {"guest-stats-polling-interval", "uint32", "seconds between statistics of the guest (0: none)"},
};

Result<hw::VirtioDevice*> make_balloon(Plugger& plugger, Properties& p, u64 features) {
  hw::VirtioBalloonConfig c;
  c.features = features;
  c.deflate_on_oom = TRY(p.flag("deflate-on-oom", false));
  c.free_page_reporting = TRY(p.flag("free-page-reporting", false));
  TRY_VOID(only(p, "free-page-hint", false));
  c.stats_interval_ns =
      TRY(p.number("guest-stats-polling-interval", 0, 0, 0xffff'ffff)) * hw::kSecond;
  return &plugger.own(
      std::make_unique<hw::VirtioBalloon>(plugger.name(), c, plugger.log(), plugger.timers()));
}

constexpr PropertyInfo kSerialProperties[] = {
    {"max_ports", "uint32",
     "ports that there may be, 1 to 31; with 1 there is only a console (31)"},
    {"emergency-write", "on/off", "the guest may write a character without a driver (on)"},
};

Result<hw::VirtioDevice*> make_serial(Plugger& plugger, Properties& p, u64 features) {
  hw::VirtioConsoleConfig c;
  c.features = features;
  c.max_ports = static_cast<u32>(TRY(p.number("max_ports", c.max_ports, 0, 0xffff'ffff)));
  c.emergency_write = TRY(p.flag("emergency-write", c.emergency_write));
  TRY_VOID(c.check());
  auto& device = plugger.own(
      std::make_unique<hw::VirtioConsole>(plugger.name(), c, plugger.log(), plugger.timers()));
  plugger.add_serial_bus(device);
  return &device;
}

constexpr PropertyInfo kPortProperties[] = {
    {"chardev", "str", "the -chardev at its other end; without it nothing is there"},
    {"name", "str", "what the guest finds it by"},
    {"nr", "uint32", "its number (the first free one; 0 is for a virtconsole)"},
};

template <bool kConsole>
Result<void> plug_port(Plugger& plugger, Properties& p) {
  hw::VirtioConsole& controller = *TRY(plugger.claim_serial(p));
  hw::VirtioPortConfig c{.console = kConsole, .name = p.take_or("name", "")};
  if (p.has("nr")) c.nr = static_cast<u32>(TRY(p.number("nr", 0, 0, 0xffff'ffff)));
  hw::CharPort* back_end = nullptr;
  if (const auto id = p.take("chardev")) back_end = TRY(plugger.backends().take_chardev(*id));
  TRY(controller.add_port(c, back_end));
  return {};
}

constexpr VirtioKind kBalloon{"balloon", "memory balloon", kBalloonProperties, make_balloon};
constexpr VirtioKind kSerial{"serial", "controller of virtconsole and virtserialport",
                             kSerialProperties, make_serial};

constexpr PropertyInfo k9pProperties[] = {
    {"fsdev", "str", "the -fsdev that it shows"},
    {"mount_tag", "str", "the name that the guest mounts it by, at most 31 characters"},
};

Result<hw::VirtioDevice*> make_9p(Plugger& plugger, Properties& p, u64 features) {
  const auto id = p.take("fsdev");
  if (!id) return fail("fsdev= is missing");
  const hw::Virtio9pConfig c{.features = features, .mount_tag = p.take_or("mount_tag", "")};
  TRY_VOID(c.check());
  Backends::Fsdev& fsdev = *TRY(plugger.backends().take_fsdev(*id));
  return &plugger.own(std::make_unique<hw::Virtio9p>(plugger.name(), c, std::move(fsdev.folder),
                                                     *fsdev.executor, plugger.log(),
                                                     plugger.timers()));
}

constexpr VirtioKind k9p{"9p", "folder of the host", k9pProperties, make_9p};
constexpr VirtioKind kBlk{"blk", "disk", kBlkProperties, make_blk, "scsi", "/disk@0,0"};
constexpr VirtioKind kAppleBlk{.type = "vmapple-virtio-blk-pci",
                               .help = "disk of Apple's platform",
                               .properties = kAppleBlkProperties,
                               .make = make_apple_blk,
                               .identity = &kAppleBlkIdentity};
constexpr VirtioKind kNet{"net",    "network card", kNetProperties,
                          make_net, "ethernet",     "/ethernet-phy@0"};
constexpr VirtioKind kRng{"rng", "random numbers", kRngProperties, make_rng};

}  // namespace

void add_virtio_models(std::vector<DeviceModel>& to) {
  add_virtio_kind<k9p>(to);
  add_virtio_kind<kBalloon>(to);
  add_virtio_kind<kBlk>(to);
  add_virtio_kind<kNet>(to);
  add_virtio_kind<kRng>(to);
  add_virtio_kind<kSerial>(to);
  to.push_back({.name = kAppleBlk.type,
                .help = kAppleBlk.help,
                .properties = virtio_pci_properties(kAppleBlk.properties),
                .plug = plug_pci<kAppleBlk>});
  to.push_back({.name = "virtconsole",
                .into = PlugInto::VirtioSerialBus,
                .help = "console of a virtio-serial device",
                .properties = {std::begin(kPortProperties), std::end(kPortProperties)},
                .plug = plug_port<true>});
  to.push_back({.name = "virtserialport",
                .into = PlugInto::VirtioSerialBus,
                .help = "named serial port of a virtio-serial device",
                .properties = {std::begin(kPortProperties), std::end(kPortProperties)},
                .plug = plug_port<false>});
}

}  // namespace quince::machine
