// QEMU's firmware configuration device (its manual, "QEMU Firmware Configuration (fw_cfg) Device"),
// memory-mapped as on its Arm boards.
//
// Firmware selects an item by number and reads its bytes from the data register or by DMA.  Numbers
// from 0x20 are files, listed with their names in item 0x19.
//
// Modelled: selector, data and DMA registers (all big-endian), read, skip and select by DMA,
// writing by DMA into items that allow it.  A transfer runs in pieces of kDmaPiece bytes, later
// ones from a timer, so that no request holds the machine for long; the guest sees the control
// word become zero at the end, as the interface wants it.
// Deliberately missing: the x86 port interface, writes through the data register (QEMU removed
// them too).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "hw/core/dma.h"
#include "hw/core/reg_map.h"
#include "hw/core/timer.h"

namespace quince::hw {

/// A file that the guest writes, which belongs to another device.
class FwCfgWritable {
 public:
  /// What the file holds; always as many bytes.
  virtual std::span<u8> file_bytes() = 0;
  /// The guest wrote some of them.
  virtual void file_written() = 0;

 protected:
  ~FwCfgWritable() = default;
};

class FwCfg final : public RegMapDevice<FwCfg> {
 public:
  /// Items with numbers of their own.
  enum Key : u16 {
    kSignature = 0x00,
    kId = 0x01,
    kNbCpus = 0x05,
    kKernelAddr = 0x07,
    kKernelSize = 0x08,
    kInitrdAddr = 0x0a,
    kInitrdSize = 0x0b,
    kBootMenu = 0x0e,
    kMaxCpus = 0x0f,
    kKernelData = 0x11,
    kInitrdData = 0x12,
    kCmdlineSize = 0x14,
    kCmdlineData = 0x15,
    kFileDir = 0x19,
    kFirstFile = 0x20,
  };
  static constexpr std::size_t kMaxFiles = 256;
  static constexpr std::size_t kMaxName = 55;  ///< characters
  static constexpr u64 kDmaPiece = 4 * MiB;

  FwCfg(std::string_view name, TimerQueue& timers, DmaPort dma, Log& log);

  /// Adds an item, or replaces it.  Before the machine runs.
  void add(Key key, std::vector<u8> bytes);
  void add_u16(Key key, u16 value);
  void add_u32(Key key, u32 value);
  /// Adds a file; the directory follows.  Fails when the name is taken or too long, or there are
  /// too many.
  Result<void> add_file(std::string_view name, std::vector<u8> bytes);
  /// The same for one that the guest may write by DMA.  Its owner saves and resets it, and outlives
  /// the machine's run.
  Result<void> add_file(std::string_view name, FwCfgWritable& owner);

  Bus read(u64 off, Access a, u64& out) override;
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<FwCfg>> regs();
  void sync();

 private:
  friend RegOps<FwCfg>;
  using Op = RegOps<FwCfg>;

  struct Item {
    u16 key = 0;
    std::string file;  // empty: no file
    std::vector<u8> bytes;
    FwCfgWritable* owner = nullptr;  // has the bytes
    std::span<const u8> data() const {
      return owner != nullptr ? owner->file_bytes() : std::span<const u8>(bytes);
    }
  };
  Result<void> add_file(Item item);
  struct State {
    u16 selector = 0;
    u32 offset = 0;  // into the item
    u64 dma_address = 0;
    // A transfer that is not finished: what is left of it.
    bool busy = false;
    u64 request = 0;  // where its control structure is
    u32 control = 0, length = 0;
    u64 address = 0;
  };

  const Item* selected() const;
  void select(u16 big_endian);
  u64 read_data(unsigned size);
  void set_dma_high(u32 big_endian);
  void set_dma_low(u32 big_endian);
  void start_dma();
  void continue_dma();
  bool transfer(u64 size);
  bool write_file();
  void finish_dma(bool error);
  u32 dma_high() const;
  u32 dma_low() const;
  void rebuild_directory();
  static const std::array<Reg<FwCfg>, 4> kRegs;

  DmaPort dma_;
  Log& log_;
  TimerQueue& timers_;
  Timer next_piece_;
  std::vector<Item> items_;
  State s_;
};

}  // namespace quince::hw
