// Small guest programs, and machines to run them on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine/machine.h"

namespace quince::machine::test {

/// Where programs start: RAM of the vmapple board.
inline constexpr u64 kRam = 0x7000'0000;
/// Where programs keep data, away from their code.
inline constexpr u64 kData = kRam + 0x10'0000;

/// Writes A64 instructions (Arm ARM DDI 0487, C6.2).
class Program {
 public:
  std::vector<u32> words;

  Program& word(u32 w);
  /// MOVZ and MOVK until Xd is `value`.
  Program& mov(unsigned d, u64 value);
  Program& str(unsigned t, unsigned n) { return word(0xf900'0000 | n << 5 | t); }   ///< STR Xt, [Xn]
  Program& str_w(unsigned t, unsigned n) { return word(0xb900'0000 | n << 5 | t); } ///< STR Wt, [Xn]
  Program& ldr(unsigned t, unsigned n) { return word(0xf940'0000 | n << 5 | t); }   ///< LDR Xt, [Xn]
  Program& add(unsigned d, unsigned n, u32 imm) { return word(0x9100'0000 | imm << 10 | n << 5 | d); }
  Program& sub(unsigned d, unsigned n, u32 imm) { return word(0xd100'0000 | imm << 10 | n << 5 | d); }
  /// CBNZ Xt to `words` words before or behind this one.
  Program& cbnz(unsigned t, int distance);
  Program& cbz(unsigned t, int distance);
  Program& b(int distance);
  Program& hvc() { return word(0xd400'0002); }
  Program& wfi() { return word(0xd503'207f); }
  Program& wfe() { return word(0xd503'205f); }
  Program& msr(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2, unsigned t);
  Program& mrs(unsigned t, unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2);
  /// A PSCI call; X0 is the result.
  Program& psci(u32 function) { return mov(0, function).hvc(); }
  /// SYSTEM_OFF, and a store to kData + 8 behind it that must not happen.
  Program& off();
};

/// The engine of this run (tests/support/engine.h), or else the default.
EngineConfig engine();
/// A deterministic vmapple machine's configuration with 16 MiB and that engine.
MachineConfig config(unsigned cpus = 1);
/// Adds loaders for a program at `address`, where `start` begins, if any.
void load(MachineConfig& c, const Program& p, u64 address = kRam,
          std::optional<unsigned> start = 0);
/// The machine, which must come up.
std::unique_ptr<Machine> make(MachineConfig c);
/// A 64-bit word of guest RAM.
u64 peek(Machine& m, u64 address);

}  // namespace quince::machine::test
