// A GICv3 by its registers (Arm IHI 0069, chapter 12), in one security state: what a hypervisor's or
// an emulator's guest has.  Functions name an INTID and find the frame.
#pragma once

#include "runtime.h"

#define ICC_IAR0 s3_0_c12_c8_0
#define ICC_EOIR0 s3_0_c12_c8_1
#define ICC_HPPIR0 s3_0_c12_c8_2
#define ICC_BPR0 s3_0_c12_c8_3
#define ICC_AP1R0 s3_0_c12_c9_0
#define ICC_DIR s3_0_c12_c11_1
#define ICC_RPR s3_0_c12_c11_3
#define ICC_SGI1R s3_0_c12_c11_5
#define ICC_SGI0R s3_0_c12_c11_7
#define ICC_IAR1 s3_0_c12_c12_0
#define ICC_EOIR1 s3_0_c12_c12_1
#define ICC_HPPIR1 s3_0_c12_c12_2
#define ICC_BPR1 s3_0_c12_c12_3
#define ICC_CTLR s3_0_c12_c12_4
#define ICC_SRE s3_0_c12_c12_5
#define ICC_IGRPEN0 s3_0_c12_c12_6
#define ICC_IGRPEN1 s3_0_c12_c12_7
#define ICC_PMR s3_0_c4_c6_0
// READ and WRITE want the name spelt out.
#define ICC_GET_(reg) READ(reg)
#define ICC_GET(reg) ICC_GET_(reg)
#define ICC_PUT_(reg, v) WRITE(reg, v)
#define ICC_PUT(reg, v) ICC_PUT_(reg, v)

enum {
  kCtlr = 0x0000,
  kTyper = 0x0004,
  kGicrTyper = 0x0008,
  kWaker = 0x0014,
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
  kPidr2 = 0xffe8,
  kGroup0 = 1,
  kGroup1 = 2,
  kAre = 0x10,
  kNoIntid = 1023,
};
#define RWP_GICD (1u << 31)
#define RWP_GICR (1u << 3)
#define IROUTER_ANY (1ul << 31)

/// Fresh: affinity routing, both groups on, everything disabled, not pending, not active, Group 1,
/// level-sensitive, priority 0xa0, routed to CPU 0; this CPU's part as gicc_init() leaves it.
void gicd_init(void);
/// This CPU's redistributor awake, its interface open: PMR 0xff, no subpriorities, EOImode 0.
void gicc_init(void);
/// The redistributor of this CPU: its RD_base.
u64 gicr_base(void);

void gic_enable(u32 intid, bool on);
void gic_priority(u32 intid, u8 priority);
void gic_group(u32 intid, unsigned group);
void gic_edge(u32 intid, bool edge);
bool gic_is_edge(u32 intid);
void gic_route(u32 intid, u64 irouter);
bool gic_pending(u32 intid);
bool gic_active(u32 intid);
void gic_set_pending(u32 intid, bool on);
void gic_set_active(u32 intid, bool on);
/// GICD_CTLR's group enables; waits for RWP.
void gic_groups(u32 groups);
/// A Group 1 SGI to one CPU.
void gic_sgi(u32 intid, u32 cpu);
