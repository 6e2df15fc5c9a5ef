// NOR flash with the Common Flash Interface and Intel's command set (JEDEC JESD68.01 and JEP137,
// command set 0001h; Intel StrataFlash Embedded Memory P30 datasheet, sections 7 to 11).
//
// Two x16 chips side by side make a bank that is 32 bits wide, as on QEMU's Arm boards; commands go
// to both at once.  In read-array mode the bank is memory: vCPUs read and execute it directly.  In
// every other mode reads come here.
//
// Modelled: read array, status, identifier and CFI query; single-word and buffered program; block
// erase; block lock bits (all unlocked at reset, as firmware written for QEMU expects it).
// Programming only clears bits.  Operations take no time.
// Deliberately missing: suspend, the one-time-programmable area, burst configuration, commands to
// one chip alone.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "block/block.h"
#include "hw/core/address_space.h"
#include "hw/core/reg_map.h"

namespace quince::hw {

/// Where a flash bank keeps what is written to it.  Everything is called with the I/O lock held.
class FlashStore {
 public:
  virtual ~FlashStore() = default;
  /// `bytes` at `offset` changed; they stay where they are.  Never blocks.
  virtual void changed(u64 offset, u64 length) = 0;
};

class CfiFlash final : public MmioDevice {
 public:
  static constexpr u64 kBlockSize = 256 * KiB;  ///< of the bank: one block of each chip
  static constexpr u64 kMaxBlocks = 512;
  static constexpr u32 kBufferWords = 512;  ///< of a buffered program, 32 bits each
  /// `contents` is the bank's memory: a multiple of kBlockSize, at most kMaxBlocks of them.
  /// `store` hears of changes; null when what is written may be forgotten.  With `read_only`,
  /// program and erase fail as on a write-protected chip.
  CfiFlash(std::string_view name, GuestRam& contents, FlashStore* store, bool read_only, Log& log);

  /// Puts the bank into the address space; it moves between memory and device there by itself.
  Result<void> map(AddressSpace& space, PhysAddr base);

  Bus read(u64 off, Access a, u64& out) override;
  Bus write(u64 off, Access a, u64 in) override;
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  void sync();

 private:
  enum class Mode : u8 { Array, Status, Identifier, Query };
  /// What the next write is.
  enum class Expect : u8 {
    Command,
    EraseConfirm,
    ProgramData,
    BufferCount,
    BufferData,
    BufferConfirm,
    LockConfirm
  };
  struct State {
    Mode mode = Mode::Array;
    Expect expect = Expect::Command;
    u8 status = 0;
    u32 remaining = 0;                      // words that a buffered program still takes
    u32 block = 0;                          // that it goes to
    u32 used = 0;                           // words in the buffer
    std::array<u32, kBufferWords> where{};  // word offsets in the bank
    std::array<u32, kBufferWords> what{};
    std::array<u8, kMaxBlocks> locked{};
  };

  u32 answer(u64 off) const;
  void command(u64 off, u8 c);
  void follow_up(u64 off, Access a, u64 in);
  void buffer_data(u64 off, u32 word);
  void program_buffer();
  bool may_change(u64 block, u8 failure);
  void erase(u64 off);
  void program(u64 off, unsigned size, u64 value);
  void lock(u64 off, u8 c);
  void back_to_status(u8 failure);
  u64 blocks() const { return contents_.size() / kBlockSize; }

  GuestRam& contents_;
  FlashStore* store_;
  const bool read_only_;
  Log& log_;
  AddressSpace* space_ = nullptr;
  PhysAddr base_;
  std::vector<u8> query_;
  State s_;
};

}  // namespace quince::hw
