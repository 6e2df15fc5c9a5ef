// CPU models: a named, versioned choice of features and identification registers.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cpu/features.h"
#include "cpu/mmu/walk.h"

namespace quince::cpu {

/// The identification registers that a guest sees (values by architectural name).
struct IdRegs {
  u64 midr = 0, revidr = 0, ctr = 0, dczid = 0, clidr = 0;
  u64 pfr0 = 0, pfr1 = 0, dfr0 = 0, dfr1 = 0;
  u64 isar0 = 0, isar1 = 0, isar2 = 0;
  u64 mmfr0 = 0, mmfr1 = 0, mmfr2 = 0;
  std::array<u64, 3> ccsidr{};  ///< CCSIDR_EL1: level 1 data, level 1 instruction, level 2
};

/// What a `-cpu` option selects.
struct CpuModel {
  std::string name;
  FeatureSet features;
  IdRegs id;
  Stage1Features stage1;
  unsigned breakpoints = 6, watchpoints = 4;  ///< ID_AA64DFR0_EL1.BRPs + 1, WRPs + 1
  unsigned pmu_counters = 6;                  ///< PMCR_EL0.N
};

/// The names of the models, the default first, with a line about each.
struct CpuModelInfo {
  const char* name;
  const char* help;
};
std::span<const CpuModelInfo> cpu_models();

/// Parses `-cpu model[,feature=on|off|,+feature|,-feature]...`; "" is the default model.  An
/// unknown model or feature, or a combination that the architecture forbids, is an error.
Result<CpuModel> parse_cpu_model(std::string_view option);

/// The text of `-cpu help`: models, features and the ID registers of each model.
std::string cpu_help();

}  // namespace quince::cpu
