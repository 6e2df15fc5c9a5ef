// PSCI over HVC (Arm DEN 0022).
#pragma once

#include "firmware/rom/lib/types.h"

/// A call; the answer in X0.  Apple's hypercalls have the same form.
s64 psci(u64 function, u64 a, u64 b, u64 c);
enum {
  kPsciVersion = 0x84000000,
  kPsciCpuOff = 0x84000002,
  kPsciCpuOn32 = 0x84000003,
  kPsciMigrateInfoType = 0x84000006,
  kPsciSystemOff = 0x84000008,
  kPsciSystemReset = 0x84000009,
  kPsciFeatures = 0x8400000a,
};
#define PSCI_CPU_SUSPEND 0xc4000001ul
#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_AFFINITY_INFO 0xc4000004ul
