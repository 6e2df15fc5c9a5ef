// Translated code as data, for whoever lists or names it: cpu/jit itself prints nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace quince::cpu::jit {

/// An instruction of the guest that was translated.
struct ListedInsn {
  u64 pc = 0;
  u32 word = 0;
};

/// A piece of host code and what it is there for; it ends where the next one begins.
struct CodePart {
  enum class Kind : u8 {
    Insn,  ///< the instruction at `pc`, in line
    Line,  ///< in line, for no instruction of its own: what a region or a block begins with, ways on
    Away,  ///< behind the region, for what happens seldom
    Data,  ///< constants
  };
  u32 offset = 0;  ///< in the code
  Kind kind = Kind::Line;
  const char* what = "";  ///< one word or two
  u64 pc = 0;             ///< of the guest
};

/// A number in the code that is an address of the emulator's own.
struct CodePointer {
  u32 end = 0;  ///< offset behind the host instruction that has it
  const char* what = "";
};

/// Names for what translated code refers to.  The same for all code of a vCPU.
struct CodeNames {
  struct Place {
    int offset = 0;  ///< from R15, the CpuState
    int bytes = 0;
    std::string name;
  };
  struct Routine {
    const u8* at = nullptr;
    std::string_view name;
  };
  std::vector<Place> state;       ///< in order of offsets
  std::vector<Routine> routines;  ///< that all regions share, in order of addresses
  const u8* routines_end = nullptr;
};

/// One region, just translated.  Valid during the call that gets it.
struct TranslatedCode {
  unsigned cpu = 0;
  u64 pc = 0;  ///< the virtual address that it is for
  std::span<const ListedInsn> insns;
  std::span<const u8> bytes;
  const u8* at = nullptr;  ///< where the host runs `bytes`
  std::span<const CodePart> parts;
  std::span<const CodePointer> pointers;
  const CodeNames* names = nullptr;
};

/// Hears of translated code, on the vCPU's thread, before it runs.
class CodeObserver {
 public:
  virtual void translated(const TranslatedCode& code) = 0;
  /// The routines of a vCPU, once.
  virtual void shared_code(unsigned cpu, const CodeNames& names) = 0;

 protected:
  ~CodeObserver() = default;
};

}  // namespace quince::cpu::jit
