// The dispatcher of translated code: one for each vCPU, on its thread.
//
// The interpreter runs an instruction until it has been the target of a branch often enough; then the
// region that begins there is translated.  Translated code goes from region to region by patched jumps
// inside a page and by the jump cache otherwise, and comes back here for what it does not know.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/types.h"
#include "cpu/jit/state_key.h"
#include "cpu/vcpu.h"

namespace quince::cpu::jit {

class Chaos;
class CodeBuffer;
class Emitter;
class FarJumps;
class Lockstep;
struct CodePiece;
struct RegionSpace;
struct Shared;
struct ExitRecord;
struct TranslatedRegion;
struct Native;
struct Page;
class Telling;

/// What has been done so far (trace point jit.counters).
struct JitCounters {
  u64 regions = 0, blocks = 0, instructions = 0, bytes = 0;  ///< translated
  u64 calls_instead = 0;  ///< instructions that the emitter gave up
  u64 entries = 0;        ///< of translated code, from the interpreter
  u64 asked = 0;          ///< branches of the interpreter, some of which became entries
  // Ways out of translated code:
  u64 left_by_cache = 0;        ///< to an address that the jump cache did not have
  u64 left_by_exit = 0;         ///< to another region of the page, before they were joined
  u64 left_by_exception = 0;    ///< of an access or a call
  u64 left_to_interpreter = 0;  ///< an instruction that it is to run
  u64 left_by_interrupt = 0;    ///< or a request, or maintenance
  u64 left_by_budget = 0;       ///< which is used up
  u64 left_behind_call = 0;     ///< of an instruction that changes much
  // What came of it:
  u64 known = 0;                            ///< FarJumps had the code
  u64 went_on = 0;                          ///< translated code was found again
  u64 not_known = 0;                        ///< none was
  u64 not_straight = 0;                     ///< there was something to do before
  u64 links = 0;                            ///< jumps that were patched
  u64 flushes = 0;                          ///< of everything
  u64 cache_clears = 0;                     ///< of a jump cache
  u64 loads_missed = 0, stores_missed = 0;  ///< the first-level TLB
  u64 calls = 0;                            ///< of instructions that are calls, and of slow cases
};

class Jit {
 public:
  /// Why there can be no translated code on this host, or nothing.
  static Result<void> supported();
  static Result<std::unique_ptr<Jit>> create(Vcpu& c, const TranslationOptions& options);
  ~Jit();

  /// With the page and the instruction of the vCPU's next fetch known: runs translated code from there,
  /// if there is any or it is time to make some.  False: the interpreter is to go on.
  bool run();
  /// A page's instructions may have changed.
  void forget_page(CodePage& page);
  void forget_all();
  /// What virtual addresses lead to may have changed.
  void forget_jumps();
  /// Likewise, of the addresses from `first` to `last`.
  void forget_jumps(u64 first, u64 last);
  /// Virtual addresses that are not the same in every address space change: EL0 does not run before enter_space(), which
  /// says which they are.
  void leave_space();
  void enter_space(u64 ttbr0, u16 asid);
  /// What those of one ASID lead to may have changed; `here`: it is the current one.
  void forget_space(u16 asid, bool here);

  const JitCounters& counters() const { return counters_; }
  /// Null when it is not asked for.
  Lockstep* lockstep() const { return lockstep_.get(); }
  /// The code of a region that begins at a physical address, one of those with different keys.
  static CodePiece code_at(const Vcpu& c, PhysAddr pa);

 private:
  friend Native;
  Jit(Vcpu& c, const TranslationOptions& options);
  Result<void> prepare(std::size_t bytes);
  TranslatedRegion* find(Page& page, const Op& op, StateKey::Bits key) const;
  TranslatedRegion* translate(Page& page, unsigned index, const StateKey& key);
  TranslatedRegion* region_here(bool may_translate);
  void enter(const TranslatedRegion& region);
  void make_trouble();
  void link(const TranslatedRegion& region);
  void left(u64 from);
  void count_exit(u64 from);
  void clear_near(unsigned level);
  void clear_private();
  void clear_jumps(unsigned level);
  void forget_jumps_to(const Page& page);
  /// Called by translated code that leaves: where it goes on, or null for run() to return.
  const u8* next(u64 from);
  const u8* known();

  Vcpu& c_;
  TranslationOptions options_;
  std::unique_ptr<Lockstep> lockstep_;
  std::unique_ptr<Chaos> chaos_;
  std::unique_ptr<CodeBuffer> buffer_;
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Emitter> emitter_;
  std::unique_ptr<Telling> telling_;  ///< where somebody wants to hear of code
  void (*enter_)(void* state, const u8* code, const void* tlb, s64 budget) = nullptr;
  std::unique_ptr<RegionSpace> space_;
  std::vector<std::unique_ptr<Page>> pages_;
  /// Forgotten, perhaps by code of theirs that still runs.
  std::vector<std::unique_ptr<Page>> dropped_;
  /// Where translated code came back from, to be linked with what is found for it.
  ExitRecord* left_from_ = nullptr;
  bool left_by_cache_ = false;
  bool left_plainly_ = false;  ///< by no jump, with PSTATE.BTYPE 0
  u8 left_btype_ = 0;
  u64 left_pc_ = 0;
  bool private_el1_jumps_ = false;
  std::unique_ptr<FarJumps> far_;
  const u8* unknown_ = nullptr;
  std::size_t thunk_bytes_ = 0;
  JitCounters counters_;
  std::optional<TracePoint> trace_;
};

}  // namespace quince::cpu::jit
