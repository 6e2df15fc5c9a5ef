// CPU models: from a `-cpu` option to features, identification registers and limits.
//
// Arm ARM DDI 0487: ID_AA64*_EL1, MIDR_EL1, CTR_EL0, DCZID_EL0, CLIDR_EL1, CCSIDR_EL1 (D19.2).
// The look-alikes follow the technical reference manuals of the Cortex-A53 (DDI 0500), Cortex-A57
// (DDI 0488), Cortex-A72 (100095) and Neoverse N1 (100616), less what quince does not have:
// AArch32, EL2 and EL3, big-endian data, Secure memory, RAS, statistical profiling, external debug
// and trace.  Feature fields of the ID registers come
// from one table over the feature set, so that `feature=on|off` cannot contradict them.
#include "cpu/model.h"

#include <fmt/core.h>

#include <optional>
#include <vector>

#include "base/bits.h"

namespace quince::cpu {

namespace {

constexpr std::size_t kFeatures = static_cast<std::size_t>(Feature::kCount);

struct FeatureInfo {
  const char* name;
  const char* text;
};
constexpr FeatureInfo kInfo[kFeatures] = {
#define FEATURE(id, name, text) {name, text},
#include "cpu/features.inc"
#undef FEATURE
};

constexpr std::size_t index_of(Feature f) { return static_cast<std::size_t>(f); }
constexpr const char* name_of(Feature f) { return kInfo[index_of(f)].name; }

/// A feature that makes no sense, or that the architecture does not allow, without another one.
struct Dependency {
  Feature feature;
  Feature needs;
};
constexpr Dependency kDependencies[] = {
    {Feature::PAuth2, Feature::PAuth},     {Feature::FPAC, Feature::PAuth2},
    {Feature::PACQARMA5, Feature::PAuth},  {Feature::FHM, Feature::FP16},
    {Feature::LRCPC2, Feature::LRCPC},     {Feature::FlagM2, Feature::FlagM},
    {Feature::SSBS2, Feature::SSBS},       {Feature::DPB2, Feature::DPB},
    {Feature::PMULL, Feature::AES},        {Feature::SHA256, Feature::SHA1},
    {Feature::SHA512, Feature::SHA256},    {Feature::SHA3, Feature::SHA512},
    {Feature::PAN2, Feature::PAN},         {Feature::TLBIRANGE, Feature::TLBIOS},
    {Feature::CSV2_2, Feature::CSV2},      {Feature::CSV2_3, Feature::CSV2_2},
    {Feature::E0PD, Feature::CSV3},
};

/// One value of one ID register field: a feature that is on raises the field to at least `value`.
struct FieldRule {
  Feature feature;
  u64 IdRegs::*reg;
  u8 lsb;
  u8 value;
};
using F = Feature;
using R = IdRegs;
constexpr FieldRule kFields[] = {
    {F::FP16, &R::pfr0, 16, 1},     {F::FP16, &R::pfr0, 20, 1},     {F::DIT, &R::pfr0, 48, 1},
    {F::CSV2, &R::pfr0, 56, 1},     {F::CSV2_2, &R::pfr0, 56, 2},   {F::CSV2_3, &R::pfr0, 56, 3},
    {F::CSV3, &R::pfr0, 60, 1},     {F::BTI, &R::pfr1, 0, 1},       {F::SSBS, &R::pfr1, 4, 1},
    {F::SSBS2, &R::pfr1, 4, 2},     {F::PMUv3, &R::dfr0, 8, 1},     {F::AES, &R::isar0, 4, 1},
    {F::PMULL, &R::isar0, 4, 2},    {F::SHA1, &R::isar0, 8, 1},     {F::SHA256, &R::isar0, 12, 1},
    {F::SHA512, &R::isar0, 12, 2},  {F::CRC32, &R::isar0, 16, 1},   {F::LSE, &R::isar0, 20, 2},
    {F::RDM, &R::isar0, 28, 1},     {F::SHA3, &R::isar0, 32, 1},    {F::DotProd, &R::isar0, 44, 1},
    {F::FHM, &R::isar0, 48, 1},     {F::FlagM, &R::isar0, 52, 1},   {F::FlagM2, &R::isar0, 52, 2},
    {F::TLBIOS, &R::isar0, 56, 1},  {F::TLBIRANGE, &R::isar0, 56, 2}, {F::RNG, &R::isar0, 60, 1},
    {F::DPB, &R::isar1, 0, 1},      {F::DPB2, &R::isar1, 0, 2},     {F::JSCVT, &R::isar1, 12, 1},
    {F::FCMA, &R::isar1, 16, 1},    {F::LRCPC, &R::isar1, 20, 1},   {F::LRCPC2, &R::isar1, 20, 2},
    {F::FRINTTS, &R::isar1, 32, 1}, {F::SB, &R::isar1, 36, 1},      {F::SPECRES, &R::isar1, 40, 1},
    {F::BF16, &R::isar1, 44, 1},    {F::I8MM, &R::isar1, 52, 1},    {F::HAFDBS, &R::mmfr1, 0, 2},
    {F::PAN, &R::mmfr1, 20, 1},     {F::PAN2, &R::mmfr1, 20, 2},    {F::XNX, &R::mmfr1, 28, 1},
    {F::TTCNP, &R::mmfr2, 0, 1},    {F::UAO, &R::mmfr2, 4, 1},      {F::LSE2, &R::mmfr2, 32, 1},
    {F::IDST, &R::mmfr2, 36, 1},    {F::TTL, &R::mmfr2, 48, 1},     {F::E0PD, &R::mmfr2, 60, 1},
};

/// Pointer authentication has two sets of fields, for QARMA5 (APA, GPA) and for an implementation
/// defined algorithm (API, GPI).
void pauth_fields(const FeatureSet& on, IdRegs& id) {
  if (!has(on, F::PAuth)) return;
  const bool qarma = has(on, F::PACQARMA5);
  const u64 level = has(on, F::FPAC) ? 4 : has(on, F::PAuth2) ? 3 : 1;
  id.isar1 |= level << (qarma ? 4 : 8);
  id.isar1 |= u64{1} << (qarma ? 24 : 28);
}

/// What of a model does not follow from its features.
struct Base {
  const char* name;
  const char* help;
  std::span<const Feature> features;  ///< empty: all
  u64 midr, ctr, clidr;
  std::array<u64, 3> ccsidr;
  u8 pa_bits;
  bool gran16;
  bool hpds;
  u8 breakpoints, watchpoints, context_breakpoints, pmu_counters;
};

// Cortex-A53, A57 and A72: Armv8.0 with its optional CRC32 and Cryptography extensions.
constexpr Feature kArmv80[] = {F::CRC32, F::AES, F::PMULL, F::SHA1, F::SHA256, F::PMUv3};

constexpr Feature kNeoverseN1[] = {
    F::LSE,    F::CRC32,  F::RDM,    F::PAN,   F::PAN2,  F::UAO,  F::LRCPC, F::DotProd,
    F::FP16,   F::SSBS,   F::SSBS2,  F::DPB,   F::AES,   F::PMULL, F::SHA1, F::SHA256,
    F::HAFDBS, F::CSV2,   F::CSV3,   F::TTCNP, F::XNX,   F::PMUv3};

// quince-v1 is policy: what makes guests fast and quiet.  CSV2_3, CSV3, E0PD and SSBS spare Linux
// its page table isolation, branch history loops and firmware calls; LSE, LSE2 and RCPC2 turn loops
// into single instructions; hardware AF and dirty state, range TLBI and RNDR save exceptions and
// waiting.  CTR_EL0 says that data caches need no cleaning for instruction fetch (IDC) and that an
// instruction cache "line" is 4 KiB, so that IC IVAU over a page is one instruction; DIC stays 0,
// because quince finds changed code by IC.  Pointer authentication is on, since vmapple guests
// cannot run without it, with a fast implementation-defined hash instead of QARMA5.
constexpr Feature kQuinceV1[] = {
    F::LSE,    F::CRC32,  F::RDM,    F::PAN,    F::PAN2,   F::UAO,     F::LRCPC,  F::LRCPC2,
    F::DotProd, F::FP16,  F::FHM,    F::FCMA,   F::JSCVT,  F::FRINTTS, F::FlagM,  F::FlagM2,
    F::SB,     F::SSBS,   F::SSBS2,  F::DIT,    F::SPECRES, F::DPB,    F::DPB2,   F::AES,
    F::PMULL,  F::SHA1,   F::SHA256, F::SHA512, F::SHA3,   F::PAuth,   F::PAuth2, F::FPAC,
    F::BTI,    F::RNG,    F::I8MM,   F::BF16,   F::LSE2,   F::TLBIOS,  F::TLBIRANGE, F::HAFDBS,
    F::TTL,    F::E0PD,   F::CSV2,   F::CSV2_2, F::CSV2_3, F::CSV3,    F::TTCNP,  F::PMUv3};

// Implementer 0 is reserved for software and is on nobody's list of errata.
constexpr u64 kQuinceMidr = 0x000f'71c0;
constexpr u64 kQuinceCtr = 0x9444'c00a;
constexpr u64 kQuinceClidr = 0x0200'0023;  // LoC 2; IDC makes LoUU and LoUIS 0
constexpr std::array<u64, 3> kQuinceCaches = {0x701f'e01a, 0x201f'e01a, 0x70ff'e03a};

// clang-format off
constexpr Base kModels[] = {
    {"quince-v1", "fast and complete; what it means never changes", kQuinceV1, kQuinceMidr,
     kQuinceCtr, kQuinceClidr, kQuinceCaches, 44, true, true, 6, 4, 2, 6},
    {"cortex-a53", "like an Arm Cortex-A53 r0p4", kArmv80, 0x410f'd034, 0x8444'8004, 0x0a20'0023,
     {0x700f'e01a, 0x201f'e00a, 0x707f'e07a}, 40, false, false, 6, 4, 2, 6},
    {"cortex-a57", "like an Arm Cortex-A57 r1p3", kArmv80, 0x411f'd073, 0x8444'c004, 0x0a20'0023,
     {0x701f'e00a, 0x201f'e012, 0x70ff'e07a}, 44, false, false, 6, 4, 2, 6},
    {"cortex-a72", "like an Arm Cortex-A72 r0p3", kArmv80, 0x410f'd083, 0x8444'c004, 0x0a20'0023,
     {0x701f'e00a, 0x201f'e012, 0x707f'e07a}, 44, false, false, 6, 4, 2, 6},
    {"neoverse-n1", "like an Arm Neoverse N1 r4p1", kNeoverseN1, 0x414f'd0c1, 0x8444'c004,
     0x8200'0023, {0x701f'e01a, 0x201f'e01a, 0x70ff'e03a}, 48, true, true, 6, 4, 2, 6},
    {"max", "every feature, with QARMA5; changes between versions", {}, kQuinceMidr, kQuinceCtr,
     kQuinceClidr, kQuinceCaches, 48, true, true, 16, 16, 2, 31},
};
// clang-format on

const Base* find_model(std::string_view name) {
  for (const Base& m : kModels)
    if (name == m.name) return &m;
  return nullptr;
}

FeatureSet features_of(const Base& base) {
  FeatureSet on;
  if (base.features.empty()) on.set();
  for (const Feature f : base.features) on.set(index_of(f));
  on.set(index_of(F::Base));
  return on;
}

u64 pa_range(unsigned bits) {
  constexpr u8 kSizes[] = {32, 36, 40, 42, 44, 48};
  for (unsigned i = 0; i < std::size(kSizes); ++i)
    if (kSizes[i] == bits) return i;
  return 2;
}

IdRegs id_regs(const Base& base, const FeatureSet& on) {
  IdRegs id;
  id.midr = base.midr;
  id.ctr = base.ctr;
  id.dczid = 4;  // 64 bytes
  id.clidr = base.clidr;
  id.ccsidr = base.ccsidr;
  // EL0 and EL1 in AArch64 only; the GIC field is the machine's, see sysreg_id.cpp.
  id.pfr0 = 0x0100'0011;
  id.dfr0 = 6 | u64{base.breakpoints - 1u} << 12 | u64{base.watchpoints - 1u} << 20 |
            u64{base.context_breakpoints - 1u} << 28;
  id.mmfr0 = pa_range(base.pa_bits) | 2u << 4 | (base.gran16 ? 1u << 20 : 0);
  id.mmfr1 = base.hpds ? 1u << 12 : 0;
  for (const FieldRule& r : kFields) {
    if (!has(on, r.feature)) continue;
    u64& reg = id.*r.reg;
    if (bits(reg, r.lsb + 3u, r.lsb) < r.value) reg = with_bits(reg, r.lsb + 3u, r.lsb, r.value);
  }
  pauth_fields(on, id);
  return id;
}

Stage1Features stage1_features(const Base& base, const FeatureSet& on) {
  Stage1Features s;
  s.pa_bits = base.pa_bits;
  s.gran16 = base.gran16;
  s.asid16 = true;
  s.hafdbs_af = s.hafdbs_dbm = has(on, F::HAFDBS);
  s.hpds = base.hpds;
  s.pan = has(on, F::PAN);
  s.e0pd = has(on, F::E0PD);
  s.tbid = has(on, F::PAuth);
  s.bti = has(on, F::BTI);
  return s;
}

/// What the user asked of each feature.
using Requests = std::array<std::optional<bool>, kFeatures>;

Result<void> parse_feature(std::string_view word, Requests& requests) {
  bool on = true;
  std::string_view name = word;
  if (word.starts_with('+') || word.starts_with('-')) {
    on = word[0] == '+';
    name.remove_prefix(1);
  } else if (const std::size_t eq = word.find('='); eq != word.npos) {
    const std::string_view value = word.substr(eq + 1);
    if (value != "on" && value != "off")
      return fail("-cpu: '{}' wants on or off, not '{}'", word.substr(0, eq), value);
    on = value == "on";
    name = word.substr(0, eq);
  }
  for (std::size_t i = 1; i < kFeatures; ++i)
    if (name == kInfo[i].name) {
      requests[i] = on;
      return {};
    }
  return fail("-cpu: unknown feature '{}' (see -cpu help)", name);
}

/// Applies the requests: turning a feature off takes along what needs it, unless that was asked
/// for, which is an error like any other missing dependency.
Result<void> apply_requests(const Requests& requests, FeatureSet& on) {
  for (std::size_t i = 0; i < kFeatures; ++i)
    if (requests[i]) on.set(i, *requests[i]);
  for (bool changed = true; changed;) {
    changed = false;
    for (const Dependency& d : kDependencies) {
      if (!has(on, d.feature) || has(on, d.needs)) continue;
      if (requests[index_of(d.feature)].value_or(false))
        return fail("-cpu: feature '{}' needs '{}'", name_of(d.feature), name_of(d.needs));
      on.reset(index_of(d.feature));
      changed = true;
    }
  }
  return {};
}

CpuModel make(const Base& base, const FeatureSet& on) {
  CpuModel m;
  m.name = base.name;
  m.features = on;
  m.id = id_regs(base, on);
  m.stage1 = stage1_features(base, on);
  m.breakpoints = base.breakpoints;
  m.watchpoints = base.watchpoints;
  m.pmu_counters = base.pmu_counters;
  return m;
}

}  // namespace

std::span<const CpuModelInfo> cpu_models() {
  static constexpr auto kList = [] {
    std::array<CpuModelInfo, std::size(kModels)> list{};
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = {kModels[i].name, kModels[i].help};
    return list;
  }();
  return kList;
}

Result<CpuModel> parse_cpu_model(std::string_view option) {
  const std::size_t comma = option.find(',');
  const std::string_view name = option.substr(0, comma);
  const Base* base = name.empty() ? &kModels[0] : find_model(name);
  if (base == nullptr) return fail("-cpu: unknown model '{}' (see -cpu help)", name);
  Requests requests{};
  for (std::size_t at = comma; at != option.npos;) {
    const std::size_t end = option.find(',', at + 1);
    const std::string_view word = option.substr(at + 1, end - at - 1);
    TRY_VOID(parse_feature(word, requests));
    at = end;
  }
  FeatureSet on = features_of(*base);
  TRY_VOID(apply_requests(requests, on));
  return make(*base, on);
}

std::string cpu_help() {
  std::string out = "Models (-cpu model[,feature=on|off]...):\n";
  for (const Base& m : kModels) out += fmt::format("  {:<12} {}\n", m.name, m.help);
  out += "\nFeatures, and the models that have them:\n";
  for (std::size_t i = 1; i < kFeatures; ++i) {
    std::string models;
    for (const Base& m : kModels)
      if (features_of(m)[i]) models += fmt::format("{}{}", models.empty() ? "" : ", ", m.name);
    out += fmt::format("  {:<12} {} ({})\n", kInfo[i].name, kInfo[i].text, models);
  }
  for (const Base& m : kModels) {
    const IdRegs id = make(m, features_of(m)).id;
    out += fmt::format("\n{}:\n", m.name);
    const std::pair<const char*, u64> regs[] = {
        {"MIDR_EL1", id.midr},          {"CTR_EL0", id.ctr},
        {"ID_AA64PFR0_EL1", id.pfr0},   {"ID_AA64PFR1_EL1", id.pfr1},
        {"ID_AA64DFR0_EL1", id.dfr0},   {"ID_AA64ISAR0_EL1", id.isar0},
        {"ID_AA64ISAR1_EL1", id.isar1}, {"ID_AA64MMFR0_EL1", id.mmfr0},
        {"ID_AA64MMFR1_EL1", id.mmfr1}, {"ID_AA64MMFR2_EL1", id.mmfr2}};
    for (const auto& [reg, value] : regs) out += fmt::format("  {:<17} {:#018x}\n", reg, value);
  }
  return out;
}

}  // namespace quince::cpu
