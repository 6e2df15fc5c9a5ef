#include "tests/isa/llvm_mc.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace quince::test {

namespace {

constexpr const char* kLlvmMc = QUINCE_LLVM_MC;  // from CMake; empty where it was not found

/// The extensions of cpu/features.inc, by LLVM's names.
constexpr const char* kFeatures =
    "+fp-armv8,+neon,+lse,+crc,+rdm,+pan,+pan-rwv,+uaops,+rcpc,+rcpc-immo,+dotprod,+fullfp16,"
    "+fp16fml,+complxnum,+jsconv,+fptoint,+flagm,+altnzcv,+sb,+ssbs,+dit,+predres,+specrestrict,"
    "+ccpp,+ccdp,+aes,+sha2,+sha3,+pauth,+bti,+rand,+i8mm,+bf16,+lse2,+tlb-rmi,+ras,+perfmon,"
    "+spe,+tracev8.4,+el2vmsa,+el3,-sve,-sve2,-sme,-mte,-sm4,-ls64,-mops,-hbc,-tme";

/// Files of one call, removed afterwards.
class Call {
 public:
  Call() {
    std::string name = ::testing::TempDir() + "quince-llvm-XXXXXX";
    const char* made = mkdtemp(name.data());
    directory_ = made != nullptr ? made : "";
  }
  ~Call() {
    for (const char* f : {"in", "out", "err"}) unlink(path(f).c_str());
    rmdir(directory_.c_str());
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  std::string path(const char* file) const { return directory_ + "/" + file; }
  /// Runs llvm-mc; its exit status says nothing, since it fails when any line does.
  void run(const std::string& options, const std::string& input) {
    std::ofstream(path("in")) << input;
    const std::string command =
        fmt::format("'{}' -triple=aarch64 -mattr={} {} '{}' > '{}' 2> '{}'", kLlvmMc, kFeatures,
                    options, path("in"), path("out"), path("err"));
    [[maybe_unused]] const int status = std::system(command.c_str());
  }
  std::vector<std::string> lines(const char* file) const {
    std::ifstream in(path(file));
    std::vector<std::string> v;
    for (std::string line; std::getline(in, line);) v.push_back(line);
    return v;
  }

 private:
  std::string directory_;
};

/// The line number in a diagnostic "file:LINE:COLUMN: kind: text", or 0.
std::size_t line_of(const std::string& diagnostic, const std::string& file, std::string& rest) {
  if (!diagnostic.starts_with(file + ":")) return 0;
  const char* p = diagnostic.c_str() + file.size() + 1;
  char* end = nullptr;
  const std::size_t line = std::strtoull(p, &end, 10);
  rest = end;
  return line;
}

}  // namespace

std::string llvm_mc_missing() {
  return *kLlvmMc == 0 || access(kLlvmMc, X_OK) != 0 ? "no llvm-mc" : "";
}

std::vector<std::string> llvm_disassemble(std::span<const u32> words) {
  std::string input;
  for (const u32 w : words)
    input += fmt::format("{:#04x} {:#04x} {:#04x} {:#04x}\n", w & 0xff, (w >> 8) & 0xff,
                         (w >> 16) & 0xff, w >> 24);
  Call call;
  call.run("--disassemble", input);
  std::vector<bool> invalid(words.size() + 1);
  std::string rest;
  for (const std::string& line : call.lines("err")) {
    const std::size_t n = line_of(line, call.path("in"), rest);
    if (n != 0 && n <= words.size() && rest.find("invalid instruction") != rest.npos)
      invalid[n] = true;
  }
  std::vector<std::string> out;
  for (const std::string& line : call.lines("out"))
    if (line.find_first_not_of(" \t") != line.npos && line.find(".text") == line.npos)
      out.push_back(line.substr(line.find_first_not_of(" \t")));
  std::vector<std::string> result(words.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (!invalid[i + 1] && next < out.size()) result[i] = out[next++];
  EXPECT_EQ(next, out.size()) << "llvm-mc printed more than it was asked";
  return result;
}

std::vector<Assembled> llvm_assemble(std::span<const std::string> lines) {
  std::string input;
  for (const std::string& line : lines) input += line + "\n";
  Call call;
  call.run("--show-encoding", input);
  std::vector<Assembled> result(lines.size());
  std::string rest;
  for (const std::string& line : call.lines("err")) {
    const std::size_t n = line_of(line, call.path("in"), rest);
    if (n != 0 && n <= lines.size()) result[n - 1].error += rest;
  }
  std::size_t next = 0;
  for (const std::string& line : call.lines("out")) {
    const auto at = line.find("encoding: [");
    if (at == line.npos) continue;
    while (next < lines.size() && result[next].error.find("error") != std::string::npos) ++next;
    if (next == lines.size()) break;
    u32 word = 0;
    const char* p = line.c_str() + at + 11;
    for (unsigned i = 0; i < 4; ++i) {
      char* end = nullptr;
      word |= static_cast<u32>(std::strtoul(p, &end, 16) & 0xff) << (8 * i);
      p = end + 1;
    }
    result[next++] = {true, word, ""};
  }
  while (next < lines.size() && !result[next].error.empty()) ++next;
  EXPECT_EQ(next, lines.size()) << "llvm-mc printed less than it was asked";
  return result;
}

}  // namespace quince::test
