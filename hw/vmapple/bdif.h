// The backdoor interface of Apple's virtual platform: how firmware reads and writes disks before it has
// a PCI driver.
//
// There is no public manual.  Known from QEMU's model and from forks that boot later guests with it;
// docs/platform.md has the facts and where sources differ.
//
// Modelled: the two block devices, root and aux, with the size of the medium, reads and writes; every
// other device number answers the registers that are the same for all.  A request is done before the
// write to CMD ends: that write waits for the host's disk.
// Chosen: the sector number is 64 bits wide, as in the virtio header that the structure resembles; a request
// block that is no memory is dropped; a data range that is not all memory moves nothing.
// Deliberately missing: the USB device port that installers use.  Its registers answer as a port on which
// nothing ever arrives.
#pragma once

#include <array>

#include "base/log.h"
#include "block/block.h"
#include "hw/core/dma.h"
#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"

namespace quince::hw {

/// All that it could keep is on the disks.
class VmappleBdif final : public Stateless<> {
 public:
  static constexpr u64 kSize = 2 * MiB;
  /// Numbers of devices: bits 31 to 16 of an offset.
  enum Id : u16 { kRoot = 0x00, kAux = 0x01, kUsb = 0x10 };
  static constexpr u32 kMaxTransfer = 128 * MiB;

  struct Media {
    block::Disk* root = nullptr;  ///< null: none
    block::Disk* aux = nullptr;
  };
  /// The disks outlive the device.
  VmappleBdif(std::string_view name, Media media, DmaPort dma, Log& log);

  Bus read(u64 off, Access a, u64& out) override;
  Bus write(u64 off, Access a, u64 in) override;
  std::size_t reg_count() const override;
  RegInfo reg_info(std::size_t i) const override;

 private:
  /// What a register belongs to.
  struct Port {
    VmappleBdif& bdif;
    u16 id;
    u64 cfg() const { return id == kUsb ? 0x1a01 : 2; }
    u64 busy() const { return id == kUsb ? 0 : 1; }
    u64 capacity() const { return bdif.sectors(id); }
    void cmd(u64 address) { bdif.request(id, PhysAddr(address)); }
    void sync() {}
    struct State {};
  };
  struct Descriptor {
    u64 addr = 0;
    u32 len = 0, flags = 0;
  };
  static const std::array<Reg<Port>, 9> kRegs;

  block::Disk* disk(u16 id) const;
  u64 sectors(u16 id) const;
  void request(u16 id, PhysAddr block);
  bool transfer(block::Disk& disk, const Descriptor& sector, const Descriptor& data);

  const Media media_;
  DmaPort dma_;
  Log& log_;
  TracePoint trace_request_;
};

}  // namespace quince::hw
