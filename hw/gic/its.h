// GICv3 Interrupt Translation Service (Arm IHI 0069, chapter 5 and section 12.18).
//
// A message (DeviceID, EventID) is looked up in the device's translation table, which gives an LPI
// and a collection; the collection gives the CPU.  All tables lie in the guest's memory and are
// read for each message, so there is nothing to invalidate and nothing that grows.
//
// Modelled: all physical commands, flat and two-level device tables, one collection table, 16-bit
// DeviceIDs, EventIDs and INTIDs, PTA = 0 (a target is a processor number).  The write that offers
// commands does kBurst of them; more are done from a timer.
// Deliberately missing: virtual LPIs (GICv4), SErrors for bad commands, stalling: a bad command is
// logged and passed over.
#pragma once

#include <array>

#include "hw/core/dma.h"
#include "hw/core/reg_map.h"
#include "hw/core/stateless.h"
#include "hw/core/timer.h"
#include "hw/gic/gic_core.h"

namespace quince::hw {

class GicIts final : public RegMapDevice<GicIts> {
 public:
  static constexpr u64 kSize = 128 * KiB;
  /// The frame that takes messages, from the start of the registers.
  static constexpr u64 kTranslationFrame = 64 * KiB;
  static constexpr unsigned kBurst = 256;  ///< commands

  /// `core` has LPIs; `memory` is the way to tables and queue.
  GicIts(std::string_view name, GicCore& core, const DmaPort& memory, TimerQueue& timers);

  /// The first 64 KiB are this device; the second are GITS_TRANSLATER, which bus masters write.
  MmioDevice& translation_frame() { return frame_; }

  void reset() override;
  void snapshot(Archive& ar) override;
  void restored() override;
  static std::span<const Reg<GicIts>> regs();
  void sync();

  /// A message from a device: `event` written to GITS_TRANSLATER by DeviceID `device`.
  void translate(u32 device, u32 event);

 private:
  friend RegOps<GicIts>;
  using Op = RegOps<GicIts>;
  using Command = std::array<u64, 4>;

  class Frame final : public Stateless<> {
   public:
    Frame(std::string_view name, GicIts& its) : Stateless(name), its_(its) {}
    Bus read(u64 off, Access a, u64& out) override;
    Bus write(u64 off, Access a, u64 in) override;

   private:
    GicIts& its_;
  };

  struct State {
    bool enabled = false;
    u64 cbaser = 0, cwriter = 0, creadr = 0;
    std::array<u64, 2> baser{};  // devices, collections
  };

  /// What a device's entry says.
  struct DeviceEntry {
    u64 itt = 0;  // address of its translation table
    u32 events = 0;
  };
  struct Translation {
    u32 intid = 0;
    u16 collection = 0;
  };

  u32 ctlr() const;
  void set_ctlr(u32 v);
  u64 typer() const;
  u64 baser(unsigned n) const;
  void set_baser(unsigned n, u64 v);
  void set_cbaser(u64 v);
  void set_cwriter(u64 v);

  u64 queue_size() const;
  bool work_left() const;
  void run_commands();
  void run(const Command& c);
  void map_device(const Command& c);
  void map_collection(const Command& c);
  void map_interrupt(const Command& c, u32 intid);
  void move_interrupt(const Command& c);
  void move_all(const Command& c);
  void on_event(const Command& c);

  bool entry_address(unsigned table, u32 index, PhysAddr& out) const;
  bool read_entry(PhysAddr at, u64& out) const;
  bool write_entry(PhysAddr at, u64 v);
  bool device_entry(u32 device, DeviceEntry& out) const;
  bool translation(u32 device, u32 event, Translation& out) const;
  bool collection_cpu(u16 collection, unsigned& cpu) const;
  bool bad(const char* what, const Command& c);
  static const std::array<Reg<GicIts>, 19> kRegs;

  GicCore& core_;
  LpiBank& lpis_;
  DmaPort memory_;
  TimerQueue& timers_;
  Timer more_;
  TracePoint trace_command_, trace_translate_;
  Frame frame_;
  State s_;
};

}  // namespace quince::hw
