// Host code of representative instructions and idioms: a change of what the translator writes is a
// difference of text.  Zydis, an independent disassembler, knows every instruction, and says which
// extension of the host each needs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "cpu/jit/x64/host_features.h"
#include "machine/listing/host_code.h"
#include "machine/listing/listing.h"
#include "tests/golden/golden.h"
#include "tests/support/vcpu_harness.h"

namespace quince::test {
namespace {

using cpu::jit::CodePart;
using cpu::jit::TranslatedCode;
using machine::HostLine;

struct Program {
  std::string file;
  const char* name;
  bool whole;  ///< what is out of line is listed, too
  std::vector<u32> words;
};

const std::vector<Program>& programs() {
  static const std::vector<Program> all = {
#include "tests/golden/host_code_programs.inc"
  };
  return all;
}

std::string count(std::size_t instructions, std::size_t bytes) {
  return fmt::format("{} in {} bytes", instructions, bytes);
}

/// Hears of the region that begins where a program does.
class Recorder final : public cpu::jit::CodeObserver {
 public:
  Recorder(const Program& program) : program_(program) {}
  void shared_code(unsigned, const cpu::jit::CodeNames&) override {}
  void translated(const TranslatedCode& code) override;

  std::string text;
  std::map<std::string, std::string> needs;  ///< extensions, with the first instruction of each
  std::vector<std::string> unknown;          ///< bytes that are no instruction

 private:
  void list(const TranslatedCode& code, const std::vector<HostLine>& lines);

  const Program& program_;
};

void Recorder::translated(const TranslatedCode& code) {
  const auto lines = host_lines(code, machine::Addresses::Symbolic);
  for (const HostLine& l : lines) {
    if (!l.known) unknown.push_back(fmt::format("{}: {}", program_.name, l.text));
    if (!l.need.empty()) needs.emplace(l.need, fmt::format("{}: {}", program_.name, l.text));
  }
  if (code.pc == VcpuHarness::kCode && text.empty()) list(code, lines);
}

void Recorder::list(const TranslatedCode& code, const std::vector<HostLine>& lines) {
  struct Sum {
    std::size_t instructions = 0, bytes = 0;
    void add(const HostLine& l) { ++instructions, bytes += l.bytes; }
    std::string text() const { return count(instructions, bytes); }
  };
  const u64 end = code.pc + 4 * program_.words.size();
  std::vector<Sum> sums(code.parts.size());
  Sum in_line, away;
  for (const HostLine& l : lines) {
    const CodePart& p = code.parts[l.part];
    if (p.pc >= end || p.kind == CodePart::Kind::Data) continue;
    sums[l.part].add(l);
    (p.kind == CodePart::Kind::Away ? away : in_line).add(l);
  }
  std::string body;
  std::size_t part = code.parts.size();
  for (const HostLine& l : lines) {
    const CodePart& p = code.parts[l.part];
    if (p.pc >= end) continue;  // the BRK behind it
    if (l.part != part) {
      part = l.part;
      const bool insn = p.kind == CodePart::Kind::Insn;
      const std::string guest =
          insn ? "  " + machine::guest_text(program_.words[(p.pc - code.pc) / 4]) : "";
      const std::string how = insn && *p.what != 0 ? fmt::format("  ({})", p.what) : "";
      body += fmt::format("{}{}{}:  {}\n", machine::part_name(p, code.pc), guest, how,
                          sums[part].text());
    }
    const bool enters = std::string_view(p.what) == "enter";
    if ((p.kind == CodePart::Kind::Away || enters) && !program_.whole) continue;
    if (!l.label.empty() && l.label != machine::part_name(p, code.pc))
      body += fmt::format("    <{}>\n", l.label);
    body += fmt::format("        {}\n", l.text);
  }
  text = fmt::format("== {}\n== {} instructions of the guest: {} in line, {} out of line\n\n{}\n",
                     program_.name, program_.words.size(), in_line.text(), away.text(), body);
}

constexpr u64 kData = VcpuHarness::kDataBlock, kDataSize = 0x4000;

/// Runs a program until it is translated as a whole.
void record(const Program& program, Recorder& recorder) {
  const VcpuHarness::Translation translation{
      .threshold = 3, .observer = &recorder, .several = program.file == "several_cpus"};
  cpu::CpuModel model;
  model.name = "everything";
  model.features.set();
  VcpuHarness harness(model, kData, kDataSize, &translation);
  for (std::size_t n = 0; n < program.words.size(); ++n)
    harness.write_insn(VcpuHarness::kCode + 4 * n, program.words[n]);
  harness.code_changed();
  for (unsigned run = 0; run < 4 && recorder.text.empty(); ++run) {
    harness.prepare(VcpuHarness::kCode);
    cpu::CpuState& s = harness.vcpu().s;
    for (unsigned r = 0; r < 20; ++r) s.x[r] = r + 1;
    s.x[20] = kData + 0x400;
    s.x[21] = kData + 0x800;
    s.x[22] = s.x[24] = 1;
    s.x[30] = VcpuHarness::kCode + 4 * program.words.size();
    s.sp = kData + 0x2000;
    s.sys.sctlr_el1 |= u64{1} << 9;  // UMA
    ASSERT_TRUE(harness.run_to_exception(64)) << program.name;
  }
  ASSERT_FALSE(recorder.text.empty()) << program.file << ": " << program.name;
}

/// Sets QUINCE_JIT_HOST while it lives.
class HostLimit {
 public:
  explicit HostLimit(const char* limit) {
    const char* v = std::getenv(kName);
    if (v != nullptr) before_ = v;
    ::setenv(kName, limit, 1);
  }
  ~HostLimit() {
    if (before_.empty())
      ::unsetenv(kName);
    else
      ::setenv(kName, before_.c_str(), 1);
  }

 private:
  static constexpr const char* kName = "QUINCE_JIT_HOST";
  std::string before_;
};

bool has_what_files_are_for() {
  const cpu::jit::HostFeatures h = cpu::jit::probe_host("crypto");
  return h.bmi2 && h.fast_pext && h.lzcnt && h.avx2 && h.aes && h.pclmul && h.sha;
}

constexpr const char* kFloor = "floor";

TEST(HostCode, IsThatOfTheFiles) {
  if (!cpu::translation_supported()) GTEST_SKIP() << "nothing is translated on this host";
  const bool all = has_what_files_are_for();
  std::map<std::string, std::string> files;
  for (const Program& p : programs()) {
    if (!all && p.file != kFloor) continue;
    const HostLimit limit(p.file == kFloor ? kFloor : "crypto");
    Recorder recorder(p);
    ASSERT_NO_FATAL_FAILURE(record(p, recorder));
    files[p.file] += recorder.text;
    EXPECT_EQ(recorder.unknown, std::vector<std::string>{});
  }
  for (const auto& [file, text] : files)
    expect_golden("tests/golden/host_code/" + file + ".txt", text);
  if (!all) GTEST_SKIP() << "this host lacks what all but floor.txt are for";
}

TEST(HostCode, TheFloorIsSse42AndAvx) {
  if (!cpu::translation_supported()) GTEST_SKIP() << "nothing is translated on this host";
  const HostLimit limit(kFloor);
  const std::set<std::string> floor = {"BASE",  "LONGMODE", "SSE", "SSE2", "SSE3",
                                       "SSSE3", "SSE4",     "AVX", "CMOV", "LAHF"};
  bool seen_avx = false;
  for (const Program& p : programs()) {
    Recorder recorder(p);
    ASSERT_NO_FATAL_FAILURE(record(p, recorder));
    for (const auto& [need, where] : recorder.needs) {
      EXPECT_TRUE(floor.contains(need)) << need << " for " << where;
      seen_avx |= need == "AVX";
    }
  }
  EXPECT_TRUE(seen_avx);
}

TEST(HostCode, EachLevelUsesWhatItSays) {
  if (!has_what_files_are_for()) GTEST_SKIP() << "this host lacks some of it";
  const auto needs = [](const char* level) {
    const HostLimit limit(level);
    std::set<std::string> all;
    for (const Program& p : programs()) {
      Recorder recorder(p);
      record(p, recorder);
      for (const auto& [need, where] : recorder.needs) all.insert(need);
    }
    return all;
  };
  const auto call = needs("call"), avx2 = needs("avx2"), crypto = needs("crypto");
  EXPECT_TRUE(call.contains("BMI2") && call.contains("LZCNT"));
  EXPECT_FALSE(call.contains("AVX2") || call.contains("FMA"));
  EXPECT_TRUE(avx2.contains("AVX2") && avx2.contains("FMA"));
  EXPECT_FALSE(avx2.contains("AES") || avx2.contains("AVXAES") || avx2.contains("SHA"));
  EXPECT_TRUE(crypto.contains("SHA"));
  for (const std::string& need : crypto) EXPECT_FALSE(need.starts_with("AVX512")) << need;
}

}  // namespace
}  // namespace quince::test
