// The configuration block of Apple's virtual platform: what firmware learns about the machine.
//
// There is no public manual.  The layout is the one that QEMU's compiled structure has, which guests boot
// with (its source notes other offsets); docs/platform.md has the evidence.
//
// It is memory: the guest may write it, nothing happens then, and every reset writes it anew.
// Chosen: a seed of 64 random bytes behind the structure, where newer firmware looks for one.
#pragma once

#include <array>
#include <string>

#include "base/mac_address.h"
#include "base/result.h"
#include "hw/core/device.h"
#include "hw/core/ram.h"

namespace quince::hw {

struct VmappleCfgConfig {
  u32 cpus = 1;  ///< at most kMaxCpus
  u64 ram_bytes = 0;
  u64 ecid = 0;  ///< the exclusive chip id, which an image is personalised for
  u32 run_installer1 = 0, run_installer2 = 0;
  u32 random = 0;  ///< another one for each machine
  std::array<u8, 64> seed{};
  MacAddress mac_en0{}, mac_en1{}, mac_wifi0{}, mac_bt0{};
  std::string serial = "1234", model = "VM0001", soc_name = "Apple M1 (Virtual)";

  static constexpr u32 kMaxCpus = 128;
  static constexpr std::size_t kMaxString = 31;  ///< bytes
  /// What is wrong with it, in the words of its options.
  Result<void> check() const;
};

class VmappleCfg final : public Device {
 public:
  static constexpr u64 kSize = 64 * KiB;

  /// `config` passed check().  The memory is kSize bytes and outlives this.
  VmappleCfg(std::string_view name, const VmappleCfgConfig& config, GuestRam& memory);

  void reset() override;
  /// What another machine would have drawn otherwise, for the next reset; memory saves itself.
  void snapshot(Archive& ar) override;
  void restored() override {}

 private:
  VmappleCfgConfig config_;
  GuestRam& memory_;
};

}  // namespace quince::hw
