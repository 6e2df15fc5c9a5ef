#include "cpu/model.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/bits.h"

namespace quince::cpu {
namespace {

CpuModel model(std::string_view option) {
  auto m = parse_cpu_model(option);
  EXPECT_TRUE(m.has_value()) << option << ": " << (m ? "" : m.error().message());
  return m ? *m : CpuModel{};
}
std::string error(std::string_view option) {
  const auto m = parse_cpu_model(option);
  return m ? "" : m.error().message();
}

TEST(Model, DefaultIsQuinceV1) {
  EXPECT_EQ(model("").name, "quince-v1");
  EXPECT_EQ(model("").id.midr, model("quince-v1").id.midr);
  EXPECT_EQ(cpu_models()[0].name, std::string("quince-v1"));
}

/// What the three Armv8.0 cores have in common.
void expect_armv80(const IdRegs& id) {
  EXPECT_EQ(id.clidr, 0x0a20'0023u);
  EXPECT_EQ(id.dczid, 4u);
  EXPECT_EQ(id.pfr0, 0x0100'0011u);  // manual: 0x2222, AArch32 and EL2, EL3; GICv3 registers
  EXPECT_EQ(id.pfr1, 0u);
  EXPECT_EQ(id.dfr0, 0x1030'5106u);
  EXPECT_EQ(id.isar0, 0x0001'1120u);
  EXPECT_EQ(id.isar1, 0u);
  EXPECT_EQ(id.mmfr1, 0u);
  EXPECT_EQ(id.mmfr2, 0u);
}

/// The size in bytes that a CCSIDR_EL1 describes.
u64 cache_size(u64 ccsidr) {
  return (bits(ccsidr, 27, 13) + 1) * (bits(ccsidr, 12, 3) + 1) * (u64{16} << bits(ccsidr, 2, 0));
}
constexpr u64 kKiB = 1024;

TEST(Model, CortexA53IsTheManualsLessWhatQuinceLacks) {
  const CpuModel m = model("cortex-a53");
  expect_armv80(m.id);
  EXPECT_EQ(m.id.midr, 0x410f'd034u);
  EXPECT_EQ(m.id.ctr, 0x8444'8004u);  // VIPT instruction cache
  EXPECT_EQ(m.id.mmfr0, 0x22u);       // manual: 0x1122, mixed endian and Secure memory
  EXPECT_EQ(m.stage1.pa_bits, 40u);
  EXPECT_FALSE(m.stage1.gran16);
  EXPECT_EQ(cache_size(m.id.ccsidr[0]), 32 * kKiB);
  EXPECT_EQ(cache_size(m.id.ccsidr[1]), 32 * kKiB);
  EXPECT_EQ(cache_size(m.id.ccsidr[2]), 1024 * kKiB);
}

TEST(Model, CortexA57IsTheManualsLessWhatQuinceLacks) {
  const CpuModel m = model("cortex-a57");
  expect_armv80(m.id);
  EXPECT_EQ(m.id.midr, 0x411f'd073u);
  EXPECT_EQ(m.id.ctr, 0x8444'c004u);  // PIPT instruction cache
  EXPECT_EQ(m.id.mmfr0, 0x24u);       // manual: 0x1124, mixed endian and Secure memory
  EXPECT_EQ(m.stage1.pa_bits, 44u);
  EXPECT_FALSE(m.stage1.gran16);
  EXPECT_EQ(cache_size(m.id.ccsidr[0]), 32 * kKiB);
  EXPECT_EQ(cache_size(m.id.ccsidr[1]), 48 * kKiB);
  EXPECT_EQ(cache_size(m.id.ccsidr[2]), 2048 * kKiB);
}

TEST(Model, CortexA72IsTheManualsLessWhatQuinceLacks) {
  const CpuModel m = model("cortex-a72");
  expect_armv80(m.id);
  EXPECT_EQ(m.id.midr, 0x410f'd083u);
  EXPECT_EQ(m.id.ctr, 0x8444'c004u);
  EXPECT_EQ(m.id.mmfr0, 0x24u);  // manual: 0x1124, mixed endian and Secure memory
  EXPECT_EQ(m.stage1.pa_bits, 44u);
  EXPECT_EQ(cache_size(m.id.ccsidr[0]), 32 * kKiB);
  EXPECT_EQ(cache_size(m.id.ccsidr[1]), 48 * kKiB);
  EXPECT_EQ(cache_size(m.id.ccsidr[2]), 1024 * kKiB);
}

TEST(Model, NeoverseN1IsTheManualsLessWhatQuinceLacks) {
  const IdRegs id = model("neoverse-n1").id;
  EXPECT_EQ(id.midr, 0x414f'd0c1u);
  EXPECT_EQ(id.pfr0, 0x1100'0000'0111'0011u);  // manual: ...0001'1111'2112 with GIC, RAS, EL2, EL3
  EXPECT_EQ(id.pfr1, 0x20u);
  EXPECT_EQ(id.isar0, 0x0000'1000'1021'1120u);
  EXPECT_EQ(id.isar1, 0x0010'0001u);
  EXPECT_EQ(id.mmfr0, 0x0010'0025u);  // manual: 0x101125
  EXPECT_EQ(id.mmfr1, 0x1020'1002u);  // manual: 0x10212122, VHE, VMID, LOR, HPDS2
  EXPECT_EQ(id.mmfr2, 0x11u);         // manual: 0x1011, IESB
}

TEST(Model, QuinceV1KeepsLinuxFromMitigations) {
  const CpuModel m = model("quince-v1");
  EXPECT_EQ(bits(m.id.midr, 31, 24), 0u);        // no errata list has this implementer
  EXPECT_EQ(bits(m.id.pfr0, 59, 56), 3u);        // CSV2_3: no branch history loops
  EXPECT_EQ(bits(m.id.pfr0, 63, 60), 1u);        // CSV3: no page table isolation
  EXPECT_EQ(bits(m.id.mmfr2, 63, 60), 1u);       // E0PD: KASLR does not ask for it either
  EXPECT_EQ(bits(m.id.pfr1, 7, 4), 2u);          // SSBS by MSR: no firmware calls
  EXPECT_TRUE(bit(m.id.ctr, 28));                // IDC
  EXPECT_FALSE(bit(m.id.ctr, 29));               // not DIC: IC finds changed code
  EXPECT_EQ(4u << bits(m.id.ctr, 3, 0), 4096u);  // IminLine
  EXPECT_EQ(4u << bits(m.id.ctr, 19, 16), 64u);  // DminLine
  EXPECT_EQ(bits(m.id.isar1, 11, 4), 0x40u);     // API FPAC, no APA
  EXPECT_TRUE(m.stage1.gran4 && m.stage1.gran16 && m.stage1.gran64);
}

TEST(Model, RegistersFollowFeatures) {
  EXPECT_EQ(bits(model("quince-v1,lse=off").id.isar0, 23, 20), 0u);
  EXPECT_EQ(bits(model("cortex-a72,lse=on").id.isar0, 23, 20), 2u);
  EXPECT_EQ(bits(model("cortex-a72,+lse").id.isar0, 23, 20), 2u);
  EXPECT_EQ(bits(model("quince-v1,pauth-qarma5=on").id.isar1, 11, 4), 4u);
  EXPECT_EQ(bits(model("quince-v1,fpac=off").id.isar1, 11, 8), 3u);
  EXPECT_EQ(bits(model("quince-v1,pmu=off").id.dfr0, 11, 8), 0u);
  EXPECT_FALSE(model("quince-v1,hafdbs=off").stage1.hafdbs_af);
  EXPECT_EQ(bits(model("cortex-a72,aes=off").id.isar0, 7, 4), 0u);
}

TEST(Model, TurningOffTakesDependentsAlong) {
  const CpuModel m = model("quince-v1,pauth=off");
  for (const Feature f : {Feature::PAuth, Feature::PAuth2, Feature::FPAC})
    EXPECT_FALSE(has(m.features, f));
  EXPECT_EQ(m.id.isar1 & 0xff00'0ff0, 0u);
  EXPECT_FALSE(m.stage1.tbid);
}

TEST(Model, Errors) {
  EXPECT_EQ(error("cortex-a99"), "-cpu: unknown model 'cortex-a99' (see -cpu help)");
  EXPECT_EQ(error("max,sve=on"), "-cpu: unknown feature 'sve' (see -cpu help)");
  EXPECT_EQ(error("max,lse=maybe"), "-cpu: 'lse' wants on or off, not 'maybe'");
  EXPECT_EQ(error("cortex-a72,pauth2=on"), "-cpu: feature 'pauth2' needs 'pauth'");
  EXPECT_EQ(error("cortex-a72,fhm=on"), "-cpu: feature 'fhm' needs 'fp16'");
  EXPECT_EQ(error("quince-v1,fpac=on,pauth=off"), "-cpu: feature 'fpac' needs 'pauth2'");
  EXPECT_EQ(error("max,"), "-cpu: unknown feature '' (see -cpu help)");
}

TEST(Model, Help) {
  const std::string path = QUINCE_SOURCE_DIR "/tests/unit/cpu/system/cpu_help.txt";
  std::ifstream in(path);
  std::stringstream expected;
  expected << in.rdbuf();
  EXPECT_EQ(cpu_help(), expected.str()) << "if this is meant, change " << path;
}

}  // namespace
}  // namespace quince::cpu
