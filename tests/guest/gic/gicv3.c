#include "gicv3.h"

static u64 frame_of(u32 intid) { return intid >= 32 ? GICD_BASE : gicr_base() + 0x10000; }
static u64 word(u32 intid, u32 reg) { return frame_of(intid) + reg + intid / 32 * 4; }
static u32 mask(u32 intid) { return 1u << (intid % 32); }

u64 gicr_base(void) {
  const u64 mpidr = READ(mpidr_el1);
  const u64 me = (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff);
  u64 at = GICR_BASE;
  // GICR_TYPER: Affinity_Value, VLPIS (four frames instead of two), Last.
  for (u64 t; (t = get64(at + kGicrTyper)) >> 32 != me && (t & 0x10) == 0;)
    at += t & 2 ? 0x40000 : 0x20000;
  return at;
}

static void wait_rwp(u32 intid) {
  const u64 ctlr = intid < 32 ? gicr_base() : GICD_BASE;
  while (get32(ctlr + kCtlr) & (intid < 32 ? RWP_GICR : RWP_GICD)) {
  }
}

static void clear(u32 first) {
  put32(word(first, kIcenabler), ~0u);
  wait_rwp(first);
  put32(word(first, kIcpendr), ~0u);
  put32(word(first, kIcactiver), ~0u);
  put32(word(first, kIgroupr), ~0u);
  for (u32 i = first; i < first + 32; ++i) gic_priority(i, 0xa0);
}

void gicd_init(void) {
  gic_groups(kGroup0 | kGroup1);
  const u32 end = ((get32(GICD_BASE + kTyper) & 31) + 1) * 32;
  for (u32 i = 32; i < end && i < 1020; i += 32) {
    clear(i);
    put32(GICD_BASE + kIcfgr + i / 4, 0);
    put32(GICD_BASE + kIcfgr + i / 4 + 4, 0);
    for (u32 n = i; n < i + 32; ++n) gic_route(n, cpu_affinity(0));
    put32(word(i, kIcpendr), ~0u);  // what an edge left before ICFGR was written
  }
  gicc_init();
}

void gicc_init(void) {
  const u64 waker = gicr_base() + kWaker;
  put32(waker, get32(waker) & ~2u);
  while (get32(waker) & 4u) {
  }
  clear(0);
  ICC_PUT(ICC_SRE, 7);
  ICC_PUT(ICC_CTLR, 0);
  ICC_PUT(ICC_BPR0, 0);
  ICC_PUT(ICC_BPR1, 0);
  ICC_PUT(ICC_PMR, 0xff);
  ICC_PUT(ICC_IGRPEN0, 1);
  ICC_PUT(ICC_IGRPEN1, 1);
}

void gic_groups(u32 groups) {
  put32(GICD_BASE + kCtlr, kAre | groups);
  wait_rwp(32);
}
void gic_enable(u32 intid, bool on) {
  put32(word(intid, on ? kIsenabler : kIcenabler), mask(intid));
  wait_rwp(intid);
}
void gic_priority(u32 intid, u8 priority) { put8(frame_of(intid) + kIpriorityr + intid, priority); }
void gic_group(u32 intid, unsigned group) {
  const u64 at = word(intid, kIgroupr);
  put32(at, group != 0 ? get32(at) | mask(intid) : get32(at) & ~mask(intid));
}
static u64 config(u32 intid) { return frame_of(intid) + kIcfgr + intid / 16 * 4; }
void gic_edge(u32 intid, bool edge) {
  const u32 bit = 2u << (intid % 16 * 2);
  put32(config(intid), edge ? get32(config(intid)) | bit : get32(config(intid)) & ~bit);
}
bool gic_is_edge(u32 intid) { return (get32(config(intid)) & 2u << (intid % 16 * 2)) != 0; }
void gic_route(u32 intid, u64 irouter) { put64(GICD_BASE + kIrouter + intid * 8ul, irouter); }
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
  ICC_PUT(ICC_SGI1R, (u64)intid << 24 | 1ul << cpu_affinity(cpu));
}
