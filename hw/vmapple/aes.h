// The AES engine of Apple's virtual platform ("aes,s8000").
//
// There is no public manual.  The registers and commands are known from QEMU's model of the device and
// from what macOS was seen to do with it; docs/platform.md says where sources disagree.  The cipher is
// AES (FIPS 197) in the modes ECB and CBC (NIST SP 800-38A), done by nettle.
//
// Modelled: the command FIFO, two key contexts, each with a direction and mode of its own, four IV
// contexts, keys of 128, 192 and 256 bits, the built-in keys 1 to 3, DMA, flags and the interrupt.
// Chosen where nothing public decides:
//   - CBC leaves the last ciphertext block in its IV context, so that a long message may be given in
//     pieces; guests that were traced load the IV before each piece.
//   - The built-in keys have the values that QEMU gave them: the number, then zeroes, 32 bytes.
//   - A command that cannot be done sets the invalid-command bit and empties the FIFO, so that the next
//     word is a command again.
// Deliberately missing: the opcodes 3 (DSB), 4 (SKG) and 7 (WRITE_REG), of which nothing is known; they are
// invalid commands.  STATUS never shows an engine at work: a command ends before the write to the FIFO does.
#pragma once

#include <array>
#include <optional>

#include "base/log.h"
#include "hw/core/dma.h"
#include "hw/core/irq.h"
#include "hw/core/reg_map.h"

namespace quince::hw {

class VmappleAes final : public RegMapDevice<VmappleAes> {
 public:
  static constexpr u64 kSize = 0x4000;
  static constexpr u32 kBlock = 16;  ///< bytes

  /// `irq` is high while an enabled status bit is set.
  VmappleAes(std::string_view name, IrqLine irq, DmaPort dma, Log& log);

  Bus read(u64 off, Access a, u64& out) override;
  Bus write(u64 off, Access a, u64 in) override;
  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<VmappleAes>> regs();
  void sync();

 private:
  friend RegOps<VmappleAes>;
  using Op = RegOps<VmappleAes>;

  enum Status : u32 { kInvalidCommand = 1 << 2, kFlagCommand = 1 << 5 };
  enum class Mode : u8 { Ecb, Cbc };
  static constexpr unsigned kKeys = 2, kIvs = 4, kMaxKey = 32;
  static constexpr unsigned kFifoWords = 9;  // the longest command: KEY and eight words
  using Block = std::array<u8, kBlock>;

  struct State {
    std::array<u32, kFifoWords> fifo{};
    u8 fifo_words = 0;
    u32 irq_status = 0, irq_enable = 0;
    u8 flag_info = 0;
    std::array<std::array<u8, kMaxKey>, kKeys> key{};
    std::array<u8, kKeys> key_bytes{};  // 0: none yet
    std::array<bool, kKeys> encrypts{};
    std::array<Mode, kKeys> mode{};
    std::array<Block, kIvs> iv{};
  };

  void push(u32 word);
  std::optional<unsigned> payload_words() const;
  // These say whether the command could be done.
  bool execute();
  bool set_key();
  bool data();
  void flag();
  void crypt(unsigned key, Block& iv, std::span<u8> bytes) const;
  u32 word(unsigned i) const { return s_.fifo[i]; }
  void copy_payload(std::span<u8> to) const;
  static const std::array<Reg<VmappleAes>, 7> kRegs;

  IrqLine irq_;
  DmaPort dma_;
  Log& log_;
  State s_;
};

}  // namespace quince::hw
