// el1_cases on quince's boards and in another emulator: the same image, the same lines, apart from
// the differences that el1_differences.txt explains.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "tests/guest/guest_run.h"
#include "tests/support/command.h"

namespace {

using namespace quince::test;
using Lines = std::vector<std::string>;

const Options kOptions = {"-icount", "shift=3", "-cpu", "cortex-a72"};

Lines lines_of(const std::string& text) {
  Lines lines;
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      lines.push_back(line);
      line.clear();
    } else if (c != '\r') {
      line += c;
    }
  }
  return lines;
}

Lines run(const std::string& program) {
  Emulator emulator(program, kOptions);
  EXPECT_TRUE(emulator.started());
  EXPECT_TRUE(emulator.read_until("")) << "it did not end in time";
  EXPECT_EQ(emulator.wait(), 0);
  check_report(emulator.output());
  return lines_of(emulator.output());
}

/// The virt board's, which both tests look at.
const Lines& virt_lines() {
  static const Lines lines = run("el1_cases.virt");
  return lines;
}

/// A kind of line that one side has and the other has not, with the reason.
struct Explained {
  bool ours = false, theirs = false;
  std::string glob, reason;
  unsigned used = 0;
};

/// Lines of "ours", "theirs" or "both", a glob, and a reason behind "--"; '#' begins a comment.
std::vector<Explained> read_differences() {
  std::vector<Explained> all;
  std::ifstream in(QUINCE_SOURCE_DIR "/tests/guest/el1_differences.txt");
  EXPECT_TRUE(in.good());
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' '), dashes = line.find(" -- ");
    if (space == std::string::npos || dashes == std::string::npos || dashes < space) {
      ADD_FAILURE() << "not a difference with a reason: " << line;
      continue;
    }
    const std::string side = line.substr(0, space);
    all.push_back({.ours = side != "theirs",
                   .theirs = side != "ours",
                   .glob = line.substr(space + 1, dashes - space - 1),
                   .reason = line.substr(dashes + 4)});
  }
  return all;
}

/// The lines that are not in a longest common subsequence.
struct Difference {
  Lines ours, theirs;
};
Difference difference(const Lines& a, const Lines& b) {
  const std::size_t width = b.size() + 1;
  std::vector<quince::u16> longest((a.size() + 1) * width);
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;)
      longest[i * width + j] =
          a[i] == b[j] ? static_cast<quince::u16>(longest[(i + 1) * width + j + 1] + 1)
                       : std::max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
  Difference d;
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i, ++j;
    } else if (j == b.size() ||
               (i < a.size() && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      d.ours.push_back(a[i++]);
    } else {
      d.theirs.push_back(b[j++]);
    }
  }
  return d;
}

/// Exceptions, registers and translation do not depend on the board.
TEST(El1, BothBoardsAgree) {
  NEED_GUESTS();
  const Difference d = difference(virt_lines(), run("el1_cases"));
  for (const std::string& line : d.ours) ADD_FAILURE() << "virt only: " << line;
  for (const std::string& line : d.theirs) ADD_FAILURE() << "vmapple only: " << line;
}

TEST(El1, AnotherEmulatorAgrees) {
  NEED_GUESTS();
  if (!have_command("qemu-system-aarch64"))
    GTEST_SKIP() << "qemu-system-aarch64 was not found (scripts/install-deps.sh check)";
  const Lines& ours = virt_lines();
  const CommandResult r = run_command(
      "timeout 240 qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a72 -m 256 -nodefaults "
      "-display none -serial stdio -kernel " QUINCE_GUEST_DIR "/el1_cases.virt.elf </dev/null");
  ASSERT_EQ(r.status, 0) << r.output;
  const Lines theirs = lines_of(r.output);
  EXPECT_GT(ours.size(), 1500u);

  std::vector<Explained> explained = read_differences();
  const auto explain = [&](const std::string& line, bool is_ours) {
    for (Explained& e : explained)
      if ((is_ours ? e.ours : e.theirs) && quince::glob_match(e.glob, line)) {
        ++e.used;
        return true;
      }
    return false;
  };
  const Difference d = difference(ours, theirs);
  for (const std::string& line : d.ours)
    EXPECT_TRUE(explain(line, true)) << "unexplained, ours:   " << line;
  for (const std::string& line : d.theirs)
    EXPECT_TRUE(explain(line, false)) << "unexplained, theirs: " << line;
  // Written for the version that Debian 12 has; others may have mended something.
  const bool known =
      run_command("qemu-system-aarch64 --version").output.find("version 7.2") != std::string::npos;
  for (const Explained& e : explained)
    EXPECT_TRUE(e.used != 0 || !known) << "explains nothing any more: " << e.glob;
}

}  // namespace
