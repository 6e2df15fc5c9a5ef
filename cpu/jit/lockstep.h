// Lockstep: the interpreter executes what translated code does, and judges it.
//
// Translated code runs a stretch on the vCPU's state, but every access of it and every call leads here.
// The interpreter has a copy of that state; it is sent after translated code, one instruction at a time, up
// to the one that wants something.  It does everything that can be seen outside: accesses to memory and
// devices, system registers, exclusives, exceptions.  Translated code gets what came of that, and what it
// wanted is compared.  When it leaves, all registers are.  So nothing happens twice, other CPUs and devices
// notice nothing, and time, randomness and what others write are the same for both.
//
// What this cannot see: the code for accesses that the first-level TLB lets through (none is let through;
// tests/diff and `chaos` without lockstep have those), and when translated code looks at interrupts.
#pragma once

#include <array>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "cpu/vcpu.h"

namespace quince::cpu::jit {

struct Site;
struct ThunkTargets;

/// Registers that translated code may change: CpuState up to the system registers, which only the
/// interpreter writes.
struct Registers {
  static constexpr std::size_t kBytes = offsetof(CpuState, sys);
  alignas(16) std::array<u8, kBytes> bytes;

  // Vectors, and everything else.
  void scalars_from(const CpuState& s) { copy(bytes.data(), reinterpret_cast<const u8*>(&s)); }
  void scalars_to(CpuState& s) const { copy(reinterpret_cast<u8*>(&s), bytes.data()); }
  void vectors_from(const CpuState& s) { copy_bytes(bytes.data() + kVectors, &s.v, sizeof s.v); }
  void vectors_to(CpuState& s) const { copy_bytes(&s.v, bytes.data() + kVectors, sizeof s.v); }
  void monitor_to(CpuState& s) const;  ///< the local exclusive monitor
  void from(const CpuState& s) { scalars_from(s), vectors_from(s); }
  void to(CpuState& s) const { scalars_to(s), vectors_to(s); }
  template <class T>
  T get(std::size_t offset) const {
    T v;
    std::memcpy(&v, bytes.data() + offset, sizeof v);
    return v;
  }
  template <class T>
  void set(std::size_t offset, T v) {
    std::memcpy(bytes.data() + offset, &v, sizeof v);
  }

 private:
  static constexpr std::size_t kVectors = offsetof(CpuState, v),
                               kRest = offsetof(CpuState, sp_bank);
  static void copy(u8* to, const u8* from) {
    copy_bytes(to, from, kVectors);
    copy_bytes(to + kRest, from + kRest, kBytes - kRest);
  }
  /// Not inline, where the compiler would copy with an instruction that begins slowly (rep movs).
  static void copy_bytes(void* to, const void* from, std::size_t n);
};

/// A load or store of the interpreter.
struct SeenAccess {
  u64 va;
  u8 size;
  bool write;
  u16 taken;  ///< a bit for each byte that translated code has accessed, too
  std::array<u8, 16> data;
};

/// An instruction that the interpreter has executed, and some of the registers behind it: those that its word may
/// name as destinations.
struct Step {
  u64 pc;
  PhysAddr pa;  ///< of the same
  u32 word;
  bool fetched;  ///< else its fetch took an exception
  bool
      redirected;  ///< it went on elsewhere, but not by a branch: an exception, or everything looked at again
  bool whole;    ///< translated code calls its meaning, too: accesses are the interpreter's
  bool vectors;  ///< `v` is there
  u32 accesses;  ///< the first one's number
  u32 nzcv, fpsr;
  u64 sp;
  std::array<u64, 5> x;
  std::array<VReg, 4> v;

  /// Whether an instruction may use vector registers (Arm DDI 0487, C4.1: op0 is x11x).
  static bool uses_vectors(u32 word) { return (word & 0x0c00'0000) == 0x0c00'0000; }
  /// Which registers are in `x` and `v`.
  static std::array<u8, 5> x_names(u32 word);
  static std::array<u8, 4> v_names(u32 word);
  void note(const CpuState& s);
};

/// What a report is about.
struct Difference {
  std::string what;
  std::size_t at = 0;  ///< the number of the instruction where it was noticed
  std::span<const Step> steps;
  std::span<const SeenAccess> accesses;
  const Registers* begin = nullptr;       ///< in front of the first one
  const Registers* translated = nullptr;  ///< what translated code made of them
  const Registers* expected = nullptr;    ///< the interpreter's
};

/// The names of the registers that two sets of them differ in, for instance "X3 NZCV".  A byte that means
/// nothing is not one.
std::string different_registers(const Registers& a, const Registers& b);

/// Code that translated code consists of.
struct CodePiece {
  u64 pa = 0;  ///< of the guest's instruction where it begins
  std::span<const u8> code;
};
/// Writes it down, in at most some hundred lines.  `code_at` gives the code that begins at an address.
void report(const Vcpu& c, const Difference& d, CodePiece (*code_at)(const Vcpu& c, PhysAddr pa));

class Lockstep final : public AccessLog {
 public:
  explicit Lockstep(Vcpu& c);

  /// Where translated code has to call.
  static ThunkTargets targets(const ThunkTargets& normal);

  /// Translated code is about to run at Vcpu::s.  Returns its budget.
  s64 begin();
  /// It has left, and its state is exact.  False: the engines differ, which was reported.
  bool finish();
  /// The engines differ: there is nothing to go on with.
  bool failed() const { return failed_; }
  void stop();

  void accessed(u64 va, unsigned size, bool write, const void* data) override;

 private:
  struct Calls;

  u64 load(u64 va, const Site& site, s64 budget);
  void store(u64 va, const Site& site, s64 budget);
  void call(const Site& site, s64 budget);
  void small_call(const Site& site, s64 budget);

  std::size_t number(const Site& site, s64 budget) const;
  bool reaches(const Site& site, std::size_t n);
  void let_in();
  void let_out();
  void bring_vectors();
  bool catch_up(std::size_t n);
  Step* execute(const Site& site, s64 budget);
  bool transfer(Step& step, u64 va, unsigned size, bool write, u8* data);
  bool faults(const Step& step, u64 va, unsigned size);
  void after_fault(const Step& step);
  void look_for_left_out();
  void differ(std::string what, std::size_t n);

  Vcpu& c_;
  s64 budget_ = 0;  ///< that translated code began with
  Registers begin_{};
  /// The registers of who is not running: the interpreter's behind its last step, while it is let in translated
  /// code's.
  Registers now_{}, translated_{};
  bool vectors_in_ = false;  ///< the interpreter's are in Vcpu::s
  /// In front of the last step.
  u64 sp_before_ = 0;
  u32 nzcv_before_ = 0, fpcr_before_ = 0, fpsr_before_ = 0;
  std::vector<Step> steps_;  ///< of which `executed_` are there
  std::size_t executed_ = 0;
  std::vector<SeenAccess> accesses_;
  bool failed_ = false;
  std::string what_;
  std::size_t at_ = 0;
};

}  // namespace quince::cpu::jit
