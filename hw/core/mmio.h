// What a memory-mapped device answers to the bus.
#pragma once

#include <string>

#include "base/types.h"
#include "hw/core/device.h"

namespace quince::hw {

/// The outcome of an access, as the device sees it.  The bus logs it by register name, rate
/// limited, and chooses between read-as-zero/write-ignored and an external abort.
enum class [[nodiscard]] Bus : u8 {
  Ok,
  BadRegister,  ///< nothing at this offset
  BadSize,      ///< the register does not take accesses of this size or alignment
  ReadOnly,
  WriteOnly,
};
const char* to_string(Bus b);

/// The attributes of an access.
struct Access {
  unsigned size = 4;    ///< bytes: 1, 2, 4 or 8
  u16 requester = 0;    ///< who asks: the vCPU's index, or a bus-master's requester id
  bool debug = false;   ///< from a debugger: no side effects
};

/// One register or one array of registers, as the tables, the log, the documentation and the fuzz
/// harness see it.
struct RegInfo {
  u32 offset = 0;         ///< of the first element, from the device's base
  const char* name = "";  ///< as the manual spells it
  u8 size = 4;            ///< bytes
  u8 access = 4;          ///< accepted access sizes, or-ed: 1 | 2 | 4 | 8
  u16 count = 1;          ///< elements
  u32 stride = 0;         ///< bytes from one element to the next
  bool readable = true;
  bool writable = true;
  /// Reading changes the state (a FIFO, clear on read): unreadable for a debugger, and a write of
  /// fewer bytes than the register has takes the others as zero instead of reading them.
  bool read_effect = false;
};

/// A device with registers in the address space.
class MmioDevice : public Device {
 public:
  using Device::Device;

  /// Reads `a.size` bytes at `off`, which is naturally aligned and inside the mapped window.  `out`
  /// is written only with Bus::Ok, zero-extended.
  virtual Bus read(u64 off, Access a, u64& out) = 0;
  /// Writes the low `a.size` bytes of `in`.
  virtual Bus write(u64 off, Access a, u64 in) = 0;

  /// The register table: how many rows, and one of them.
  virtual std::size_t reg_count() const { return 0; }
  virtual RegInfo reg_info(std::size_t) const { return {}; }

  /// "NAME" or "NAME[i]" of the register at an offset; "+0x..." where there is none.
  virtual std::string reg_name(u64 off) const;
};

}  // namespace quince::hw
