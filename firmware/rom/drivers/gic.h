// GICv3 with system registers, one security state (Arm IHI 0069).
#pragma once

#include "firmware/rom/lib/cpu.h"

/// GICD with affinity routing and both groups, this CPU's redistributor and interface; everything
/// disabled, Group 1, level, to CPU 0, priority 0xa0, PMR open, EOImode 0.
void gic_init(void);
/// The calling CPU's part of it.
void gic_init_cpu(void);
void gic_enable(u32 intid, bool on);
void gic_priority(u32 intid, u8 priority);
void gic_group(u32 intid, unsigned group);
void gic_edge(u32 intid, bool edge);
void gic_route(u32 intid, u64 affinity);
bool gic_pending(u32 intid);
bool gic_active(u32 intid);
void gic_set_pending(u32 intid, bool on);
void gic_set_active(u32 intid, bool on);
/// An SGI in Group 1 to one CPU of cluster 0.
void gic_sgi(u32 intid, u32 cpu);

#define ICC_IAR0 s3_0_c12_c8_0
#define ICC_EOIR0 s3_0_c12_c8_1
#define ICC_HPPIR0 s3_0_c12_c8_2
#define ICC_BPR0 s3_0_c12_c8_3
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
#define GIC_READ_(reg) READ(reg)
#define GIC_READ(reg) GIC_READ_(reg)
#define GIC_WRITE_(reg, v) WRITE(reg, v)
#define GIC_WRITE(reg, v) GIC_WRITE_(reg, v)
