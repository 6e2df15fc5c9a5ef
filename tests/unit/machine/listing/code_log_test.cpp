#include "machine/listing/code_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/temp_dir.h"
#include "tests/unit/machine/listing/sample_code.h"

namespace quince::machine {
namespace {

using quince::test::SampleCode;

/// What the log gets when a region is translated.
std::string logged(CodeLogOptions options) {
  const test::TempDir dir;
  Log log;
  EXPECT_TRUE(log.open(dir / "log"));
  auto code_log = CodeLog::create(log, std::move(options));
  EXPECT_TRUE(code_log);
  (*code_log)->translated(SampleCode().code());
  std::ifstream in(dir / "log");
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

TEST(CodeLog, GuestInstructionsWithGapsAndUnknownWords) {
  const std::string text = logged({.in_asm = true, .filter = {}});
  EXPECT_NE(text.find("IN: cpu 3\n0x40001000:  8b020020  add x0, x1, x2\n            ...\n"
                      "0x40001010:  00000000  "),
            text.npos)
      << text;
  EXPECT_EQ(text.find("OUT:"), text.npos);
}

TEST(CodeLog, HostCodeBelowItsInstruction) {
  const std::string text = logged({.out_asm = true, .filter = {}});
  EXPECT_NE(text.find("OUT: [size=24] for 0x40001000 of cpu 3\n"), text.npos) << text;
  const auto guest = text.find("  -- guest addr 0x40001000  add x0, x1, x2\n");
  const auto host = text.find("41898700010000        mov [r15+nzcv], eax\n");
  const auto away = text.find("  -- guest addr 0x40001010  (load missed)\n");
  ASSERT_NE(guest, text.npos) << text;
  ASSERT_NE(host, text.npos) << text;
  ASSERT_NE(away, text.npos) << text;
  EXPECT_LT(guest, host);
  EXPECT_LT(host, away);
  EXPECT_EQ(text.find("IN:"), text.npos);
}

TEST(CodeLog, FilterLooksAtEveryInstruction) {
  const u64 pc = SampleCode::kPc;
  EXPECT_NE(logged({.in_asm = true, .filter = {{0, 5}, {pc + 16, pc + 16}}}), "");
  EXPECT_EQ(logged({.in_asm = true, .out_asm = true, .filter = {{pc + 17, ~u64{0}}}}), "");
  EXPECT_EQ(logged({.in_asm = true, .filter = {{0, pc - 1}}}), "");
}

}  // namespace
}  // namespace quince::machine
