// A GIC with its wires on pins, driven as software and devices would.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "base/log.h"
#include "hw/gic/gicv3.h"
#include "tests/support/pin.h"

namespace quince::hw::test {

using quince::test::Pin;
using namespace gic;

/// Offsets of the distributor that the tests use (IHI 0069, chapter 12).
inline constexpr u64 kGicdCtlr = 0, kIgroupr = 0x80, kIsenabler = 0x100, kIcenabler = 0x180,
                     kIspendr = 0x200, kIcpendr = 0x280, kIsactiver = 0x300, kIcactiver = 0x380,
                     kIpriorityr = 0x400, kIcfgr = 0xc00, kIrouter = 0x6000;
/// SGI_base of a redistributor, and GICR_WAKER.
inline constexpr u64 kSgiBase = 0x10000, kWaker = 0x14;

inline std::vector<u32> affinities(unsigned cpus) {
  std::vector<u32> a;
  for (u32 c = 0; c < cpus; ++c) a.push_back((c / 16) << 8 | c % 16);
  return a;
}

struct GicRig {
  explicit GicRig(unsigned cpus = 2, unsigned spis = 256, bool one_of_n = false)
      : GicRig(GicConfig{affinities(cpus), spis, one_of_n}) {}
  explicit GicRig(const GicConfig& config) : gic("gic", log, config) {
    for (unsigned c = 0; c < config.affinities.size(); ++c)
      gic.connect_cpu(c, irq[c].wire(0), fiq[c].wire(1));
  }

  u64 rd(u64 off, unsigned size = 4) {
    u64 v = ~u64{0};
    EXPECT_EQ(gic.distributor().read(off, {size}, v), Bus::Ok) << std::hex << off;
    return v;
  }
  void wr(u64 off, u64 v, unsigned size = 4) {
    EXPECT_EQ(gic.distributor().write(off, {size}, v), Bus::Ok) << std::hex << off;
  }
  u64 rrd(unsigned cpu, u64 off, unsigned size = 4) {
    u64 v = ~u64{0};
    EXPECT_EQ(gic.redistributors().read(cpu * 0x20000u + off, {size}, v), Bus::Ok) << off;
    return v;
  }
  void rwr(unsigned cpu, u64 off, u64 v, unsigned size = 4) {
    EXPECT_EQ(gic.redistributors().write(cpu * 0x20000u + off, {size}, v), Bus::Ok) << off;
  }
  u64 icc(unsigned cpu, SysRegId id) {
    u64 v = ~u64{0};
    EXPECT_EQ(gic.cpu_interface(cpu).sysreg_read(id, v), Bus::Ok) << std::hex << id.raw;
    return v;
  }
  void icc(unsigned cpu, SysRegId id, u64 v) {
    EXPECT_EQ(gic.cpu_interface(cpu).sysreg_write(id, v), Bus::Ok) << std::hex << id.raw;
  }

  /// A register of one bit per INTID, wherever it lives for this INTID.
  bool bit_of(u64 reg, u32 intid, unsigned cpu = 0) {
    const u64 off = reg + intid / 32 * 4;
    return ((intid < 32 ? rrd(cpu, kSgiBase + off) : rd(off)) >> (intid % 32) & 1) != 0;
  }
  void put_bit(u64 reg, u32 intid, unsigned cpu = 0) {
    const u64 off = reg + intid / 32 * 4;
    intid < 32 ? rwr(cpu, kSgiBase + off, 1u << intid) : wr(off, 1u << (intid % 32));
  }
  void set_group(u32 intid, unsigned group, unsigned cpu = 0) {
    const u64 off = kIgroupr + intid / 32 * 4;
    const u64 old = intid < 32 ? rrd(cpu, kSgiBase + off) : rd(off);
    const u64 b = u64{1} << (intid % 32);
    const u64 v = group != 0 ? old | b : old & ~b;
    intid < 32 ? rwr(cpu, kSgiBase + off, v) : wr(off, v);
  }
  void set_priority(u32 intid, u8 p, unsigned cpu = 0) {
    intid < 32 ? rwr(cpu, kSgiBase + kIpriorityr + intid, p, 1) : wr(kIpriorityr + intid, p, 1);
  }
  void set_edge(u32 intid, bool edge, unsigned cpu = 0) {
    const u64 off = kIcfgr + intid / 16 * 4;
    const u64 old = intid < 32 ? rrd(cpu, kSgiBase + off) : rd(off);
    const u64 b = u64{2} << (intid % 16 * 2);
    const u64 v = edge ? old | b : old & ~b;
    intid < 32 ? rwr(cpu, kSgiBase + off, v) : wr(off, v);
  }
  void set_route(u32 intid, u64 affinity) { wr(kIrouter + 8 * intid, affinity, 8); }
  void line(u32 intid, bool high, unsigned cpu = 0) {
    if (intid < 32)
      gic.ppi_sink(cpu).set_line(intid, high);
    else
      gic.spi_sink().set_line(intid - 32, high);
  }
  void pulse(u32 intid) {
    line(intid, true);
    line(intid, false);
  }

  /// Groups on everywhere, no mask, all interrupts in Group 1 at priority 0x80.
  void open(unsigned cpus) {
    wr(kGicdCtlr, 3);
    const u64 words = (rd(4) & 31) + 1;
    for (u64 n = 1; n < words; ++n) wr(kIgroupr + 4 * n, 0xffffffff);
    for (u64 i = 32; i < std::min<u64>(32 * words, 1020); ++i) wr(kIpriorityr + i, 0x80, 1);
    for (unsigned c = 0; c < cpus; ++c) {
      rwr(c, kWaker, 0);
      rwr(c, kSgiBase + kIgroupr, 0xffffffff);
      for (u64 i = 0; i < 32; ++i) rwr(c, kSgiBase + kIpriorityr + i, 0x80, 1);
      icc(c, kIgrpen0, 1);
      icc(c, kIgrpen1, 1);
      icc(c, kPmr, 0xff);
    }
  }
  u64 ack(unsigned cpu = 0) { return icc(cpu, kIar1); }
  void eoi(u64 intid, unsigned cpu = 0) { icc(cpu, kEoir1, intid); }

  u64 hash() {
    Archive ar(Archive::Mode::Save);
    gic.snapshot(ar);
    return ar.hash();
  }

  Log log;
  std::array<Pin, 32> irq, fiq;
  Gicv3 gic;
};

}  // namespace quince::hw::test
