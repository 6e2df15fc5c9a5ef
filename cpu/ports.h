// What a vCPU is connected to: the machine's memory and clock, the other vCPUs, whoever listens; and how it is to
// translate.
#pragma once

#include <optional>
#include <utility>

#include "base/addr.h"
#include "base/log.h"
#include "base/result.h"
#include "cpu/mmu/tlb.h"
#include "hw/core/address_space.h"
#include "hw/core/sysreg.h"
#include "hw/core/timer.h"

namespace quince::cpu {

class Vcpu;
namespace jit {
class CodeObserver;
}  // namespace jit

/// Whether Vcpu::use_jit() can work on this host; fails with the reason.
Result<void> translation_supported();

/// How instructions are translated.
struct TranslationOptions {
  std::size_t bytes = 16 * MiB;  ///< of host memory for code
  u8 threshold = 16;  ///< an instruction is translated when it was the target of a branch so often
  bool lockstep = false;  ///< the interpreter does the same, and the first difference ends run()
  u64 chaos =
      0;  ///< a seed: much is forgotten, done the slow way and left early, at random; 0: not
  /// For tests: the first instruction is translated as if it were the second.
  std::optional<std::pair<u32, u32>> mistake = {};
};

/// Firmware services behind HVC and SMC, implemented by the machine (PSCI).
class HypercallPort {
 public:
  /// HVC #imm by `c`: arguments and results are in X0..X17.  Called without the I/O lock.
  virtual void hvc(Vcpu& c, u16 imm) = 0;

 protected:
  ~HypercallPort() = default;
};

/// What maintenance by one vCPU asks of all in its inner-shareable domain.
struct Maintenance {
  /// View: the address space lost memory.  Watch: nobody writes to `page` unseen from now on, because
  /// of exclusives or instructions there.  IdleCode: unless somebody knows instructions there, that may end.
  enum class Kind : u8 { Tlb, CodePage, AllCode, View, Watch, IdleCode };
  Kind kind = Kind::Tlb;
  TlbInvalidation tlb = {};  ///< Kind::Tlb
  PhysAddr page = {};        ///< Kind::CodePage, Kind::Watch, Kind::IdleCode
};

/// Connects a vCPU to the others of its machine.
class Siblings {
 public:
  /// Applies maintenance on every other vCPU, at the latest when it next synchronises.
  virtual void broadcast(Vcpu& from, const Maintenance& m) = 0;
  /// Waits until every other vCPU has applied what `from` broadcast (DSB).
  virtual void complete(Vcpu& from) = 0;
  /// Whether every vCPU, `from` too, has applied what was broadcast so far; without waiting.
  virtual bool completed(Vcpu& from) = 0;
  /// SEV: sets every vCPU's event register.
  virtual void send_event(Vcpu& from) = 0;
  /// True when other vCPUs exist, so that atomics must be real and the global monitor matters.
  virtual bool multiprocessor() const = 0;

 protected:
  ~Siblings() = default;
};

/// Everything outside that a vCPU talks to.
struct VcpuPorts {
  hw::AddressSpace* space = nullptr;
  hw::IoLock* io_lock = nullptr;
  const hw::GuestClock* clock = nullptr;
  hw::SysRegTarget* gic = nullptr;    ///< ICC_*_EL1; null: UNDEFINED
  hw::SysRegTarget* timer = nullptr;  ///< CNT*_EL0
  HypercallPort* hypercalls = nullptr;
  Siblings* siblings = nullptr;
  /// RNDR's source: a seeded generator in deterministic mode; null: the host's.
  struct Random {
    u64 (*fn)(void* context) = nullptr;
    void* context = nullptr;
  } random = {};
  u64 counter_hz = 24'000'000;
  /// Writes to instructions are seen without IC: QEMU's way, which slows down whoever writes near code.
  bool track_code = false;
  Log* log = nullptr;
  jit::CodeObserver* code_observer = nullptr;  ///< hears of translated code; null: nobody does
};

/// Hears of loads and stores that went well, but for atomic and exclusive ones (cpu/jit/lockstep.h).
class AccessLog {
 public:
  virtual void accessed(u64 va, unsigned size, bool write, const void* data) = 0;

 protected:
  ~AccessLog() = default;
};

}  // namespace quince::cpu
