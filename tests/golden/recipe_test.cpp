// The device of docs/adding-a-device.md: what the page shows is here, compiled, and holds under the
// same harness as every device.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "hw/core/archive.h"
#include "hw/core/irq.h"
#include "hw/core/reg_map.h"
#include "hw/core/timer.h"
#include "tests/support/device_fuzz.h"
#include "tests/support/pin.h"

namespace quince::hw {
namespace {

// clang-format off
class Blinker final : public RegMapDevice<Blinker> {
 public:
  Blinker(std::string_view name, IrqLine irq, TimerQueue& clock);
  void reset() override { s_ = {}; restored(); }
  void snapshot(Archive& ar) override { ar.field("mask", s_.mask); ar.field("due_ns", s_.due_ns); }
  void restored() override { sync(); }
  static std::span<const Reg<Blinker>> regs();
  void sync();

 private:
  friend RegOps<Blinker>;
  using Op = RegOps<Blinker>;
  struct State { u32 mask = 0; u64 due_ns = kNever; };
  bool due() const { return s_.due_ns <= clock_.now_ns(); }
  void set_delay(u32 us) { s_.due_ns = clock_.now_ns() + us * kMicrosecond; }
  static const std::array<Reg<Blinker>, 3> kRegs;

  IrqLine irq_;
  TimerQueue& clock_;
  Timer alarm_;
  State s_;
};

constexpr std::array<Reg<Blinker>, 3> Blinker::kRegs{{
    {{0x00, "MASK"},   Op::get<&State::mask>,  Op::set_masked<&State::mask, 1>},
    {{0x04, "DELAY"},  nullptr,                Op::set<&Blinker::set_delay>},
    {{0x08, "STATUS"}, Op::get<&Blinker::due>, nullptr},
}};
std::span<const Reg<Blinker>> Blinker::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}
void Blinker::sync() {
  const u64 deadline = due() ? kNever : s_.due_ns;
  if (alarm_.deadline() != deadline) alarm_.arm(deadline);
  irq_.set(due() && s_.mask != 0);
}
// clang-format on

Blinker::Blinker(std::string_view name, IrqLine irq, TimerQueue& clock)
    : RegMapDevice(name),
      irq_(std::move(irq)),
      clock_(clock),
      alarm_(clock, std::string(name) + "/alarm", &Bind<&Blinker::sync>::call, this) {
  reset();
}

}  // namespace
}  // namespace quince::hw

namespace quince::test {
namespace {

TEST(Recipe, TheDeviceRingsWhenItIsDue) {
  hw::TimerQueue clock;
  Pin pin;
  hw::Blinker blinker("blinker", pin.wire(), clock);
  EXPECT_EQ(blinker.write(0x00, {}, 1), hw::Bus::Ok);
  EXPECT_EQ(blinker.write(0x04, {}, 5), hw::Bus::Ok);
  clock.advance_to(5 * hw::kMicrosecond - 1);
  EXPECT_FALSE(pin.high);
  clock.advance_to(5 * hw::kMicrosecond);
  EXPECT_TRUE(pin.high);
  u64 status = 0;
  EXPECT_EQ(blinker.read(0x08, {}, status), hw::Bus::Ok);
  EXPECT_EQ(status, 1u);
  EXPECT_EQ(blinker.read(0x04, {}, status), hw::Bus::WriteOnly);
}

TEST(Recipe, TheDeviceHoldsUnderTheHarness) {
  FuzzOptions options;
  options.accesses = 20'000;
  const auto report = fuzz_device(
      {"blinker",
       [](FuzzBench& b) {
         b.window(b.unit<hw::Blinker>("blinker", b.wire(0), b.timers()), 0x1000);
       }},
      options);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->untouched, std::vector<std::string>{});
}

std::string trimmed(const std::string& line) {
  const std::size_t from = line.find_first_not_of(' ');
  return from == std::string::npos ? "" : line.substr(from);
}

TEST(Recipe, ThePageShowsThisCode) {
  const std::filesystem::path root = QUINCE_SOURCE_DIR;
  std::set<std::string> here;
  std::ifstream source(root / "tests/golden/recipe_test.cpp");
  for (std::string line; std::getline(source, line);) here.insert(trimmed(line));
  std::ifstream page(root / "docs/adding-a-device.md");
  unsigned shown = 0;
  std::string line;
  while (std::getline(page, line) && !line.starts_with("**Rules.**"))
    if (line.starts_with("    ")) {
      EXPECT_TRUE(here.contains(trimmed(line))) << line;
      ++shown;
    }
  EXPECT_GT(shown, 30u);
}

}  // namespace
}  // namespace quince::test
