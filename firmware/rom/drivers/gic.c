#include "firmware/rom/drivers/gic.h"

enum {
  kCtlr = 0x0000,
  kTyper = 0x0004,
  kIgroupr = 0x0080,
  kIsenabler = 0x0100,
  kIcenabler = 0x0180,
  kIspendr = 0x0200,
  kIcpendr = 0x0280,
  kIsactiver = 0x0300,
  kIcactiver = 0x0380,
  kIpriorityr = 0x0400,
  kIcfgr = 0x0c00,
  kIrouter = 0x6000,
  kWaker = 0x0014,
};

/// This CPU's redistributor.  They are in the order of the CPUs, of which 16 are a cluster.
static u64 redistributor(void) {
  const u64 mpidr = READ(mpidr_el1);
  return GICR_BASE + ((mpidr >> 8 & 0xff) * 16 + (mpidr & 0xff)) * 0x20000;
}
/// The frame that has INTID's registers: the distributor's, or this CPU's SGI frame.
static u64 frame_of(u32 intid) { return intid >= 32 ? GICD_BASE : redistributor() + 0x10000; }
static u64 word(u32 intid, u32 reg) { return frame_of(intid) + reg + intid / 32 * 4; }
static u32 mask(u32 intid) { return 1u << (intid % 32); }

/// One more than the last SPI (GICD_TYPER.ITLinesNumber).
static u32 intids(void) { return ((get32(GICD_BASE + kTyper) & 31) + 1) * 32; }

void gic_init(void) {
  put32(GICD_BASE + kCtlr, 0x13);  // ARE, EnableGrp1, EnableGrp0
  const u32 end = intids();
  for (u32 i = 32; i < end; i += 32) {
    put32(word(i, kIcenabler), ~0u);
    put32(word(i, kIcpendr), ~0u);
    put32(word(i, kIcactiver), ~0u);
    put32(word(i, kIgroupr), ~0u);
    put32(GICD_BASE + kIcfgr + i / 16 * 4, 0);
    put32(GICD_BASE + kIcfgr + i / 16 * 4 + 4, 0);
  }
  for (u32 i = 32; i < end; i += 4) put32(GICD_BASE + kIpriorityr + i, 0xa0a0a0a0);
  for (u32 i = 32; i < end; ++i) gic_route(i, 0);
  gic_init_cpu();
}

void gic_init_cpu(void) {
  const u64 rd = redistributor();
  put32(rd + kWaker, get32(rd + kWaker) & ~2u);
  while (get32(rd + kWaker) & 4u) {
  }
  put32(word(0, kIcenabler), ~0u);
  put32(word(0, kIcpendr), ~0u);
  put32(word(0, kIcactiver), ~0u);
  put32(word(0, kIgroupr), ~0u);
  for (u32 i = 0; i < 32; ++i) gic_priority(i, 0xa0);
  GIC_WRITE(ICC_SRE, 7);
  GIC_WRITE(ICC_CTLR, 0);
  GIC_WRITE(ICC_BPR0, 0);
  GIC_WRITE(ICC_BPR1, 0);
  GIC_WRITE(ICC_PMR, 0xff);
  GIC_WRITE(ICC_IGRPEN0, 1);
  GIC_WRITE(ICC_IGRPEN1, 1);
}

void gic_enable(u32 intid, bool on) {
  put32(word(intid, on ? kIsenabler : kIcenabler), mask(intid));
  // RWP: GICD_CTLR bit 31, or bit 3 of GICR_CTLR, 64 KiB below the SGI frame.
  const u64 ctlr = intid < 32 ? frame_of(intid) - 0x10000 : GICD_BASE;
  while (get32(ctlr + kCtlr) & (intid < 32 ? 8u : 1u << 31)) {
  }
}
void gic_priority(u32 intid, u8 priority) { put8(frame_of(intid) + kIpriorityr + intid, priority); }
void gic_group(u32 intid, unsigned group) {
  const u64 at = word(intid, kIgroupr);
  put32(at, group ? get32(at) | mask(intid) : get32(at) & ~mask(intid));
}
void gic_edge(u32 intid, bool edge) {
  const u64 at = frame_of(intid) + kIcfgr + intid / 16 * 4;
  const u32 bit = 2u << (intid % 16 * 2);
  put32(at, edge ? get32(at) | bit : get32(at) & ~bit);
}
void gic_route(u32 intid, u64 affinity) { put64(GICD_BASE + kIrouter + intid * 8ul, affinity); }
bool gic_pending(u32 intid) { return (get32(word(intid, kIspendr)) & mask(intid)) != 0; }
bool gic_active(u32 intid) { return (get32(word(intid, kIsactiver)) & mask(intid)) != 0; }
void gic_set_pending(u32 intid, bool on) {
  put32(word(intid, on ? kIspendr : kIcpendr), mask(intid));
}
void gic_set_active(u32 intid, bool on) {
  put32(word(intid, on ? kIsactiver : kIcactiver), mask(intid));
}
void gic_sgi(u32 intid, u32 cpu) {
  DSB();
  GIC_WRITE(ICC_SGI1R, (u64)intid << 24 | 1ul << cpu);
}
