// Virtio devices as models: a type is described once, for PCI and for memory-mapped slots.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <span>
#include <vector>

#include "hw/virtio/virtio_device.h"
#include "hw/virtio/virtio_pci.h"
#include "machine/plug/model.h"
#include "machine/plug/plugger.h"

namespace quince::machine {

/// A type of device, whatever its transport.
struct VirtioKind {
  const char* type;  ///< "blk": virtio-blk-pci, virtio-blk-device
  const char* help;
  std::span<const PropertyInfo> properties;
  /// Makes one and keeps it; `features` are those of every type.
  Result<hw::VirtioDevice*> (*make)(Plugger& plugger, Properties& p, u64 features);
  /// Of those that firmware can boot from: what OpenFirmware calls the function's class, and the
  /// end of the path.
  const char* boot_class = nullptr;
  const char* boot_unit = nullptr;
};

inline constexpr PropertyInfo kVirtioProperties[] = {
    {"event_idx", "on/off", "offer VIRTIO_F_EVENT_IDX (on)"},
    {"indirect_desc", "on/off", "offer VIRTIO_F_INDIRECT_DESC (on)"},
    {"packed", "off", "packed rings are not there"},
    {"iommu_platform", "off", "addresses are always physical"},
};
inline constexpr PropertyInfo kVirtioPciProperties[] = {
    {"vectors", "uint32", "MSI-X vectors, 0 for none (one for each queue and one more)"},
    {"disable-legacy", "on/auto", "there is no legacy interface"},
    {"disable-modern", "off", "the modern interface is always there"},
};

/// Properties that have one value only.
inline Result<void> only(Properties& p, std::string_view name, bool value) {
  if (TRY(p.flag(name, value)) != value)
    return fail("{}={} is not implemented", name, value ? "off" : "on");
  return {};
}

/// Features that virtio devices of every type offer, as the properties want them.
inline Result<u64> common_features(Properties& p) {
  u64 features = hw::VirtioDevice::kCommonFeatures;
  if (!TRY(p.flag("event_idx", true))) features &= ~hw::feature_bits(hw::VIRTIO_F_EVENT_IDX);
  if (!TRY(p.flag("indirect_desc", true)))
    features &= ~hw::feature_bits(hw::VIRTIO_F_INDIRECT_DESC);
  TRY_VOID(only(p, "packed", false));
  TRY_VOID(only(p, "iommu_platform", false));
  return features;
}

template <const VirtioKind& K>
Result<void> plug_pci(Plugger& plugger, Properties& p) {
  const hw::FunctionPorts ports = TRY(plugger.claim_pci(p));
  if (p.take_or("disable-legacy", "on") == "off")
    return fail("disable-legacy=off is not implemented");
  TRY_VOID(only(p, "disable-modern", false));
  hw::VirtioPciConfig config;
  if (p.has("vectors"))
    config.vectors =
        static_cast<unsigned>(TRY(p.number("vectors", 0, 0, hw::VirtioPci::kMaxVectors)));
  if (!plugger.msi()) config.vectors = 0;
  const u64 features = TRY(common_features(p));
  hw::VirtioDevice& device = *TRY(K.make(plugger, p, features));
  if constexpr (K.boot_unit != nullptr)
    TRY_VOID(plugger.claim_boot(p, plugger.path_of(ports, K.boot_class) + K.boot_unit));
  plugger.keep(std::make_unique<hw::VirtioPci>(plugger.name() + "/pci", device, config, ports));
  return {};
}

template <const VirtioKind& K>
Result<void> plug_mmio(Plugger& plugger, Properties& p) {
  hw::VirtioMmio& slot = *TRY(plugger.claim_mmio(p));
  const u64 features = TRY(common_features(p));
  slot.plug(*TRY(K.make(plugger, p, features)));
  if constexpr (K.boot_unit != nullptr)
    TRY_VOID(plugger.claim_boot(p, plugger.path_of(slot) + K.boot_unit));
  return {};
}

/// virtio-TYPE-device, and virtio-TYPE-pci with the alias virtio-TYPE.
template <const VirtioKind& K>
void add_virtio_kind(std::vector<DeviceModel>& to) {
  std::vector<PropertyInfo> properties(K.properties.begin(), K.properties.end());
  properties.insert(properties.end(), std::begin(kVirtioProperties), std::end(kVirtioProperties));
  if constexpr (K.boot_unit != nullptr)
    properties.insert(properties.end(), std::begin(kBootProperties), std::end(kBootProperties));
  to.push_back({.name = fmt::format("virtio-{}-device", K.type),
                .into = PlugInto::VirtioMmio,
                .help = K.help,
                .properties = properties,
                .plug = plug_mmio<K>});
  properties.insert(properties.end(), std::begin(kVirtioPciProperties),
                    std::end(kVirtioPciProperties));
  to.push_back({.name = fmt::format("virtio-{}-pci", K.type),
                .alias = fmt::format("virtio-{}", K.type),
                .into = PlugInto::Pci,
                .help = K.help,
                .properties = properties,
                .plug = plug_pci<K>});
}

}  // namespace quince::machine
