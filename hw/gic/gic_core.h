// GICv3: the state of every interrupt, its routing and its priority (Arm IHI 0069, chapter 4).
// The register files (gic_distributor, gic_redistributor, gic_cpu_interface) are views of this.
//
// Modelled: affinity routing only (ARE is one), one security state (GICD_CTLR.DS is one), SGIs,
// PPIs, SPIs, Group 0 as FIQ and Group 1 as IRQ, five priority bits; LPIs where the board wants
// them (lpi.h, its.h).
// Deliberately missing: the virtual CPU interface, message-based SPIs (GICD_TYPER.MBIS is zero), NMIs,
// extended ranges.
// Choices where the manual leaves one:
//  * equal priorities are taken in the order of INTIDs;
//  * GICR_WAKER does not gate delivery: groups that are enabled while the PE sleeps are
//    UNPREDICTABLE, and software written for other emulators never wakes the redistributor;
//  * a change of Int_config keeps what was latched and nothing else;
//  * a 1-of-N interrupt goes to the first PE that is awake and has its group enabled.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/types.h"
#include "hw/core/archive.h"
#include "hw/core/irq.h"
#include "hw/gic/gicv3_spec.h"
#include "hw/gic/lpi.h"

namespace quince::hw {

/// What the board decides about its GIC.
struct GicConfig {
  /// One CPU each, 1 to 32, in order of index: Aff3.Aff2.Aff1.Aff0, a byte each, Aff0 lowest.
  std::vector<u32> affinities;
  unsigned spis = 256;    ///< SPIs from INTID 32 on, 1 to 988
  bool one_of_n = false;  ///< GICD_IROUTER.Interrupt_Routing_Mode exists (else TYPER.No1N)
  /// LPIs exist, and this is how redistributors and ITS reach their tables.
  std::optional<DmaPort> lpi_memory = {};
};

/// The one-bit facts of an interrupt that registers of 32 INTIDs show.
enum class GicField : u8 { Group, Enabled, Pending, Active };

/// Which SGIs a write to an SGI register may generate with DS == 1 (IHI 0069, SGI forwarding).
enum class SgiGroups : u8 { Group0, Both };

class GicCore {
 public:
  static constexpr unsigned kMaxCpus = 32;
  static constexpr unsigned kMaxWords = 32;

  /// `config` must be in range: the board has checked the user's numbers.
  GicCore(std::string_view name, Log& log, const GicConfig& config);

  unsigned cpus() const { return cpus_; }
  /// Groups of 32 INTIDs that exist, the private one included: GICD_TYPER.ITLinesNumber + 1.
  unsigned words() const { return words_; }
  u32 affinity(unsigned cpu) const { return affinity_[cpu]; }
  bool one_of_n() const { return one_of_n_; }
  /// Null without LPIs.  After changes through it, lpis_changed().
  LpiBank* lpis() { return lpis_ ? &*lpis_ : nullptr; }
  const LpiBank* lpis() const { return lpis_ ? &*lpis_ : nullptr; }
  void lpis_changed(unsigned cpu) {
    scan(cpu);
    drive(cpu);
  }
  /// Some CPU has an Aff0 above 15.
  bool range_selector() const { return range_selector_; }
  Log& log() { return log_; }

  /// Power-on state; the levels on the input wires stay, they belong to the drivers.
  void reset();
  void snapshot(Archive& ar);
  void restored();

  /// @name Wires.
  /// @{
  /// `intid` is 16..31 of one CPU, or an SPI (and `cpu` is ignored); anything else is ignored.
  void set_line(unsigned cpu, u32 intid, bool high);
  void connect(unsigned cpu, IrqLine irq, IrqLine fiq);
  /// While muted, set_line does nothing: a snapshot holds the levels itself.
  void mute(bool on) { muted_ = on; }
  /// @}

  /// @name Registers of the distributor and the redistributors.
  /// Word `n` holds INTIDs 32n..32n+31; word 0 is the private one of `cpu`, which the others
  /// ignore.  `n` must be below words().  The outputs follow at the next sync().
  /// @{
  u32 read(unsigned cpu, unsigned n, GicField f) const;
  /// Sets or clears the bits of `mask`.
  void change(unsigned cpu, unsigned n, GicField f, u32 mask, bool set);
  /// Bit i: INTID 32n+i is edge-triggered.
  u32 edge(unsigned cpu, unsigned n) const { return word(cpu, n).edge; }
  void set_edge(unsigned cpu, unsigned n, u32 value, u32 mask);
  u8 priority(unsigned cpu, u32 intid) const { return word(cpu, intid / 32).priority[intid % 32]; }
  void set_priority(unsigned cpu, u32 intid, u8 value);
  u64 route(u32 spi) const { return s_.route[spi / 32][spi % 32]; }
  void set_route(u32 intid, u64 value);
  u32 group_enables() const { return s_.ctlr; }
  void set_group_enables(u32 value);
  bool asleep(unsigned cpu) const { return s_.cpu[cpu].asleep; }
  void set_asleep(unsigned cpu, bool on);
  /// Derives candidates and outputs of the CPUs that the changes since the last call concern.
  void sync();
  /// @}

  /// The registers of a CPU interface.
  struct Interface {
    u8 pmr = 0;
    std::array<u8, 2> bpr{gic::kMinBpr0, gic::kMinBpr1};  ///< by group, as are the following
    std::array<bool, 2> enabled{};                        ///< ICC_IGRPENn_EL1
    std::array<u32, 2> active_priorities{};               ///< ICC_APnR0_EL1: bit = priority / 8
    bool cbpr = false;
    bool eoi_mode = false;
  };

  /// @name The CPU interface.
  /// @{
  const Interface& interface(unsigned cpu) const { return s_.cpu[cpu].icc; }
  /// Replaces the registers; the outputs have followed when it returns.
  void set_interface(unsigned cpu, const Interface& icc);
  /// An interrupt that the CPU could take, or "none" with INTID 1023.
  struct Candidate {
    u16 intid = gic::kSpurious;
    u8 priority = gic::kIdlePriority;
    u8 group = 0;
  };
  /// The highest priority pending and enabled interrupt, PMR and active priorities aside.
  const Candidate& highest_pending(unsigned cpu) const { return best_[cpu]; }
  /// The group priority of what is active, or 0xff.
  u8 running_priority(unsigned cpu) const;
  /// Takes the highest priority pending interrupt, when it is of this group and is being signalled:
  /// makes it active and returns its INTID, else 1023.
  u32 acknowledge(unsigned cpu, unsigned group);
  /// Priority drop, and deactivation unless EOImode says that DIR does it.
  void end_of_interrupt(unsigned cpu, unsigned group, u32 intid);
  void deactivate(unsigned cpu, u32 intid);
  /// Generates SGIs as a write of `value` to ICC_SGI1R_EL1 or its siblings says.
  void send_sgi(unsigned cpu, u64 value, SgiGroups groups);
  /// @}

 private:
  static constexpr u8 kNoCpu = 0xff;

  /// The state of 32 interrupts, one bit each.
  struct Word {
    u32 group = 0;
    u32 enabled = 0;
    u32 latch = 0;   ///< pending by an edge, a message or software
    u32 active = 0;
    u32 level = 0;   ///< on the wire
    u32 edge = 0;    ///< edge-triggered; the level makes the others pending
    std::array<u8, 32> priority{};

    u32 pending() const { return latch | (level & ~edge); }
  };
  struct Cpu {
    Word priv{.edge = 0xffff};  // SGIs are always edge-triggered
    bool asleep = true;
    Interface icc;
  };
  struct State {
    u32 ctlr = 0;                     // the two group enables
    std::array<Word, kMaxWords> spi;  // by INTID / 32; the first is not used
    std::array<std::array<u64, 32>, kMaxWords> route{};
    std::array<Cpu, kMaxCpus> cpu;
  };

  const Word& word(unsigned cpu, unsigned n) const { return n == 0 ? s_.cpu[cpu].priv : s_.spi[n]; }
  Word& word(unsigned cpu, unsigned n) { return n == 0 ? s_.cpu[cpu].priv : s_.spi[n]; }
  static void snapshot_word(Archive& ar, Word& w, u32 valid);
  static void snapshot_interface(Archive& ar, Interface& icc);

  u32 ready(unsigned cpu, unsigned n) const;
  static u8 group_mask(const Interface& icc, unsigned group);
  bool signalled(unsigned cpu) const;
  void scan(unsigned cpu);
  void scan_lpis(unsigned cpu, Candidate& best) const;
  void drive(unsigned cpu);
  void refresh(unsigned cpu, u32 intid);
  void touch(unsigned cpu, unsigned n, u32 changed);
  u8 choose_target(u32 intid) const;
  void retarget(u32 intid);
  void retarget_one_of_n();

  Log& log_;
  TracePoint trace_line_, trace_ack_, trace_eoi_, trace_sgi_;
  const unsigned cpus_;
  const unsigned words_;
  const bool one_of_n_;
  bool range_selector_ = false;
  bool muted_ = false;
  std::array<u32, kMaxCpus> affinity_{};
  std::array<u32, kMaxWords> valid_{};  // INTIDs that exist
  std::array<IrqLine, kMaxCpus> irq_, fiq_;
  std::optional<LpiBank> lpis_;
  State s_;

  // Derived from the state.
  std::array<u8, 32 * kMaxWords> target_{};                         // of an SPI
  std::array<std::array<u32, kMaxWords>, kMaxCpus> routed_{};       // SPIs whose target is the CPU
  std::array<Candidate, kMaxCpus> best_{};
  u32 dirty_ = 0;  // CPUs whose candidate may have changed
};

}  // namespace quince::hw
