#include "hw/vmapple/cfg.h"

#include <algorithm>

#include "base/bits.h"
#include "hw/core/archive.h"

namespace quince::hw {

namespace {

/// Little-endian, at the places of a C compiler.  Fields whose meaning nobody knows have the values that
/// the platform gives them.
// clang-format off
enum Offset : u64 {
  kVersion = 0x000, kNrCpus = 0x004, kUnknown1 = 0x008, kUnknown2 = 0x00c, kUnknown3 = 0x010, kEcid = 0x018,
  kRamSize = 0x020, kRunInstaller1 = 0x028, kUnknown5 = 0x02c, kUnknown6 = 0x030, kRunInstaller2 = 0x034,
  kRnd = 0x038, kMacEn0 = 0x040, kMacEn1 = 0x048, kMacWifi0 = 0x050, kMacBt0 = 0x058, kCpuIds = 0x100,
  kSerial = 0x500, kUnknown8 = 0x520, kModel = 0x540, kUnknown10 = 0x580, kSocName = 0x584, kSeed = 0x5c8,
};
// clang-format on

}  // namespace

Result<void> VmappleCfgConfig::check() const {
  const std::pair<const char*, const std::string&> strings[] = {
      {"serial", serial}, {"model", model}, {"soc-name", soc_name}};
  for (const auto& [option, text] : strings)
    if (text.size() > kMaxString)
      return fail("{}= has {} bytes, and the platform has room for {}", option, text.size(),
                  kMaxString);
  if (cpus > kMaxCpus)
    return fail("{} CPUs are too many: the platform names at most {}", cpus, kMaxCpus);
  return {};
}

VmappleCfg::VmappleCfg(std::string_view name, const VmappleCfgConfig& config, GuestRam& memory)
    : Device(name), config_(config), memory_(memory) {
  reset();
}

void VmappleCfg::snapshot(Archive& ar) {
  ar.field("random", config_.random);
  ar.field("seed", config_.seed);
}

void VmappleCfg::reset() {
  u8* const m = memory_.data();
  const auto word = [&](u64 at, u32 v) { store_le(m + at, v); };
  const auto copy = [&](u64 at, const auto& v) { std::copy(v.begin(), v.end(), m + at); };
  std::fill_n(m, kSize, u8{0});
  memory_.mark_dirty(0, kSize);
  word(kVersion, 2);
  word(kNrCpus, config_.cpus);
  word(kUnknown1, 1);
  word(kUnknown2, 1);
  word(kUnknown3, 0x20);
  store_le(m + kEcid, config_.ecid);
  store_le(m + kRamSize, config_.ram_bytes);
  word(kRunInstaller1, config_.run_installer1);
  word(kUnknown5, 1);
  word(kUnknown6, 1);
  word(kRunInstaller2, config_.run_installer2);
  word(kRnd, config_.random);
  copy(kMacEn0, config_.mac_en0);
  copy(kMacEn1, config_.mac_en1);
  copy(kMacWifi0, config_.mac_wifi0);
  copy(kMacBt0, config_.mac_bt0);
  for (u32 i = 0; i < config_.cpus; ++i) word(kCpuIds + 4 * i, i);
  copy(kSerial, config_.serial);
  copy(kUnknown8, std::string_view("D/A"));
  copy(kModel, config_.model);
  word(kUnknown10, 1);
  copy(kSocName, config_.soc_name);
  copy(kSeed, config_.seed);
}

}  // namespace quince::hw
